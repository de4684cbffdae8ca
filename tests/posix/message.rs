//! POSIX message queues: every operation, flag and error, and libc's on the other
//! end.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ffi::CStr;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::thread::JoinHandleExt;
use std::time::Instant;

use rawipc::posix::message::{
    self, Access, Attributes, Capacity, CreateOptions, Means, Notice, Notification, PRIORITY_MAX,
    Queue, QueueFlags, Received, Registered, Status,
};
use rawipc::posix::{Name, Names};
use rawipc::{Deadline, Errno, Mode, Pid, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::FdFlags;

use support::{Child, End, LIMIT, LeakCheck, Peer, PeerArgs, Storm, limit, pattern, storm};

/// Long enough to see that something blocks.
const SHORT: Duration = Duration::from_millis(150);

/// How many bytes a message of most queues here has at most.
const SIZE: usize = 32;

/// A name of this test process; unlinked when dropped, and free then: the file
/// system of queues is not mounted everywhere, so that nobody else would see.
struct Own(Name);

impl Own {
    fn new(label: &str) -> Self {
        let name = format!("/rawipc-test-{}-{label}", std::process::id());
        Self(Name::new(name).unwrap())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = message::unlink(&self.0);
    }
}

impl core::ops::Deref for Own {
    type Target = Name;

    fn deref(&self) -> &Name {
        &self.0
    }
}

const fn capacity(messages: usize, message_size: usize) -> Capacity {
    Capacity {
        messages,
        message_size,
    }
}

fn options(messages: usize) -> CreateOptions {
    CreateOptions::new().capacity(capacity(messages, SIZE))
}

/// A queue without a name any more.
fn queue(label: &str, messages: usize, flags: QueueFlags) -> Queue {
    let name = Own::new(label);
    options(messages).flags(flags).create(&name).unwrap()
}

/// Blocking and non-blocking descriptions, to which every function is indifferent.
fn both(label: &str, messages: usize) -> [Queue; 2] {
    [QueueFlags::empty(), QueueFlags::NONBLOCK].map(|flags| queue(label, messages, flags))
}

fn readiness(fd: &impl AsFd) -> PollFlags {
    let mut fds = [PollFd::new(fd, PollFlags::IN | PollFlags::OUT)];
    poll(&mut fds, Some(&rustix::time::Timespec::default())).unwrap();
    fds[0].revents()
}

/// Receives what must be there.
fn take(queue: &Queue) -> (Vec<u8>, u32) {
    let mut buffer = [0; SIZE];
    let Received { len, priority } = queue.try_receive(&mut buffer).unwrap();
    (buffer[..len].to_vec(), priority)
}

/// Libc's side.
struct Libc(libc::mqd_t);

impl Libc {
    fn open(name: &CStr, flags: libc::c_int) -> Option<Self> {
        // SAFETY: all zero is a mq_attr.
        let mut attributes: libc::mq_attr = unsafe { core::mem::zeroed() };
        attributes.mq_maxmsg = 2;
        attributes.mq_msgsize = SIZE as libc::c_long;
        // SAFETY: the name is a C string, the attributes are borrowed for the call.
        let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw mut attributes) };
        (queue >= 0).then(|| Self(queue))
    }

    fn send(&self, message: &[u8], priority: u32) -> i32 {
        // SAFETY: the message is borrowed for the call.
        unsafe { libc::mq_send(self.0, message.as_ptr().cast(), message.len(), priority) }
    }

    fn receive(&self) -> (Vec<u8>, u32) {
        let mut buffer = [0; SIZE];
        let mut priority = 0;
        // SAFETY: buffer and priority are borrowed for the call.
        let len = unsafe {
            libc::mq_receive(
                self.0,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut priority,
            )
        };
        (buffer[..usize::try_from(len).unwrap()].to_vec(), priority)
    }
}

impl Drop for Libc {
    fn drop(&mut self) {
        // SAFETY: a queue that is open, and not used again.
        assert_eq!(unsafe { libc::mq_close(self.0) }, 0);
    }
}

#[test]
fn object_is_private_and_exclusive_unless_requested_otherwise() {
    let _check = LeakCheck::begin();
    let name = Own::new("new");
    let plain = CreateOptions::default().create(&name).unwrap();
    let default = |file: &str| -> usize {
        let text = std::fs::read_to_string(format!("/proc/sys/fs/mqueue/{file}")).unwrap();
        text.trim().parse().unwrap()
    };
    let attributes = Attributes {
        capacity: capacity(default("msg_default"), default("msgsize_default")),
        messages: 0,
        nonblocking: false,
    };
    assert_eq!(plain.attributes(), Ok(attributes));
    assert_eq!(plain.mode(), Ok(Mode::RUSR | Mode::WUSR));
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    assert_eq!(options(1).create(&name).unwrap_err(), Errno::EXIST);

    let other = options(3)
        .mode(Mode::RUSR | Mode::WUSR | Mode::WGRP)
        .flags(QueueFlags::INHERITED | QueueFlags::NONBLOCK)
        .open_existing();
    let opened = other.create(&name).unwrap();
    assert_eq!(opened.attributes().unwrap().capacity, attributes.capacity);
    assert_eq!(opened.mode(), plain.mode());
    message::unlink(&name).unwrap();
    let created = other.create(&name).unwrap();
    assert_eq!(
        created.attributes(),
        Ok(Attributes {
            capacity: capacity(3, SIZE),
            messages: 0,
            nonblocking: true,
        })
    );
    // The umask forbids the group to write.
    let mode = created.mode().unwrap();
    assert!(mode.contains(Mode::RUSR | Mode::WUSR) && !mode.contains(Mode::ROTH));
    assert_eq!(rustix::io::fcntl_getfd(&created).unwrap(), FdFlags::empty());
    created.set_mode(Mode::RUSR).unwrap();
    assert_eq!(created.mode(), Ok(Mode::RUSR));
    // The one that had the name before is another.
    assert_eq!(plain.mode(), Ok(Mode::RUSR | Mode::WUSR));

    let flags = QueueFlags::from_bits_retain((libc::O_CREAT | libc::O_TRUNC) as u32);
    message::unlink(&name).unwrap();
    let refused = message::open(&name, Access::Both, flags);
    assert_eq!(refused.unwrap_err(), Errno::NOENT);
}

#[test]
fn invalid_arguments_are_refused() {
    let _check = LeakCheck::begin();
    let name = Own::new("refused");
    let absent = message::open(&name, Access::Both, QueueFlags::empty());
    assert_eq!(absent.unwrap_err(), Errno::NOENT);
    assert_eq!(message::unlink(&name), Err(Errno::NOENT));
    for wrong in [
        capacity(0, 1),
        capacity(1, 0),
        capacity(usize::MAX, 1),
        capacity(1, usize::MAX),
        capacity(1 << 40, 1),
        capacity(1, 1 << 40),
    ] {
        let options = CreateOptions::new().capacity(wrong);
        let refused = options.create(&name).map(drop);
        assert_eq!(refused, Err(Errno::INVAL), "{wrong:?}");
        let refused = options.open_existing().create(&name).map(drop);
        assert_eq!(refused, Err(Errno::INVAL), "{wrong:?}");
    }
    assert_eq!(message::unlink(&name), Err(Errno::NOENT));

    let begin = format!("rawipc-test-{}-", std::process::id());
    let longest = Own(Name::new(format!("{begin:n<255}")).unwrap());
    drop(options(1).create(&longest).unwrap());
    message::open(&longest, Access::Send, QueueFlags::empty()).unwrap();

    // Another kind of descriptor.
    let other = Queue::from(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
    assert_eq!(other.send(b"", 0), Err(Errno::BADF));
    assert_eq!(other.try_receive(&mut []), Err(Errno::BADF));
    assert_eq!(other.receive_until(&mut [], limit()), Err(Errno::BADF));
    assert_eq!(other.attributes(), Err(Errno::BADF));
    assert_eq!(other.set_nonblocking(true), Err(Errno::BADF));
    assert_eq!(other.notify(Notification::Nothing), Err(Errno::BADF));
    assert_eq!(other.cancel_notify(), Err(Errno::BADF));
    assert_eq!(other.status(), Err(Errno::INVAL));
}

#[test]
fn queue_beyond_limits_of_user_is_refused() {
    let _check = LeakCheck::begin();
    let name = Own::new("limits");
    let mut child = Child::fork(|| {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the limit is borrowed for the call.
        unsafe { libc::setrlimit(libc::RLIMIT_MSGQUEUE, &raw const none) };
        i32::from(options(1).create(&name).err() != Some(Errno::MFILE))
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn most_urgent_message_is_received_first() {
    let _check = LeakCheck::begin();
    for queue in both("urgent", 8) {
        let sent: [(&[u8], u32); 6] = [
            (b"a", 1),
            (b"b", PRIORITY_MAX),
            (b"", 0),
            (b"c", 1),
            (&[7; SIZE], 5),
            (b"d", 0),
        ];
        for (message, priority) in sent {
            queue.send(message, priority).unwrap();
        }
        assert_eq!(queue.attributes().unwrap().messages, 6);
        for index in [1, 4, 0, 3, 2, 5] {
            let (message, priority) = sent[index];
            assert_eq!(take(&queue), (message.to_vec(), priority));
        }
        assert_eq!(queue.try_receive(&mut [0; SIZE]), Err(Errno::AGAIN));

        for refused in [PRIORITY_MAX + 1, u32::MAX] {
            assert_eq!(queue.send(b"", refused), Err(Errno::INVAL));
            assert_eq!(queue.try_send(b"", refused), Err(Errno::INVAL));
            assert_eq!(queue.send_until(b"", refused, limit()), Err(Errno::INVAL));
        }
    }
}

#[test]
fn receive_into_short_buffer_keeps_message() {
    let _check = LeakCheck::begin();
    for queue in both("length", 2) {
        let long = [1; SIZE + 1];
        assert_eq!(queue.send(&long, 0), Err(Errno::MSGSIZE));
        assert_eq!(queue.try_send(&long, 0), Err(Errno::MSGSIZE));
        assert_eq!(queue.send_until(&long, 0, limit()), Err(Errno::MSGSIZE));
        assert_eq!(queue.attributes().unwrap().messages, 0);

        queue.send(b"short", 3).unwrap();
        // Long enough for this message, not for any.
        for len in [0, 5, SIZE - 1] {
            let mut buffer = vec![0; len];
            assert_eq!(queue.receive(&mut buffer), Err(Errno::MSGSIZE));
            assert_eq!(queue.try_receive(&mut buffer), Err(Errno::MSGSIZE));
            let refused = queue.receive_until(&mut buffer, limit());
            assert_eq!(refused, Err(Errno::MSGSIZE));
        }
        let mut buffer = [9; 2 * SIZE];
        let received = queue.receive(&mut buffer).unwrap();
        assert_eq!((received.len, received.priority), (5, 3));
        assert_eq!(&buffer[..6], b"short\x09");
    }
}

#[test]
fn queue_opened_for_one_direction_refuses_other() {
    let _check = LeakCheck::begin();
    let name = Own::new("access");
    let sender = options(1).access(Access::Send).create(&name).unwrap();
    let receiver = message::open(&name, Access::Receive, QueueFlags::empty()).unwrap();
    let mut buffer = [0; SIZE];
    sender.send(b"one", 0).unwrap();
    assert_eq!(sender.receive(&mut buffer), Err(Errno::BADF));
    assert_eq!(receiver.try_send(b"", 0), Err(Errno::BADF));
    assert_eq!(sender.status(), Err(Errno::BADF));
    assert_eq!(receiver.status().unwrap().bytes, 3);
    assert_eq!(take(&receiver), (b"one".to_vec(), 0));
    let access = |queue: &Queue| rustix::fs::fcntl_getfl(queue).unwrap() & OFlags::ACCMODE;
    assert_eq!(access(&sender), OFlags::WRONLY);
    assert_eq!(access(&receiver), OFlags::RDONLY);
}

#[test]
fn full_and_empty_queue_block_plain_calls_alone() {
    let _check = LeakCheck::begin();
    for queue in both("wait", 2) {
        let mut buffer = [0; SIZE];
        assert_eq!(readiness(&queue), PollFlags::OUT);
        assert_eq!(queue.try_receive(&mut buffer), Err(Errno::AGAIN));
        let late = queue.receive_until(&mut buffer, Deadline::NOW);
        assert_eq!(late, Err(Errno::TIMEDOUT));

        queue.try_send(b"1", 0).unwrap();
        assert_eq!(readiness(&queue), PollFlags::IN | PollFlags::OUT);
        // What need not wait is not late.
        queue.send_until(b"2", 0, Deadline::NOW).unwrap();
        assert_eq!(readiness(&queue), PollFlags::IN);
        assert_eq!(queue.try_send(b"3", 0), Err(Errno::AGAIN));
        let late = queue.send_until(b"3", 0, Deadline::NOW);
        assert_eq!(late, Err(Errno::TIMEDOUT));

        let begin = Instant::now();
        let late = queue.send_until(b"3", 0, Deadline::after(SHORT));
        assert_eq!(late, Err(Errno::TIMEDOUT));
        assert!(begin.elapsed() >= SHORT);
        assert!(queue.receive_until(&mut buffer, Deadline::NOW).is_ok());
        queue.receive_until(&mut buffer, Deadline::Never).unwrap();
        assert_eq!(&buffer[..1], b"2");
        let begin = Instant::now();
        let late = queue.receive_until(&mut buffer, Deadline::after(SHORT));
        assert_eq!(late, Err(Errno::TIMEDOUT));
        assert!(begin.elapsed() >= SHORT);
    }
}

#[test]
fn waiting_calls_are_woken() {
    let _check = LeakCheck::begin();
    for queue in both("woken", 1) {
        for until in [false, true] {
            std::thread::scope(|scope| {
                let receiver = scope.spawn(|| {
                    let mut buffer = [0; SIZE];
                    let received = if until {
                        queue.receive_until(&mut buffer, limit())
                    } else {
                        queue.receive(&mut buffer)
                    };
                    (received.unwrap().len, buffer[0])
                });
                queue.send(b"x", 0).unwrap();
                assert_eq!(receiver.join().unwrap(), (1, b'x'));

                queue.send(b"y", 0).unwrap();
                let sender = scope.spawn(|| {
                    if until {
                        queue.send_until(b"z", 0, limit())
                    } else {
                        queue.send(b"z", 0)
                    }
                });
                let mut buffer = [0; SIZE];
                for expected in [b'y', b'z'] {
                    queue.receive_until(&mut buffer, limit()).unwrap();
                    assert_eq!(buffer[0], expected);
                }
                assert_eq!(sender.join().unwrap(), Ok(()));
            });
        }
    }
}

#[test]
fn attributes_are_as_set() {
    let _check = LeakCheck::begin();
    let queue = queue("attributes", 3, QueueFlags::empty());
    let attributes = Attributes {
        capacity: capacity(3, SIZE),
        messages: 0,
        nonblocking: false,
    };
    assert_eq!(queue.set_nonblocking(true), Ok(attributes));
    queue.send(b"1", 0).unwrap();
    let now = Attributes {
        messages: 1,
        nonblocking: true,
        ..attributes
    };
    assert_eq!(queue.attributes(), Ok(now));
    let flags = rustix::fs::fcntl_getfl(&queue).unwrap();
    assert!(flags.contains(OFlags::NONBLOCK));
    assert_eq!(queue.set_nonblocking(false), Ok(now));
    assert!(!queue.attributes().unwrap().nonblocking);
}

#[test]
fn queue_is_shared_with_libc() {
    let _check = LeakCheck::begin();
    let name = Own::new("libc");
    let ours = options(2).create(&name).unwrap();
    let theirs = Libc::open(name.as_c_str(), libc::O_RDWR).unwrap();
    assert_eq!(theirs.send(b"theirs", 7), 0);
    assert_eq!(take(&ours), (b"theirs".to_vec(), 7));
    ours.send(b"ours", 8).unwrap();
    assert_eq!(theirs.receive(), (b"ours".to_vec(), 8));
    message::unlink(&name).unwrap();
    assert!(Libc::open(name.as_c_str(), libc::O_RDWR).is_none());

    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let theirs = Libc::open(name.as_c_str(), flags).unwrap();
    let ours = message::open(&name, Access::Both, QueueFlags::empty()).unwrap();
    assert_eq!(ours.attributes().unwrap().capacity, capacity(2, SIZE));
    theirs.send(b"", 0);
    assert_eq!(take(&ours), (vec![], 0));
    // SAFETY: the name is a C string.
    assert_eq!(unsafe { libc::mq_unlink(name.as_c_str().as_ptr()) }, 0);
    assert_eq!(message::unlink(&name), Err(Errno::NOENT));
    // What libc refuses, we do.
    for wrong in [c"", c"/", c"/a/b", c"/.", c"/.."] {
        assert!(Libc::open(wrong, flags).is_none());
        assert_eq!(Name::try_from(wrong), Err(Errno::INVAL));
    }
}

#[test]
fn libc_waiting_in_other_process_is_woken() {
    if let Some(mut half) = PeerArgs::role("libc") {
        let name = Name::new(half.channel.hear()).unwrap();
        let queue = Libc::open(name.as_c_str(), libc::O_RDWR).unwrap();
        half.channel.say("ready");
        assert_eq!(queue.receive(), (b"wake up".to_vec(), 4));
        half.channel.expect("full");
        assert_eq!(queue.send(b"at last", 0), 0);
        return;
    }
    let _check = LeakCheck::begin();
    let name = Own::new("libc-waits");
    let queue = options(1).create(&name).unwrap();
    let mut peer = Peer::start(test_name!(), "libc", &[]);
    peer.say(&name.to_string());
    peer.expect("ready");
    queue.send(b"wake up", 4).unwrap();
    queue.send_until(b"in the way", 0, limit()).unwrap();
    peer.say("full");
    let mut buffer = [0; SIZE];
    for expected in [&b"in the way"[..], b"at last"] {
        let received = queue.receive_until(&mut buffer, limit()).unwrap();
        assert_eq!(&buffer[..received.len], expected);
    }
    peer.finish();
}

#[test]
fn wait_in_other_process_is_woken_by_libc() {
    if let Some(mut half) = PeerArgs::role("ours") {
        let name = Name::new(half.channel.hear()).unwrap();
        let queue = message::open(&name, Access::Both, QueueFlags::empty()).unwrap();
        half.channel.say("ready");
        let mut buffer = [0; SIZE];
        let received = queue.receive(&mut buffer).unwrap();
        assert_eq!((&buffer[..received.len], received.priority), (&b"1"[..], 1));
        half.channel.say("first");
        let received = queue.receive_until(&mut buffer, limit()).unwrap();
        assert_eq!((&buffer[..received.len], received.priority), (&b"2"[..], 2));
        half.channel.say("second");
        queue.send(b"3", 3).unwrap();
        queue.send(b"4", 3).unwrap();
        queue.send_until(b"5", 3, limit()).unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let name = Own::new("ours-waits");
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let queue = Libc::open(name.as_c_str(), flags).unwrap();
    let mut peer = Peer::start(test_name!(), "ours", &[]);
    peer.say(&name.to_string());
    peer.expect("ready");
    assert_eq!(queue.send(b"1", 1), 0);
    // Else it could be overtaken.
    peer.expect("first");
    assert_eq!(queue.send(b"2", 2), 0);
    // The third of these waits until there is room.
    peer.expect("second");
    for expected in [b"3", b"4", b"5"] {
        assert_eq!(queue.receive(), (expected.to_vec(), 3));
    }
    peer.finish();
}

#[test]
fn stream_between_processes_arrives_whole() {
    const COUNT: u64 = 5_000;
    if let Some(mut half) = PeerArgs::role("sender") {
        let name = Name::new(half.channel.hear()).unwrap();
        let queue = message::open(&name, Access::Send, QueueFlags::empty()).unwrap();
        for n in 0..COUNT {
            let message = pattern(n as usize % (SIZE + 1), n);
            if n % 2 == 0 {
                queue.send(&message, 0).unwrap();
            } else {
                queue.send_until(&message, 0, limit()).unwrap();
            }
        }
        return;
    }
    let _check = LeakCheck::begin();
    let name = Own::new("stream");
    let queue = options(4).access(Access::Receive).create(&name).unwrap();
    let mut peer = Peer::start(test_name!(), "sender", &[]);
    peer.say(&name.to_string());
    let mut buffer = [0; SIZE];
    for n in 0..COUNT {
        let received = if n % 3 == 0 {
            queue.receive(&mut buffer)
        } else {
            queue.receive_until(&mut buffer, limit())
        };
        let expected = pattern(n as usize % (SIZE + 1), n);
        assert_eq!(buffer[..received.unwrap().len], expected);
    }
    peer.finish();
}

#[test]
fn message_of_dead_process_is_received() {
    if let Some(mut half) = PeerArgs::role("dies") {
        let name = Name::new(half.channel.hear()).unwrap();
        let queue = message::open(&name, Access::Both, QueueFlags::empty()).unwrap();
        queue.send(b"testament", 0).unwrap();
        queue.send(b"codicil", 0).unwrap();
        queue.notify(Notification::Nothing).unwrap();
        half.channel.say("sent");
        // Full: it waits until it is killed.
        let _ = queue.send(b"too late", 0);
        unreachable!();
    }
    let _check = LeakCheck::begin();
    let name = Own::new("dies");
    let queue = options(2).create(&name).unwrap();
    let mut peer = Peer::start(test_name!(), "dies", &[]);
    peer.say(&name.to_string());
    peer.expect("sent");
    assert_eq!(queue.notify(Notification::Nothing), Err(Errno::BUSY));
    let status = queue.status().unwrap();
    assert_eq!(status.bytes, b"testamentcodicil".len());
    assert_eq!(
        status.registered,
        Some(Registered {
            process: Pid::from_raw(peer.id() as i32),
            means: Means::Nothing,
        })
    );
    peer.kill();
    assert_eq!(take(&queue).0, b"testament");
    assert_eq!(take(&queue).0, b"codicil");
    assert_eq!(queue.try_receive(&mut [0; SIZE]), Err(Errno::AGAIN));
    // Its registration died with it.
    queue.notify(Notification::Nothing).unwrap();
    queue.cancel_notify().unwrap();
}

#[test]
fn signal_interrupts_waiting_calls() {
    let _check = LeakCheck::begin();
    storm::handle(libc::SIGUSR1);
    for queue in both("interrupted", 1) {
        let queue = std::sync::Arc::new(queue);
        type Wait = fn(&Queue) -> Result<(), Errno>;
        let receive: [Wait; 2] = [
            |queue| queue.receive(&mut [0; SIZE]).map(drop),
            |queue| {
                queue
                    .receive_until(&mut [0; SIZE], Deadline::Never)
                    .map(drop)
            },
        ];
        let send: [Wait; 2] = [
            |queue| queue.send(b"", 0),
            |queue| queue.send_until(b"", 0, Deadline::Never),
        ];
        let interrupted = |wait: Wait| {
            let waiting = std::thread::spawn({
                let queue = queue.clone();
                move || wait(&queue)
            });
            let begin = Instant::now();
            while !waiting.is_finished() {
                assert!(begin.elapsed() < LIMIT);
                // SAFETY: the thread has not been joined.
                unsafe { libc::pthread_kill(waiting.as_pthread_t(), libc::SIGUSR1) };
                std::thread::yield_now();
            }
            waiting.join().unwrap()
        };
        for wait in receive {
            assert_eq!(interrupted(wait), Err(Errno::INTR));
        }
        queue.send(b"x", 0).unwrap();
        for wait in send {
            assert_eq!(interrupted(wait), Err(Errno::INTR));
        }
        assert_eq!(take(&queue).0, b"x");
        assert_eq!(queue.attributes().unwrap().messages, 0);
    }
}

#[test]
fn storm_of_signals_keeps_deadlines_and_messages() {
    const COUNT: usize = 300;
    let _check = LeakCheck::begin();
    let queue = queue("storm", 1, QueueFlags::empty());
    let mut late = Child::fork(|| {
        let _storm = Storm::begin();
        let deadline = Deadline::after(SHORT);
        match queue.receive_until(&mut [0; SIZE], deadline) {
            Err(Errno::TIMEDOUT) => i32::from(!deadline.has_passed()),
            _ => 2,
        }
    });
    assert_eq!(late.wait(), End::Exited(0));

    // Never interrupted, as it never waits.
    let mut trying = Child::fork(|| {
        let _storm = Storm::begin();
        let deadline = Deadline::after(2 * SHORT);
        while !deadline.has_passed() {
            for _ in 0..1_000 {
                if queue.try_receive(&mut [0; SIZE]) != Err(Errno::AGAIN) {
                    return 1;
                }
            }
        }
        0
    });
    assert_eq!(trying.wait(), End::Exited(0));

    let mut sender = Child::fork(|| {
        let _storm = Storm::begin();
        for n in 0..COUNT {
            loop {
                match queue.send(&n.to_ne_bytes(), 0) {
                    Err(Errno::INTR) => {}
                    Err(_) => return 1,
                    Ok(()) => break,
                }
            }
        }
        0
    });
    for n in 0..COUNT {
        let mut buffer = [0; SIZE];
        let received = queue.receive_until(&mut buffer, limit()).unwrap();
        assert_eq!(buffer[..received.len], n.to_ne_bytes());
    }
    assert_eq!(sender.wait(), End::Exited(0));
}

#[test]
fn notification_by_signal_carries_its_value() {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    static CODE: AtomicI32 = AtomicI32::new(0);
    static SENDER: AtomicI32 = AtomicI32::new(0);
    extern "C" fn tell(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel's siginfo_t of a signal that it sent.
        let info = unsafe { &*info };
        CODE.store(info.si_code, Ordering::Relaxed);
        // SAFETY: a signal with a sender.
        SENDER.store(unsafe { info.si_pid() }, Ordering::Relaxed);
        // SAFETY: a signal with a value.
        let value = unsafe { info.si_value() };
        TOLD.store(value.sival_ptr.addr(), Ordering::Release);
    }
    let _check = LeakCheck::begin();
    // SAFETY: all zero is a sigaction.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    action.sa_sigaction =
        tell as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
    // SAFETY: the handler only stores to atomics.
    unsafe { libc::sigaction(libc::SIGUSR2, &raw const action, core::ptr::null_mut()) };

    let queue = queue("signal", 2, QueueFlags::empty());
    let value = 0x1234_5678_9abc_def0;
    let signal = Notification::Signal {
        signal: Signal::USR2,
        value,
    };
    queue.notify(signal).unwrap();
    assert_eq!(
        queue.status().unwrap().registered,
        Some(Registered {
            process: Pid::from_raw(std::process::id() as i32),
            means: Means::Signal(libc::SIGUSR2),
        })
    );
    let mut child = Child::fork(|| i32::from(queue.send(b"1", 0).is_err()));
    assert_eq!(child.wait(), End::Exited(0));
    let begin = Instant::now();
    while TOLD.load(Ordering::Acquire) != value {
        assert!(begin.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    assert_eq!(CODE.load(Ordering::Relaxed), libc::SI_MESGQ);
    assert_eq!(SENDER.load(Ordering::Relaxed), child.id());
    // Once.
    assert_eq!(queue.status().unwrap().registered, None);
    // At the first message only.
    queue.notify(signal).unwrap();
    TOLD.store(0, Ordering::Relaxed);
    queue.send(b"2", 0).unwrap();
    assert!(queue.status().unwrap().registered.is_some());
    queue.cancel_notify().unwrap();
    assert_eq!(queue.status().unwrap().registered, None);
    assert_eq!(TOLD.load(Ordering::Relaxed), 0);

    // SAFETY: no thread waits for this signal; the number is refused.
    let signal = unsafe { Signal::from_raw_unchecked(65) };
    let refused = queue.notify(Notification::Signal { signal, value });
    assert_eq!(refused, Err(Errno::INVAL));
}

#[test]
fn registration_without_notification_reports_nothing() {
    let _check = LeakCheck::begin();
    let queue = queue("nothing", 2, QueueFlags::empty());
    // Without a registration there is nothing to end.
    queue.cancel_notify().unwrap();
    queue.notify(Notification::Nothing).unwrap();
    assert_eq!(queue.notify(Notification::Nothing), Err(Errno::BUSY));
    let means = |queue: &Queue| queue.status().unwrap().registered.map(|who| who.means);
    assert_eq!(means(&queue), Some(Means::Nothing));
    queue.send(b"1", 0).unwrap();
    assert_eq!(
        queue.status(),
        Ok(Status {
            bytes: 1,
            registered: None
        })
    );
}

#[test]
fn notification_by_descriptor_reports_messages() {
    let _check = LeakCheck::begin();
    let notifier = message::notifier().unwrap();
    let descriptor = |token| Notification::Descriptor {
        notifier: &notifier,
        token,
    };
    assert_eq!(notifier.try_wait(), Err(Errno::AGAIN));
    assert_eq!(notifier.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    let flags = rustix::io::fcntl_getfd(&notifier).unwrap();
    assert_eq!(flags, FdFlags::CLOEXEC);

    let queues = both("descriptor", 2);
    for (queue, token) in queues.iter().zip([u64::MAX, 0]) {
        queue.notify(descriptor(token)).unwrap();
        let registered = queue.status().unwrap().registered.unwrap();
        assert_eq!(registered.means, Means::Descriptor);
    }
    assert_eq!(queues[0].notify(descriptor(1)), Err(Errno::BUSY));
    let readable = |ready: PollFlags| ready.contains(PollFlags::IN);
    assert!(!readable(readiness(&notifier)));
    for (queue, token) in queues.iter().zip([u64::MAX, 0]) {
        let mut child = Child::fork(|| i32::from(queue.send(b"1", 0).is_err()));
        assert_eq!(notifier.wait(), Ok(Notice::Arrived(token)));
        assert_eq!(child.wait(), End::Exited(0));
        assert!(!readable(readiness(&notifier)));
        // Not of the second message.
        queue.notify(descriptor(2)).unwrap();
        queue.send(b"2", 0).unwrap();
        assert_eq!(notifier.try_wait(), Err(Errno::AGAIN));
        // After it has been empty.
        take(queue);
        take(queue);
        queue.send(b"3", 0).unwrap();
        assert!(readable(readiness(&notifier)));
        assert_eq!(notifier.wait_until(limit()), Ok(Notice::Arrived(2)));
    }

    let [first, second] = queues;
    first.notify(descriptor(5)).unwrap();
    first.cancel_notify().unwrap();
    assert_eq!(notifier.try_wait(), Ok(Notice::Removed(5)));
    // Any descriptor of the queue that this process closes ends it.
    second.notify(descriptor(6)).unwrap();
    drop(rustix::io::fcntl_dupfd_cloexec(&second, 0).unwrap());
    assert_eq!(notifier.try_wait(), Ok(Notice::Removed(6)));
    assert_eq!(notifier.try_wait(), Err(Errno::AGAIN));

    // Waiting by `receive` is not told of.
    take(&first);
    first.notify(descriptor(7)).unwrap();
    let mut child = Child::fork(|| i32::from(first.receive(&mut [0; SIZE]).is_err()));
    child.await_sleep();
    first.send(b"4", 0).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(notifier.try_wait(), Err(Errno::AGAIN));
    first.cancel_notify().unwrap();

    // The notifier may go before the registration.
    second.notify(descriptor(8)).unwrap();
    drop(notifier);
    take(&second);
    second.send(b"5", 0).unwrap();
}

#[test]
fn registration_by_libc_is_seen() {
    let _check = LeakCheck::begin();
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn told(value: libc::sigval) {
        TOLD.store(value.sival_ptr.addr(), Ordering::Release);
    }
    #[repr(C)]
    struct ByThread {
        value: libc::sigval,
        signo: libc::c_int,
        notify: libc::c_int,
        function: extern "C" fn(libc::sigval),
        attributes: usize,
        rest: [usize; 4],
    }
    let name = Own::new("libc-thread");
    let ours = options(1).create(&name).unwrap();
    // In a process of its own, as libc keeps its socket and thread for ever.
    let mut child = Child::fork(|| {
        let Some(theirs) = Libc::open(name.as_c_str(), libc::O_RDONLY) else {
            return 1;
        };
        let event = ByThread {
            value: libc::sigval {
                sival_ptr: core::ptr::without_provenance_mut(77),
            },
            signo: 0,
            notify: libc::SIGEV_THREAD,
            function: told,
            attributes: 0,
            rest: [0; 4],
        };
        // SAFETY: a sigevent, of its size.
        if unsafe { libc::mq_notify(theirs.0, (&raw const event).cast()) } != 0 {
            return 2;
        }
        while TOLD.load(Ordering::Acquire) != 77 {
            std::thread::yield_now();
        }
        0
    });
    let begin = Instant::now();
    let registered = loop {
        if let Some(registered) = ours.status().unwrap().registered {
            break registered;
        }
        assert!(begin.elapsed() < LIMIT);
        std::thread::yield_now();
    };
    assert_eq!(registered.means, Means::Descriptor);
    assert_eq!(registered.process, Pid::from_raw(child.id()));
    ours.send(b"1", 0).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn mode_decides_about_other_users() {
    let _check = LeakCheck::begin();
    if !support::needs::root() {
        return;
    }
    let (name, other) = (Own::new("mode"), Own::new("mode-other"));
    let ours = options(1).create(&name).unwrap();
    let as_nobody = |body: &dyn Fn() -> i32| {
        Child::fork(|| {
            // By system call, as libc would ask the other threads that it knows of.
            // SAFETY: no memory is involved, as there are no groups.
            let no_groups = unsafe { libc::syscall(libc::SYS_setgroups, 0, 0) };
            let ids = [libc::SYS_setresgid, libc::SYS_setresuid].map(|number| {
                // SAFETY: no memory is involved.
                unsafe { libc::syscall(number, 65_534, 65_534, 65_534) }
            });
            if no_groups != 0 || ids != [0; 2] {
                return 100;
            }
            body()
        })
        .wait()
    };
    let open = |access| message::open(&name, access, QueueFlags::empty()).err();
    let none = as_nobody(&|| {
        let refused = open(Access::Receive) == Some(Errno::ACCESS)
            && options(1).open_existing().create(&name).err() == Some(Errno::ACCESS)
            && ours.set_mode(Mode::RWXU) == Err(Errno::PERM)
            // The file system's root is sticky.
            && message::unlink(&name) == Err(Errno::ACCESS)
            // Beyond what the unprivileged may have.
            && options(1 << 16).create(&other).err() == Some(Errno::INVAL);
        i32::from(!refused)
    });
    assert_eq!(none, End::Exited(0));
    ours.set_mode(Mode::RUSR | Mode::WOTH).unwrap();
    let send = as_nobody(&|| {
        let send = open(Access::Send).is_none() && open(Access::Both) == Some(Errno::ACCESS);
        i32::from(!send)
    });
    assert_eq!(send, End::Exited(0));
}

#[test]
fn list_names_every_queue_where_mounted() {
    let _check = LeakCheck::begin();
    // What is no file system of queues.
    let other = || OwnedFd::from(std::fs::File::open("/dev/shm").unwrap());
    assert_eq!(message::list_in(other()).unwrap_err(), Errno::NOENT);
    let names: Vec<Own> = (0..30)
        .map(|n| Own::new(&format!("list-{n}-{}", "x".repeat(6 * n))))
        .collect();
    for name in &names {
        drop(options(1).create(name).unwrap());
    }
    let begin = format!("/rawipc-test-{}-list-", std::process::id());
    let ours = |listed: Names| -> BTreeSet<Name> {
        let mut ours = BTreeSet::new();
        for name in listed {
            let name = name.unwrap();
            if name.as_bytes().starts_with(begin.as_bytes()) {
                assert!(ours.insert(name), "twice");
            }
        }
        ours
    };
    let expected: BTreeSet<Name> = names.iter().map(|name| name.0.clone()).collect();
    // A thread with mounts of its own, where /dev has nothing but this.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mount = |kind: &CStr, place: &CStr, flags: libc::c_ulong| {
                let kind = kind.as_ptr();
                // SAFETY: C strings.
                0 == unsafe { libc::mount(kind, place.as_ptr(), kind, flags, core::ptr::null()) }
            };
            // SAFETY: no memory is involved.
            let alone = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0
                && mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)
                && mount(c"tmpfs", c"/dev", 0);
            if !alone {
                skipped!("only the privileged can mount");
                return;
            }
            assert_eq!(message::list().unwrap_err(), Errno::NOENT);
            std::fs::create_dir("/dev/mqueue").unwrap();
            assert_eq!(message::list().unwrap_err(), Errno::NOENT);
            assert!(mount(c"mqueue", c"/dev/mqueue", 0));
            assert_eq!(ours(message::list().unwrap()), expected);
            let directory = std::fs::File::open("/dev/mqueue").unwrap().into();
            assert_eq!(ours(message::list_in(directory).unwrap()), expected);
        });
    });
}

#[test]
fn queue_converts_to_descriptor() {
    let _check = LeakCheck::begin();
    let queue = queue("descriptor-itself", 1, QueueFlags::empty());
    assert_eq!(queue.as_fd().as_raw_fd(), queue.as_raw_fd());
    queue.send(b"kept", 0).unwrap();
    let queue = Queue::from(OwnedFd::from(queue));
    // SAFETY: just given up.
    let queue = Queue::from(unsafe { OwnedFd::from_raw_fd(queue.into_raw_fd()) });
    assert_eq!(take(&queue).0, b"kept");
    let notifier = OwnedFd::from(message::notifier().unwrap());
    assert!(notifier.as_raw_fd() >= 0);
    let notifier = message::notifier().unwrap();
    assert_eq!(notifier.as_raw_fd(), notifier.as_fd().as_raw_fd());
}
