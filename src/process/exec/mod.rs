//! Replacing this process's program by another: `execve(2)`, `execveat(2)`.
//!
//! A successful call does not return, so that what returns is an [`Errno`](crate::Errno). The
//! process keeps its number, its parent, its working directory, its blocked and
//! its ignored signals; it loses its memory, its handlers, its other threads and
//! every descriptor that is close-on-exec, as all are that this crate makes. A
//! Rust program with std ignores `SIGPIPE`, and so does what it executes unless it
//! resets it.
//!
//! Arguments and environment are lists of C strings that end with a null pointer.
//! [`List`] is one with storage of its own, and [`Strings`] a reference to any.

mod list;
mod program;
mod strings;

pub use list::{Full, List};
pub use program::{at, descriptor, path};
pub use strings::{Iter, StringRef, Strings};
