//! System V message queues: every operation, selection and refusal, alone and between
//! two processes.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use rawipc::sysv::message::{self, Head, Message, Queue, ReceiveFlags, Select};
use rawipc::sysv::{Access, Create, Key};
use rawipc::{Deadline, Errno, Mode};

use support::system_v::{Temporary, as_another_user, fresh_key, kernel_number};
use support::{Child, End, LIMIT, LeakCheck, Peer, PeerArgs, limit, pattern, storm};

/// Long enough to see that something blocks.
const SHORT: Duration = Duration::from_millis(100);

const NONE: ReceiveFlags = ReceiveFlags::empty();

fn queue() -> Temporary<Queue> {
    Temporary(message::create(Key::PRIVATE, Create::NEW).unwrap())
}

/// Sends one byte per kind.
fn send_all(queue: Queue, kinds: &[i64]) {
    for (index, &kind) in kinds.iter().enumerate() {
        queue.send(&Message::new(kind, [index as u8])).unwrap();
    }
}

/// Receives one byte: its kind, and what it is.
fn take(queue: Queue, select: Select) -> rawipc::Result<(i64, u8)> {
    let mut message = Message::<[u8; 1]>::empty();
    queue.try_receive(select, &mut message, NONE)?;
    Ok((message.message_type(), message.body().unwrap()[0]))
}

/// Fills the queue until there is no room; returns how many messages it took.
fn fill(queue: Queue) -> usize {
    let message = Message::new(9, [0_u8; 1024]);
    let mut count = 0;
    while queue.try_send(&message) == Ok(()) {
        count += 1;
    }
    assert_eq!(queue.try_send(&message), Err(Errno::AGAIN));
    count
}

#[test]
fn messages_arrive_as_sent() {
    let _check = LeakCheck::begin();
    let queue = queue();

    queue.send(&Message::new(7, [1_u64, 2, 3])).unwrap();
    let mut numbers = Message::<[u64; 3]>::empty();
    queue.receive(Select::Any, &mut numbers, NONE).unwrap();
    assert_eq!((numbers.message_type(), numbers.len()), (7, 24));
    assert_eq!(numbers.body(), Some(&[1, 2, 3]));
    assert_eq!(numbers.into_body(), Some([1, 2, 3]));

    // Every length up to the limit's end, by a reference to any room.
    let bytes = pattern(8192, 3);
    let mut to_send = Message::<[u8; 8192]>::empty();
    let mut received = Message::<[u8; 8192]>::empty();
    to_send.set_message_type(i64::MAX);
    for len in (0..40).chain([4047, 4048, 4049, 8191, 8192]) {
        to_send.set_bytes(&bytes[..len]).unwrap();
        let any: &Message<[u8]> = &to_send;
        queue.send(any).unwrap();
        let any: &mut Message<[u8]> = &mut received;
        queue.receive(Select::Any, any, NONE).unwrap();
        assert_eq!(received.message_type(), i64::MAX);
        assert_eq!((received.len(), received.is_empty()), (len, len == 0));
        assert!(received.bytes() == &bytes[..len], "{len} bytes");
        assert_eq!(received.body().is_some(), len == 8192);
        assert_eq!(received.room(), 8192);
    }
    assert_eq!(to_send.set_bytes(&[0; 8193]), Err(Errno::TOOBIG));
    assert_eq!(to_send.len(), 8192);

    // Bodies that end anywhere, beside other memory.
    queue.send(&Message::new(1, *b"abc")).unwrap();
    let mut neighbours = (Message::<[u8; 3]>::empty(), [0xAA_u8; 16]);
    queue.receive(Select::Any, &mut neighbours.0, NONE).unwrap();
    assert_eq!(neighbours.0.body(), Some(b"abc"));
    assert_eq!(neighbours.1, [0xAA; 16]);

    // Nothing at all.
    queue.send(&Message::new(3, ())).unwrap();
    let mut nothing = Message::<()>::empty();
    queue.receive(Select::Any, &mut nothing, NONE).unwrap();
    assert_eq!((nothing.message_type(), nothing.body()), (3, Some(&())));
}

#[test]
fn message_of_other_length_is_no_body() {
    let _check = LeakCheck::begin();
    let queue = queue();
    queue.send(&Message::new(1, [0xFF_u8; 3])).unwrap();
    let mut number = Message::new(5, 0x1111_1111_u32);
    queue.receive(Select::Any, &mut number, NONE).unwrap();
    assert_eq!(number.body(), None);
    assert_eq!(number.into_body(), None);
    assert_eq!(number.bytes(), [0xFF; 3]);
    assert_eq!(
        format!("{number:?}"),
        "Message { message_type: 1, bytes: [255, 255, 255] }"
    );
    *number.body_mut() = 17;
    assert_eq!((number.body(), number.len()), (Some(&17), 4));
}

#[test]
fn receive_selects_by_type() {
    let _check = LeakCheck::begin();
    let queue = queue();
    let empty = Err(Errno::AGAIN);
    send_all(*queue, &[5, 3, 5, 9, 3]);
    assert_eq!(take(*queue, Select::Type(5)), Ok((5, 0)));
    assert_eq!(take(*queue, Select::Type(4)), empty);
    assert_eq!(take(*queue, Select::Except(3)), Ok((5, 2)));
    assert_eq!(take(*queue, Select::UpTo(2)), empty);
    assert_eq!(take(*queue, Select::UpTo(9)), Ok((3, 1)));
    assert_eq!(take(*queue, Select::UpTo(i64::MAX)), Ok((3, 4)));
    assert_eq!(take(*queue, Select::Except(9)), empty);
    assert_eq!(take(*queue, Select::default()), Ok((9, 3)));
    assert_eq!(take(*queue, Select::Any), empty);

    send_all(*queue, &[1]);
    for kind in [0, -1, i64::MIN] {
        for select in [Select::Type(kind), Select::Except(kind), Select::UpTo(kind)] {
            assert_eq!(take(*queue, select), Err(Errno::INVAL), "{select:?}");
        }
    }
    assert_eq!(queue.status().unwrap().messages, 1);
}

#[test]
fn too_long_message_stays_and_reports_its_length() {
    let _check = LeakCheck::begin();
    let queue = queue();
    send_all(*queue, &[1, 1]);
    queue.send(&Message::new(2, *b"0123456789")).unwrap();
    let mut short = Message::new(77, *b"before");
    for _ in 0..3 {
        assert_eq!(
            queue.receive(Select::Type(2), &mut short, NONE),
            Err(Errno::TOOBIG)
        );
        assert_eq!(
            queue.try_receive(Select::Type(2), &mut short, NONE),
            Err(Errno::TOOBIG)
        );
        assert_eq!(
            queue.receive_until(Select::Type(2), &mut short, NONE, limit()),
            Err(Errno::TOOBIG)
        );
    }
    assert_eq!((short.message_type(), short.body()), (77, Some(b"before")));
    assert_eq!(queue.status().unwrap().messages, 3);

    if queue.peek_head(0) == Err(Errno::NOSYS) {
        skipped!("the kernel has no MSG_COPY");
    } else {
        assert_eq!(
            queue.peek_head(0),
            Ok(Head {
                message_type: 1,
                len: 1
            })
        );
        assert_eq!(
            queue.peek_head(2),
            Ok(Head {
                message_type: 2,
                len: 10
            })
        );
        assert_eq!(queue.peek_head(3), Err(Errno::NOMSG));
        assert_eq!(queue.peek_head(usize::MAX), Err(Errno::NOMSG));
        assert_eq!(queue.peek(2, &mut short), Err(Errno::TOOBIG));
        let mut long = Message::<[u8; 32]>::empty();
        queue.peek(2, &mut long).unwrap();
        assert_eq!((long.message_type(), long.bytes()), (2, &b"0123456789"[..]));
        assert_eq!(queue.peek(3, &mut long), Err(Errno::NOMSG));
        assert_eq!(queue.status().unwrap().messages, 3);
    }

    // Flags that are other functions' are ignored.
    let flags = ReceiveFlags::TRUNCATE | ReceiveFlags::from_bits_retain(0o60000);
    queue.receive(Select::Type(2), &mut short, flags).unwrap();
    assert_eq!((short.message_type(), short.bytes()), (2, &b"012345"[..]));
    assert_eq!(queue.status().unwrap().messages, 2);
}

#[test]
fn peek_finds_longest_and_empty_message() {
    let _check = LeakCheck::begin();
    let queue = queue();
    queue.send(&Message::new(4, ())).unwrap();
    if queue.peek_head(0) == Err(Errno::NOSYS) {
        skipped!("the kernel has no MSG_COPY");
        return;
    }
    assert_eq!(
        queue.peek_head(0),
        Ok(Head {
            message_type: 4,
            len: 0
        })
    );
    queue.send(&Message::new(5, [0_u8; 8192])).unwrap();
    assert_eq!(
        queue.peek_head(1),
        Ok(Head {
            message_type: 5,
            len: 8192
        })
    );
}

#[test]
fn send_to_full_queue_waits() {
    let _check = LeakCheck::begin();
    let queue = queue();
    let capacity = queue.status().unwrap().capacity;
    assert_eq!(fill(*queue), capacity / 1024);
    let message = Message::new(1, [1_u8; 1024]);
    assert_eq!(
        queue.send_until(&message, Deadline::NOW),
        Err(Errno::TIMEDOUT)
    );
    let begin = Instant::now();
    assert_eq!(
        queue.send_until(&message, Deadline::after(SHORT)),
        Err(Errno::TIMEDOUT)
    );
    assert!(begin.elapsed() >= SHORT);
    assert_eq!(queue.status().unwrap().messages, capacity / 1024);

    // The blocked sender goes on when there is room.
    let queue = *queue;
    let mut sender = Child::fork(|| i32::from(queue.send(&Message::new(2, [2_u8; 1024])).is_err()));
    sender.await_sleep();
    let mut room = Message::<[u8; 1024]>::empty();
    queue.receive(Select::Any, &mut room, NONE).unwrap();
    assert_eq!(sender.wait(), End::Exited(0));
    // And one that asks again.
    let mut sender = Child::fork(|| {
        i32::from(
            queue
                .send_until(&Message::new(3, [3_u8; 1024]), limit())
                .is_err(),
        )
    });
    sender.await_sleep();
    queue.receive(Select::Any, &mut room, NONE).unwrap();
    assert_eq!(sender.wait(), End::Exited(0));
    queue.receive(Select::Type(2), &mut room, NONE).unwrap();
    queue.receive(Select::Type(3), &mut room, NONE).unwrap();
    assert_eq!(room.body(), Some(&[3; 1024]));
    // Messages without bytes are limited too.
    queue
        .set(queue.status().unwrap().permissions.access, 2)
        .unwrap();
    assert_eq!(queue.try_send(&Message::new(1, ())), Err(Errno::AGAIN));
}

#[test]
fn receive_from_empty_queue_waits() {
    let _check = LeakCheck::begin();
    let queue = queue();
    let mut byte = Message::<[u8; 1]>::empty();
    assert_eq!(
        queue.try_receive(Select::Any, &mut byte, NONE),
        Err(Errno::AGAIN)
    );
    assert_eq!(
        queue.receive_until(Select::Any, &mut byte, NONE, Deadline::NOW),
        Err(Errno::TIMEDOUT)
    );
    let begin = Instant::now();
    assert_eq!(
        queue.receive_until(Select::Any, &mut byte, NONE, Deadline::after(SHORT)),
        Err(Errno::TIMEDOUT)
    );
    assert!(begin.elapsed() >= SHORT);
    send_all(*queue, &[1]);
    queue
        .receive_until(Select::Any, &mut byte, NONE, Deadline::NOW)
        .unwrap();

    let queue = *queue;
    for deadline in [Deadline::Never, limit()] {
        let mut receiver = Child::fork(move || {
            let mut byte = Message::<[u8; 1]>::empty();
            // Not for it.
            match queue.receive_until(Select::Type(2), &mut byte, NONE, deadline) {
                Ok(()) => i32::from(byte.bytes()[0]),
                Err(_) => 100,
            }
        });
        receiver.await_sleep();
        send_all(queue, &[1, 2]);
        assert_eq!(receiver.wait(), End::Exited(1));
        take(queue, Select::Any).unwrap();
    }
}

#[test]
fn bad_messages_are_refused() {
    let _check = LeakCheck::begin();
    let queue = queue();
    for kind in [0, -1, i64::MIN] {
        let message = Message::new(kind, [0_u8; 1]);
        assert_eq!(queue.send(&message), Err(Errno::INVAL));
        assert_eq!(queue.try_send(&message), Err(Errno::INVAL));
        assert_eq!(queue.send_until(&message, limit()), Err(Errno::INVAL));
    }
    let largest = message::limits().unwrap().message_size;
    if largest < 1 << 16 {
        let message = Box::new(Message::new(1, [0_u8; 1 << 16]));
        assert_eq!(queue.send(&*message), Err(Errno::INVAL));
        assert_eq!(queue.try_send(&*message), Err(Errno::INVAL));
    }
    assert_eq!(queue.status().unwrap().messages, 0);
    queue
        .send_until(&Message::new(1, [0_u8; 1]), Deadline::Never)
        .unwrap();
    assert_eq!(queue.status().unwrap().messages, 1);
}

#[test]
fn objects_are_opened_by_key() {
    let _check = LeakCheck::begin();
    let key = fresh_key();
    assert_eq!(message::open(key), Err(Errno::NOENT));
    let queue = Temporary(message::create(key, Create::NEW).unwrap());
    assert_eq!(message::create(key, Create::NEW), Err(Errno::EXIST));
    assert_eq!(
        message::create(key, Create::default().or_open()),
        Ok(*queue)
    );
    assert_eq!(message::open(key), Ok(*queue));
    assert_eq!(Queue::from_id(queue.id()), *queue);
    assert_eq!(queue.status().unwrap().permissions.key, key);
    queue.remove().unwrap();
    assert_eq!(message::open(key), Err(Errno::NOENT));

    // Private ones are never found, and never the same.
    assert_eq!(message::open(Key::PRIVATE), Err(Errno::NOENT));
    let one = Temporary(message::create(Key::PRIVATE, Create::NEW).unwrap());
    let other = Temporary(message::create(Key::PRIVATE, Create::NEW.or_open()).unwrap());
    assert_ne!(one.id(), other.id());
    assert_eq!(one.status().unwrap().permissions.key, Key::PRIVATE);
}

#[test]
fn key_of_file_is_that_of_libc() {
    let _check = LeakCheck::begin();
    for path in ["/", "/proc/self/exe", "/etc/passwd", "/dev/null", "/proc"] {
        let path = std::path::Path::new(path);
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        for project in [1, 65, 127, 128, 255] {
            // SAFETY: a C string.
            let theirs = unsafe { libc::ftok(name.as_ptr(), i32::from(project)) };
            let ours = Key::from_path(path, project).unwrap();
            assert_eq!(ours.as_raw(), theirs, "{path:?} {project}");
            assert_eq!(ours, Key::from_raw(theirs));
        }
    }
    let missing = Key::from_path("/proc/no such file", 1);
    assert_eq!(missing, Err(Errno::NOENT));
    assert_eq!(Key::from_path("/dev/null\0", 1), Err(Errno::INVAL));
    assert_eq!(Key::from_path("/dev/null/x", 1), Err(Errno::NOTDIR));
    assert_eq!(format!("{:?}", Key::PRIVATE), "Key::PRIVATE");
    assert_eq!(format!("{:?}", Key::from_raw(-1)), "Key(0xffffffff)");
}

#[test]
fn operations_on_missing_object_are_refused() {
    let _check = LeakCheck::begin();
    let removed = queue();
    removed.remove().unwrap();
    let mut byte = Message::new(1, [0_u8; 1]);
    let access = Access {
        owner: 0,
        group: 0,
        mode: Mode::RUSR,
    };
    for queue in [*removed, Queue::from_id(-1), Queue::from_id(i32::MAX)] {
        let results = [
            queue.send(&byte),
            queue.try_send(&byte),
            queue.send_until(&byte, limit()),
            queue.receive(Select::Any, &mut byte, NONE),
            queue.try_receive(Select::Any, &mut byte, NONE),
            queue.receive_until(Select::Any, &mut byte, NONE, limit()),
            queue.peek(0, &mut byte),
            queue.peek_head(0).map(drop),
            queue.status().map(drop),
            queue.set(access, 1),
            queue.remove(),
        ];
        for (index, result) in results.into_iter().enumerate() {
            assert!(
                matches!(result, Err(Errno::INVAL | Errno::IDRM)),
                "{queue:?}, {index}: {result:?}"
            );
        }
    }
}

#[test]
fn removal_ends_waiting_calls() {
    let _check = LeakCheck::begin();
    let full = queue();
    fill(*full);
    let (queue, empty) = (*full, queue());
    let other = *empty;
    let code =
        |result: rawipc::Result<()>| result.map_or_else(|errno| errno.raw_os_error(), |()| 0);
    let mut waiting = [
        Child::fork(|| code(queue.send(&Message::new(1, [0_u8; 1024])))),
        Child::fork(|| {
            code(queue.receive(Select::Type(1), &mut Message::<[u8; 1]>::empty(), NONE))
        }),
        Child::fork(|| code(other.receive(Select::Any, &mut Message::<[u8; 1]>::empty(), NONE))),
    ];
    for child in &waiting {
        child.await_sleep();
    }
    full.remove().unwrap();
    empty.remove().unwrap();
    for child in &mut waiting {
        assert_eq!(child.wait(), End::Exited(Errno::IDRM.raw_os_error()));
    }
}

#[test]
fn signal_handler_interrupts_waiting_calls() {
    let _check = LeakCheck::begin();
    storm::handle(libc::SIGUSR1);
    let (full, empty) = (queue(), queue());
    fill(*full);
    let (full, empty) = (*full, *empty);
    let code =
        |result: rawipc::Result<()>| result.map_or_else(|errno| errno.raw_os_error(), |()| 0);
    let byte = Message::<[u8; 1]>::empty;
    let large = || Message::new(1, [0_u8; 1024]);
    let mut waiting = [
        Child::fork(|| code(full.send(&large()))),
        Child::fork(|| code(full.send_until(&large(), Deadline::Never))),
        Child::fork(|| code(empty.receive(Select::Any, &mut byte(), NONE))),
        Child::fork(|| {
            let never = Deadline::Never;
            code(empty.receive_until(Select::Any, &mut byte(), NONE, never))
        }),
    ];
    for child in &mut waiting {
        let begin = Instant::now();
        let end = loop {
            if let Some(end) = child.try_wait() {
                break end;
            }
            if child.sleeps() {
                child.signal(libc::SIGUSR1);
            }
            assert!(begin.elapsed() < LIMIT);
            std::thread::yield_now();
        };
        assert_eq!(end, End::Exited(Errno::INTR.raw_os_error()));
    }
    assert_eq!(full.status().unwrap().messages, 16);
}

#[test]
fn mode_decides_about_others() {
    let _check = LeakCheck::begin();
    let key = fresh_key();
    let queue = Temporary(message::create(key, Create::NEW).unwrap());
    let status = queue.status().unwrap();
    assert_eq!(status.permissions.access.mode.as_raw_mode(), 0o600);
    send_all(*queue, &[1, 1]);
    let byte = || Message::new(1, [7_u8; 1]);
    as_another_user(|| {
        assert_eq!(queue.send(&byte()), Err(Errno::ACCESS));
        assert_eq!(take(*queue, Select::Any), Err(Errno::ACCESS));
        assert_eq!(queue.peek(0, &mut byte()), Err(Errno::ACCESS));
        assert_eq!(queue.peek_head(0), Err(Errno::ACCESS));
        assert_eq!(queue.status().map(drop), Err(Errno::ACCESS));
        assert_eq!(queue.set(status.permissions.access, 1), Err(Errno::PERM));
        assert_eq!(queue.remove(), Err(Errno::PERM));
        let open = Create::NEW.or_open();
        assert_eq!(message::create(key, open), Err(Errno::ACCESS));
        // To look up asks for nothing.
        assert_eq!(message::open(key), Ok(*queue));
        // It is listed all the same.
        let found = message::list()
            .unwrap()
            .flatten()
            .find(|(it, _)| it == &*queue);
        assert_eq!(found.unwrap().1.messages, 2);
    });
    let access = |mode| Access {
        mode: Mode::from_bits_retain(mode),
        ..status.permissions.access
    };
    queue.set(access(0o602), status.capacity).unwrap();
    as_another_user(|| {
        queue.send(&byte()).unwrap();
        assert_eq!(take(*queue, Select::Any), Err(Errno::ACCESS));
    });
    queue.set(access(0o604), status.capacity).unwrap();
    as_another_user(|| {
        assert_eq!(take(*queue, Select::Any), Ok((1, 0)));
        assert_eq!(queue.send(&byte()), Err(Errno::ACCESS));
    });
    // The owner may do all; raising the capacity above the limit takes a privilege.
    let nobody = Access {
        owner: 65534,
        group: 65534,
        mode: Mode::RUSR | Mode::WUSR,
    };
    if queue.set(nobody, status.capacity).is_ok() {
        let permissions = queue.status().unwrap().permissions;
        assert_eq!(permissions.access, nobody);
        assert_eq!(permissions.creator, status.permissions.creator);
        as_another_user(|| {
            queue.send(&byte()).unwrap();
            let above = message::limits().unwrap().capacity + 1;
            assert_eq!(queue.set(nobody, above), Err(Errno::PERM));
            queue.remove().unwrap();
        });
    }
}

#[test]
fn status_reports_what_kernel_knows() {
    let _check = LeakCheck::begin();
    let mode = Mode::from_bits_retain(0o100_642);
    let queue = Temporary(message::create(fresh_key(), Create::NEW.mode(mode)).unwrap());
    let new = queue.status().unwrap();
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    assert_eq!(
        new.permissions.access,
        Access {
            owner: uid,
            group: gid,
            mode: Mode::from_bits_retain(0o642),
        }
    );
    assert_eq!(
        (new.permissions.creator, new.permissions.creator_group),
        (uid, gid)
    );
    assert_eq!(new.permissions.sequence, (queue.id() >> 15) as u16);
    assert_eq!((new.messages, new.bytes), (0, 0));
    assert_eq!(new.capacity, kernel_number("msgmnb", 0));
    assert_eq!((new.last_sender, new.last_receiver), (None, None));
    assert_eq!((new.last_sent, new.last_received), (None, None));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    // The kernel's own seconds begin a tick later.
    assert!((now - 5..=now).contains(&new.changed));

    queue.send(&Message::new(1, [0_u8; 100])).unwrap();
    queue.send(&Message::new(2, [0_u8; 23])).unwrap();
    let me = Some(rustix::process::getpid());
    let sent = queue.status().unwrap();
    assert_eq!((sent.messages, sent.bytes), (2, 123));
    assert_eq!((sent.last_sender, sent.last_receiver), (me, None));
    assert!(sent.last_sent >= Some(now - 1));
    let mut room = Message::<[u8; 100]>::empty();
    queue.receive(Select::Any, &mut room, NONE).unwrap();
    let received = queue.status().unwrap();
    assert_eq!((received.messages, received.bytes), (1, 23));
    assert_eq!((received.last_sender, received.last_receiver), (me, me));
    assert!(received.last_received >= Some(now - 1));

    queue.set(new.permissions.access, 50).unwrap();
    assert_eq!(queue.status().unwrap().capacity, 50);
    assert_eq!(
        queue.try_send(&Message::new(1, [0_u8; 28])),
        Err(Errno::AGAIN)
    );
    queue.try_send(&Message::new(1, [0_u8; 27])).unwrap();

    queue.set(new.permissions.access, 0).unwrap();
    assert_eq!(queue.try_send(&Message::new(1, ())), Err(Errno::AGAIN));

    let limits = message::limits().unwrap();
    assert_eq!(limits.message_size, kernel_number("msgmax", 0));
    assert_eq!(limits.capacity, kernel_number("msgmnb", 0));
    assert_eq!(limits.queues, kernel_number("msgmni", 0));
    let usage = message::usage().unwrap();
    assert!(usage.queues >= 1 && usage.messages >= 2 && usage.bytes >= 50);

    let more: Vec<_> = (0..20).map(|_| self::queue()).collect();
    let listed: Vec<_> = message::list().unwrap().map(Result::unwrap).collect();
    for queue in more.iter().chain([&queue]) {
        let found: Vec<_> = listed
            .iter()
            .filter(|(found, _)| found == &**queue)
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, queue.status().unwrap());
    }
}

#[test]
fn objects_are_shared_with_libc() {
    #[repr(C)]
    struct Theirs {
        mtype: libc::c_long,
        mtext: [u8; 64],
    }
    let _check = LeakCheck::begin();
    let key = fresh_key();
    let queue = Temporary(message::create(key, Create::NEW).unwrap());
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::msgget(key.as_raw(), 0) }, queue.id());

    queue.send(&Message::new(42, *b"from rawipc")).unwrap();
    let mut theirs = Theirs {
        mtype: 0,
        mtext: [0; 64],
    };
    // SAFETY: there is room for as much as is said.
    let len = unsafe { libc::msgrcv(queue.id(), (&raw mut theirs).cast(), 64, 42, 0) };
    assert_eq!((len, theirs.mtype), (11, 42));
    assert_eq!(&theirs.mtext[..11], b"from rawipc");

    theirs.mtype = 43;
    theirs.mtext[..9].copy_from_slice(b"from libc");
    // SAFETY: there are as many bytes as is said.
    let result = unsafe { libc::msgsnd(queue.id(), (&raw const theirs).cast(), 9, 0) };
    assert_eq!(result, 0);
    let mut ours = Message::<[u8; 64]>::empty();
    queue.receive(Select::Any, &mut ours, NONE).unwrap();
    assert_eq!((ours.message_type(), ours.bytes()), (43, &b"from libc"[..]));

    // SAFETY: all zero is a value of it.
    let mut status: libc::msqid_ds = unsafe { core::mem::zeroed() };
    // SAFETY: the structure is borrowed.
    let result = unsafe { libc::msgctl(queue.id(), libc::IPC_STAT, &raw mut status) };
    assert_eq!(result, 0);
    let ours = queue.status().unwrap();
    assert_eq!(status.msg_qbytes as usize, ours.capacity);
    assert_eq!(status.msg_lspid, std::process::id() as i32);
    assert_eq!(Some(status.msg_stime), ours.last_sent);
    assert_eq!(status.msg_ctime, ours.changed);
}

const MESSAGES: u64 = 5000;

/// The message with this number: its kind, and its bytes.
fn numbered(number: u64) -> (i64, Vec<u8>) {
    let kind = 1 + (number * 7) % 5;
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend(pattern((number * 37 % 1500) as usize, number + 1));
    (kind as i64, bytes)
}

#[test]
fn stream_crosses_between_processes() {
    if let Some(mut half) = PeerArgs::role("sends") {
        let queue = Queue::from_id(half.channel.hear().parse().unwrap());
        let mut message = Message::<[u8; 2048]>::empty();
        for number in 0..MESSAGES {
            let (kind, bytes) = numbered(number);
            message.set_message_type(kind);
            message.set_bytes(&bytes).unwrap();
            match number % 2 {
                0 => queue.send(&message).unwrap(),
                _ => queue.send_until(&message, limit()).unwrap(),
            }
        }
        return;
    }
    let _check = LeakCheck::begin();
    let queue = queue();
    let mut peer = Peer::start(test_name!(), "sends", &[]);
    peer.say(&queue.id().to_string());
    let mut message = Message::<[u8; 2048]>::empty();
    for number in 0..MESSAGES {
        let result = match number % 3 {
            0 => queue.receive_until(Select::Any, &mut message, NONE, limit()),
            _ => queue.receive(Select::Any, &mut message, NONE),
        };
        assert_eq!(result, Ok(()), "{number}");
        let (kind, bytes) = numbered(number);
        assert_eq!(
            (message.message_type(), message.bytes()),
            (kind, &bytes[..])
        );
    }
    assert_eq!(
        queue.status().unwrap().last_sender.unwrap().as_raw_pid(),
        peer.id() as i32
    );
    peer.finish();
    assert_eq!(queue.status().unwrap().messages, 0);
}

#[test]
fn killed_process_takes_no_message_with_it() {
    let _check = LeakCheck::begin();
    let queue = queue();
    let id = *queue;
    // What a sender had sent is there, and what it was about to send is not.
    let mut sender = Child::fork(|| {
        while id.send(&Message::new(1, [1_u8; 1024])).is_ok() {}
        1
    });
    let full = queue.status().unwrap().capacity / 1024;
    let begin = Instant::now();
    while queue.status().unwrap().messages < full {
        assert!(begin.elapsed() < LIMIT);
        std::thread::yield_now();
    }
    sender.await_sleep();
    sender.kill();
    assert_eq!(sender.wait(), End::Killed(libc::SIGKILL));
    let mut message = Message::<[u8; 1024]>::empty();
    for _ in 0..full {
        queue.try_receive(Select::Any, &mut message, NONE).unwrap();
        assert_eq!(message.body(), Some(&[1; 1024]));
    }
    assert_eq!(
        queue.try_receive(Select::Any, &mut message, NONE),
        Err(Errno::AGAIN)
    );

    // A receiver that was killed while it waited swallows nothing that is for another.
    for _ in 0..200 {
        let receive = || match id.receive(Select::Any, &mut Message::<[u8; 1]>::empty(), NONE) {
            Ok(()) => 0,
            Err(_) => 1,
        };
        let mut dies = Child::fork(receive);
        dies.await_sleep();
        let mut survives = Child::fork(receive);
        survives.await_sleep();
        dies.kill();
        send_all(id, &[1]);
        // Either the first had it and is done, or died without.
        match dies.wait() {
            End::Exited(status) => {
                assert_eq!(status, 0);
                send_all(id, &[1]);
            }
            End::Killed(_)
                if id
                    .status()
                    .unwrap()
                    .last_receiver
                    .is_some_and(|pid| pid.as_raw_pid() == dies.id()) =>
            {
                // It took the message and died of the signal before it returned.
                send_all(id, &[1]);
            }
            End::Killed(_) => {}
        }
        assert_eq!(survives.wait(), End::Exited(0));
        assert_eq!(id.status().unwrap().messages, 0);
    }
}
