//! What readers have read of a writer, while processes of both kinds are killed and stopped at
//! random: each value whole, none older than what had been written when the read began, none
//! before it was written, and none of them going back.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::Error;
use rawipc::ring::latest::{Reader, Value};

use crate::support::{Child, Choices, End, LIMIT, LeakCheck, let_go_on};

/// Each value is its number, so often.
const LEN: usize = 24;
type Long = [u64; LEN];

const READERS: usize = 4;
/// Of them with a seat; one of them is not always killed in it.
const SEATS: usize = 3;

const TORN: i32 = 2;
const OLD: i32 = 3;
const INVENTED: i32 = 4;
const FAILED: i32 = 5;

/// What all processes see.
struct Ledger(Mapping);

impl Ledger {
    fn new() -> Self {
        Self(MapOptions::shared(4096).map_anonymous().unwrap())
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        self.0.object(index * 64).unwrap()
    }

    /// The last value whose writing has begun, and has ended.
    fn begun(&self) -> &AtomicU64 {
        self.word(0)
    }
    fn ended(&self) -> &AtomicU64 {
        self.word(1)
    }

    /// How many values have been written and read in all.
    fn calls(&self) -> &AtomicU64 {
        self.word(2)
    }

    fn is_over(&self) -> &AtomicU64 {
        self.word(3)
    }
}

fn write(value: &Value<Long>, ledger: &Ledger) -> i32 {
    let Ok(mut writer) = value.writer_until(Deadline::after(LIMIT)) else {
        return FAILED;
    };
    while ledger.is_over().load(Ordering::Relaxed) == 0 {
        let number = writer.version() + 1;
        ledger.begun().store(number, Ordering::Release);
        if writer.write(&[number; LEN]).is_err() {
            return FAILED;
        }
        ledger.ended().store(number, Ordering::Release);
        ledger.calls().fetch_add(1, Ordering::Relaxed);
    }
    writer.detach();
    0
}

fn read(value: &Value<Long>, ledger: &Ledger, seed: u64) -> i32 {
    let Ok(mut reader) = value.reader() else {
        return FAILED;
    };
    let mut choices = Choices::new(seed);
    let mut last = 0;
    while ledger.is_over().load(Ordering::Relaxed) == 0 {
        let ended = ledger.ended().load(Ordering::Acquire);
        let least = last.max(ended);
        let number = match read_one(&mut reader, &mut choices) {
            Ok(long) if long.iter().any(|word| *word != long[0]) => return TORN,
            Ok(long) => long[0],
            // Faster than it, or none yet; in vain; between two writers.
            Err(Error::WouldBlock | Error::TimedOut | Error::PeerDied) => continue,
            Err(_) => return FAILED,
        };
        if number < least || number != reader.version() {
            return OLD;
        }
        if number > ledger.begun().load(Ordering::Acquire) {
            return INVENTED;
        }
        last = number;
        ledger.calls().fetch_add(1, Ordering::Relaxed);
    }
    0
}

fn read_one(reader: &mut Reader<Long>, choices: &mut Choices) -> Result<Long, Error> {
    match choices.below(16) {
        0 => reader.read_newer_until(Deadline::after(Duration::from_millis(1))),
        1 => reader.try_read_newer(),
        _ => reader.read(),
    }
}

/// Runs until so many values have been written and read, beside about so many faults; returns kills
/// and stops.
fn run(calls: u64, faults: u64, seed: u64) -> (u64, u64) {
    let value = Value::<Long>::create(SEATS).unwrap();
    let ledger = Ledger::new();
    let mut choices = Choices::new(seed);
    let start = |place: usize, seed: u64| {
        Child::fork(|| match place {
            0 => write(&value, &ledger),
            _ => read(&value, &ledger, seed),
        })
    };
    let mut places: Vec<Child> = (0..=READERS).map(|place| start(place, 1)).collect();
    let (mut kills, mut stops) = (0, 0);
    let begin = Instant::now();
    let done = || ledger.calls().load(Ordering::Relaxed);
    while done() < calls {
        assert!(begin.elapsed() < 10 * LIMIT, "it does not go on");
        let_go_on(done, choices.below(2 * calls / faults));
        let place = choices.below(places.len() as u64) as usize;
        let child = &mut places[place];
        if choices.below(4) == 0 {
            child.signal(libc::SIGSTOP);
            stops += 1;
            let_go_on(done, choices.below(2 * calls / faults));
            child.signal(libc::SIGCONT);
            continue;
        }
        child.kill();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL), "place {place}");
        kills += 1;
        *child = start(place, choices.below(1 << 40));
    }
    ledger.is_over().store(1, Ordering::Relaxed);
    for (place, mut child) in places.into_iter().enumerate() {
        assert_eq!(child.wait(), End::Exited(0), "place {place}");
    }
    println!("{calls} values, {kills} kills, {stops} stops: 0 violations");
    (kills, stops)
}

#[test]
fn values_read_beside_random_deaths_are_whole_and_in_order() {
    let _check = LeakCheck::begin();
    run(600_000, 2000, 17);
}

#[test]
#[ignore = "ten million values"]
fn ten_million_values_read_beside_random_deaths_are_whole_and_in_order() {
    let _check = LeakCheck::begin();
    let (mut rounds, mut kills, mut stops) = (0, 0, 0);
    // Where others use the processors, too, there are fewer faults in a round.
    while rounds < 10 || kills < 1000 || stops < 300 {
        let more = run(1_000_000, 400, 23 + rounds);
        rounds += 1;
        kills += more.0;
        stops += more.1;
    }
    println!("{rounds}000000 values, {kills} kills, {stops} stops: 0 violations");
}
