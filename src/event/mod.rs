//! Events that are descriptors.
