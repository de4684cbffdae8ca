//! The parent's work for a child of [`Command`] on its way to its program: writing the maps of
//! its user namespace, letting it go on when a stop comes before the program; and how the
//! parent learns whether the child got there.
//!
//! Whether a child that has ended was its program before is known by what it sends at its end:
//! nothing, as it is made, and `SIGCHLD` once it has executed one, as the kernel has it.
//! `__WCLONE` waits for children of the first kind alone.
#![forbid(unsafe_code)]

use core::ops::Range;
use core::time::Duration;

use linux_raw_sys::general::{__WALL, __WCLONE, __WNOTHREAD, WEXITED, WNOHANG, WNOWAIT};
use rustix::event::PollFlags;

use super::builder::Command;
use super::child::bit;
use super::gate::GateKeeper;
use super::idmap;
use super::report::Report;
use super::spawned::Spawned;
use super::step::{SpawnError, Step};
use crate::process::wait::change;
use crate::signal::child::State;
use crate::sys::process::{ChildInfo, WaitId};
use crate::sys::signal::{Killed, Siginfo, pidfd_send_signal};
use crate::sys::trace::Resume;
use crate::wait::backoff::Backoff;
use crate::wait::ready;
use crate::{AsFd, Deadline, Errno, Pid, Result, Signal, sys};

/// What a tracer has to know to tell its child from the program.
pub(super) struct Start {
    /// The signals that are blocked in the program.
    pub(super) mask: u64,
    /// Where the child's stack is, until it is the program.
    pub(super) stack: Range<usize>,
}

/// Does what the child needs of its parent on its way, and waits until that is its
/// program's beginning, or its end. Returns whether the former was seen.
///
/// # Errors
///
/// What of it could not be done; the child is dead then, and reaped.
pub(super) fn attend(
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
        match idmap::write(child.as_fd(), command.uid_map, command.gid_map) {
            Ok(()) => keeper.open(),
            // Of who was killed there is nothing to map. The gate is closed until here.
            Err(_) if has_exited(child) => return Ok(false),
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
pub(super) fn finished(
    command: &Command<'_>,
    report: &Report,
    child: &Spawned,
) -> Result<(), SpawnError> {
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

/// Waits for the end of a child of this kind, and takes it away. Another thread may trace
/// the child, and keeps the stops.
fn reap(child: &Spawned, kind: u32) -> Result<State> {
    let ended = ready::uninterrupted(|| wait_for(child, WEXITED | kind))?;
    ended
        .and_then(|info| State::decode(info.code, info.status))
        .ok_or(Errno::CHILD)
}

/// Waits for a child of this thread. One of this process's that another thread traces
/// would count for every kind of child, as the kernel sees it.
fn wait_for(child: &Spawned, how: u32) -> Result<Option<ChildInfo>> {
    let how = how | __WNOTHREAD;
    match change(WaitId::Pidfd(child.as_fd()), how) {
        // Before Linux 5.4. The number is the child's until somebody waits for it.
        Err(Errno::INVAL) => change(WaitId::Pid(child.pid), how),
        result => result,
    }
}

fn has_exited(child: &Spawned) -> bool {
    ready::check(child.as_fd(), PollFlags::IN).is_ok()
}

/// How long a parent that looks after a child sleeps before it looks again: at first, and
/// at most.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Calls `look` until it says that it has seen what it was for, or the child has ended.
/// The kernel wakes nobody for what is looked for here.
fn look_after(child: &Spawned, mut look: impl FnMut() -> Result<bool>) -> Result<()> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, Deadline::Never);
    while !look()? {
        if ready::wait(child.as_fd(), PollFlags::IN, backoff.next_look()).is_ok() {
            break;
        }
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
