//! The resources of a program: control group, processors, time, limits.
#![forbid(unsafe_code)]

use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;

use super::builder::Command;
use super::scheduling::Scheduling;
use crate::AsFd;

impl<'a> Command<'a> {
    /// Starts the program in this control group:
    /// [`CloneOptions::cgroup`](crate::process::CloneOptions::cgroup).
    pub fn cgroup(mut self, directory: &'a impl AsFd) -> Self {
        self.cgroup = Some(directory.as_fd());
        self
    }

    /// Sets the nice value, from -20 (runs first) to 19: `setpriority(2)`. Values beyond are
    /// clamped.
    #[doc(alias = "nice")]
    #[doc(alias = "setpriority")]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sets the scheduling policy: `sched_setattr(2)`. [`Scheduling::Normal`] and
    /// [`Scheduling::Batch`] override [`priority`](Self::priority).
    #[doc(alias = "sched_setattr")]
    #[doc(alias = "sched_setscheduler")]
    pub const fn scheduling(mut self, scheduling: Scheduling) -> Self {
        self.scheduling = Some(scheduling);
        self
    }

    /// Sets the processors that the program may run on: `sched_setaffinity(2)`.
    #[doc(alias = "sched_setaffinity")]
    pub const fn affinity(mut self, processors: &'a CpuSet) -> Self {
        self.affinity = Some(processors);
        self
    }

    /// Sets resource limits: `setrlimit(2)`. They are set before the user changes and before
    /// descriptors get their numbers.
    #[doc(alias = "setrlimit")]
    pub const fn limits(mut self, limits: &'a [(Resource, Rlimit)]) -> Self {
        self.limits = limits;
        self
    }
}
