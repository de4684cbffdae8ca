//! What holds for calls that can wait, in a storm of signals: one every 100 microseconds to the
//! thread that waits. `tests/whole/storm.rs` holds every such call to it.

use core::fmt::Debug;
use core::time::Duration;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use rawipc::{Deadline, Errno, Short, Timespec};

use super::{LIMIT, Storm};

/// What a call does when a handler has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// It returns `EINTR`.
    Returns,
    /// It goes on.
    GoesOn,
}
use When::{GoesOn, Returns};

/// How long a call waits for what does not come.
pub(crate) const PATIENCE: Duration = Duration::from_millis(10);

/// How often it waits until it has been interrupted.
const ROUNDS: u32 = 1000;

/// How many signals come over calls that do not wait, some of which are in the kernel then.
const TRIED_SIGNALS: u64 = 200;

/// What comes across.
pub(crate) const MESSAGES: u32 = 96;

/// After so many messages a side pauses, for several signals.
const BETWEEN_PAUSES: u32 = 8;

const PAUSE: Duration = Duration::from_micros(400);

/// Why a call failed, whatever its error type.
pub(crate) trait Refusal: Debug {
    fn errno(&self) -> Option<Errno>;
}

impl Refusal for Errno {
    fn errno(&self) -> Option<Errno> {
        Some(*self)
    }
}

impl Refusal for Short {
    fn errno(&self) -> Option<Errno> {
        Some(self.error)
    }
}

impl Refusal for rawipc::socket::RecvError {
    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused(errno) => Some(*errno),
            _ => None,
        }
    }
}

impl Refusal for rawipc::ring::Error {
    fn errno(&self) -> Option<Errno> {
        match self {
            Self::TimedOut => Some(Errno::TIMEDOUT),
            Self::Kernel(errno) => Some(*errno),
            _ => None,
        }
    }
}

impl Refusal for rawipc::ring::broadcast::RecvError {
    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Ring(error) => error.errno(),
            _ => None,
        }
    }
}

impl Refusal for rawipc::seccomp::notify::Error {
    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Errno(errno) => Some(*errno),
            Self::Gone => None,
        }
    }
}

impl Refusal for rawipc::ring::AttachError {
    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Occupied | Self::Leased => Some(Errno::TIMEDOUT),
            Self::Kernel(errno) => Some(*errno),
            _ => None,
        }
    }
}

impl Refusal for rawipc::rendezvous::Error {
    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel(errno) => Some(*errno),
            _ => None,
        }
    }
}

/// Ends the test program, with a name, when what it was made for takes too long: a call
/// that hangs can be ended in no other way.
pub(crate) struct Watch {
    _over: mpsc::Sender<()>,
}

impl Watch {
    pub(crate) fn begin(name: &str) -> Self {
        let (over, ended) = mpsc::channel::<()>();
        let name = name.to_owned();
        thread::spawn(move || {
            if ended.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{name} hangs in a storm of signals");
                std::process::abort();
            }
        });
        Self { _over: over }
    }
}

/// A call that waits for what does not come, and its form with a deadline.
pub(crate) fn thin<T: Debug, E: Refusal>(
    name: &str,
    plain: impl FnMut() -> Result<T, E>,
    until: impl FnMut(Deadline) -> Result<T, E>,
) {
    is_interrupted(name, plain);
    keeps_its_deadline(name, GoesOn, until);
}

/// A call without a deadline.
pub(crate) fn is_interrupted<T: Debug, E: Refusal>(
    name: &str,
    mut plain: impl FnMut() -> Result<T, E>,
) {
    let _watch = Watch::begin(name);
    let _storm = Storm::begin();
    match plain() {
        Err(error) if error.errno() == Some(Errno::INTR) => {}
        other => panic!("{name}: {other:?} and not EINTR"),
    }
}

/// A call with a deadline: it is over when that has passed and not before.
pub(crate) fn keeps_its_deadline<T: Debug, E: Refusal>(
    name: &str,
    when: When,
    mut until: impl FnMut(Deadline) -> Result<T, E>,
) {
    let _watch = Watch::begin(name);
    let mut interrupted = 0;
    let mut rounds = 0;
    // On a machine that is busy with other things, no signal may come in time.
    while interrupted == 0 {
        rounds += 1;
        assert!(rounds < ROUNDS, "{name} is never interrupted");
        let storm = Storm::begin();
        let deadline = Deadline::after(PATIENCE);
        loop {
            match until(deadline) {
                Err(error) if error.errno() == Some(Errno::INTR) && when == Returns => {
                    interrupted += 1;
                }
                Err(error) if error.errno() == Some(Errno::TIMEDOUT) => break,
                other => panic!("{name}: {other:?} until a deadline"),
            }
        }
        assert!(deadline.has_passed(), "{name} was over before its deadline");
        if when == GoesOn {
            interrupted = storm.handled();
        }
    }
    // Whatever numbers a moment is given by, it is one.
    for moment in PAST {
        match until(Deadline::At(moment)) {
            Err(error) if error.errno() == Some(Errno::TIMEDOUT) => {}
            other => panic!("{name}: {other:?} until {moment:?}"),
        }
    }
}

/// A call that does not wait, for what is not there: it says so and nothing else, however
/// many signals are pending when it begins.
pub(crate) fn is_not_interrupted<T: Debug, E: Refusal>(
    name: &str,
    not_now: Errno,
    mut attempt: impl FnMut() -> Result<T, E>,
) {
    let _watch = Watch::begin(name);
    let storm = Storm::begin();
    while storm.handled() < TRIED_SIGNALS {
        match attempt() {
            Err(error) if error.errno() == Some(not_now) => {}
            other => panic!("{name}: {other:?} and not {not_now}"),
        }
    }
}

const fn at(tv_sec: i64, tv_nsec: i64) -> Timespec {
    Timespec { tv_sec, tv_nsec }
}

/// Moments that have passed, among them some from before the clock's zero and some that
/// no kernel takes as they are.
const PAST: [Timespec; 8] = [
    at(0, 0),
    at(-1, 0),
    at(0, -1),
    at(0, i64::MIN),
    at(i64::MIN, i64::MIN),
    at(i64::MIN, i64::MAX),
    at(-1, 999_999_999),
    at(0, i64::MAX),
];

/// Moments that nobody lives to see, likewise.
const FAR: [Timespec; 4] = [
    at(i64::MAX, 0),
    at(i64::MAX, i64::MAX),
    at(i64::MAX, i64::MIN),
    at(i64::MAX / 2, 1_000_000_000),
];

/// Numbers that one thread puts in and another takes out, both in the storm: they all
/// arrive, once and in order.
pub(crate) fn all_arrive<E: Refusal, F: Refusal>(
    name: &str,
    when: When,
    mut put: impl FnMut(u32) -> Result<(), E> + Send,
    mut take: impl FnMut(u32) -> Result<u32, F>,
) {
    let _watch = Watch::begin(name);
    thread::scope(|scope| {
        scope.spawn(move || {
            let _storm = Storm::begin();
            for number in 0..MESSAGES {
                pause(number);
                let () = insist(name, when, || put(number));
            }
        });
        let _storm = Storm::begin();
        for number in 0..MESSAGES {
            pause(number + BETWEEN_PAUSES / 2);
            let taken = insist(name, when, || take(number));
            assert_eq!(taken, number, "{name}");
        }
    });
}

/// Lets the other side wait, now and then.
fn pause(number: u32) {
    let begin = Instant::now();
    while number.is_multiple_of(BETWEEN_PAUSES) && begin.elapsed() < PAUSE {
        thread::yield_now();
    }
}

/// Calls again when interrupted, if the call says so.
pub(crate) fn insist<T, E: Refusal>(
    name: &str,
    when: When,
    mut call: impl FnMut() -> Result<T, E>,
) -> T {
    loop {
        match call() {
            Ok(value) => return value,
            Err(error) if error.errno() == Some(Errno::INTR) && when == Returns => {}
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
}

/// One of them.
pub(crate) fn far(number: u32) -> Deadline {
    Deadline::At(FAR[number as usize / 4 % FAR.len()])
}

/// Both forms of a call, in turn.
#[macro_export]
macro_rules! in_turn {
    ($number:expr, || $plain:expr, |$deadline:ident| $until:expr $(,)?) => {
        if $number.is_multiple_of(2) {
            $plain
        } else {
            let $deadline = match $number % 4 {
                1 => $crate::support::limit(),
                _ => $crate::support::interrupted::far($number),
            };
            $until
        }
    };
}

/// Calls until there is no room, or nothing, any more.
pub(crate) fn exhaust<T>(mut attempt: impl FnMut() -> Result<T, Errno>) -> usize {
    let mut done = 0;
    while attempt()
        .map_err(|errno| assert_eq!(errno, Errno::AGAIN))
        .is_ok()
    {
        done += 1;
    }
    done
}

pub(crate) const fn decode(bytes: [u8; 4]) -> u32 {
    u32::from_ne_bytes(bytes)
}
