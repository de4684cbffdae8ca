//! Inter-process communication on Linux: every mechanism of the kernel, on raw system calls,
//! and rings and locks in shared memory that survive `kill -9` of any peer at any instruction
//! and do not trust what a peer wrote. No libc, no allocator, no hidden threads, no global
//! state but the cached address of the clock's function.
//!
//! ```toml
//! [dependencies]
//! rawipc = { version = "0.1", features = ["std"] }
//! ```
//!
//! A ring, here within one process; handed to a child it is the first example of the README:
//!
//! ```
//! use rawipc::ring::spsc::Ring;
//!
//! let ring: Ring = Ring::create(1 << 16)?;
//! ring.producer()?.send(b"hello")?;
//! let mut buffer = [0; 64];
//! let len = ring.consumer()?.recv(&mut buffer)?;
//! assert_eq!(&buffer[..len], b"hello");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! [`guide::choosing`] compares the mechanisms, [`guide::porting`] has the names of C, Python and
//! other crates, [`guide::programs`] is for static programs, runtimes and services,
//! [`guide::fuzzing`] for fuzzers and tracers, [`guide::services`] for tokio and mio.
//!
//! # The map
//!
//! | purpose | module |
//! |---|---|
//! | move data | [`pipe`], [`socket`], [`sysv::message`], [`posix::message`], [`process::memory`], [`ring::spsc`], [`ring::mpsc`], [`ring::doorbell`], [`ring::pool`], [`ring::latest`], [`ring::mpmc`], [`ring::call`], [`ring::broadcast`], [`ring::broadcast::loans`] |
//! | share data | [`memory`], [`sysv::memory`], [`posix::memory`] |
//! | notify of an event | [`event`], [`signal`], [`sync::Condvar`], [`sync::AutoResetEvent`], [`sync::Barrier`], [`sync::Latch`], [`sync::WaitGroup`], [`sync::futex`] |
//! | share a resource | [`sysv::semaphore`], [`posix::semaphore`], [`lock`], [`sync`], [`members`] |
//! | control a process | [`process`], [`trace`], [`seccomp`] |
//! | meet | [`rendezvous`] |
//! | begin without libc | `start`, `thread` (feature `start`) |
//! | explain a refusal | [`limits`], [`errno`] |
//! | look at what others share | [`inspect`] |
//!
//! # One vocabulary
//!
//! A function's plain name blocks; `try_` returns at once; `_until` takes a
//! [`Deadline`]. Kernel errors are returned as [`Errno`]; an own error type says
//! that something is given back or that the peer is at fault. Descriptors are
//! closed on exec and files are private to the user (mode 0600) unless asked
//! otherwise.
//!
//! # Not now, and too late
//!
//! - A **`try_`** function that would have to wait returns [`Errno::AGAIN`], whatever the
//!   kernel calls it there.
//! - A function **with a deadline** that passes returns [`Errno::TIMEDOUT`].
//! - Errors that say more hold these numbers: [`RecvError::Refused`](socket::RecvError::Refused),
//!   [`Short::error`].
//! - [`ring`]s say the same by their own [`Error`](ring::Error), which has a variant for
//!   each: `WouldBlock` and `TimedOut`.
//! - `Ok(None)`, `Ok(0)` and an empty list are answers: the end of a stream, nobody there.
//!   They never mean "not now".
//!
//! # Interruptions
//!
//! - A **plain** function of a thin mechanism ([`pipe`], [`signal`], [`socket`], [`event`],
//!   [`lock`], [`process`], [`seccomp`], [`trace`], [`sysv`], [`posix`], [`sync::futex`])
//!   returns [`Errno::INTR`] when it was interrupted while it waited, and nothing has
//!   happened. Mostly it is a signal handler that ran, one installed without
//!   [`RESTART`](signal::action::ActionFlags::RESTART) where the kernel heeds that. It need
//!   not be: some calls of the kernel end so when the process was stopped and continued,
//!   traced, or suspended with the system. So look for what the handler has left, and else
//!   call again.
//! - A function **with a deadline** goes on by itself until that. With [`Deadline::Never`]
//!   it is the plain function, and returns [`Errno::INTR`] as that does.
//! - Those that take a **mask** of signals to be let through while they wait
//!   ([`event::poll::wait_masked`], [`event::poller::Poller::wait_masked`]) are there to be
//!   interrupted, and return [`Errno::INTR`] whatever the deadline.
//! - A **`try_`** function never returns [`Errno::INTR`].
//! - What moves **all of a message**, [`ring`], [`rendezvous`], and what of [`sync`] is made of
//!   futexes go on until their deadline, with or without one.
//!
//! # Features
//!
//! None by default, and none is needed.
//!
//! | feature | adds |
//! |---|---|
//! | `std` | [`Errno`] as `std::error::Error`, `ErrorContext`, `std::io::Read`, `Write` and `Seek`, conversions to and from std's descriptors and errors, `adapters::command` |
//! | `errno-text` | names and texts in [`errno`] |
//! | `embedded-io` | `adapters::embedded_io`: the streams of `embedded-io`, of pipes, stream sockets and byte views of rings |
//! | `start` | `rawipc::start` and `rawipc::thread`: programs without `std` and libc |
//! | `lock_api` | `adapters::lock_api`: raw locks for `lock_api::Mutex` and `lock_api::RwLock` |
//!
//! The crate does not build if some other one switches rustix to libc by its feature `use-libc`,
//! which features' unification makes everybody's: system calls would write `errno`, in signal
//! handlers and in children that share their parent's memory. `cargo tree -e features -i rustix`
//! says which crate it is.
//!
//! # Kernels, machines, versions
//!
//! Linux on x86_64, aarch64 and riscv64; all tests run on x86_64, last on Linux 6.18. A
//! function that needs a recent kernel says so. Rust 1.88 or newer.
//!
//! The crate follows semantic versioning. Types of rustix 1 ([`Errno`], [`Pid`], [`Signal`],
//! [`Mode`], [`Timespec`], descriptors) and traits of [`zerocopy`] 0.8 are part of its interface:
//! another major version of either is another major version of this crate.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(dead_code, reason = "what the structures stand on comes before them")]

#[cfg(feature = "std")]
extern crate std;

// Which may use which is ORDER in tests/house/layering.rs.
pub mod adapters;
mod arch;
pub mod errno;
pub mod event;
mod guard;
pub mod guide;
pub mod inspect;
pub mod limits;
pub mod lock;
pub mod members;
pub mod memory;
pub mod pipe;
pub mod posix;
mod primitive;
pub mod process;
mod procfs;
mod region;
pub mod rendezvous;
pub mod ring;
pub mod seccomp;
pub mod signal;
pub mod socket;
#[cfg(feature = "start")]
#[cfg_attr(docsrs, doc(cfg(feature = "start")))]
pub mod start;
pub mod sync;
mod sys;
pub mod sysv;
#[cfg(feature = "start")]
#[cfg_attr(docsrs, doc(cfg(feature = "start")))]
pub mod thread;
pub mod trace;
mod wait;

#[cfg(feature = "std")]
pub use adapters::ErrorContext;
/// Descriptors, owned, borrowed and as numbers. With feature `std` these are the types and
/// traits of `std::os::fd`; without it they are the same by another name.
#[doc(inline)]
pub use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
/// Permission bits of a file or another object with a mode: `chmod(2)`. What this crate creates has
/// `0o600` unless asked otherwise.
///
/// ```
/// use rawipc::Mode;
/// use rawipc::sysv::{Create, Key, semaphore};
///
/// let for_the_group = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP;
/// assert_eq!(for_the_group, Mode::from_raw_mode(0o660));
/// let set = semaphore::create(Key::PRIVATE, 1, Create::NEW.mode(for_the_group))?;
/// # set.remove()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(inline)]
pub use rustix::fs::Mode;
/// The kernel's reason for refusing a call: a number with a name. Each function's `# Errors`
/// names those that a program acts on. With feature `std` it is a `std::error::Error` and
/// becomes a `std::io::Error`.
///
/// ```
/// use rawipc::Errno;
/// use rawipc::posix::{Name, semaphore};
///
/// match semaphore::open(&Name::new("/no-such-semaphore")?) {
///     Err(Errno::NOENT) => println!("there is none"),
///     Err(errno) => return Err(errno.into()),
///     Ok(_) => println!("somebody has created it"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(inline)]
pub use rustix::io::Errno;
/// A buffer of a vectored read or write. With feature `std` these are
/// those of `std::io`.
#[doc(inline)]
pub use rustix::io::{IoSlice, IoSliceMut};
/// A path argument: a `&str`, a `&CStr`, with feature `std` a `&Path`, and more. A name
/// with a zero byte in it is refused with [`Errno::INVAL`].
#[doc(inline)]
pub use rustix::path::Arg;
/// The number of a process or thread; never zero. It may mean another process once this one
/// has been waited for: a [`Pidfd`](process::Pidfd) never does.
///
/// ```
/// use rawipc::{Pid, process};
///
/// let own = process::id();
/// assert_eq!(Pid::from_raw(own.as_raw_pid()), Some(own));
/// assert_eq!(Pid::from_raw(0), None);
/// ```
#[doc(inline)]
pub use rustix::process::Pid;
/// A signal, by its name: `signal(7)`. Those for real-time use are made by
/// [`signal::real_time`], where it says which numbers a C library keeps for itself.
///
/// ```
/// use rawipc::{Signal, signal};
///
/// signal::block(Signal::USR1)?;
/// signal::raise(Signal::USR1)?;
/// let info = signal::wait(Signal::USR1)?; // takes it from those that are pending
/// assert_eq!(info.signal(), Some(Signal::USR1));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(inline)]
pub use rustix::process::Signal;
/// A time or a duration in seconds and nanoseconds, as the kernel gives it: `timespec(3type)`. Calls
/// that wait take a [`Deadline`] instead.
///
/// ```
/// use core::time::Duration;
/// use rawipc::Timespec;
///
/// let time = Timespec { tv_sec: 1, tv_nsec: 500_000_000 };
/// assert_eq!(Duration::try_from(time)?, Duration::from_millis(1500));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(inline)]
pub use rustix::thread::Timespec;
pub use wait::deadline::Deadline;
pub use wait::short::Short;
pub use zerocopy;

// rustix' own system calls return errors of two bytes, and those that it makes by libc an `int`.
#[cfg(not(miri))]
const _: () = assert!(
    size_of::<Errno>() == 2,
    "a crate switches rustix to libc (feature `use-libc`), which rawipc must not be on: \
     `cargo tree -e features -i rustix` says which"
);

/// The result of a system call: a value or an [`Errno`].
pub type Result<T, E = Errno> = core::result::Result<T, E>;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
