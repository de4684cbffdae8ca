//! The identity and privileges of a program: groups, user, capabilities.
#![forbid(unsafe_code)]

use rustix::process::{Gid, Uid};
use rustix::thread::CapabilitySet;

use super::builder::Command;

impl<'a> Command<'a> {
    /// Sets the supplementary groups: `setgroups(2)`. A command that changes the
    /// [user](Self::user) should set them too, if only to none.
    #[doc(alias = "setgroups")]
    pub const fn groups(mut self, groups: &'a [Gid]) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Sets the real, effective and saved group: `setresgid(2)`.
    #[doc(alias = "setresgid")]
    pub const fn group(mut self, group: Gid) -> Self {
        self.gid = Some(group);
        self
    }

    /// Sets the real, effective and saved user: `setresuid(2)`.
    ///
    /// A child that changes its user, group, groups, capabilities or namespaces runs in a copy
    /// of the memory until it is the program, as others could otherwise write to this process.
    #[doc(alias = "setresuid")]
    pub const fn user(mut self, user: Uid) -> Self {
        self.uid = Some(user);
        self
    }

    /// Sets the capabilities, whatever the [user](Self::user): these and no others are
    /// permitted, effective, inheritable and *ambient*; `capabilities(7)`. Linux 4.3.
    ///
    /// A program that runs as root, or whose file has capabilities of its own, has more, up
    /// to the [bounds](Self::capability_bounds).
    #[doc(alias = "capset")]
    #[doc(alias = "PR_CAP_AMBIENT")]
    pub const fn capabilities(mut self, capabilities: CapabilitySet) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// Limits the capabilities that executing a file can ever give, by removing all others from
    /// the *bounding set*: `prctl(2)` with `PR_CAPBSET_DROP`.
    #[doc(alias = "PR_CAPBSET_DROP")]
    pub const fn capability_bounds(mut self, bounds: CapabilitySet) -> Self {
        self.capability_bounds = Some(bounds);
        self
    }

    /// Prevents the program, and all that it executes, from gaining privileges by executing a
    /// file: set-user-ID bits and file capabilities have no effect. `prctl(2)` with
    /// `PR_SET_NO_NEW_PRIVS`.
    #[doc(alias = "PR_SET_NO_NEW_PRIVS")]
    pub const fn no_new_privs(mut self) -> Self {
        self.no_new_privs = true;
        self
    }
}
