//! What a search for chunks of the dead asks the kernel, counted in system calls.

use std::fs::File;
use std::os::fd::AsRawFd;

use rawipc::Deadline;
use rawipc::lock::{Kind, ofd};
use rawipc::process::State;
use rawipc::ring::Error;
use rawipc::ring::pool::{FAILURES_PER_LOOK, Pool, Producer};
use rawipc::trace::Options;

use super::{CHUNK, PAGE, memory, small};
use crate::support::tracee::{calls_between_marks, mark, seized};
use crate::support::{LeakCheck, limit};

const CHUNKS: usize = 3_000;

/// The most questions of one call.
const QUESTIONS: usize = 64;

/// Tries in vain until the next time would ask.
fn tire(producer: &Producer) -> bool {
    (1..FAILURES_PER_LOOK).all(|_| producer.try_loan(1).err() == Some(Error::WouldBlock))
}

/// How a child ended that does `what` with a producer of its own that is about to ask, and the system
/// calls of that.
#[track_caller]
fn calls_of(pool: &Pool, what: impl FnOnce(&Producer) -> bool) -> usize {
    let (_guard, at) = seized(Options::empty(), || {
        let Ok(producer) = pool.producer() else {
            return 2;
        };
        if !tire(&producer) {
            return 3;
        }
        mark();
        let as_expected = what(&producer);
        mark();
        i32::from(!as_expected)
    });
    let (state, calls) = calls_between_marks(at);
    assert_eq!(state, State::Exited(0));
    calls
}

fn is_in_vain(producer: &Producer) -> bool {
    producer.try_loan(1).err() == Some(Error::WouldBlock)
}

#[test]
fn search_asks_once_about_each_owner() {
    let _check = LeakCheck::begin();
    let pool = small(CHUNKS, 4);
    let owners = [(); 3].map(|()| pool.producer().unwrap());
    let loans: Vec<_> = (0..CHUNKS)
        .map(|chunk| owners[chunk % owners.len()].loan(1).unwrap())
        .collect();
    assert_eq!(calls_of(&pool, is_in_vain), owners.len());
    // And not again before it has failed as often again.
    assert_eq!(calls_of(&pool, |it| is_in_vain(it) && tire(it)), 3);
    drop(loans);
}

/// Each chunk has another owner, who lives, but for the last, whose owner has died.
#[test]
fn search_among_more_owners_than_there_can_be_goes_on_in_the_next_call() {
    let _check = LeakCheck::begin();
    let pool = small(CHUNKS, 4);
    let memory = memory(&pool);
    // By a description of its own: members ask by the one that they have in common.
    let path = format!("/proc/thread-self/fd/{}", pool.as_raw_fd());
    let locked = File::options().read(true).write(true).open(path).unwrap();
    let own = |chunk: usize, number: u64| {
        let at = 2 * PAGE + CHUNK * chunk;
        memory.write(at, &(1_u64 << 62 | number)).unwrap();
    };
    let last = CHUNKS - 1;
    for chunk in 0..last {
        own(chunk, 1_000 + chunk as u64);
    }
    own(last, 900);
    let numbers = (1 << 62) + 1_000..(1 << 62) + 1_000 + last as u64;
    let _lock = ofd::try_lock(&locked, numbers, Kind::Exclusive).unwrap();

    assert_eq!(calls_of(&pool, is_in_vain), QUESTIONS);
    // Who comes too late goes on with it, and not to its end.
    let late = Some(Error::TimedOut);
    let is_late = |producer: &Producer| producer.loan_until(1, Deadline::NOW).err() == late;
    let calls = calls_of(&pool, |producer| is_late(producer) && is_late(producer));
    assert!((2 * QUESTIONS..3 * QUESTIONS).contains(&calls), "{calls}");
    let parts = CHUNKS.div_ceil(QUESTIONS);
    let calls = calls_of(&pool, |producer| {
        (1..parts).all(|_| is_in_vain(producer)) && producer.try_loan(1).is_ok()
    });
    // That one has died it asks in two calls.
    assert_eq!(calls, CHUNKS + 1);
    // Who waits finds it too.
    own(last, 900);
    let producer = pool.producer().unwrap();
    let loan = producer.loan_until(1, limit()).unwrap();
    assert_eq!(producer.reclaimed().chunks, 1);
    // And when there is no more, it is told as soon as all have been looked at.
    let consumer = pool.consumer().unwrap();
    drop(consumer);
    assert_eq!(producer.loan_until(1, limit()).err(), Some(Error::Closed));
    drop(loan);
}
