//! Synchronization on words of memory that processes may share.

pub mod futex;
pub(crate) mod seam;
mod semaphore;

pub use semaphore::{PostError, Semaphore};
