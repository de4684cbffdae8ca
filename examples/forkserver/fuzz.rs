//! The loop: an input, its execution, what it passed; what is new is kept and changed
//! again, what crashes is examined and reported once.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::collections::BTreeSet;
use std::time::Instant;

use rawipc::Signal;
use rawipc::signal::{self, Set};

use crate::afl::Afl;
use crate::client::{Client, Failure};
use crate::memory::Answer;
use crate::mutate::{self, Random};
use crate::report::Printer;
use crate::trail::{Seen, Trail};
use crate::triage::{self, Scene};

/// A hang is one only if it takes so many times the limit: a busy machine is slow.
const SURE: u32 = 4;
/// How often to look whether this process is to end, while executions are short.
const LOOK: Duration = Duration::from_millis(10);

/// How an input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Clean,
    /// A status other than 0.
    Exit(u8),
    Crash(Signal),
    Hang,
    /// The allocator got no memory of this size, and the target ended by this signal.
    OutOfMemory {
        size: u64,
        signal: Signal,
    },
}

/// An input and all that is known about it.
pub(crate) struct Finding {
    pub(crate) input: Vec<u8>,
    pub(crate) verdict: Verdict,
    pub(crate) trail: u64,
    /// Of a signal: the scene, or why there is none.
    pub(crate) scene: Option<Result<Scene, String>>,
    /// After how many executions.
    pub(crate) execution: u64,
}

/// When to stop.
pub(crate) struct Goal {
    pub(crate) executions: u64,
    /// So many findings are all there are.
    pub(crate) findings: Option<usize>,
}

/// Why the loop has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    Found,
    Exhausted,
    Interrupted,
}

/// What tells findings apart: one of a kind and a trail is enough, and one of an exit
/// status.
type Key = (u32, u64);

/// A fork server that runs inputs.
pub(crate) trait Executor {
    fn run(&self, input: &[u8], limit: Duration) -> Result<Answer, Failure>;
    /// The coverage map, eight edges a word.
    fn words(&self) -> &[AtomicU64];
    /// The size of the memory that the last child did not get, or 0.
    fn refused(&self) -> u64;
    /// The scene of a crash, which is made to happen again; `None` if it does not.
    fn scene(&self, input: &[u8], limit: Duration) -> Result<Option<Scene>, Failure>;
}

impl Executor for Client {
    fn run(&self, input: &[u8], limit: Duration) -> Result<Answer, Failure> {
        self.memory().notes().refused.store(0, Relaxed);
        Client::run(self, input, limit)
    }

    fn words(&self) -> &[AtomicU64] {
        self.memory().words()
    }

    fn refused(&self) -> u64 {
        self.memory().notes().refused.load(Relaxed)
    }

    fn scene(&self, input: &[u8], limit: Duration) -> Result<Option<Scene>, Failure> {
        triage::examine(self, input, limit)
    }
}

impl Executor for Afl<'_> {
    fn run(&self, input: &[u8], limit: Duration) -> Result<Answer, Failure> {
        Afl::run(self, input, limit)
    }

    fn words(&self) -> &[AtomicU64] {
        Afl::words(self)
    }

    /// The protocol has no word for it.
    fn refused(&self) -> u64 {
        0
    }

    fn scene(&self, input: &[u8], limit: Duration) -> Result<Option<Scene>, Failure> {
        Afl::scene(self, input, limit)
    }
}

pub(crate) struct Fuzzer<'a> {
    client: &'a dyn Executor,
    limit: Duration,
    seen: Seen,
    trail: Trail,
    /// Inputs that passed something new.
    corpus: Vec<Vec<u8>>,
    known: BTreeSet<Key>,
    executions: u64,
    begin: Instant,
    /// When it was last looked for signals.
    looked: Instant,
}

/// A loop that was left.
enum Leave {
    Because(Stopped),
    Failed(Failure),
}

impl From<Failure> for Leave {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<'a> Fuzzer<'a> {
    pub(crate) fn new(client: &'a dyn Executor, limit: Duration) -> Self {
        Self {
            client,
            limit,
            seen: Seen::new(),
            trail: Trail::default(),
            corpus: Vec::new(),
            known: BTreeSet::new(),
            executions: 0,
            begin: Instant::now(),
            looked: Instant::now(),
        }
    }

    pub(crate) fn executions(&self) -> u64 {
        self.executions
    }

    pub(crate) fn findings(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn corpus(&self) -> usize {
        self.corpus.len()
    }

    pub(crate) fn edges(&self) -> usize {
        self.seen.edges()
    }

    /// Executions a second.
    pub(crate) fn speed(&self) -> f64 {
        self.executions as f64 / self.begin.elapsed().as_secs_f64()
    }

    /// Runs one input and finds out all about it.
    pub(crate) fn try_input(&mut self, input: Vec<u8>) -> Result<Finding, Failure> {
        let verdict = self.execute(&input)?;
        self.examine(input, verdict)
    }

    /// Fuzzes from the seed until the goal is reached.
    pub(crate) fn fuzz(
        &mut self,
        seed: &[u8],
        random: &mut Random,
        goal: &Goal,
        printer: &mut Printer,
    ) -> Result<Stopped, Failure> {
        match self.explore(seed, random, goal, printer) {
            Leave::Because(stopped) => Ok(stopped),
            Leave::Failed(Failure::Interrupted) => Ok(Stopped::Interrupted),
            Leave::Failed(failure) => Err(failure),
        }
    }

    fn explore(
        &mut self,
        seed: &[u8],
        random: &mut Random,
        goal: &Goal,
        printer: &mut Printer,
    ) -> Leave {
        let mut one = |fuzzer: &mut Self, input| fuzzer.step(input, goal, printer);
        if let Err(leave) = one(self, seed.to_vec()) {
            return leave;
        }
        // Where the seed itself is a finding there is nothing else to begin with.
        if self.corpus.is_empty() {
            self.corpus.push(seed.to_vec());
        }
        // Every byte of whatever is new once, and when there is nothing new any more
        // some by chance.
        let mut next = 0;
        loop {
            if let Some(input) = self.corpus.get(next).cloned() {
                next += 1;
                for step in 0.. {
                    let Some(changed) = mutate::one_byte(&input, step) else {
                        break;
                    };
                    if let Err(leave) = one(self, changed) {
                        return leave;
                    }
                }
            } else {
                let input = &self.corpus[random.below(self.corpus.len())];
                let other = &self.corpus[random.below(self.corpus.len())];
                let changed = mutate::by_chance(input, other, random);
                if let Err(leave) = one(self, changed) {
                    return leave;
                }
            }
        }
    }

    /// One input of the loop.
    fn step(&mut self, input: Vec<u8>, goal: &Goal, printer: &mut Printer) -> Result<(), Leave> {
        let verdict = self.execute(&input)?;
        let hash = self.trail.hash();
        if verdict == Verdict::Clean {
            if self.seen.add(&self.trail) {
                self.corpus.push(input);
            }
        } else if !self.known.contains(&verdict.key(hash)) {
            let finding = self.examine(input, verdict)?;
            // A hang may have turned out to be none.
            if finding.verdict != Verdict::Clean
                && self.known.insert(finding.verdict.key(finding.trail))
            {
                printer.finding(&finding);
            }
        }
        printer.progress(self);
        if printer.broken || self.is_to_end() {
            return Err(Leave::Because(Stopped::Interrupted));
        }
        if goal.findings.is_some_and(|all| self.known.len() >= all) {
            return Err(Leave::Because(Stopped::Found));
        }
        if self.executions >= goal.executions {
            return Err(Leave::Because(Stopped::Exhausted));
        }
        Ok(())
    }

    fn is_to_end(&mut self) -> bool {
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        signal::try_wait(Set::of([Signal::INT, Signal::TERM])).is_ok()
    }

    fn execute(&mut self, input: &[u8]) -> Result<Verdict, Failure> {
        self.execute_within(input, self.limit)
    }

    fn execute_within(&mut self, input: &[u8], limit: Duration) -> Result<Verdict, Failure> {
        let answer = self.client.run(input, limit)?;
        self.executions += 1;
        self.trail.take(self.client.words());
        let refused = self.client.refused();
        Ok(match answer {
            Answer::Exited(0) => Verdict::Clean,
            Answer::Exited(status) => Verdict::Exit(status),
            Answer::Killed(signal) if refused != 0 => Verdict::OutOfMemory {
                size: refused,
                signal,
            },
            Answer::Killed(signal) => Verdict::Crash(signal),
            Answer::Hung => Verdict::Hang,
            Answer::Failed(errno) => return Err(errno.into()),
        })
    }

    /// Makes sure of the verdict, and looks at the scene if a signal ended it.
    fn examine(&mut self, input: Vec<u8>, verdict: Verdict) -> Result<Finding, Failure> {
        let verdict = match verdict {
            Verdict::Hang => self.execute_within(&input, self.limit * SURE)?,
            sure => sure,
        };
        let trail = self.trail.hash();
        let execution = self.executions;
        let scene = match verdict {
            Verdict::Crash(_) | Verdict::OutOfMemory { .. } => {
                let scene = self.client.scene(&input, self.limit * SURE);
                self.executions += 1;
                self.trail.take(self.client.words());
                Some(match scene {
                    Ok(Some(scene)) => Ok(scene),
                    Ok(None) => Err("did not happen again".into()),
                    Err(Failure::Kernel(errno)) => Err(format!("cannot be traced: {errno}")),
                    Err(failure) => return Err(failure),
                })
            }
            _ => None,
        };
        Ok(Finding {
            input,
            verdict,
            trail,
            scene,
            execution,
        })
    }
}

impl Verdict {
    fn key(self, trail: u64) -> Key {
        match self {
            Self::Clean => (0, trail),
            Self::Exit(status) => (0x100 | u32::from(status), 0),
            Self::Crash(signal) => (0x200 | signal.as_raw() as u32, trail),
            Self::Hang => (0x300, trail),
            Self::OutOfMemory { .. } => (0x400, trail),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Exit(_) => "exit",
            Self::Crash(_) => "crash",
            Self::Hang => "hang",
            Self::OutOfMemory { .. } => "out of memory",
        }
    }
}
