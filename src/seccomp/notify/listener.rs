//! [`Listener`]: receiving the calls of filtered threads.
#![forbid(unsafe_code)]

use linux_raw_sys::ptrace as raw;
use rustix::event::PollFlags;

use super::error::Error;
use crate::sys::seccomp::{Call, notif_id_valid, notif_recv, notif_set_flags};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Pid, Result};

/// A descriptor that receives and answers the calls of filtered threads.
///
/// It is readable for `poll(2)` and `epoll(7)` while a call waits that nobody has
/// received, and hung up when no thread is under the filter any more. It can be passed
/// to another process over a socket.
///
/// # Examples
///
/// A thread whose priority another one decides:
///
/// ```
/// use rawipc::Errno;
/// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let filtered = std::thread::spawn(move || {
///     let mut filter = Filter::<16>::new(Action::Allow);
///     filter.call(Syscall::GETPRIORITY, Action::Notify).unwrap();
///     seccomp::set_no_new_privs().unwrap();
///     // SAFETY: nothing depends on the priority.
///     let listener = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty()) };
///     sender.send(listener).unwrap();
///     rustix::process::getpriority_process(None)
/// });
/// let listener = receiver.recv()??;
/// let notification = listener.receive()?;
/// listener.refuse(notification.cookie, Errno::PERM)?;
/// assert_eq!(filtered.join().unwrap(), Err(Errno::PERM));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A system call that waits for an answer: `struct seccomp_notif`.
///
/// # Examples
///
/// ```
/// use rawipc::process;
/// use rawipc::seccomp::notify::Notification;
/// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
///
/// # let (sender, receiver) = std::sync::mpsc::channel();
/// # let filtered = std::thread::spawn(move || {
/// #     let mut filter = Filter::<16>::new(Action::Allow);
/// #     filter.call(Syscall::GETPRIORITY, Action::Notify).unwrap();
/// #     seccomp::set_no_new_privs().unwrap();
/// #     // SAFETY: nothing depends on the priority.
/// #     let listener = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty()) };
/// #     sender.send((process::thread_id(), listener)).unwrap();
/// #     rustix::process::getpriority_process(None)
/// # });
/// # let (thread, listener) = receiver.recv()?;
/// # let listener = listener?;
/// // A `listener` as in its own example; `thread` calls getpriority(2).
/// let Notification { cookie, thread: caller, call } = listener.receive()?;
/// assert_eq!((caller, call.number), (Some(thread), Syscall::GETPRIORITY.number()));
/// listener.proceed(cookie)?; // as if there were no filter
/// # filtered.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// # Examples
///
/// ```
/// use rawipc::seccomp::notify::Cookie;
/// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
///
/// # let (sender, receiver) = std::sync::mpsc::channel();
/// # let filtered = std::thread::spawn(move || {
/// #     let mut filter = Filter::<16>::new(Action::Allow);
/// #     filter.call(Syscall::GETPRIORITY, Action::Notify).unwrap();
/// #     seccomp::set_no_new_privs().unwrap();
/// #     // SAFETY: nothing depends on the priority.
/// #     let listener = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty()) };
/// #     sender.send(listener).unwrap();
/// #     rustix::process::getpriority_process(None)
/// # });
/// # let listener = receiver.recv()??;
/// // A `listener` as in its own example.
/// let cookie = listener.receive()?.cookie;
/// let number = cookie.number(); // sent with the listener to the process that answers
/// let cookie = Cookie::from_number(number);
/// assert!(listener.is_waiting(cookie)?);
/// listener.proceed(cookie)?;
/// assert!(!listener.is_waiting(cookie)?);
/// # filtered.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cookie(pub(super) u64);

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

bitflags::bitflags! {
    /// Options of a listener.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::seccomp::notify::ListenerFlags;
    /// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
    ///
    /// # std::thread::spawn(|| {
    /// let mut filter = Filter::<16>::new(Action::Allow);
    /// filter.call(Syscall::GETPRIORITY, Action::Notify)?;
    /// seccomp::set_no_new_privs()?;
    /// // SAFETY: nothing depends on the priority.
    /// let listener = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty())? };
    /// match listener.set_flags(ListenerFlags::SYNC_WAKE_UP) {
    ///     Err(Errno::INVAL) => println!("before Linux 6.6"),
    ///     result => result?,
    /// }
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// # }).join().unwrap().map_err(|error| error.to_string())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// Of several who wait, one gets it. If that one dies before it answers, the call blocks
    /// until all have closed the listener, and nobody learns of it.
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
