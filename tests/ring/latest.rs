//! The latest value: what readers see of it, and what happens when the writer or a reader dies,
//! leaves or lies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
mod errors;
mod history;
mod storm;
mod uncontended;

use crate::support;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::os::fd::AsRawFd;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::rendezvous::Seat;
use rawipc::ring::latest::{self, READERS_MAX, bytes};
use rawipc::ring::{AttachError, Error, Peer as PeerState, spsc};
use rawipc::{AsFd, Deadline, Errno, OwnedFd};
use support::{Child, Choices, End, LeakCheck, Peer, PeerArgs, limit, pattern};

/// Where a value's words are in its memory.
mod at {
    pub(crate) const WORD: usize = 128;
    /// Where pages are as large as they may be.
    pub(crate) const SEATS: usize = if cfg!(target_arch = "aarch64") {
        65536
    } else {
        4096
    };
}

/// A descriptor of the same memory, as a peer would have it.
fn copy(value: impl AsFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(value.as_fd(), 0).unwrap()
}

/// The memory, for a peer that keeps no rule.
fn memory(value: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(value.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(value.as_fd()).unwrap()
}

// --- What readers see ---

#[test]
fn reader_has_the_latest_value_and_none_before_the_first() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<[u64; 3]>::create(2).unwrap();
    let mut reader = value.reader().unwrap();
    assert_eq!((reader.peer(), reader.version()), (PeerState::Absent, 0));
    assert_eq!(reader.read(), Err(Error::WouldBlock));
    assert_eq!(reader.try_read_newer(), Err(Error::WouldBlock));
    let mut writer = value.writer().unwrap();
    assert_eq!(reader.read(), Err(Error::WouldBlock));
    for number in 1..=1000 {
        writer.write(&[number; 3]).unwrap();
        assert_eq!(writer.version(), number);
        if number % 3 > 0 {
            continue;
        }
        assert_eq!(reader.try_read_newer(), Ok([number; 3]));
        assert_eq!(reader.try_read_newer(), Err(Error::WouldBlock));
        assert_eq!(reader.read(), Ok([number; 3]));
        assert_eq!(
            (reader.version(), reader.peer()),
            (number, PeerState::Attached)
        );
    }
    let soon = Deadline::after(Duration::from_millis(3));
    assert_eq!(reader.read_newer(), Ok([1000; 3]));
    assert_eq!(reader.read_newer_until(soon), Err(Error::TimedOut));
}

#[test]
fn value_of_every_size_arrives_whole() {
    fn check<const N: usize>() {
        let value = latest::Value::<[u8; N]>::create(1).unwrap();
        let mut writer = value.writer().unwrap();
        let mut readers = [value.reader().unwrap(), value.reader().unwrap()];
        assert_eq!(
            readers.each_ref().map(latest::Reader::has_seat),
            [true, false]
        );
        for some in pattern(N * 20, 5).chunks_exact(N) {
            writer.write(some.try_into().unwrap()).unwrap();
            for reader in &mut readers {
                assert!(reader.read_newer().unwrap() == *some);
                assert!(reader.read().unwrap() == *some);
            }
        }
    }
    let _check = LeakCheck::begin();
    check::<1>();
    check::<8>();
    check::<63>();
    check::<64>();
    check::<1000>();
    check::<70_000>();
    // One without bytes is told of like any other.
    let value = latest::Value::<[u8; 0]>::create(1).unwrap();
    let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
    assert_eq!(reader.read(), Err(Error::WouldBlock));
    writer.write(&[]).unwrap();
    assert_eq!(reader.read_newer(), Ok([]));
    assert_eq!(reader.try_read_newer(), Err(Error::WouldBlock));
}

#[test]
fn bytes_of_every_length_arrive_whole() {
    let _check = LeakCheck::begin();
    let value = bytes::Value::create(1, 300).unwrap();
    assert_eq!((value.readers(), value.limit()), (1, 300));
    let mut writer = value.writer().unwrap();
    let mut readers = [value.reader().unwrap(), value.reader().unwrap()];
    let data = pattern(300, 9);
    let mut buffer = [0; 300];
    for len in 0..=300 {
        writer.write(&data[..len]).unwrap();
        for reader in &mut readers {
            assert_eq!(reader.read_newer(&mut buffer), Ok(len));
            assert!(buffer[..len] == data[..len], "{len} bytes");
        }
    }
    let error = Error::TooLong {
        len: 301,
        limit: 300,
    };
    assert_eq!(writer.write(&[0; 301]), Err(error));
    let error = Error::TooLong { len: 300, limit: 9 };
    for reader in &mut readers {
        assert_eq!(reader.read(&mut buffer[..9]), Err(error));
        assert_eq!(reader.read(&mut buffer), Ok(300));
    }
}

#[test]
fn reservation_is_published_when_it_is_committed() {
    let _check = LeakCheck::begin();
    let value = bytes::Value::create(1, 100).unwrap();
    let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
    writer.write(b"first").unwrap();
    let mut next = writer.reserve(10).unwrap();
    next.write_at(0, b"never read").unwrap();
    drop(next);
    let mut buffer = [0; 100];
    assert_eq!(reader.read(&mut buffer), Ok(5));
    let mut next = writer.reserve(6).unwrap();
    next.write_at(3, b"def").unwrap();
    next.write_at(0, b"abc").unwrap();
    let error = Error::TooLong { len: 2, limit: 1 };
    assert_eq!(next.write_at(5, b"xy"), Err(error));
    assert_eq!(reader.read(&mut buffer), Ok(5));
    next.commit().unwrap();
    assert_eq!(reader.read(&mut buffer), Ok(6));
    assert_eq!(&buffer[..6], b"abcdef");
}

#[test]
fn value_of_a_trusted_writer_is_read_in_place_and_stays() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<[u64; 100]>::create(1).unwrap();
    let mut writer = value.writer().unwrap();
    // SAFETY: the writer is here and keeps the protocol.
    let mut reader = unsafe { value.reader().unwrap().assume_trusted() }.unwrap();
    // SAFETY: as above.
    let second = unsafe { value.reader().unwrap().assume_trusted() };
    assert!(second.is_err(), "nothing would keep a value in its place");
    assert_eq!(reader.get().err(), Some(Error::WouldBlock));
    writer.write(&[1; 100]).unwrap();
    let first = reader.get().unwrap();
    for number in 2..20 {
        writer.write(&[number; 100]).unwrap();
        assert_eq!(*first, [1; 100]);
    }
    assert_eq!(*reader.get().unwrap(), [19; 100]);

    let value = bytes::Value::create(1, 100).unwrap();
    let mut writer = value.writer().unwrap();
    // SAFETY: as above.
    let mut reader = unsafe { value.reader().unwrap().assume_trusted() }.unwrap();
    writer.write(b"one").unwrap();
    let first = reader.get().unwrap();
    writer.write(b"another").unwrap();
    writer.write(b"a third").unwrap();
    assert_eq!(first, b"one");
    assert_eq!(reader.get().unwrap(), b"a third");
}

/// 2^24 values later the version in the word is the same.
#[test]
fn version_at_its_end_wraps_around() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<u64>::create(1).unwrap();
    let mut writer = value.writer().unwrap();
    let mut readers = [value.reader().unwrap(), value.reader().unwrap()];
    writer.write(&0).unwrap();
    for reader in &mut readers {
        assert_eq!(reader.read(), Ok(0));
    }
    for number in 1..=1 << 24 {
        writer.write(&number).unwrap();
    }
    for reader in &mut readers {
        assert_eq!(reader.try_read_newer(), Ok(1 << 24));
        assert_eq!(reader.version(), (1 << 24) + 1);
        assert_eq!(reader.try_read_newer(), Err(Error::WouldBlock));
    }
    // A successor counts on.
    drop(writer);
    assert_eq!(value.writer().unwrap().version(), (1 << 24) + 1);
}

// --- Seats ---

#[test]
fn seat_is_given_back_and_taken_from_the_dead() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<u64>::create(2).unwrap();
    let mut writer = value.writer().unwrap();
    writer.write(&7).unwrap();
    let mut readers = [(); 3].map(|()| value.reader().unwrap());
    assert_eq!(
        readers.each_ref().map(latest::Reader::has_seat),
        [true, true, false]
    );
    for reader in &mut readers {
        assert_eq!(reader.read(), Ok(7));
    }
    let [first, second, third] = readers;
    drop(second);
    let mut another = value.reader().unwrap();
    assert!(another.has_seat());
    assert_eq!(another.read(), Ok(7));
    drop((first, third));
    // One dies with its seat, which holds a value.
    let mut child = Child::fork(|| {
        let mut reader = value.reader().unwrap();
        let read = reader.read();
        core::mem::forget(reader);
        i32::from(read != Ok(7))
    });
    assert_eq!(child.wait(), End::Exited(0));
    for number in 8..20 {
        writer.write(&number).unwrap();
    }
    let mut successor = value.reader().unwrap();
    assert!(successor.has_seat());
    assert_eq!(successor.read(), Ok(19));
    assert!(!value.reader().unwrap().has_seat());
}

#[test]
fn as_many_readers_as_can_be_have_a_seat_each() {
    let _check = LeakCheck::begin();
    assert_eq!(
        latest::Value::<u64>::create(READERS_MAX + 1).err(),
        Some(Errno::INVAL)
    );
    let value = latest::Value::<u64>::create(READERS_MAX).unwrap();
    assert_eq!(value.readers(), READERS_MAX);
    let mut writer = value.writer().unwrap();
    let mut readers: Vec<_> = (0..READERS_MAX).map(|_| value.reader().unwrap()).collect();
    // Each holds another value.
    for (number, reader) in readers.iter_mut().enumerate() {
        assert!(reader.has_seat());
        writer.write(&(number as u64)).unwrap();
        assert_eq!(reader.read(), Ok(number as u64));
    }
    for number in 100..200 {
        writer.write(&number).unwrap();
    }
    for reader in &mut readers {
        assert_eq!(reader.read_newer(), Ok(199));
    }
    // And none at all.
    let value = latest::Value::<u64>::create(0).unwrap();
    let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
    assert_eq!(reader.read(), Err(Error::WouldBlock));
    writer.write(&1).unwrap();
    assert_eq!((reader.has_seat(), reader.read()), (false, Ok(1)));
}

/// The same memory by a descriptor that is only to read.
fn to_read(value: impl AsFd) -> OwnedFd {
    let path = format!("/proc/self/fd/{}", value.as_fd().as_raw_fd());
    std::fs::File::open(path).unwrap().into()
}

#[test]
fn reader_of_a_read_only_descriptor_reads_without_a_seat() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<[u64; 9]>::create(1).unwrap();
    let only = latest::Value::<[u64; 9]>::open(to_read(&value)).unwrap();
    assert_eq!(only.writer().err(), Some(AttachError::ReadOnly));
    let mut reader = only.reader().unwrap();
    assert_eq!(
        (reader.has_seat(), reader.read()),
        (false, Err(Error::WouldBlock))
    );
    // It is no member, and needs no seat to be one, whichever that is.
    let other = latest::Value::<u64>::create(1).unwrap();
    let by = only.reader_by(Seat::new(&other).unwrap()).unwrap();
    assert!(!by.has_seat());
    let mut writer = value.writer().unwrap();
    for number in 1..100 {
        writer.write(&[number; 9]).unwrap();
        assert_eq!(reader.read_newer(), Ok([number; 9]));
        assert_eq!(reader.version(), number);
    }
    assert_eq!(reader.try_read_newer(), Err(Error::WouldBlock));
    let soon = Deadline::after(Duration::from_millis(3));
    assert_eq!(reader.read_newer_until(soon), Err(Error::TimedOut));
    assert_eq!(reader.peer(), PeerState::Attached);
    // It takes nobody's seat, and is told of the end as others are.
    assert!(value.reader().unwrap().has_seat());
    drop(writer);
    assert_eq!(reader.read_newer(), Err(Error::Closed));
    let mut child = Child::fork(|| {
        core::mem::forget(value.writer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(reader.read_newer_until(limit()), Err(Error::PeerDied));
}

// --- Two processes ---

/// Long enough to be torn.
type Long = [u64; 512];

/// The number in a value that is whole.
#[track_caller]
fn whole(long: &Long) -> u64 {
    assert!(long.iter().all(|word| *word == long[0]), "torn");
    long[0]
}

const LAST: u64 = 20_000;

#[test]
fn readers_beside_a_writer_in_another_process_see_whole_values_in_order() {
    if let Some(args) = PeerArgs::role("writer") {
        let value = latest::Value::<Long>::open(args.descriptor(0)).unwrap();
        let mut writer = value.writer().unwrap();
        for number in 1..=LAST {
            writer.write(&[number; 512]).unwrap();
        }
        return;
    }
    let _check = LeakCheck::begin();
    let value = latest::Value::<Long>::create(1).unwrap();
    let mut readers = [value.reader().unwrap(), value.reader().unwrap()];
    let peer = Peer::start(test_name!(), "writer", &[value.as_fd().as_raw_fd()]);
    let mut last = [0; 2];
    let deadline = limit();
    while last != [LAST; 2] {
        for (reader, last) in readers.iter_mut().zip(&mut last) {
            let long = match reader.read_newer_until(deadline) {
                Ok(long) => long,
                // Everything has been read.
                Err(Error::Closed) => reader.read().unwrap(),
                // Written over again and again: the writer is faster.
                Err(Error::WouldBlock) => continue,
                Err(error) => panic!("{error:?} after {last}"),
            };
            let number = whole(&long);
            assert!(number >= *last, "{number} after {last}");
            assert_eq!(reader.version(), number);
            *last = number;
        }
    }
    peer.finish();
}

#[test]
fn sleeping_reader_is_woken_by_a_value_and_by_the_close() {
    let _check = LeakCheck::begin();
    for seats in [0, 1] {
        let value = latest::Value::<u64>::create(seats).unwrap();
        let mut writer = value.writer().unwrap();
        let noted = MapOptions::shared(4096).map_anonymous().unwrap();
        let noted: &AtomicU64 = noted.object(0).unwrap();
        let mut child = Child::fork(|| {
            let Ok(mut reader) = value.reader() else {
                return 1;
            };
            loop {
                match reader.read_newer_until(limit()) {
                    Ok(number) => noted.store(number, Ordering::Release),
                    Err(Error::Closed) => return 0,
                    Err(_) => return 2,
                }
            }
        });
        for number in 1..=3 {
            child.await_sleep();
            writer.write(&number).unwrap();
            let deadline = limit();
            while noted.load(Ordering::Acquire) != number {
                assert!(!deadline.has_passed(), "not woken: {}", child.plight());
                std::thread::yield_now();
            }
        }
        child.await_sleep();
        drop(writer);
        assert_eq!(child.wait(), End::Exited(0));
    }
}

// --- Who writes ---

#[test]
fn second_writer_waits_until_the_first_leaves_or_dies() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<u64>::create(1).unwrap();
    let mut reader = value.reader().unwrap();
    let mut writer = value.writer().unwrap();
    assert_eq!(value.writer().err(), Some(AttachError::Occupied));
    let soon = Deadline::after(Duration::from_millis(3));
    assert_eq!(value.writer_until(soon).err(), Some(AttachError::Occupied));
    writer.write(&1).unwrap();
    writer.detach();
    assert_eq!((reader.peer(), reader.read()), (PeerState::Absent, Ok(1)));
    let mut writer = value.writer_until(limit()).unwrap();
    writer.write(&2).unwrap();
    drop(writer);
    // What was written before the end is read before the end is told.
    assert_eq!(reader.read_newer(), Ok(2));
    assert_eq!(reader.peer(), PeerState::Closed);
    assert_eq!(reader.read_newer(), Err(Error::Closed));
    assert_eq!(reader.try_read_newer(), Err(Error::Closed));
    assert_eq!(reader.read(), Ok(2));
    // A successor opens it again.
    let mut child = Child::fork(|| {
        let mut writer = value.writer().unwrap();
        let written = writer.write(&3);
        core::mem::forget(writer);
        i32::from(written.is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(reader.read_newer_until(limit()), Ok(3));
    assert_eq!(reader.read_newer_until(limit()), Err(Error::PeerDied));
    assert_eq!((reader.peer(), reader.read()), (PeerState::Dead, Ok(3)));
    let failures = (0..=spsc::FAILURES_PER_LOOK).map(|_| reader.try_read_newer());
    assert_eq!(failures.last(), Some(Err(Error::PeerDied)));
    let mut writer = value.writer().unwrap();
    assert_eq!(writer.version(), 3);
    writer.write(&4).unwrap();
    assert_eq!(reader.read_newer(), Ok(4));
}

#[test]
fn stopped_writer_is_not_taken_for_dead_and_delays_no_reader() {
    if let Some(mut args) = PeerArgs::role("writer") {
        let value = latest::Value::<u64>::open(args.descriptor(0)).unwrap();
        let mut writer = value.writer().unwrap();
        writer.write(&1).unwrap();
        args.channel.say("written");
        args.channel.expect("go on");
        writer.write(&2).unwrap();
        writer.detach();
        return;
    }
    let _check = LeakCheck::begin();
    let value = latest::Value::<u64>::create(1).unwrap();
    let mut reader = value.reader().unwrap();
    let mut peer = Peer::start(test_name!(), "writer", &[value.as_fd().as_raw_fd()]);
    peer.expect("written");
    let pid = rustix::process::Pid::from_raw(peer.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    assert_eq!(reader.read(), Ok(1));
    let soon = Deadline::after(3 * spsc::LIVENESS_INTERVAL);
    assert_eq!(reader.read_newer_until(soon), Err(Error::TimedOut));
    assert_eq!(value.writer().err(), Some(AttachError::Occupied));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    peer.say("go on");
    assert_eq!(reader.read_newer_until(limit()), Ok(2));
    peer.finish();
}

// --- What is refused ---

#[test]
fn open_of_what_is_not_this_value_says_why() {
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(4096).unwrap();
    let wrong = latest::Value::<u64>::open(ring.into()).err();
    assert_eq!(wrong, Some(AttachError::WrongKind));
    let value = latest::Value::<u32>::create(1).unwrap();
    let wrong = latest::Value::<u64>::open(copy(&value)).err();
    assert_eq!(wrong, Some(AttachError::WrongItem { size: 4 }));
    assert_eq!(
        bytes::Value::open(copy(&value)).err(),
        Some(AttachError::WrongKind)
    );
    let long = bytes::Value::create(1, 4).unwrap();
    let wrong = latest::Value::<u32>::open(copy(&long)).err();
    assert_eq!(wrong, Some(AttachError::WrongKind));
    latest::Value::<u32>::open(copy(&value)).unwrap();
    latest::Value::<u32>::open_at_most(copy(&value), 1).unwrap();
    bytes::Value::open_at_most(copy(&long), 3 << 12).unwrap();
    let many = latest::Value::<[u8; 4096]>::create(8).unwrap();
    let refused = latest::Value::<[u8; 4096]>::open_at_most(copy(&many), 7).err();
    assert!(matches!(refused, Some(AttachError::TooLarge { .. })));
    let refused = bytes::Value::create(1, usize::MAX).err();
    assert_eq!(refused, Some(Errno::INVAL));
}

#[test]
fn words_with_impossible_values_are_corrupt() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<u64>::create(2).unwrap();
    let mut writer = value.writer().unwrap();
    let mut readers = [(); 3].map(|()| value.reader().unwrap());
    writer.write(&1).unwrap();
    for reader in &mut readers {
        assert_eq!(reader.read(), Ok(1));
    }
    let memory = memory(&value);
    // A buffer that is not there.
    let word: u32 = memory.read(at::WORD).unwrap();
    memory.write(at::WORD, &(word | 0x3f << 1)).unwrap();
    for reader in &mut readers {
        assert_eq!(reader.read(), Err(Error::Corrupt));
    }
    assert_eq!(writer.write(&2), Err(Error::Corrupt));
    drop(writer);
    assert_eq!(value.writer().err(), Some(AttachError::Corrupt));
    memory.write(at::WORD, &word).unwrap();
    let mut writer = value.writer().unwrap();
    writer.write(&3).unwrap();
    for reader in &mut readers {
        assert_eq!(reader.read(), Ok(3));
    }
    // Each bit of the seats: the writer finds a buffer whatever they say.
    for bit in 0..32_u32 {
        for seat in [at::SEATS, at::SEATS + 128] {
            memory.write(seat, &(1_u32 << bit)).unwrap();
            writer.write(&u64::from(bit)).unwrap();
        }
        let _ = readers[0].read();
    }
}

#[test]
fn scribbling_peer_causes_no_panic_or_endless_loop() {
    let _check = LeakCheck::begin();
    let value = bytes::Value::create(2, 100).unwrap();
    let memory = memory(&value);
    let size = memory.len();
    let mut child = Child::fork(|| {
        let mut choices = Choices::new(11);
        loop {
            let at = choices.below(size as u64 / 4) as usize * 4;
            let at = if at < at::WORD { at + at::WORD } else { at };
            let number = choices.below(1 << 20) as u32;
            let _ = memory.write(at, &number);
            let _ = memory.write(at::WORD, &number);
        }
    });
    let mut choices = Choices::new(12);
    let until = Deadline::after(Duration::from_millis(300));
    let mut buffer = [0; 100];
    while !until.has_passed() {
        let soon = || Deadline::after(Duration::from_micros(20));
        if let Ok(mut writer) = value.writer_until(soon()) {
            for _ in 0..50 {
                let len = choices.below(101) as usize;
                let _ = writer.write(&buffer[..len]);
            }
        }
        for _ in 0..3 {
            let Ok(mut reader) = value.reader() else {
                continue;
            };
            for _ in 0..50 {
                let _ = reader.read(&mut buffer);
                let _ = reader.try_read_newer(&mut buffer);
                let _ = reader.read_newer_until(&mut buffer, soon());
            }
        }
    }
    assert_eq!(child.try_wait(), None);
    child.kill();
    child.wait();
}

// --- Forks ---

#[test]
fn inherited_ends_used_in_child_are_refused_and_touch_nothing() {
    let _check = LeakCheck::begin();
    let value = latest::Value::<u64>::create(1).unwrap();
    let (mut writer, mut reader) = (value.writer().unwrap(), value.reader().unwrap());
    let mut unseated = value.reader().unwrap();
    writer.write(&1).unwrap();
    assert_eq!(reader.read(), Ok(1));
    let mut child = Child::fork(|| {
        let refused = [
            writer.write(&2).err(),
            reader.read().err(),
            reader.try_read_newer().err(),
            reader.read_newer_until(Deadline::NOW).err(),
            unseated.read().err(),
        ];
        drop((writer, reader, unseated));
        i32::from(refused != [Some(Error::Forked); 5])
    });
    assert_eq!(child.wait(), End::Exited(0));
    // In this process they live on: what the closure moved was the child's.
    let mut next = value.reader().unwrap();
    assert_eq!(next.read(), Ok(1));
}
