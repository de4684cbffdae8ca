//! Starting a [`Command`]: the child's way to its program, in its parent's memory.
//!
//! The parent sleeps meanwhile (`CLONE_VFORK`), unless the child needs it on the way: to
//! write the maps of its user namespace, or to trace it. A tracee that is stopped waits
//! for its tracer, who must not sleep until it goes on; and `SIGSTOP` cannot be blocked.

use core::mem::MaybeUninit;
use core::ptr;

use linux_raw_sys::general::SIG_SETMASK;
use rustix::{mm, process as rx, thread};

use super::attend::{Start, attend, finished};
use super::clone::{Memory, Way};
use super::command::{Directory, ProcessGroup, Program, Root};
use super::fd_mapping::{arrange, impossible};
use super::idmap::{self, Gate};
use super::report::Report;
use super::{
    CloneFlags, CloneOptions, Command, Pidfd, SpawnError, Spawned, Step, credentials, exec, exit,
    root,
};
use crate::mapping::{Mapping, Protection, Release};
use crate::sys::signal::{SIG_DFL, SIG_IGN, rt_sigaction, rt_sigprocmask};
use crate::{AsRawFd, BorrowedFd, Errno, Pid, RawFd, Result, Signal, arch, sys};

/// How large the stack is that [`Command::spawn`] gives to a child.
pub const STACK_SIZE: usize = 16 << 10;

/// What a child exits with that could not become its program.
const FAILED: i32 = 127;

/// # Safety
///
/// The stack must be large enough.
pub(super) unsafe fn spawn(
    command: &Command<'_>,
    stack: &mut [MaybeUninit<u8>],
) -> Result<Spawned, SpawnError> {
    if !CloneFlags::NAMESPACES.contains(command.namespaces) {
        return Err(Step::Create.failed(Errno::INVAL));
    }
    if let Some(number) = impossible(command.inherited) {
        return Err(Step::Descriptor(number).failed(Errno::INVAL));
    }
    if command.is_mapped() && !command.namespaces.contains(CloneFlags::NEWUSER) {
        let step = if command.uid_map.is_some() {
            Step::UidMap
        } else {
            Step::GidMap
        };
        return Err(step.failed(Errno::INVAL));
    }
    // It would be the root of all who are in the caller's.
    let is_pivoted = matches!(command.root, Some(Root::Pivoted(_)));
    if is_pivoted && !command.namespaces.contains(CloneFlags::NEWNS) {
        return Err(Step::Root.failed(Errno::INVAL));
    }
    let create = |errno| Step::Create.failed(errno);
    if command.changes_credentials() {
        let page = shared_memory().map_err(create)?;
        let report = page.object(0).or(Err(create(Errno::FAULT)))?;
        // SAFETY: the caller's promise.
        unsafe { spawn_reporting(command, Memory::Copied, report, stack) }
    } else {
        let report = Report::default();
        // SAFETY: the caller's promise.
        unsafe { spawn_reporting(command, Memory::Shared, &report, stack) }
    }
}

/// Memory that a child shares that otherwise has a copy.
fn shared_memory() -> Result<Mapping> {
    let len = size_of::<Report>();
    // SAFETY: new memory, where nothing is.
    let address = unsafe {
        mm::mmap_anonymous(
            ptr::null_mut(),
            len,
            mm::ProtFlags::READ | mm::ProtFlags::WRITE,
            mm::MapFlags::SHARED,
        )
    }?;
    let protection = Protection::READ | Protection::WRITE;
    // SAFETY: just mapped so, for nobody else.
    unsafe { Mapping::own(address.cast(), len, len, protection, 0, Release::Unmap) }
}

/// # Safety
///
/// As [`spawn`]; the child must see `report` as this process does.
unsafe fn spawn_reporting(
    command: &Command<'_>,
    memory: Memory,
    report: &Report,
    stack: &mut [MaybeUninit<u8>],
) -> Result<Spawned, SpawnError> {
    let create = |errno| Step::Create.failed(errno);
    let (gate, keeper) = idmap::gate(command.is_mapped()).map_err(create)?;
    // No handler of this process shall run in the child: it would do what it does to
    // the memory of this one. Not one of a libc's threads either, for which the two
    // reserved signals are: they are blocked until the child is another program.
    let mask = rt_sigprocmask(SIG_SETMASK, Some(!0)).map_err(create)?;
    let mut plan = Plan {
        command,
        report,
        gate,
        parent: rx::getpid(),
        mask: command.mask.map_or(mask, |mask| mask.bits()),
        has_handlers: false,
    };
    let way = Way {
        memory,
        sleeps: !command.is_attended(),
    };
    let stack_ends = stack.as_ptr_range();
    let start = Start {
        mask: plan.mask,
        stack: stack_ends.start.addr() as u64..stack_ends.end.addr() as u64,
    };
    // SAFETY: the caller's promise; what the child uses of this function's is there until
    // it is waited for.
    let spawned = unsafe { create_child(&mut plan, way, stack) };
    let spawned = spawned.map_err(create).and_then(|spawned| {
        if !attend(command, report, keeper, &start, &spawned)? {
            finished(command, report, &spawned)?;
        }
        Ok(spawned)
    });
    // The mask it was: the kernel does not refuse it.
    let _ = rt_sigprocmask(SIG_SETMASK, Some(mask));
    spawned
}

/// The bit of a signal in the kernel's sets.
pub(super) const fn bit(signal: i32) -> u64 {
    1_u64.wrapping_shl(signal.wrapping_sub(1) as u32)
}

/// # Safety
///
/// As [`spawn_reporting`], with all signals blocked.
unsafe fn create_child(
    plan: &mut Plan<'_>,
    way: Way,
    stack: &mut [MaybeUninit<u8>],
) -> Result<Spawned> {
    let flags = plan.command.namespaces | CloneFlags::PIDFD;
    // Nothing tells of its end until it is the program.
    let options = CloneOptions::new().exit_signal(None);
    let options = options.cgroup_opt(plan.command.cgroup);
    let clearing = options.flags(flags | CloneFlags::CLEAR_SIGHAND);
    // SAFETY: the child keeps to system calls, and to its stack as the caller
    // promises; signals are blocked; it shares no memory when it changes its user.
    let child = match unsafe { clearing.child(way, stack, enter, from_mut(plan)) } {
        // Before Linux 5.5, or without clone3: then the child resets them itself.
        Err(errno) if errno == Errno::INVAL || sys::is_absent(errno) => {
            plan.has_handlers = true;
            // SAFETY: as above.
            unsafe {
                options
                    .flags(flags)
                    .child(way, stack, enter, from_mut(plan))
            }
        }
        result => result,
    };
    let (pid, pidfd) = child?;
    // Asked for, hence made.
    let pidfd: Pidfd = pidfd.ok_or(Errno::NOSYS)?;
    Ok(Spawned { pid, pidfd })
}

fn from_mut(plan: &mut Plan<'_>) -> *mut () {
    ptr::from_mut(plan).cast()
}

/// The first function of the child.
unsafe extern "C" fn enter(plan: *mut ()) -> ! {
    // SAFETY: of a plan that its parent keeps until this process is another.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    // SAFETY: this is the child.
    let Err(error) = unsafe { plan.follow() };
    plan.report.tell(error);
    exit(FAILED)
}

/// What the child is to do.
struct Plan<'p> {
    command: &'p Command<'p>,
    report: &'p Report,
    /// What it waits at until its maps are written.
    gate: Option<Gate>,
    parent: Pid,
    mask: u64,
    /// Whether the parent's handlers are in force, for signals that are blocked.
    has_handlers: bool,
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
            super::close_range_on_exec(3..).map_err(Step::CloseOthers.because())?;
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
        super::set_parent_death_signal(self.command.parent_death)?;
        match super::parent_id() {
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

    /// What happens when a parent dies between making the child and being followed.
    #[test]
    fn a_parent_that_is_dead_is_noticed() {
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
        let parent = super::super::parent_id().expect("a parent");
        assert_eq!(follow(parent), Ok(()));
        assert_eq!(
            super::super::parent_death_signal(),
            Ok(Some(Signal::CONT)),
            "of this thread"
        );
        assert_eq!(follow(rx::getpid()), Err(Errno::SRCH));
        assert_eq!(super::super::set_parent_death_signal(None), Ok(()));
    }
}
