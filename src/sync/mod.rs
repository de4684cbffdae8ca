//! Synchronisation on words of shared memory.
