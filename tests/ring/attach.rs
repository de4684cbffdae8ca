//! Attaching to a ring: what is opened, what a wait for an end costs, what hostile locks do to
//! it, and what a forked child can do with the endpoints that it has copies of.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::fs::File;
use std::time::Instant;

use rawipc::memory::MapOptions;
use rawipc::memory::memfd::{self, MemfdFlags, Seals};
use rawipc::ring::spsc::{self, OPEN_LIMIT, items};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, AsRawFd, Deadline, OwnedFd};
use support::{Child, End, LeakCheck, limit};

/// The largest page that the machine may have.
const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

/// Where a ring's memory has the number that was given out last.
const TICKET_AT: usize = 64;

fn ring(capacity: usize) -> spsc::Ring {
    spsc::Ring::create(capacity).unwrap()
}

/// The number that was given out last.
fn ticket(ring: impl AsFd) -> u32 {
    let memory = MapOptions::shared(PAGE).map(ring.as_fd()).unwrap();
    memory.read(TICKET_AT).unwrap()
}

// --- What is opened ---

#[test]
fn open_of_larger_ring_than_accepted_is_refused() {
    let _check = LeakCheck::begin();
    type Items = items::Ring<[u64; 4]>;
    let largest = ring(OPEN_LIMIT);
    let size = (OPEN_LIMIT + PAGE) as u64;
    let opened = spsc::Ring::<SpinThenFutex>::open(largest.into());
    let fd = OwnedFd::from(opened.unwrap());
    let refused = spsc::Ring::<SpinThenFutex>::open_at_most(fd, OPEN_LIMIT / 2);
    assert_eq!(refused.err(), Some(AttachError::TooLarge { size }));

    let larger = || OwnedFd::from(ring(2 * OPEN_LIMIT));
    let size = (2 * OPEN_LIMIT + PAGE) as u64;
    let refused = spsc::Ring::<SpinThenFutex>::open(larger()).err();
    assert_eq!(refused, Some(AttachError::TooLarge { size }));
    assert!(spsc::Ring::<SpinThenFutex>::open_at_most(larger(), 2 * OPEN_LIMIT).is_ok());
    assert!(spsc::Ring::<SpinThenFutex>::open_at_most(larger(), usize::MAX).is_ok());

    // What is made for so many is accepted for so many.
    for items in [0, 1, 100, PAGE] {
        let fd = OwnedFd::from(Items::create(items).unwrap());
        let opened = Items::open_at_most(fd, items).unwrap();
        let refused = Items::open_at_most(opened.into(), items / 4).err();
        assert_eq!(refused.is_some(), items == PAGE, "{refused:?}");
    }
}

#[test]
fn open_of_read_only_descriptor_is_refused() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let path = format!("/proc/self/fd/{}", ring.as_fd().as_raw_fd());
    let reading = OwnedFd::from(File::open(path).unwrap());
    let refused = spsc::Ring::<SpinThenFutex>::open(reading).err();
    assert_eq!(refused, Some(AttachError::ReadOnly));

    let mut head = [0; 128];
    let memory = MapOptions::shared(PAGE).map(ring.as_fd()).unwrap();
    memory.read_at(0, &mut head).unwrap();
    for seal in [Seals::FUTURE_WRITE, Seals::WRITE] {
        let memfd = memfd::create("sealed", MemfdFlags::empty()).unwrap();
        memfd.set_size(2 * PAGE as u64).unwrap();
        memfd.write_at(0, &head).unwrap();
        memfd.seal(seal | Seals::SHRINK).unwrap();
        let refused = spsc::Ring::<SpinThenFutex>::open(memfd.into()).err();
        assert_eq!(refused, Some(AttachError::ReadOnly), "{seal:?}");
    }
}

/// A page of it that cannot be had is a SIGBUS, sealed or not.
#[test]
fn open_of_huge_pages_is_refused() {
    let _check = LeakCheck::begin();
    let memfd = match memfd::create("huge", MemfdFlags::HUGE) {
        Ok(memfd) => memfd,
        Err(errno) => {
            skipped!("the kernel has no memory of huge pages: {errno}");
            return;
        }
    };
    memfd.set_size(1 << 30).unwrap();
    memfd.seal(Seals::SHRINK).unwrap();
    let refused = spsc::Ring::<SpinThenFutex>::open(memfd.into()).err();
    assert_eq!(refused, Some(AttachError::HugePages));
}

#[test]
fn ring_of_items_created_for_none_has_room_for_one() {
    let _check = LeakCheck::begin();
    type Item = [u8; 2 * PAGE];
    let ring = items::Ring::<Item>::create(0).unwrap();
    assert!(ring.capacity() >= 1);
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    producer.push_until(&[7; 2 * PAGE], limit()).unwrap();
    assert_eq!(consumer.pop_until(limit()), Ok([7; 2 * PAGE]));
}

/// Where not one item fits, both would wait for ever.
#[test]
fn open_of_ring_without_room_for_an_item_is_refused() {
    let _check = LeakCheck::begin();
    type Item = [u8; 2 * PAGE];
    let mut head = [0; 128];
    let ring = items::Ring::<Item>::create(1).unwrap();
    let memory = MapOptions::shared(PAGE).map(ring.as_fd()).unwrap();
    memory.read_at(0, &mut head).unwrap();
    // The length of the data.
    head[32..40].copy_from_slice(&(PAGE as u64).to_ne_bytes());
    let memfd = memfd::create("small", MemfdFlags::empty()).unwrap();
    memfd.set_size(2 * PAGE as u64).unwrap();
    memfd.write_at(0, &head).unwrap();
    memfd.seal(Seals::SHRINK).unwrap();
    let refused = items::Ring::<Item>::open(memfd.into()).err();
    assert_eq!(refused, Some(AttachError::Corrupt));
}

// --- What attaching costs ---

#[test]
fn attach_until_to_occupied_end_uses_up_no_numbers() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let _producer = ring.producer().unwrap();
    let before = ticket(&ring);
    let wait = Duration::from_millis(300);
    let refused = ring.producer_until(Deadline::after(wait)).err();
    assert_eq!(refused, Some(AttachError::Occupied));
    assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    assert_eq!(ticket(&ring), before, "numbers used in {wait:?}");
}

/// Holds a lock of this kind on the byte of one number, or before the bytes of all.
fn hold(file: impl AsFd, number: i64, kind: i32) {
    let lock = libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: (1 << 62) + number,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the lock is borrowed for the call.
    let held = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    assert_eq!(held, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn attach_beside_many_hostile_locks_ends_by_its_deadline() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let path = format!("/proc/self/fd/{}", ring.as_fd().as_raw_fd());
    let mut options = File::options();
    let hostile = options.read(true).write(true).open(path).unwrap();
    // So that each look at a lock goes by many, then every number that is tried.
    for number in -4_000..=4_100 {
        // Of two kinds in turn, or the kernel makes one of them.
        let kind = [libc::F_RDLCK, libc::F_WRLCK][usize::from(number % 2 == 0)];
        hold(&hostile, number, kind);
    }
    for _ in 0..2 {
        let begin = Instant::now();
        let refused = ring.producer_until(Deadline::after(Duration::from_millis(20)));
        let took = begin.elapsed();
        assert_eq!(refused.err(), Some(AttachError::Corrupt));
        assert!(took < Duration::from_millis(400), "{took:?}");
        assert!(ticket(&ring) <= 2 * 64, "{} numbers tried", ticket(&ring));
    }
}

// --- What a forked child has ---

/// Uses everything that a forked child has a copy of, and says in which step something
/// succeeded.
fn used_in_child<W: Waiting>(
    reservation: &mut spsc::Reservation<'_, W>,
    producer: &mut items::Producer<u64, W>,
    consumer: &mut spsc::Consumer<W>,
    popper: &mut items::Consumer<u64, W>,
) -> i32 {
    let at_once = Deadline::NOW;
    let mut bytes = [0; 64];
    let mut items = [0; 8];
    let forked = [
        reservation.write(b"child").err(),
        reservation.write_at(0, b"child").err(),
        producer.push(&1).err(),
        producer.try_push(&1).err(),
        producer.push_until(&1, at_once).err(),
        producer.push_slice(&[1, 2]).err(),
        producer.try_push_slice(&[1, 2]).err(),
        consumer.recv(&mut bytes).err(),
        consumer.try_recv(&mut bytes).err(),
        consumer.recv_until(&mut bytes, at_once).err(),
        consumer.peek().err(),
        consumer.try_peek().err(),
        consumer.batch().recv(&mut bytes).err(),
        consumer.as_bytes().read(&mut bytes).err(),
        popper.pop().err(),
        popper.try_pop().err(),
        popper.pop_until(at_once).err(),
        popper.pop_slice(&mut items).err(),
        popper.try_pop_slice(&mut items).err(),
    ];
    let wrong = forked
        .iter()
        .position(|error| *error != Some(Error::Forked));
    wrong.map_or(0, |step| 10 + step as i32)
}

/// Drops the copy that this process, a forked child, has of `owner`.
fn drop_copy<T>(owner: &T) {
    // SAFETY: nobody uses it afterwards: this process exits without unwinding.
    drop(unsafe { core::ptr::from_ref(owner).read() });
}

/// The child has something of its own in every hole that there is. It stays as it was, and so
/// does the ring.
fn endpoints_in_child_are_refused<W: Waiting>() {
    let _check = LeakCheck::begin();
    const LEN: usize = 16 * PAGE;
    let ring = spsc::Ring::<W>::create(PAGE).unwrap();
    let items = items::Ring::<u64, W>::create(8).unwrap();
    let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
    let (mut pusher, mut popper) = (items.producer().unwrap(), items.consumer().unwrap());
    producer.send(b"before").unwrap();
    pusher.push(&1).unwrap();
    let mut reservation = producer.reserve(16).unwrap();
    reservation.write(b"parent's").unwrap();
    let end = Child::fork(|| {
        let mut maps = [const { None }; 128];
        for (index, place) in maps.iter_mut().enumerate() {
            // The first holes that are large enough for a ring, then those for a page.
            let len = if index < 64 { LEN } else { PAGE };
            let map = MapOptions::private(len).map_anonymous();
            let Some(map) = map.ok().filter(|map| map.fill(.., 7).is_ok()) else {
                return 1;
            };
            *place = Some(map);
        }
        let wrong = used_in_child(&mut reservation, &mut pusher, &mut consumer, &mut popper);
        if wrong != 0 {
            return wrong;
        }
        // SAFETY: nobody uses it afterwards: this process exits without unwinding.
        let committed = unsafe { core::ptr::from_ref(&reservation).read() }.commit();
        if committed != Err(Error::Forked) {
            return 2;
        }
        drop_copy(&pusher);
        drop_copy(&consumer);
        drop_copy(&popper);
        let mut bytes = [0; LEN];
        for map in maps.iter().flatten() {
            let bytes = &mut bytes[..map.len()];
            if map.read_at(0, bytes).is_err() || bytes.iter().any(|byte| *byte != 7) {
                return 3;
            }
        }
        // By the descriptor it could attach, if the parent had not.
        i32::from(ring.consumer().err() != Some(AttachError::Occupied)) * 4
    })
    .wait();
    assert_eq!(end, End::Exited(0));
    reservation.truncate(8);
    reservation.commit().unwrap();
    let mut record = [0; 16];
    assert_eq!(consumer.recv(&mut record), Ok(6));
    assert_eq!(consumer.recv(&mut record), Ok(8));
    assert_eq!(&record[..8], b"parent's");
    pusher.push(&2).unwrap();
    assert_eq!((popper.pop(), popper.pop()), (Ok(1), Ok(2)));
    assert_eq!(popper.try_pop(), Err(Error::WouldBlock));
}

#[test]
fn inherited_endpoints_used_in_child_are_refused_and_touch_nothing() {
    endpoints_in_child_are_refused::<SpinThenFutex>();
    endpoints_in_child_are_refused::<Spin>();
}

/// However far the parent is by then.
#[test]
fn slices_in_child_whose_parent_went_on_are_refused() {
    fn check<W: Waiting>() {
        let _check = LeakCheck::begin();
        let ring = items::Ring::<u64, W>::create(512).unwrap();
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        let gate = rawipc::event::eventfd::create(0, rawipc::event::eventfd::EventFdFlags::empty());
        let gate = gate.unwrap();
        let mut child = Child::fork(|| {
            if gate.wait_until(limit()).is_err() {
                return 1;
            }
            let forked = Err(Error::Forked);
            let mut room = [0; 4];
            let all = producer.push_slice(&[1, 2]) == forked
                && producer.try_push_slice(&[]) == forked
                && producer.push_slice_until(&[1], limit()) == forked
                && consumer.pop_slice(&mut room) == forked
                && consumer.try_pop_slice(&mut room) == forked
                && consumer.pop_slice_until(&mut room, limit()) == forked;
            i32::from(!all) * 2
        });
        for round in 0..2000 {
            producer.push(&round).unwrap();
            assert_eq!(consumer.pop(), Ok(round));
        }
        gate.add(1).unwrap();
        assert_eq!(child.wait(), End::Exited(0));
    }
    check::<SpinThenFutex>();
    check::<Spin>();
}

/// What a record's bytes are in a child is another record's, or nobody's.
#[test]
fn records_of_trusted_peers_in_child_are_empty() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    // SAFETY: both ends are here, and the child looks at nothing that it borrowed before.
    let mut producer = unsafe { ring.producer().unwrap().assume_trusted() };
    // SAFETY: as above.
    let mut consumer = unsafe { ring.consumer().unwrap().assume_trusted() };
    producer.send(b"sent").unwrap();
    let mut reserved = producer.reserve(4).unwrap();
    let record = consumer.peek().unwrap();
    let end = Child::fork(|| {
        i32::from(!reserved.as_mut_slice().is_empty())
            + 2 * i32::from(!record.as_slice().is_empty())
    })
    .wait();
    assert_eq!(end, End::Exited(0));
    assert_eq!(
        (reserved.as_mut_slice().len(), record.as_slice()),
        (4, &b"sent"[..])
    );
}

/// A child that outlives its parent does not keep it alive.
#[test]
fn parent_dead_is_noticed_while_its_child_lives() {
    let _check = LeakCheck::begin();
    let ring = ring(PAGE);
    let mut consumer = ring.consumer().unwrap();
    let gate = rawipc::event::eventfd::create(0, rawipc::event::eventfd::EventFdFlags::empty());
    let gate = gate.unwrap();
    let end = Child::fork(|| {
        let Ok(mut producer) = ring.producer() else {
            return 1;
        };
        // SAFETY: the child only waits, then exits.
        match unsafe { libc::fork() } {
            0 => {
                let _ = gate.wait_until(limit());
                // SAFETY: ends the process without handlers.
                unsafe { libc::_exit(0) }
            }
            -1 => 2,
            _ => {
                let sent = producer.send(b"last");
                core::mem::forget(producer);
                i32::from(sent.is_err()) * 3
            }
        }
    })
    .wait();
    assert_eq!(end, End::Exited(0));
    let mut record = [0; 8];
    assert_eq!(consumer.recv_until(&mut record, limit()), Ok(4));
    let told = consumer.recv_until(&mut record, limit());
    assert_eq!(told, Err(Error::PeerDied));
    gate.add(1).unwrap();
}

/// Whatever the strategy is, in code that does not know which.
#[test]
fn endpoints_are_send_in_generic_code() {
    fn send<T: Send>() {}
    fn all<W: Waiting>() {
        send::<spsc::Ring<W>>();
        send::<spsc::Producer<W>>();
        send::<spsc::Consumer<W>>();
        send::<items::Ring<u64, W>>();
        send::<items::Producer<u64, W>>();
        send::<items::Consumer<u64, W>>();
    }
    all::<SpinThenFutex>();
    all::<Spin>();
}
