//! Synchronization on words of memory that processes may share.

pub mod futex;
pub(crate) mod glibc_semaphore;
pub(crate) mod owner;
mod semaphore;
pub(crate) mod wake;

pub use semaphore::{PostError, Semaphore};
