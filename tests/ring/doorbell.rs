//! The ring whose ends wait on descriptors: in event loops, beside sockets and processes, with
//! peers that die, stop, leave or lie.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
mod history;
mod select;
mod storm;
mod uncontended;

use crate::support;

use core::time::Duration;
use std::os::fd::AsRawFd;

use rawipc::event::eventfd::{self, EventFd};
use rawipc::event::poller::{self, Event, Interest, Poller, PollerFlags};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::process::pidfd;
use rawipc::ring::doorbell::{Bells, Consumer, Producer, Ring};
use rawipc::ring::{AttachError, Error, Peer as State};
use rawipc::{AsFd, Deadline, Errno, OwnedFd, Pid};
use support::{Child, Choices, End, LIMIT, LeakCheck, Peer, PeerArgs, limit, pattern};

const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

const KINDS: [Bells; 2] = [Bells::Timer, Bells::Event];

/// Where the words of the ring are in its memory.
mod at {
    pub(crate) const PUBLISHED: usize = 128;
    pub(crate) const CONSUMED: usize = 256;
}

fn ring(bells: Bells) -> Ring {
    Ring::create(1, bells).unwrap()
}

fn copies(ring: &Ring) -> [OwnedFd; 3] {
    ring.descriptors()
        .map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 0).unwrap())
}

/// The ring's memory, for a peer that keeps no rule.
fn memory(ring: &Ring) -> Mapping {
    let [memory, ..] = ring.descriptors();
    MapOptions::shared(2 * PAGE).map(memory).unwrap()
}

fn poller_of(end: &impl AsFd, interest: Interest) -> Poller {
    let poller = poller::create(PollerFlags::empty()).unwrap();
    poller.add(end, 1, interest).unwrap();
    poller
}

/// Receives in an event loop, which never looks unless it is rung.
fn recv_by(poller: &Poller, consumer: &mut Consumer, buffer: &mut [u8]) -> Result<usize, Error> {
    loop {
        match consumer.try_recv(buffer) {
            Err(Error::WouldBlock) => {
                if consumer.arm()? {
                    poller.wait_until(&mut [Event::EMPTY; 2], limit())?;
                }
            }
            result => return result,
        }
    }
}

/// Sends in an event loop, which never looks unless it is rung.
fn send_by(poller: &Poller, producer: &mut Producer, record: &[u8]) -> Result<(), Error> {
    loop {
        match producer.try_send(record) {
            Err(Error::WouldBlock) => {
                if producer.arm()? {
                    poller.wait_until(&mut [Event::EMPTY; 2], limit())?;
                }
            }
            result => return result,
        }
    }
}

// --- What it carries ---

#[test]
fn records_of_every_length_sent_past_the_end_wrap_around() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let longest = ring.capacity() - 8;
    let data = pattern(longest, 1);
    let mut buffer = vec![0; longest];
    for len in (0..=longest).rev().chain(0..300) {
        producer.send(&data[..len]).unwrap();
        assert_eq!(consumer.recv(&mut buffer), Ok(len));
        assert!(buffer[..len] == data[..len], "a record of {len} bytes");
    }
    let error = Error::TooLong {
        len: longest + 1,
        limit: longest,
    };
    assert_eq!(producer.send(&vec![0; longest + 1]), Err(error));
    producer.send(b"four").unwrap();
    let short = Error::TooLong { len: 4, limit: 3 };
    assert_eq!(consumer.recv(&mut buffer[..3]), Err(short));
    assert_eq!(consumer.recv(&mut buffer), Ok(4), "it stays");
}

/// Both ends in event loops of two processes, level- and edge-triggered; both sleep.
#[test]
fn records_between_event_loops_all_arrive() {
    let _check = LeakCheck::begin();
    for bells in KINDS {
        for interest in [Interest::IN, Interest::IN | Interest::EDGE] {
            let ring = ring(bells);
            let mut child = Child::fork(|| {
                let Ok(mut producer) = ring.producer() else {
                    return 1;
                };
                let poller = poller_of(&producer, interest);
                let data = [7; 300];
                for number in 0..20_000_u32 {
                    let len = number as usize * 7 % 300;
                    let mut record = data;
                    record[..4].copy_from_slice(&number.to_ne_bytes());
                    if send_by(&poller, &mut producer, &record[..len.max(4)]).is_err() {
                        return 2;
                    }
                }
                0
            });
            let mut consumer = ring.consumer().unwrap();
            let poller = poller_of(&consumer, interest);
            let mut buffer = [0; 300];
            for number in 0..20_000_u32 {
                let len = recv_by(&poller, &mut consumer, &mut buffer).unwrap();
                assert_eq!(len, (number as usize * 7 % 300).max(4));
                assert_eq!(buffer[..4], number.to_ne_bytes());
            }
            let end = recv_by(&poller, &mut consumer, &mut buffer);
            assert_eq!(end, Err(Error::Closed));
            assert_eq!(child.wait(), End::Exited(0), "{bells:?} {interest:?}");
        }
    }
}

/// The other process is given the three descriptors, and knows nothing else.
#[test]
fn ring_handed_over_by_its_descriptors_carries_records() {
    if let Some(args) = PeerArgs::role("sender") {
        let descriptors = [0, 1, 2].map(|index| args.descriptor(index));
        let ring = Ring::open(descriptors, Bells::Timer).unwrap();
        assert_eq!(ring.capacity(), PAGE);
        let mut producer = ring.producer().unwrap();
        for number in 0..1000_u32 {
            producer.send(&number.to_ne_bytes()).unwrap();
        }
        return;
    }
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let numbers = ring.descriptors().map(|fd| fd.as_raw_fd());
    let mut consumer = ring.consumer().unwrap();
    let peer = Peer::start(test_name!(), "sender", &numbers);
    let poller = poller_of(&consumer, Interest::IN);
    let mut buffer = [0; 8];
    for number in 0..1000_u32 {
        assert_eq!(recv_by(&poller, &mut consumer, &mut buffer), Ok(4));
        assert_eq!(buffer[..4], number.to_ne_bytes());
    }
    peer.finish();
}

#[test]
fn calls_that_block_are_woken_by_bells() {
    let _check = LeakCheck::begin();
    for bells in KINDS {
        let ring = ring(bells);
        let mut child = Child::fork(|| {
            let Ok(mut producer) = ring.producer() else {
                return 1;
            };
            let sent = (0..5_000_u64).all(|number| producer.send(&number.to_ne_bytes()).is_ok());
            i32::from(!sent)
        });
        let mut consumer = ring.consumer().unwrap();
        let mut buffer = [0; 8];
        for number in 0..5_000_u64 {
            assert_eq!(consumer.recv(&mut buffer), Ok(8));
            assert_eq!(u64::from_ne_bytes(buffer), number);
        }
        assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
        assert_eq!(child.wait(), End::Exited(0));
    }
}

// --- The bell ---

fn is_readable(end: &impl AsFd) -> bool {
    let poller = poller_of(end, Interest::IN);
    match poller.try_wait(&mut [Event::EMPTY; 1]) {
        Ok(_) => true,
        Err(errno) => {
            assert_eq!(errno, Errno::AGAIN);
            false
        }
    }
}

/// A timer is readable a moment after it was set.
fn becomes_readable(end: &impl AsFd) -> bool {
    let poller = poller_of(end, Interest::IN);
    let moment = Deadline::after(Duration::from_millis(500));
    poller.wait_until(&mut [Event::EMPTY; 1], moment).is_ok()
}

#[test]
fn bell_rings_only_for_an_end_that_has_armed() {
    let _check = LeakCheck::begin();
    for bells in KINDS {
        let ring = ring(bells);
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        let mut buffer = [0; 8];
        producer.send(b"one").unwrap();
        assert!(!is_readable(&consumer), "nobody has armed");
        assert_eq!(consumer.arm(), Ok(false), "there is something");
        assert_eq!(consumer.try_recv(&mut buffer), Ok(3));
        assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
        assert_eq!(consumer.arm(), Ok(true));
        assert_eq!(consumer.arm(), Ok(true), "it stands");
        assert!(!is_readable(&consumer));
        producer.send(b"two").unwrap();
        assert!(becomes_readable(&consumer));
        producer.send(b"three").unwrap();
        assert_eq!(consumer.try_recv(&mut buffer), Ok(3));
        assert_eq!(consumer.arm(), Ok(false), "there is more");
        assert_eq!(consumer.try_recv(&mut buffer), Ok(5));
        assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
        assert_eq!(consumer.arm(), Ok(true));
        assert!(!is_readable(&consumer), "arming empties it");
        assert!(!is_readable(&producer), "nobody has armed there");
        drop(producer);
        assert!(becomes_readable(&consumer), "a close is told");
        assert_eq!(consumer.try_recv(&mut buffer), Err(Error::Closed));
        assert_eq!(consumer.arm(), Ok(false));
    }
}

#[test]
fn producer_is_rung_when_there_is_room() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    while producer.try_send(&[1; 56]).is_ok() {}
    assert_eq!(producer.arm(), Ok(true));
    assert_eq!(consumer.try_recv(&mut [0; 56]), Ok(56));
    assert!(becomes_readable(&producer));
    assert_eq!(producer.try_send(&[2; 56]), Ok(()));
    // A longer one needs more than one of these.
    assert_eq!(producer.try_send(&[3; 120]), Err(Error::WouldBlock));
    assert_eq!(producer.arm(), Ok(true));
    assert_eq!(consumer.try_recv(&mut [0; 56]), Ok(56));
    assert_eq!(producer.try_send(&[3; 120]), Err(Error::WouldBlock));
    assert_eq!(producer.arm(), Ok(true));
    assert_eq!(consumer.try_recv(&mut [0; 56]), Ok(56));
    assert_eq!(producer.try_send(&[3; 120]), Ok(()));
}

/// Nobody empties it: it has been rung as often as it can be.
#[test]
fn full_bell_does_not_stop_who_rings() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Event);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    assert_eq!(consumer.try_recv(&mut [0; 8]), Err(Error::WouldBlock));
    assert_eq!(consumer.arm(), Ok(true));
    let [_, data, _] = copies(&ring);
    EventFd::from(data).try_add(eventfd::MAX).unwrap();
    producer.send(b"one").unwrap();
    assert_eq!(consumer.try_recv(&mut [0; 8]), Ok(3));
}

/// Blocking mode, other settings, thousands of rings: who rings a timer never waits.
#[test]
fn timer_that_a_hostile_peer_changes_keeps_nobody_waiting() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let hostile = Child::fork(|| {
        let [_, data, room] = ring.descriptors();
        loop {
            for bell in [data, room] {
                let _ = rustix::io::ioctl_fionbio(bell, false);
                // It may sleep there, like who would wait for it.
                let _ = rustix::io::read(bell, &mut [0; 8]);
            }
        }
    });
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut buffer = [0; 8];
    for _ in 0..2_000 {
        assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
        let _ = consumer.arm().unwrap();
        producer.send(b"ring").unwrap();
        assert_eq!(consumer.recv_until(&mut buffer, limit()), Ok(4));
    }
    drop(hostile);
}

// --- Who dies, stops, leaves ---

#[test]
fn killed_producers_lose_nothing_committed_in_an_event_loop() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let mut consumer = ring.consumer().unwrap();
    let mut choices = Choices::new(5);
    let mut buffer = [0; 8];
    let (mut next, mut deaths) = (0_u64, 0);
    while deaths < 100 {
        let from = next;
        let mut child = Child::fork(|| {
            let Ok(mut producer) = ring.producer_until(limit()) else {
                return 1;
            };
            for number in from.. {
                if producer.send(&number.to_ne_bytes()).is_err() {
                    return 2;
                }
                if number.is_multiple_of(64) {
                    std::thread::yield_now();
                }
            }
            0
        });
        let poller = poller_of(&consumer, Interest::IN);
        let process = pidfd::open(Pid::from_raw(child.id()).unwrap()).unwrap();
        poller.add(&process, 2, Interest::IN).unwrap();
        let fatal = next + choices.below(2000);
        loop {
            match consumer.try_recv(&mut buffer) {
                Ok(len) => {
                    assert_eq!((len, u64::from_ne_bytes(buffer)), (8, next));
                    next += 1;
                    if next == fatal {
                        child.kill();
                    }
                }
                Err(Error::WouldBlock) => {
                    if next <= fatal && next + 1 > fatal {
                        child.kill();
                    }
                    if !consumer.arm().unwrap() {
                        continue;
                    }
                    let mut events = [Event::EMPTY; 2];
                    let events = poller.wait_until(&mut events, limit()).unwrap();
                    // All that it published has been rung for: nothing comes after this look.
                    if events.iter().any(|event| event.token() == 2) {
                        while consumer.try_recv(&mut buffer) == Ok(8) {
                            assert_eq!(u64::from_ne_bytes(buffer), next);
                            next += 1;
                        }
                        break;
                    }
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        child.wait();
        deaths += 1;
    }
    let mut last = ring.producer_until(limit()).unwrap();
    last.send(b"the last").unwrap();
    assert_eq!(consumer.recv(&mut buffer), Ok(8));
    assert_eq!(&buffer, b"the last");
}

#[test]
fn death_of_the_peer_is_told_to_who_waits_and_a_successor_goes_on() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(consumer.peer(), State::Absent);
    let mut child = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 1;
        };
        let sent = producer.send(b"the last words");
        core::mem::forget(producer);
        i32::from(sent.is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
    let mut buffer = [0; 16];
    assert_eq!(consumer.recv(&mut buffer), Ok(14));
    assert_eq!(
        consumer.recv_until(&mut buffer, limit()),
        Err(Error::PeerDied)
    );
    assert_eq!(consumer.peer(), State::Dead);
    let mut producer = ring.producer().unwrap();
    assert_eq!(consumer.peer(), State::Attached);
    assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    producer.send(b"next").unwrap();
    assert_eq!(consumer.recv(&mut buffer), Ok(4));
    producer.detach();
    assert_eq!(consumer.peer(), State::Absent);
    drop(ring.producer().unwrap());
    assert_eq!(consumer.peer(), State::Closed);
}

/// Stopped anywhere, it strands nobody: it had rung for what it published.
#[test]
fn stopped_producer_strands_nobody() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let mut consumer = ring.consumer().unwrap();
    let child = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 1;
        };
        while producer.send(b"x").is_ok() {}
        0
    });
    let poller = poller_of(&consumer, Interest::IN);
    let mut choices = Choices::new(3);
    for _ in 0..200 {
        for _ in 0..choices.below(50) {
            assert_eq!(recv_by(&poller, &mut consumer, &mut [0; 8]), Ok(1));
        }
        child.signal(libc::SIGSTOP);
        // All that it published, and not more.
        let moment = Deadline::after(Duration::from_micros(100));
        while consumer.recv_until(&mut [0; 8], moment).is_ok() {}
        assert_eq!(consumer.peer(), State::Attached);
        child.signal(libc::SIGCONT);
    }
}

#[test]
fn copies_of_a_forked_child_are_refused() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut child = Child::fork(|| {
        let refused = [
            producer.try_send(b"x") == Err(Error::Forked),
            consumer.try_recv(&mut [0; 8]) == Err(Error::Forked),
            consumer.arm() == Err(Error::Forked),
            producer.arm() == Err(Error::Forked),
            rawipc::ring::select(
                &mut [rawipc::ring::Choice::Recv(&mut consumer)],
                Deadline::NOW,
            ) == Err(Error::Forked),
        ];
        // SAFETY: bitwise copies, as a child has them; the originals are not used there.
        drop(unsafe { core::ptr::read(&raw const producer) });
        i32::from(refused.contains(&false))
    });
    assert_eq!(child.wait(), End::Exited(0));
    producer.send(b"still here").unwrap();
    assert_eq!(consumer.recv(&mut [0; 16]), Ok(10));
}

// --- Who lies ---

#[test]
fn open_of_what_is_not_this_ring_says_why() {
    let _check = LeakCheck::begin();
    let trusting = ring(Bells::Event);
    let opened = Ring::open(copies(&trusting), Bells::Timer);
    assert_eq!(opened.err(), Some(AttachError::WrongBell));
    Ring::open(copies(&trusting), Bells::Event).unwrap();
    let safe = ring(Bells::Timer);
    Ring::open(copies(&safe), Bells::Timer).unwrap();
    Ring::open(copies(&safe), Bells::Event).unwrap();
    // What is no bell at all.
    let [memory, data, _] = copies(&safe);
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let opened = Ring::open([memory, data, reader], Bells::Timer);
    assert_eq!(opened.err(), Some(AttachError::WrongBell));
    let spsc: rawipc::ring::spsc::Ring = rawipc::ring::spsc::Ring::create(1).unwrap();
    let [_, data, room] = copies(&safe);
    let opened = Ring::open([OwnedFd::from(spsc), data, room], Bells::Timer);
    assert_eq!(opened.err(), Some(AttachError::WrongKind));
}

#[test]
fn words_with_impossible_values_are_corrupt() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let memory = memory(&ring);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let mut choices = Choices::new(9);
    for _ in 0..2000 {
        let word = choices.below(u64::MAX) | 1 << 63;
        memory.write(at::PUBLISHED, &word).unwrap();
        memory.write(at::CONSUMED, &word).unwrap();
        assert_eq!(consumer.try_recv(&mut [0; 8]), Err(Error::Corrupt));
        assert_eq!(producer.try_send(b"x"), Err(Error::Corrupt));
        assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    }
    drop((producer, consumer));
    memory.write(at::PUBLISHED, &(1_u64 << 60)).unwrap();
    memory.write(at::CONSUMED, &0_u64).unwrap();
    assert_eq!(ring.consumer().err(), Some(AttachError::Corrupt));
}

/// A watcher that arms all the time while it is rung.
#[test]
fn peer_that_arms_all_the_time_ends_in_an_error_or_a_success() {
    let _check = LeakCheck::begin();
    let ring = ring(Bells::Timer);
    let mut producer = ring.producer().unwrap();
    let memory = memory(&ring);
    let hostile = Child::fork(|| {
        let word: &core::sync::atomic::AtomicU64 = memory.object(at::PUBLISHED).unwrap();
        for arm in 1_u64.. {
            word.fetch_and(!0xff_ffff, core::sync::atomic::Ordering::Relaxed);
            word.fetch_or(arm % 0xff_ffff, core::sync::atomic::Ordering::Relaxed);
        }
        0
    });
    let begin = std::time::Instant::now();
    for _ in 0..50 {
        let sent = producer.try_send(b"x");
        assert!(matches!(sent, Ok(()) | Err(Error::Corrupt)), "{sent:?}");
    }
    assert!(begin.elapsed() < LIMIT);
    drop(hostile);
}
