//! Netlink: messages on any bytes, what processes do, and the list of UNIX sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use core::time::Duration;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use proptest::prelude::*;
use rawipc::socket::address::{self, Address};
use rawipc::socket::netlink::diag::{Diag, Record, Show, State, States};
use rawipc::socket::netlink::message::{self, Attributes, Content, Flags, Messages};
use rawipc::socket::netlink::process::{Event, Kinds, Monitor, Thread, What};
use rawipc::socket::netlink::{NetlinkAddress, Protocol, Socket};
use rawipc::socket::option::{self, Kind};
use rawipc::socket::{BindOptions, RecvError, Shutdown, UnixAddress, datagram, seqpacket, stream};
use rawipc::{Deadline, Errno};
use support::{Child, End, LIMIT, LeakCheck, limit, soon};

// Bytes.

#[test]
fn messages_round_trip() {
    let mut buffer = [0xff; 64];
    let flags = Flags::REQUEST | Flags::ACK;
    let written = message::write(&mut buffer, 77, flags, 5, b"hello").unwrap();
    assert_eq!(written.len(), 24);
    assert_eq!(written[..4], 21_u32.to_ne_bytes());
    assert_eq!(written[21..], [0; 3]);
    let two = [written, written].concat();
    let mut messages = Messages::new(&two);
    for _ in 0..2 {
        let message = messages.next().unwrap();
        assert_eq!((message.kind, message.flags), (77, flags));
        assert_eq!((message.sequence, message.port), (5, 0));
        assert_eq!(message.content(), Content::Data(b"hello"));
    }
    assert_eq!(messages.next(), None);
    assert_eq!(
        message::write(&mut [0; 23], 77, flags, 5, b"hello"),
        Err(Errno::MSGSIZE)
    );
    // The last need not be padded; what is cut is none.
    assert_eq!(Messages::new(&two[..45]).count(), 2);
    assert_eq!(Messages::new(&two[..44]).count(), 1);
}

#[test]
fn common_messages_mean_the_same_in_all_protocols() {
    let content = |kind: u16, body: &[u8]| {
        let mut buffer = [0; 64];
        let written = message::write(&mut buffer, kind, Flags::empty(), 0, body).unwrap();
        match Messages::new(written).next().unwrap().content() {
            Content::Data(_) => panic!("is of no protocol"),
            Content::Acknowledged(result) => (2, result),
            Content::Done(result) => (3, result),
            Content::Overrun => (4, Ok(())),
            _ => (0, Ok(())),
        }
    };
    assert_eq!(content(1, b""), (0, Ok(())));
    assert_eq!(content(2, &0_i32.to_ne_bytes()), (2, Ok(())));
    assert_eq!(content(2, &(-2_i32).to_ne_bytes()), (2, Err(Errno::NOENT)));
    assert_eq!(content(2, b"cut"), (2, Err(Errno::BADMSG)));
    assert_eq!(content(2, &i32::MIN.to_ne_bytes()), (2, Err(Errno::BADMSG)));
    assert_eq!(content(3, b""), (3, Ok(())));
    assert_eq!(
        content(3, &(-105_i32).to_ne_bytes()),
        (3, Err(Errno::NOBUFS))
    );
    assert_eq!(content(4, b""), (4, Ok(())));
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Messages::new(&bytes).count() <= bytes.len() / 16);
        for message in Messages::new(&bytes) {
            let _ = message.content();
        }
        prop_assert!(Attributes::new(&bytes).count() <= bytes.len() / 4);
        let _ = Event::parse(&bytes);
        if let Some(record) = Record::parse(&bytes) {
            let _ = (record.name(), record.file(), record.peer(), record.queue());
            let _ = (record.memory(), record.shutdown(), record.uid());
            let _ = record.pending().count();
        }
    }

    #[test]
    fn any_event_can_be_read(
        kind in prop::sample::select(vec![0_u32, 1, 2, 4, 0x40, 0x80, 0x100, 0x200, 1 << 30, 1 << 31, 5]),
        len in 0_u16..60,
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bytes = Vec::new();
        for word in [1_u32, 1, 0, 0] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(len.to_ne_bytes());
        bytes.extend([0; 2]);
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(body);
        if let Some(event) = Event::parse(&bytes) {
            prop_assert!(len >= 16 && bytes.len() >= 20 + usize::from(len));
            let is_other = matches!(event.what, What::Other(5));
            prop_assert_eq!(is_other, kind == 5);
        }
    }

    #[test]
    fn any_record_can_be_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = vec![1, 1, 10, 0];
        bytes.extend([7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
        bytes.extend(&body);
        let record = Record::parse(&bytes).unwrap();
        prop_assert_eq!((record.kind, record.state), (Kind::Stream, State::Listening));
        prop_assert_eq!((record.inode, record.cookie), (7, 2 << 32 | 1));
        let _ = (record.name(), record.file(), record.peer(), record.queue());
        let _ = (record.memory(), record.shutdown(), record.uid());
        let _ = record.pending().count();
    }
}

/// The body of a connector's message of the event `kind` with these numbers.
fn event(kind: u32, numbers: &[u32]) -> Option<What> {
    let mut bytes = Vec::new();
    for word in [1_u32, 1, 9, 9] {
        bytes.extend(word.to_ne_bytes());
    }
    let len = 16 + 4 * u16::try_from(numbers.len()).unwrap();
    bytes.extend(len.to_ne_bytes());
    bytes.extend([0; 2]);
    for word in [kind, 3] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(1_500_000_000_u64.to_ne_bytes());
    for word in numbers {
        bytes.extend(word.to_ne_bytes());
    }
    let event = Event::parse(&bytes)?;
    assert_eq!((event.cpu, event.time), (3, Duration::from_millis(1500)));
    // Of another of the connector's users.
    bytes[0] = 2;
    assert_eq!(Event::parse(&bytes), None);
    Some(event.what)
}

#[test]
fn events_are_parsed_from_bytes() {
    let thread = |thread, process| Thread { thread, process };
    let by = thread(10, 11);
    assert_eq!(event(0, &[0]), Some(What::Listening(Ok(()))));
    assert_eq!(event(0, &[1]), Some(What::Listening(Err(Errno::PERM))));
    assert_eq!(event(0, &[5000]), None);
    let fork = What::Fork {
        parent: by,
        child: thread(12, 13),
    };
    assert_eq!(event(1, &[10, 11, 12, 13]), Some(fork));
    assert_eq!(event(1, &[10, 11, 12]), None);
    assert_eq!(event(2, &[10, 11]), Some(What::Exec { by }));
    let user = event(4, &[10, 11, 12, 13]).unwrap();
    let What::User {
        real, effective, ..
    } = user
    else {
        panic!("{user:?}");
    };
    assert_eq!((real.as_raw(), effective.as_raw()), (12, 13));
    let group = event(0x40, &[10, 11, 12, 13]).unwrap();
    assert!(matches!(group, What::Group { real, .. } if real.as_raw() == 12));
    assert_eq!(event(0x80, &[10, 11]), Some(What::Session { by }));
    let of = by;
    let tracer = Some(thread(12, 13));
    let trace = event(0x100, &[10, 11, 12, 13]);
    assert_eq!(trace, Some(What::Trace { of, by: tracer }));
    let trace = event(0x100, &[10, 11, 0, 0]);
    assert_eq!(trace, Some(What::Trace { of, by: None }));
    let letters = u32::from_ne_bytes(*b"name");
    let name = event(0x200, &[10, 11, letters, 0, 0, 0]).unwrap();
    assert!(matches!(name, What::Name { name, .. } if name.starts_with(b"name\0")));
    let parent = thread(14, 15);
    let dump = event(1 << 30, &[10, 11, 14, 15]);
    assert_eq!(dump, Some(What::CoreDump { by, parent }));
    let exit = |parent| What::Exit {
        by,
        status: 12,
        signal: 13,
        parent,
    };
    let full = event(1 << 31, &[10, 11, 12, 13, 14, 15]);
    assert_eq!(full, Some(exit(parent)));
    let old = event(1 << 31, &[10, 11, 12, 13]);
    assert_eq!(old, Some(exit(Thread::default())));
    assert_eq!(event(0x400, &[]), Some(What::Other(0x400)));
    assert!(thread(1, 1).is_first() && !by.is_first());
    assert_eq!(by.pid().map(|pid| pid.as_raw_nonzero().get()), Some(11));
    assert_eq!(Thread::default().pid(), None);
}

// Sockets.

#[test]
fn request_to_kernel_is_answered() {
    let _check = LeakCheck::begin();
    let socket = Socket::open(Protocol::SOCK_DIAG).unwrap();
    let mut buffer = [0; 256];
    assert_eq!(socket.try_recv(&mut buffer), Err(Errno::AGAIN.into()));
    assert_eq!(
        socket.recv_until(&mut buffer, soon()),
        Err(Errno::TIMEDOUT.into())
    );
    socket.bind(NetlinkAddress::default()).unwrap();
    let own: NetlinkAddress = address::local(&socket).unwrap();
    assert_ne!(own.port, 0);
    assert_eq!(own.groups, 0);
    let other = Socket::open(Protocol::SOCK_DIAG).unwrap();
    assert_eq!(other.bind(own), Err(Errno::ADDRINUSE));
    assert_eq!(NetlinkAddress::from_raw(&own.to_raw()), Ok(own));

    // A request that no protocol has is refused, with what was asked or without.
    for short in [false, true] {
        socket.set_cap_ack(short).unwrap();
        let mut request = [0; 128];
        let request = message::write(&mut request, 999, Flags::REQUEST, 8, &[7; 64]).unwrap();
        socket.try_send_to(request, NetlinkAddress::KERNEL).unwrap();
        let (len, from) = socket.recv_until(&mut buffer, limit()).unwrap();
        assert_eq!(from, NetlinkAddress::KERNEL);
        let answer = Messages::new(&buffer[..len]).next().unwrap();
        assert!(matches!(answer.content(), Content::Acknowledged(Err(_))));
        assert_eq!((answer.sequence, answer.port), (8, own.port));
        assert_eq!(answer.body.len(), if short { 20 } else { 84 });
    }
    // Cut: said so, with its length.
    let mut request = [0; 128];
    let request = message::write(&mut request, 999, Flags::REQUEST, 9, &[]).unwrap();
    socket.send_to(request, NetlinkAddress::KERNEL).unwrap();
    assert_eq!(
        socket.recv(&mut buffer[..10]),
        Err(RecvError::Truncated { len: 36 })
    );
    socket.set_ext_ack(true).unwrap();
    socket.set_no_enobufs(true).unwrap();
    socket.set_strict(true).unwrap();
    assert_eq!(
        Socket::open(Protocol(1000)).unwrap_err(),
        Errno::PROTONOSUPPORT
    );
    let nobody = NetlinkAddress::new(u32::MAX - 7, 0);
    let refused = socket.send_to(request, nobody).unwrap_err();
    assert!(matches!(refused, Errno::CONNREFUSED | Errno::PERM));
}

#[test]
fn processes_talk_by_groups() {
    let _check = LeakCheck::begin();
    let (one, other) = (
        Socket::open(Protocol::USERSOCK).unwrap(),
        Socket::open(Protocol::USERSOCK).unwrap(),
    );
    let mut buffer = [0; 64];
    let message = message::write(&mut buffer, 100, Flags::empty(), 1, b"hello").unwrap();
    let group = NetlinkAddress::new(0, 1 << 4);
    // Without a number it would hear nothing.
    other.bind(NetlinkAddress::default()).unwrap();
    match other.join(5) {
        Err(Errno::PERM) => {
            skipped!("groups need privilege here");
            return;
        }
        result => result.unwrap(),
    }
    // It also goes to the number, under which the kernel has none of this protocol.
    assert_eq!(one.send_to(message, group), Err(Errno::CONNREFUSED));
    let mut received = [0; 64];
    let (len, from) = other.recv_until(&mut received, limit()).unwrap();
    assert_eq!(&received[..len], message);
    assert_eq!(
        from,
        NetlinkAddress {
            groups: 16,
            ..address::local(&one).unwrap()
        }
    );
    other.leave(5).unwrap();
    one.send_to(message, group).unwrap_err();
    assert_eq!(other.try_recv(&mut received), Err(Errno::AGAIN.into()));
    assert_eq!(other.join(1_000_000), Err(Errno::INVAL));
}

// Processes.

/// Makes room for what others do meanwhile: as much as this user may have.
fn make_room(monitor: &Monitor) {
    const ROOM: usize = 8 << 20;
    if option::force_receive_buffer(monitor, ROOM).is_err() {
        option::set_receive_buffer(monitor, ROOM).unwrap();
    }
}

/// A monitor that the kernel tells, if it does.
fn monitor(open: impl Fn() -> Result<Monitor, Errno>) -> Option<Monitor> {
    let monitor = match open() {
        Err(errno) => {
            skipped!("no process events here: {errno}");
            return None;
        }
        Ok(monitor) => monitor,
    };
    let patience = Deadline::after(Duration::from_secs(5));
    loop {
        match monitor.next_until(patience) {
            Ok(Event {
                what: What::Listening(result),
                ..
            }) => {
                result.unwrap();
                return Some(monitor);
            }
            // Others', which go on and on.
            Ok(_) if !patience.has_passed() => {}
            Ok(_) => {
                skipped!("the kernel tells this namespace what others ask for only");
                return None;
            }
            Err(errno) => {
                skipped!("the kernel tells this namespace no process events: {errno}");
                return None;
            }
        }
    }
}

#[test]
fn events_of_process_are_reported() {
    let _check = LeakCheck::begin();
    let Some(monitor) = monitor(Monitor::open) else {
        return;
    };
    make_room(&monitor);
    let mut child = Child::fork(|| {
        let name = c"rawipc-test".as_ptr();
        // SAFETY: reads a constant.
        unsafe { libc::prctl(libc::PR_SET_NAME, name) };
        // SAFETY: no memory is involved.
        unsafe { libc::setsid() };
        if rustix::process::getuid().is_root() {
            // SAFETY: no memory is involved.
            unsafe { libc::syscall(libc::SYS_setgid, 65534) };
            // SAFETY: no memory is involved.
            unsafe { libc::syscall(libc::SYS_setuid, 65534) };
        }
        // SAFETY: reads constants.
        unsafe { libc::execl(c"/bin/true".as_ptr(), c"true".as_ptr(), 0_usize) };
        1
    });
    let pid = u32::try_from(child.id()).unwrap();
    let me = Thread {
        thread: pid,
        process: pid,
    };
    let mut told = Vec::new();
    let begin = monitor.next().unwrap().time;
    let mut last = begin;
    loop {
        let event = monitor.next_until(limit()).unwrap();
        last = last.max(event.time);
        match event.what {
            What::Fork { child, parent } if child == me => {
                told.push("fork");
                assert_ne!(parent, Thread::default());
            }
            What::Name { by, name } if by == me && name.starts_with(b"rawipc-test\0") => {
                told.push("name");
            }
            What::Session { by } if by == me => told.push("session"),
            What::Group { by, real, .. } if by == me => {
                assert_eq!(real.as_raw(), 65534);
                told.push("group");
            }
            What::User {
                by,
                real,
                effective,
            } if by == me => {
                assert_eq!((real.as_raw(), effective.as_raw()), (65534, 65534));
                told.push("user");
            }
            What::Exec { by } if by == me => told.push("exec"),
            What::Exit {
                by,
                status,
                signal,
                parent,
            } if by == me => {
                told.push("exit");
                assert_eq!((status, signal), (0, libc::SIGCHLD as u32));
                assert_eq!(parent.process, std::process::id());
                break;
            }
            _ => {}
        }
    }
    assert_eq!(child.wait(), End::Exited(0));
    if !told.contains(&"fork") {
        // It can have been the one that was taken to know the time.
        told.insert(0, "fork");
    }
    let mut expected = vec!["fork", "name", "session", "group", "user", "exec", "exit"];
    if !rustix::process::geteuid().is_root() {
        expected.retain(|what| *what != "group" && *what != "user");
    }
    assert_eq!(told, expected);
    assert!(last >= begin);
}

#[test]
fn killed_process_and_its_tracer_are_reported() {
    let _check = LeakCheck::begin();
    let Some(monitor) = monitor(Monitor::open) else {
        return;
    };
    make_room(&monitor);
    let mut child = Child::fork(|| {
        loop {
            // SAFETY: no memory is involved.
            unsafe { libc::pause() };
        }
    });
    let pid = u32::try_from(child.id()).unwrap();
    // SAFETY: no memory is involved.
    let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, child.id(), 0, 0) };
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    let (mut traced, mut killed) = (seized != 0, false);
    while !killed {
        match monitor.next_until(limit()).unwrap().what {
            What::Trace { of, by: Some(by) } if of.process == pid => {
                assert_eq!(by.process, std::process::id());
                traced = true;
            }
            What::Exit { by, status, .. } if by.process == pid => {
                assert_eq!(status, libc::SIGKILL as u32);
                killed = true;
            }
            _ => {}
        }
    }
    assert!(traced);
}

/// Whether the running kernel is at least of this version.
fn kernel_is(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (major, minor)
}

#[test]
fn monitor_of_some_kinds_reports_only_these() {
    let _check = LeakCheck::begin();
    if !kernel_is(6, 6) {
        skipped!("kernels before 6.6 tell everything or nothing");
        return;
    }
    if monitor(Monitor::open).is_none() {
        return;
    }
    let exits = Monitor::open_for(Kinds::EXIT).unwrap();
    let failures = Monitor::open_for(Kinds::FAILURE).unwrap();
    make_room(&exits);
    make_room(&failures);
    let mut good = Child::fork(|| 0);
    assert_eq!(good.wait(), End::Exited(0));
    let mut bad = Child::fork(|| 3);
    assert_eq!(bad.wait(), End::Exited(3));
    let [good, bad] = [good.id(), bad.id()].map(|pid| u32::try_from(pid).unwrap());
    for (monitor, expected) in [
        (exits, &[(good, 0), (bad, 3 << 8)][..]),
        (failures, &[(bad, 3 << 8)]),
    ] {
        let mut told = Vec::new();
        while !told.contains(&(bad, 3 << 8)) {
            match monitor.next_until(limit()).unwrap().what {
                What::Exit { by, status, .. } => {
                    if [good, bad].contains(&by.process) {
                        told.push((by.process, status));
                    }
                }
                other => panic!("not asked for: {other:?}"),
            }
        }
        assert_eq!(told, expected);
    }
}

#[test]
fn monitor_hears_of_its_own_request() {
    let _check = LeakCheck::begin();
    let Some(first) = monitor(Monitor::open) else {
        return;
    };
    make_room(&first);
    // Its request is acknowledged, and the one that it makes when it goes.
    drop(monitor(Monitor::open).expect("as the first"));
    let mut child = Child::fork(|| 0);
    let pid = u32::try_from(child.id()).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    loop {
        match first.next_until(limit()).unwrap().what {
            What::Listening(result) => panic!("of another: {result:?}"),
            What::Exit { by, .. } if by.process == pid => return,
            _ => {}
        }
    }
}

#[test]
fn events_forged_by_process_are_ignored() {
    let _check = LeakCheck::begin();
    let Some(monitor) = monitor(Monitor::open) else {
        return;
    };
    let at: NetlinkAddress = address::local(&monitor).unwrap();
    let liar = Socket::open(Protocol::CONNECTOR).unwrap();
    // The exec of a process that cannot be.
    let words = [1_u32, 1, 0, 0, 24, 2, 0, 0, 0, u32::MAX, u32::MAX];
    let body: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    assert!(Event::parse(&body).is_some());
    let mut buffer = [0; 128];
    let lie = message::write(&mut buffer, 3, Flags::empty(), 0, &body).unwrap();
    match liar.send_to(lie, NetlinkAddress::new(at.port, 0)) {
        Err(Errno::PERM) => {
            skipped!("only the privileged can send to others");
            return;
        }
        result => result.unwrap(),
    }
    let mut child = Child::fork(|| 0);
    let pid = u32::try_from(child.id()).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    loop {
        match monitor.next_until(limit()).unwrap().what {
            What::Exec { by } => assert_ne!(by.process, u32::MAX),
            What::Exit { by, .. } if by.process == pid => break,
            _ => {}
        }
    }
}

#[test]
fn lost_events_are_reported_once() {
    let _check = LeakCheck::begin();
    let Some(monitor) = monitor(Monitor::open) else {
        return;
    };
    option::set_receive_buffer(&monitor, 0).unwrap();
    for _ in 0..64 {
        Child::fork(|| 0).wait();
    }
    let mut lost = 0;
    loop {
        match monitor.try_next() {
            Ok(_) => {}
            Err(Errno::NOBUFS) => lost += 1,
            Err(Errno::AGAIN) => break,
            Err(errno) => panic!("{errno}"),
        }
    }
    assert!(lost >= 1);
    // And it goes on.
    Child::fork(|| 0).wait();
    while monitor.next_until(limit()) == Err(Errno::NOBUFS) {}
}

// The list of sockets.

fn diag() -> Option<Diag> {
    match Diag::open() {
        Err(Errno::PROTONOSUPPORT) => {
            skipped!("the kernel has no sock_diag");
            None
        }
        diag => Some(diag.unwrap()),
    }
}

fn inode(fd: impl AsFd) -> u32 {
    u32::try_from(rustix::fs::fstat(fd).unwrap().st_ino).unwrap()
}

#[test]
fn sockets_are_listed_with_all_attributes() {
    let _check = LeakCheck::begin();
    let Some(diag) = diag() else { return };
    let path = std::env::temp_dir().join(format!("rawipc-test-{}-diag", std::process::id()));
    let at = UnixAddress::pathname(&path).unwrap();
    let listener = BindOptions::new().backlog(7).listen_stream(&at).unwrap();
    let guard = address::RemoveOnDrop::new(&at).unwrap();
    let file = std::fs::symlink_metadata(&path).unwrap();
    let waiting = stream::connect(&at).unwrap();
    let (one, other) = seqpacket::pair().unwrap();
    one.send(b"waits").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    let name = format!("rawipc-test-{}-diag", std::process::id());
    let name = UnixAddress::abstract_name(name.as_bytes()).unwrap();
    let bound = datagram::bind(&name).unwrap();

    let mut buffer = [0; 8192];
    let (mut seen, mut count) = (Vec::new(), 0);
    let mut list = diag.list(States::all(), Show::all(), &mut buffer).unwrap();
    while let Some(record) = list.next().unwrap() {
        count += 1;
        if record.inode == inode(&listener) {
            seen.push("listener");
            assert_eq!(
                (record.kind, record.state),
                (Kind::Stream, State::Listening)
            );
            assert_eq!(record.cookie, option::cookie(&listener).unwrap());
            assert_eq!(record.name(), Some(at));
            assert_eq!(
                record.file().unwrap().inode,
                u32::try_from(file.ino() & 0xffff_ffff).unwrap()
            );
            assert_eq!(record.peer(), None);
            assert!(record.pending().eq([inode(&waiting)]));
            let queue = record.queue().unwrap();
            assert_eq!((queue.receive, queue.send), (1, 7));
        } else if record.inode == inode(&one) {
            seen.push("one");
            assert_eq!(
                (record.kind, record.state),
                (Kind::Seqpacket, State::Established)
            );
            assert_eq!(record.name(), None);
            assert_eq!(record.file(), None);
            assert_eq!(record.peer(), Some(inode(&other)));
            assert_eq!(record.pending().count(), 0);
            assert_eq!(record.shutdown(), Some((true, false)));
            assert_eq!(record.uid(), Some(rustix::process::getuid()));
            assert!(record.queue().unwrap().send > 0);
            let memory = record.memory().unwrap();
            assert_eq!(
                memory.send_buffer as usize,
                option::send_buffer(&one).unwrap()
            );
            assert!(memory.send > 0 && memory.receive == 0);
        } else if record.inode == inode(&other) {
            seen.push("other");
            assert_eq!(record.shutdown(), Some((false, true)));
            assert_eq!(record.queue().unwrap().receive, 5);
        } else if record.inode == inode(&bound) {
            seen.push("bound");
            assert_eq!(
                (record.kind, record.state),
                (Kind::Datagram, State::Unconnected)
            );
            assert_eq!(record.name(), Some(name));
        }
    }
    assert_eq!(list.next().unwrap().map(|record| record.inode), None);
    let _ = list.is_consistent();
    drop(list);
    seen.sort_unstable();
    assert_eq!(seen, ["bound", "listener", "one", "other"]);
    assert!(count >= 5);
    drop(guard);
}

#[test]
fn list_is_of_requested_states() {
    let _check = LeakCheck::begin();
    let Some(diag) = diag() else { return };
    let listener = stream::listen(&UnixAddress::UNNAMED).unwrap();
    let (one, _other) = stream::pair().unwrap();
    let mut buffer = [0; 8192];
    for (states, state) in [
        (States::LISTENING, State::Listening),
        (States::ESTABLISHED, State::Established),
    ] {
        let mut found = [false; 2];
        let mut list = diag.list(states, Show::empty(), &mut buffer).unwrap();
        while let Some(record) = list.next().unwrap() {
            assert_eq!(record.state, state);
            assert_eq!(record.name(), None);
            found[0] |= record.inode == inode(&listener);
            found[1] |= record.inode == inode(&one);
        }
        assert_eq!(
            found,
            [state == State::Listening, state == State::Established]
        );
    }
    // A list that is not read to its end disturbs nobody.
    let _ = diag
        .list(States::all(), Show::all(), &mut buffer)
        .unwrap()
        .next()
        .unwrap();
    let record = diag
        .get(inode(&one), None, Show::PEER, &mut buffer)
        .unwrap();
    assert_eq!(record.inode, inode(&one));
}

#[test]
fn one_socket_can_be_requested() {
    let _check = LeakCheck::begin();
    let Some(diag) = diag() else { return };
    assert_eq!(option::kind(&diag), Ok(Kind::Raw));
    let (one, other) = stream::pair().unwrap();
    let mut buffer = [0; 1024];
    let cookie = option::cookie(&one).unwrap();
    let record = diag
        .get(inode(&one), Some(cookie), Show::PEER, &mut buffer)
        .unwrap();
    assert_eq!((record.inode, record.cookie), (inode(&one), cookie));
    assert_eq!(record.peer(), Some(inode(&other)));
    let wrong = diag.get(inode(&one), Some(cookie + 1), Show::PEER, &mut buffer);
    assert_eq!(wrong.unwrap_err(), Errno::STALE);
    let none = inode(&one);
    drop((one, other));
    // Children of other tests can have copies for a moment.
    let begin = std::time::Instant::now();
    let gone = loop {
        match diag.get(none, None, Show::PEER, &mut buffer) {
            Ok(_) => assert!(begin.elapsed() < LIMIT, "it does not go away"),
            Err(errno) => break errno,
        }
    };
    assert_eq!(gone, Errno::NOENT);
    // Too short a buffer.
    let (one, _other) = stream::pair().unwrap();
    let mut little = [0; 20];
    let short = diag.get(inode(&one), None, Show::PEER, &mut little);
    assert_eq!(short.unwrap_err(), Errno::MSGSIZE);
    diag.get(inode(&one), None, Show::PEER, &mut buffer)
        .unwrap();
}
