//! Starting a [`Command`]: the child's way to its program, in its parent's memory.
//!
//! The parent sleeps meanwhile (`CLONE_VFORK`), unless the child needs it on the way: to
//! write the maps of its user namespace, or to trace it. A tracee that is stopped waits
//! for its tracer, who must not sleep until it goes on; and `SIGSTOP` cannot be blocked.
//!
//! Whether a child that has ended was its program before is told by what it sends at its
//! end: nothing, as it is made, and `SIGCHLD` once it has executed one, as the kernel has
//! it. `__WCLONE` waits for children of the first kind alone.

use core::mem::MaybeUninit;
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicI32, Ordering};
use core::time::Duration;

use linux_raw_sys::general::{
    __WALL, __WCLONE, __WNOTHREAD, SI_USER, SIG_SETMASK, WEXITED, WNOHANG, WNOWAIT,
};
use rustix::event::PollFlags;
use rustix::thread::{CapabilitySet, CapabilitySets};
use rustix::{mm, process as rx, thread};

use super::clone::{Memory, Way};
use super::command::{Directory, ProcessGroup, Program, Root};
use super::idmap::{self, Gate, GateKeeper};
use super::inherit::{arrange, impossible};
use super::{CloneFlags, CloneOptions, Command, Pidfd, SpawnError, Spawned, Step, exec, exit};
use crate::child::State;
use crate::mapping::{Mapping, Protection, Release, Shared};
use crate::sys::process::{ChildInfo, WaitId, waitid};
use crate::sys::signal::{
    Killed, SIG_DFL, SIG_IGN, Siginfo, pidfd_send_signal, rt_sigaction, rt_sigprocmask,
};
use crate::sys::trace::Resume;
use crate::{
    AsFd, AsRawFd, BorrowedFd, Deadline, Errno, Pid, RawFd, Result, Signal, arch, ready, sys,
};

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

/// What a tracer has to know to tell its child from the program.
struct Start {
    /// The signals that are blocked in the program.
    mask: u64,
    /// Where the child's stack is, until it is the program.
    stack: Range<u64>,
}

/// Does what the child needs of its parent on its way, and waits until that is its
/// program's beginning, or its end. Returns whether the former was seen.
///
/// # Errors
///
/// What of it could not be done; the child is dead then, and reaped.
fn attend(
    command: &Command<'_>,
    report: &Report,
    keeper: Option<GateKeeper>,
    start: &Start,
    child: &Spawned,
) -> Result<bool, SpawnError> {
    let end = |error| {
        send(child, Signal::KILL.as_raw());
        let _ = reap(child, __WALL);
        error
    };
    if let Some(keeper) = keeper {
        match idmap::write(command, child.as_fd()) {
            Ok(()) => keeper.open(),
            // Of who was killed there is nothing to map. The gate is closed until here.
            Err(_) if has_ended(child) => return Ok(false),
            Err(error) => return Err(end(error)),
        }
    }
    if command.traced {
        await_trap(report, start, child).map_err(|errno| end(Step::Trace.failed(errno)))
    } else {
        if command.is_attended() {
            await_program(child);
        }
        Ok(false)
    }
}

/// Whether the child became its program. One that is traced, and was not seen there, has
/// ended.
///
/// # Errors
///
/// What the child says, or how it ended. It is reaped then.
fn finished(command: &Command<'_>, report: &Report, child: &Spawned) -> Result<(), SpawnError> {
    let told = report.heard(command);
    // One that is traced by this thread counts for both kinds.
    let kind = if told.is_some() { __WALL } else { __WCLONE };
    match (told, reap(child, kind)) {
        // It is on its way out, or was. If somebody else has waited for it, it is gone too.
        (Some(error), _) => Err(error),
        // Another thread has waited for it, whose wait was for any child.
        (None, Err(errno)) if command.traced => Err(Step::Trace.failed(errno)),
        // Of no child that has not executed anything.
        (None, Err(_)) => Ok(()),
        (None, Ok(state)) => Err(Step::Ended(state).failed(Errno::CANCELED)),
    }
}

/// Waits for the end of a child of this kind, and takes it away.
///
/// Another thread may trace the child: the kernel then tells this one of its stops too,
/// unasked, and takes them for reported. Hence one looks first.
fn reap(child: &Spawned, kind: u32) -> Result<State> {
    let mut nap = FIRST_NAP;
    loop {
        match wait_for(child, WEXITED | WNOWAIT | kind) {
            Ok(Some(info)) => {
                let state = State::decode(info.code, info.status).ok_or(Errno::CHILD)?;
                if state.is_end() {
                    return wait_for(child, WEXITED | WNOHANG | kind).map(|_| state);
                }
                // Its tracer sets it going.
                let _ = ready::wait(child.as_fd(), PollFlags::IN, Deadline::after(nap));
                nap = LONGEST_NAP.min(nap * 2);
            }
            Ok(None) => return Err(Errno::CHILD),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits for a child of this thread. One of this process's that another thread traces
/// would count for every kind of child, as the kernel sees it.
fn wait_for(child: &Spawned, how: u32) -> Result<Option<ChildInfo>> {
    let how = how | __WNOTHREAD;
    match waitid(WaitId::Pidfd(child.as_fd()), how) {
        // Before Linux 5.4. The number is the child's until somebody waits for it.
        Err(Errno::INVAL) => waitid(WaitId::Pid(child.pid), how),
        result => result,
    }
}

fn has_ended(child: &Spawned) -> bool {
    ready::check(child.as_fd(), PollFlags::IN).is_ok()
}

/// How long a parent that looks after a child sleeps before it looks again: at first, and
/// at most.
const FIRST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(10);

/// Calls `look` until it says that it has seen what it was for, or the child has ended.
/// The kernel wakes nobody for what is looked for here.
fn look_after(child: &Spawned, mut look: impl FnMut() -> Result<bool>) -> Result<()> {
    let mut nap = FIRST_NAP;
    while !look()? {
        let until = Deadline::after(nap);
        if ready::wait(child.as_fd(), PollFlags::IN, until).is_ok() {
            break;
        }
        nap = LONGEST_NAP.min(nap * 2);
    }
    Ok(())
}

/// Waits until the child has executed its program, or has ended.
fn await_program(child: &Spawned) {
    let _ = look_after(child, || {
        // None of this kind any more: its end is told like any program's.
        let look = wait_for(child, WEXITED | WNOHANG | WNOWAIT | __WCLONE);
        Ok(matches!(look, Err(errno) if errno != Errno::INTR))
    });
}

/// Waits until the child, which is traced by this thread, stands before its program's
/// first instruction, or has ended; returns whether it was seen to stand there. Stops that
/// come before are not for the tracer to come: the child has all signals blocked that can
/// be, and what stops it nevertheless is sent again.
fn await_trap(report: &Report, start: &Start, child: &Spawned) -> Result<bool> {
    let mut held = 0_u64;
    let mut stands = false;
    let mut look = || {
        // Asked for what it stopped at, as a wait may be answered to another thread's.
        match sys::trace::getsiginfo(child.pid) {
            Ok(info) => {
                if report.is_trap(&info) || is_other_trap(&info, start, child.pid)? {
                    sys::trace::setsigmask(child.pid, start.mask)?;
                    stands = true;
                    return Ok(true);
                }
                held |= bit(info.si_signo);
            }
            // Stopped with its group.
            Err(Errno::INVAL) => {}
            Err(errno) => return Err(errno),
        }
        sys::trace::resume(Resume::Cont, child.pid, 0).map(|()| false)
    };
    look_after(child, || match look() {
        // On its way, or no more.
        Err(Errno::SRCH) => Ok(false),
        result => result,
    })?;
    for signal in (1..=64).filter(|&signal| held & bit(signal) != 0) {
        send(child, signal);
    }
    Ok(stands)
}

/// Whether a tracee stands before its program with a `SIGTRAP` that somebody else had sent
/// to its thread meanwhile: the kernel's own is lost then, as there is only one at a time.
fn is_other_trap(info: &Siginfo, start: &Start, child: Pid) -> Result<bool> {
    if info.si_signo != Signal::TRAP.as_raw() {
        return Ok(false);
    }
    match sys::trace::getregs(child) {
        Ok(registers) => Ok(!start.stack.contains(&registers.sp())),
        // A program of 32 bits, which has others.
        Err(Errno::NOEXEC) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// Sends a signal to a child, which nobody has waited for.
fn send(child: &Spawned, signal: i32) {
    match pidfd_send_signal(child.as_fd(), signal, None, 0) {
        Err(errno) if sys::is_absent(errno) => {
            let _ = sys::signal::kill(Killed::Process(child.pid), signal);
        }
        // If it has ended, there is nobody to be told.
        _ => {}
    }
}

/// The bit of a signal in the kernel's sets.
const fn bit(signal: i32) -> u64 {
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
        self.change_root().map_err(Step::Root.because())?;
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

    /// The user last, as whom nothing of this may be allowed any more.
    ///
    /// # Errors
    ///
    /// Also [`Errno::INVAL`]: an id of -1, which the calls take for "as it is".
    fn change_credentials(&self) -> Result<(), SpawnError> {
        let command = self.command;
        if let Some(bounds) = command.capability_bounds {
            limit_capabilities(bounds).map_err(Step::CapabilityBounds.because())?;
        }
        if command.capabilities.is_some() {
            // Permitted beyond the change of the user.
            thread::set_keep_capabilities(true).map_err(Step::Capabilities.because())?;
        }
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
        if let Some(capabilities) = command.capabilities {
            keep_capabilities(capabilities).map_err(Step::Capabilities.because())?;
        }
        Ok(())
    }

    fn change_root(&self) -> Result<()> {
        match self.command.root {
            Some(Root::Changed(path)) => {
                rx::chroot(path)?;
                rx::chdir(c"/")
            }
            Some(Root::Pivoted(path)) => {
                // Nothing of this shall be so outside.
                sys::namespace::mount_private(c"/")?;
                // What is to be a root must be mounted.
                sys::namespace::mount_on_itself(path)?;
                rx::chdir(path)?;
                // The old root is mounted on the new one, and then on nothing.
                rx::pivot_root(c".", c".")?;
                sys::namespace::umount_detached(c".")?;
                rx::chdir(c"/")
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

/// Takes from this thread's bounding set what is not in `bounds`.
fn limit_capabilities(bounds: CapabilitySet) -> Result<()> {
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1_u64.wrapping_shl(number));
        match thread::capability_is_in_bounding_set(one) {
            // There are no more.
            Err(Errno::INVAL) => break,
            Ok(true) if !bounds.contains(one) => {
                thread::remove_capability_from_bounding_set(one)?;
            }
            Ok(_) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Makes these all that this thread has, and has the program have them.
fn keep_capabilities(capabilities: CapabilitySet) -> Result<()> {
    thread::set_capabilities(
        None,
        CapabilitySets {
            effective: capabilities,
            permitted: capabilities,
            inheritable: capabilities,
        },
    )?;
    thread::clear_ambient_capability_set()?;
    for one in capabilities.iter() {
        thread::configure_capability_in_ambient_set(one, true)?;
    }
    Ok(())
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

    fn is_about_to_trap(&self) {
        self.number
            .store(rx::getpid().as_raw_nonzero().get(), ORDER);
    }

    /// Whether this is the stop of a tracee before its program: the one `SIGTRAP` that a
    /// process sends to itself there.
    fn is_trap(&self, info: &Siginfo) -> bool {
        let Some(&sender) = info.fields.first() else {
            return false;
        };
        let [a, b, c, d, ..] = sender.to_ne_bytes();
        info.si_signo == Signal::TRAP.as_raw()
            && info.si_code == SI_USER as i32
            && i32::from_ne_bytes([a, b, c, d]) == self.number.load(ORDER)
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
    pub(super) const fn failed(self, errno: Errno) -> SpawnError {
        SpawnError { step: self, errno }
    }

    pub(super) fn because(self) -> impl FnOnce(Errno) -> SpawnError {
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
