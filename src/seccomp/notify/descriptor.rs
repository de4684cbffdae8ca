//! Adding descriptors to the process whose call waits, and answering with them.

use linux_raw_sys::general::O_CLOEXEC;
use linux_raw_sys::ptrace as raw;

use super::error::Error;
use super::listener::{Cookie, Listener};
use crate::sys::seccomp::{NotifAddFd, notif_addfd};
use crate::{AsFd, AsRawFd, BorrowedFd, RawFd, Result};

bitflags::bitflags! {
    /// Options of adding a descriptor to another process.
    ///
    /// # Examples
    ///
    /// A thread that is given another eventfd than the new one that it asked for:
    ///
    /// ```
    /// use rawipc::event::eventfd::{self, EventFdFlags};
    /// use rawipc::seccomp::notify::AddFlags;
    /// use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
    ///
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let filtered = std::thread::spawn(move || {
    ///     let mut filter = Filter::<16>::new(Action::Allow);
    ///     filter.call(Syscall::EVENTFD2, Action::Notify).unwrap();
    ///     seccomp::set_no_new_privs().unwrap();
    ///     let flags = InstallFlags::empty();
    ///     // SAFETY: whoever has the listener answers with an eventfd.
    ///     let listener = unsafe { seccomp::install_with_listener(&filter, flags) };
    ///     sender.send(listener).unwrap();
    ///     eventfd::create(0, EventFdFlags::empty())?.wait()
    /// });
    /// let listener = receiver.recv()??;
    /// let counter = eventfd::create(7, EventFdFlags::empty())?;
    /// let notification = listener.receive()?;
    /// listener.respond_with_descriptor(notification.cookie, &counter, AddFlags::empty())?;
    /// assert_eq!(filtered.join().unwrap()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AddFlags: u32 {
        /// Keeps the descriptor open in programs that the process executes.
        #[doc(alias = "newfd_flags")]
        const INHERITED = O_CLOEXEC;

        const _ = !0;
    }
}

impl Listener {
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
    /// - [`Errno::INPROGRESS`](crate::Errno::INPROGRESS): it has been answered, or not yet received.
    /// - [`Errno::MFILE`](crate::Errno::MFILE): the process has no descriptor left.
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
    /// Those of [`add_descriptor`](Self::add_descriptor), and [`Errno::BADF`](crate::Errno::BADF): `at` is beyond the
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
    /// Those of [`add_descriptor`](Self::add_descriptor), and [`Errno::BUSY`](crate::Errno::BUSY): others are
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
    /// Those of [`respond_with_descriptor`](Self::respond_with_descriptor), and [`Errno::BADF`](crate::Errno::BADF):
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
}
