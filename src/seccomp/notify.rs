//! Answering other threads' system calls: `seccomp_unotify(2)`.
//!
//! A thread under a filter that says [`Action::Notify`](super::Action::Notify) waits
//! inside the call until who has the filter's [`Listener`] answers: with a
//! [result](Listener::respond), an [error](Listener::refuse), a
//! [descriptor](Listener::respond_with_descriptor), or by letting it
//! [go on](Listener::proceed).
//!
//! | | then |
//! |---|---|
//! | the caller dies, or a signal handler interrupts its call | what is answered is [`Error::Gone`]; a call that is begun again comes as another notification |
//! | all threads under the filter have ended | receiving is [`Error::Gone`] |
//! | the last process that has the listener dies | calls that wait, and all later ones, fail with `ENOSYS` |
//!
//! What the arguments of a call point to is read from the caller's memory. It may be
//! another process by then, or have gone on: [`Listener::is_waiting`] is asked *after*
//! it was read, and before what was read is used. Even then the caller's other threads
//! may be changing it.
//!
//! # Examples
//!
//! ```
//! use rawipc::process::{self, Fork, State, WaitFlags};
//! use rawipc::seccomp::notify::{Error, Listener};
//! use rawipc::seccomp::{self, Action, Filter, InstallFlags};
//! use rawipc::socket::message::{Incoming, Outgoing};
//! use rawipc::socket::seqpacket;
//! use rawipc::{AsFd, IoSlice, IoSliceMut, Result};
//! # #[cfg(target_arch = "x86_64")]
//! const GETPRIORITY: u32 = 140; // on x86_64
//! # #[cfg(not(target_arch = "x86_64"))]
//! # const GETPRIORITY: u32 = 141;
//!
//! let (ours, theirs) = seqpacket::pair()?;
//! let under_filter = move || -> Result<i32> {
//!     let mut filter = Filter::<16>::new(Action::Allow);
//!     let _room = filter.call(GETPRIORITY, Action::Notify);
//!     seccomp::set_no_new_privs()?;
//!     // SAFETY: nothing depends on the priority.
//!     let listener = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty())? };
//!     let descriptors = [listener.as_fd()];
//!     theirs.send_message(&[IoSlice::new(b"x")], &Outgoing::new().descriptors(&descriptors))?;
//!     drop(listener);
//!     rustix::process::getpriority_process(None)
//! };
//! // SAFETY: the child only uses this crate and exits.
//! let Fork::Parent(child) = (unsafe { process::fork()? }) else {
//!     process::exit(i32::from(under_filter() != Ok(7)))
//! };
//!
//! let mut incoming = Incoming::<1>::new();
//! ours.recv_message(&mut [IoSliceMut::new(&mut [0])], &mut incoming)?;
//! let listener = Listener::from(incoming.descriptors().next().unwrap());
//! let notification = listener.receive()?;
//! assert_eq!(notification.thread, Some(child));
//! assert_eq!(notification.call.number, GETPRIORITY);
//! listener.respond(notification.cookie, 20 - 7)?; // the kernel's way to say 7
//!
//! assert_eq!(process::wait(child, WaitFlags::EXITED)?.state, State::Exited(0));
//! assert_eq!(listener.receive(), Err(Error::Gone));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;

use linux_raw_sys::general::O_CLOEXEC;
use linux_raw_sys::ptrace as raw;
use rustix::event::PollFlags;

use crate::sys::seccomp::{
    Call, NotifAddFd, NotifResp, notif_addfd, notif_id_valid, notif_recv, notif_send,
    notif_set_flags,
};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{AsFd, AsRawFd, BorrowedFd, Deadline, Errno, OwnedFd, Pid, RawFd, Result};

/// A descriptor that receives and answers the calls of filtered threads.
///
/// It is readable for `poll(2)` and `epoll(7)` while a call waits that nobody has
/// received, and hung up when no thread is under the filter any more. It can be passed
/// to another process over a socket.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A system call that waits for an answer: `struct seccomp_notif`.
#[doc(alias = "seccomp_notif")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    /// The cookie for the answer.
    pub cookie: Cookie,
    /// The calling thread, in the receiver's PID namespace; `None` if it is not in it.
    ///
    /// The number can have another thread's meaning by the time it is used:
    /// [`Listener::is_waiting`].
    pub thread: Option<Pid>,
    /// The system call.
    pub call: Call,
}

/// Identifies a waiting call, uniquely for a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cookie(u64);

impl Cookie {
    /// Returns the kernel's number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Creates the cookie with this number, which came from another process with the listener.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// An error of a seccomp [`Listener`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Answering: nobody waits for it, as the thread has died, a signal handler has interrupted
    /// its call, or there never was such a call. Receiving: no thread is under the filter any
    /// more.
    Gone,
    /// The kernel's error.
    Errno(Errno),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Gone,
            errno => Self::Errno(errno),
        }
    }
}

/// [`Errno::NOENT`] of [`Error::Gone`], as the kernel says.
impl From<Error> for Errno {
    fn from(error: Error) -> Self {
        match error {
            Error::Gone => Self::NOENT,
            Error::Errno(errno) => errno,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("nobody waits for an answer"),
            Self::Errno(errno) => errno.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

bitflags::bitflags! {
    /// Options of adding a descriptor to another process.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AddFlags: u32 {
        /// Keeps the descriptor open in programs that the process executes.
        #[doc(alias = "newfd_flags")]
        const INHERITED = O_CLOEXEC;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// Options of a listener.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ListenerFlags: u64 {
        /// Wakes caller and listener synchronously, each on the processor of the other. Faster
        /// where one call is answered at a time.
        #[doc(alias = "SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP")]
        const SYNC_WAKE_UP = raw::SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP as u64;

        const _ = !0;
    }
}

impl Listener {
    /// Blocks until there is a call, and takes it: `SECCOMP_IOCTL_NOTIF_RECV` of
    /// `seccomp_unotify(2)`.
    ///
    /// Of several who wait, one gets it. If that one dies before it answers, the call
    /// waits until the listener is closed by all, and nobody is told.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]: all threads under the filter have ended; before Linux 5.8 this
    /// waits on. [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::NOTTY`],
    /// [`Errno::INVAL`]: the descriptor came from elsewhere and is none of a listener.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_RECV")]
    pub fn receive(&self) -> Result<Notification, Error> {
        self.receive_with(Blocking)
    }

    /// Like [`receive`](Self::receive), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// It looks for a call and then takes it: if another takes it in between, this blocks.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive), and [`Errno::AGAIN`]: there is none.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_RECV")]
    pub fn try_receive(&self) -> Result<Notification, Error> {
        self.receive_with(Try)
    }

    /// Like [`receive`](Self::receive), but gives up at `deadline` with [`Errno::TIMEDOUT`];
    /// with the exception of [`try_receive`](Self::try_receive).
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive), and [`Errno::TIMEDOUT`]: the deadline passed.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_RECV")]
    pub fn receive_until(&self, deadline: Deadline) -> Result<Notification, Error> {
        self.receive_with(Until(deadline))
    }

    fn receive_with(&self, patience: Patience) -> Result<Notification, Error> {
        let (deadline, late) = match patience {
            Blocking => (Deadline::Never, Errno::TIMEDOUT),
            Try => (Deadline::NOW, Errno::AGAIN),
            Until(deadline) => (deadline, Errno::TIMEDOUT),
        };
        loop {
            // Receiving itself would wait for ever when the last thread has ended.
            let ready = ready::wait_for(self.as_fd(), PollFlags::IN, deadline);
            let ready = ready.map_err(|errno| match errno {
                Errno::TIMEDOUT => late,
                errno => errno,
            })?;
            if ready.contains(PollFlags::HUP) && !ready.contains(PollFlags::IN) {
                return Err(Error::Gone);
            }
            match notif_recv(self.as_fd()) {
                // Who called is gone: there may be another.
                Err(Errno::NOENT) => {}
                Err(Errno::INTR) if deadline != Deadline::Never => {}
                Ok(notif) => {
                    return Ok(Notification {
                        cookie: Cookie(notif.id),
                        thread: Pid::from_raw(notif.pid.cast_signed()),
                        call: notif.data,
                    });
                }
                Err(errno) => return Err(Error::Errno(errno)),
            }
        }
    }

    /// Returns whether the call still waits for an answer: `SECCOMP_IOCTL_NOTIF_ID_VALID` of
    /// `seccomp_unotify(2)`.
    ///
    /// So [`Notification::thread`] was the caller's number until now, and what was read
    /// from its memory was read while it waited.
    ///
    /// # Errors
    ///
    /// [`Errno::NOTTY`], [`Errno::INVAL`]: the descriptor is none of a listener.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_ID_VALID")]
    pub fn is_waiting(&self, cookie: Cookie) -> Result<bool> {
        match notif_id_valid(self.as_fd(), cookie.0) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Answers that the call, without being made, returns `value`: `SECCOMP_IOCTL_NOTIF_SEND`
    /// of `seccomp_unotify(2)`.
    ///
    /// Values from -4095 to -1 are errors to who called.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]: nobody waits for it any more. [`Errno::INPROGRESS`]: it has
    /// been answered.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_SEND")]
    pub fn respond(&self, cookie: Cookie, value: i64) -> Result<(), Error> {
        self.send(cookie, value, 0, 0)
    }

    /// Answers that the call, without being made, fails with `errno`:
    /// `SECCOMP_IOCTL_NOTIF_SEND` of `seccomp_unotify(2)`.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_SEND")]
    pub fn refuse(&self, cookie: Cookie, errno: Errno) -> Result<(), Error> {
        self.send(cookie, 0, -errno.raw_os_error(), 0)
    }

    /// Lets the call be made as if there were no filter: `SECCOMP_USER_NOTIF_FLAG_CONTINUE` of
    /// `seccomp_unotify(2)`. Since Linux 5.5.
    ///
    /// **This guards nothing.** The kernel reads what the arguments point to, and looks
    /// descriptors up, only now; whatever the listener saw there the caller's other
    /// threads, and all who share its memory, may have replaced meanwhile. It is for
    /// calls that the kernel would refuse by itself if they should not be.
    ///
    /// # Errors
    ///
    /// Those of [`respond`](Self::respond).
    #[doc(alias = "SECCOMP_USER_NOTIF_FLAG_CONTINUE")]
    pub fn proceed(&self, cookie: Cookie) -> Result<(), Error> {
        self.send(cookie, 0, 0, raw::SECCOMP_USER_NOTIF_FLAG_CONTINUE)
    }

    fn send(&self, cookie: Cookie, val: i64, error: i32, flags: u32) -> Result<(), Error> {
        let response = NotifResp {
            id: cookie.0,
            val,
            error,
            flags,
            room: [0; 5],
        };
        Ok(notif_send(self.as_fd(), &response)?)
    }

    /// Adds a duplicate of `descriptor` to the calling process, and returns its number there,
    /// the lowest free one: `SECCOMP_IOCTL_NOTIF_ADDFD` of `seccomp_unotify(2)`. Since Linux
    /// 5.9. The call waits on.
    ///
    /// Closed on exec unless asked otherwise. It stays when the call is interrupted before
    /// it is answered: [`respond_with_descriptor`] does both at once.
    ///
    /// [`respond_with_descriptor`]: Self::respond_with_descriptor
    ///
    /// # Errors
    ///
    /// - [`Error::Gone`]: nobody waits for it any more.
    /// - [`Errno::INPROGRESS`]: it has been answered, or not yet received.
    /// - [`Errno::MFILE`]: the process has no descriptor left.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_ADDFD")]
    pub fn add_descriptor(
        &self,
        cookie: Cookie,
        descriptor: impl AsFd,
        flags: AddFlags,
    ) -> Result<RawFd, Error> {
        self.add(cookie, descriptor.as_fd(), None, flags, 0)
    }

    /// Like [`add_descriptor`](Self::add_descriptor), but gives the duplicate the number
    /// `at`, and closes what has that number there.
    ///
    /// # Errors
    ///
    /// Those of [`add_descriptor`](Self::add_descriptor), and [`Errno::BADF`]: `at` is beyond the
    /// process's limit.
    ///
    /// # Safety
    ///
    /// If the thread that calls shares its table of descriptors with this one, as all threads
    /// of a process do, nobody may own the descriptor `at`.
    ///
    /// ```compile_fail,E0133
    /// # use rawipc::seccomp::{AddFlags, Cookie, Error, Listener};
    /// fn replace(listener: &Listener, cookie: Cookie, file: &std::fs::File) -> Result<i32, Error> {
    ///     listener.add_descriptor_at(cookie, file, 5, AddFlags::empty())
    /// }
    /// ```
    #[doc(alias = "SECCOMP_ADDFD_FLAG_SETFD")]
    pub unsafe fn add_descriptor_at(
        &self,
        cookie: Cookie,
        descriptor: impl AsFd,
        at: RawFd,
        flags: AddFlags,
    ) -> Result<RawFd, Error> {
        self.add(cookie, descriptor.as_fd(), Some(at), flags, 0)
    }

    /// Like [`add_descriptor`](Self::add_descriptor), and answers that the call returns
    /// the number, in one step: `SECCOMP_ADDFD_FLAG_SEND` of `seccomp_unotify(2)`. Since
    /// Linux 5.14.
    ///
    /// Where it fails the call waits on.
    ///
    /// # Errors
    ///
    /// Those of [`add_descriptor`](Self::add_descriptor), and [`Errno::BUSY`]: others are
    /// adding descriptors.
    #[doc(alias = "SECCOMP_ADDFD_FLAG_SEND")]
    pub fn respond_with_descriptor(
        &self,
        cookie: Cookie,
        descriptor: impl AsFd,
        flags: AddFlags,
    ) -> Result<RawFd, Error> {
        let send = raw::SECCOMP_ADDFD_FLAG_SEND;
        self.add(cookie, descriptor.as_fd(), None, flags, send)
    }

    /// Like [`respond_with_descriptor`](Self::respond_with_descriptor), but gives the
    /// duplicate the number `at`, and closes what has that number there.
    ///
    /// # Errors
    ///
    /// Those of [`respond_with_descriptor`](Self::respond_with_descriptor), and [`Errno::BADF`]:
    /// `at` is beyond the process's limit.
    ///
    /// # Safety
    ///
    /// As of [`add_descriptor_at`](Self::add_descriptor_at).
    #[doc(alias = "SECCOMP_ADDFD_FLAG_SETFD")]
    pub unsafe fn respond_with_descriptor_at(
        &self,
        cookie: Cookie,
        descriptor: impl AsFd,
        at: RawFd,
        flags: AddFlags,
    ) -> Result<RawFd, Error> {
        let send = raw::SECCOMP_ADDFD_FLAG_SEND;
        self.add(cookie, descriptor.as_fd(), Some(at), flags, send)
    }

    fn add(
        &self,
        cookie: Cookie,
        descriptor: BorrowedFd<'_>,
        at: Option<RawFd>,
        flags: AddFlags,
        how: u32,
    ) -> Result<RawFd, Error> {
        let set = at.map_or(0, |_| raw::SECCOMP_ADDFD_FLAG_SETFD);
        let add = NotifAddFd {
            id: cookie.0,
            flags: how | set,
            srcfd: descriptor.as_raw_fd().cast_unsigned(),
            newfd: at.unwrap_or(0).cast_unsigned(),
            newfd_flags: flags.bits() ^ O_CLOEXEC,
        };
        Ok(notif_addfd(self.as_fd(), &add)?)
    }

    /// Sets the options of the listener, for all who have it: `SECCOMP_IOCTL_NOTIF_SET_FLAGS`.
    /// Since Linux 6.6.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the kernel does not know a flag, or the call.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_SET_FLAGS")]
    pub fn set_flags(&self, flags: ListenerFlags) -> Result<()> {
        notif_set_flags(self.as_fd(), flags.bits())
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Listener);

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.0
    }
}

/// Takes a descriptor that came from elsewhere, over a socket mostly, unchecked.
impl From<OwnedFd> for Listener {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}
