//! As whom a program runs: groups, user, capabilities.
#![forbid(unsafe_code)]

use rustix::process::{Gid, Uid};
use rustix::thread::CapabilitySet;

use super::builder::Command;

impl<'a> Command<'a> {
    /// Its supplementary groups: `setgroups(2)`. Whoever changes the
    /// [user](Self::user) wants this too, if only to have none.
    #[doc(alias = "setgroups")]
    pub const fn groups(mut self, groups: &'a [Gid]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Its real, effective and saved group: `setresgid(2)`.
    #[doc(alias = "setresgid")]
    pub const fn group(mut self, group: Gid) -> Self {
        self.gid = Some(group);
        self
    }

    /// Its real, effective and saved user: `setresuid(2)`.
    ///
    /// A child that is to change its user, group, groups or capabilities, or to be in other
    /// namespaces, has a copy of the memory until it is another program, as others could
    /// otherwise write to this process.
    #[doc(alias = "setresuid")]
    pub const fn user(mut self, user: Uid) -> Self {
        self.uid = Some(user);
        self
    }

    /// The capabilities that it has, whoever its [user](Self::user) is: they are permitted,
    /// effective, inheritable and *ambient*, and no others are; `capabilities(7)`. Linux 4.3.
    ///
    /// A program that runs as root, or whose file has capabilities of its own, has more, up
    /// to the [bounds](Self::capability_bounds).
    #[doc(alias = "capset")]
    #[doc(alias = "PR_CAP_AMBIENT")]
    pub const fn capabilities(mut self, capabilities: CapabilitySet) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// The capabilities that it and what it executes can ever get by executing a file: the
    /// others are taken out of the *bounding set*; `prctl(2)` with `PR_CAPBSET_DROP`.
    #[doc(alias = "PR_CAPBSET_DROP")]
    pub const fn capability_bounds(mut self, bounds: CapabilitySet) -> Self {
        self.capability_bounds = Some(bounds);
        self
    }

    /// Neither it nor what it executes ever gets privileges by executing a file:
    /// set-user-ID bits and capabilities of files have no effect. `prctl(2)` with
    /// `PR_SET_NO_NEW_PRIVS`.
    #[doc(alias = "PR_SET_NO_NEW_PRIVS")]
    pub const fn no_new_privs(mut self) -> Self {
        self.no_new_privs = true;
        self
    }
}
