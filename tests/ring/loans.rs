//! Broadcast rings of loans: what every reader has where it lies, what one that is overtaken is told,
//! and what becomes of chunks when somebody dies, leaves or lies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod conversions;
pub(crate) mod errors;
mod history;
mod storm;
mod uncontended;

use crate::support;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::broadcast::RecvError;
use rawipc::ring::broadcast::loans::{Class, FAILURES_PER_LOOK, Reader, Ring, Writer};
use rawipc::ring::{AttachError, Error, Peer, Spin, SpinThenFutex, Trust, Waiting};
use rawipc::{AsFd, Errno, OwnedFd};
use support::{Child, End, LeakCheck, limit, pattern};

/// The largest page that the machine may have.
const PAGE: usize = if cfg!(target_arch = "aarch64") {
    65536
} else {
    4096
};

/// Where the hint for the next position is in the head.
const TAIL: usize = 768;

fn class(size: usize, count: usize) -> Class {
    Class { size, count }
}

/// A ring of `count` small chunks.
fn small(count: usize, capacity: usize) -> Ring {
    Ring::create(&[class(64, count)], capacity).unwrap()
}

/// The ring's memory, for one that keeps no rule.
fn memory(ring: impl AsFd) -> Mapping {
    let size = rustix::fs::fstat(ring.as_fd()).unwrap().st_size as usize;
    MapOptions::shared(size).map(ring.as_fd()).unwrap()
}

/// Where a page of the slots' words, or the next one, of their handles, begins.
fn slot_at(memory: &Mapping, page: usize) -> usize {
    // How long the head is stands in it.
    memory.read::<u64>(24).unwrap() as usize + page * PAGE
}

fn chunk_at(memory: &Mapping, chunk: usize) -> usize {
    slot_at(memory, 2) + 64 * chunk
}

fn ring_error(error: RecvError) -> Error {
    match error {
        RecvError::Ring(error) => error,
        error => panic!("{error:?}"),
    }
}

fn send<W: Waiting>(writer: &Writer<W>, bytes: &[u8]) -> Result<(), Error> {
    let mut loan = writer.try_loan(bytes.len())?;
    loan.write_at(0, bytes)?;
    Ok(loan.send()?)
}

/// Receives a message of one byte.
fn recv<W: Waiting, T: Trust>(reader: &Reader<W, T>) -> Result<u8, RecvError> {
    let mut byte = [0];
    reader.try_recv()?.copy_to(&mut byte)?;
    Ok(byte[0])
}

/// How many chunks can be lent when all slots have been used anew, by one who takes those of the dead.
fn spare<W: Waiting>(ring: &Ring<W>, count: usize) -> usize {
    let writer = ring.writer().unwrap();
    let mut loans = Vec::new();
    for _ in 0..2 * FAILURES_PER_LOOK {
        loans.extend(writer.try_loan(1));
    }
    assert!(loans.len() + ring.capacity() >= count);
    drop(loans);
    for _ in 0..2 * ring.capacity() {
        send(&writer, b"0").unwrap();
    }
    (0..=count)
        .map_while(|_| writer.try_loan(1).ok())
        .collect::<Vec<_>>()
        .len()
}

// --- What it carries ---

fn messages_of_all_lengths<W: Waiting>() {
    let classes = [class(64, 6), class(PAGE, 6), class(1 << 20, 6)];
    let ring = Ring::<W>::create(&classes, 3).unwrap();
    assert_eq!((ring.capacity(), ring.classes().count()), (4, 3));
    let writer = ring.writer().unwrap();
    let readers = [(); 3].map(|()| ring.reader().unwrap());
    let data = pattern(1 << 20, 1);
    let mut buffer = vec![0; 1 << 20];
    for len in (0..300).chain([PAGE - 1, PAGE, PAGE + 1, (1 << 20) - 1, 1 << 20]) {
        let mut loan = writer.try_loan(len).unwrap();
        assert_eq!((loan.len(), loan.is_empty()), (len, len == 0));
        loan.write_at(0, &data[..len]).unwrap();
        loan.send().unwrap();
        for reader in &readers {
            let message = reader.recv().unwrap();
            assert_eq!((message.len(), message.is_empty()), (len, len == 0));
            assert_eq!(message.copy_to(&mut buffer), Ok(len));
            assert!(buffer[..len] == data[..len], "a message of {len} bytes");
        }
    }
    let (len, limit) = ((1 << 20) + 1, 1 << 20);
    assert_eq!(
        writer.try_loan(len).err(),
        Some(Error::TooLong { len, limit })
    );
    assert_eq!(writer.reclaimed(), Default::default());
    assert_eq!(writer.statistics().sent, readers[0].position());
}

#[test]
fn messages_of_every_class_reach_every_reader_whole() {
    let _check = LeakCheck::begin();
    messages_of_all_lengths::<SpinThenFutex>();
    messages_of_all_lengths::<Spin>();
}

#[test]
fn rings_whose_chunks_the_ring_could_use_up_are_refused() {
    for classes in [[class(64, 4), class(128, 5)], [class(64, 5), class(128, 4)]] {
        assert_eq!(Ring::<Spin>::create(&classes, 4).err(), Some(Errno::INVAL));
    }
    // Two slots at least.
    assert_eq!(
        Ring::<Spin>::create(&[class(64, 2)], 0).err(),
        Some(Errno::INVAL)
    );
    assert_eq!(small(3, 0).capacity(), 2);
}

#[test]
fn overtaken_reader_is_told_exactly_how_many_it_missed() {
    let _check = LeakCheck::begin();
    let ring = small(6, 4);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    let first = reader.position();
    for number in 0..10 {
        send(&writer, &[number]).unwrap();
    }
    assert_eq!(recv(&reader), Err(RecvError::Lagged(6)));
    assert_eq!([(); 4].map(|()| recv(&reader)), [6, 7, 8, 9].map(Ok));
    assert_eq!(recv(&reader), Err(Error::WouldBlock.into()));
    assert_eq!(reader.position() - first, 10);
    let oldest = ring.reader_from_oldest().unwrap();
    assert_eq!(recv(&oldest), Ok(6));
}

#[test]
fn message_that_is_kept_stays_while_the_ring_goes_round() {
    let _check = LeakCheck::begin();
    let ring = small(8, 4);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    let other = ring.reader().unwrap();
    let mut kept = Vec::new();
    for number in 0..3 {
        send(&writer, &[number]).unwrap();
        kept.push(reader.recv().unwrap());
        assert_eq!(recv(&other), Ok(number));
    }
    // One is left beside those and four in the ring, and it goes from hand to hand.
    for number in 100..=255 {
        send(&writer, &[number]).unwrap();
        assert_eq!(recv(&other), Ok(number));
    }
    let loan = writer.try_loan(1).unwrap();
    assert_eq!(writer.try_loan(1).err(), Some(Error::WouldBlock));
    for (number, message) in (0..).zip(&kept) {
        let mut byte = [9];
        assert_eq!(message.copy_to(&mut byte), Ok(1));
        assert_eq!(byte, [number]);
    }
    // Each that is given back can be lent.
    kept.remove(1).release().unwrap();
    let more = writer.try_loan(1).unwrap();
    assert_eq!(writer.try_loan(1).err(), Some(Error::WouldBlock));
    drop((loan, more, kept));
    assert!(matches!(reader.recv(), Err(RecvError::Lagged(_))));
    drop((writer, reader));
    assert_eq!(spare(&ring, 8), 4);
}

#[test]
fn loans_given_back_in_any_way_can_be_lent_again() {
    let _check = LeakCheck::begin();
    let ring = small(4, 2);
    let writer = ring.writer().unwrap();
    for _ in 0..10 {
        let loans = [(); 4].map(|()| writer.try_loan(1));
        let lent = loans.into_iter().flatten().collect::<Vec<_>>();
        assert!(lent.len() >= 2);
        for (nth, loan) in lent.into_iter().enumerate() {
            match nth {
                0 => loan.release().unwrap(),
                1 => loan.send().unwrap(),
                _ => drop(loan),
            }
        }
    }
}

#[test]
fn messages_are_written_and_read_in_place_among_trusted() {
    let _check = LeakCheck::begin();
    let ring: Ring = Ring::create(&[class(1 << 16, 4)], 2).unwrap();
    // SAFETY: this test alone has the ring, and keeps the protocol.
    let writer = unsafe { ring.writer().unwrap().assume_trusted() };
    // SAFETY: as above.
    let readers = [(); 2].map(|()| unsafe { ring.reader().unwrap().assume_trusted() });
    let data = pattern(1 << 16, 3);
    for _ in 0..9 {
        let mut loan = writer.try_loan(1 << 16).unwrap();
        loan.as_mut_slice().copy_from_slice(&data);
        loan.truncate(60_000);
        loan.send().unwrap();
        let messages = readers.each_ref().map(|reader| reader.recv().unwrap());
        for message in &messages {
            assert!(message.as_slice() == &data[..60_000]);
            assert!(message.as_slice().as_ptr().addr().is_multiple_of(PAGE));
        }
    }
}

/// Two writers, three readers in processes of their own, each of whom gets each message or is told.
fn among_processes<W: Waiting>() {
    const EACH: u64 = 3_000;
    let ring = Ring::<W>::create(&[class(512, 24)], 8).unwrap();
    let writers = [(); 2].map(|()| ring.writer().unwrap());
    let mut children = [(); 3].map(|()| {
        Child::fork(|| {
            let Ok(reader) = ring.reader_from_oldest() else {
                return 1;
            };
            // It may come late.
            let first = reader.position();
            let (mut last, mut passed) = ([0; 2], 0);
            loop {
                match reader.recv_until(limit()) {
                    Ok(message) => {
                        let mut words = [[0; 8]; 64];
                        let copied = message.copy_to(words.as_flattened_mut());
                        let word = u64::from_ne_bytes(words[0]);
                        let (writer, number) = ((word >> 32) as usize, word & 0xffff_ffff);
                        let is_whole = words.iter().all(|part| *part == words[0]);
                        if copied != Ok(512) || !is_whole || number <= last[writer] {
                            return 2;
                        }
                        last[writer] = number;
                        passed += 1;
                    }
                    Err(RecvError::Lagged(count)) => passed += count,
                    Err(RecvError::Ring(Error::Closed)) => {
                        let position = reader.position();
                        let has_all = position >= 2 * EACH && position - first == passed;
                        return if has_all { 0 } else { 3 };
                    }
                    Err(_) => return 4,
                }
            }
        })
    });
    std::thread::scope(|scope| {
        for (index, writer) in (0_u64..).zip(writers) {
            scope.spawn(move || {
                for number in 1..=EACH {
                    let word = index << 32 | number;
                    let mut loan = loop {
                        match writer.try_loan(512) {
                            Ok(loan) => break loan,
                            Err(error) => assert_eq!(error, Error::WouldBlock),
                        }
                    };
                    loan.write_at(0, &word.to_ne_bytes().repeat(64)).unwrap();
                    loan.send().unwrap();
                }
            });
        }
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    assert_eq!(spare(&ring, 24), 16);
}

#[test]
fn readers_in_other_processes_have_each_message_or_are_told() {
    let _check = LeakCheck::begin();
    among_processes::<SpinThenFutex>();
    among_processes::<Spin>();
}

#[test]
fn reader_that_sleeps_is_woken_by_message_and_close() {
    let _check = LeakCheck::begin();
    let ring = small(4, 2);
    let writer = ring.writer().unwrap();
    let recv = |expected: Result<usize, RecvError>| {
        Child::fork(|| {
            let Ok(reader) = ring.reader() else { return 1 };
            let received = reader.recv_until(limit()).map(|message| message.len());
            i32::from(received != expected)
        })
    };
    let mut child = recv(Ok(3));
    child.await_sleep();
    send(&writer, b"one").unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    let mut child = recv(Err(Error::Closed.into()));
    child.await_sleep();
    drop(writer);
    assert_eq!(child.wait(), End::Exited(0));
}

// --- Who comes and goes ---

#[test]
fn sixty_four_readers_attach_and_one_more_when_one_leaves() {
    let _check = LeakCheck::begin();
    let ring = small(4, 2);
    let writer = ring.writer().unwrap();
    let mut readers: Vec<_> = (0..64).map(|_| ring.reader().unwrap()).collect();
    assert_eq!(ring.reader().err(), Some(AttachError::Occupied));
    send(&writer, b"1").unwrap();
    let messages: Vec<_> = readers
        .iter()
        .map(|reader| reader.recv().unwrap())
        .collect();
    assert_eq!(messages.len(), 64);
    drop(messages);
    readers.swap_remove(17);
    readers.push(ring.reader().unwrap());
    assert_eq!(readers[0].peer(), Peer::Attached);
}

#[test]
fn messages_that_were_forgotten_are_given_back_when_their_reader_leaves() {
    let _check = LeakCheck::begin();
    let ring = small(4, 2);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    for _ in 0..2 {
        send(&writer, b"1").unwrap();
        core::mem::forget(reader.recv().unwrap());
    }
    for _ in 0..2 {
        send(&writer, b"2").unwrap();
    }
    assert_eq!(writer.try_loan(1).err(), Some(Error::WouldBlock));
    drop(reader);
    assert!(writer.try_loan(1).is_ok());
    drop(writer);
    assert_eq!(spare(&ring, 4), 2);
}

#[test]
fn child_has_no_part_in_what_its_parent_has() {
    let _check = LeakCheck::begin();
    let ring = small(4, 2);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    send(&writer, b"1").unwrap();
    let (message, loan) = (reader.recv().unwrap(), writer.try_loan(1).unwrap());
    let mut child = Child::fork(|| {
        let forked = [
            writer.try_loan(1).err(),
            message.copy_to(&mut [0; 8]).err(),
            loan.read_at(0, &mut [0]).err(),
            reader.try_recv().err().map(ring_error),
        ];
        i32::from(forked != [Some(Error::Forked); 4])
    });
    assert_eq!(child.wait(), End::Exited(0));
    // And has given nothing back.
    message.release().unwrap();
    loan.release().unwrap();
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

/// One that dies with all that is in the ring.
fn reader_dies<W: Waiting>(ring: &Ring<W>) {
    killed(|| {
        let Ok(reader) = ring.reader_from_oldest() else {
            return false;
        };
        let has_all = (0..ring.capacity()).all(|_| {
            let message = reader.try_recv();
            message.map(core::mem::forget).is_ok()
        });
        core::mem::forget(reader);
        has_all
    });
}

/// Calls in vain until the writer looks for what the dead have.
fn loan_at_last<W: Waiting>(writer: &Writer<W>) -> bool {
    (0..2 * FAILURES_PER_LOOK).any(|_| writer.try_loan(1).is_ok())
}

#[test]
fn what_dead_readers_had_is_lent_again() {
    let _check = LeakCheck::begin();
    let ring = small(6, 2);
    let writer = ring.writer().unwrap();
    for number in 1..=2 {
        send(&writer, &[number]).unwrap();
    }
    reader_dies(&ring);
    reader_dies(&ring);
    // Two are in the ring, two the dead have.
    for _ in 0..2 {
        send(&writer, b"2").unwrap();
    }
    let _loans = [(); 2].map(|()| writer.try_loan(1).unwrap());
    assert!(loan_at_last(&writer));
    assert_eq!(writer.reclaimed().readers, 1);
}

/// Also by one that finds chunks of another class all the time, and by one that has just come.
#[test]
fn what_the_dead_had_is_looked_for_in_each_class_and_by_each_writer() {
    let _check = LeakCheck::begin();
    let ring: Ring = Ring::create(&[class(64, 10), class(4096, 9)], 8).unwrap();
    let writer_dies = || {
        killed(|| {
            let Ok(writer) = ring.writer() else {
                return false;
            };
            let all = [(); 9].map(|()| writer.try_loan(4096).map(core::mem::forget));
            core::mem::forget(writer);
            all.iter().all(Result::is_ok)
        });
    };
    writer_dies();
    let (writer, limit) = (ring.writer().unwrap(), limit());
    // A lock goes a little after its process.
    while writer.try_loan(4096).is_err() {
        send(&writer, b"0").unwrap();
        assert!(!limit.has_passed());
    }
    assert_eq!(writer.reclaimed().chunks, 9);
    writer_dies();
    while ring.writer().unwrap().try_loan(4096).is_err() {
        assert!(!limit.has_passed());
    }
}

#[test]
fn successor_of_a_dead_reader_begins_with_nothing() {
    let _check = LeakCheck::begin();
    let ring = small(5, 2);
    let writer = ring.writer().unwrap();
    for number in 1..=2 {
        send(&writer, &[number]).unwrap();
    }
    reader_dies(&ring);
    // In the place of the dead one, as it is the first.
    let reader = ring.reader_from_oldest().unwrap();
    for number in 3..=200 {
        send(&writer, &[number]).unwrap();
    }
    assert_eq!(writer.reclaimed(), Default::default());
    assert!(matches!(recv(&reader), Err(RecvError::Lagged(_))));
    assert_eq!(recv(&reader), Ok(199));
}

#[test]
fn what_dead_writers_had_is_lent_again() {
    let _check = LeakCheck::begin();
    let ring = small(8, 4);
    killed(|| {
        let Ok(writer) = ring.writer() else {
            return false;
        };
        core::mem::forget([(); 3].map(|()| writer.try_loan(1)));
        core::mem::forget(writer);
        true
    });
    let writer = ring.writer().unwrap();
    let loans: Vec<_> = (0..5).map(|_| writer.try_loan(1).unwrap()).collect();
    assert!(loan_at_last(&writer));
    assert_eq!(writer.reclaimed().chunks, 3);
    drop(loans);
    drop(writer);
    assert_eq!(spare(&ring, 8), 4);
}

/// Whoever stands still with a message delays nobody, and has it still when it goes on.
#[test]
fn stopped_reader_delays_nobody_and_has_its_message() {
    let _check = LeakCheck::begin();
    let ring = small(5, 2);
    let writer = ring.writer().unwrap();
    send(&writer, &[7]).unwrap();
    let mut child = Child::fork(|| {
        let Ok(reader) = ring.reader_from_oldest() else {
            return 1;
        };
        let Ok(message) = reader.try_recv() else {
            return 2;
        };
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGSTOP) };
        let mut byte = [0];
        i32::from(message.copy_to(&mut byte) != Ok(1) || byte != [7])
    });
    while child.state() != Some('T') {
        std::thread::yield_now();
    }
    for _ in 0..1000 {
        send(&writer, &[8]).unwrap();
    }
    child.signal(libc::SIGCONT);
    assert_eq!(child.wait(), End::Exited(0));
}

// --- Who lies ---

#[test]
fn forged_pins_starve_writers_and_nobody_else() {
    let _check = LeakCheck::begin();
    let ring = small(4, 2);
    let words = memory(&ring);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    send(&writer, b"1").unwrap();
    for chunk in 0..4 {
        words.write(chunk_at(&words, chunk) + 8, &u64::MAX).unwrap();
    }
    assert!(!loan_at_last(&writer));
    // As if it had the message already.
    assert_eq!(recv(&reader), Err(Error::Corrupt.into()));
    assert_eq!(recv(&reader), Err(Error::WouldBlock.into()));
}

#[test]
fn handles_that_cannot_be_are_corrupt() {
    let _check = LeakCheck::begin();
    let ring = small(16, 2);
    let words = memory(&ring);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    // No such chunk; more bytes than a chunk has.
    for handle in [16_u64, u64::MAX, 65 << 24, u64::MAX << 24] {
        let at = slot_at(&words, 1) + 8 * (reader.position() as usize % 2);
        send(&writer, b"1").unwrap();
        // The chunk that it names instead is lost.
        words.write(at, &handle).unwrap();
        assert_eq!(recv(&reader), Err(Error::Corrupt.into()), "{handle:x}");
        // The next one is another.
        send(&writer, b"2").unwrap();
        assert_eq!(recv(&reader), Ok(b'2'));
    }
}

#[test]
fn ring_whose_head_cannot_be_is_refused() {
    let _check = LeakCheck::begin();
    let copy = |ring: &Ring| rustix::io::fcntl_dupfd_cloexec(ring.as_fd(), 0).unwrap();
    let ring = small(5, 4);
    let open = |fd: OwnedFd| Ring::<SpinThenFutex>::open(fd).err();
    assert_eq!(open(copy(&ring)), None);
    let spinning = Ring::<Spin>::open(copy(&ring)).err();
    assert_eq!(spinning, Some(AttachError::WrongWaiting));
    let too_large = Ring::<SpinThenFutex>::open_at_most(copy(&ring), PAGE).err();
    assert!(matches!(too_large, Some(AttachError::TooLarge { .. })));
    // No more chunks than slots.
    let words = memory(&ring);
    let word: u64 = words.read(32).unwrap();
    words.write(32, &(word - (1 << 32))).unwrap();
    assert_eq!(open(copy(&ring)), Some(AttachError::Corrupt));
}
