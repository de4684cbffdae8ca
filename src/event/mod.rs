//! Events that are descriptors.

pub mod eventfd;
