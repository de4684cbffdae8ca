//! What a program may use: control group, processors, time, limits.
#![forbid(unsafe_code)]

use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;

use super::builder::Command;
use super::scheduling::Scheduling;
use crate::AsFd;

impl<'a> Command<'a> {
    /// The control group it begins in:
    /// [`CloneOptions::cgroup`](crate::process::CloneOptions::cgroup).
    pub fn cgroup(mut self, directory: &'a impl AsFd) -> Self {
        self.cgroup = Some(directory.as_fd());
        self
    }

    /// Its priority, from -20 (the first to run) to 19: `setpriority(2)`. What is
    /// beyond that is brought within.
    #[doc(alias = "nice")]
    #[doc(alias = "setpriority")]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// How the scheduler treats it: `sched_setattr(2)`. Replaces what
    /// [`priority`](Self::priority) says, if that is [`Scheduling::Normal`] or
    /// [`Scheduling::Batch`].
    #[doc(alias = "sched_setattr")]
    #[doc(alias = "sched_setscheduler")]
    pub const fn scheduling(mut self, scheduling: Scheduling) -> Self {
        self.scheduling = Some(scheduling);
        self
    }

    /// The processors that it may run on: `sched_setaffinity(2)`.
    #[doc(alias = "sched_setaffinity")]
    pub const fn affinity(mut self, processors: &'a CpuSet) -> Self {
        self.affinity = Some(processors);
        self
    }

    /// Limits of resources: `setrlimit(2)`. Set before its users are changed, and
    /// before descriptors get their numbers.
    #[doc(alias = "setrlimit")]
    pub const fn limits(mut self, limits: &'a [(Resource, Rlimit)]) -> Self {
        self.limits = limits;
        self
    }
}
