//! Every Linux inter-process communication mechanism, straight on system calls:
//! no libc, no allocator, no hidden threads, no global state. On top of them
//! rings and synchronisation in shared memory that survive `kill -9` of any peer
//! at any instruction and do not trust what a peer wrote.
//!
//! # The map
//!
//! | purpose | module |
//! |---|---|
//! | move data | [`pipe`], [`socket`], [`sysv::message`], [`posix::message`], [`process::memory`], [`ring`] |
//! | share data | [`memory`], [`sysv::memory`], [`posix::memory`] |
//! | notify of an event | [`event`], [`signal`], [`sync::futex`] |
//! | share a resource | [`sysv::semaphore`], [`posix::semaphore`], [`lock`], [`sync`] |
//! | control a process | [`process`], [`trace`], [`seccomp`] |
//! | explain a refusal | [`limits`] |
//!
//! # One vocabulary
//!
//! A function's plain name blocks; `try_` returns at once; `_until` takes a
//! [`Deadline`]. What the kernel refuses is an [`Errno`]; an own error type says
//! that something is given back or that the peer is at fault. Descriptors are
//! closed on exec and files are private to the user (mode 0600) unless asked
//! otherwise.
//!
//! The thin mechanisms ([`pipe`], [`signal`], [`socket`], [`event`], [`lock`], [`process`],
//! [`seccomp`], [`trace`], [`sysv`], [`posix`]) return
//! [`Errno::INTR`] when a signal handler ran; [`sync`] and [`ring`] go on until
//! their deadline.
//!
//! # Features
//!
//! None by default, and none is needed. `std` adds `std::error::Error`,
//! `std::io::Read` and `Write`, and conversions to and from std's descriptors.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "std")]
extern crate std;

mod arch;
mod child;
mod maker;
mod mapping;
mod ready;
mod siginfo;
mod signo;
mod sigset;
mod sys;
mod time;
mod whole;

pub mod event;
pub mod limits;
pub mod lock;
pub mod memory;
pub mod pipe;
pub mod posix;
pub mod process;
pub mod ring;
pub mod seccomp;
pub mod signal;
pub mod socket;
pub mod sync;
pub mod sysv;
pub mod trace;

#[cfg(feature = "std")]
#[path = "std/mod.rs"]
mod with_std;

pub use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
pub use rustix::fs::Mode;
pub use rustix::io::{Errno, IoSlice, IoSliceMut};
pub use rustix::path::Arg;
pub use rustix::process::{Pid, Signal};
pub use rustix::thread::Timespec;
pub use time::Deadline;
pub use whole::Short;
pub use zerocopy;

/// What a call of a kernel mechanism returns: a value, or the kernel's refusal.
pub type Result<T, E = Errno> = core::result::Result<T, E>;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
