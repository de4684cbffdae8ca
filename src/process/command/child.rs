//! The child's part of starting a program: what it does before the exec, in which order.

use linux_raw_sys::general::SIG_SETMASK;
use rustix::{process as rx, thread};

use super::builder::{Command, Directory, ProcessGroup, Program};
use super::fd_mapping::arrange;
use super::gate::Gate;
use super::report::Report;
use super::step::{SpawnError, Step};
use super::{credentials, root};
use crate::process::descriptors::close_range_on_exec;
use crate::process::exec;
use crate::process::exit::exit;
use crate::process::identity::parent_id;
use crate::process::parent::set_parent_death_signal;
use crate::sys::signal::{SIG_DFL, SIG_IGN, rt_sigaction, rt_sigprocmask};
use crate::{AsRawFd, BorrowedFd, Errno, Pid, RawFd, Result, Signal, arch, sys};

/// What a child exits with that could not become its program.
const FAILED: i32 = 127;
/// The bit of a signal in the kernel's sets.
pub(super) const fn bit(signal: i32) -> u64 {
    1_u64.wrapping_shl(signal.wrapping_sub(1) as u32)
}
/// The first function of the child.
pub(super) unsafe extern "C" fn enter(plan: *mut ()) -> ! {
    // SAFETY: of a plan that its parent keeps until this process is another.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    // SAFETY: this is the child.
    let Err(error) = unsafe { plan.follow() };
    plan.report.tell(error);
    exit(FAILED)
}

/// What the child is to do.
pub(super) struct Plan<'p> {
    pub(super) command: &'p Command<'p>,
    pub(super) report: &'p Report,
    /// What it waits at until its maps are written.
    pub(super) gate: Option<Gate>,
    pub(super) parent: Pid,
    pub(super) mask: u64,
    /// Whether the parent's handlers are in force, for signals that are blocked.
    pub(super) has_handlers: bool,
}

enum Never {}

impl Plan<'_> {
    /// Becomes the program.
    ///
    /// # Safety
    ///
    /// In a child that owns nothing.
    unsafe fn follow(&self) -> Result<Never, SpawnError> {
        let command = self.command;
        if let Some(gate) = &self.gate {
            // SAFETY: a child's copy, which nobody else uses.
            unsafe { gate.pass() }.map_err(Step::Create.because())?;
        }
        self.enter_group()?;
        if let Some(terminal) = command.terminal {
            rx::ioctl_tiocsctty(terminal).map_err(Step::Terminal.because())?;
        }
        if let Some(priority) = command.priority {
            rx::setpriority_process(None, priority).map_err(Step::Priority.because())?;
        }
        if let Some(scheduling) = command.scheduling {
            let attributes = scheduling
                .attributes()
                .map_err(Step::Scheduling.because())?;
            sys::schedule::sched_setattr(&attributes).map_err(Step::Scheduling.because())?;
        }
        if let Some(affinity) = command.affinity {
            thread::sched_setaffinity(None, affinity).map_err(Step::Affinity.because())?;
        }
        if let Some(mask) = command.umask {
            rx::umask(mask);
        }
        for &(resource, limit) in command.limits {
            rx::setrlimit(resource, limit).map_err(Step::Limit(resource).because())?;
        }
        for joined in command.joined {
            joined.enter().map_err(Step::Join.because())?;
        }
        root::change(command.root).map_err(Step::Root.because())?;
        credentials::change(command)?;
        match command.directory {
            Some(Directory::Path(path)) => rx::chdir(path),
            Some(Directory::Descriptor(fd)) => rx::fchdir(fd),
            None => Ok(()),
        }
        .map_err(Step::Directory.because())?;
        if command.no_new_privs {
            thread::set_no_new_privs(true).map_err(Step::NoNewPrivs.because())?;
        }
        // After the user, whose change resets it.
        self.follow_parent().map_err(Step::ParentDeath.because())?;

        if command.close_others {
            close_range_on_exec(3..).map_err(Step::CloseOthers.because())?;
        }
        let mut program = match command.program {
            Program::Path(_) => -1,
            Program::At(fd, _) | Program::Descriptor(fd) => fd.as_raw_fd(),
        };
        // SAFETY: this is a child, whose descriptors are copies that nobody owns;
        // none but `program` is used after this.
        unsafe { arrange(command.inherited, &mut program) }
            .map_err(|(number, errno)| Step::Descriptor(number).failed(errno))?;

        if let Some(prepare) = command.prepare {
            prepare().map_err(Step::Prepare.because())?;
        }
        // SAFETY: the caller's promise.
        unsafe { self.reset_signals() }.map_err(Step::Signals.because())?;
        if command.traced {
            self.report.is_about_to_trap();
            sys::trace::traceme().map_err(Step::Trace.because())?;
        }
        Err(Step::Execute.failed(self.execute(program)))
    }

    fn enter_group(&self) -> Result<(), SpawnError> {
        match self.command.group {
            Some(ProcessGroup::Session) => rx::setsid().map(drop).map_err(Step::Session.because()),
            Some(ProcessGroup::Own) => {
                rx::setpgid(None, None).map_err(Step::ProcessGroup.because())
            }
            Some(ProcessGroup::Of(group)) => {
                let joined = sys::pid::number(group).and_then(|_| rx::setpgid(None, Some(group)));
                joined.map_err(Step::ProcessGroup.because())
            }
            None => Ok(()),
        }
    }

    /// # Errors
    ///
    /// [`Errno::SRCH`]: the parent is no more.
    fn follow_parent(&self) -> Result<()> {
        if self.command.parent_death.is_none() {
            return Ok(());
        }
        set_parent_death_signal(self.command.parent_death)?;
        match parent_id() {
            // A death after this is one that the signal tells of. None is a parent outside
            // of this namespace, of which there is no more to know.
            None => Ok(()),
            Some(parent) if parent == self.parent => Ok(()),
            Some(_) => Err(Errno::SRCH),
        }
    }

    /// # Safety
    ///
    /// In a child.
    unsafe fn reset_signals(&self) -> Result<()> {
        if self.has_handlers {
            for signal in 1..=64 {
                // SAFETY: nothing changes.
                let action = unsafe { rt_sigaction(signal, None) }?;
                if action.handler != SIG_DFL && action.handler != SIG_IGN {
                    reset(signal)?;
                }
            }
        }
        let defaults = self.command.default_signals.bits();
        for signal in 1..=64 {
            let is_fixed = signal == Signal::KILL.as_raw() || signal == Signal::STOP.as_raw();
            if defaults & bit(signal) != 0 && !is_fixed {
                reset(signal)?;
            }
        }
        // A tracer sets the mask that is meant, once there is nothing to be stopped at
        // before the program. But the signal of that stop must come through.
        let mask = match self.command.traced {
            true => !bit(Signal::TRAP.as_raw()),
            false => self.mask,
        };
        rt_sigprocmask(SIG_SETMASK, Some(mask)).map(drop)
    }

    /// Returns why it could not. `program` is the number that the command's descriptor
    /// has by now.
    fn execute(&self, program: RawFd) -> Errno {
        let (args, env) = (self.command.args, self.command.env);
        // SAFETY: open, and used before this function ends.
        let moved = || unsafe { BorrowedFd::borrow_raw(program) };
        match self.command.program {
            Program::Path(path) => exec::path(path, args, env),
            Program::At(_, path) => exec::at(moved(), path, args, env),
            Program::Descriptor(_) => exec::descriptor(moved(), args, env),
        }
    }
}

fn reset(signal: i32) -> Result<()> {
    // SAFETY: no handler.
    unsafe { rt_sigaction(signal, Some(&arch::Sigaction::new(SIG_DFL))) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::exec::Strings;
    use crate::process::parent::parent_death_signal;

    /// What happens when a parent dies between making the child and being followed.
    #[test]
    fn parent_that_is_dead_is_an_error() {
        let command = Command::path(c"", Strings::EMPTY, Strings::EMPTY);
        let command = command.parent_death_signal(Signal::CONT);
        let report = Report::default();
        let follow = |parent| {
            let plan = Plan {
                command: &command,
                report: &report,
                gate: None,
                parent,
                mask: 0,
                has_handlers: false,
            };
            plan.follow_parent()
        };
        let parent = parent_id().expect("a parent");
        assert_eq!(follow(parent), Ok(()));
        assert_eq!(
            parent_death_signal(),
            Ok(Some(Signal::CONT)),
            "of this thread"
        );
        assert_eq!(follow(rx::getpid()), Err(Errno::SRCH));
        assert_eq!(set_parent_death_signal(None), Ok(()));
    }
}
