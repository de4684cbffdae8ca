//! A whole tree of tracees, followed by one loop.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use linux_raw_sys::general::{self as raw, WNOHANG, WNOWAIT};

use super::running::{Begin, OfThread, report, waited};
use super::{Event, Refused, Report, Running, Stop};
use crate::procfs::relatives::{self, Tracee};
use crate::signal::child::State;
use crate::sys::process::WaitId;
use crate::sys::signal::{Siginfo, kill_process, tgkill};
use crate::sys::trace::{self as sys, Resume};
use crate::{Errno, Pid, Result, Signal, Timespec};

/// Room for what a [`Tracer`] remembers of one tracee.
#[derive(Clone, Copy, Debug)]
pub struct Slot(Option<Entry>);

impl Slot {
    /// Room.
    pub const EMPTY: Self = Self(None);
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tid: Pid,
    begin: Begin,
    /// It has not yet been seen at the stop that it begins with.
    is_new: bool,
}

/// All tracees of this thread, those that they make among them: one loop waits for
/// whichever has something to report.
///
/// It remembers their numbers in the slots that it is given, to tell the first stop of
/// a new one ([`Stop::New`]) from others. For more tracees than slots the loop works all
/// the same: the first stops of those beyond are told as what they look like
/// ([`Stop::New`] says what). [`kill_all`](Self::kill_all) and
/// [`detach_all`](Self::detach_all) ask the kernel whom this thread traces, and need no
/// slot.
///
/// What to make of the order in which things are reported:
///
/// - A new tracee's first stop can come before the event of the one that made it, and
///   even its end can.
/// - When a thread executes a program, the other threads' ends are reported, but for the
///   first thread's; then the process's first number reports the
///   [`Exec`](Event::Exec), whichever thread called it. The number that this had is
///   gone without a report: it is the event's `former`.
/// - Of a process with several traced threads, the first one's end comes last.
///
/// The thread should have no children that it does not trace: the kernel's wait does not
/// tell them apart, so that the loop waits for their ends too, and reports them; and if
/// another thread traces one, its stops are lost to that.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{self, Fork, WaitFlags};
/// use rawipc::trace::{self, Event, Options, Report, Slot, Stop, Tracer};
///
/// // SAFETY: the child only uses this crate and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         let traced = trace::traceme().and_then(|()| rawipc::signal::raise(Signal::STOP));
///         // SAFETY: as above.
///         match unsafe { process::fork() } {
///             Ok(Fork::Child) => process::exit(0),
///             Ok(Fork::Parent(grandchild)) => {
///                 let end = process::wait(grandchild, WaitFlags::EXITED);
///                 process::exit(if traced.and(end).is_ok() { 0 } else { 1 })
///             }
///             Err(_) => process::exit(1),
///         }
///     }
///     Fork::Parent(child) => child,
/// };
/// let mut slots = [Slot::EMPTY; 16];
/// let mut tracer = Tracer::new(&mut slots);
/// tracer.add(trace::adopt(child, Options::FOLLOW | Options::KILL_ON_EXIT))?;
/// let (mut made, mut new, mut ended) = (0, 0, 0);
/// while let Some(report) = tracer.wait()? {
///     let stopped = match report {
///         Report::Ended(_) => {
///             ended += 1;
///             continue;
///         }
///         Report::Stopped(stopped) => stopped,
///     };
///     let signal = match stopped.stop() {
///         Stop::Event(Event::Fork(_)) => { made += 1; None }
///         Stop::New => { new += 1; None }
///         // Its own, for us.
///         Stop::Signal(Signal::STOP) => None,
///         _ => stopped.signal(),
///     };
///     stopped.cont(signal)?;
/// }
/// assert_eq!((made, new, ended), (1, 1, 2));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct Tracer<'s> {
    slots: &'s mut [Slot],
    /// There was no slot for a tracee.
    without_slot: bool,
    thread: OfThread,
}

impl<'s> Tracer<'s> {
    /// One that follows nothing yet, with room for so many tracees. What the slots had is
    /// forgotten.
    #[must_use]
    pub fn new(slots: &'s mut [Slot]) -> Self {
        slots.fill(Slot::EMPTY);
        Self {
            slots,
            without_slot: false,
            thread: PhantomData,
        }
    }

    /// Follows this tracee too, and what it makes, as far as its options say
    /// ([`Options::FOLLOW`](super::Options::FOLLOW)).
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::NOSPC`]: there is no slot left.
    pub fn add(&mut self, running: Running) -> Result<(), Refused<Running>> {
        let entry = Entry {
            tid: running.tid(),
            begin: running.begin(),
            is_new: matches!(running.begin(), Begin::Attached(_)),
        };
        if self.remember(entry) {
            Ok(())
        } else {
            Err(Refused {
                tracee: running,
                errno: Errno::NOSPC,
            })
        }
    }

    /// The numbers of the tracees that it remembers.
    pub fn tids(&self) -> impl Iterator<Item = Pid> {
        self.slots.iter().filter_map(|slot| Some(slot.0?.tid))
    }

    fn slot(&mut self, tid: Pid) -> Option<&mut Slot> {
        self.slots
            .iter_mut()
            .find(|slot| slot.0.is_some_and(|entry| entry.tid == tid))
    }

    /// Whether there was room.
    fn remember(&mut self, entry: Entry) -> bool {
        let place = match self.slot(entry.tid) {
            Some(slot) => Some(slot),
            None => self.slots.iter_mut().find(|slot| slot.0.is_none()),
        };
        match place {
            Some(slot) => {
                slot.0 = Some(entry);
                true
            }
            None => {
                self.without_slot = true;
                false
            }
        }
    }

    /// Forgets a tracee, whose end was learned of by other means ([`Running::wait`]), or
    /// which was detached.
    pub fn forget(&mut self, tid: Pid) {
        if let Some(slot) = self.slot(tid) {
            *slot = Slot::EMPTY;
        }
    }

    /// Waits until any tracee stands still or has ended: `waitid(2)`. `None` once there is
    /// none.
    ///
    /// What stands still stays so until it is resumed; the [`Running`] that this returns
    /// can be dropped, for here is where its next report comes.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). What setting an
    /// added tracee's options is
    /// refused by, as [`Running::wait`].
    #[doc(alias = "waitpid")]
    pub fn wait(&mut self) -> Result<Option<Report>> {
        self.report(false)
    }

    /// As [`wait`](Self::wait), but returns at once.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: nothing has happened.
    #[doc(alias = "WNOHANG")]
    pub fn try_wait(&mut self) -> Result<Option<Report>> {
        self.report(true)
    }

    fn report(&mut self, at_once: bool) -> Result<Option<Report>> {
        loop {
            let how = if at_once { WNOHANG } else { 0 };
            let (tid, state) = match waited(WaitId::All, how) {
                Ok(Some(change)) => change,
                Ok(None) => return Err(Errno::AGAIN),
                Err(Errno::CHILD) => {
                    self.slots.fill(Slot::EMPTY);
                    return Ok(None);
                }
                Err(errno) => return Err(errno),
            };
            let known = self.slot(tid).and_then(|slot| slot.0);
            let begin = known.map_or(Begin::Done, |entry| entry.begin);
            let Some(mut report) = report(tid, state, begin)? else {
                continue;
            };
            match &mut report {
                Report::Ended(_) => self.forget(tid),
                Report::Stopped(stopped) => {
                    let stop = self.seen(tid, known, stopped.stop());
                    stopped.now_at(stop);
                }
            }
            return Ok(Some(report));
        }
    }

    /// Takes note of a stop, and says what it is, knowing whether the tracee is new.
    fn seen(&mut self, tid: Pid, known: Option<Entry>, stop: Stop) -> Stop {
        let is_new = known.is_none_or(|entry| entry.is_new);
        // One that was seized begins by the first or, when its group is stopped, the
        // second; any other one by the third, perhaps after other signals.
        let begins = is_new
            && matches!(
                stop,
                Stop::Interrupt | Stop::Group(_) | Stop::Signal(Signal::STOP)
            );
        if let Stop::Event(Event::Exec { former }) = stop
            && former != tid
        {
            self.forget(former);
        }
        let entry = Entry {
            tid,
            begin: Begin::Done,
            is_new: is_new && !begins,
        };
        // Without room it is new each time. Of one that has had its first stop that would
        // be wrong.
        let has_room = self.remember(entry);
        match stop {
            Stop::Group(_) => stop,
            _ if begins && has_room => Stop::New,
            _ => stop,
        }
    }

    /// Kills all tracees of this thread and waits for their ends: afterwards it has none,
    /// whether they were known here or not.
    ///
    /// Their processes are killed, all threads. Children that are not traced are left
    /// alone.
    ///
    /// # Errors
    ///
    /// What the kernel refuses to do with those that are left; the others are gone.
    /// Without a `/proc` that shows the tracees, what opening it is refused by, if there
    /// were more tracees than slots: those without one are killed only if they stood
    /// still.
    pub fn kill_all(&mut self) -> Result<()> {
        self.part(kill)
    }

    /// Ends the tracing of all tracees of this thread, which run on, each with the signal
    /// that it was about to get: afterwards nobody is traced by this thread, whether known
    /// here or not. Of those still held as [`Stopped`](super::Stopped), requests then say
    /// that they are [gone](super::Error::Gone).
    ///
    /// One that was not seized is stopped by a `SIGSTOP` first, which it does not get. A
    /// process whose first thread has ended and whose others have not keeps this thread
    /// as the first one's tracer, on paper: there is nothing to let go. Children that are
    /// not traced are left alone.
    ///
    /// # Errors
    ///
    /// What the kernel refuses to do with those that are left; the others are let go.
    /// Without a `/proc` that shows the tracees, what opening it is refused by, if there
    /// were more tracees than slots: those without one are let go only if they stood
    /// still.
    pub fn detach_all(&mut self) -> Result<()> {
        self.part(let_go)
    }

    /// Has `act` part with each tracee that there is, until there is none: those that
    /// stand still or are made meanwhile included.
    fn part(&mut self, act: fn(Tracee) -> Result<Outcome>) -> Result<()> {
        let mut empty_rounds = 0;
        for round in 0_u32.. {
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
                pause(round);
            }
        }
        Ok(())
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
    /// It will stand still or end, and is then to be asked again.
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

/// Ends the tracing of a tracee if it stands still, and has it do so otherwise.
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

/// The number of the signal that a tracee which stands still with this is about to get,
/// were it not traced; 0 for none.
fn deliverable(info: &Siginfo, was_seized: bool) -> i32 {
    // At an event the code has its number.
    let is_event = info.si_code >> 8 > 0;
    // Else a step, a breakpoint, or the stop at a system call.
    let is_sent = info.si_code <= 0;
    // What attaching or being made by a tracee brings along has no sender; and what was
    // sent to have it stand still has us.
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

/// Lets others run, longer from round to round.
fn pause(round: u32) {
    let nanoseconds = 50_000_i64 << round.min(8);
    // A signal that comes meanwhile only means that the next round is sooner.
    let _ = rustix::thread::nanosleep(&Timespec {
        tv_sec: 0,
        tv_nsec: nanoseconds,
    });
}
