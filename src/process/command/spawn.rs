//! Starting a [`Command`]: the parent's part.
//!
//! The child runs in its parent's memory, and the parent sleeps meanwhile (`CLONE_VFORK`),
//! unless the child needs it on the way: to write the maps of its user namespace, or to
//! trace it. A tracee that is stopped waits for its tracer, who must not sleep until it goes
//! on; and `SIGSTOP` cannot be blocked.

use core::mem::MaybeUninit;
use core::ptr;

use linux_raw_sys::general::SIG_SETMASK;
use rustix::{mm, process as rx};

use super::attend::{Start, attend, finished};
use super::builder::{Command, Root};
use super::child::{Plan, enter};
use super::fd_mapping::impossible;
use super::gate;
use super::report::Report;
use super::spawned::Spawned;
use super::step::{SpawnError, Step};
use crate::memory::mapping::{Mapping, Protection, Release};
use crate::process::clone::{CloneFlags, CloneOptions, Memory, Way};
use crate::process::pidfd::Pidfd;
use crate::sys::signal::rt_sigprocmask;
use crate::{Errno, Result, sys};

/// The size in bytes of the stack that [`Command::spawn`] gives to a child.
pub const STACK_SIZE: usize = 16 << 10;
impl Command<'_> {
    /// Starts the program in a new process: `clone3(2)`, the settings, and `execve(2)`.
    ///
    /// Returns when the new process runs the program, or has failed to: then it has been reaped
    /// without a trace, not even a `SIGCHLD`. The calling thread sleeps until then, whatever
    /// signal comes; other threads go on. (A new process that `SIGSTOP` stops on its way delays
    /// this until it is continued.)
    ///
    /// If the kernel fails after the point of no return of `execve(2)`, for lack of memory for
    /// instance, it kills the process: the program counts as started, and
    /// [`wait`](crate::process::wait()) reports its end.
    ///
    /// # Errors
    ///
    /// The [`Step`] that failed, which documents its errors, and why. Among others:
    ///
    /// - [`Step::Ended`]: the child was killed before it was the program.
    /// - [`Step::Create`]: as [`CloneOptions::fork`](crate::process::CloneOptions::fork).
    /// - [`Step::Descriptor`]: [`Errno::INVAL`]: a number is negative, or there twice, or
    ///   there are more than 128 of them; [`Errno::BADF`]: beyond the limit
    ///   (`RLIMIT_NOFILE`).
    /// - [`Step::ParentDeath`]: [`Errno::SRCH`]: this process has ended, and nobody reads this.
    /// - [`Step::Execute`]: as [`exec::path`](crate::process::exec::path()); [`Errno::AGAIN`]: the
    ///   user has more processes than allowed (`RLIMIT_NPROC`).
    #[doc(alias = "posix_spawn")]
    #[doc(alias = "vfork")]
    pub fn spawn(&self) -> Result<Spawned, SpawnError> {
        let mut stack = [MaybeUninit::uninit(); STACK_SIZE];
        // SAFETY: of the size that is demanded.
        unsafe { self.spawn_on(&mut stack) }
    }

    /// Like [`spawn`](Self::spawn), but runs the child on a stack of the caller's: for callers
    /// with a small stack of their own, or a [`prepare`](Self::prepare) that needs a large one.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn), and [`Step::Create`] with [`Errno::INVAL`]: the stack has
    /// less than 1 KiB.
    ///
    /// # Safety
    ///
    /// The stack must have [`STACK_SIZE`](STACK_SIZE) bytes, or otherwise be enough:
    /// what lies beyond its end is overwritten.
    pub unsafe fn spawn_on(&self, stack: &mut [MaybeUninit<u8>]) -> Result<Spawned, SpawnError> {
        // SAFETY: the caller's promise.
        unsafe { spawn(self, stack) }
    }
}

/// # Safety
///
/// The stack must be large enough.
unsafe fn spawn(
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
        let report = page.only_object(0).or(Err(create(Errno::FAULT)))?;
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
/// The same as for [`spawn`]; the child must see `report` as this process does.
unsafe fn spawn_reporting(
    command: &Command<'_>,
    memory: Memory,
    report: &Report,
    stack: &mut [MaybeUninit<u8>],
) -> Result<Spawned, SpawnError> {
    let create = |errno| Step::Create.failed(errno);
    let (gate, keeper) = gate::gate(command.is_mapped()).map_err(create)?;
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
        stack: stack_ends.start.addr()..stack_ends.end.addr(),
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
/// # Safety
///
/// The same as for [`spawn_reporting`], with all signals blocked.
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
