//! What a program sees of the system: namespaces, id maps, the root directory.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use super::builder::{Command, Root};
use super::idmap::IdMap;
use super::joined::Joined;
use crate::process::clone::CloneFlags;

impl<'a> Command<'a> {
    /// Namespaces to make for it; no other flags.
    ///
    /// In a new user namespace ([`CloneFlags::NEWUSER`]) without a
    /// [`uid_map`](Self::uid_map) it is nobody, as the kernel names whom it does not know.
    pub const fn namespaces(mut self, flags: CloneFlags) -> Self {
        self.namespaces = flags;
        self
    }

    /// Which users of its new user namespace are which of the caller's: `uid_map` of
    /// `user_namespaces(7)`. The caller writes the map before the child does anything else,
    /// so that the child can become one of these [users](Self::user). It takes `/proc`.
    ///
    /// Whoever has no `CAP_SETUID` can map its own user only, with one [`IdMap`] of one.
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

    /// Which groups of its new user namespace are which of the caller's: `gid_map` of
    /// `user_namespaces(7)`, as [`uid_map`](Self::uid_map).
    ///
    /// Whoever has no `CAP_SETGID` can map its own group only, and only where nobody can
    /// leave a group: then `setgroups(2)` is denied in the namespace for ever, and
    /// [`groups`](Self::groups) fails.
    #[doc(alias = "newgidmap")]
    #[doc(alias = "setgroups")]
    pub const fn gid_map(mut self, map: &'a [IdMap]) -> Self {
        self.gid_map = Some(map);
        self
    }

    /// Namespaces that it enters, in this order: `setns(2)`. A user namespace first, as
    /// that gives the privileges for others.
    ///
    /// A namespace of process numbers or time is entered by the program's children, not by
    /// itself.
    #[doc(alias = "setns")]
    pub const fn join(mut self, namespaces: &'a [Joined<'a>]) -> Self {
        self.joined = namespaces;
        self
    }

    /// Its root directory, which is its working directory too unless another
    /// [`directory`](Self::directory) is asked for: `chroot(2)`. Replaces
    /// [`pivot_root`](Self::pivot_root).
    #[doc(alias = "chroot")]
    pub const fn root(mut self, path: &'a CStr) -> Self {
        self.root = Some(Root::Changed(path));
        self
    }

    /// The root directory of its new mount namespace, from which what was mounted outside
    /// of it is gone: `pivot_root(2)`. Its working directory too, unless another is asked
    /// for. Replaces [`root`](Self::root).
    ///
    /// `path` need not be mounted. Nothing that is mounted or unmounted in the namespace
    /// from then on is so outside, or the other way round.
    pub const fn pivot_root(mut self, path: &'a CStr) -> Self {
        self.root = Some(Root::Pivoted(path));
        self
    }
}
