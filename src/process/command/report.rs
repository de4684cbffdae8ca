//! [`Report`]: what a child that failed to become its program tells its parent.

use core::sync::atomic::{AtomicI32, Ordering};

use linux_raw_sys::general::SI_USER;

use super::builder::Command;
use super::step::{SpawnError, Step};
use crate::primitive::Shared;
use crate::sys::signal::Siginfo;
use crate::{Errno, Signal};

/// What a child tells its parent: why it is not the program.
///
/// Numbers, which mean something to who has the command.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Report {
    /// 0: nothing was told.
    errno: AtomicI32,
    step: AtomicI32,
    /// Of a step that has one: which.
    detail: AtomicI32,
    /// The child's number where it is, from when it is about to be traced.
    number: AtomicI32,
}

// SAFETY: every field is.
unsafe impl Shared for Report {}

/// Those without a detail, by their numbers.
const STEPS: [Step; 22] = [
    Step::Create,
    Step::Session,
    Step::ProcessGroup,
    Step::Terminal,
    Step::Priority,
    Step::Scheduling,
    Step::Affinity,
    Step::Join,
    Step::Root,
    Step::CapabilityBounds,
    Step::Groups,
    Step::Group,
    Step::User,
    Step::Capabilities,
    Step::Directory,
    Step::NoNewPrivs,
    Step::ParentDeath,
    Step::CloseOthers,
    Step::Prepare,
    Step::Trace,
    Step::Signals,
    Step::Execute,
];
const LIMIT: i32 = -1;
const DESCRIPTOR: i32 = -2;

// The parent reads when the child is gone, or another program: the kernel lies between.
const ORDER: Ordering = Ordering::Relaxed;

impl Report {
    pub(super) fn tell(&self, error: SpawnError) {
        let (step, detail) = match error.step {
            Step::Limit(resource) => (LIMIT, resource as i32),
            Step::Descriptor(number) => (DESCRIPTOR, number),
            step => {
                let number = STEPS.iter().position(|&other| other == step);
                (number.unwrap_or(0) as i32, 0)
            }
        };
        self.step.store(step, ORDER);
        self.detail.store(detail, ORDER);
        self.errno.store(error.errno.raw_os_error(), ORDER);
    }

    pub(super) fn is_about_to_trap(&self) {
        self.number
            .store(rustix::process::getpid().as_raw_nonzero().get(), ORDER);
    }

    /// Whether this is the stop of a tracee before its program: the one `SIGTRAP` that a
    /// process sends to itself there.
    pub(super) fn is_trap(&self, info: &Siginfo) -> bool {
        let Some(&sender) = info.fields.first() else {
            return false;
        };
        let [a, b, c, d, ..] = sender.to_ne_bytes();
        info.si_signo == Signal::TRAP.as_raw()
            && info.si_code == SI_USER as i32
            && i32::from_ne_bytes([a, b, c, d]) == self.number.load(ORDER)
    }

    pub(super) fn heard(&self, command: &Command<'_>) -> Option<SpawnError> {
        let errno = self.errno.load(ORDER);
        if errno == 0 {
            return None;
        }
        let detail = self.detail.load(ORDER);
        let step = match self.step.load(ORDER) {
            LIMIT => {
                let mut limits = command.limits.iter();
                limits.find_map(|&(resource, _)| {
                    (resource as i32 == detail).then_some(Step::Limit(resource))
                })
            }
            DESCRIPTOR => Some(Step::Descriptor(detail)),
            number => usize::try_from(number)
                .ok()
                .and_then(|at| STEPS.get(at))
                .copied(),
        };
        Some(SpawnError {
            step: step.unwrap_or(Step::Create),
            errno: Errno::from_raw_os_error(errno),
        })
    }
}

#[cfg(test)]
mod tests {
    use rustix::process as rx;

    use super::*;
    use crate::RawFd;
    use crate::process::exec::Strings;

    #[test]
    fn error_told_is_the_error_heard() {
        let limit = rx::Rlimit {
            current: None,
            maximum: None,
        };
        let limits = [(rx::Resource::Core, limit), (rx::Resource::As, limit)];
        let command = Command::path(c"", Strings::EMPTY, Strings::EMPTY).limits(&limits);
        let steps = [
            Step::Limit(rx::Resource::Core),
            Step::Limit(rx::Resource::As),
            Step::Descriptor(0),
            Step::Descriptor(RawFd::MAX),
        ];
        let report = Report::default();
        assert_eq!(report.heard(&command), None);
        for step in STEPS.into_iter().chain(steps) {
            let error = step.failed(Errno::XDEV);
            report.tell(error);
            assert_eq!(report.heard(&command), Some(error));
        }
    }
}
