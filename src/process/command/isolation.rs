//! The isolation of a program: namespaces, id maps, the root directory.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use super::builder::{Command, Root};
use super::idmap::IdMap;
use super::joined::Joined;
use crate::process::clone::CloneFlags;

impl<'a> Command<'a> {
    /// Creates the program in new namespaces; other flags are not allowed.
    ///
    /// In a new user namespace ([`CloneFlags::NEWUSER`]) without a
    /// [`uid_map`](Self::uid_map) it is nobody, as the kernel names whom it does not know.
    pub const fn namespaces(mut self, flags: CloneFlags) -> Self {
        self.namespaces = flags;
        self
    }

    /// Sets the user map of the new user namespace: `uid_map` of `user_namespaces(7)`.
    ///
    /// The parent writes it before the child does anything else, so that the child can become
    /// one of these [users](Self::user). It needs `/proc`.
    ///
    /// Without `CAP_SETUID` the caller can map only its own user, with one [`IdMap`] of one.
    ///
    /// # Examples
    ///
    /// Root in a namespace of its own:
    ///
    /// ```
    /// use rawipc::process::{self, exec, CloneFlags, Command, IdMap, State, WaitFlags};
    /// use rawipc::Errno;
    ///
    /// let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    /// let args = exec::List::of([c"sh", c"-c", c"exit $(id -u)"]);
    /// let env = exec::List::of([c"PATH=/usr/bin:/bin"]);
    /// let child = Command::path(c"/bin/sh", &args, &env)
    ///     .namespaces(CloneFlags::NEWUSER)
    ///     .uid_map(&[IdMap::one(0, user.as_raw())])
    ///     .gid_map(&[IdMap::one(0, group.as_raw())])
    ///     .spawn();
    /// match child {
    ///     Ok(child) => {
    ///         let change = process::wait(&child, WaitFlags::EXITED)?;
    ///         assert_eq!(change.state, State::Exited(0));
    ///     }
    ///     // Not for everybody, on some systems.
    ///     Err(error) => assert!(matches!(error.errno, Errno::PERM | Errno::NOSPC | Errno::ACCESS)),
    /// }
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "newuidmap")]
    pub const fn uid_map(mut self, map: &'a [IdMap]) -> Self {
        self.uid_map = Some(map);
        self
    }

    /// Sets the group map of the new user namespace: `gid_map` of `user_namespaces(7)`.
    ///
    /// Written like the [`uid_map`](Self::uid_map).
    ///
    /// Without `CAP_SETGID` the caller can map only its own group, and `setgroups(2)` is then
    /// denied in the namespace for good: [`groups`](Self::groups) fails.
    #[doc(alias = "newgidmap")]
    #[doc(alias = "setgroups")]
    pub const fn gid_map(mut self, map: &'a [IdMap]) -> Self {
        self.gid_map = Some(map);
        self
    }

    /// Enters existing namespaces, in this order: `setns(2)`. List a user namespace first, as
    /// it gives the privileges for the others.
    ///
    /// A PID or time namespace is entered by the program's children, not by the program itself.
    #[doc(alias = "setns")]
    pub const fn join(mut self, namespaces: &'a [Joined<'a>]) -> Self {
        self.joined = namespaces;
        self
    }

    /// Changes the root directory: `chroot(2)`. It is the working directory too, unless
    /// [`directory`](Self::directory) sets another. Replaces [`pivot_root`](Self::pivot_root).
    #[doc(alias = "chroot")]
    pub const fn root(mut self, path: &'a CStr) -> Self {
        self.root = Some(Root::Changed(path));
        self
    }

    /// Makes `path` the root of the new mount namespace and unmounts everything outside of it:
    /// `pivot_root(2)`. It is the working directory too, unless [`directory`](Self::directory)
    /// sets another. Replaces [`root`](Self::root).
    ///
    /// `path` need not be a mount point. Mounts no longer propagate into or out of the
    /// namespace.
    pub const fn pivot_root(mut self, path: &'a CStr) -> Self {
        self.root = Some(Root::Pivoted(path));
        self
    }
}
