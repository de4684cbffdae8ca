//! Leads a victim through its operation, instruction by instruction, and ends it.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rawipc::process::State;
use rawipc::signal::action::{self, Action};
use rawipc::signal::timer::{self, Clock, Notify, Schedule};
use rawipc::signal::{self, Payload};
use rawipc::trace::{self, Options, Report, Running, Stop, Stopped};
use rawipc::{Errno, Pid, Signal};

use crate::support::{Child, LIMIT};

/// An operation, what it needs and what must hold when it has been cut short.
///
/// `W` is what the processes share; it is made anew for every death.
pub(crate) struct Case<'a, W> {
    pub(crate) name: &'static str,
    /// Makes what is shared, and the survivors.
    pub(crate) set_up: &'a dyn Fn() -> W,
    /// The victim: prepares, begins, does one operation, ends. It may only use the crate.
    pub(crate) victim: &'a dyn Fn(&W, &Marks) -> Option<()>,
    /// Lets a victim that sleeps in its operation go on.
    pub(crate) unblock: &'a dyn Fn(&W),
    /// Asked while the victim stands still for as long as this takes.
    pub(crate) while_stopped: &'a dyn Fn(&W) -> Result<(), Violation>,
    /// Survivors and successors go on without it; what became of the operation.
    pub(crate) check: &'a dyn Fn(W, &Fate) -> Result<&'static str, Violation>,
}

/// How far the victim had come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    /// The operation was over.
    pub(crate) ended: bool,
    /// It had slept in it and was let go on.
    pub(crate) unblocked: bool,
}

/// What must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Somebody waits for ever.
    Hang,
    /// What was committed does not arrive.
    Lost,
    /// It arrives twice.
    Repeated,
    /// Something arrives that nobody sent.
    Torn,
    /// What the dead held cannot be used again; or the living were robbed.
    Unusable,
}

/// Which instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// Each.
    Every,
    /// About so many, evenly, and all around system calls.
    Some(usize),
}

/// What came of one case.
pub(crate) struct Tally {
    pub(crate) name: &'static str,
    pub(crate) instructions: usize,
    pub(crate) kills: usize,
    pub(crate) stops: usize,
    pub(crate) outcomes: BTreeMap<&'static str, usize>,
    /// After how many instructions, and what.
    pub(crate) violations: Vec<(usize, Violation)>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<46} {:>12} {:>7} {:>7} {:>10} ",
            self.name,
            self.instructions,
            self.kills,
            self.stops,
            self.violations.len()
        )?;
        for (outcome, count) in &self.outcomes {
            write!(f, " {outcome} {count}")?;
        }
        Ok(())
    }
}

/// What came of many.
#[derive(Default)]
pub(crate) struct Sum([usize; 8]);

/// What is counted, in the order of [`Sum`].
const COUNTED: [&str; 8] = [
    "operations",
    "kills",
    "stops",
    "hangs",
    "losses",
    "repeats",
    "torn",
    "unusable",
];

impl Sum {
    pub(crate) fn of(tallies: &[Tally]) -> Self {
        let mut sum = Self::default();
        for tally in tallies {
            sum.add(&Self([1, tally.kills, tally.stops, 0, 0, 0, 0, 0]));
            for (_, violation) in &tally.violations {
                sum.0[match violation {
                    Violation::Hang => 3,
                    Violation::Lost => 4,
                    Violation::Repeated => 5,
                    Violation::Torn => 6,
                    Violation::Unusable => 7,
                }] += 1;
            }
        }
        sum
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, part) in self.0.iter_mut().zip(other.0) {
            *sum += part;
        }
    }

    /// What another program has said in a line.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut sum = Self::default();
        let mut parts = line.split(", ");
        for (count, name) in sum.0.iter_mut().zip(COUNTED) {
            let (number, counted) = parts.next()?.split_once(' ')?;
            *count = number.parse().ok().filter(|_| counted == name)?;
        }
        Some(sum)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (count, name)) in self.0.iter().zip(COUNTED).enumerate() {
            write!(f, "{}{count} {name}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// What the victim calls: the operation is what is between.
pub(crate) struct Marks(());

/// Between these it is led.
const MARK: Signal = Signal::STOP;

impl Marks {
    pub(crate) fn begin(&self) {
        let _ = trace::traceme();
        let _ = signal::raise(MARK);
    }

    pub(crate) fn end(&self) {
        let _ = signal::raise(MARK);
    }
}

/// Interrupts a wait for the victim so that its sleep is noticed: a step into a system
/// call ends when the call does.
struct Watch(#[expect(dead_code, reason = "deleted when dropped")] timer::Timer);

impl Watch {
    const INTERVAL: Duration = Duration::from_millis(2);

    fn begin() -> Self {
        extern "C" fn interrupt(_: Signal) {}
        let number = signal::real_time(3).unwrap();
        // SAFETY: the handler does nothing.
        action::set(number, unsafe { Action::handler(interrupt) }).unwrap();
        let me = rustix::thread::gettid();
        let notify = Notify::Thread(me, number, Payload::default());
        let timer = timer::create(Clock::Monotonic, notify).unwrap();
        timer.set(Schedule::every(Self::INTERVAL)).unwrap();
        Self(timer)
    }
}

/// Binds this thread, and the children it makes, to one processor: a step is two switches
/// from one process to the other, which is cheaper than waking another processor twice.
pub(crate) fn stay_here() {
    let mut here = rustix::thread::CpuSet::new();
    here.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &here).unwrap();
}

/// Where a victim was left.
enum Place {
    Stopped(Stopped),
    /// In the middle of a system call.
    Asleep(Running),
}

/// Leads a victim `steps` instructions far, or to its end.
///
/// `visit` sees it before every step.
fn lead<W>(
    case: &Case<'_, W>,
    world: &W,
    child: &Child,
    steps: usize,
    mut visit: impl FnMut(usize, &Stopped),
) -> (Place, Fate, usize) {
    let _watch = Watch::begin();
    let pid = Pid::from_raw(child.id()).unwrap();
    let mut fate = Fate::default();
    let running = trace::adopt(pid, Options::KILL_ON_EXIT);
    let Step::Stopped(mut stopped) = wait(running, child, false) else {
        unreachable!("sleep was not asked for")
    };
    assert_eq!(stopped.stop(), Stop::Signal(MARK), "{}", case.name);
    for step in 0..steps {
        visit(step, &stopped);
        let mut running = stopped.step(None).expect("a step");
        stopped = loop {
            match wait(running, child, true) {
                Step::Stopped(stopped) => break stopped,
                Step::Asleep(asleep) if step + 1 == steps => {
                    return (Place::Asleep(asleep), fate, steps);
                }
                Step::Asleep(asleep) => {
                    if !fate.unblocked {
                        fate.unblocked = true;
                        (case.unblock)(world);
                    }
                    running = asleep;
                }
            }
        };
        match stopped.stop() {
            Stop::Trap => {}
            Stop::Signal(MARK) => {
                fate.ended = true;
                return (Place::Stopped(stopped), fate, step + 1);
            }
            other => panic!("{}: {other:?} after {step} instructions", case.name),
        }
    }
    (Place::Stopped(stopped), fate, steps)
}

enum Step {
    Stopped(Stopped),
    Asleep(Running),
}

fn wait(mut running: Running, child: &Child, notice_sleep: bool) -> Step {
    let begin = Instant::now();
    loop {
        match running.wait() {
            Ok(Report::Stopped(stopped)) => return Step::Stopped(stopped),
            Ok(Report::Ended(ended)) => panic!("the victim {:?}", ended.state),
            Err(refused) => {
                assert_eq!(refused.errno, Errno::INTR);
                running = refused.tracee;
            }
        }
        assert!(begin.elapsed() < LIMIT, "the victim does not end its step");
        if notice_sleep && child.sleeps() {
            return Step::Asleep(running);
        }
    }
}

fn fork<W>(case: &Case<'_, W>, world: &W) -> Child {
    Child::fork(|| match (case.victim)(world, &Marks(())) {
        Some(()) => 0,
        None => 1,
    })
}

/// Ends a victim by `SIGKILL` after each of the instructions, and lets it stop and go on
/// after some.
pub(crate) fn run<W>(case: &Case<'_, W>, extent: Extent) -> Tally {
    run_at(case, extent, false)
}

/// As [`run`], of an operation that others see nothing of but its system calls: it is ended before
/// and after each of them, and at no other instruction.
pub(crate) fn run_at_calls<W>(case: &Case<'_, W>, extent: Extent) -> Tally {
    run_at(case, extent, true)
}

fn run_at<W>(case: &Case<'_, W>, extent: Extent, at_calls: bool) -> Tally {
    let mut tally = Tally {
        name: case.name,
        instructions: 0,
        kills: 0,
        stops: 0,
        outcomes: BTreeMap::new(),
        violations: Vec::new(),
    };
    // Once to the end, to know how long it is and where its system calls are.
    let mut calls = BTreeSet::new();
    let mut visit = |step, stopped: &Stopped| {
        if is_system_call(stopped) {
            calls.extend([step, step + 1, step + 2]);
        }
    };
    tally.instructions = kill(case, usize::MAX, &mut visit, &mut tally);
    let points: BTreeSet<usize> = match extent {
        Extent::Every if at_calls => calls,
        Extent::Some(count) if at_calls => {
            let skip = calls.len().div_ceil(count).max(1);
            calls.into_iter().step_by(skip).collect()
        }
        Extent::Every => (0..=tally.instructions).collect(),
        Extent::Some(count) => {
            let stride = (tally.instructions / count).max(1);
            let even = (0..=tally.instructions).step_by(stride);
            // Of many system calls, some.
            let skip = calls.len().div_ceil(2 * count).max(1);
            even.chain(calls.iter().copied().step_by(skip)).collect()
        }
    };
    let stops = match extent {
        Extent::Every => points.len().div_ceil(40).max(1),
        Extent::Some(_) => 4,
    };
    for (index, &steps) in points.iter().enumerate() {
        kill(case, steps, &mut |_, _| {}, &mut tally);
        if index % stops == 0 {
            stop(case, steps, &mut tally);
        }
    }
    println!("{tally}");
    tally
}

/// Returns how many instructions the victim lived for.
fn kill<W>(
    case: &Case<'_, W>,
    steps: usize,
    visit: &mut dyn FnMut(usize, &Stopped),
    tally: &mut Tally,
) -> usize {
    let world = (case.set_up)();
    let mut child = fork(case, &world);
    let (place, fate, lived) = lead(case, &world, &child, steps, visit);
    let running = match place {
        Place::Stopped(stopped) => stopped.kill(),
        Place::Asleep(running) => {
            running.kill().expect("that it lives");
            running
        }
    };
    let ended = running.wait_end().expect("its end");
    child.forget();
    assert!(matches!(
        ended.state,
        State::Signalled {
            signal: Signal::KILL,
            ..
        }
    ));
    tally.kills += 1;
    match (case.check)(world, &fate) {
        Ok(outcome) => *tally.outcomes.entry(outcome).or_default() += 1,
        Err(violation) => tally.violations.push((lived, violation)),
    }
    lived
}

/// As [`kill`], but the victim stops, goes on and comes to its end.
fn stop<W>(case: &Case<'_, W>, steps: usize, tally: &mut Tally) {
    let world = (case.set_up)();
    let mut child = fork(case, &world);
    let (place, mut fate, lived) = lead(case, &world, &child, steps, |_, _| {});
    let Place::Stopped(stopped) = place else {
        // Only one that stands still can be left standing; asleep it did not move
        // anyway. Dropped, the child is killed.
        return abandon(case, world, child, fate);
    };
    stopped.detach(Some(Signal::STOP)).expect("to leave it");
    let stopped = (case.while_stopped)(&world);
    let begin = Instant::now();
    // Its end stops it once more.
    let end = loop {
        child.signal(libc::SIGCONT);
        if let Some(end) = child.try_wait() {
            break end;
        }
        assert!(begin.elapsed() < LIMIT, "{}: it does not go on", case.name);
        if !fate.unblocked && child.sleeps() {
            fate.unblocked = true;
            (case.unblock)(&world);
        }
        std::thread::yield_now();
    };
    tally.stops += 1;
    if let Err(violation) = stopped {
        // Robbed, it could not go on.
        return tally.violations.push((lived, violation));
    }
    assert_eq!(end, crate::support::End::Exited(0), "{}", case.name);
    fate.ended = true;
    if let Err(violation) = (case.check)(world, &fate) {
        tally.violations.push((lived, violation));
    }
}

fn abandon<W>(case: &Case<'_, W>, world: W, mut child: Child, fate: Fate) {
    child.kill();
    child.wait();
    // Its survivors have to come to their ends.
    let _ = (case.check)(world, &fate);
}

/// Whether the next instruction is a system call.
fn is_system_call(stopped: &Stopped) -> bool {
    const INSTRUCTION: &[u8] = if cfg!(target_arch = "x86_64") {
        &[0x0f, 0x05]
    } else {
        &[0x01, 0x00, 0x00, 0xd4]
    };
    let mut bytes = [0; 4];
    let bytes = &mut bytes[..INSTRUCTION.len()];
    let pc = stopped.registers().expect("registers").pc();
    stopped.read(pc as usize, bytes).is_ok() && bytes == INSTRUCTION
}

/// Waits until `done`; whether it came to that before it must be called a hang.
pub(crate) fn comes_true(patience: Duration, done: impl Fn() -> bool) -> Result<(), Violation> {
    let begin = Instant::now();
    while !done() {
        if begin.elapsed() > patience {
            return Err(Violation::Hang);
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// A survivor; it ends by itself, with 0.
pub(crate) struct Survivor {
    child: core::cell::RefCell<Child>,
    ended: Cell<Option<i32>>,
}

impl Survivor {
    pub(crate) fn fork(body: impl FnOnce() -> i32) -> Self {
        Self {
            child: Child::fork(body).into(),
            ended: Cell::new(None),
        }
    }

    pub(crate) fn await_sleep(&self) {
        self.child.borrow().await_sleep();
    }

    pub(crate) fn has_exited(&self) -> bool {
        if self.ended.get().is_none() {
            self.ended.set(match self.child.borrow_mut().try_wait() {
                Some(crate::support::End::Exited(status)) => Some(status),
                Some(end) => panic!("a survivor {end:?}"),
                None => None,
            });
        }
        self.ended.get().is_some()
    }

    /// What it ended with, which it does in time.
    pub(crate) fn end(&self, patience: Duration) -> Result<i32, Violation> {
        comes_true(patience, || self.has_exited())?;
        Ok(self.ended.get().unwrap_or(0))
    }
}
