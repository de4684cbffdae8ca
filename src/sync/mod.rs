//! Synchronization on words of memory that processes may share.

pub mod futex;
mod semaphore;

pub use semaphore::{PostError, Semaphore};
