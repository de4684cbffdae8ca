//! Explores a model: without faults, then once for each fault that it is to bear.

use std::cell::RefCell;
use std::sync::{Arc, Once, Weak};

use crate::process;
use crate::word::Sleeper;

/// The bytes of a region whose model does not say.
const MEMORY: usize = 32;

/// The faults of one exploration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Which process is stopped, and before which of its atomic steps, counted from 1.
    stop: Option<(usize, usize)>,
    /// Which process dies, and at which of its atomic steps, counted from 1.
    death: Option<(usize, usize)>,
    /// Which sleep ends early, counted from 1 in the order of an execution, and how.
    early: Option<(usize, Early)>,
}

/// Which faults happened in any execution of an exploration.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    stop: bool,
    death: bool,
    early: bool,
}

/// An obstacle in the way of every process, which most often keeps the kernel from waking sleepers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hindrance {
    /// Nothing does.
    #[default]
    None,
    /// `FUTEX_WAKE_OP` is refused, as by a filter of system calls that does not know it.
    NoWakeOp,
    /// Every wake is refused.
    NoWake,
    /// A stranger waits at every word for a lock: `FUTEX_WAKE_OP` adds, and nobody is woken.
    Stranger,
    /// `membarrier` is refused: nobody registers, and no barrier is one.
    NoBarrier,
    /// `futex_waitv` is refused, as by an older kernel: who sleeps on one word alone is not woken at
    /// another, and time passes.
    NoWaitV,
    /// A hostile peer writes to a word that is not zero just before each compare-and-swap of it.
    Scribbler,
}

/// How a sleep ends without a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    TimedOut,
    Interrupted,
}

/// The state of one execution that loom does not keep.
#[derive(Default)]
struct World {
    faults: Faults,
    memory: usize,
    rechecks: bool,
    hindrance: Hindrance,
    /// To which processes barriers are refused: `None` is who begins the model.
    without_barriers: Vec<Option<usize>>,
    reached: Reached,
    executions: usize,
    sleeps: usize,
    /// How many threads have a number.
    numbers: u32,
    /// Deaths, and wakes that were hindered or spent on the dead.
    delays: usize,
    /// Those asleep with a deadline.
    sleepers: Vec<Weak<Sleeper>>,
    /// A line for each step that was done, if a trace was asked for.
    trace: Option<Vec<String>>,
}

// All threads of a model run on the one that explores it.
std::thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

fn world<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(f)
}

/// A model to be explored.
#[derive(Clone, Debug)]
#[must_use = "`check` explores it"]
pub struct Model {
    preemptions: usize,
    memory: usize,
    stopped: Vec<usize>,
    killed: Vec<usize>,
    early: bool,
    rechecks: bool,
    hindrance: Hindrance,
    without_barriers: Vec<Option<usize>>,
}

impl Model {
    /// Creates a model with at most `preemptions` switches between threads that run.
    pub fn new(preemptions: usize) -> Self {
        Self {
            preemptions,
            memory: MEMORY,
            stopped: Vec::new(),
            killed: Vec::new(),
            early: false,
            rechecks: true,
            hindrance: Hindrance::None,
            without_barriers: Vec::new(),
        }
    }

    /// Allows so many switches instead, where time does not matter: where `RAWIPC_MODEL_DEEP` is set.
    pub fn deep(mut self, preemptions: usize) -> Self {
        if std::env::var_os("RAWIPC_MODEL_DEEP").is_some() {
            self.preemptions = preemptions;
        }
        self
    }

    /// Sets the size of regions in bytes (default: 32).
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Also kills the [`process`](crate::process) of this number, once at each of its atomic
    /// steps.
    pub fn killing(mut self, process: usize) -> Self {
        self.killed.push(process);
        self
    }

    /// Also stops the [`process`](crate::process) of this number, once before each of its atomic
    /// steps, until it is told to go on; and with each stop explores everything else that is asked
    /// for.
    pub fn stopping(mut self, process: usize) -> Self {
        self.stopped.push(process);
        self
    }

    /// Hinders every process.
    pub fn hindered(mut self, hindrance: Hindrance) -> Self {
        self.hindrance = hindrance;
        self
    }

    /// Refuses barriers ([`Hindrance::NoBarrier`]) to the [`process`](crate::process) of this number,
    /// or to the thread that begins the model.
    pub fn without_barriers(mut self, process: Option<usize>) -> Self {
        self.without_barriers.push(process);
        self
    }

    /// Turns off the time-outs that a death causes, or a wake that is hindered: what happens
    /// after it must wake.
    pub fn without_rechecks(mut self) -> Self {
        self.rechecks = false;
        self
    }

    /// Also ends each sleep early, once by a time-out and once by an interruption.
    pub fn returning_early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Runs `f` in every order of its threads' steps, with each fault asked for; panics if a
    /// thread panics, or if all of them wait for ever.
    pub fn check(self, f: impl Fn() + Send + Sync + 'static) {
        let f: Arc<dyn Fn() + Send + Sync> = Arc::new(f);
        self.explore_deaths(Faults::default(), &f);
        for &process in &self.stopped {
            for step in 1.. {
                let stop = Some((process, step));
                let faults = Faults {
                    stop,
                    ..Faults::default()
                };
                if !self.explore_deaths(faults, &f).stop {
                    assert_ne!(step, 1, "process {process} does nothing");
                    break;
                }
            }
        }
    }

    /// Explores what `faults` says by itself, then with each death. Returns whether the stop
    /// happened: if it did not, there is no more to explore.
    fn explore_deaths(&self, faults: Faults, f: &Arc<dyn Fn() + Send + Sync>) -> Reached {
        let reached = self.explore(faults, f);
        if faults.stop.is_some() && !reached.stop {
            return reached;
        }
        self.explore_early(faults, f);
        for &process in &self.killed {
            for step in 1.. {
                let faults = Faults {
                    death: Some((process, step)),
                    ..faults
                };
                if !self.explore(faults, f).death {
                    // A fault that cannot happen is a model that shows nothing.
                    assert_ne!(step, 1, "process {process} does nothing");
                    break;
                }
                self.explore_early(faults, f);
            }
        }
        reached
    }

    /// Explores that each sleep ends early, one at a time, with these other faults.
    fn explore_early(&self, faults: Faults, f: &Arc<dyn Fn() + Send + Sync>) {
        if !self.early {
            return;
        }
        for kind in [Early::TimedOut, Early::Interrupted] {
            for sleep in 1.. {
                let early = Some((sleep, kind));
                if !self.explore(Faults { early, ..faults }, f).early {
                    break;
                }
            }
        }
    }

    /// Explores the model with these faults; returns whether they ever happened.
    fn explore(&self, faults: Faults, f: &Arc<dyn Fn() + Send + Sync>) -> Reached {
        tell_faults_of_panics();
        world(|world| {
            *world = World {
                faults,
                memory: self.memory,
                rechecks: self.rechecks,
                hindrance: self.hindrance,
                without_barriers: self.without_barriers.clone(),
                trace: std::env::var_os("RAWIPC_MODEL_TRACE").map(|_| Vec::new()),
                ..World::default()
            };
        });
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(self.preemptions);
        builder.max_branches = 5_000;
        let f = f.clone();
        builder.check(move || {
            world(|world| {
                world.executions += 1;
                world.sleeps = 0;
                world.numbers = 0;
                world.delays = 0;
                world.sleepers.clear();
                if let Some(trace) = &mut world.trace {
                    trace.clear();
                }
            });
            f();
        });
        if std::env::var_os("RAWIPC_MODEL_COUNTS").is_some() {
            eprintln!("{} executions: {faults:?}", world(|world| world.executions));
        }
        world(|world| world.reached)
    }
}

/// Has panics say with which faults, and what was done before if that was kept: at once, as
/// loom may end the process when a panic unwinds.
fn tell_faults_of_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            WORLD.with(|world| {
                let Ok(mut world) = world.try_borrow_mut() else {
                    return;
                };
                for step in world.trace.take().into_iter().flatten() {
                    eprintln!("{step}");
                }
                let Faults { stop, death, early } = world.faults;
                if let Some((process, step)) = stop {
                    eprintln!("process {process} was stopped before its atomic step {step}");
                }
                if let Some((process, step)) = death {
                    eprintln!("process {process} was killed at its atomic step {step}");
                }
                if let Some((sleep, kind)) = early {
                    eprintln!("sleep {sleep} ended early: {kind:?}");
                }
            });
        }));
    });
}

/// The bytes that a region has.
pub(crate) fn memory() -> usize {
    world(|world| world.memory)
}

/// Returns whether `process` dies at its atomic step `step`.
pub(crate) fn dies(process: usize, step: usize) -> bool {
    world(|world| {
        let dies = world.faults.death == Some((process, step));
        world.reached.death |= dies;
        dies
    })
}

/// Returns whether `process` is stopped before its atomic step `step`.
pub(crate) fn stops(process: usize, step: usize) -> bool {
    world(|world| {
        let stops = world.faults.stop == Some((process, step));
        world.reached.stop |= stops;
        stops
    })
}

/// Counts a sleep, with a deadline or without; returns how it ends if that is early.
pub(crate) fn sleep_begins(timed: bool) -> Option<Early> {
    world(|world| {
        let (at, kind) = world.faults.early?;
        if kind == Early::TimedOut && !timed {
            return None;
        }
        world.sleeps += 1;
        let early = world.sleeps == at;
        world.reached.early |= early;
        early.then_some(kind)
    })
}

/// The obstacle of this model.
pub(crate) fn hindrance() -> Hindrance {
    world(|world| world.hindrance)
}

/// Returns whether barriers are refused to this process.
pub(crate) fn are_barriers_refused_here() -> bool {
    let process = process::index();
    world(|world| {
        world.hindrance == Hindrance::NoBarrier || world.without_barriers.contains(&process)
    })
}

/// Returns whether barriers are refused to any process.
pub(crate) fn are_barriers_refused() -> bool {
    world(|world| world.hindrance == Hindrance::NoBarrier || !world.without_barriers.is_empty())
}

/// How often sleeps of one thread may have timed out because of deaths and hindered wakes:
/// twice for each, as who looks may first find what the dead one has left.
pub(crate) fn patience() -> usize {
    world(|world| if world.rechecks { 2 * world.delays } else { 0 })
}

/// Returns a number that no other thread of this execution has.
pub(crate) fn next_number() -> u32 {
    world(|world| {
        world.numbers += 1;
        world.numbers
    })
}

/// Keeps in mind that somebody sleeps with a deadline.
pub(crate) fn asleep(sleeper: &Arc<Sleeper>) {
    world(|world| world.sleepers.push(Arc::downgrade(sleeper)));
}

/// A process has died, or nobody who lives was woken: time passes for those who sleep.
pub(crate) fn time_passes() {
    let sleepers = world(|world| {
        world.delays += 1;
        if world.rechecks {
            std::mem::take(&mut world.sleepers)
        } else {
            Vec::new()
        }
    });
    for sleeper in sleepers.iter().filter_map(Weak::upgrade) {
        sleeper.time_passes();
    }
}

/// Keeps in mind what a thread has done, if it is to be told when the model fails: with
/// `RAWIPC_MODEL_TRACE` set.
pub(crate) fn trace(done: impl FnOnce() -> String) {
    if world(|world| world.trace.is_some()) {
        let line = format!("{:?}: {}", loom::thread::current().id(), done());
        world(|world| {
            if let Some(trace) = &mut world.trace {
                trace.push(line);
            }
        });
    }
}
