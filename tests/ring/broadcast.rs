//! The broadcast rings: what every reader receives, what one that is overtaken is told, and what a
//! writer does that is stopped, killed or lies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
pub(crate) mod history;
mod storm;
mod uncontended;

use crate::support;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::os::fd::AsRawFd;
use std::time::Instant;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::broadcast::{self, LIVENESS_INTERVAL, RecvError, items};
use rawipc::ring::{AttachError, Error, Peer as PeerState, Spin, SpinThenFutex, Waiting};
use rawipc::sync::futex::{self, Scope};
use rawipc::{AsFd, Deadline, Errno, OwnedFd};
use support::{Child, Choices, End, LIMIT, LeakCheck, Peer, PeerArgs, limit, pattern, soon};

/// The largest page that the machine may have.
const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

/// Where the slots' words are in a ring's memory, and what is in one.
const WORDS_AT: usize = PAGE;

mod word {
    pub(crate) const WRITING: u64 = 1 << 30;
    pub(crate) const READY: u64 = 2 << 30;
    pub(crate) const AWAITED: u64 = 1 << 29;
    pub(crate) const LAP: u64 = (1 << 29) - 1;

    pub(crate) fn owner(number: u64) -> u64 {
        number << 42
    }
}

/// Where the number is in the head that was given out last.
const TICKET: usize = 64;

fn ring(capacity: usize) -> items::Ring<u64> {
    items::Ring::create(capacity).unwrap()
}

/// A descriptor of the same ring, as a peer would have it.
fn copy(ring: impl AsFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(ring.as_fd(), 0).unwrap()
}

/// The ring's memory, for one that keeps no rule.
fn memory(ring: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(ring.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(ring.as_fd()).unwrap()
}

fn slot(memory: &Mapping, index: usize) -> &AtomicU64 {
    memory.object(WORDS_AT + 8 * index).unwrap()
}

/// The number of the member that attached last.
fn last_number(memory: &Mapping) -> u64 {
    u64::from(memory.read::<u32>(TICKET).unwrap())
}

/// Receives what is there: the items, and how many were missed.
fn drain<W: Waiting>(reader: &mut items::Reader<u64, W>) -> (Vec<u64>, u64) {
    let (mut items, mut missed) = (Vec::new(), 0);
    loop {
        match reader.try_pop() {
            Ok(item) => items.push(item),
            Err(RecvError::Lagged(count)) => missed += count,
            Err(RecvError::Ring(_)) => return (items, missed),
            Err(error) => panic!("{error:?}"),
        }
    }
}

// --- What it carries ---

#[test]
fn records_of_every_length_reach_every_reader() {
    let _check = LeakCheck::begin();
    let ring: broadcast::Ring = broadcast::Ring::create(16, 300).unwrap();
    assert_eq!((ring.capacity(), ring.longest()), (16, 300));
    let mut writer = ring.writer().unwrap();
    let mut readers = [(); 3].map(|()| ring.reader().unwrap());
    let data = pattern(300, 3);
    for len in (0..=300).chain(0..20) {
        writer.send(&data[..len]).unwrap();
        for reader in &mut readers {
            let mut buffer = [0; 300];
            assert_eq!(reader.recv(&mut buffer), Ok(len));
            assert!(buffer[..len] == data[..len], "a record of {len} bytes");
        }
    }
    let (len, limit) = (301, 300);
    assert_eq!(writer.send(&[0; 301]), Err(Error::TooLong { len, limit }));
    // What is too long for the buffer stays.
    writer.send(b"eight by").unwrap();
    let (len, limit) = (8, 7);
    let [reader, ..] = &mut readers;
    assert_eq!(
        reader.recv(&mut [0; 7]),
        Err(Error::TooLong { len, limit }.into())
    );
    assert_eq!(reader.recv(&mut [0; 8]), Ok(8));
    assert_eq!(reader.try_recv(&mut [0; 8]), Err(Error::WouldBlock.into()));
    let timed_out = reader.recv_until(&mut [0; 8], soon());
    assert_eq!(timed_out, Err(Error::TimedOut.into()));
}

#[test]
fn items_of_every_size_reach_every_reader() {
    fn pass<const N: usize, W: Waiting>() {
        let ring = items::Ring::<[u8; N], W>::create(4).unwrap();
        for alone in [false, true] {
            let mut writer = match alone {
                true => ring.sole_writer().unwrap(),
                false => ring.writer().unwrap(),
            };
            let mut readers = [ring.reader().unwrap(), ring.reader().unwrap()];
            for round in 0..20 {
                writer.push(&[round; N]).unwrap();
                for reader in &mut readers {
                    assert!(reader.pop().unwrap() == [round; N]);
                }
            }
        }
    }
    let _check = LeakCheck::begin();
    pass::<0, SpinThenFutex>();
    pass::<1, SpinThenFutex>();
    pass::<12, Spin>();
    pass::<64, Spin>();
    pass::<5000, SpinThenFutex>();
}

#[test]
fn overtaken_reader_is_told_how_many_it_missed() {
    let _check = LeakCheck::begin();
    let ring = ring(8);
    let mut writer = ring.writer().unwrap();
    let mut reader = ring.reader().unwrap();
    for number in 0..8 {
        writer.push(&number).unwrap();
    }
    assert_eq!(reader.try_pop(), Ok(0));
    for number in 8..30 {
        writer.push(&number).unwrap();
    }
    // The last eight are there.
    assert_eq!(reader.try_pop(), Err(RecvError::Lagged(21)));
    assert_eq!(reader.position(), 22);
    assert_eq!(drain(&mut reader), ((22..30).collect(), 0));
    // Overtaken again so soon, it begins with some room between it and the writer.
    for number in 30..39 {
        writer.push(&number).unwrap();
    }
    assert_eq!(reader.pop(), Err(RecvError::Lagged(1)));
    for number in 39..48 {
        writer.push(&number).unwrap();
    }
    assert_eq!(reader.pop(), Err(RecvError::Lagged(11)));
    assert_eq!(drain(&mut reader), ((42..48).collect(), 0));
    let statistics = writer.statistics();
    assert_eq!(
        (statistics.sent, statistics.skipped, statistics.lost),
        (48, 0, 0)
    );
    assert_eq!(reader.statistics(), statistics);
}

#[test]
fn readers_begin_with_the_next_or_the_oldest() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let mut early = ring.reader_from_oldest().unwrap();
    let mut writer = ring.writer().unwrap();
    let mut readers = Vec::new();
    for number in 0..11 {
        let (newest, oldest) = (ring.reader().unwrap(), ring.reader_from_oldest().unwrap());
        assert_eq!(newest.position(), number);
        assert_eq!(oldest.position(), number.saturating_sub(4));
        readers.extend([newest, oldest]);
        writer.push(&number).unwrap();
    }
    for mut reader in readers {
        let first = reader.position();
        let (items, missed) = drain(&mut reader);
        assert_eq!(items, (first.max(7)..11).collect::<Vec<_>>());
        assert_eq!(items.len() as u64 + missed, 11 - first);
    }
    assert_eq!(drain(&mut early), ((7..11).collect(), 7));
}

// --- Who may write ---

#[test]
fn more_writers_than_half_of_the_slots_are_refused() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let mut writers = [ring.writer().unwrap(), ring.writer().unwrap()];
    assert_eq!(ring.writer().err(), Some(AttachError::Occupied));
    assert_eq!(ring.writer_until(soon()).err(), Some(AttachError::Occupied));
    let mut reader = ring.reader().unwrap();
    for writer in &mut writers {
        writer.push(&1).unwrap();
    }
    assert_eq!(drain(&mut reader), (vec![1, 1], 0));
    drop(writers);
    let mut child = Child::fork(|| {
        core::mem::forget(ring.writer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    let both = [ring.writer_until(limit()), ring.writer_until(limit())];
    assert!(both.iter().all(Result::is_ok), "the place of the dead one");
}

#[test]
fn waiting_for_a_writers_place_uses_up_no_numbers() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let sole = ring.sole_writer().unwrap();
    let before = last_number(&memory);
    assert_eq!(ring.writer_until(soon()).err(), Some(AttachError::Occupied));
    assert_eq!(last_number(&memory), before);
    drop(sole);
    ring.writer_until(limit()).unwrap();
}

#[test]
fn sole_writer_and_others_exclude_each_other() {
    let _check = LeakCheck::begin();
    let ring = ring(8);
    let occupied = Some(AttachError::Occupied);
    let sole = ring.sole_writer().unwrap();
    assert_eq!(ring.writer().err(), occupied);
    assert_eq!(ring.sole_writer().err(), occupied);
    assert_eq!(ring.sole_writer_until(soon()).err(), occupied);
    drop(sole);
    let other = ring.writer().unwrap();
    assert_eq!(ring.sole_writer().err(), occupied);
    ring.writer().unwrap();
    drop(other);
    // One that has died does not count.
    let mut child = Child::fork(|| {
        core::mem::forget(ring.sole_writer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(ring.sole_writer_until(limit()).unwrap());
    ring.writer_until(limit()).unwrap();
}

#[test]
fn ring_open_for_reading_alone_serves_readers() {
    let _check = LeakCheck::begin();
    let ring = ring(8);
    let to_read = items::Ring::<u64>::open(ring.try_clone_to_read().unwrap()).unwrap();
    assert_eq!(to_read.writer().err(), Some(AttachError::ReadOnly));
    assert_eq!(
        to_read.sole_writer_until(soon()).err(),
        Some(AttachError::ReadOnly)
    );
    let mut writer = ring.writer().unwrap();
    let mut reader = to_read.reader().unwrap();
    assert_eq!(reader.peer(), PeerState::Attached);
    for number in 0..20 {
        writer.push(&number).unwrap();
        assert_eq!(reader.pop(), Ok(number));
    }
    assert_eq!(reader.pop_until(soon()), Err(Error::TimedOut.into()));
    // It is woken by nobody, and looks.
    let mut child = Child::fork(|| {
        let Ok(mut reader) = to_read.reader_from_oldest() else {
            return 1;
        };
        let mut last = 0;
        while last != 99 {
            match reader.pop_until(limit()) {
                Ok(number) => last = number,
                Err(_) => return 2,
            }
        }
        match reader.pop_until(limit()) {
            Err(RecvError::Ring(Error::Closed)) => 0,
            _ => 3,
        }
    });
    child.await_sleep();
    writer.push(&99).unwrap();
    drop(writer);
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(reader.pop(), Ok(99));
    assert_eq!(reader.pop(), Err(Error::Closed.into()));
    assert_eq!(reader.peer(), PeerState::Closed);
}

#[test]
fn reader_without_proc_receives() {
    support::alone::alone(test_name!(), || {
        let ring = ring(8);
        let mut writer = ring.writer().unwrap();
        let mut child = Child::fork(|| {
            // SAFETY: flags alone.
            let apart = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) == 0 };
            let (none, proc, kind) = (c"none".as_ptr(), c"/proc".as_ptr(), c"tmpfs".as_ptr());
            // SAFETY: C strings, and no memory of Rust's.
            let hidden =
                apart && unsafe { libc::mount(none, proc, kind, 0, core::ptr::null()) == 0 };
            if !hidden {
                return 77;
            }
            if ring.try_clone_to_read().err() != Some(Errno::NOENT) {
                return 4;
            }
            if ring.writer().err() != Some(AttachError::NoProc) {
                return 1;
            }
            let Ok(mut reader) = ring.reader_from_oldest() else {
                return 2;
            };
            match reader.pop_until(limit()) {
                Ok(7) => 0,
                _ => 3,
            }
        });
        writer.push(&7).unwrap();
        match child.wait() {
            End::Exited(77) => println!("skipped: no mount namespace"),
            end => assert_eq!(end, End::Exited(0)),
        }
    });
}

// --- When writers end ---

#[test]
fn readers_receive_all_and_are_told_that_the_writers_have_closed() {
    let _check = LeakCheck::begin();
    let ring = ring(8);
    let mut reader = ring.reader().unwrap();
    assert_eq!(reader.peer(), PeerState::Absent);
    let (mut one, mut two) = (ring.writer().unwrap(), ring.writer().unwrap());
    one.push(&1).unwrap();
    drop(one);
    assert_eq!(reader.pop(), Ok(1));
    assert_eq!(reader.try_pop(), Err(Error::WouldBlock.into()));
    two.push(&2).unwrap();
    drop(two);
    assert_eq!(reader.pop(), Ok(2));
    assert_eq!(reader.pop(), Err(Error::Closed.into()));
    assert_eq!(reader.try_pop(), Err(Error::Closed.into()));
    // A successor goes on.
    let mut three = ring.writer().unwrap();
    assert_eq!(reader.try_pop(), Err(Error::WouldBlock.into()));
    three.push(&3).unwrap();
    three.detach();
    assert_eq!(reader.pop(), Ok(3));
    assert_eq!(reader.peer(), PeerState::Absent);
    assert_eq!(reader.pop_until(soon()), Err(Error::TimedOut.into()));
}

#[test]
fn sleepers_are_woken_by_message_and_close() {
    let _check = LeakCheck::begin();
    let ring = ring(8);
    let mut writer = ring.writer().unwrap();
    let mut children = [(); 3].map(|()| {
        Child::fork(|| {
            let Ok(mut reader) = ring.reader() else {
                return 1;
            };
            if reader.pop_until(limit()) != Ok(5) {
                return 2;
            }
            match reader.pop_until(limit()) {
                Err(RecvError::Ring(Error::Closed)) => 0,
                _ => 3,
            }
        })
    });
    for child in &children {
        child.await_sleep();
    }
    writer.push(&5).unwrap();
    let all_sleep = || children.iter().all(Child::sleeps);
    while !all_sleep() {
        std::thread::yield_now();
    }
    drop(writer);
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
}

#[test]
fn death_of_the_last_writer_is_told_after_its_messages() {
    let _check = LeakCheck::begin();
    let ring = ring(8);
    let (mut reader, mut poller) = (ring.reader().unwrap(), ring.reader().unwrap());
    let mut child = Child::fork(|| {
        let Ok(mut writer) = ring.writer() else {
            return 1;
        };
        let sent = (1..=3).all(|number| writer.push(&number).is_ok());
        core::mem::forget(writer);
        i32::from(!sent)
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!([(); 3].map(|()| reader.pop().unwrap()), [1, 2, 3]);
    let begin = Instant::now();
    assert_eq!(reader.pop(), Err(Error::PeerDied.into()));
    assert!(begin.elapsed() < LIVENESS_INTERVAL + LIMIT / 4);
    assert_eq!(reader.peer(), PeerState::Dead);
    // Of the calls that do not wait, one in many asks.
    let mut tries = 0;
    while poller.try_pop() != Err(Error::PeerDied.into()) {
        tries += 1;
        assert!(tries <= 3 + broadcast::FAILURES_PER_LOOK);
    }
    // While another lives nobody ends.
    let mut writer = ring.writer().unwrap();
    writer.push(&4).unwrap();
    assert_eq!(reader.pop(), Ok(4));
    drop(writer);
    assert_eq!(reader.pop(), Err(Error::Closed.into()));
}

/// What a writer leaves that was killed between its claim and its message; the word is written
/// here, as no kill hits just that.
#[test]
fn position_of_a_dead_writer_is_missed_and_its_slot_used_again() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let mut child = Child::fork(|| {
        core::mem::forget(ring.writer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    let dead = last_number(&memory);
    let mut reader = ring.reader().unwrap();
    let mut sleeper = ring.reader().unwrap();
    let mut writer = ring.writer_until(limit()).unwrap();
    let lap = 1;
    slot(&memory, 0).store(word::owner(dead) | word::WRITING | lap, Ordering::Release);
    // It takes the next one.
    writer.push(&10).unwrap();
    assert_eq!(reader.try_pop(), Err(Error::WouldBlock.into()));
    assert_eq!(sleeper.pop(), Err(RecvError::Lagged(1)));
    assert_eq!(sleeper.pop(), Ok(10));
    for number in 11..=13 {
        writer.push(&number).unwrap();
    }
    assert_eq!(reader.pop(), Err(RecvError::Lagged(1)));
    assert_eq!(drain(&mut reader), (vec![10, 11, 12, 13], 0));
    let statistics = writer.statistics();
    assert_eq!(
        (statistics.sent, statistics.skipped, statistics.lost),
        (4, 0, 1)
    );
}

/// As above, for a reader that never waits long enough to look who lives.
#[test]
fn position_of_a_dead_writer_is_missed_by_who_comes_too_late() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let mut child = Child::fork(|| {
        core::mem::forget(ring.writer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    let dead = last_number(&memory);
    let mut reader = ring.reader().unwrap();
    let mut writer = ring.writer_until(limit()).unwrap();
    slot(&memory, 0).store(word::owner(dead) | word::WRITING | 1, Ordering::Release);
    writer.push(&10).unwrap();
    let limit = limit();
    let told = loop {
        match reader.pop_until(Deadline::NOW) {
            Err(RecvError::Ring(Error::TimedOut)) => assert!(!limit.has_passed()),
            told => break told,
        }
    };
    assert_eq!(told, Err(RecvError::Lagged(1)));
    assert_eq!(reader.pop_until(Deadline::NOW), Ok(10));
}

/// As above, of one that lives and is stopped.
#[test]
fn slot_of_a_stopped_writer_is_passed_over_and_not_taken() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let stopped = ring.writer().unwrap();
    let number = last_number(&memory);
    let mut writer = ring.writer().unwrap();
    let mut reader = ring.reader().unwrap();
    let writing = word::owner(number) | word::WRITING;
    slot(&memory, 0).store(writing | 1, Ordering::Release);
    for number in 10..20 {
        writer.push(&number).unwrap();
    }
    // Round after round it has its slot still: positions 0, 4, 8 and 12 are void.
    assert_eq!(
        slot(&memory, 0).load(Ordering::Acquire),
        writing | 3 << 30 | 4
    );
    let (items, missed) = drain(&mut reader);
    assert_eq!((items, missed), (vec![17, 18, 19], 11));
    let statistics = writer.statistics();
    assert_eq!((statistics.sent, statistics.skipped), (11, 3));
    // It goes on: what it wrote is void, and its slot is free.
    slot(&memory, 0).store(word::owner(number) | 4, Ordering::Release);
    drop(stopped);
    for number in 20..24 {
        writer.push(&number).unwrap();
    }
    assert_eq!(drain(&mut reader), (vec![20, 21, 22, 23], 0));
}

/// By who passes the slot over: the sleeper does not look again by itself.
#[test]
fn sleeper_at_the_slot_of_a_stopped_writer_is_woken() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let _stopped = ring.writer().unwrap();
    let number = last_number(&memory);
    let mut writer = ring.writer().unwrap();
    let awaited = word::owner(number) | word::WRITING | word::AWAITED | 1;
    slot(&memory, 0).store(awaited, Ordering::Release);
    let mut sleeper = Child::fork(|| {
        let word = slot(&memory, 0).as_ptr();
        // SAFETY: the half that has the state; it goes to the kernel alone.
        let half = unsafe { AtomicU32::from_ptr(word.cast()) };
        match futex::wait_until(half, awaited as u32, Scope::Shared, limit()) {
            Ok(()) => 0,
            Err(_) => 1,
        }
    });
    sleeper.await_sleep();
    for number in 10..14 {
        writer.push(&number).unwrap();
    }
    assert_eq!(sleeper.wait(), End::Exited(0));
}

#[test]
fn ring_whose_slots_are_all_in_stopped_hands_would_block() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let _stopped = ring.writer().unwrap();
    let number = last_number(&memory);
    let mut writer = ring.writer().unwrap();
    for index in 0..4 {
        let writing = word::owner(number) | word::WRITING | 1;
        slot(&memory, index).store(writing, Ordering::Release);
    }
    assert_eq!(writer.push(&1), Err(Error::WouldBlock));
    for index in 0..4 {
        let lap = slot(&memory, index).load(Ordering::Acquire) & word::LAP;
        let ready = word::owner(number) | word::READY | lap;
        slot(&memory, index).store(ready, Ordering::Release);
    }
    writer.push(&2).unwrap();
}

/// Two processes, and readers that are sent all; each writer is stopped and goes on now and then.
#[test]
fn stopped_writers_rob_and_delay_nobody() {
    let _check = LeakCheck::begin();
    const EACH: u64 = 3000;
    let ring = ring(4);
    let mut reader = ring.reader().unwrap();
    let first = reader.position();
    let mut children = [1, 2].map(|name: u64| {
        let ring = &ring;
        Child::fork(move || {
            let Ok(mut writer) = ring.writer_until(limit()) else {
                return 1;
            };
            for number in 0..EACH {
                if writer.push(&(name << 32 | number)).is_err() {
                    return 2;
                }
            }
            0
        })
    });
    let mut choices = Choices::new(7);
    let (mut last, mut got, mut missed) = ([None; 3], 0, 0);
    let begin = Instant::now();
    let mut ended = [false; 2];
    while ended != [true; 2] {
        assert!(begin.elapsed() < LIMIT);
        let which = choices.below(2) as usize;
        let signal = match choices.below(2) {
            0 => libc::SIGSTOP,
            _ => libc::SIGCONT,
        };
        if !ended[which] {
            children[which].signal(signal);
        }
        for (child, ended) in children.iter_mut().zip(&mut ended) {
            if *ended {
                continue;
            }
            if signal == libc::SIGCONT {
                child.signal(libc::SIGCONT);
            }
            if let Some(end) = child.try_wait() {
                assert_eq!(end, End::Exited(0));
                *ended = true;
            }
        }
        let (items, count) = drain(&mut reader);
        got += items.len() as u64;
        missed += count;
        for item in items {
            let (name, number) = ((item >> 32) as usize, item & 0xffff_ffff);
            assert!(last[name] < Some(number), "{name}: {number}");
            last[name] = Some(number);
        }
    }
    let (items, count) = drain(&mut reader);
    got += items.len() as u64;
    missed += count;
    assert_eq!(got + missed, reader.position() - first);
    let statistics = reader.statistics();
    assert_eq!(statistics.sent, 2 * EACH, "{statistics:?}");
}

// --- Between two programs ---

#[test]
fn records_reach_readers_in_another_process() {
    if let Some(mut peer) = PeerArgs::role("reader") {
        let ring: broadcast::Ring = broadcast::Ring::open(peer.descriptor(0)).unwrap();
        let mut reader = ring.reader().unwrap();
        peer.channel.say("here");
        let mut buffer = [0; 64];
        for number in 0..1000_u64 {
            assert_eq!(reader.recv_until(&mut buffer, limit()), Ok(8));
            assert_eq!(buffer[..8], number.to_ne_bytes());
        }
        let end = reader.recv_until(&mut buffer, limit());
        assert_eq!(end, Err(Error::Closed.into()));
        return;
    }
    let _check = LeakCheck::begin();
    let ring: broadcast::Ring = broadcast::Ring::create(1024, 64).unwrap();
    let mut writer = ring.writer().unwrap();
    let name = test_name!();
    let mut peers = [(); 2].map(|()| Peer::start(name, "reader", &[ring.as_raw_fd()]));
    for peer in &mut peers {
        peer.expect("here");
    }
    for number in 0..1000_u64 {
        writer.send(&number.to_ne_bytes()).unwrap();
    }
    drop(writer);
    for peer in peers {
        peer.finish();
    }
}

#[test]
fn inherited_ends_used_in_child_are_refused() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let mut writer = ring.writer().unwrap();
    let mut reader = ring.reader().unwrap();
    let mut child = Child::fork(|| {
        let forked = Err(RecvError::Ring(Error::Forked));
        let refused = writer.push(&1) == Err(Error::Forked)
            && reader.try_pop() == forked
            && reader.pop() == forked;
        i32::from(!refused)
    });
    assert_eq!(child.wait(), End::Exited(0));
    writer.push(&2).unwrap();
    assert_eq!(reader.pop(), Ok(2));
}

// --- What is no such ring, and who keeps no rule ---

#[test]
fn open_of_what_is_not_this_ring_says_why() {
    let _check = LeakCheck::begin();
    let records: broadcast::Ring = broadcast::Ring::create(4, 8).unwrap();
    let wrong = items::Ring::<u64>::open(copy(&records)).err();
    assert_eq!(wrong, Some(AttachError::WrongKind));
    let wrong = items::Ring::<u32>::open(copy(ring(4))).err();
    assert_eq!(wrong, Some(AttachError::WrongItem { size: 8 }));
    let wrong = items::Ring::<u64, Spin>::open(copy(ring(4))).err();
    assert_eq!(wrong, Some(AttachError::WrongWaiting));
    let large = broadcast::Ring::<SpinThenFutex>::create(64, 5000).unwrap();
    let wrong = broadcast::Ring::<SpinThenFutex>::open_at_most(copy(&large), 1 << 18).err();
    assert!(matches!(wrong, Some(AttachError::TooLarge { .. })));
    broadcast::Ring::<SpinThenFutex>::open_at_most(copy(&large), 1 << 20).unwrap();
    let mine = ring(4);
    let head = memory(&mine);
    // The number of slots, the bytes of each, and what else the head says.
    for (at, value) in [
        (32, 3_u64),
        (32, 8192),
        (32, u64::MAX),
        (48, 16),
        (48, 12),
        (48, 0),
    ] {
        let before: u64 = head.read(at).unwrap();
        head.write(at, &value).unwrap();
        let wrong = items::Ring::<u64>::open(copy(&mine)).err();
        assert!(
            matches!(
                wrong,
                Some(AttachError::Corrupt | AttachError::WrongSize { .. })
            ),
            "{value} at {at}: {wrong:?}"
        );
        head.write(at, &before).unwrap();
    }
    items::Ring::<u64>::open(copy(&mine)).unwrap();
    let huge = broadcast::Ring::<SpinThenFutex>::create(usize::MAX, usize::MAX);
    assert_eq!(huge.err(), Some(Errno::INVAL));
}

#[test]
fn words_with_impossible_values_are_corrupt() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let mut writer = ring.writer().unwrap();
    let mut reader = ring.reader().unwrap();
    for number in 0..8 {
        writer.push(&number).unwrap();
        reader.pop().unwrap();
    }
    // A lap that was long ago.
    slot(&memory, 0).store(word::READY | 1, Ordering::Release);
    assert_eq!(writer.push(&8), Err(Error::Corrupt));
    assert_eq!(reader.try_pop(), Err(Error::Corrupt.into()));
    assert_eq!(ring.reader().err(), Some(AttachError::Corrupt));
    assert_eq!(ring.writer().err(), Some(AttachError::Corrupt));
}

#[test]
fn record_with_impossible_length_is_corrupt() {
    let _check = LeakCheck::begin();
    let ring: broadcast::Ring = broadcast::Ring::create(4, 8).unwrap();
    let memory = memory(&ring);
    let mut writer = ring.writer().unwrap();
    let mut reader = ring.reader().unwrap();
    writer.send(b"record").unwrap();
    for len in [9_u64, 1 << 40, u64::MAX] {
        memory.write(WORDS_AT + PAGE, &len).unwrap();
        let error = reader.recv(&mut [0; 64]);
        assert_eq!(error, Err(Error::Corrupt.into()));
    }
}

/// A hostile process changes the word of a message all the time, and never to another lap.
#[test]
fn word_that_never_rests_keeps_no_reader() {
    let _check = LeakCheck::begin();
    let ring = ring(4);
    let memory = memory(&ring);
    let mut reader = ring.reader().unwrap();
    let mut writer = ring.writer().unwrap();
    writer.push(&1).unwrap();
    let child = Child::fork(|| {
        let word = slot(&memory, 0);
        loop {
            word.store(word::READY | 1, Ordering::Release);
            word.store(word::READY | word::owner(5) | 1, Ordering::Release);
        }
    });
    let begin = Instant::now();
    let end = reader.pop_until(Deadline::after(Duration::from_millis(50)));
    assert!(matches!(end, Ok(1) | Err(RecvError::Ring(_))), "{end:?}");
    assert!(begin.elapsed() < LIMIT / 2);
    drop(child);
}

#[test]
fn scribbling_peer_causes_no_panic_or_endless_loop() {
    fn pass<W: Waiting>() {
        let ring = broadcast::Ring::<W>::create(8, 64).unwrap();
        let memory = memory(&ring);
        let size = memory.len();
        let scribbler = Child::fork(|| {
            let mut choices = Choices::new(5);
            loop {
                let at = choices.below(size as u64 / 8) * 8;
                let value = choices.below(1 << 50) << choices.below(16);
                let _ = memory.write(at as usize, &value);
            }
        });
        let begin = Instant::now();
        let mut buffer = [0; 64];
        for _ in 0..300 {
            let moment = Deadline::after(Duration::from_micros(200));
            if let Ok(mut writer) = ring.writer() {
                for _ in 0..20 {
                    let _ = writer.send(&buffer);
                }
            }
            if let Ok(mut writer) = ring.sole_writer() {
                let _ = writer.send(b"alone");
            }
            for reader in [ring.reader(), ring.reader_from_oldest()] {
                let Ok(mut reader) = reader else { continue };
                for _ in 0..20 {
                    let _ = reader.try_recv(&mut buffer);
                }
                let _ = reader.recv_until(&mut buffer, moment);
                let _ = reader.peer();
            }
        }
        assert!(begin.elapsed() < LIMIT, "it takes as long as it likes");
        drop(scribbler);
    }
    let _check = LeakCheck::begin();
    pass::<SpinThenFutex>();
    pass::<Spin>();
}
