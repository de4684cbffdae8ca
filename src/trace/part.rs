//! Ending all tracees of a thread, or their tracing.
#![forbid(unsafe_code)]

use core::time::Duration;

use linux_raw_sys::general::{self as raw, WNOHANG, WNOWAIT};

use super::tracer::{Slot, Tracer};
use super::wait::waited;
use crate::procfs::relatives::{self, Tracee};
use crate::signal::child::State;
use crate::sys::process::WaitId;
use crate::sys::signal::{Siginfo, kill_process, tgkill};
use crate::sys::trace::{self as sys, Resume};
use crate::wait::backoff::Backoff;
use crate::{Deadline, Errno, Pid, Result, Signal};

/// How long a parting thread sleeps before it looks again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

impl Tracer<'_> {
    /// Kills all tracees of this thread, known here or not, and blocks until they have ended.
    ///
    /// Their processes are killed, all threads. Children that are not traced are left
    /// alone.
    ///
    /// # Errors
    ///
    /// The kernel's, for those that are left; the others are gone. Without a `/proc` that shows
    /// the tracees, that of opening it, if there were more tracees than slots: those without
    /// one are killed only if they were stopped.
    pub fn kill_all(&mut self) -> Result<()> {
        self.part(kill)
    }

    /// Ends the tracing of all tracees of this thread, known here or not; they run on, each
    /// with the signal that it was about to get. Requests to those still held as
    /// [`Stopped`](super::Stopped) are then [`Error::Gone`](super::Error::Gone).
    ///
    /// One that was not seized is stopped by a `SIGSTOP` first, which it does not get. A
    /// process whose first thread has ended and whose others have not keeps this thread
    /// as the first one's tracer, on paper: there is nothing to let go. Children that are
    /// not traced are left alone.
    ///
    /// # Errors
    ///
    /// The kernel's, for those that are left; the others are let go. Without a `/proc` that
    /// shows the tracees, that of opening it, if there were more tracees than slots: those
    /// without one are let go only if they were stopped.
    pub fn detach_all(&mut self) -> Result<()> {
        self.part(let_go)
    }

    /// Has `act` part with each tracee that there is, until there is none: those that
    /// stand still or are made meanwhile included.
    fn part(&mut self, act: fn(Tracee) -> Result<Outcome>) -> Result<()> {
        let mut empty_rounds = 0;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, Deadline::Never);
        loop {
            let first = waited(WaitId::All, WNOHANG | WNOWAIT);
            if first == Err(Errno::CHILD) {
                self.forget_all();
                return Ok(());
            }
            let mut round_result = Round::default();
            let seen = relatives::each_tracee(|tracee| {
                round_result.note(act(tracee));
            });
            if let Err(errno) = seen {
                self.part_with_known(act, first, &mut round_result);
                if round_result.waiting == 0 && self.without_slot {
                    return Err(errno);
                }
            }
            match round_result {
                Round {
                    waiting: 0,
                    error: Some(errno),
                    ..
                } => return Err(errno),
                Round {
                    waiting: 0,
                    parted: false,
                    ..
                } => empty_rounds += 1,
                _ => empty_rounds = 0,
            }
            // One could be made behind the back of the first look, by one that then ended.
            if empty_rounds > 1 {
                self.forget_all();
                return Ok(());
            }
            if round_result.waiting > 0 {
                // So that the others run.
                backoff.pause()?;
            }
        }
    }

    /// As far as the slots and the kernel's wait tell of tracees.
    fn part_with_known(
        &mut self,
        act: fn(Tracee) -> Result<Outcome>,
        first: Result<Option<(Pid, State)>>,
        round: &mut Round,
    ) {
        let stranger = match first {
            Ok(Some((tid, State::Trapped(_)))) => Some(tid),
            _ => None,
        };
        let by_number = |thread| Tracee {
            process: thread,
            thread,
            is_zombie: false,
            will_stop: false,
        };
        if let Some(tid) = stranger
            && self.slot(tid).is_none()
        {
            round.note(act(by_number(tid)));
        }
        for slot in self.slots.iter_mut() {
            let Some(entry) = slot.0 else { continue };
            let result = act(by_number(entry.tid));
            if result == Ok(Outcome::Parted) {
                *slot = Slot::EMPTY;
            }
            round.note(result);
        }
    }

    fn forget_all(&mut self) {
        self.slots.fill(Slot::EMPTY);
        self.without_slot = false;
    }
}

/// What came of an attempt to part with a tracee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is no tracee any more.
    Parted,
    /// It will stop or end, and is then to be asked again.
    Waiting,
    /// It has ended, and is no longer anybody's concern.
    Over,
}

/// What came of a look at all tracees.
#[derive(Debug, Default)]
struct Round {
    parted: bool,
    waiting: usize,
    error: Option<Errno>,
}

impl Round {
    fn note(&mut self, result: Result<Outcome>) {
        match result {
            Ok(Outcome::Parted) => self.parted = true,
            Ok(Outcome::Waiting) => self.waiting += 1,
            Ok(Outcome::Over) => {}
            Err(errno) => self.error = Some(errno),
        }
    }
}

/// Kills a tracee's process, and takes its end if it has come.
fn kill(tracee: Tracee) -> Result<Outcome> {
    let tid = tracee.thread;
    // The number is its own only as long as nobody has waited for its end, of which there
    // may be nobody to tell this tracer.
    if waited(WaitId::Pid(tid), WNOHANG | WNOWAIT) == Err(Errno::CHILD) {
        return Ok(Outcome::Parted);
    }
    match kill_process(tracee.process, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(errno) => return Err(errno),
    }
    loop {
        match waited(WaitId::Pid(tid), WNOHANG) {
            Ok(Some((_, state))) if state.is_end() => return Ok(Outcome::Parted),
            Err(Errno::CHILD) => return Ok(Outcome::Parted),
            // One that is killed can still stop at its exit; or it does since before.
            Ok(seen) => {
                let _ = sys::resume(Resume::Cont, tid, 0);
                if seen.is_none() {
                    return Ok(Outcome::Waiting);
                }
            }
            Err(errno) => return Err(errno),
        }
    }
}

/// Ends the tracing of a tracee if it is stopped, and stops it otherwise.
fn let_go(tracee: Tracee) -> Result<Outcome> {
    let tid = tracee.thread;
    match waited(WaitId::Pid(tid), WNOHANG) {
        Ok(Some((_, state))) if state.is_end() => return Ok(Outcome::Parted),
        Err(Errno::CHILD) => return Ok(Outcome::Parted),
        Ok(_) => {}
        Err(errno) => return Err(errno),
    }
    if tracee.is_zombie {
        return Ok(Outcome::Over);
    }
    let was_seized = match sys::interrupt(tid) {
        Ok(()) => true,
        Err(Errno::IO) => false,
        Err(Errno::SRCH) => return Ok(Outcome::Waiting),
        Err(errno) => return Err(errno),
    };
    let signal = match sys::getsiginfo(tid) {
        Ok(info) => deliverable(&info, was_seized),
        // The stop of a group, which has no signal.
        Err(Errno::INVAL) => 0,
        // It runs, or was killed.
        Err(Errno::SRCH) => {
            if !was_seized && !tracee.will_stop {
                match tgkill(tracee.process, tid, Signal::STOP.as_raw()) {
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(errno) => return Err(errno),
                }
            }
            return Ok(Outcome::Waiting);
        }
        Err(errno) => return Err(errno),
    };
    let (done, outcome) = if tracee.will_stop && !was_seized {
        // Let go now it would stop for good.
        let done = sys::resume(Resume::Cont, tid, signal);
        (done, Outcome::Waiting)
    } else {
        (sys::detach(tid, signal), Outcome::Parted)
    };
    match done {
        Ok(()) => Ok(outcome),
        // Killed: its end is still to come.
        Err(Errno::SRCH) => Ok(Outcome::Waiting),
        Err(errno) => Err(errno),
    }
}

/// The number of the signal that a tracee which is stopped with this is about to get,
/// were it not traced; 0 for none.
fn deliverable(info: &Siginfo, was_seized: bool) -> i32 {
    // At an event the code has its number.
    let is_event = info.si_code >> 8 > 0;
    // Else a step, a breakpoint, or the stop at a system call.
    let is_sent = info.si_code <= 0;
    // What attaching or being made by a tracee brings along has no sender; and what was
    // sent to stop it has us.
    let sender = info.fields[0] as i32;
    let is_ours = match info.si_code {
        SI_USER | SI_KERNEL => sender == 0,
        SI_TKILL => Pid::from_raw(sender) == Some(rustix::process::getpid()),
        _ => false,
    };
    let is_none = is_event
        || info.si_signo == Signal::TRAP.as_raw() && !is_sent
        || info.si_signo == Signal::STOP.as_raw() && is_ours && !was_seized;
    if is_none { 0 } else { info.si_signo }
}

const SI_USER: i32 = raw::SI_USER as i32;
const SI_KERNEL: i32 = raw::SI_KERNEL as i32;
const SI_TKILL: i32 = raw::SI_TKILL;
