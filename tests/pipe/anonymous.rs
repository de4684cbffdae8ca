//! Pipes: every operation, flag and error; two processes where it is about two.

use crate::support;
use crate::{SHORT, begin, takes_its_time};

use core::sync::atomic::{AtomicUsize, Ordering};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::Instant;

use rawipc::pipe::{
    self, ATOMIC_SIZE, PipeFlags, Reader, SpliceFlags, VmspliceFlags, WriteFlags, Writer,
};
use rawipc::{Deadline, Errno, IoSlice, IoSliceMut, Short};
use rustix::fs::{MemfdFlags, OFlags, memfd_create};
use rustix::io::{FdFlags, ReadWriteFlags, fcntl_getfd, preadv2, pwritev2};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{LIMIT, Peer, PeerArgs, Storm, limit, pattern, soon};

fn create() -> (Reader, Writer) {
    pipe::create(PipeFlags::empty()).expect("a pipe")
}

fn memfd(content: &[u8]) -> File {
    let mut file = File::from(memfd_create("pipe test", MemfdFlags::CLOEXEC).expect("a file"));
    file.write_all(content).expect("room");
    file.rewind().expect("a position");
    file
}

/// Makes the kernel refuse `RWF_NOWAIT` on both ends, as it does after a splice.
fn without_nowait(reader: &Reader, writer: &Writer) {
    let none = SpliceFlags::empty();
    assert_eq!(writer.splice_from(memfd(b"x"), None, 1, none), Ok(1));
    assert_eq!(reader.splice_to(memfd(b""), None, 1, none), Ok(1));
    let nowait = ReadWriteFlags::NOWAIT;
    assert_eq!(
        preadv2(reader, &mut [IoSliceMut::new(&mut [0])], u64::MAX, nowait),
        Err(Errno::OPNOTSUPP)
    );
    assert_eq!(
        pwritev2(writer, &[IoSlice::new(b"x")], u64::MAX, nowait),
        Err(Errno::OPNOTSUPP)
    );
}

// Libc's, which std links anyway: to undo what std does to SIGPIPE.
unsafe extern "C" {
    safe fn signal(signal: i32, handler: usize) -> usize;
}

const SIG_DFL: usize = 0;
const SIGPIPE: i32 = 13;

/// Runs `f` while a signal handler interrupts the thread all the time.
fn in_a_storm<T>(f: impl FnOnce() -> T) -> T {
    let _storm = Storm::begin();
    f()
}

#[test]
fn create_flags_are_as_requested() {
    let _check = begin();
    for bits in 0..8 {
        let mut flags = PipeFlags::empty();
        flags.set(PipeFlags::NONBLOCK, bits & 1 != 0);
        flags.set(PipeFlags::PACKET, bits & 2 != 0);
        flags.set(PipeFlags::INHERITED, bits & 4 != 0);
        let (reader, writer) = pipe::create(flags).unwrap();
        let nonblocking = flags.contains(PipeFlags::NONBLOCK);
        assert_eq!(reader.is_nonblocking(), Ok(nonblocking));
        assert_eq!(writer.is_nonblocking(), Ok(nonblocking));
        let packet = flags.contains(PipeFlags::PACKET);
        assert_eq!(reader.is_packet(), Ok(packet));
        assert_eq!(writer.is_packet(), Ok(packet));
        let closed = !flags.contains(PipeFlags::INHERITED);
        for fd in [reader.as_fd(), writer.as_fd()] {
            assert_eq!(fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC), closed);
        }
    }
    let unknown = PipeFlags::from_bits_retain(1);
    assert_eq!(pipe::create(unknown).unwrap_err(), Errno::INVAL);
}

#[test]
fn only_inherited_pipe_is_open_after_exec() {
    if let Some(mut half) = PeerArgs::role("heir") {
        let number = |half: &mut PeerArgs| half.channel.hear().parse::<RawFd>().unwrap();
        let (inherited, closed) = (number(&mut half), number(&mut half));
        // SAFETY: descriptors of no owner in this process, if they are open at all.
        let inherited = unsafe { BorrowedFd::borrow_raw(inherited) };
        // SAFETY: as above.
        let closed = unsafe { BorrowedFd::borrow_raw(closed) };
        let writer = Writer::from(inherited.try_clone_to_owned().unwrap());
        writer.write_all(b"inherited").unwrap();
        assert_eq!(fcntl_getfd(closed), Err(Errno::BADF));
        half.channel.say("done");
        return;
    }
    let _check = begin();
    let (reader, writer) = pipe::create(PipeFlags::INHERITED).unwrap();
    let (_reader, closed) = create();
    // Numbers that nothing in the other process has by chance.
    let high = rustix::io::fcntl_dupfd_cloexec(&closed, 300).unwrap();
    let mut peer = Peer::start(test_name!(), "heir", &[]);
    peer.say(&writer.as_raw_fd().to_string());
    peer.say(&high.as_raw_fd().to_string());
    peer.expect("done");
    let mut word = [0; 9];
    assert_eq!(reader.read_full(&mut word), Ok(9));
    assert_eq!(&word, b"inherited");
    peer.finish();
}

#[test]
fn stream_between_processes_arrives_whole() {
    const LEN: usize = 3 << 20;
    if let Some(half) = PeerArgs::role("writer") {
        let writer = Writer::from(half.descriptor(0));
        let bytes = pattern(LEN, 7);
        let (first, rest) = bytes.split_at(1 << 20);
        let (second, rest) = rest.split_at(1 << 20);
        writer.write_all(first).unwrap();
        writer.write_all_until(second, limit()).unwrap();
        let mut rest = rest;
        while !rest.is_empty() {
            rest = &rest[writer.write_until(rest, limit()).unwrap()..];
        }
        return;
    }
    let _check = begin();
    let (reader, writer) = create();
    let peer = Peer::start(test_name!(), "writer", &[writer.as_raw_fd()]);
    drop(writer);
    let mut got = vec![0; LEN + 1];
    let (first, rest) = got.split_at_mut(LEN / 2);
    assert_eq!(reader.read_full_until(first, limit()), Ok(LEN / 2));
    // One more than will come: the end of the stream is no error.
    assert_eq!(reader.read_full(rest), Ok(LEN / 2));
    assert!(got[..LEN] == pattern(LEN, 7));
    assert_eq!(reader.read(&mut got), Ok(0));
    assert_eq!(reader.try_read(&mut got), Ok(0));
    assert_eq!(reader.read_until(&mut got, limit()), Ok(0));
    peer.finish();
}

#[test]
fn killed_writer_leaves_its_bytes_and_then_end() {
    if let Some(mut half) = PeerArgs::role("writer") {
        let writer = Writer::from(half.descriptor(0));
        writer.write_all(b"last words").unwrap();
        half.channel.say("written");
        half.channel.hear();
        unreachable!("killed");
    }
    let _check = begin();
    let (reader, writer) = create();
    let mut peer = Peer::start(test_name!(), "writer", &[writer.as_raw_fd()]);
    drop(writer);
    peer.expect("written");
    let mut buffer = [0; 64];
    assert_eq!(reader.read(&mut buffer[..4]), Ok(4));
    assert_eq!(
        reader.bytes_waiting(),
        Ok(6),
        "the peer lives, its bytes are here"
    );
    let killed = thread::scope(|scope| {
        let killed = scope.spawn(|| reader.read_full_until(&mut buffer, limit()));
        while reader.bytes_waiting() != Ok(0) {
            thread::yield_now();
        }
        peer.kill();
        killed.join().unwrap()
    });
    assert_eq!(killed, Ok(6));
    assert_eq!(&buffer[..6], b" words");
    assert_eq!(reader.try_read(&mut buffer), Ok(0));
}

#[test]
fn killed_reader_wakes_blocked_writer_with_epipe() {
    if let Some(mut half) = PeerArgs::role("reader") {
        let _reader = Reader::from(half.descriptor(0));
        half.channel.say("here");
        half.channel.hear();
        unreachable!("killed");
    }
    let _check = begin();
    // The plain form, and with a deadline.
    for deadline in [Deadline::Never, limit()] {
        let (reader, writer) = create();
        let mut peer = Peer::start(test_name!(), "reader", &[reader.as_raw_fd()]);
        drop(reader);
        peer.expect("here");
        let capacity = writer.capacity().unwrap();
        let message = vec![1; capacity + 1];
        let short = thread::scope(|scope| {
            let blocked = scope.spawn(|| writer.write_all_until(&message, deadline));
            while writer.bytes_waiting() != Ok(capacity) {
                thread::yield_now();
            }
            peer.kill();
            blocked.join().unwrap()
        });
        let short = short.unwrap_err();
        assert_eq!((short.done, short.error), (capacity, Errno::PIPE));
        assert_eq!(writer.write(b"x"), Err(Errno::PIPE));
        assert_eq!(writer.try_write(b"x"), Err(Errno::PIPE));
        assert_eq!(writer.write_until(b"x", limit()), Err(Errno::PIPE));
    }
}

#[test]
fn try_calls_on_blocking_pipe_do_not_wait() {
    let _check = begin();
    let (reader, writer) = create();
    assert_eq!(reader.is_nonblocking(), Ok(false));
    assert_eq!(reader.try_read(&mut [0; 8]), Err(Errno::AGAIN));
    let capacity = writer.capacity().unwrap();
    let large = pattern(2 * capacity, 3);
    assert_eq!(writer.try_write(&large), Ok(capacity));
    assert_eq!(writer.try_write(b"x"), Err(Errno::AGAIN));
    let mut got = vec![0; 2 * capacity];
    assert_eq!(reader.try_read(&mut got), Ok(capacity));
    assert!(got[..capacity] == large[..capacity]);
    assert_eq!(reader.try_read(&mut got), Err(Errno::AGAIN));
    drop(writer);
    assert_eq!(reader.try_read(&mut got), Ok(0));
    assert_eq!(reader.is_nonblocking(), Ok(false));
}

#[test]
fn try_calls_without_kernel_nowait_do_not_wait() {
    let _check = begin();
    for nonblocking in [false, true] {
        let (reader, writer) = create();
        without_nowait(&reader, &writer);
        reader.set_nonblocking(nonblocking).unwrap();
        writer.set_nonblocking(nonblocking).unwrap();
        let capacity = writer.capacity().unwrap();
        let large = pattern(2 * capacity, 4);
        let mut done = 0;
        let refused = loop {
            match writer.try_write(&large[done..]) {
                Ok(more) => done += more,
                Err(errno) => break errno,
            }
        };
        assert_eq!((done, refused), (capacity, Errno::AGAIN));
        takes_its_time(Err(Errno::TIMEDOUT), |deadline| {
            writer.write_until(b"x", deadline)
        });
        let mut got = vec![0; 2 * capacity];
        let (one, rest) = got.split_at_mut(1);
        let both = &mut [IoSliceMut::new(one), IoSliceMut::new(rest)];
        assert_eq!(reader.try_readv(both), Ok(capacity));
        assert!(got[..capacity] == large[..capacity]);
        assert_eq!(reader.try_read(&mut got), Err(Errno::AGAIN));
        takes_its_time(Err(Errno::TIMEDOUT), |deadline| {
            reader.read_until(&mut [0], deadline)
        });

        // Gathered and atomic: wholly, and in one go.
        let half = vec![5; ATOMIC_SIZE / 2];
        let halves = [
            IoSlice::new(&[]),
            IoSlice::new(&half),
            IoSlice::new(&half[..]),
        ];
        let none = WriteFlags::empty();
        assert_eq!(writer.try_writev(&halves, none), Ok(ATOMIC_SIZE));
        // More than that: a part, and nothing but the beginning of it.
        let large = [IoSlice::new(&[]), IoSlice::new(&large)];
        let written = writer.try_writev(&large, none).unwrap();
        assert!(written >= ATOMIC_SIZE);
        assert_eq!(reader.bytes_waiting(), Ok(ATOMIC_SIZE + written));
        assert_eq!(writer.try_writev(&[], none), Ok(0));

        let waiting = reader.bytes_waiting().unwrap();
        drop(writer);
        assert_eq!(reader.try_read(&mut got), Ok(waiting));
        assert!(got[ATOMIC_SIZE..waiting] == pattern(2 * capacity, 4)[..written]);
        assert_eq!(reader.try_read(&mut got), Ok(0));
    }
    let (reader, writer) = create();
    without_nowait(&reader, &writer);
    drop(reader);
    assert_eq!(writer.try_write(b"x"), Err(Errno::PIPE));
}

#[test]
fn packets_without_kernel_nowait_stay_whole() {
    let _check = begin();
    let (reader, writer) = pipe::create(PipeFlags::PACKET).unwrap();
    without_nowait(&reader, &writer);
    assert_eq!(writer.try_write(b"one"), Ok(3));
    assert_eq!(writer.try_write(b"three"), Ok(5));
    let mut buffer = [0; 64];
    assert_eq!(reader.try_read(&mut buffer), Ok(3));
    assert_eq!(reader.read_until(&mut buffer, limit()), Ok(5));
    assert_eq!(reader.try_read(&mut buffer), Err(Errno::AGAIN));
}

/// Many readers of one end, where the kernel has no nowait, and never one byte too
/// many for one of them to wait for.
#[test]
fn competing_try_reads_do_not_wait() {
    let _check = begin();
    let (reader, writer) = create();
    without_nowait(&reader, &writer);
    const BYTES: usize = 20_000;
    let read = AtomicUsize::new(0);
    let ended = AtomicUsize::new(0);
    let hung = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while read.load(Ordering::Relaxed) < BYTES {
                    match reader.try_read(&mut [0; 1]) {
                        Ok(more) => drop(read.fetch_add(more, Ordering::Relaxed)),
                        Err(errno) => assert_eq!(errno, Errno::AGAIN),
                    }
                }
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        for _ in 0..BYTES {
            writer.write_all(b"x").unwrap();
        }
        let begin = Instant::now();
        while ended.load(Ordering::Relaxed) < 3 && begin.elapsed() < LIMIT {
            thread::yield_now();
        }
        let hung = 3 - ended.load(Ordering::Relaxed);
        // Who hangs nevertheless is woken by the end of the stream.
        drop(writer);
        hung
    });
    assert_eq!(hung, 0);
    assert_eq!(read.into_inner(), BYTES);
}

#[test]
fn deadline_is_kept_and_late_call_that_need_not_wait_succeeds() {
    let _check = begin();
    let (reader, writer) = create();
    takes_its_time(Err(Errno::TIMEDOUT), |d| reader.read_until(&mut [0], d));
    takes_its_time(Err(Errno::TIMEDOUT), |d| {
        reader.readv_until(&mut [IoSliceMut::new(&mut [0])], d)
    });
    let capacity = writer.capacity().unwrap();
    let large = vec![0; capacity + 10];
    let short = writer.write_all_until(&large, soon()).unwrap_err();
    let error = Errno::TIMEDOUT;
    let done = capacity;
    assert_eq!(short, Short { done, error });
    assert_eq!(Errno::from(short), error);
    assert!(short.to_string().contains(&capacity.to_string()));
    takes_its_time(Err(error), |d| writer.write_until(b"x", d));
    takes_its_time(Err(error), |d| {
        writer.writev_until(&[IoSlice::new(b"x")], WriteFlags::empty(), d)
    });

    let mut got = vec![0; capacity];
    assert_eq!(
        reader.read_until(&mut got[1..], Deadline::NOW),
        Ok(done - 1)
    );
    let short = reader.read_full_until(&mut got, soon()).unwrap_err();
    assert_eq!(short, Short { done: 1, error });
    assert_eq!(writer.write_until(b"late", Deadline::NOW), Ok(4));
    assert_eq!(
        writer.write_all_until(b"r", Deadline::NOW),
        Ok(()),
        "there is room"
    );
}

#[test]
fn wait_ends_when_other_process_acts() {
    if let Some(mut half) = PeerArgs::role("other") {
        let reader = Reader::from(half.descriptor(0));
        let writer = Writer::from(half.descriptor(1));
        half.channel.say("here");
        // It writes when there is nothing, and reads when there is no room.
        writer.write_all(b"wake").unwrap();
        half.channel.expect("full");
        let mut page = [0; ATOMIC_SIZE];
        assert_eq!(reader.read_full(&mut page), Ok(ATOMIC_SIZE));
        half.channel.expect("done");
        return;
    }
    let _check = begin();
    let (theirs, writer) = create();
    let (reader, their_writer) = create();
    let mut peer = Peer::start(
        test_name!(),
        "other",
        &[theirs.as_raw_fd(), their_writer.as_raw_fd()],
    );
    drop((theirs, their_writer));
    assert_eq!(reader.read_until(&mut [0; 8], limit()), Ok(4));
    let full = vec![1; writer.capacity().unwrap()];
    writer.write_all(&full).unwrap();
    peer.say("full");
    assert_eq!(writer.write_until(b"more", limit()), Ok(4));
    peer.say("done");
    peer.finish();
}

#[test]
fn o_nonblock_is_shared_and_ignored_by_try_and_until() {
    if let Some(mut half) = PeerArgs::role("other") {
        let reader = Reader::from(half.descriptor(0));
        let writer = Writer::from(half.descriptor(1));
        for nonblocking in [true, false] {
            half.channel.expect("switch");
            reader.set_nonblocking(nonblocking).unwrap();
            writer.set_nonblocking(nonblocking).unwrap();
            half.channel.say("switched");
        }
        return;
    }
    let _check = begin();
    let (reader, writer) = create();
    let mut peer = Peer::start(
        test_name!(),
        "other",
        &[reader.as_raw_fd(), writer.as_raw_fd()],
    );
    for nonblocking in [true, false] {
        peer.say("switch");
        peer.expect("switched");
        assert_eq!(reader.is_nonblocking(), Ok(nonblocking));
        if nonblocking {
            assert_eq!(reader.read(&mut [0]), Err(Errno::AGAIN));
            assert_eq!(
                reader.readv(&mut [IoSliceMut::new(&mut [0])]),
                Err(Errno::AGAIN)
            );
        }
        assert_eq!(reader.try_read(&mut [0]), Err(Errno::AGAIN));
        takes_its_time(Err(Errno::TIMEDOUT), |d| reader.read_until(&mut [0], d));
        let capacity = writer.capacity().unwrap();
        let full = vec![1; capacity];
        assert_eq!(writer.try_write(&full), Ok(capacity));
        if nonblocking {
            assert_eq!(writer.write(b"x"), Err(Errno::AGAIN));
        }
        assert_eq!(writer.try_write(b"x"), Err(Errno::AGAIN));
        takes_its_time(Err(Errno::TIMEDOUT), |d| writer.write_until(b"x", d));
        assert_eq!(reader.read_full(&mut vec![0; capacity]), Ok(capacity));
    }
    peer.finish();
}

#[test]
fn whole_message_calls_on_nonblocking_pipe_wait() {
    let _check = begin();
    let (reader, writer) = pipe::create(PipeFlags::NONBLOCK).unwrap();
    let message = pattern(1 << 20, 5);
    let mut got = vec![0; message.len()];
    thread::scope(|scope| {
        scope.spawn(|| writer.write_all(&message).unwrap());
        assert_eq!(reader.read_full(&mut got), Ok(message.len()));
    });
    assert!(got == message);
}

#[test]
fn duplicate_keeps_end_open() {
    let _check = begin();
    let (reader, writer) = create();
    let second = writer.duplicate().unwrap();
    assert!(fcntl_getfd(&second).unwrap().contains(FdFlags::CLOEXEC));
    drop(writer);
    assert_eq!(reader.try_read(&mut [0]), Err(Errno::AGAIN));
    second.set_nonblocking(true).unwrap();
    drop(second);
    assert_eq!(reader.try_read(&mut [0]), Ok(0));
    let again = reader.duplicate().unwrap();
    again.set_nonblocking(true).unwrap();
    assert_eq!(reader.is_nonblocking(), Ok(true));
}

#[test]
fn empty_reads_and_writes_do_nothing() {
    let _check = begin();
    let (reader, writer) = create();
    assert_eq!(reader.read(&mut []), Ok(0));
    assert_eq!(reader.try_read(&mut []), Ok(0));
    assert_eq!(reader.read_full(&mut []), Ok(0));
    assert_eq!(writer.write(&[]), Ok(0));
    assert_eq!(writer.try_write(&[]), Ok(0));
    assert_eq!(writer.write_all(&[]), Ok(()));
    assert_eq!(reader.bytes_waiting(), Ok(0));
}

#[test]
fn buffers_are_filled_and_gathered_in_order() {
    let _check = begin();
    let (reader, writer) = create();
    // More buffers than the kernel takes: the first 1024 of them.
    let digits: Vec<IoSlice<'_>> = (0..1500)
        .map(|index| IoSlice::new(&b"0123456789"[index % 10..][..1]))
        .collect();
    let none = WriteFlags::empty();
    assert_eq!(writer.writev(&digits, none), Ok(1024));
    assert_eq!(writer.try_writev(&digits, none), Ok(1024));
    assert_eq!(writer.writev_until(&digits, none, limit()), Ok(1024));
    let (mut one, mut two) = ([0; 1000], [0; 500]);
    let mut buffers = [
        IoSliceMut::new(&mut one),
        IoSliceMut::new(&mut []),
        IoSliceMut::new(&mut two),
    ];
    assert_eq!(reader.readv(&mut buffers), Ok(1500));
    assert_eq!(reader.try_readv(&mut buffers), Ok(1500));
    assert_eq!(reader.readv_until(&mut buffers, limit()), Ok(72));
    // What the last two calls left there: 72 bytes of the third writing, from its
    // 952nd on, and before that the end of the second.
    assert_eq!(&one[..8], b"23456789");
    assert_eq!(&one[62..80], b"456789012389012345");
}

#[test]
fn packets_keep_boundaries() {
    if let Some(half) = PeerArgs::role("writer") {
        let writer = Writer::from(half.descriptor(0));
        writer.write(b"first").unwrap();
        writer.try_write(b"the second").unwrap();
        writer.write_until(b"3", limit()).unwrap();
        let parts = [IoSlice::new(b"gath"), IoSlice::new(b"ered")];
        writer.writev(&parts, WriteFlags::empty()).unwrap();
        writer.write(b"cut here, the rest is lost").unwrap();
        writer.write_all(&pattern(ATOMIC_SIZE + 10, 1)).unwrap();
        return;
    }
    let _check = begin();
    let (reader, writer) = pipe::create(PipeFlags::PACKET).unwrap();
    let peer = Peer::start(test_name!(), "writer", &[writer.as_raw_fd()]);
    drop(writer);
    let mut buffer = [0; 2 * ATOMIC_SIZE];
    assert_eq!(reader.read(&mut buffer), Ok(5));
    assert_eq!(reader.read_until(&mut buffer, limit()), Ok(10));
    assert_eq!(reader.read(&mut buffer), Ok(1));
    assert_eq!(reader.read(&mut buffer), Ok(8));
    assert_eq!(&buffer[..8], b"gathered");
    assert_eq!(reader.read(&mut buffer[..8]), Ok(8));
    assert_eq!(&buffer[..8], b"cut here");
    // More than is atomic is several packets.
    assert_eq!(reader.read(&mut buffer), Ok(ATOMIC_SIZE));
    assert!(buffer[..ATOMIC_SIZE] == pattern(ATOMIC_SIZE + 10, 1)[..ATOMIC_SIZE]);
    assert_eq!(reader.read(&mut buffer), Ok(10));
    assert_eq!(reader.read(&mut buffer), Ok(0));
    peer.finish();
}

#[test]
fn packet_mode_can_be_switched() {
    let _check = begin();
    let (reader, writer) = pipe::create(PipeFlags::NONBLOCK).unwrap();
    writer.set_packet(true).unwrap();
    assert_eq!(writer.is_packet(), Ok(true));
    assert_eq!(reader.is_packet(), Ok(false));
    assert_eq!(writer.is_nonblocking(), Ok(true), "other flags stay");
    reader.set_packet(true).unwrap();
    writer.write(b"a").unwrap();
    writer.write(b"bc").unwrap();
    assert_eq!(reader.bytes_waiting(), Ok(3));
    assert_eq!(reader.read(&mut [0; 8]), Ok(1));
    assert_eq!(reader.read(&mut [0; 8]), Ok(2));
    writer.set_packet(false).unwrap();
    assert_eq!(writer.is_packet(), Ok(false));
    writer.write(b"a").unwrap();
    writer.write(b"bc").unwrap();
    assert_eq!(reader.read(&mut [0; 8]), Ok(3));
    // A socket has packets by its kind only.
    let socket = Reader::from(OwnedFd::from(UnixStream::pair().unwrap().0));
    assert_eq!(socket.set_packet(true), Err(Errno::INVAL));
}

#[test]
fn capacity_is_rounded_up_and_keeps_contents() {
    let _check = begin();
    let (reader, writer) = create();
    let page = rustix::param::page_size();
    assert_eq!(reader.capacity(), writer.capacity());
    assert_eq!(writer.set_capacity(3 * page), Ok(4 * page));
    assert_eq!(reader.capacity(), Ok(4 * page));
    assert_eq!(reader.set_capacity(1), Ok(page));
    assert_eq!(reader.set_capacity(0), Ok(page));
    assert_eq!(reader.set_capacity(16 * page), Ok(16 * page));

    let content = pattern(8 * page, 9);
    writer.write_all(&content).unwrap();
    assert_eq!(reader.bytes_waiting(), Ok(8 * page));
    assert_eq!(writer.bytes_waiting(), Ok(8 * page));
    assert_eq!(writer.set_capacity(4 * page), Err(Errno::BUSY));
    assert_eq!(writer.set_capacity(8 * page), Ok(8 * page));
    assert_eq!(writer.try_write(b"x"), Err(Errno::AGAIN));
    assert_eq!(writer.set_capacity(16 * page), Ok(16 * page));
    assert_eq!(writer.try_write(b"x"), Ok(1));
    let mut got = vec![0; 8 * page + 1];
    assert_eq!(reader.read_full(&mut got), Ok(got.len()));
    assert!(got[..8 * page] == content);

    // Not for lack of privileges, and the same for root.
    for too_much in [usize::MAX, 1 << 32, 1 << 31] {
        assert_eq!(writer.set_capacity(too_much), Err(Errno::INVAL));
        assert_eq!(reader.set_capacity(too_much), Err(Errno::INVAL));
    }
}

#[test]
fn capacity_without_privilege_is_limited() {
    if PeerArgs::role("nobody").is_some() {
        let most: usize = std::fs::read_to_string("/proc/sys/fs/pipe-max-size")
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let (reader, writer) = create();
        if rustix::process::geteuid().is_root() {
            // Of this thread alone, which has no CAP_SYS_RESOURCE then.
            rustix::thread::set_thread_uid(rustix::fs::Uid::from_raw(65534)).unwrap();
        }
        assert_eq!(writer.set_capacity(2 * most), Err(Errno::PERM));
        assert!(reader.capacity().unwrap() <= most);
        return;
    }
    let _check = begin();
    Peer::start(test_name!(), "nobody", &[]).finish();
}

#[test]
fn create_without_descriptors_left_leaks_nothing() {
    if PeerArgs::role("poor").is_some() {
        let (reader, _writer) = create();
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Room for one more descriptor, and not for two.
        let next = rustix::io::dup(&reader).unwrap();
        let current = Some(next.as_raw_fd() as u64 + 1);
        drop(next);
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
        assert_eq!(pipe::create(PipeFlags::empty()).unwrap_err(), Errno::MFILE);
        let last = reader.duplicate().unwrap();
        assert_eq!(reader.duplicate().unwrap_err(), Errno::MFILE);
        drop(last);
        return;
    }
    let _check = begin();
    Peer::start(test_name!(), "poor", &[]).finish();
}

/// Records of the atomic size of two processes with two threads each, by every way of
/// writing, come out whole and in each thread's order.
#[test]
fn atomic_writes_do_not_mix() {
    const RECORDS: u32 = 1500;
    const THREADS: u8 = 2;
    if let Some(mut half) = PeerArgs::role("writer") {
        let first: u8 = half.channel.hear().parse().unwrap();
        let writer = Writer::from(half.descriptor(0));
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let writer = &writer;
                scope.spawn(move || {
                    for number in 0..RECORDS {
                        let mut record = [first + thread; ATOMIC_SIZE];
                        record[..4].copy_from_slice(&number.to_le_bytes());
                        let parts = record.split_at(1000);
                        let parts = [IoSlice::new(parts.0), IoSlice::new(parts.1)];
                        let none = WriteFlags::empty();
                        let written = match number % 5 {
                            0 => writer.write(&record),
                            1 => writer.write_until(&record, limit()),
                            2 => writer.writev(&parts, none),
                            3 => writer.writev_until(&parts, none, limit()),
                            _ => loop {
                                match writer.try_write(&record) {
                                    Err(Errno::AGAIN) => thread::yield_now(),
                                    result => break result,
                                }
                            },
                        };
                        assert_eq!(written, Ok(ATOMIC_SIZE));
                    }
                });
            }
        });
        return;
    }
    let _check = begin();
    assert_eq!(ATOMIC_SIZE, 4096);
    // With RWF_NOWAIT, and without.
    for nowait in [true, false] {
        let (reader, writer) = create();
        if !nowait {
            without_nowait(&reader, &writer);
        }
        let name = test_name!();
        let peers = [0, THREADS].map(|first| {
            let mut peer = Peer::start(name, "writer", &[writer.as_raw_fd()]);
            peer.say(&first.to_string());
            peer
        });
        drop(writer);
        let mut next = [0; 2 * THREADS as usize];
        let mut record = [0; ATOMIC_SIZE];
        loop {
            match reader.read_full_until(&mut record, limit()).unwrap() {
                0 => break,
                len => assert_eq!(len, ATOMIC_SIZE),
            }
            let (number, rest) = record.split_first_chunk().unwrap();
            let from = rest[0];
            assert!(rest.iter().all(|&byte| byte == from), "mixed");
            assert_eq!(u32::from_le_bytes(*number), next[usize::from(from)]);
            next[usize::from(from)] += 1;
        }
        assert_eq!(next, [RECORDS; 2 * THREADS as usize]);
        peers.into_iter().for_each(Peer::finish);
    }
}

#[test]
fn file_is_spliced_through_pipe() {
    if let Some(half) = PeerArgs::role("sender") {
        let from = half.descriptor(0);
        let writer = Writer::from(half.descriptor(1));
        // By plain calls until the end of the file.
        while writer
            .splice_from(&from, None, 1 << 20, SpliceFlags::MORE)
            .unwrap()
            > 0
        {}
        return;
    }
    let _check = begin();
    let content = pattern(5_000_001, 11);
    let from = memfd(&content);
    let to = memfd(b"");
    let (reader, writer) = create();
    let peer = Peer::start(
        test_name!(),
        "sender",
        &[from.as_raw_fd(), writer.as_raw_fd()],
    );
    drop(writer);
    // By deadline, to places in the file.
    let mut at = 0;
    loop {
        let flags = SpliceFlags::MOVE;
        match reader.splice_to_until(&to, Some(&mut at), 1 << 20, flags, limit()) {
            Ok(0) => break,
            Ok(_) => {}
            Err(errno) => panic!("{errno}"),
        }
    }
    peer.finish();
    assert_eq!(at, content.len() as u64);
    let mut got = vec![0; content.len() + 1];
    assert_eq!(to.read_at(&mut got, 0).unwrap(), content.len());
    assert!(got[..content.len()] == content);
    assert_eq!(
        rustix::fs::tell(&to),
        Ok(0),
        "the file's own position stays with an offset"
    );
    assert_eq!(rustix::fs::tell(&from), Ok(content.len() as u64));
}

#[test]
fn splice_with_offsets_moves_them() {
    let _check = begin();
    let from = memfd(b"0123456789");
    let to = memfd(b"..........");
    let (reader, writer) = create();
    let none = SpliceFlags::empty();
    let mut offset = 3;
    assert_eq!(writer.splice_from(&from, Some(&mut offset), 4, none), Ok(4));
    assert_eq!(offset, 7);
    assert_eq!(
        writer.try_splice_from(&from, Some(&mut offset), 99, none),
        Ok(3)
    );
    assert_eq!(
        writer.splice_from(&from, Some(&mut offset), 99, none),
        Ok(0)
    );
    let mut offset = 1;
    assert_eq!(reader.splice_to(&to, Some(&mut offset), 2, none), Ok(2));
    assert_eq!(
        reader.try_splice_to(&to, Some(&mut offset), 99, none),
        Ok(5)
    );
    assert_eq!(offset, 8);
    let mut got = [0; 10];
    to.read_at(&mut got, 0).unwrap();
    assert_eq!(&got, b".3456789..");
}

#[test]
fn splice_between_pipes_waits_for_either() {
    let _check = begin();
    let (reader, writer) = create();
    let (out, to) = create();
    let none = SpliceFlags::empty();
    // Empty: by both ends' calls.
    assert_eq!(reader.try_splice_to(&to, None, 9, none), Err(Errno::AGAIN));
    assert_eq!(
        to.try_splice_from(&reader, None, 9, none),
        Err(Errno::AGAIN)
    );
    takes_its_time(Err(Errno::TIMEDOUT), |d| {
        reader.splice_to_until(&to, None, 9, none, d)
    });
    takes_its_time(Err(Errno::TIMEDOUT), |d| {
        to.splice_from_until(&reader, None, 9, none, d)
    });
    // Full.
    writer.write_all(b"move me").unwrap();
    let full = vec![0; to.capacity().unwrap()];
    to.write_all(&full).unwrap();
    assert_eq!(reader.try_splice_to(&to, None, 9, none), Err(Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |d| {
        reader.splice_to_until(&to, None, 9, none, d)
    });
    // Who waits for room is woken by a reader, who waits for bytes by a writer.
    thread::scope(|scope| {
        let moved = scope.spawn(|| reader.splice_to_until(&to, None, 9, none, limit()));
        let mut drained = vec![0; full.len()];
        assert_eq!(out.read_full(&mut drained), Ok(full.len()));
        assert_eq!(moved.join().unwrap(), Ok(7));
        let moved = scope.spawn(|| to.splice_from_until(&reader, None, 9, none, limit()));
        writer.write_all(b"again").unwrap();
        assert_eq!(moved.join().unwrap(), Ok(5));
    });
    let mut got = [0; 12];
    assert_eq!(out.read_full(&mut got), Ok(12));
    assert_eq!(&got, b"move meagain");
    drop(writer);
    assert_eq!(reader.splice_to(&to, None, 9, none), Ok(0));
    drop(out);
    let (reader, writer) = create();
    writer.write_all(b"x").unwrap();
    assert_eq!(reader.splice_to(&to, None, 9, none), Err(Errno::PIPE));
}

#[test]
fn splice_of_unsuitable_descriptors_is_refused() {
    let _check = begin();
    let (reader, writer) = create();
    let (_out, to) = create();
    let none = SpliceFlags::empty();
    writer.write_all(b"content").unwrap();
    let mut offset = 0;
    // A pipe has no offsets.
    assert_eq!(
        reader.splice_to(&to, Some(&mut offset), 9, none),
        Err(Errno::SPIPE)
    );
    assert_eq!(
        to.splice_from(&reader, Some(&mut offset), 9, none),
        Err(Errno::SPIPE)
    );
    // Itself.
    assert_eq!(reader.splice_to(&writer, None, 9, none), Err(Errno::INVAL));
    assert_eq!(
        writer.splice_from(&reader, None, 9, none),
        Err(Errno::INVAL)
    );
    // Not open in that direction.
    let file = File::open("/proc/self/exe").unwrap();
    assert_eq!(reader.splice_to(&file, None, 9, none), Err(Errno::BADF));
    // Open for appending.
    let appended = memfd(b"");
    rustix::fs::fcntl_setfl(&appended, OFlags::APPEND).unwrap();
    assert_eq!(
        reader.splice_to(&appended, None, 9, none),
        Err(Errno::INVAL)
    );
    // Neither is a pipe.
    let fake = Reader::from(OwnedFd::from(memfd(b"x")));
    assert_eq!(fake.splice_to(&appended, None, 9, none), Err(Errno::INVAL));
    // The wrong end.
    let wrong = Reader::from(OwnedFd::from(writer.duplicate().unwrap()));
    assert_eq!(wrong.splice_to(&to, None, 9, none), Err(Errno::BADF));
    // An offset that no file has.
    let mut offset = u64::MAX;
    assert_eq!(
        reader.splice_to(memfd(b""), Some(&mut offset), 9, none),
        Err(Errno::INVAL)
    );
    assert_eq!(reader.bytes_waiting(), Ok(7), "nothing was lost on the way");
}

#[test]
fn tee_duplicates_and_takes_nothing() {
    if let Some(half) = PeerArgs::role("writer") {
        let writer = Writer::from(half.descriptor(0));
        writer.write_all(&pattern(300_000, 13)).unwrap();
        return;
    }
    let _check = begin();
    let (reader, writer) = create();
    let (copy, to_copy) = create();
    assert_eq!(reader.try_tee(&to_copy, 9), Err(Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |d| reader.tee_until(&to_copy, 9, d));
    let peer = Peer::start(test_name!(), "writer", &[writer.as_raw_fd()]);
    drop(writer);
    let mut original = Vec::new();
    let mut duplicate = Vec::new();
    for turn in 0.. {
        let len = match turn % 2 {
            0 => reader.tee(&to_copy, 10_000),
            _ => reader.tee_until(&to_copy, 10_000, limit()),
        };
        let len = len.unwrap();
        if len == 0 {
            break;
        }
        let mut buffer = vec![0; len];
        assert_eq!(copy.read_full(&mut buffer), Ok(len));
        duplicate.extend_from_slice(&buffer);
        assert_eq!(reader.read_full(&mut buffer), Ok(len));
        original.extend_from_slice(&buffer);
    }
    peer.finish();
    assert!(original == pattern(300_000, 13));
    assert!(duplicate == original);

    let (reader, writer) = create();
    writer.write_all(b"x").unwrap();
    assert_eq!(reader.tee(&writer, 9), Err(Errno::INVAL));
    let file = Writer::from(OwnedFd::from(memfd(b"")));
    assert_eq!(reader.tee(&file, 9), Err(Errno::INVAL));
    let full = vec![0; to_copy.capacity().unwrap()];
    to_copy.write_all(&full).unwrap();
    assert_eq!(reader.try_tee(&to_copy, 9), Err(Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |d| reader.tee_until(&to_copy, 9, d));
    drop(copy);
    assert_eq!(reader.tee(&to_copy, 9), Err(Errno::PIPE));
}

static PAGES: [u8; 2 * ATOMIC_SIZE] = [b'p'; 2 * ATOMIC_SIZE];

#[test]
fn static_memory_is_lent_to_other_process() {
    if let Some(half) = PeerArgs::role("lender") {
        let writer = Writer::from(half.descriptor(0));
        assert_eq!(writer.vmsplice_static(&PAGES), Ok(PAGES.len()));
        assert_eq!(writer.try_vmsplice_static(&PAGES), Ok(PAGES.len()));
        let later = writer.vmsplice_static_until(&PAGES, limit());
        assert_eq!(later, Ok(PAGES.len()));
        return;
    }
    let _check = begin();
    let (reader, writer) = create();
    // The lender has ended when the bytes are read.
    Peer::start(test_name!(), "lender", &[writer.as_raw_fd()]).finish();
    drop(writer);
    let mut got = Vec::new();
    (&reader).read_to_end(&mut got).unwrap();
    assert!(got == PAGES.repeat(3));

    let (reader, writer) = create();
    while let Ok(lent) = writer.try_vmsplice_static(&PAGES) {
        assert!(lent > 0);
    }
    assert_eq!(writer.try_vmsplice_static(&PAGES), Err(Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |d| {
        writer.vmsplice_static_until(&PAGES, d)
    });
    drop(reader);
    assert_eq!(writer.vmsplice_static(&PAGES), Err(Errno::PIPE));
}

#[test]
fn lent_memory_changed_later_is_read_changed() {
    let _check = begin();
    let (reader, writer) = create();
    let page = rustix::param::page_size();
    let none = VmspliceFlags::empty();
    let mut memory = vec![b'a'; 4 * page];
    {
        let parts = [IoSlice::new(&memory[..10]), IoSlice::new(&memory[10..page])];
        // SAFETY: it is written to below, and this test expects to read just that.
        let lent = unsafe { writer.vmsplice(&parts, none) };
        assert_eq!(lent, Ok(page));
    }
    memory[5] = b'b';
    let mut got = vec![0; page];
    assert_eq!(reader.read_full(&mut got), Ok(page));
    assert_eq!(&got[4..7], b"aba", "the page itself, not a copy");

    // Whole pages given away for good, and never touched again.
    let gift: &'static mut [u8] = Box::leak(vec![b'g'; 3 * page].into_boxed_slice());
    let at = gift.as_ptr().addr().next_multiple_of(page) - gift.as_ptr().addr();
    let gift = [IoSlice::new(&gift[at..at + page])];
    // SAFETY: leaked, and nobody writes to it any more.
    let given = unsafe { writer.vmsplice_until(&gift, VmspliceFlags::GIFT, limit()) };
    assert_eq!(given, Ok(page));
    let to = memfd(b"");
    assert_eq!(
        reader.splice_to(&to, None, page, SpliceFlags::MOVE),
        Ok(page)
    );
    let mut got = vec![0; page];
    to.read_at(&mut got, 0).unwrap();
    assert!(got == vec![b'g'; page]);

    // Full.
    let all = [IoSlice::new(&memory)];
    // SAFETY: the memory is not written to any more.
    while unsafe { writer.try_vmsplice(&all, none) }.is_ok() {}
    // SAFETY: as above.
    let refused = unsafe { writer.try_vmsplice(&all, none) };
    assert_eq!(refused, Err(Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |deadline| {
        // SAFETY: as above.
        unsafe { writer.vmsplice_until(&all, none, deadline) }
    });
}

#[test]
fn vmsplice_on_wrong_end_is_refused() {
    let _check = begin();
    let (reader, writer) = create();
    writer.write_all(b"content").unwrap();
    // A writer over a read end would have its memory written to.
    let wrong = Writer::from(OwnedFd::from(reader.duplicate().unwrap()));
    static UNTOUCHED: [u8; 16] = [1; 16];
    assert_eq!(wrong.vmsplice_static(&UNTOUCHED), Err(Errno::BADF));
    assert_eq!(UNTOUCHED, [1; 16]);
    // A reader over a write end would lend its buffer.
    let wrong = Reader::from(OwnedFd::from(writer.duplicate().unwrap()));
    let mut buffer = [2; 16];
    let buffers = &mut [IoSliceMut::new(&mut buffer)];
    assert_eq!(wrong.vmsplice(buffers), Err(Errno::BADF));
    assert_eq!(wrong.try_vmsplice(buffers), Err(Errno::BADF));
    assert_eq!(wrong.vmsplice_until(buffers, limit()), Err(Errno::BADF));
    assert_eq!(reader.bytes_waiting(), Ok(7));
    // No pipe at all.
    let file = Reader::from(OwnedFd::from(File::open("/proc/self/exe").unwrap()));
    assert_eq!(file.vmsplice(buffers), Err(Errno::BADF));
    let file = Writer::from(OwnedFd::from(memfd(b"")));
    assert_eq!(file.vmsplice_static(&UNTOUCHED), Err(Errno::BADF));
}

#[test]
fn vmsplice_copies_out_of_pipe() {
    let _check = begin();
    let (reader, writer) = create();
    let (mut one, mut two) = ([0; 3], [0; 10]);
    let mut buffers = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
    assert_eq!(reader.try_vmsplice(&mut buffers), Err(Errno::AGAIN));
    takes_its_time(Err(Errno::TIMEDOUT), |d| {
        reader.vmsplice_until(&mut buffers, d)
    });
    writer.write_all(b"abcdefg").unwrap();
    assert_eq!(reader.vmsplice(&mut buffers), Ok(7));
    writer.write_all(b"hij").unwrap();
    assert_eq!(reader.vmsplice_until(&mut buffers[1..], limit()), Ok(3));
    assert_eq!((&one, &two), (b"abc", b"hijg\0\0\0\0\0\0"));
    drop(writer);
    let mut buffers = [IoSliceMut::new(&mut one)];
    assert_eq!(reader.vmsplice(&mut buffers), Ok(0));
}

#[test]
fn descriptors_of_other_kinds_fail_when_used() {
    let _check = begin();
    let (reader, writer) = create();
    // The wrong end.
    let wrong = Writer::from(OwnedFd::from(reader.duplicate().unwrap()));
    assert_eq!(wrong.write(b"x"), Err(Errno::BADF));
    assert_eq!(wrong.try_write(b"x"), Err(Errno::BADF));
    assert_eq!(wrong.write_until(b"x", limit()), Err(Errno::BADF));
    let (done, error) = (0, Errno::BADF);
    assert_eq!(wrong.write_all(b"x"), Err(Short { done, error }));
    let wrong = Reader::from(OwnedFd::from(writer.duplicate().unwrap()));
    assert_eq!(wrong.read(&mut [0]), Err(Errno::BADF));
    assert_eq!(wrong.try_read(&mut [0]), Err(Errno::BADF));
    assert_eq!(wrong.read_full(&mut [0]), Err(Short { done, error }));
    // A file is read, and is no pipe.
    let file = Reader::from(OwnedFd::from(memfd(b"content")));
    assert_eq!(file.try_read(&mut [0; 3]), Ok(3));
    assert_eq!(file.read_until(&mut [0; 3], limit()), Ok(3));
    assert_eq!(file.read(&mut [0; 3]), Ok(1));
    assert_eq!(file.capacity(), Err(Errno::BADF));
    assert_eq!(file.set_capacity(4096), Err(Errno::BADF));
    // A device without bytes to count.
    let null = Reader::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    assert_eq!(null.bytes_waiting(), Err(Errno::NOTTY));
    // A directory.
    let directory = Reader::from(OwnedFd::from(File::open("/").unwrap()));
    assert_eq!(directory.read(&mut [0]), Err(Errno::ISDIR));
    assert_eq!(directory.try_read(&mut [0]), Err(Errno::ISDIR));
    // A socket has try forms, too.
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (ours, theirs) = (
        Reader::from(OwnedFd::from(ours)),
        Writer::from(OwnedFd::from(theirs)),
    );
    assert_eq!(ours.try_read(&mut [0]), Err(Errno::AGAIN));
    assert_eq!(theirs.try_write(b"x"), Ok(1));
    assert_eq!(ours.read_until(&mut [0], limit()), Ok(1));
}

#[test]
fn sigpipe_kills_unless_prevented() {
    for way in ["default", "try", "splice", "nosignal", "ignored"] {
        if PeerArgs::role(way).is_none() {
            continue;
        }
        let (reader, writer) = create();
        drop(reader);
        signal(SIGPIPE, SIG_DFL);
        match way {
            "default" => drop(writer.write(b"x")),
            "try" => drop(writer.try_write(b"x")),
            "splice" => drop(writer.vmsplice_static(b"x")),
            "nosignal" => {
                let flags = WriteFlags::NOSIGNAL;
                let message = [IoSlice::new(b"x")];
                if writer.writev(&message, flags) == Err(Errno::OPNOTSUPP) {
                    std::process::exit(7);
                }
                assert_eq!(writer.writev(&message, flags), Err(Errno::PIPE));
                assert_eq!(writer.try_writev(&message, flags), Err(Errno::PIPE));
                let until = writer.writev_until(&message, flags, limit());
                assert_eq!(until, Err(Errno::PIPE));
                // Also where there is no nowait.
                let (reader, writer) = create();
                without_nowait(&reader, &writer);
                drop(reader);
                assert_eq!(writer.try_writev(&message, flags), Err(Errno::PIPE));
            }
            _ => {
                pipe::ignore_sigpipe().unwrap();
                assert_eq!(writer.write(b"x"), Err(Errno::PIPE));
                assert_eq!(writer.vmsplice_static(b"x"), Err(Errno::PIPE));
                assert_eq!(signal(SIGPIPE, SIG_DFL), 1, "SIG_IGN it was");
            }
        }
        return;
    }
    let _check = begin();
    for way in ["default", "try", "splice"] {
        let status = Peer::start(test_name!(), way, &[]).wait();
        assert_eq!(status.signal(), Some(SIGPIPE), "{way}: {status}");
    }
    Peer::start(test_name!(), "ignored", &[]).finish();
    let status = Peer::start(test_name!(), "nosignal", &[]).wait();
    if status.code() == Some(7) {
        skipped!("RWF_NOSIGNAL, which this kernel does not know");
    } else {
        assert!(status.success(), "nosignal: {status}");
    }
}

#[test]
fn whole_message_calls_in_signal_storm_lose_nothing() {
    let _check = begin();
    let message = pattern(4 << 20, 17);
    let (reader, writer) = create();
    let (there, back) = create();
    let mut got = vec![0; message.len()];
    thread::scope(|scope| {
        let message = &message;
        // Each has its ends to itself, so that the others see the end if it fails.
        scope.spawn(move || in_a_storm(|| writer.write_all_until(message, limit()).unwrap()));
        scope.spawn(move || {
            // Slowly, so that the other waits again and again.
            let mut page = [0; ATOMIC_SIZE];
            for expected in message.chunks(ATOMIC_SIZE) {
                assert_eq!(reader.read_full(&mut page), Ok(ATOMIC_SIZE));
                assert!(page == expected);
                back.write_all(&page).unwrap();
            }
        });
        let got = &mut got;
        in_a_storm(move || {
            let (first, rest) = got.split_at_mut(1 << 20);
            assert_eq!(there.read_full(first), Ok(first.len()));
            assert_eq!(there.read_full_until(rest, limit()), Ok(rest.len()));
        });
    });
    assert!(got == message);

    // The deadline is kept all the same.
    let (reader, writer) = create();
    in_a_storm(|| {
        let begin = Instant::now();
        let error = Errno::TIMEDOUT;
        let none = reader.read_full_until(&mut [0; 8], soon());
        assert_eq!(none, Err(Short { done: 0, error }));
        let done = writer.capacity().unwrap();
        let part = writer.write_all_until(&message, soon());
        assert_eq!(part, Err(Short { done, error }));
        assert!(begin.elapsed() >= 2 * SHORT);
    });
}

#[test]
fn std_reads_and_writes() {
    let _check = begin();
    let (mut reader, mut writer) = create();
    fn put(mut writer: impl Write, bytes: &[u8]) {
        writer.write_all(bytes).unwrap();
        writer.flush().unwrap();
        let parts = [IoSlice::new(b"vec"), IoSlice::new(b"tored")];
        assert_eq!(writer.write_vectored(&parts).unwrap(), 8);
    }
    fn take(mut reader: impl Read, expected: &[u8]) {
        let mut got = vec![0; expected.len()];
        reader.read_exact(&mut got).unwrap();
        assert_eq!(got, expected);
        let (mut three, mut five) = ([0; 3], [0; 5]);
        let mut parts = [IoSliceMut::new(&mut three), IoSliceMut::new(&mut five)];
        assert_eq!(reader.read_vectored(&mut parts).unwrap(), 8);
        assert_eq!((&three, &five), (b"vec", b"tored"));
    }
    put(&writer, b"by reference");
    take(&reader, b"by reference");
    put(&mut writer, b"by value");
    take(&mut reader, b"by value");

    reader.set_nonblocking(true).unwrap();
    let error = Read::read(&mut reader, &mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    reader.set_nonblocking(false).unwrap();
    writer.write_all(b"the end").unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "the end");
    let (reader, mut writer) = create();
    drop(reader);
    let error = Write::write(&mut writer, b"x").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn std_descriptors_and_ends_convert_both_ways() {
    let _check = begin();
    // There and back through each type of std.
    let (reader, writer) = std::io::pipe().unwrap();
    let (reader, writer) = (Reader::from(reader), Writer::from(writer));
    let writer = std::io::PipeWriter::from(writer);
    let writer = File::from(Writer::from(writer));
    (&writer).write_all(b"around").unwrap();
    let reader = std::io::PipeReader::from(reader);
    let mut reader = File::from(Reader::from(reader));
    let mut word = [0; 6];
    reader.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"around");

    // A child's standard streams, in both directions.
    let (to_child, to_writer) = create();
    let (from_reader, from_child) = create();
    let mut child = Command::new("cat")
        .stdin(to_child)
        .stdout(from_child)
        .spawn()
        .unwrap();
    to_writer.write_all(b"through cat").unwrap();
    drop(to_writer);
    let mut got = [0; 16];
    assert_eq!(from_reader.read_full(&mut got), Ok(11));
    assert!(child.wait().unwrap().success());

    let piped = std::process::Stdio::piped;
    let mut child = Command::new("sh")
        .args(["-c", "cat; echo oops >&2"])
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .spawn()
        .unwrap();
    let writer = Writer::from(child.stdin.take().unwrap());
    let output = Reader::from(child.stdout.take().unwrap());
    let errors = Reader::from(child.stderr.take().unwrap());
    writer.write_all(b"hello").unwrap();
    drop(writer);
    assert_eq!(output.read_full(&mut got), Ok(5));
    assert_eq!(errors.read_full(&mut got), Ok(5));
    assert!(child.wait().unwrap().success());
}
