//! Comparing the kernel resources of two processes: `kcmp(2)`.
//!
//! [`Ordering::Equal`] says that they do: one address space, one table of descriptors, one
//! open file description. The other two results order what is different, the same way in
//! each comparison until the next boot, so that many can be sorted. The order means
//! nothing else.
//!
//! The caller must have the right to look at both processes: as
//! [for their memory](super::memory#whose-memory), except that Yama has nothing against
//! it. What running processes share may have changed when the answer comes.
//!
//! The number of a process means its first thread here, as any other number the thread
//! that has it. A thread that has ended has nothing, even if its process goes on: who
//! compares what is its own asks with [`thread_id`](super::thread_id).
//!
//! A kernel can be built without it: [`Errno::NOSYS`].
//!
//! # Examples
//!
//! ```
//! use core::cmp::Ordering;
//! use rawipc::process::compare::{self, SharedResource};
//! use rawipc::{AsRawFd, Errno, pipe::{self, PipeFlags}};
//!
//! let own = rustix::process::getpid();
//! let (reader, writer) = pipe::create(PipeFlags::empty())?;
//! let again = rustix::io::dup(&reader)?;
//! let same = |one: i32, other: i32| compare::descriptors((own, one), (own, other));
//!
//! match same(reader.as_raw_fd(), again.as_raw_fd()) {
//!     Err(Errno::NOSYS) => println!("this kernel does not compare"),
//!     answer => assert_eq!(answer, Ok(Ordering::Equal)),
//! }
//! if let Ok(order) = same(reader.as_raw_fd(), writer.as_raw_fd()) {
//!     assert_ne!(order, Ordering::Equal);
//!     assert_eq!(same(writer.as_raw_fd(), reader.as_raw_fd()), Ok(order.reverse()));
//!     assert_eq!(compare::resource(own, own, SharedResource::Memory), Ok(Ordering::Equal));
//! }
//! # Ok::<(), rawipc::Errno>(())
//! ```
#![forbid(unsafe_code)]

use core::cmp::Ordering;

use crate::sys::remote::{EpollSlot, Kcmp, kcmp};
use crate::{Errno, Pid, RawFd, Result};

/// A resource that two processes or threads may share as a whole: see `clone(2)`.
///
/// # Examples
///
/// ```
/// use core::cmp::Ordering;
/// use rawipc::Errno;
/// use rawipc::process::{self, compare::{self, SharedResource}};
///
/// // Threads of one process share their memory.
/// let (main, memory) = (process::thread_id(), SharedResource::Memory);
/// let order = std::thread::spawn(move || compare::resource(main, process::thread_id(), memory));
/// match order.join().unwrap() {
///     Err(Errno::NOSYS) => println!("this kernel does not compare"),
///     order => assert_eq!(order?, Ordering::Equal),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedResource {
    /// The address space: `CLONE_VM`.
    #[doc(alias = "KCMP_VM")]
    Memory,
    /// The table of descriptors: `CLONE_FILES`.
    #[doc(alias = "KCMP_FILES")]
    Descriptors,
    /// Root and working directory, and the mask for new files: `CLONE_FS`.
    #[doc(alias = "KCMP_FS")]
    FileSystem,
    /// The signal actions: `CLONE_SIGHAND`.
    #[doc(alias = "KCMP_SIGHAND")]
    SignalActions,
    /// The context of input and output: `CLONE_IO`. Two processes that never had one are equal.
    #[doc(alias = "KCMP_IO")]
    IoContext,
    /// The System V semaphore undo list: `CLONE_SYSVSEM`. Two processes that never had one are
    /// equal.
    #[doc(alias = "KCMP_SYSVSEM")]
    SemaphoreUndo,
}

/// A file watched by an epoll instance of another process.
///
/// # Examples
///
/// ```
/// use core::cmp::Ordering;
/// use rawipc::event::eventfd::{self, EventFdFlags};
/// use rawipc::event::poller::{self, Interest, PollerFlags};
/// use rawipc::process::{self, compare::{self, Watched}};
/// use rawipc::{AsRawFd, Errno};
///
/// let counter = eventfd::create(0, EventFdFlags::empty())?;
/// let poller = poller::create(PollerFlags::empty())?;
/// poller.add(&counter, 0, Interest::IN)?;
///
/// let own = process::id();
/// let number = counter.as_raw_fd();
/// let watched = Watched { epoll: poller.as_raw_fd(), number, nth: 0 };
/// match compare::watched((own, number), (own, watched)) {
///     Err(Errno::NOSYS) => println!("this kernel does not compare"),
///     order => assert_eq!(order?, Ordering::Equal),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watched {
    /// The descriptor of the epoll instance.
    pub epoll: RawFd,
    /// The number under which the file was added to it.
    pub number: RawFd,
    /// The index, from 0, among several files that were added under this number, which was
    /// closed and reused in between.
    pub nth: u32,
}

/// Compares a resource of two processes: `kcmp(2)`.
///
/// Two processes that have ended and not been waited for are equal: they have nothing.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process. [`Errno::PERM`]: one of them is not to be looked at.
/// [`Errno::NOSYS`]: the kernel was built without it. [`Errno::OPNOTSUPP`]: they are
/// different, and the kernel does not tell in which order; no kernel yet says that.
#[doc(alias = "kcmp")]
pub fn resource(first: Pid, second: Pid, what: SharedResource) -> Result<Ordering> {
    let what = match what {
        SharedResource::Memory => Kcmp::Vm,
        SharedResource::Descriptors => Kcmp::Files,
        SharedResource::FileSystem => Kcmp::Fs,
        SharedResource::SignalActions => Kcmp::Sighand,
        SharedResource::IoContext => Kcmp::Io,
        SharedResource::SemaphoreUndo => Kcmp::Sysvsem,
    };
    order(kcmp(first, second, what)?)
}

/// Compares the open file descriptions behind two descriptors, each given by its process
/// and its number there: `kcmp(2)` with `KCMP_FILE`.
///
/// Equal are those that came from one `open(2)` by `dup(2)`, by `fork(2)` or in a
/// message; not those that only are of the same file.
///
/// # Errors
///
/// Those of [`resource`], and [`Errno::BADF`]: a process has no such descriptor, or has ended.
#[doc(alias = "KCMP_FILE")]
pub fn descriptors(first: (Pid, RawFd), second: (Pid, RawFd)) -> Result<Ordering> {
    order(kcmp(first.0, second.0, Kcmp::File(first.1, second.1))?)
}

/// Compares the open file description behind a descriptor to one that an epoll instance
/// of another process, or of the same, watches: `kcmp(2)` with `KCMP_EPOLL_TFD`.
///
/// # Errors
///
/// Those of [`resource`], and [`Errno::BADF`]: a process has no such descriptor, or has ended.
/// [`Errno::NOENT`]: the instance does not watch that. [`Errno::INVAL`]: what should be
/// one is no epoll instance, or the kernel was built without it, or before Linux 4.13.
#[doc(alias = "KCMP_EPOLL_TFD")]
pub fn watched(first: (Pid, RawFd), second: (Pid, Watched)) -> Result<Ordering> {
    let (pid, target) = second;
    let negative = |_| Errno::BADF;
    let slot = EpollSlot {
        efd: u32::try_from(target.epoll).map_err(negative)?,
        tfd: u32::try_from(target.number).map_err(negative)?,
        toff: target.nth,
    };
    order(kcmp(first.0, pid, Kcmp::EpollTfd(first.1, slot))?)
}

fn order(answer: usize) -> Result<Ordering> {
    match answer {
        0 => Ok(Ordering::Equal),
        1 => Ok(Ordering::Less),
        2 => Ok(Ordering::Greater),
        _ => Err(Errno::OPNOTSUPP),
    }
}
