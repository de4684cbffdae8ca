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
use rawipc::trace::{self, Breakpoint, Options, Report, Running, Stop, Stopped};
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
    /// Each; of the rounds of a loop that only pauses, the first ones and the last one.
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

/// The way of a victim through its operation, as it went once, instruction by instruction.
#[derive(Default)]
struct Way {
    /// Where each instruction is.
    addresses: Vec<usize>,
    /// How often the victim had been there then, this time included.
    times: Vec<usize>,
    /// After how many instructions there is a system call, has been, and one more has.
    calls: BTreeSet<usize>,
    /// After how many instructions it is in the middle of rounds that only pause.
    idle: BTreeSet<usize>,
    /// What is known of each instruction, by its address.
    known: BTreeMap<usize, Known>,
    /// After how many instructions it was about to pause, the last time.
    paused: Option<usize>,
}

/// What is known of an instruction.
struct Known {
    is_call: bool,
    is_pause: bool,
    /// How often the victim has been there.
    times: usize,
}

impl Way {
    /// How many single steps a stop at a breakpoint costs.
    const PER_STOP: usize = 4;

    /// How many instructions a round may have that does nothing but pause and count.
    const PER_PAUSE: usize = 4;

    /// How many such rounds at one place are no idle ones: to die in each of a thousand shows no more.
    const ROUNDS: usize = 16;

    /// Notes where the victim is.
    fn note(&mut self, stopped: &Stopped) {
        let step = self.addresses.len();
        let address = stopped.registers().expect("registers").pc();
        let unknown = || Known {
            is_call: is_at(stopped, address, SYSTEM_CALL),
            is_pause: is_at(stopped, address, PAUSE),
            times: 0,
        };
        let known = self.known.entry(address).or_insert_with(unknown);
        known.times += 1;
        self.addresses.push(address);
        self.times.push(known.times);
        if known.is_call {
            self.calls.extend([step, step + 1, step + 2]);
        }
        if known.is_pause {
            let last = self.paused.replace(step).unwrap_or(0);
            if known.times > Self::ROUNDS && step - last <= Self::PER_PAUSE {
                self.idle.extend(last + 1..=step);
            }
        }
    }

    /// After how many instructions to stop at a breakpoint, so that it takes the least from there
    /// to what comes behind `steps` instructions. The last of them is always a single step.
    fn shortcut(&self, steps: usize) -> Option<usize> {
        let saved = |&step: &usize| step.checked_sub(Self::PER_STOP * self.times[step]);
        let steps = (0..steps.min(self.addresses.len())).filter(|step| saved(step).is_some());
        steps.max_by_key(saved)
    }
}

/// How far to lead a victim.
enum Goal<'a> {
    /// To its end, noting its way.
    End(&'a mut Way),
    /// So many instructions, on a way that is known.
    Steps(usize, &'a Way),
}

/// A victim on its way.
struct Led<'a, W> {
    case: &'a Case<'a, W>,
    world: &'a W,
    child: &'a Child,
    fate: Fate,
}

impl<W> Led<'_, W> {
    /// Waits until the victim stops, and lets one that sleeps go on; unless it `may_sleep`.
    fn stop(&mut self, mut running: Running, may_sleep: bool) -> Place {
        loop {
            running = match wait(running, self.child, true) {
                Step::Stopped(stopped) => {
                    self.fate.ended |= stopped.stop() == Stop::Signal(MARK);
                    let is_as_led = self.fate.ended || stopped.stop() == Stop::Trap;
                    assert!(is_as_led, "{}: {:?}", self.case.name, stopped.stop());
                    return Place::Stopped(stopped);
                }
                Step::Asleep(asleep) if may_sleep => return Place::Asleep(asleep),
                Step::Asleep(asleep) => asleep,
            };
            if !self.fate.unblocked {
                self.fate.unblocked = true;
                (self.case.unblock)(self.world);
            }
        }
    }

    /// One instruction further.
    fn step(&mut self, stopped: Stopped, may_sleep: bool) -> Place {
        self.stop(stopped.step(None).expect("a step"), may_sleep)
    }

    /// To `address` for the `times`th time, or to the end: others may be faster this time.
    fn run(&mut self, mut stopped: Stopped, address: usize, times: usize) -> Stopped {
        for time in 1..=times {
            let breakpoint = Breakpoint::insert(&stopped, address).expect("a breakpoint");
            let running = stopped.cont(None).expect("it goes on");
            stopped = self.awake(running);
            breakpoint.remove(&stopped).expect("it is there");
            if self.fate.ended {
                break;
            }
            breakpoint.rewind(&stopped).expect("registers");
            if time < times {
                let running = stopped.step(None).expect("a step");
                stopped = self.awake(running);
            }
        }
        stopped
    }

    fn awake(&mut self, running: Running) -> Stopped {
        match self.stop(running, false) {
            Place::Stopped(stopped) => stopped,
            Place::Asleep(_) => unreachable!("it was to go on"),
        }
    }
}

/// Leads a victim as far as that, or to its end; returns how far it has come.
fn lead<W>(
    case: &Case<'_, W>,
    world: &W,
    child: &Child,
    goal: &mut Goal<'_>,
) -> (Place, Fate, usize) {
    let _watch = Watch::begin();
    let pid = Pid::from_raw(child.id()).unwrap();
    let running = trace::adopt(pid, Options::KILL_ON_EXIT);
    let Step::Stopped(mut stopped) = wait(running, child, false) else {
        unreachable!("sleep was not asked for")
    };
    assert_eq!(stopped.stop(), Stop::Signal(MARK), "{}", case.name);
    let fate = Fate::default();
    let mut led = Led {
        case,
        world,
        child,
        fate,
    };
    let (mut step, mut steps) = (0, usize::MAX);
    if let Goal::Steps(goal, way) = goal {
        steps = *goal;
        if let Some(first) = way.shortcut(steps) {
            stopped = led.run(stopped, way.addresses[first], way.times[first]);
            step = first;
        }
    }
    while step < steps && !led.fate.ended {
        if let Goal::End(way) = goal {
            way.note(&stopped);
        }
        step += 1;
        stopped = match led.step(stopped, step == steps) {
            Place::Stopped(stopped) => stopped,
            asleep => return (asleep, led.fate, step),
        };
    }
    (Place::Stopped(stopped), led.fate, step)
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
    // Once to the end, to know its way.
    let mut way = Way::default();
    tally.instructions = kill(case, &mut Goal::End(&mut way), &mut tally);
    let calls = &way.calls;
    let points: BTreeSet<usize> = match extent {
        Extent::Every if at_calls => calls.clone(),
        Extent::Some(count) if at_calls => {
            let skip = calls.len().div_ceil(count).max(1);
            calls.iter().copied().step_by(skip).collect()
        }
        Extent::Every => (0..=tally.instructions)
            .filter(|steps| !way.idle.contains(steps))
            .collect(),
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
        kill(case, &mut Goal::Steps(steps, &way), &mut tally);
        if index % stops == 0 {
            stop(case, &mut Goal::Steps(steps, &way), &mut tally);
        }
    }
    println!("{tally}");
    tally
}

/// Returns how many instructions the victim lived for.
fn kill<W>(case: &Case<'_, W>, goal: &mut Goal<'_>, tally: &mut Tally) -> usize {
    let world = (case.set_up)();
    let mut child = fork(case, &world);
    let (place, fate, lived) = lead(case, &world, &child, goal);
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
fn stop<W>(case: &Case<'_, W>, goal: &mut Goal<'_>, tally: &mut Tally) {
    let world = (case.set_up)();
    let mut child = fork(case, &world);
    let (place, mut fate, lived) = lead(case, &world, &child, goal);
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

/// A system call.
const SYSTEM_CALL: &[u8] = if cfg!(target_arch = "x86_64") {
    &[0x0f, 0x05]
} else {
    &[0x01, 0x00, 0x00, 0xd4]
};

/// What a loop that waits for another processor consists of.
const PAUSE: &[u8] = if cfg!(target_arch = "x86_64") {
    &[0xf3, 0x90]
} else {
    &[0xdf, 0x3f, 0x03, 0xd5]
};

/// Whether this is the instruction at `address`.
fn is_at(stopped: &Stopped, address: usize, instruction: &[u8]) -> bool {
    let mut bytes = [0; 4];
    let bytes = &mut bytes[..instruction.len()];
    stopped.read(address, bytes).is_ok() && bytes == instruction
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
