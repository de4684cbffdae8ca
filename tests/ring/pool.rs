//! Pools of chunks: what they carry, what they refuse, and what they do when a peer dies, leaves
//! or lies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
mod history;
mod questions;
mod storm;
mod uncontended;

use crate::support;

use std::os::fd::AsRawFd;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::pool::{Class, FAILURES_PER_LOOK, OPEN_LIMIT, Pool, Producer};
use rawipc::ring::{AttachError, Error, Peer, Spin, SpinThenFutex, Waiting, spsc};
use rawipc::{AsFd, Deadline, OwnedFd};
use support::{Child, End, LeakCheck, cpu_time, limit, pattern};

/// The largest page that the machine may have: how long a pool's head is, and of what its sections
/// are multiples.
const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

/// Where the number is in the head that was given out last.
const TICKET: usize = 64;

/// Where each side is told to be.
const HINTS: [usize; 2] = [128, 256];

const SLOT: usize = 16;
const CHUNK: usize = 64;

fn class(size: usize, count: usize) -> Class {
    Class { size, count }
}

/// A pool of `count` small chunks.
fn small(count: usize, capacity: usize) -> Pool {
    Pool::create(&[class(64, count)], capacity).unwrap()
}

/// A descriptor of the same pool, as a peer would have it.
fn copy(pool: impl AsFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(pool.as_fd(), 0).unwrap()
}

/// The pool's memory, for a peer that keeps no rule.
fn memory(pool: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(pool.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(pool.as_fd()).unwrap()
}

fn send<W: Waiting>(producer: &Producer<W>, bytes: &[u8]) -> Result<(), Error> {
    let mut loan = producer.try_loan(bytes.len())?;
    loan.write_at(0, bytes)?;
    loan.try_send().map_err(Error::from)
}

// --- What it carries ---

fn messages_of_all_lengths<W: Waiting>() {
    let classes = [class(64, 2), class(PAGE, 2), class(1 << 20, 2)];
    let pool = Pool::<W>::create(&classes, 2).unwrap();
    assert_eq!((pool.capacity(), pool.classes().count()), (2, 3));
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    let data = pattern(1 << 20, 1);
    let mut buffer = vec![0; 1 << 20];
    for len in (0..300).chain([PAGE - 1, PAGE, PAGE + 1, (1 << 20) - 1, 1 << 20]) {
        for _ in 0..5 {
            let mut loan = producer.loan(len).unwrap();
            assert_eq!((loan.len(), loan.is_empty()), (len, len == 0));
            loan.write_at(0, &data[..len]).unwrap();
            loan.send().unwrap();
            let message = consumer.recv().unwrap();
            assert_eq!((message.len(), message.is_empty()), (len, len == 0));
            assert_eq!(message.copy_to(&mut buffer), Ok(len));
            assert!(buffer[..len] == data[..len], "a message of {len} bytes");
        }
    }
    let (len, limit) = ((1 << 20) + 1, 1 << 20);
    assert_eq!(
        producer.loan(len).err(),
        Some(Error::TooLong { len, limit })
    );
    assert_eq!(producer.reclaimed(), Default::default());
}

#[test]
fn messages_of_every_class_arrive_whole() {
    let _check = LeakCheck::begin();
    messages_of_all_lengths::<SpinThenFutex>();
    messages_of_all_lengths::<Spin>();
}

#[test]
fn try_calls_on_full_and_empty_pool_would_block() {
    let _check = LeakCheck::begin();
    let pool = small(3, 2);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    assert_eq!(consumer.try_recv().err(), Some(Error::WouldBlock));
    assert_eq!(
        consumer.recv_until(Deadline::NOW).err(),
        Some(Error::TimedOut)
    );
    send(&producer, b"first").unwrap();
    send(&producer, b"second").unwrap();
    // A chunk is left, and no slot: the message comes back, and is sent later.
    let mut loan = producer.loan(8).unwrap();
    loan.write_at(0, b"the third").unwrap_err();
    loan.write_at(3, b"third").unwrap();
    loan.truncate(100);
    assert_eq!(loan.len(), 8);
    let unsent = loan.try_send().unwrap_err();
    assert_eq!(unsent.error, Error::WouldBlock);
    let unsent = unsent.loan.send_until(Deadline::NOW).unwrap_err();
    assert_eq!(unsent.error, Error::TimedOut);
    assert_eq!(producer.try_loan(1).err(), Some(Error::WouldBlock));
    let timed_out = producer.loan_until(1, Deadline::NOW).err();
    assert_eq!(timed_out, Some(Error::TimedOut));
    let first = consumer.recv().unwrap();
    unsent.loan.send().unwrap();
    let all = [first, consumer.recv().unwrap(), consumer.recv().unwrap()];
    for (message, (at, expected)) in all
        .iter()
        .zip([(0, b"first"), (1, b"econd"), (3, b"third")])
    {
        let mut bytes = [0; 5];
        message.read_at(at, &mut bytes).unwrap();
        assert_eq!(&bytes, expected);
    }
    assert_eq!(consumer.try_recv().err(), Some(Error::WouldBlock));
}

#[test]
fn chunks_given_back_in_any_way_are_free_again() {
    let _check = LeakCheck::begin();
    let pool = small(2, 2);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    for _ in 0..10 {
        let (one, other) = (producer.loan(64).unwrap(), producer.try_loan(0).unwrap());
        assert_eq!(producer.try_loan(1).err(), Some(Error::WouldBlock));
        drop(one);
        other.release().unwrap();
        send(&producer, b"a").unwrap();
        send(&producer, b"b").unwrap();
        assert_eq!(producer.try_loan(1).err(), Some(Error::WouldBlock));
        let (a, b) = (consumer.recv().unwrap(), consumer.recv().unwrap());
        assert_eq!(producer.try_loan(1).err(), Some(Error::WouldBlock));
        drop(b);
        send(&producer, b"c").unwrap();
        a.release().unwrap();
        consumer.recv().unwrap().release().unwrap();
    }
}

#[test]
fn messages_are_written_and_read_in_place_among_trusted() {
    let _check = LeakCheck::begin();
    let pool: Pool = Pool::create(&[class(1 << 16, 4)], 4).unwrap();
    // SAFETY: this test alone has the pool, and keeps the protocol.
    let producer = unsafe { pool.producer().unwrap().assume_trusted() };
    // SAFETY: as above.
    let consumer = unsafe { pool.consumer().unwrap().assume_trusted() };
    let data = pattern(1 << 16, 3);
    for _ in 0..9 {
        let mut loan = producer.loan(1 << 16).unwrap();
        loan.as_mut_slice().copy_from_slice(&data);
        assert!(loan.as_slice() == data);
        loan.truncate(60_000);
        loan.send().unwrap();
        let message = consumer.recv().unwrap();
        assert!(message.as_slice() == &data[..60_000]);
        let address = message.as_slice().as_ptr().addr();
        assert!(
            address.is_multiple_of(PAGE),
            "a chunk of pages begins with one"
        );
    }
}

#[test]
fn small_messages_do_not_use_up_large_chunks() {
    let _check = LeakCheck::begin();
    let pool: Pool = Pool::create(&[class(64, 1), class(128, 1)], 4).unwrap();
    let producer = pool.producer().unwrap();
    let _small = producer.loan(64).unwrap();
    assert_eq!(producer.try_loan(1).err(), Some(Error::WouldBlock));
    producer.try_loan(65).unwrap().release().unwrap();
}

/// Several of each side, each message once.
fn many<W: Waiting>() {
    const EACH: u64 = 2_000;
    let pool = Pool::<W>::create(&[class(64, 7)], 4).unwrap();
    let all = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for sender in 0..3_u64 {
            let producer = pool.producer().unwrap();
            scope.spawn(move || {
                for number in 0..EACH {
                    let mut loan = producer.loan(64).unwrap();
                    let word = (sender << 32 | number).to_ne_bytes();
                    loan.write_at(0, &word.repeat(8)).unwrap();
                    loan.send().unwrap();
                }
            });
        }
        for _ in 0..3 {
            let consumer = pool.consumer().unwrap();
            let all = &all;
            scope.spawn(move || {
                let mut received = Vec::new();
                let end = loop {
                    match consumer.recv() {
                        Ok(message) => {
                            let mut words = [[0; 8]; 8];
                            message.copy_to(words.as_flattened_mut()).unwrap();
                            assert!(words.iter().all(|word| *word == words[0]), "torn");
                            received.push(u64::from_ne_bytes(words[0]));
                        }
                        Err(error) => break error,
                    }
                };
                assert_eq!(end, Error::Closed);
                // In the order of each sender.
                for sender in 0..3 {
                    let of: Vec<_> = received
                        .iter()
                        .filter(|word| *word >> 32 == sender)
                        .collect();
                    assert!(of.is_sorted());
                }
                all.lock().unwrap().extend(received);
            });
        }
    });
    let mut all = all.into_inner().unwrap();
    all.sort_unstable();
    let expected: Vec<u64> = (0..3)
        .flat_map(|sender| (0..EACH).map(move |number| sender << 32 | number))
        .collect();
    assert!(all == expected);
}

#[test]
fn messages_of_many_producers_arrive_once_at_many_consumers() {
    let _check = LeakCheck::begin();
    many::<SpinThenFutex>();
    many::<Spin>();
}

// --- Who leaves ---

#[test]
fn those_who_wait_are_told_when_the_last_of_the_other_side_closes() {
    let _check = LeakCheck::begin();
    let pool = small(2, 2);
    let (one, other) = (pool.producer().unwrap(), pool.producer().unwrap());
    let consumer = pool.consumer().unwrap();
    assert_eq!(
        (one.peer(), consumer.peer()),
        (Peer::Attached, Peer::Attached)
    );
    send(&one, b"last").unwrap();
    drop(one);
    assert_eq!(consumer.recv().map(|message| message.len()), Ok(4));
    assert_eq!(consumer.try_recv().err(), Some(Error::WouldBlock));
    drop(other);
    assert_eq!(consumer.peer(), Peer::Closed);
    assert_eq!(consumer.try_recv().err(), Some(Error::Closed));
    assert_eq!(consumer.recv().err(), Some(Error::Closed));
    // One that leaves without closing is waited for.
    let producer = pool.producer().unwrap();
    assert_eq!(consumer.try_recv().err(), Some(Error::WouldBlock));
    producer.detach();
    assert_eq!(consumer.peer(), Peer::Absent);
    assert_eq!(consumer.try_recv().err(), Some(Error::WouldBlock));
    let producer = pool.producer().unwrap();
    send(&producer, b"1").unwrap();
    send(&producer, b"2").unwrap();
    drop(consumer);
    assert_eq!(producer.loan(1).err(), Some(Error::Closed));
    // What was sent is there for whoever comes.
    let consumer = pool.consumer().unwrap();
    assert!(consumer.recv().is_ok() && consumer.recv().is_ok());
    consumer.detach();
    assert_eq!(producer.peer(), Peer::Absent);
}

#[test]
fn full_ring_whose_last_consumer_closes_gives_the_message_back() {
    let _check = LeakCheck::begin();
    let pool = small(3, 1);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    send(&producer, b"sent").unwrap();
    drop(consumer);
    let unsent = producer.loan(6).unwrap().send().unwrap_err();
    assert_eq!(unsent.error, Error::Closed);
    let consumer = pool.consumer().unwrap();
    assert_eq!(consumer.recv().map(|message| message.len()), Ok(4));
    unsent.loan.send().unwrap();
    assert_eq!(consumer.recv().map(|message| message.len()), Ok(6));
}

/// A child that sleeps in `wait` is woken by what `then` does.
fn woken<W: Waiting>(pool: &Pool<W>, wait: impl FnOnce(&Pool<W>) -> bool, then: impl FnOnce()) {
    let mut child = Child::fork(|| if wait(pool) { 0 } else { 1 });
    child.await_sleep();
    then();
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn sleepers_are_woken_by_what_they_wait_for() {
    let _check = LeakCheck::begin();
    let pool = small(2, 2);
    let producer = pool.producer().unwrap();
    let recv = |pool: &Pool| {
        let end = pool.consumer().ok();
        let message = end.as_ref().and_then(|end| end.recv_until(limit()).ok());
        message.is_some_and(|message| message.len() == 3)
    };
    woken(&pool, recv, || send(&producer, b"one").unwrap());
    // For a chunk, and for a slot.
    let consumer = pool.consumer().unwrap();
    let (one, two) = (producer.loan(3).unwrap(), producer.loan(3).unwrap());
    let loan = |pool: &Pool| {
        let end = pool.producer().ok();
        end.is_some_and(|end| end.loan_until(3, limit()).is_ok())
    };
    woken(&pool, loan, || drop(one));
    two.send().unwrap();
    drop((producer, consumer));

    let pool = small(3, 2);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    send(&producer, b"one").unwrap();
    send(&producer, b"two").unwrap();
    let third = |pool: &Pool| {
        let end = pool.producer().ok();
        let loan = end.as_ref().and_then(|end| end.try_loan(3).ok());
        loan.is_some_and(|loan| loan.send_until(limit()).is_ok())
    };
    woken(&pool, third, || drop(consumer.recv().unwrap()));
}

#[test]
fn sleepers_are_woken_by_the_close_of_the_last() {
    let _check = LeakCheck::begin();
    let pool = small(1, 1);
    let producer = pool.producer().unwrap();
    let recv = |pool: &Pool| {
        let end = pool.consumer().ok();
        end.is_some_and(|end| end.recv_until(limit()).err() == Some(Error::Closed))
    };
    woken(&pool, recv, || drop(producer));
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    send(&producer, b"one").unwrap();
    let loan = |pool: &Pool| {
        let end = pool.producer().ok();
        end.is_some_and(|end| end.loan_until(1, limit()).err() == Some(Error::Closed))
    };
    woken(&pool, loan, || drop(consumer));
}

// --- Who dies ---

/// A child that does something with an end of its own, and is killed.
fn killed(hold: impl FnOnce() -> bool) {
    let mut child = Child::fork(|| {
        if hold() {
            // SAFETY: no memory is involved.
            unsafe { libc::pause() };
        }
        1
    });
    child.await_sleep();
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

#[test]
fn chunks_of_the_dead_are_reclaimed_once() {
    let _check = LeakCheck::begin();
    let pool = small(8, 4);
    let producer = pool.producer().unwrap();
    let consumer = pool.consumer().unwrap();
    for number in 0..3_u8 {
        send(&producer, &[number]).unwrap();
    }
    // Three lent to one who dies, two received by another.
    killed(|| {
        let Ok(end) = pool.producer() else {
            return false;
        };
        core::mem::forget([end.loan(1), end.loan(1), end.loan(1)]);
        core::mem::forget(end);
        true
    });
    killed(|| {
        let Ok(end) = pool.consumer() else {
            return false;
        };
        core::mem::forget([end.recv(), end.recv()]);
        core::mem::forget(end);
        true
    });
    // Two are free, one is in the ring.
    let loans: Vec<_> = (0..7)
        .map(|_| producer.loan_until(1, limit()).unwrap())
        .collect();
    assert_eq!(producer.try_loan(1).err(), Some(Error::WouldBlock));
    let reclaimed = producer.reclaimed();
    assert_eq!((reclaimed.chunks, reclaimed.messages), (5, 0));
    let mut last = [0];
    consumer.recv().unwrap().copy_to(&mut last).unwrap();
    assert_eq!(last, [2]);
    drop(loans);
    let loans: Vec<_> = (0..8).map(|_| producer.try_loan(1).unwrap()).collect();
    assert_eq!(producer.reclaimed(), reclaimed);
    drop(loans);
}

/// Also beside calls that succeed, for chunks of another class and for slots.
#[test]
fn chunks_of_the_dead_are_looked_for_in_each_class() {
    let _check = LeakCheck::begin();
    let classes = [(64, 4), (4096, 1)].map(|(size, count)| Class { size, count });
    let pool: Pool = Pool::create(&classes, 4).unwrap();
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    killed(|| {
        let Ok(end) = pool.producer() else {
            return false;
        };
        core::mem::forget(end.try_loan(4096));
        core::mem::forget(end);
        true
    });
    let limit = limit();
    while producer.try_loan(4096).is_err() {
        producer.try_loan(1).unwrap().try_send().unwrap();
        drop(consumer.try_recv().unwrap());
        assert!(!limit.has_passed());
    }
    assert_eq!(producer.reclaimed().chunks, 1);
}

/// By who never waits long enough to look who lives.
#[test]
fn calls_whose_deadline_has_passed_go_on_behind_the_dead() {
    let _check = LeakCheck::begin();
    let pool = small(2, 2);
    let memory = memory(&pool);
    killed(|| {
        let end = pool.producer();
        let has_both = end.as_ref().is_ok_and(|end| {
            core::mem::forget([end.loan(1), end.loan(1)]);
            true
        });
        core::mem::forget(end);
        has_both
    });
    let dead = u64::from(memory.read::<u32>(TICKET).unwrap());
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    let limit = limit();
    let late = |error| assert_eq!((error, limit.has_passed()), (Error::TimedOut, false));
    let loan = loop {
        match producer.loan_until(1, Deadline::NOW) {
            Ok(loan) => break loan,
            Err(error) => late(error),
        }
    };
    // It had claimed the first slot.
    memory
        .write(PAGE, &(dead << 42 | 1 << 38 | 1 << 30 | 1))
        .unwrap();
    loan.send_until(Deadline::NOW).unwrap();
    let message = loop {
        match consumer.recv_until(Deadline::NOW) {
            Ok(message) => break message,
            Err(error) => late(error),
        }
    };
    assert_eq!(message.len(), 1);
}

#[test]
fn chunks_of_a_stopped_process_are_not_taken() {
    let _check = LeakCheck::begin();
    let pool = small(1, 1);
    let producer = pool.producer().unwrap();
    let mut child = Child::fork(|| {
        let Ok(end) = pool.producer() else {
            return 1;
        };
        let Ok(loan) = end.loan(1) else {
            return 2;
        };
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGSTOP) };
        i32::from(loan.send().is_err())
    });
    while child.state() != Some('T') {
        std::thread::yield_now();
    }
    let soon = Deadline::after(core::time::Duration::from_millis(20));
    assert_eq!(producer.loan_until(1, soon).err(), Some(Error::TimedOut));
    for _ in 0..2 * FAILURES_PER_LOOK {
        assert_eq!(producer.try_loan(1).err(), Some(Error::WouldBlock));
    }
    child.signal(libc::SIGCONT);
    assert_eq!(child.wait(), End::Exited(0));
    let consumer = pool.consumer().unwrap();
    assert_eq!(consumer.recv().map(|message| message.len()), Ok(1));
    assert_eq!(producer.reclaimed(), Default::default());
}

#[test]
fn those_who_wait_and_those_who_try_are_told_of_the_death_of_all_others() {
    let _check = LeakCheck::begin();
    let pool = small(2, 1);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    producer.detach();
    killed(|| {
        let end = pool.producer();
        let sent = end.as_ref().is_ok_and(|end| send(end, b"last").is_ok());
        core::mem::forget(end);
        sent
    });
    assert_eq!(consumer.recv().map(|message| message.len()), Ok(4));
    assert_eq!(consumer.recv_until(limit()).err(), Some(Error::PeerDied));
    let mut failures = 0;
    let told = loop {
        match consumer.try_recv().err() {
            Some(Error::WouldBlock) => failures += 1,
            other => break other,
        }
    };
    assert_eq!(
        (told, failures < FAILURES_PER_LOOK),
        (Some(Error::PeerDied), true)
    );
    assert_eq!(consumer.try_recv().err(), Some(Error::PeerDied));
    assert_eq!(consumer.peer(), Peer::Dead);
    let producer = pool.producer().unwrap();
    consumer.detach();
    killed(|| {
        let end = pool.consumer();
        let attached = end.is_ok();
        core::mem::forget(end);
        attached
    });
    send(&producer, b"1").unwrap();
    let unsent = producer.loan(1).unwrap().send_until(limit()).unwrap_err();
    assert_eq!(unsent.error, Error::PeerDied);
    let other = producer.loan_until(1, limit()).err();
    assert_eq!(other, Some(Error::PeerDied));
    drop(unsent);
}

#[test]
fn inherited_ends_used_in_child_are_refused_and_touch_nothing() {
    let _check = LeakCheck::begin();
    let pool = small(2, 2);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    send(&producer, b"one").unwrap();
    let mut loan = Some(producer.loan(3).unwrap());
    let mut message = Some(consumer.recv().unwrap());
    // What the child takes is its own copy.
    let mut child = Child::fork(|| {
        let (Some(mut loan), Some(message)) = (loan.take(), message.take()) else {
            return 2;
        };
        let forked = [
            producer.try_loan(1).err(),
            consumer.try_recv().err(),
            consumer.recv().err(),
            message.read_at(0, &mut [0]).err(),
            loan.write_at(0, &[0]).err(),
        ];
        drop(message);
        let all = forked.iter().all(|error| *error == Some(Error::Forked));
        let sent = loan.send().err().map(|unsent| unsent.error);
        i32::from(!all || sent != Some(Error::Forked))
    });
    assert_eq!(child.wait(), End::Exited(0));
    let (mut loan, message) = (loan.take().unwrap(), message.take().unwrap());
    let mut bytes = [0; 3];
    assert_eq!(message.copy_to(&mut bytes), Ok(3));
    assert_eq!(&bytes, b"one");
    loan.write_at(0, b"two").unwrap();
    loan.send().unwrap();
    drop(message);
    consumer.recv().unwrap().copy_to(&mut bytes).unwrap();
    assert_eq!(&bytes, b"two");
}

// --- Who lies ---

#[test]
fn handles_that_name_no_chunk_of_theirs_are_corrupt() {
    let _check = LeakCheck::begin();
    let pool = small(4, 4);
    let memory = memory(&pool);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    let handle_at = |slot: usize| PAGE + SLOT * slot + 8;
    let forged = [
        // No such chunk; a message longer than the chunk; a chunk that is free.
        |handle: u64| handle | 0xff_ffff,
        |handle: u64| handle | 65 << 24,
        |handle: u64| handle ^ 3,
    ];
    for (slot, forge) in forged.into_iter().enumerate() {
        send(&producer, b"1").unwrap();
        let handle: u64 = memory.read(handle_at(slot)).unwrap();
        memory.write(handle_at(slot), &forge(handle)).unwrap();
        assert_eq!(consumer.recv().err(), Some(Error::Corrupt), "{slot}");
    }
    // The ring goes on. A chunk's word that says another slot: a stale handle.
    send(&producer, b"1").unwrap();
    let chunk_at = |chunk: usize| 2 * PAGE + CHUNK * chunk;
    let word: u64 = memory.read(chunk_at(3)).unwrap();
    memory.write(chunk_at(3), &(word + 1)).unwrap();
    assert_eq!(consumer.recv().err(), Some(Error::Corrupt));
    // A chunk that is lent, and made somebody else's.
    memory.write(chunk_at(0), &0_u64).unwrap();
    let loan = producer.loan(1).unwrap();
    memory.write(chunk_at(0), &0_u64).unwrap();
    assert_eq!(loan.release(), Err(Error::Corrupt));
    send(&producer, b"1").unwrap();
    let message = consumer.recv().unwrap();
    memory.write(chunk_at(0), &(1_u64 << 62 | 77)).unwrap();
    assert_eq!(message.release(), Err(Error::Corrupt));
}

/// Slots that all say that others have come further lead a call on for so many steps, whatever the
/// capacity is, and the next call from there.
#[test]
fn slots_that_lead_on_and_on_end_every_call() {
    const STEPS: usize = 1 << 12;
    const SLOTS: usize = 8 * STEPS;
    let _check = LeakCheck::begin();
    let pool = small(4, SLOTS);
    let memory = memory(&pool);
    let (producer, _consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    for slot in 0..SLOTS - 1 {
        // Others have sent.
        memory
            .write(PAGE + SLOT * slot, &(2_u64 << 30 | 1))
            .unwrap();
    }
    let mut calls = 1;
    let mut loan = producer.loan(1).unwrap();
    while let Err(error) = loan.try_send() {
        assert_eq!(error.error, Error::WouldBlock);
        loan = error.loan;
        calls += 1;
    }
    // It looks twice in a call.
    assert_eq!(calls, SLOTS / STEPS / 2);
}

/// Each look there is as long as thousands of others: who waits does not look again as often.
#[test]
fn wait_where_slots_lead_on_for_ever_is_as_long_as_a_few_looks() {
    const CALLS: u32 = 32;
    let _check = LeakCheck::begin();
    let pool = small(1, 4);
    let (_producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    let memory = memory(&pool);
    // Each is a quarter of all laps ahead of the one before it, all around the ring.
    for slot in 0..4 {
        let high = ((slot + 1) as u64 % 4) << (33 - 29);
        memory.write(PAGE + SLOT * slot, &(high << 32 | 1)).unwrap();
    }
    let time = |call: &dyn Fn() -> Option<Error>, told| {
        let begin = cpu_time();
        for _ in 0..CALLS {
            assert_eq!(call(), Some(told));
        }
        cpu_time() - begin
    };
    let look = time(&|| consumer.try_recv().err(), Error::WouldBlock);
    let now = Deadline::NOW;
    let wait = time(&|| consumer.recv_until(now).err(), Error::TimedOut);
    assert!(wait < 100 * look, "{wait:?} and {look:?}");
}

/// It may be anything, and a newcomer begins there.
#[test]
fn newcomer_where_no_slot_is_yet_finds_nothing() {
    let _check = LeakCheck::begin();
    let pool = small(1, 4);
    let memory = memory(&pool);
    for hint in [5_u64, 1 << 20] {
        for place in HINTS {
            memory.write(place, &hint).unwrap();
        }
        let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
        assert_eq!(consumer.try_recv().err(), Some(Error::WouldBlock));
        let late = consumer.recv_until(Deadline::NOW).err();
        assert_eq!(late, Some(Error::TimedOut));
        assert_eq!(send(&producer, b"x"), Err(Error::WouldBlock));
    }
}

#[test]
fn open_of_what_is_not_this_pool_says_why() {
    let _check = LeakCheck::begin();
    let pool = small(4, 4);
    assert_eq!(pool.as_raw_fd(), pool.as_fd().as_raw_fd());
    let again: Pool = Pool::open(copy(&pool)).unwrap();
    assert_eq!(
        (again.capacity(), again.classes().next()),
        (4, Some(class(64, 4)))
    );
    let spins = Pool::<Spin>::open(copy(&pool)).err();
    assert_eq!(spins, Some(AttachError::WrongWaiting));
    let other = OwnedFd::from(spsc::Ring::<SpinThenFutex>::create(1).unwrap());
    assert_eq!(
        Pool::<Spin>::open(other).err(),
        Some(AttachError::WrongKind)
    );
    let large: Pool = Pool::create(&[class(OPEN_LIMIT, 1)], 1).unwrap();
    let refused = Pool::<SpinThenFutex>::open(copy(&large)).err();
    assert!(
        matches!(refused, Some(AttachError::TooLarge { .. })),
        "{refused:?}"
    );
    Pool::<SpinThenFutex>::open_at_most(copy(&large), 2 * OPEN_LIMIT).unwrap();
    // Words that no pool has.
    let memory = memory(&pool);
    for at in [32, 40, 48, 56] {
        let word: u64 = memory.read(at).unwrap();
        for forged in [!0, 0xff << 56, 1 << 32, 1_u64] {
            memory.write(at, &forged).unwrap();
            let refused = Pool::<SpinThenFutex>::open(copy(&pool)).err();
            let expected = matches!(
                refused,
                Some(
                    AttachError::Corrupt
                        | AttachError::WrongSize { .. }
                        | AttachError::WrongWaiting
                )
            );
            assert!(expected, "{forged:#x} at {at}: {refused:?}");
        }
        memory.write(at, &word).unwrap();
    }
    Pool::<SpinThenFutex>::open(copy(&pool)).unwrap();
}

#[test]
fn more_ends_than_there_are_seats_are_refused() {
    let _check = LeakCheck::begin();
    let pool = small(1, 1);
    let producers: Vec<_> = (0..128).map(|_| pool.producer().unwrap()).collect();
    assert_eq!(pool.producer().err(), Some(AttachError::Occupied));
    drop(producers);
    pool.producer().unwrap();
}
