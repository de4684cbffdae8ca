//! Looking at regions: alive, dead, corrupt, foreign and shrinking.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod errors;

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use rawipc::inspect::{self, Fact, Inspection, Unit};
use rawipc::lock::{Kind, ofd};
use rawipc::memory::MapOptions;
use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::ring::{AttachError, Peer, spsc};
use rawipc::{AsFd, Deadline, OwnedFd};
use support::{Child, Choices, End, LIMIT, LeakCheck};

/// Which facts a look finds.
fn facts(region: &Inspection<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    region.facts(|fact| facts.push(fact));
    facts
}

/// The state of who has a role.
fn state(region: &Inspection<'_>, sought: &str) -> Option<Peer> {
    facts(region).into_iter().find_map(|fact| match fact {
        Fact::Member { role, state, .. } if role == sought => Some(state),
        _ => None,
    })
}

fn members(region: &Inspection<'_>) -> (Vec<u32>, bool) {
    let mut numbers = Vec::new();
    let complete = region.members(|number| numbers.push(number));
    numbers.sort_unstable();
    (numbers, complete)
}

/// The same file, by a descriptor that can only be read.
fn read_only(fd: impl AsFd) -> File {
    let number = fd.as_fd().as_raw_fd();
    File::open(format!("/proc/thread-self/fd/{number}")).unwrap()
}

fn ring() -> spsc::Ring {
    spsc::Ring::create(4096).unwrap()
}

#[test]
fn ends_of_a_ring_are_told_alive_closed_and_dead() {
    let _check = LeakCheck::begin();
    let ring = ring();
    let file = read_only(&ring);
    let region = inspect::look(&file).unwrap();
    assert_eq!(region.kind(), Some("spsc records"));
    assert_eq!((region.version(), region.kind_number()), (1, 1));
    assert!(region.is_sealed());
    assert_eq!(
        region.size(),
        fs::metadata(format!("/proc/thread-self/fd/{}", file.as_raw_fd()))
            .unwrap()
            .len()
    );
    assert_eq!(state(&region, "producer"), Some(Peer::Absent));
    assert_eq!(members(&region), (vec![], true));

    let producer = ring.producer().unwrap();
    assert_eq!(state(&region, "producer"), Some(Peer::Attached));
    let mut child = Child::fork(|| {
        core::mem::forget(ring.consumer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    // The kernel drops the lock a little later.
    let begin = std::time::Instant::now();
    while state(&region, "consumer") != Some(Peer::Dead) {
        assert!(begin.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    assert_eq!(members(&region), (vec![1], true));
    drop(producer);
    assert_eq!(state(&region, "producer"), Some(Peer::Closed));
    assert!(facts(&region).contains(&Fact::Capacity(4096, Unit::Bytes)));
}

#[test]
fn text_says_what_it_is_and_who_lives() {
    let _check = LeakCheck::begin();
    let ring = ring();
    let _producer = ring.producer().unwrap();
    let text = inspect::look(&ring).unwrap().to_string();
    assert!(text.starts_with("spsc records, version 1, "), "{text}");
    for line in [
        "    room for 4096 bytes",
        "    producer: member 1, alive",
        "    consumer: nobody",
        "    living members: 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no {line:?}:\n{text}"
        );
    }
}

/// Also one whose neighbours have died, and one at the end of the numbers.
#[test]
fn members_are_found_among_all_numbers() {
    let _check = LeakCheck::begin();
    let ring = ring();
    let byte = |number: u64| (1 << 62) + number..(1 << 62) + number + 1;
    let mut expected: Vec<u32> = vec![1, 2, 4, 1000, (1 << 22) - 1];
    let mut choices = Choices::new(7);
    expected.extend((0..100).map(|_| choices.below(1 << 22) as u32 | 1));
    expected.sort_unstable();
    expected.dedup();
    let holder = OwnedFd::from(
        std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(format!("/proc/thread-self/fd/{}", ring.as_fd().as_raw_fd()))
            .unwrap(),
    );
    for &member in &expected {
        // Until the description is closed.
        core::mem::forget(ofd::try_lock(&holder, byte(member.into()), Kind::Exclusive).unwrap());
    }
    // Locks of one owner that touch are one lock.
    let (found, _) = members(&inspect::look(&ring).unwrap());
    assert_eq!(
        found,
        expected
            .iter()
            .copied()
            .filter(|&n| n > 2)
            .collect::<Vec<_>>()
    );
    // Somebody who is no member hides nothing but what he has.
    let _lock =
        ofd::try_lock(&holder, (1 << 62) + 2000..(1 << 62) + 2500, Kind::Exclusive).unwrap();
    let (found, complete) = members(&inspect::look(&ring).unwrap());
    assert!(!complete && found.contains(&1000) && found.contains(&((1 << 22) - 1)));
}

/// Thousands of locks, each of which a question goes through: the look gives up.
#[test]
fn look_beside_thousands_of_locks_ends_soon() {
    let _check = LeakCheck::begin();
    let ring = ring();
    for index in 0..4000 {
        let byte = (1 << 62) + 1 + 2 * index;
        core::mem::forget(ofd::try_lock(&ring, byte..byte + 1, Kind::Exclusive).unwrap());
    }
    let file = read_only(&ring);
    let begin = std::time::Instant::now();
    let region = inspect::look(&file).unwrap();
    let (found, complete) = members(&region);
    assert!(!complete && found.len() > 100, "{}", found.len());
    assert!(region.to_string().contains("and perhaps more"));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn look_at_what_is_no_region_says_so() {
    let _check = LeakCheck::begin();
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    assert_eq!(inspect::look(&reader).err(), Some(AttachError::WrongMagic));
    let folder = File::open("/dev").unwrap();
    assert_eq!(inspect::look(&folder).err(), Some(AttachError::WrongMagic));
    let zero = File::open("/dev/zero").unwrap();
    assert_eq!(inspect::look(&zero).err(), Some(AttachError::WrongMagic));
    let this = File::open(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(inspect::look(&this).err(), Some(AttachError::WrongMagic));
    let memfd = memfd::create("test", MemfdFlags::empty()).unwrap();
    assert_eq!(
        inspect::look(&memfd).err(),
        Some(AttachError::WrongSize { size: 0 })
    );
    memfd.set_size(63).unwrap();
    assert_eq!(
        inspect::look(&memfd).err(),
        Some(AttachError::WrongSize { size: 63 })
    );
}

/// Every word of a head, and every kind, with impossible values: each look ends, with facts.
#[test]
fn look_at_corrupt_region_ends_and_tells() {
    let _check = LeakCheck::begin();
    let mut genuine = vec![0; 4096];
    read_only(ring()).read_exact_at(&mut genuine, 0).unwrap();
    let mut choices = Choices::new(11);
    for kind in 0..20_u64 {
        for round in 0..20 {
            let mut bytes = genuine.clone();
            bytes[16..24].copy_from_slice(&kind.to_ne_bytes());
            for at in (32..4096).step_by(8) {
                if round > 0 && choices.below(4) == 0 {
                    let value = match choices.below(4) {
                        0 => u64::MAX,
                        1 => 1 << choices.below(64),
                        2 => choices.below(1 << 20),
                        _ => choices.below(u64::MAX),
                    };
                    bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
                }
            }
            let memfd = memfd::create("test", MemfdFlags::empty()).unwrap();
            memfd.write_at(0, &bytes).unwrap();
            memfd.set_size(8192).unwrap();
            let region = inspect::look(&memfd).unwrap();
            assert!(!region.is_sealed());
            assert!(region.to_string().len() < 1 << 20);
        }
    }
    // Another version is not told of in this one's words.
    let memfd = memfd::create("test", MemfdFlags::empty()).unwrap();
    genuine[8..16].copy_from_slice(&77_u64.to_ne_bytes());
    memfd.write_at(0, &genuine).unwrap();
    let region = inspect::look(&memfd).unwrap();
    assert_eq!((region.kind(), region.version()), (None, 77));
    assert_eq!(facts(&region), []);
}

/// A named file can be cut off by its owner at any moment.
#[test]
fn look_at_file_that_shrinks_ends_without_a_signal() {
    let _check = LeakCheck::begin();
    let mut genuine = vec![0; 4096];
    read_only(ring()).read_exact_at(&mut genuine, 0).unwrap();
    let memfd = memfd::create("test", MemfdFlags::empty()).unwrap();
    memfd.write_at(0, &genuine).unwrap();
    memfd.set_size(8192).unwrap();
    let region = inspect::look(&memfd).unwrap();
    memfd.set_size(0).unwrap();
    assert_eq!(state(&region, "producer"), Some(Peer::Absent));
    assert!(region.to_string().contains("living members: none"));
}

/// Nothing of the file changes, and nothing is locked or mapped.
#[test]
fn look_leaves_no_trace() {
    let _check = LeakCheck::begin();
    let ring = ring();
    let _producer = ring.producer().unwrap();
    let file = read_only(&ring);
    let mut before = vec![0; 8192];
    file.read_exact_at(&mut before, 0).unwrap();
    let maps = || {
        fs::read_to_string("/proc/thread-self/maps")
            .unwrap()
            .matches("rawipc-ring")
            .count()
    };
    let mapped = maps();
    for _ in 0..10 {
        assert!(!inspect::look(&file).unwrap().to_string().is_empty());
    }
    let mut after = vec![0; 8192];
    file.read_exact_at(&mut after, 0).unwrap();
    assert!(before == after);
    assert_eq!(maps(), mapped);
    assert_eq!(members(&inspect::look(&file).unwrap()), (vec![1], true));
}

/// Each kind, with its ends alive and left.
#[test]
fn ends_of_every_structure_are_told() {
    let _check = LeakCheck::begin();
    let ring = rawipc::ring::mpsc::Ring::<rawipc::ring::SpinThenFutex>::create(4, 4096).unwrap();
    let region = inspect::look(&ring).unwrap();
    assert_eq!(region.kind(), Some("mpsc records"));
    let producer = ring.producer().unwrap();
    assert_eq!(state(&region, "producer"), Some(Peer::Attached));
    assert_eq!(state(&region, "consumer"), Some(Peer::Absent));
    let consumer = ring.consumer().unwrap();
    drop(producer);
    assert_eq!(state(&region, "producer"), Some(Peer::Closed));
    drop(consumer);
    assert_eq!(state(&region, "consumer"), Some(Peer::Closed));
    bytes_in_lanes_are_told::<rawipc::ring::Spin>(false);
    bytes_in_lanes_are_told::<rawipc::ring::SpinThenFutex>(true);

    use rawipc::ring::doorbell;
    let ring = doorbell::Ring::create(4096, doorbell::Bells::Timer).unwrap();
    let [memory, ..] = ring.descriptors();
    let region = inspect::look(&memory).unwrap();
    assert_eq!(region.kind(), Some("doorbell records"));
    let mut consumer = ring.consumer().unwrap();
    assert!(consumer.try_recv(&mut [0; 8]).is_err());
    assert_eq!(consumer.arm(), Ok(true));
    assert!(facts(&region).contains(&Fact::Sleeper { role: "consumer" }));
    ring.producer().unwrap().send(b"12345678").unwrap();
    assert!(facts(&region).contains(&Fact::Fill(16, Unit::Bytes)));
    assert_eq!(state(&region, "producer"), Some(Peer::Closed));

    use rawipc::ring::{Spin, SpinThenFutex, latest, mpmc};
    let ring = mpmc::Ring::<SpinThenFutex>::create(4, 8).unwrap();
    let region = inspect::look(&ring).unwrap();
    assert_eq!(region.kind(), Some("mpmc records"));
    let mut producer = ring.producer().unwrap();
    producer.send(b"1").unwrap();
    producer.send(b"2").unwrap();
    let found = facts(&region);
    assert!(found.contains(&Fact::Capacity(4, Unit::Messages)));
    assert!(found.contains(&Fact::Fill(2, Unit::Messages)));
    assert_eq!(state(&region, "producer"), Some(Peer::Attached));
    assert_eq!(state(&region, "consumer"), Some(Peer::Absent));
    let ring = mpmc::items::Ring::<u32, Spin>::create(4).unwrap();
    let region = inspect::look(&ring).unwrap();
    assert_eq!(region.kind(), Some("mpmc items"));

    let value = latest::Value::<u64>::create(2).unwrap();
    let region = inspect::look(&value).unwrap();
    assert_eq!(region.kind(), Some("latest value"));
    assert_eq!(state(&region, "writer"), Some(Peer::Absent));
    let writer = value.writer().unwrap();
    let _reader = value.reader().unwrap();
    assert_eq!(state(&region, "writer"), Some(Peer::Attached));
    assert_eq!(state(&region, "reader"), Some(Peer::Attached));
    drop(writer);
    assert_eq!(state(&region, "writer"), Some(Peer::Closed));
}

/// Records of eight bytes, with eight before each.
fn bytes_in_lanes_are_told<W: rawipc::ring::Waiting>(sleeps: bool) {
    use rawipc::ring::mpsc;
    let ring = mpsc::Ring::<W>::create(4, 4096).unwrap();
    let region = inspect::look(&ring).unwrap();
    assert!(facts(&region).contains(&Fact::Fill(0, Unit::Bytes)));
    let mut producers = [(); 2].map(|()| ring.producer().unwrap());
    let mut consumer = ring.consumer().unwrap();
    for producer in &mut producers {
        producer.send(b"12345678").unwrap();
        producer.send(b"12345678").unwrap();
    }
    assert!(facts(&region).contains(&Fact::Fill(64, Unit::Bytes)));
    for _ in 0..4 {
        assert!(consumer.recv(&mut [0; 8]).is_ok());
    }
    let asleep = Fact::Sleeper { role: "consumer" };
    let soon = Deadline::after(Duration::from_millis(20));
    assert!(consumer.recv_until(&mut [0; 8], soon).is_err());
    let found = facts(&region);
    assert!(found.contains(&Fact::Fill(0, Unit::Bytes)), "{found:?}");
    assert_eq!(found.contains(&asleep), sleeps, "{found:?}");
}

/// Looks at a ring of bytes again and again, of which a child has both ends, and fills and empties it.
macro_rules! look_beside_both_ends {
    ($ring:expr) => {{
        let ring = $ring;
        look_beside_both_ends!(ring, &ring);
    }};
    ($ring:ident, $memory:expr) => {{
        let is_over = MapOptions::shared(4096).map_anonymous().unwrap();
        let is_over: &AtomicU32 = is_over.object(0).unwrap();
        let mut child = Child::fork(|| {
            let (Ok(mut producer), Ok(mut consumer)) = ($ring.producer(), $ring.consumer()) else {
                return 2;
            };
            let mut buffer = [7; 200];
            while is_over.load(Relaxed) == 0 {
                while producer.try_send(&buffer).is_ok() {}
                while consumer.try_recv(&mut buffer).is_ok() {}
            }
            0
        });
        let region = inspect::look($memory).unwrap();
        for _ in 0..LOOKS {
            for fact in facts(&region) {
                match fact {
                    Fact::Impossible { what } => panic!("{what}"),
                    Fact::Fill(fill, Unit::Bytes) => assert!(fill <= ROOM as u64),
                    _ => {}
                }
            }
        }
        is_over.store(1, Relaxed);
        assert_eq!(child.wait(), End::Exited(0));
    }};
}

/// How often one looks beside those who go on.
const LOOKS: usize = 10_000;

/// The room in their rings.
const ROOM: usize = 4096;

/// Both ends go around the ring between two reads of a look.
#[test]
fn ring_that_goes_on_does_not_look_impossible() {
    use rawipc::ring::{Spin, SpinThenFutex, doorbell, mpsc};
    let _check = LeakCheck::begin();
    look_beside_both_ends!(spsc::Ring::<Spin>::create(ROOM).unwrap());
    look_beside_both_ends!(mpsc::Ring::<Spin>::create(1, ROOM).unwrap());
    look_beside_both_ends!(mpsc::Ring::<SpinThenFutex>::create(1, ROOM).unwrap());
    let ring = doorbell::Ring::create(ROOM, doorbell::Bells::Timer).unwrap();
    let [memory, ..] = ring.descriptors();
    look_beside_both_ends!(ring, &memory);
}

/// Free, in hands, of the dead and on the way; and what no pool's word says.
#[test]
fn chunks_of_a_pool_and_who_has_them_are_told() {
    use rawipc::ring::pool::{Class, Pool};
    let _check = LeakCheck::begin();
    let class = |size, count| Class { size, count };
    let pool: Pool = Pool::create(&[class(64, 8), class(4096, 2)], 4).unwrap();
    let region = inspect::look(&pool).unwrap();
    assert_eq!(region.kind(), Some("pool"));
    let count = |name| {
        facts(&region).into_iter().find_map(|fact| match fact {
            Fact::Counter { name: found, value } if found == name => Some(value),
            _ => None,
        })
    };
    let chunks = || {
        [
            "class 1, chunks that are free",
            "class 1, chunks in somebody's hands",
            "class 1, chunks that the dead have",
            "class 1, chunks on the way",
        ]
        .map(|name| count(name).unwrap())
    };
    assert_eq!(chunks(), [8, 0, 0, 0]);
    assert_eq!(count("class 1, bytes of a chunk"), Some(64));
    assert_eq!(count("class 2, bytes of a chunk"), Some(4096));
    assert_eq!(count("class 2, chunks"), Some(2));
    assert_eq!(count("class 3, chunks"), None);
    let producer = pool.producer().unwrap();
    let consumer = pool.consumer().unwrap();
    for _ in 0..3 {
        producer.loan(1).unwrap().send().unwrap();
    }
    let message = consumer.recv().unwrap();
    let dead = pool.producer().unwrap();
    core::mem::forget(dead.loan(1).unwrap());
    dead.detach();
    assert_eq!(chunks(), [4, 1, 1, 2]);
    let found = facts(&region);
    assert!(found.contains(&Fact::Capacity(4, Unit::Messages)));
    assert!(found.contains(&Fact::Fill(2, Unit::Messages)));
    assert_eq!(state(&region, "producer"), Some(Peer::Attached));
    assert_eq!(state(&region, "consumer"), Some(Peer::Attached));
    drop(message);
    // Nobody sleeps before somebody has slept: for a message, for a chunk.
    let asleep = |role| facts(&region).contains(&Fact::Sleeper { role });
    let soon = || Deadline::after(Duration::from_millis(20));
    drop([consumer.recv().unwrap(), consumer.recv().unwrap()]);
    assert!(!asleep("producer") && !asleep("consumer"));
    assert!(consumer.recv_until(soon()).is_err());
    assert!(asleep("consumer"));
    let loans = [producer.loan(4096).unwrap(), producer.loan(4096).unwrap()];
    assert!(producer.loan_until(4096, soon()).is_err());
    assert!(asleep("producer"));
    drop(loans);
    // The words of the chunks come behind the head and the slots, each of a page or more.
    let page = rustix::param::page_size();
    let memory = rawipc::memory::MapOptions::shared(4 * page)
        .map(pool.as_fd())
        .unwrap();
    let at = (page..3 * page)
        .step_by(8)
        .find(|&at| memory.read::<u64>(at).unwrap() >> 62 == 1);
    memory.write(at.unwrap_or(2 * page), &u64::MAX).unwrap();
    let impossible = |fact: &Fact| matches!(fact, Fact::Impossible { .. });
    assert!(facts(&region).iter().any(impossible));
}

/// Whose the chunks are, and who reads them.
#[test]
fn members_and_chunks_of_a_broadcast_ring_of_loans_are_told() {
    use rawipc::ring::broadcast::loans::{Class, Ring};
    let _check = LeakCheck::begin();
    let class = Class { size: 64, count: 7 };
    let ring: Ring = Ring::create(&[class], 4).unwrap();
    let region = inspect::look(&ring).unwrap();
    assert_eq!(region.kind(), Some("broadcast loans"));
    assert!(facts(&region).contains(&Fact::Capacity(4, Unit::Messages)));
    assert_eq!(state(&region, "reader"), Some(Peer::Absent));
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    let counts = |value, name| facts(&region).contains(&Fact::Counter { name, value });
    for _ in 0..2 {
        writer.try_loan(1).unwrap().send().unwrap();
    }
    let (message, loan) = (reader.recv().unwrap(), writer.try_loan(1).unwrap());
    assert_eq!(state(&region, "writer"), Some(Peer::Attached));
    assert_eq!(state(&region, "reader"), Some(Peer::Attached));
    assert!(counts(4, "class 1, chunks that are free"));
    assert!(counts(1, "class 1, chunks in somebody's hands"));
    assert!(counts(2, "class 1, chunks on the way"));
    assert!(counts(1, "chunks that readers have"));
    drop((message, loan));
    assert!(counts(0, "chunks that readers have"));
    assert!(counts(2, "positions claimed"));
    drop((writer, reader));
    assert_eq!(state(&region, "reader"), Some(Peer::Closed));
}

/// What readers are told of positions, and that one sleeps; they are no members.
#[test]
fn positions_and_sleepers_of_a_broadcast_ring_are_told() {
    use rawipc::ring::broadcast::{Ring, items};
    let _check = LeakCheck::begin();
    let records: Ring = Ring::create(4, 100).unwrap();
    let region = inspect::look(&records).unwrap();
    assert_eq!(region.kind(), Some("broadcast records"));
    assert!(facts(&region).contains(&Fact::Capacity(4, Unit::Messages)));
    let ring = items::Ring::<u64>::create(4).unwrap();
    let region = inspect::look(&ring).unwrap();
    assert_eq!(region.kind(), Some("broadcast items"));
    assert_eq!(state(&region, "writer"), Some(Peer::Absent));
    let mut writer = ring.writer().unwrap();
    let mut reader = ring.reader().unwrap();
    writer.push(&1).unwrap();
    let claimed = Fact::Counter {
        name: "positions claimed",
        value: 1,
    };
    assert!(facts(&region).contains(&claimed));
    assert_eq!(state(&region, "writer"), Some(Peer::Attached));
    assert_eq!(reader.pop(), Ok(1));
    let asleep = Fact::Sleeper { role: "reader" };
    assert!(!facts(&region).contains(&asleep));
    let soon = Deadline::after(Duration::from_millis(20));
    assert!(reader.pop_until(soon).is_err());
    assert!(facts(&region).contains(&asleep));
    drop(writer);
    assert_eq!(state(&region, "writer"), Some(Peer::Closed));
}
