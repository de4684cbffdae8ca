//! The calls that are counted: each of both kinds as often, in turn. What one puts
//! into the kernel the next takes out.

use core::hint::black_box;
use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::os::fd::{AsFd, AsRawFd};

use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::pipe::{self, PipeFlags};
use rawipc::posix::Name;
use rawipc::posix::message::{self as posix, Capacity, CreateOptions};
use rawipc::socket::stream;
use rawipc::sync::Semaphore;
use rawipc::sysv::message::Message;
use rawipc::sysv::semaphore::Operation;
use rawipc::sysv::{Create, Key, message, semaphore};
use rawipc::{Deadline, Timespec};

use super::CALLS;
use super::assembly::*;
use super::ours::*;

const LEN: usize = size_of::<Body>();
const SENT: isize = LEN as isize;

pub(crate) fn make() {
    identity();
    pipe();
    system_v_messages();
    system_v_semaphores();
    posix_messages();
    socket();
    eventfd();
    futex();
    semaphore();
}

fn identity() {
    for _ in 0..CALLS {
        // SAFETY: reads and writes nothing.
        let parent = unsafe { assembly_getppid() };
        assert_eq!(ours_getppid(), parent as isize);
    }
}

fn pipe() {
    let (reader, writer) = pipe::create(PipeFlags::empty()).expect("a pipe");
    let (from, to) = (reader.as_raw_fd(), writer.as_raw_fd());
    let (bytes, mut buffer) = ([1; LEN], [0; LEN]);
    for _ in 0..CALLS {
        assert_eq!(ours_pipe_write(black_box(&writer), black_box(&bytes)), SENT);
        assert_eq!(
            ours_pipe_read(black_box(&reader), black_box(&mut buffer)),
            SENT
        );
        // SAFETY: the bytes are borrowed.
        let sent = unsafe { assembly_pipe_write(black_box(to), bytes.as_ptr(), black_box(LEN)) };
        // SAFETY: the buffer is borrowed.
        let got = unsafe { assembly_pipe_read(black_box(from), buffer.as_mut_ptr(), LEN) };
        assert_eq!((sent, got), (SENT, SENT));
    }
}

/// A message as the kernel takes it.
#[repr(C)]
struct Raw {
    kind: i64,
    body: Body,
}

fn system_v_messages() {
    let queue = message::create(Key::PRIVATE, Create::NEW).expect("a queue");
    let id = queue.id();
    let sent = Message::new(3, [1; LEN]);
    let mut received = Message::new(0, [0; LEN]);
    let mut raw = Raw {
        kind: 3,
        body: [1; LEN],
    };
    let address = &raw mut raw.kind;
    let mut as_expected = true;
    for _ in 0..CALLS {
        as_expected &= ours_msgsnd(black_box(queue), black_box(&sent)) == 0;
        as_expected &=
            ours_msgrcv(black_box(queue), black_box(&mut received), black_box(3)) == SENT;
        // SAFETY: the message is ours, and has so many bytes behind its kind.
        as_expected &= unsafe { assembly_msgsnd(black_box(id), address, black_box(LEN), 0) } == 0;
        // SAFETY: as above.
        as_expected &= unsafe { assembly_msgrcv(black_box(id), address, LEN, 3, 0) } == SENT;
    }
    queue.remove().expect("our queue");
    assert!(as_expected && raw.body == [1; LEN]);
}

fn system_v_semaphores() {
    let set = semaphore::create(Key::PRIVATE, 2, Create::NEW).expect("a set");
    let id = set.id();
    let operations = [Operation::increment(0), Operation::decrement(0)];
    let raw: [[u16; 3]; 2] = [[0, 1, 0], [0, u16::MAX, 0]];
    let mut as_expected = true;
    for _ in 0..CALLS {
        as_expected &= ours_semop(black_box(set), black_box(&operations)) == 0;
        // SAFETY: the operations are borrowed.
        as_expected &= unsafe { assembly_semop(black_box(id), raw.as_ptr(), black_box(2)) } == 0;
    }
    set.remove().expect("our set");
    assert!(as_expected);
}

fn posix_messages() {
    let name = Name::new(format!("/rawipc-overhead-{}", std::process::id())).expect("a name");
    let queue = CreateOptions::new()
        .capacity(Capacity {
            messages: 2,
            message_size: LEN,
        })
        .create(&name)
        .expect("a queue");
    posix::unlink(&name).expect("our queue");
    let fd = queue.as_raw_fd();
    let (bytes, mut buffer) = ([1; LEN], [0; LEN]);
    let never: *const Timespec = core::ptr::null();
    let deadline = Deadline::after(Duration::from_secs(60));
    for _ in 0..CALLS {
        let sent = ours_mq_send(black_box(&queue), black_box(&bytes), black_box(5));
        let got = ours_mq_receive(black_box(&queue), black_box(&mut buffer));
        assert_eq!((sent, got.len, got.priority), (0, SENT, 5));
        let deadline = black_box(&deadline);
        let sent = ours_mq_timedsend(black_box(&queue), black_box(&bytes), black_box(5), deadline);
        // SAFETY: the buffer is borrowed.
        let got = unsafe { assembly_mq_receive(black_box(fd), buffer.as_mut_ptr(), LEN) };
        assert_eq!((sent, got.len, got.priority), (0, SENT, 5));
    }
    for _ in 0..CALLS {
        // SAFETY: the bytes are borrowed.
        let sent = unsafe { assembly_mq_timedsend(black_box(fd), bytes.as_ptr(), LEN, 5, never) };
        assert_eq!((sent, queue.receive(&mut buffer).is_ok()), (0, true));
    }
}

fn socket() {
    let (ours, theirs) = stream::pair().expect("sockets");
    let (from, to) = (theirs.as_fd().as_raw_fd(), ours.as_fd().as_raw_fd());
    let no_signal = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
    let (bytes, mut buffer) = ([1; LEN], [0; LEN]);
    for _ in 0..CALLS {
        assert_eq!(ours_send(black_box(&ours), black_box(&bytes)), SENT);
        assert_eq!(ours_recv(black_box(&theirs), black_box(&mut buffer)), SENT);
        // SAFETY: the bytes are borrowed.
        let sent = unsafe { assembly_send(black_box(to), bytes.as_ptr(), LEN, no_signal) };
        // SAFETY: the buffer is borrowed.
        let got = unsafe { assembly_recv(black_box(from), buffer.as_mut_ptr(), LEN, 0) };
        assert_eq!((sent, got), (SENT, SENT));
    }
}

fn eventfd() {
    let counter = eventfd::create(0, EventFdFlags::empty()).expect("an eventfd");
    let fd = counter.as_raw_fd();
    for _ in 0..CALLS {
        assert_eq!(ours_eventfd_write(black_box(&counter), black_box(2)), 0);
        // SAFETY: reads nothing of ours.
        let added = unsafe { assembly_eventfd_write(black_box(fd), black_box(3)) };
        assert_eq!((added, counter.wait()), (8, Ok(5)));
    }
}

fn futex() {
    let word = AtomicU32::new(0);
    for _ in 0..CALLS {
        assert_eq!(ours_futex_wake(black_box(&word), black_box(1)), 0);
        // SAFETY: the word is borrowed.
        let woken = unsafe { assembly_futex_wake(black_box(word.as_ptr()), black_box(1)) };
        assert_eq!(woken, 0);
    }
}

fn semaphore() {
    let semaphore = Semaphore::new(0);
    let word: *const u32 = (&raw const semaphore).cast();
    for _ in 0..CALLS {
        assert_eq!(ours_semaphore_post(black_box(&semaphore)), 0);
        assert_eq!(ours_semaphore_try_wait(black_box(&semaphore)), 1);
        // SAFETY: a semaphore is this word.
        let posted = unsafe { assembly_semaphore_post(black_box(word)) };
        assert_eq!((posted, semaphore.value()), (0, 1));
        // SAFETY: as above.
        assert_eq!(unsafe { assembly_semaphore_try_wait(black_box(word)) }, 1);
        semaphore.post().expect("room");
        assert_eq!(ours_semaphore_wait(black_box(&semaphore)), 0);
    }
    assert_eq!(semaphore.value(), 0);
}
