//! Programs in C and Python use libc's side of each mechanism while rawipc is the other
//! side, in both directions.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod foreign;
#[cfg(target_arch = "x86_64")]
mod robust;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use core::sync::atomic::{AtomicU8, Ordering};

use rawipc::event::eventfd::{self, EventFd, EventFdFlags};
use rawipc::lock::{self, Kind};
use rawipc::memory::memfd::{self, Memfd, MemfdFlags, Seals};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::pipe::{self, PipeFlags, Reader, Writer, fifo};
use rawipc::posix::message::{Capacity, Means, Notice, Notification, QueueFlags};
use rawipc::posix::{Name, semaphore};
use rawipc::process::pidfd;
use rawipc::signal::{self, Cause, Payload};
use rawipc::socket::address::UnixAddress;
use rawipc::socket::message::{Credentials, Incoming, Outgoing};
use rawipc::socket::{Datagram, Seqpacket, Stream, option};
use rawipc::sysv::message::{Message, ReceiveFlags, Select};
use rawipc::sysv::semaphore::Operation;
use rawipc::sysv::{self, Create, Key};
use rawipc::{AsFd, AsRawFd, BorrowedFd, Errno, IoSlice, IoSliceMut, OwnedFd, Pid, Signal};

use foreign::{Foreign, Language, skip};
use support::{Child, End, LeakCheck, limit};

/// Makes a test of each case in each language.
macro_rules! cases {
    ($($case:ident: $($language:ident)+;)+) => {
        $(mod $case {
            $(
                #[test]
                #[allow(non_snake_case, reason = "the language's name")]
                fn $language() {
                    let _check = super::LeakCheck::begin();
                    match super::Language::$language.available() {
                        Ok(()) => super::$case(super::Language::$language),
                        Err(why) => super::skip(why),
                    }
                }
            )+
        })+

        const CASES: &[&str] = &[$($(concat!(stringify!($case), " ", stringify!($language)),)+)+];
    };
}

cases! {
    sysv_key: C;
    sysv_message: C;
    sysv_message_selection: C;
    sysv_semaphore: C;
    sysv_semaphore_undo: C;
    sysv_memory: C;
    posix_message: C;
    posix_message_of_waiters: C;
    posix_message_notice_by_signal: C;
    posix_message_notice_by_thread: C;
    posix_memory: C Python;
    named_semaphore: C Python;
    named_semaphore_of_sleepers: C Python;
    semaphore_in_memory: C;
    fifo_both_ways: C Python;
    stream: C Python;
    stream_by_path: C Python;
    datagram: C Python;
    seqpacket: C Python;
    descriptors_by_stream: C Python;
    descriptors_by_datagram: C Python;
    descriptors_by_seqpacket: C Python;
    credentials: C Python;
    passed_eventfd: C Python;
    passed_memfd: C Python;
    mapped_file: C Python;
    signal_numbers: C Python;
    signal_sent: C Python;
    signal_queued: C;
    signal_by_pidfd: Python;
    record_locks_of_processes: C Python;
    record_locks_of_descriptions: C Python;
}

#[test]
fn there_are_enough_cases() {
    for case in CASES {
        println!("{case}");
    }
    println!("{} cases", CASES.len());
    assert!(CASES.len() >= 25);
}

// --- What the cases share ---

/// A name for objects and files that no other test has.
fn unique(what: &str) -> String {
    use core::sync::atomic::AtomicU32;
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("rawipc-test-{}-interop-{what}-{count}", std::process::id())
}

fn posix_name(what: &str) -> Name {
    Name::new(format!("/{}", unique(what))).unwrap()
}

/// The path of a file that is removed when this is dropped, if it exists then.
struct Scratch(PathBuf);

impl Scratch {
    fn new(what: &str) -> Self {
        Self(std::env::temp_dir().join(unique(what)))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn as_str(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Does something when it is dropped, after a failure too.
struct Finally<R, F: FnMut() -> R>(F);

impl<R, F: FnMut() -> R> Drop for Finally<R, F> {
    fn drop(&mut self) {
        // What this leaves behind is seen by the LeakCheck.
        let _ = (self.0)();
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed()).unwrap()
}

fn own_pid() -> Pid {
    pid(std::process::id())
}

/// Waits until this holds, which another process brings about.
#[track_caller]
fn until(mut condition: impl FnMut() -> bool) {
    let deadline = limit();
    while !condition() {
        assert!(!deadline.has_passed(), "it does not come to that");
        std::thread::yield_now();
    }
}

// --- System V ---

/// A key that nobody else has, by a file; it lives as long as the file.
fn key() -> (Scratch, Key) {
    let file = Scratch::new("key");
    File::create(file.path()).unwrap();
    let key = Key::from_path(file.path(), b'i').unwrap();
    (file, key)
}

fn sysv_key(language: Language) {
    let mut peer = language.start(&[]);
    let (file, key) = key();
    for project in [1, b'i', 128, 255] {
        let ours = Key::from_path(file.path(), project).unwrap();
        let theirs = peer.number(format_args!("ftok {} {project}", file.as_str()));
        assert_eq!(ours.as_raw(), theirs);
    }

    // Each finds what the other made.
    let ours = sysv::message::create(key, Create::NEW).unwrap();
    assert_eq!(
        peer.number(format_args!("msgget {} 0", key.as_raw())),
        ours.id()
    );
    ours.remove().unwrap();
    let theirs = peer.number(format_args!("msgget {} 1", key.as_raw()));
    assert_eq!(sysv::message::open(key).unwrap().id(), theirs);
    peer.tell(format_args!("remove msg {theirs}"));
    assert_eq!(sysv::message::open(key), Err(Errno::NOENT));
    peer.finish();
}

fn sysv_message(language: Language) {
    let mut peer = language.start(&[]);
    let queue = sysv::message::create(Key::PRIVATE, Create::NEW).unwrap();
    let _remove = Finally(|| queue.remove());
    let id = queue.id();

    queue.send(&Message::new(7, *b"from-us")).unwrap();
    assert_eq!(peer.ask(format_args!("msgrcv {id} 0 exact")), "7 from-us");
    // One who waits.
    peer.say(format_args!("msgrcv {id} 0 exact"));
    queue.send(&Message::new(8, *b"to-a-waiter")).unwrap();
    peer.expect("8 to-a-waiter");

    let mut message = Message::<[u8; 100]>::empty();
    peer.tell(format_args!("msgsnd {id} 9 from-them"));
    let none = ReceiveFlags::empty();
    queue
        .receive_until(Select::Any, &mut message, none, limit())
        .unwrap();
    assert_eq!(
        (message.message_type(), message.bytes()),
        (9, &b"from-them"[..])
    );

    // Both see the same of the queue.
    queue.send(&Message::new(1, *b"one")).unwrap();
    queue.send(&Message::new(2, *b"two")).unwrap();
    let status = queue.status().unwrap();
    let theirs = peer.ask(format_args!("msgstat {id}"));
    let expected = format!("2 {} {} {}", status.capacity, own_pid(), own_pid());
    assert_eq!(theirs, expected);
    peer.ask(format_args!("msgrcv {id} 0 exact"));
    let status = queue.status().unwrap();
    assert_eq!(status.last_receiver, Some(pid(peer.id())));
    assert_eq!((status.messages, status.bytes), (1, 3));
    peer.finish();
}

fn sysv_message_selection(language: Language) {
    let mut peer = language.start(&[]);
    let queue = sysv::message::create(Key::PRIVATE, Create::NEW).unwrap();
    let _remove = Finally(|| queue.remove());
    let id = queue.id();

    for (kind, body) in [(5, *b"five"), (3, *b"thre"), (4, *b"four"), (3, *b"last")] {
        queue.send(&Message::new(kind, body)).unwrap();
    }
    assert_eq!(peer.ask(format_args!("msgrcv {id} -4 exact")), "3 thre");
    assert_eq!(peer.ask(format_args!("msgrcv {id} 5 except")), "4 four");
    assert_eq!(peer.ask(format_args!("msgrcv {id} 3 exact")), "3 last");
    assert_eq!(peer.ask(format_args!("msgrcv {id} 0 exact")), "5 five");

    for (kind, body) in [(5, "five"), (3, "thre"), (4, "four"), (3, "last")] {
        peer.tell(format_args!("msgsnd {id} {kind} {body}"));
    }
    let order = [
        (Select::UpTo(4), 3, *b"thre"),
        (Select::Except(5), 4, *b"four"),
        (Select::Type(3), 3, *b"last"),
        (Select::Any, 5, *b"five"),
    ];
    for (select, kind, body) in order {
        let mut message = Message::<[u8; 4]>::empty();
        queue
            .try_receive(select, &mut message, ReceiveFlags::empty())
            .unwrap();
        assert_eq!(
            (message.message_type(), message.into_body()),
            (kind, Some(body))
        );
    }
    peer.finish();
}

fn sysv_semaphore(language: Language) {
    let mut peer = language.start(&[]);
    let (_file, key) = key();
    let set = sysv::semaphore::create(key, 2, Create::NEW).unwrap();
    let _remove = Finally(|| set.remove());
    let id = set.id();
    assert_eq!(peer.number(format_args!("semget {} 0", key.as_raw())), id);

    set.set_values(&[2, 5]).unwrap();
    assert_eq!(peer.number(format_args!("getval {id} 0")), 2);
    assert_eq!(peer.number(format_args!("getval {id} 1")), 5);
    peer.tell(format_args!("setval {id} 1 9"));
    assert_eq!(set.value(1), Ok(9));
    peer.tell(format_args!("semop {id} 0 -2 -"));
    assert_eq!(set.value(0), Ok(0));
    assert_eq!(set.last_process(0), Ok(Some(pid(peer.id()))));

    // They sleep, we give.
    peer.say(format_args!("semop {id} 0 -1 -"));
    until(|| set.increase_waiters(0) == Ok(1));
    set.operate(&[Operation::increment(0)]).unwrap();
    peer.expect("ok");

    // They wait for zero, we take all.
    peer.say(format_args!("semop {id} 1 0 -"));
    until(|| set.zero_waiters(1) == Ok(1));
    set.set_value(1, 0).unwrap();
    peer.expect("ok");

    // We sleep, they give.
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| set.operate_until(&[Operation::decrement(0)], limit()));
        peer.tell(format_args!("semop {id} 0 1 -"));
        assert_eq!(ours.join().unwrap(), Ok(()));
    });
    assert_eq!(set.values(&mut [0; 2]).unwrap(), [0, 0]);
    peer.finish();
}

fn sysv_semaphore_undo(language: Language) {
    let mut peer = language.start(&[]);
    let set = sysv::semaphore::create(Key::PRIVATE, 1, Create::NEW).unwrap();
    let _remove = Finally(|| set.remove());
    let id = set.id();
    set.set_values(&[1]).unwrap();

    // They take and are killed: we get it.
    let mut victim = language.start(&[]);
    victim.tell(format_args!("semop {id} 0 -1 undo"));
    assert_eq!(
        set.try_operate(&[Operation::decrement(0)]),
        Err(Errno::AGAIN)
    );
    victim.kill();
    assert_eq!(set.value(0), Ok(1));

    // A process of ours takes and is killed: they, who sleep, get it.
    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let (silence, _silent) = pipe::create(PipeFlags::empty()).unwrap();
    let mut victim = Child::fork(|| {
        let taken = set.operate(&[Operation::decrement(0).undo()]);
        let told = writer.write(&[u8::from(taken.is_ok())]);
        let _ = silence.read(&mut [0]);
        i32::from(told.is_err())
    });
    let mut taken = [0];
    reader.read_until(&mut taken, limit()).unwrap();
    assert_eq!(taken, [1]);
    peer.say(format_args!("semop {id} 0 -1 -"));
    until(|| set.increase_waiters(0) == Ok(1));
    victim.kill();
    victim.wait();
    peer.expect("ok");
    assert_eq!(set.value(0), Ok(0));
    peer.finish();
}

fn sysv_memory(language: Language) {
    use rawipc::sysv::memory::{AttachFlags, SegmentFlags, create, open};
    let mut peer = language.start(&[]);
    let (_file, key) = key();

    // Ours, used by both.
    let ours = create(key, 10_000, SegmentFlags::empty(), Create::NEW).unwrap();
    let mapping = ours.attach(AttachFlags::empty()).unwrap();
    let found = peer.number(format_args!("shmget {} 0", key.as_raw()));
    assert_eq!(found, ours.id());
    peer.tell(format_args!("shmat {found}"));
    assert_eq!(ours.status().unwrap().attached, 2);
    ours.remove().unwrap();
    mapping.write_at(9_000, b"from-us").unwrap();
    assert_eq!(peer.ask("shm_read 9000 7"), "from-us");
    peer.tell("shm_write 5000 from-them");
    let mut bytes = [0; 9];
    mapping.read_at(5_000, &mut bytes).unwrap();
    assert_eq!(&bytes, b"from-them");
    peer.tell("shmdt");
    drop(mapping);
    // By the last who detached: a child that another test forked meanwhile may have it until it ends.
    until(|| ours.status().is_err());

    // Theirs, used by both.
    let theirs = peer.number(format_args!("shmget {} 8192", key.as_raw()));
    peer.tell(format_args!("shmat {theirs}"));
    peer.tell("shm_write 0 theirs");
    let segment = open(key).unwrap();
    let mapping = segment.attach(AttachFlags::empty()).unwrap();
    assert_eq!((segment.id(), mapping.len()), (theirs, 8192));
    assert_eq!(mapping.read::<[u8; 6]>(0).unwrap(), *b"theirs");
    assert_eq!(segment.status().unwrap().creator, Some(pid(peer.id())));
    peer.tell(format_args!("remove shm {theirs}"));
    assert!(segment.status().unwrap().removed);
    peer.finish();
}

// --- POSIX message queues ---

fn posix_message(language: Language) {
    use rawipc::posix::message::{Access, CreateOptions, open, unlink};
    let mut peer = language.start(&[]);
    let mut buffer = [0; 64];
    let capacity = Capacity {
        messages: 4,
        message_size: 64,
    };

    // Ours: they find it as it is, and the most urgent message comes first.
    let name = posix_name("mq");
    let ours = CreateOptions::new()
        .capacity(capacity)
        .create(&name)
        .unwrap();
    let unlink_ours = Finally(|| unlink(&name));
    peer.tell(format_args!("mq_open {name}"));
    for (text, priority) in [("low", 1), ("high", 30_000), ("middle", 7)] {
        ours.send(text.as_bytes(), priority).unwrap();
    }
    assert_eq!(peer.ask("mq_getattr"), "4 64 3");
    assert_eq!(peer.ask("mq_receive"), "30000 high");
    assert_eq!(peer.ask("mq_receive"), "7 middle");
    assert_eq!(peer.ask("mq_receive"), "1 low");
    drop(unlink_ours);

    // Theirs.
    let name = posix_name("mq");
    peer.tell(format_args!("mq_create {name} 3 64"));
    let theirs = open(&name, Access::Both, QueueFlags::empty()).unwrap();
    peer.tell(format_args!("mq_unlink {name}"));
    peer.tell("mq_send 2 two");
    peer.tell("mq_send 32767 most");
    let attributes = theirs.attributes().unwrap();
    assert_eq!(
        attributes.capacity,
        Capacity {
            messages: 3,
            ..capacity
        }
    );
    assert_eq!(attributes.messages, 2);
    for (text, priority) in [("most", 32767), ("two", 2)] {
        let received = theirs.receive_until(&mut buffer, limit()).unwrap();
        assert_eq!(received.priority, priority);
        assert_eq!(&buffer[..received.len], text.as_bytes());
    }
    peer.finish();
}

fn posix_message_of_waiters(language: Language) {
    use rawipc::posix::message::{CreateOptions, unlink};
    let mut peer = language.start(&[]);
    let name = posix_name("mq");
    let capacity = Capacity {
        messages: 1,
        message_size: 64,
    };
    let queue = CreateOptions::new()
        .capacity(capacity)
        .create(&name)
        .unwrap();
    peer.tell(format_args!("mq_open {name}"));
    unlink(&name).unwrap();
    let mut buffer = [0; 64];

    // They wait for a message, then for room.
    peer.say("mq_receive");
    queue.send_until(b"to-a-waiter", 3, limit()).unwrap();
    peer.expect("3 to-a-waiter");
    queue.send(b"full", 0).unwrap();
    peer.say("mq_send 5 when-there-is-room");
    let first = queue.receive_until(&mut buffer, limit()).unwrap();
    assert_eq!(&buffer[..first.len], b"full");
    peer.expect("ok");
    let second = queue.receive_until(&mut buffer, limit()).unwrap();
    assert_eq!(&buffer[..second.len], b"when-there-is-room");

    // We wait for a message, then for room.
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| queue.receive_until(&mut buffer, limit()));
        peer.tell("mq_send 9 to-us");
        assert_eq!(ours.join().unwrap().unwrap().priority, 9);
        queue.send(b"full", 0).unwrap();
        let ours = scope.spawn(|| queue.send_until(b"ours", 1, limit()));
        assert_eq!(peer.ask("mq_receive"), "0 full");
        ours.join().unwrap().unwrap();
        assert_eq!(peer.ask("mq_receive"), "1 ours");
    });
    peer.finish();
}

fn posix_message_notice_by_signal(language: Language) {
    use rawipc::posix::message::{CreateOptions, unlink};
    let mut peer = language.start(&[]);
    let name = posix_name("mq");
    let queue = CreateOptions::new().create(&name).unwrap();
    peer.tell(format_args!("mq_open {name}"));
    unlink(&name).unwrap();
    let signal = signal::real_time(2).unwrap();

    // They are told of our message.
    peer.tell(format_args!("mq_notify_signal {} 1234", signal.as_raw()));
    let registered = queue.status().unwrap().registered.unwrap();
    assert_eq!(registered.process, Some(pid(peer.id())));
    assert_eq!(registered.means, Means::Signal(signal.as_raw()));
    assert_eq!(queue.notify(Notification::Nothing), Err(Errno::BUSY));
    queue.send(b"ours", 0).unwrap();
    let told = peer.ask(format_args!("sigwaitinfo {}", signal.as_raw()));
    let uid = rustix::process::getuid().as_raw();
    let code = libc::SI_MESGQ;
    assert_eq!(
        told,
        format!("{} {code} {} {uid} 1234", signal.as_raw(), own_pid())
    );
    assert_eq!(peer.ask("mq_receive"), "0 ours");

    // A process of ours is told of theirs.
    let (ready, is_ready) = pipe::create(PipeFlags::empty()).unwrap();
    let sender = pid(peer.id());
    let mut ours = Child::fork(|| {
        let wait = || {
            signal::block(signal)?;
            queue.notify(Notification::Signal { signal, value: 77 })?;
            is_ready.write(&[1])?;
            signal::wait_until(signal, limit())
        };
        match wait().map(|info| info.cause()) {
            Ok(Cause::MessageQueue {
                sender: who,
                payload,
            }) if who.pid == Some(sender) && payload.word() == 77 => 0,
            _ => 1,
        }
    });
    ready.read_until(&mut [0], limit()).unwrap();
    peer.tell("mq_send 4 theirs");
    assert_eq!(ours.wait(), End::Exited(0));
    peer.finish();
}

fn posix_message_notice_by_thread(language: Language) {
    use rawipc::posix::message::{self, CreateOptions, unlink};
    let mut peer = language.start(&[]);
    let name = posix_name("mq");
    let queue = CreateOptions::new().create(&name).unwrap();
    peer.tell(format_args!("mq_open {name}"));
    unlink(&name).unwrap();

    // libc's thread is started by our message.
    peer.tell("mq_notify_thread 4321");
    let registered = queue.status().unwrap().registered.unwrap();
    assert_eq!(registered.means, Means::Descriptor);
    queue.send(b"ours", 0).unwrap();
    assert_eq!(peer.number("mq_await_thread"), 4321);
    assert_eq!(peer.ask("mq_receive"), "0 ours");

    // Our descriptor is made ready by theirs.
    let notifier = message::notifier().unwrap();
    let notification = Notification::Descriptor {
        notifier: &notifier,
        token: 99,
    };
    queue.notify(notification).unwrap();
    assert_eq!(notifier.try_wait(), Err(Errno::AGAIN));
    peer.tell("mq_send 0 theirs");
    assert_eq!(notifier.wait_until(limit()), Ok(Notice::Arrived(99)));
    peer.finish();
}

// --- POSIX shared memory and semaphores ---

/// Both write to memory that they have as descriptors, and read what the other wrote.
fn exchange(peer: &mut Foreign, fd: i32, mapping: &Mapping, write: &str, read: &str) {
    mapping.write_at(100, b"from-us").unwrap();
    assert_eq!(peer.ask(format_args!("{read} {fd} 100 7")), "from-us");
    peer.tell(format_args!("{write} {fd} 4090 from-them"));
    assert_eq!(mapping.read::<[u8; 9]>(4_090).unwrap(), *b"from-them");
}

fn posix_memory(language: Language) {
    use rawipc::posix::memory::{Access, CreateOptions, MemoryFlags, open, unlink};
    let mut peer = language.start(&[]);

    let name = posix_name("shm");
    let ours = CreateOptions::new().size(8192).create(&name).unwrap();
    let unlink_ours = Finally(|| unlink(&name));
    let mapping = MapOptions::shared(8192).map(&ours).unwrap();
    let fd = peer.number(format_args!("shm_open {name}"));
    exchange(&mut peer, fd, &mapping, "buf_write", "buf_read");
    drop(unlink_ours);

    let name = posix_name("shm");
    let fd = peer.number(format_args!("shm_create {name} 8192"));
    let theirs = open(&name, Access::ReadWrite, MemoryFlags::empty()).unwrap();
    unlink(&name).unwrap();
    assert_eq!(theirs.size(), Ok(8192));
    let mapping = MapOptions::shared(8192).map(&theirs).unwrap();
    exchange(&mut peer, fd, &mapping, "buf_write", "buf_read");
    peer.finish();
}

fn named_semaphore(language: Language) {
    let mut peer = language.start(&[]);

    let name = posix_name("sem");
    let ours = semaphore::CreateOptions::new().create(&name, 2).unwrap();
    let unlink_ours = Finally(|| semaphore::unlink(&name));
    peer.tell(format_args!("sem_open {name}"));
    let both = |peer: &mut Foreign, ours: &semaphore::Semaphore| {
        assert_eq!(peer.number("sem_getvalue"), 2);
        peer.tell("sem_trywait");
        ours.try_wait().unwrap();
        assert_eq!(peer.ask("sem_trywait"), "none");
        assert_eq!(ours.try_wait(), Err(Errno::AGAIN));
        ours.post().unwrap();
        peer.tell("sem_trywait");
        peer.tell("sem_post");
        ours.try_wait().unwrap();
        assert_eq!(peer.number("sem_getvalue"), 0);
    };
    both(&mut peer, &ours);
    drop(unlink_ours);

    let name = posix_name("sem");
    peer.tell(format_args!("sem_create {name} 2"));
    let theirs = semaphore::open(&name).unwrap();
    peer.tell(format_args!("sem_unlink {name}"));
    assert_eq!(semaphore::open(&name).err(), Some(Errno::NOENT));
    both(&mut peer, &theirs);
    peer.finish();
}

/// Each sleeps in turn, and the other wakes it.
fn sleep_in_turn(peer: &mut Foreign, semaphore: &semaphore::Semaphore) {
    for _ in 0..30 {
        peer.say("sem_wait");
        until(|| semaphore.sleepers() == 1);
        semaphore.post().unwrap();
        peer.expect("ok");

        std::thread::scope(|scope| {
            let ours = scope.spawn(|| semaphore.wait_until(limit()));
            until(|| semaphore.sleepers() == 1);
            peer.tell("sem_post");
            assert_eq!(ours.join().unwrap(), Ok(()));
        });
        assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
    }
}

fn named_semaphore_of_sleepers(language: Language) {
    let mut peer = language.start(&[]);
    let name = posix_name("sem");
    let semaphore = semaphore::CreateOptions::new().create(&name, 0).unwrap();
    let _unlink = Finally(|| semaphore::unlink(&name));
    peer.tell(format_args!("sem_open {name}"));
    sleep_in_turn(&mut peer, &semaphore);

    // Two of them and one of us sleep; each post lets one go on.
    let mut another = language.start(&[]);
    another.tell(format_args!("sem_open {name}"));
    std::thread::scope(|scope| {
        peer.say("sem_wait");
        another.say("sem_wait");
        let ours = scope.spawn(|| semaphore.wait_until(limit()));
        until(|| semaphore.sleepers() == 3);
        for _ in 0..3 {
            semaphore.post().unwrap();
        }
        peer.expect("ok");
        another.expect("ok");
        assert_eq!(ours.join().unwrap(), Ok(()));
    });
    assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
    another.finish();
    peer.finish();
}

fn semaphore_in_memory(language: Language) {
    use rawipc::posix::semaphore::{Scope, Semaphore};
    let memory = memfd::create(c"interop", MemfdFlags::empty()).unwrap();
    memory.set_size(4096).unwrap();
    let mapping = MapOptions::shared(4096).map(&memory).unwrap();
    let mut peer = language.start(&[&memory]);
    let fd = memory.as_raw_fd();

    // Begun by us.
    let ours = mapping.object::<Semaphore>(64).unwrap();
    ours.initialize(3, Scope::Processes).unwrap();
    peer.tell(format_args!("sem_in {fd} 64"));
    assert_eq!(peer.number("sem_getvalue"), 3);
    for _ in 0..3 {
        peer.tell("sem_wait");
    }
    sleep_in_turn(&mut peer, ours);

    // Begun by them.
    let theirs = mapping.object::<Semaphore>(1024).unwrap();
    peer.tell(format_args!("sem_in {fd} 1024 1"));
    theirs.wait_until(limit()).unwrap();
    sleep_in_turn(&mut peer, theirs);
    peer.finish();
}

// --- FIFOs ---

fn fifo_both_ways(language: Language) {
    let mut peer = language.start(&[]);
    let (ours, theirs) = (Scratch::new("fifo"), Scratch::new("fifo"));
    fifo::create(ours.path()).unwrap();
    peer.tell(format_args!("mkfifo {}", theirs.as_str()));

    // Opening waits for the other side.
    peer.say(format_args!("open_read {}", ours.as_str()));
    let writer = fifo::open_writer_until(ours.path(), limit()).unwrap();
    let from_us: i32 = peer.hear().parse().unwrap();
    peer.say(format_args!("open_write {}", theirs.as_str()));
    let reader = fifo::open_reader_until(theirs.path(), limit()).unwrap();
    let from_them: i32 = peer.hear().parse().unwrap();

    writer.write_all(b"from-us").unwrap();
    assert_eq!(peer.ask(format_args!("read {from_us}")), "from-us");
    peer.tell(format_args!("write {from_them} from-them"));
    let mut buffer = [0; 64];
    let len = reader.read_until(&mut buffer, limit()).unwrap();
    assert_eq!(&buffer[..len], b"from-them");

    // Each sees the other's end.
    drop(writer);
    assert_eq!(peer.ask(format_args!("read {from_us}")), "end");
    peer.tell(format_args!("close {from_them}"));
    assert_eq!(reader.read_until(&mut buffer, limit()), Ok(0));
    peer.finish();
}

// --- Sockets ---

/// What the three kinds of UNIX sockets have in common here.
trait Socket: Into<OwnedFd> {
    fn pair() -> (Self, Self);
    fn send(&self, bytes: &[u8]);
    fn recv(&self) -> Vec<u8>;
    fn send_with(&self, bytes: &[u8], outgoing: &Outgoing<'_>);
    fn recv_with(&self, incoming: &mut Incoming<2>) -> Vec<u8>;
}

macro_rules! sockets {
    ($($module:ident $Kind:ident)+) => {$(
        impl Socket for $Kind {
            fn pair() -> (Self, Self) {
                rawipc::socket::$module::pair().unwrap()
            }

            fn send(&self, bytes: &[u8]) {
                self.send_until(bytes, limit()).unwrap();
            }

            fn recv(&self) -> Vec<u8> {
                let mut buffer = [0; 64];
                let len: Option<usize> = self.recv_until(&mut buffer, limit()).unwrap().into();
                buffer[..len.unwrap()].to_vec()
            }

            fn send_with(&self, bytes: &[u8], outgoing: &Outgoing<'_>) {
                self.send_message_until(&[IoSlice::new(bytes)], outgoing, limit())
                    .unwrap();
            }

            fn recv_with(&self, incoming: &mut Incoming<2>) -> Vec<u8> {
                let mut buffer = [0; 64];
                let mut buffers = [IoSliceMut::new(&mut buffer)];
                let received = self.recv_message_until(&mut buffers, incoming, limit());
                let len: Option<usize> = received.unwrap().into();
                buffer[..len.unwrap()].to_vec()
            }
        }
    )+};
}

sockets! { stream Stream datagram Datagram seqpacket Seqpacket }

/// Starts a peer that has the other end of a socket pair, with its number there.
fn connected<S: Socket>(language: Language) -> (Foreign, S, i32) {
    let (ours, theirs) = S::pair();
    let theirs: OwnedFd = theirs.into();
    let peer = language.start(&[&theirs]);
    (peer, ours, theirs.as_raw_fd())
}

fn bytes_both_ways<S: Socket>(peer: &mut Foreign, ours: &S, fd: i32) {
    ours.send(b"from-us");
    assert_eq!(peer.ask(format_args!("recv {fd}")), "from-us");
    peer.tell(format_args!("send {fd} from-them"));
    assert_eq!(ours.recv(), b"from-them");
}

/// Messages stay apart, and come in order.
fn messages_both_ways<S: Socket>(peer: &mut Foreign, ours: &S, fd: i32) {
    for text in ["one", "two"] {
        ours.send(text.as_bytes());
        peer.tell(format_args!("send {fd} {text}"));
    }
    for text in ["one", "two"] {
        assert_eq!(ours.recv(), text.as_bytes());
        assert_eq!(peer.ask(format_args!("recv {fd}")), text);
    }
}

fn stream(language: Language) {
    let (mut peer, ours, fd) = connected::<Stream>(language);
    bytes_both_ways(&mut peer, &ours, fd);
    peer.say(format_args!("recv {fd}"));
    drop(ours);
    peer.expect("end");
    peer.finish();
}

fn stream_by_path(language: Language) {
    let mut peer = language.start(&[]);

    // They connect, we accept.
    let path = Scratch::new("socket");
    let address = UnixAddress::pathname(path.path()).unwrap();
    let listener = rawipc::socket::stream::listen(&address).unwrap();
    let fd = peer.number(format_args!("connect {}", path.as_str()));
    let (ours, _) = listener.accept_until(limit()).unwrap();
    bytes_both_ways(&mut peer, &ours, fd);
    let theirs = option::peer_credentials(&ours).unwrap();
    assert_eq!(theirs.pid, Some(pid(peer.id())));
    let (seen, ..) = peer.pair(format_args!("peer_credentials {fd}"));
    assert_eq!(seen, own_pid().as_raw_pid());

    // We connect, they accept.
    let path = Scratch::new("socket");
    let listener = peer.number(format_args!("listen {}", path.as_str()));
    let address = UnixAddress::pathname(path.path()).unwrap();
    let ours = rawipc::socket::stream::connect_until(&address, limit()).unwrap();
    let fd = peer.number(format_args!("accept {listener}"));
    bytes_both_ways(&mut peer, &ours, fd);
    peer.finish();
}

fn datagram(language: Language) {
    let (mut peer, ours, fd) = connected::<Datagram>(language);
    messages_both_ways(&mut peer, &ours, fd);
    peer.finish();
}

fn seqpacket(language: Language) {
    let (mut peer, ours, fd) = connected::<Seqpacket>(language);
    messages_both_ways(&mut peer, &ours, fd);
    peer.say(format_args!("recv {fd}"));
    drop(ours);
    peer.expect("end");
    peer.finish();
}

/// Each makes a pipe and sends both its ends: the other writes to it and reads it.
fn descriptors<S: Socket>(language: Language) {
    let (mut peer, ours, fd) = connected::<S>(language);

    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let both = [reader.as_fd(), writer.as_fd()];
    ours.send_with(b"ours", &Outgoing::new().descriptors(&both));
    let (their_reader, their_writer, text) = peer.pair(format_args!("recv_fds {fd}"));
    assert_eq!(text, "ours");
    peer.tell(format_args!("write {their_writer} through-ours"));
    assert_eq!(
        peer.ask(format_args!("read {their_reader}")),
        "through-ours"
    );
    writer.write_all(b"by-us").unwrap();
    assert_eq!(peer.ask(format_args!("read {their_reader}")), "by-us");

    let (first, second, _) = peer.pair("pipe");
    peer.tell(format_args!("send_fds {fd} {first} {second} theirs"));
    let mut incoming = Incoming::<2>::new();
    assert_eq!(ours.recv_with(&mut incoming), b"theirs");
    let reader = Reader::from(incoming.descriptors().next().unwrap());
    let writer = Writer::from(incoming.descriptors().next().unwrap());
    writer.write_all(b"through-theirs").unwrap();
    assert_eq!(peer.ask(format_args!("read {first}")), "through-theirs");
    peer.tell(format_args!("write {second} by-them"));
    let mut buffer = [0; 64];
    let len = reader.read_until(&mut buffer, limit()).unwrap();
    assert_eq!(&buffer[..len], b"by-them");
    peer.finish();
}

fn descriptors_by_stream(language: Language) {
    descriptors::<Stream>(language);
}

fn descriptors_by_datagram(language: Language) {
    descriptors::<Datagram>(language);
}

fn descriptors_by_seqpacket(language: Language) {
    descriptors::<Seqpacket>(language);
}

fn credentials(language: Language) {
    let (mut peer, ours, fd) = connected::<Seqpacket>(language);
    let own = Credentials::own();
    let (uid, gid) = (own.uid.as_raw(), own.gid.as_raw());

    peer.tell(format_args!("pass_credentials {fd}"));
    ours.send_with(b"ours", &Outgoing::new().credentials(own));
    let theirs = peer.ask(format_args!("recv_credentials {fd}"));
    assert_eq!(theirs, format!("{} {uid} {gid} ours", own_pid()));

    option::set_pass_credentials(&ours, true).unwrap();
    let expected = Credentials {
        pid: Some(pid(peer.id())),
        ..own
    };
    let mut incoming = Incoming::<2>::new();
    // Said by them, then added by the kernel.
    for command in ["send_credentials", "send"] {
        peer.tell(format_args!("{command} {fd} theirs"));
        assert_eq!(ours.recv_with(&mut incoming), b"theirs");
        assert_eq!(incoming.credentials(), Some(expected));
    }
    peer.finish();
}

// --- Passed descriptors of a special kind ---

/// Sends one descriptor, twice; returns its number there.
fn give(peer: &mut Foreign, ours: &Stream, fd: i32, given: BorrowedFd<'_>) -> i32 {
    ours.send_with(b"x", &Outgoing::new().descriptors(&[given, given]));
    peer.pair(format_args!("recv_fds {fd}")).0
}

/// Has one of their descriptors sent.
fn take(peer: &mut Foreign, ours: &Stream, fd: i32, taken: i32) -> OwnedFd {
    peer.tell(format_args!("send_fds {fd} {taken} {taken} x"));
    let mut incoming = Incoming::<2>::new();
    ours.recv_with(&mut incoming);
    incoming.descriptors().next().unwrap()
}

fn passed_eventfd(language: Language) {
    let (mut peer, ours, fd) = connected::<Stream>(language);
    let events = eventfd::create(5, EventFdFlags::empty()).unwrap();
    let theirs = give(&mut peer, &ours, fd, events.as_fd());
    events.add(2).unwrap();
    assert_eq!(peer.number(format_args!("eventfd_read {theirs}")), 7);
    peer.tell(format_args!("eventfd_write {theirs} 40"));
    assert_eq!(events.wait_until(limit()), Ok(40));
    peer.say(format_args!("eventfd_read {theirs}"));
    events.add(1).unwrap();
    peer.expect("1");

    let theirs = peer.number("eventfd 3");
    let events = EventFd::from(take(&mut peer, &ours, fd, theirs));
    assert_eq!(events.wait_until(limit()), Ok(3));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| events.wait_until(limit()));
        peer.tell(format_args!("eventfd_write {theirs} 9"));
        assert_eq!(waits.join().unwrap(), Ok(9));
    });
    peer.finish();
}

fn passed_memfd(language: Language) {
    let (mut peer, ours, fd) = connected::<Stream>(language);
    let sealed = Seals::SHRINK | Seals::GROW;

    // Ours, sealed by us: they see it.
    let memory = memfd::create(c"interop", MemfdFlags::empty()).unwrap();
    memory.set_size(8192).unwrap();
    memory.seal(sealed).unwrap();
    let theirs = give(&mut peer, &ours, fd, memory.as_fd());
    let mapping = MapOptions::shared(8192).map(&memory).unwrap();
    exchange(&mut peer, theirs, &mapping, "map_write", "map_read");
    let seen = peer.number(format_args!("get_seals {theirs}"));
    assert_eq!(
        Seals::from_bits_retain(seen.cast_unsigned()),
        memory.seals().unwrap()
    );

    // Theirs, sealed by them: we see and require it.
    let theirs = peer.number("memfd 8192");
    let memory = Memfd::from(take(&mut peer, &ours, fd, theirs));
    assert!(memory.verify(sealed, 8192).is_err());
    let seals = (sealed | Seals::SEAL).bits();
    peer.tell(format_args!("add_seals {theirs} {seals}"));
    assert_eq!(memory.verify(sealed, 8192), Ok(8192));
    assert_eq!(memory.set_size(1), Err(Errno::PERM));
    let mapping = MapOptions::shared(8192)
        .map_sealed(&memory, sealed)
        .unwrap();
    exchange(&mut peer, theirs, &mapping, "map_write", "map_read");
    peer.finish();
}

fn mapped_file(language: Language) {
    let mut peer = language.start(&[]);
    let path = Scratch::new("file");
    let fd = peer.number(format_args!("open_both {}", path.as_str()));
    peer.tell(format_args!("ftruncate {fd} 8192"));
    let file = File::options()
        .read(true)
        .write(true)
        .open(path.path())
        .unwrap();
    let mapping = MapOptions::shared(8192).map(&file).unwrap();
    exchange(&mut peer, fd, &mapping, "map_write", "map_read");
    // One byte by an atomic, as two programs would share a flag.
    mapping
        .object::<AtomicU8>(0)
        .unwrap()
        .store(b'!', Ordering::Release);
    assert_eq!(peer.ask(format_args!("map_read {fd} 0 1")), "!");
    peer.finish();
}

// --- Signals ---

fn signal_numbers(language: Language) {
    let mut peer = language.start(&[]);
    let (first, last, _) = peer.pair("real_time");
    let ours = signal::real_time(0).unwrap();
    assert_eq!(ours.as_raw(), first);
    let highest = signal::real_time(signal::REAL_TIME_COUNT - 1).unwrap();
    assert_eq!(highest.as_raw(), last);
    peer.finish();
}

/// Starts a process of ours that waits for `signal`: `peer` sends it by the command that
/// `command` makes of the process's number. Succeeds if its cause is as it should be.
fn receive(
    peer: &mut Foreign,
    signal: Signal,
    command: impl FnOnce(i32) -> String,
    is_right: impl Fn(Cause) -> bool,
) {
    let (ready, is_ready) = pipe::create(PipeFlags::empty()).unwrap();
    let mut ours = Child::fork(|| {
        let wait = || {
            signal::block(signal)?;
            is_ready.write(&[1])?;
            signal::wait_until(signal, limit())
        };
        match wait() {
            Ok(info) if info.signal() == Some(signal) && is_right(info.cause()) => 0,
            _ => 1,
        }
    });
    ready.read_until(&mut [0], limit()).unwrap();
    peer.tell(command(ours.id()));
    assert_eq!(ours.wait(), End::Exited(0));
}

fn is_by_user(cause: Cause, sender: u32) -> bool {
    let uid = rustix::process::getuid().as_raw();
    matches!(cause, Cause::User(who) if who.pid == Some(pid(sender)) && who.uid == uid)
}

fn signal_sent(language: Language) {
    let mut peer = language.start(&[]);
    let uid = rustix::process::getuid().as_raw();
    for signal in [Signal::USR1, signal::real_time(3).unwrap()] {
        let number = signal.as_raw();
        signal::send(pid(peer.id()), signal).unwrap();
        let told = peer.ask(format_args!("sigwaitinfo {number}"));
        let expected = format!("{number} {} {} {uid} ", libc::SI_USER, own_pid());
        assert!(told.starts_with(&expected), "{told}, not {expected}");

        let sender = peer.id();
        receive(
            &mut peer,
            signal,
            |pid| format!("kill {pid} {number}"),
            |cause| is_by_user(cause, sender),
        );
    }
    peer.finish();
}

fn signal_queued(language: Language) {
    let mut peer = language.start(&[]);
    let uid = rustix::process::getuid().as_raw();
    let signal = signal::real_time(1).unwrap();
    let number = signal.as_raw();

    // In the order in which they were queued.
    for value in [i32::MIN, -1, 0, 12_345] {
        signal::queue(pid(peer.id()), signal, Payload::from_int(value)).unwrap();
    }
    for value in [i32::MIN, -1, 0, 12_345] {
        let told = peer.ask(format_args!("sigwaitinfo {number}"));
        let expected = format!("{number} {} {} {uid} {value}", libc::SI_QUEUE, own_pid());
        assert_eq!(told, expected);
    }

    let from = pid(peer.id());
    for value in [i32::MIN, -1, 0, 12_345] {
        receive(
            &mut peer,
            signal,
            |pid| format!("sigqueue {pid} {number} {value}"),
            |cause| {
                matches!(cause, Cause::Queue { sender, payload }
                    if sender.pid == Some(from) && sender.uid == uid && payload.int() == value)
            },
        );
    }
    peer.finish();
}

fn signal_by_pidfd(language: Language) {
    let mut peer = language.start(&[]);
    let signal = signal::real_time(4).unwrap();
    let number = signal.as_raw();
    let process = pidfd::open(pid(peer.id())).unwrap();
    process.send_signal(signal).unwrap();
    let told = peer.ask(format_args!("sigwaitinfo {number}"));
    assert!(told.starts_with(&format!("{number} {} {} ", libc::SI_USER, own_pid())));

    let sender = peer.id();
    receive(
        &mut peer,
        signal,
        |pid| format!("pidfd_signal {pid} {number}"),
        |cause| is_by_user(cause, sender),
    );
    assert_eq!(process.has_exited(), Ok(false));
    peer.finish();
    assert_eq!(process.wait_exit_until(limit()), Ok(()));
}

// --- Locks ---

/// The functions of a kind of record locks, which agree in their types.
macro_rules! record_locks {
    ($name:ident, $module:ident) => {
        fn $name(language: Language) {
            use lock::$module::{holder, lock_until, try_lock};
            let mut peer = language.start(&[]);
            let path = Scratch::new("lock");
            let fd = peer.number(format_args!("open_both {}", path.as_str()));
            let file = File::options()
                .read(true)
                .write(true)
                .open(path.path())
                .unwrap();

            // Ours keeps them out of these bytes, and of no others.
            let ours = try_lock(&file, 100..200, Kind::Exclusive).unwrap();
            assert_eq!(peer.ask(format_args!("lock_try {fd} 199 10")), "locked");
            peer.tell(format_args!("lock_try {fd} 200 10"));
            // They wait until it is released.
            peer.say(format_args!("lock {fd} 100 50"));
            ours.unlock().unwrap();
            peer.expect("ok");

            // Theirs keeps us out, and we see whose it is.
            let refused = try_lock(&file, 0..101, Kind::Shared).err();
            assert_eq!(refused, Some(Errno::AGAIN));
            let held = holder(&file, 0..101, Kind::Exclusive).unwrap().unwrap();
            assert_eq!(held.owner, lock::Owner::Process(pid(peer.id())));
            assert_eq!((held.start, held.end), (100, Some(150)));
            // We wait until it is released, then until they are killed.
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| lock_until(&file, 100..150, Kind::Exclusive, limit()));
                peer.tell(format_args!("unlock {fd} 100 50"));
                waits.join().unwrap().unwrap().unlock().unwrap();
            });
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| lock_until(&file, 205..206, Kind::Exclusive, limit()));
                peer.kill();
                waits.join().unwrap().unwrap().unlock().unwrap();
            });
        }
    };
}

record_locks!(record_locks_of_processes, process);
record_locks!(record_locks_of_descriptions, ofd);

// --- util-linux ---

/// The output of one of util-linux's tools; `None` if it is missing.
fn tool(name: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(name)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
    {
        Ok(output) => output,
        Err(error) => {
            skip(format_args!("{name}: {error}"));
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The row of ipcs that is about one object, from its owner on; `None` if there is none.
fn row(listing: &str, id: i32) -> Option<Vec<&str>> {
    let id = id.to_string();
    let mut rows = listing
        .lines()
        .map(str::split_whitespace)
        .map(Iterator::collect);
    let row: Vec<&str> = rows.find(|row: &Vec<&str>| row.get(1) == Some(&id.as_str()))?;
    Some([&row[..1], &row[3..]].concat())
}

/// The number in what ipcmk says: `Message queue id: 5`.
fn made(said: &str) -> i32 {
    said.trim().rsplit(' ').next().unwrap().parse().unwrap()
}

fn hexadecimal(key: Key) -> String {
    format!("0x{:08x}", key.as_raw())
}

#[test]
fn util_linux_and_message_queues() {
    let _check = LeakCheck::begin();
    let (_file, key) = key();
    let queue = sysv::message::create(key, Create::NEW).unwrap();
    let remove = Finally(|| queue.remove());
    queue.send(&Message::new(1, *b"hello")).unwrap();
    queue.send(&Message::new(2, *b"world!")).unwrap();
    let Some(listing) = tool("ipcs", &["-q"]) else {
        return;
    };
    let expected = [hexadecimal(key).as_str(), "600", "11", "2"].map(str::to_owned);
    assert_eq!(row(&listing, queue.id()).unwrap(), expected);
    tool("ipcrm", &["-q", &queue.id().to_string()]);
    assert_eq!(sysv::message::open(key), Err(Errno::NOENT));
    drop(remove);

    let theirs = tool("ipcmk", &["-Q", "-p", "0640"]).unwrap();
    let theirs = sysv::message::Queue::from_id(made(&theirs));
    let status = theirs.status().unwrap();
    assert_eq!(status.permissions.access.mode.bits(), 0o640);
    theirs.remove().unwrap();
}

#[test]
fn util_linux_and_semaphore_sets() {
    let _check = LeakCheck::begin();
    let (_file, key) = key();
    let set = sysv::semaphore::create(key, 7, Create::NEW).unwrap();
    let remove = Finally(|| set.remove());
    let Some(listing) = tool("ipcs", &["-s"]) else {
        return;
    };
    let expected = [hexadecimal(key).as_str(), "600", "7"].map(str::to_owned);
    assert_eq!(row(&listing, set.id()).unwrap(), expected);
    tool("ipcrm", &["-s", &set.id().to_string()]);
    assert_eq!(sysv::semaphore::open(key), Err(Errno::NOENT));
    drop(remove);

    let theirs = tool("ipcmk", &["-S", "5", "-p", "0640"]).unwrap();
    let theirs = sysv::semaphore::Set::from_id(made(&theirs));
    let status = theirs.status().unwrap();
    assert_eq!(status.count, 5);
    assert_eq!(status.permissions.access.mode.bits(), 0o640);
    theirs.remove().unwrap();
}

#[test]
fn util_linux_and_shared_memory() {
    use rawipc::sysv::memory::{AttachFlags, Segment, SegmentFlags, create, open};
    let _check = LeakCheck::begin();
    let (_file, key) = key();
    let segment = create(key, 12_345, SegmentFlags::empty(), Create::NEW).unwrap();
    let remove = Finally(|| segment.remove());
    let mapping = segment.attach(AttachFlags::empty()).unwrap();
    let Some(listing) = tool("ipcs", &["-m"]) else {
        return;
    };
    let expected = [hexadecimal(key).as_str(), "600", "12345", "1"].map(str::to_owned);
    assert_eq!(row(&listing, segment.id()).unwrap(), expected);
    tool("ipcrm", &["-m", &segment.id().to_string()]);
    assert_eq!(open(key), Err(Errno::NOENT));
    let listing = tool("ipcs", &["-m"]).unwrap();
    assert_eq!(row(&listing, segment.id()).unwrap().last(), Some(&"dest"));
    drop(mapping);
    drop(remove);

    let theirs = tool("ipcmk", &["-M", "20000", "-p", "0640"]).unwrap();
    let theirs = Segment::from_id(made(&theirs));
    assert_eq!(theirs.status().unwrap().size, 20_000);
    theirs.remove().unwrap();
}
