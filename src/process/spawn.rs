//! Starting a [`Command`]: the child's way to its program, in its parent's memory.

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicI32, Ordering};

use linux_raw_sys::general::{__WALL, SIG_SETMASK, WEXITED};
use rustix::{mm, process as rx, thread};

use super::clone::Memory;
use super::command::{Directory, ProcessGroup, Program};
use super::inherit::{arrange, impossible};
use super::{CloneFlags, CloneOptions, Command, Pidfd, SpawnError, Spawned, Step, exec, exit};
use crate::mapping::{Mapping, Protection, Release, Shared};
use crate::sys::process::{WaitId, waitid};
use crate::sys::signal::{SIG_DFL, SIG_IGN, rt_sigaction, rt_sigprocmask};
use crate::{AsFd, AsRawFd, BorrowedFd, Errno, Pid, RawFd, Result, Signal, arch, sys};

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
    let has_other_credentials =
        command.uid.is_some() || command.gid.is_some() || command.groups.is_some();
    let create = |errno| Step::Create.failed(errno);
    // Nor can memory be shared between namespaces of time.
    if has_other_credentials || !command.namespaces.is_empty() {
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
    // No handler of this process shall run in the child: it would do what it does to
    // the memory of this one. Not one of a libc's threads either, for which the two
    // reserved signals are: they are blocked until the child is another program.
    let mask = rt_sigprocmask(SIG_SETMASK, Some(!0)).map_err(create)?;
    let plan = Plan {
        command,
        report,
        parent: rx::getpid(),
        mask: command.mask.map_or(mask, |mask| mask.bits()),
        has_handlers: false,
    };
    // SAFETY: the caller's promise.
    let spawned = unsafe { create_child(plan, memory, stack) };
    let spawned = spawned.map_err(create).and_then(|spawned| {
        let Some(error) = report.heard(command) else {
            return Ok(spawned);
        };
        // It is on its way out. If somebody else has waited for it, or nobody has to,
        // it is gone too.
        let _ = waitid(WaitId::Pidfd(spawned.as_fd()), WEXITED | __WALL);
        Err(error)
    });
    // The mask it was: the kernel does not refuse it.
    let _ = rt_sigprocmask(SIG_SETMASK, Some(mask));
    spawned
}

/// # Safety
///
/// As [`spawn_reporting`], with all signals blocked.
unsafe fn create_child(
    mut plan: Plan<'_>,
    memory: Memory,
    stack: &mut [MaybeUninit<u8>],
) -> Result<Spawned> {
    let flags = plan.command.namespaces | CloneFlags::PIDFD;
    let options = CloneOptions::new().cgroup_opt(plan.command.cgroup);
    let clearing = options.flags(flags | CloneFlags::CLEAR_SIGHAND);
    // SAFETY: the child keeps to system calls, and to its stack as the caller
    // promises; signals are blocked; it shares no memory when it changes its user.
    let child = match unsafe { clearing.child(memory, stack, enter, from_mut(&mut plan)) } {
        // Before Linux 5.5, or without clone3: then the child resets them itself.
        Err(errno) if errno == Errno::INVAL || sys::is_absent(errno) => {
            plan.has_handlers = true;
            // SAFETY: as above.
            unsafe {
                options
                    .flags(flags)
                    .child(memory, stack, enter, from_mut(&mut plan))
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
        self.enter_group()?;
        if let Some(terminal) = command.terminal {
            rx::ioctl_tiocsctty(terminal).map_err(Step::Terminal.because())?;
        }
        if let Some(priority) = command.priority {
            rx::setpriority_process(None, priority).map_err(Step::Priority.because())?;
        }
        if let Some(mask) = command.umask {
            rx::umask(mask);
        }
        for &(resource, limit) in command.limits {
            rx::setrlimit(resource, limit).map_err(Step::Limit(resource).because())?;
        }
        self.change_credentials()?;
        match command.directory {
            Some(Directory::Path(path)) => rx::chdir(path),
            Some(Directory::Descriptor(fd)) => rx::fchdir(fd),
            None => Ok(()),
        }
        .map_err(Step::Directory.because())?;
        if command.no_new_privileges {
            thread::set_no_new_privs(true).map_err(Step::NoNewPrivileges.because())?;
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
        if command.traced {
            sys::trace::traceme().map_err(Step::Trace.because())?;
        }
        // SAFETY: the caller's promise.
        unsafe { self.reset_signals() }.map_err(Step::Signals.because())?;
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

    /// The user last, as whom nothing of this may be allowed any more.
    ///
    /// # Errors
    ///
    /// Also [`Errno::INVAL`]: an id of -1, which the calls take for "as it is".
    fn change_credentials(&self) -> Result<(), SpawnError> {
        let command = self.command;
        if let Some(groups) = command.groups {
            thread::set_thread_groups(groups).map_err(Step::Groups.because())?;
        }
        if let Some(gid) = command.gid {
            is_id(gid.as_raw()).map_err(Step::Group.because())?;
            thread::set_thread_res_gid(gid, gid, gid).map_err(Step::Group.because())?;
        }
        if let Some(uid) = command.uid {
            is_id(uid.as_raw()).map_err(Step::User.because())?;
            thread::set_thread_res_uid(uid, uid, uid).map_err(Step::User.because())?;
        }
        Ok(())
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
            if defaults & 1_u64.wrapping_shl(signal as u32 - 1) != 0 && !is_fixed {
                reset(signal)?;
            }
        }
        rt_sigprocmask(SIG_SETMASK, Some(self.mask)).map(drop)
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

fn is_id(number: u32) -> Result<()> {
    if number == u32::MAX {
        return Err(Errno::INVAL);
    }
    Ok(())
}

fn reset(signal: i32) -> Result<()> {
    // SAFETY: no handler.
    unsafe { rt_sigaction(signal, Some(&arch::Sigaction::new(SIG_DFL))) }.map(drop)
}

/// What a child tells its parent: why it is not the program.
///
/// Numbers, which mean something to who has the command.
#[derive(Debug, Default)]
#[repr(C)]
struct Report {
    /// 0: nothing was told.
    errno: AtomicI32,
    step: AtomicI32,
    /// Of a step that has one: which.
    detail: AtomicI32,
}

// SAFETY: every field is.
unsafe impl Shared for Report {}

/// Those without a detail, by their numbers.
const STEPS: [Step; 16] = [
    Step::Create,
    Step::Session,
    Step::ProcessGroup,
    Step::Terminal,
    Step::Priority,
    Step::Groups,
    Step::Group,
    Step::User,
    Step::Directory,
    Step::NoNewPrivileges,
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
    fn tell(&self, error: SpawnError) {
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

    fn heard(&self, command: &Command<'_>) -> Option<SpawnError> {
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

impl Step {
    const fn failed(self, errno: Errno) -> SpawnError {
        SpawnError { step: self, errno }
    }

    fn because(self) -> impl FnOnce(Errno) -> SpawnError {
        move |errno| self.failed(errno)
    }
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

    #[test]
    fn what_is_told_is_heard() {
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
