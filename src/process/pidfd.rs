//! A process named by a descriptor instead of a number: `pidfd_open(2)`.
#![forbid(unsafe_code)]

use linux_raw_sys::general::O_EXCL;
use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open, pidfd_send_signal};

use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Pid, RawFd, Result, Signal, sys};

/// A descriptor of a process: whatever becomes of the number, it never means another process.
///
/// It is readable for `poll(2)` and `epoll(7)` once the process has ended, and can
/// be passed to another process over a socket.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Command, WaitFlags, exec};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).spawn()?;
/// child.pidfd.wait_exit()?;
/// assert_eq!(child.pidfd.has_exited(), Ok(true));
/// assert!(process::wait(&child.pidfd, WaitFlags::EXITED)?.state.is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

/// Opens a descriptor of the process with the number `pid`: `pidfd_open(2)`. Close-on-exec.
///
/// A number can have been given to another process before this call, unless it is
/// that of a child of the caller which has not been waited for, or the caller's
/// own.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, or it has ended and been waited for.
/// [`Errno::NOENT`], and before Linux 6.16 [`Errno::INVAL`]: the number of a thread that
/// is not its process's first.
/// [`Errno::MFILE`] or [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State, WaitFlags, pidfd};
/// use rawipc::Signal;
///
/// // SAFETY: the child only exits, should it get so far.
/// match unsafe { process::fork()? } {
///     Fork::Child => loop { core::hint::spin_loop() },
///     Fork::Parent(child) => {
///         let child = pidfd::open(child)?;
///         assert!(!child.has_exited()?);
///         child.send_signal(Signal::KILL)?;
///         let change = process::wait(&child, WaitFlags::EXITED)?;
///         assert_eq!(change.state, State::Signalled { signal: Signal::KILL, core: false });
///         assert!(child.has_exited()?);
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "pidfd_open")]
pub fn open(pid: Pid) -> Result<Pidfd> {
    opened(pid, PidfdFlags::empty())
}

/// Opens a descriptor of the thread with the number `tid`, of any process: `pidfd_open(2)` with
/// `PIDFD_THREAD`. Close-on-exec. Linux 6.9.
///
/// It is readable once that thread has ended, whether or not its process goes on.
/// Signals that are sent with it are for that thread, and [`info`](Pidfd::info) is about
/// it. Threads are not waited for.
///
/// When a thread that is not its process's first executes a program, all the others
/// end, and the one that is left has the number of the first: descriptors of both
/// mean it from then on.
///
/// # Errors
///
/// Those of [`open`], and [`Errno::INVAL`]: before Linux 6.9.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "std")] {
/// use rawipc::Errno;
/// use rawipc::process::pidfd;
///
/// let thread = std::thread::spawn(|| pidfd::open_thread(rustix::thread::gettid()));
/// match thread.join().unwrap() {
///     Ok(ended) => ended.wait_exit().unwrap(),
///     Err(errno) => assert_eq!(errno, Errno::INVAL), // before Linux 6.9
/// }
/// # }
/// ```
#[doc(alias = "PIDFD_THREAD")]
pub fn open_thread(tid: Pid) -> Result<Pidfd> {
    opened(tid, PidfdFlags::from_bits_retain(O_EXCL))
}

fn opened(pid: Pid, flags: PidfdFlags) -> Result<Pidfd> {
    sys::pid::number(pid)?;
    pidfd_open(pid, flags).map(Pidfd)
}

impl Pidfd {
    /// Makes [`wait`](super::wait()) on this descriptor fail with [`Errno::AGAIN`] instead of
    /// blocking, or block again: `fcntl(2)` with `O_NONBLOCK`. Linux 5.10.
    ///
    /// Everybody who has the same open file description is affected;
    /// [`try_wait`](super::try_wait) does the same for itself.
    ///
    /// # Errors
    ///
    /// None but of sandboxes.
    #[doc(alias = "PIDFD_NONBLOCK")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        let mut flags = fcntl_getfl(&self.0)?;
        flags.set(OFlags::NONBLOCK, nonblocking);
        fcntl_setfl(&self.0, flags)
    }

    /// Sends `signal` to the process: `pidfd_send_signal(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::SRCH`]: it has ended and been waited for. (A zombie takes every
    /// signal and none has an effect.) [`Errno::PERM`]: it is another user's.
    #[doc(alias = "pidfd_send_signal")]
    #[doc(alias = "kill")]
    pub fn send_signal(&self, signal: Signal) -> Result<()> {
        pidfd_send_signal(&self.0, signal)
    }

    /// Blocks until the process has terminated with all its threads: `poll(2)`.
    ///
    /// It need not be a child of the caller. A child is not reaped: that is what
    /// [`wait`](super::wait()) does.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    pub fn wait_exit(&self) -> Result<()> {
        ready::wait(self.0.as_fd(), PollFlags::IN, Deadline::Never)
    }

    /// Returns whether the process has terminated with all its threads: `poll(2)`.
    ///
    /// # Errors
    ///
    /// None that a program acts on.
    pub fn has_exited(&self) -> Result<bool> {
        match ready::check(self.0.as_fd(), PollFlags::IN) {
            Ok(()) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Like [`wait_exit`](Self::wait_exit), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed first.
    pub fn wait_exit_until(&self, deadline: Deadline) -> Result<()> {
        ready::wait(self.0.as_fd(), PollFlags::IN, deadline)
    }

    /// Duplicates the descriptor `number` of the process into this one: `pidfd_getfd(2)`.
    /// Close-on-exec.
    ///
    /// As if the process had passed it over a socket, without its help: both refer to one
    /// open file description, with its position and its flags, which stays open when the
    /// process ends.
    ///
    /// The kernel asks the process's first thread, and no other. Once that has ended, this
    /// cannot work, though the other threads go on and have the descriptors open.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: the process has nothing open under that number. [`Errno::SRCH`]:
    /// it has ended, reaped or not, or its first thread has (before Linux 6.8 this is
    /// [`Errno::BADF`] unless the process was reaped). [`Errno::PERM`]: the caller has not the right to
    /// trace it, as [for its memory](super::memory#whose-memory). [`Errno::MFILE`] or
    /// [`Errno::NFILE`]: this process, or the system, has no descriptor left.
    /// [`Errno::NOSYS`]: before Linux 5.6.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags, Reader};
    /// use rawipc::process::pidfd;
    /// use rawipc::AsRawFd;
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// let own = pidfd::open(rustix::process::getpid())?;
    /// let copy = own.get_fd(reader.as_raw_fd())?;
    /// drop(reader);
    /// writer.write(b"still read")?;
    /// let mut buffer = [0; 16];
    /// assert_eq!(Reader::from(copy).read(&mut buffer)?, 10);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "pidfd_getfd")]
    pub fn get_fd(&self, number: RawFd) -> Result<OwnedFd> {
        // Which rustix takes for a mistake.
        if number < 0 {
            return Err(Errno::BADF);
        }
        pidfd_getfd(&self.0, number, PidfdGetfdFlags::empty())
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Pidfd);

impl From<Pidfd> for OwnedFd {
    fn from(pidfd: Pidfd) -> Self {
        pidfd.0
    }
}

/// Takes a descriptor that came from elsewhere (`SCM_PIDFD`, `SO_PEERPIDFD`). Of
/// one that is no pidfd the calls say [`Errno::BADF`].
impl From<OwnedFd> for Pidfd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
