//! Limits: each is read rightly, and several are really reached, in a process of
//! their own: the refusal is then explained by the limit that it was.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use std::fs;

use rawipc::event::inotify::{self, InotifyFlags, WatchFlags};
use rawipc::event::poller::{self, PollerFlags};
use rawipc::limits::{Call, Limit, Reading, Value, explain};
use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::memory::{Lock, MapOptions};
use rawipc::process::{self, Fork};
use rawipc::{Errno, Signal};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use support::{LeakCheck, Peer, PeerArgs};

fn number(value: Value) -> u64 {
    match value {
        Value::Number(number) => number,
        Value::Unlimited => panic!("unlimited"),
    }
}

fn read(limit: Limit) -> Reading {
    limit.read().unwrap()
}

fn last_error() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap()
}

fn lower(resource: Resource, limit: u64) {
    let limit = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(resource, limit).unwrap();
}

/// What the file `/proc/sys/…` of a limit says, by its name.
fn file(name: &str) -> Option<u64> {
    let (name, word) = match name.split_once(" (") {
        Some((name, place)) => (name, place[..1].parse::<usize>().unwrap() - 1),
        None => (name, 0),
    };
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    let text = fs::read_to_string(path).ok()?;
    let word = text.split_whitespace().nth(word)?;
    // What is more than 64 bits is the largest.
    Some(word.parse().unwrap_or(u64::MAX))
}

#[test]
fn every_limit_is_what_the_system_says() {
    let _check = LeakCheck::begin();
    let mut seen = std::collections::BTreeSet::new();
    for &limit in Limit::ALL {
        let name = limit.name();
        assert!(seen.insert(name), "{name} twice");
        assert!(!limit.unit().is_empty() && !limit.scope().is_empty());
        assert_eq!(limit.to_string(), name);
        if name.starts_with("RLIMIT_") {
            let reading = read(limit);
            assert!(reading.hard.is_some());
            continue;
        }
        let (reading, said) = (limit.read(), file(name));
        match (reading, said) {
            (Ok(reading), Some(0)) if reading.value == Value::Unlimited => {
                assert!(name.starts_with("fs.pipe-user"));
            }
            (Ok(reading), Some(said)) => {
                assert_eq!(reading.value, Value::Number(said), "{name}");
                assert_eq!(reading.hard, None);
                assert_eq!(reading.limit, limit);
                let text = reading.to_string();
                assert!(text.starts_with(&format!("{name} = {said} ")), "{text}");
            }
            (Err(Errno::NOENT), None) => skipped!("no {name} in this kernel"),
            (reading, said) => panic!("{name}: {reading:?}, and the file says {said:?}"),
        }
    }
    for (limit, resource) in [
        (Limit::Descriptors, Resource::Nofile),
        (Limit::PosixQueueBytes, Resource::Msgqueue),
        (Limit::LockedBytes, Resource::Memlock),
        (Limit::QueuedSignals, Resource::Sigpending),
        (Limit::Processes, Resource::Nproc),
        (Limit::FileBytes, Resource::Fsize),
        (Limit::AddressSpace, Resource::As),
    ] {
        let (reading, said) = (read(limit), getrlimit(resource));
        assert_eq!(reading.value, said.current.into());
        assert_eq!(reading.hard, Some(said.maximum.into()));
    }
}

#[test]
fn what_is_in_use_is_counted() {
    if let Some(mut half) = PeerArgs::role("counts") {
        let in_use = |limit| read(limit).in_use.unwrap();
        let before = in_use(Limit::Descriptors);
        assert_eq!(
            before,
            fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1
        );
        let files = [0; 3].map(|_| fs::File::open("/").unwrap());
        assert_eq!(in_use(Limit::Descriptors), before + 3);
        assert!(in_use(Limit::Files) >= 3);
        drop(files);

        let page = rustix::param::page_size();
        let before = in_use(Limit::LockedBytes);
        let mapping = MapOptions::shared(4 * page).map_anonymous().unwrap();
        mapping.lock(.., Lock::Now).unwrap();
        assert_eq!(in_use(Limit::LockedBytes), before + 4 * page as u64);
        let before = in_use(Limit::AddressSpace);
        let large = MapOptions::private(1 << 30).map_anonymous().unwrap();
        assert!(in_use(Limit::AddressSpace) >= before + (1 << 30));
        drop((mapping, large));
        assert!(in_use(Limit::Mappings) > 3 && in_use(Limit::Threads) > 1);
        assert!(read(Limit::QueuedSignals).in_use.is_some());
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "counts", &[]);
    peer.expect("done");
    peer.finish();
}

#[test]
fn a_limit_tells_how_far_it_can_be_raised() {
    if PeerArgs::role("lowers").is_some() {
        let limit = |current, maximum| {
            let limit = Rlimit { current, maximum };
            setrlimit(Resource::Sigpending, limit).unwrap();
            read(Limit::QueuedSignals)
        };
        let reading = limit(Some(5), Some(9));
        assert_eq!(
            (reading.value, reading.hard),
            (Value::Number(5), Some(Value::Number(9)))
        );
        let text = reading.to_string();
        assert!(
            text.contains(" = 5 ") && text.contains("(can be raised to 9)"),
            "{text}"
        );
        let text = limit(Some(9), Some(9)).to_string();
        assert!(text.contains(" = 9 ") && !text.contains("raised"), "{text}");
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "lowers", &[]).finish();
}

#[test]
fn what_is_no_limit_is_said_to_be_none() {
    let none = explain(Call::Semget, Errno::ACCESS);
    assert_eq!((none.call(), none.errno()), (Call::Semget, Errno::ACCESS));
    assert_eq!(none.limits(), []);
    assert_eq!(
        none.to_string(),
        "semget: error 13 is no limit of the system"
    );
    let noted = explain(Call::Semop, Errno::RANGE);
    assert_eq!(noted.limits(), []);
    assert!(noted.note().contains("32767"));
    assert_eq!(
        noted.to_string(),
        format!("semop: ERANGE: {}", noted.note())
    );
}

#[test]
fn every_explanation_can_be_shown() {
    const CALLS: &[Call] = &[
        Call::Msgget,
        Call::Msgsnd,
        Call::MsgctlSet,
        Call::Semget,
        Call::Semop,
        Call::SemctlSet,
        Call::Shmget,
        Call::Shmat,
        Call::ShmctlLock,
        Call::MqOpen,
        Call::MqSend,
        Call::MqNotify,
        Call::Pipe,
        Call::PipeCapacity,
        Call::Descriptor,
        Call::ReceiveDescriptors,
        Call::SendDescriptors,
        Call::SendDatagram,
        Call::Connect,
        Call::InotifyInit,
        Call::InotifyAddWatch,
        Call::EpollAdd,
        Call::Mmap,
        Call::Mremap,
        Call::Mlock,
        Call::FileSize,
        Call::Sigqueue,
        Call::TimerCreate,
        Call::Fork,
        Call::Setrlimit,
    ];
    let mut named = std::collections::BTreeSet::new();
    for &call in CALLS {
        let mut explained = 0;
        for errno in (1..=133).map(Errno::from_raw_os_error) {
            let explanation = explain(call, errno);
            let text = explanation.to_string();
            assert!(text.starts_with(&call.to_string()), "{text}");
            for limit in explanation.limits() {
                assert!(text.contains(limit.name()), "{text}");
                assert!(!text.contains("error "), "an error without a name: {text}");
                named.insert(limit.name());
            }
            let lines = explanation.limits().len() + usize::from(!explanation.note().is_empty());
            assert!(text.lines().count() <= lines + 1);
            explained += usize::from(lines > 0);
        }
        assert!(explained > 0, "nothing is known of {call}");
    }
    // What no call is refused for: defaults, and what is dropped or cut instead.
    let silent = [
        Limit::PosixQueueMessagesDefault,
        Limit::PosixMessageBytesDefault,
        Limit::InotifyQueue,
        Limit::ReceiveBuffer,
    ];
    for limit in Limit::ALL {
        assert_eq!(
            named.contains(limit.name()),
            !silent.contains(limit),
            "{limit}"
        );
    }
}

/// Runs the half `role` of a test in a process whose limits it may change.
fn apart(test: &str, role: &str) {
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test, role, &[]);
    let word = peer.channel().hear();
    if let Some(why) = word.strip_prefix("skip ") {
        skipped!("{why}");
    } else {
        assert_eq!(word, "done");
    }
    peer.finish();
}

/// Asserts that the explanation names the limit first, and that its value is in it.
fn explained(call: Call, errno: Errno, limit: Limit) {
    let explanation = explain(call, errno);
    assert!(explanation.limits().contains(&limit), "{explanation}");
    let value = read(limit).value.to_string();
    let line = format!("{} = {value} ", limit.name());
    let text = explanation.to_string();
    assert!(text.contains(&line), "{text}");
    println!("{text}");
}

/// Becomes a user without privileges.
fn drop_privileges() -> bool {
    // SAFETY: no memory is involved.
    rustix::process::geteuid().as_raw() != 0 || unsafe { libc::setresuid(65534, 65534, 65534) } == 0
}

#[test]
fn limits_of_descriptors_are_reached() {
    if let Some(mut half) = PeerArgs::role("descriptors") {
        lower(Resource::Nofile, 20);
        let mut events = Vec::new();
        let errno = loop {
            match poller::create(PollerFlags::empty()) {
                Ok(event) => events.push(event),
                Err(errno) => break errno,
            }
        };
        assert_eq!(errno, Errno::MFILE);
        events.pop();
        explained(Call::Descriptor, errno, Limit::Descriptors);
        let reading = read(Limit::Descriptors);
        assert_eq!(number(reading.value), 20);
        // One was closed; some may have higher numbers, from before.
        assert!(reading.in_use >= Some(19));
        let error = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(1 << 40),
                maximum: Some(1 << 40),
            },
        );
        let errno = error.unwrap_err();
        assert_eq!(errno, Errno::PERM);
        explained(Call::Setrlimit, errno, Limit::DescriptorsMost);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "descriptors");
}

#[test]
fn limits_of_locked_memory_are_reached() {
    if let Some(mut half) = PeerArgs::role("locked") {
        let page = rustix::param::page_size();
        lower(Resource::Memlock, 4 * page as u64);
        if !drop_privileges() {
            return half.channel.say("skip privileges cannot be dropped");
        }
        let mapping = MapOptions::shared(8 * page).map_anonymous().unwrap();
        let errno = mapping.lock(.., Lock::Now).unwrap_err();
        explained(Call::Mlock, errno, Limit::LockedBytes);
        lower(Resource::Memlock, 0);
        let errno = mapping.lock(..1, Lock::Now).unwrap_err();
        assert_eq!(errno, Errno::PERM);
        explained(Call::Mlock, errno, Limit::LockedBytes);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "locked");
}

#[test]
#[allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "libc's calls in a row, each on borrowed places"
)]
fn limits_of_queued_signals_are_reached() {
    if let Some(mut half) = PeerArgs::role("signals") {
        // Of all processes of the user: how many there are already is not ours to say.
        lower(Resource::Sigpending, 0);
        // SAFETY: the structures are borrowed for the calls; the signal is blocked.
        let errno = unsafe {
            let mut set: libc::sigset_t = core::mem::zeroed();
            libc::sigaddset(&raw mut set, libc::SIGRTMIN());
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, core::ptr::null_mut());
            let value = libc::sigval {
                sival_ptr: core::ptr::null_mut(),
            };
            assert_eq!(libc::sigqueue(libc::getpid(), libc::SIGRTMIN(), value), -1);
            last_error()
        };
        assert_eq!(errno, Errno::AGAIN);
        explained(Call::Sigqueue, errno, Limit::QueuedSignals);
        let mut timer = core::ptr::null_mut();
        // SAFETY: the place for the timer is borrowed for the call.
        let result = unsafe {
            libc::timer_create(libc::CLOCK_MONOTONIC, core::ptr::null_mut(), &raw mut timer)
        };
        assert_eq!((result, last_error()), (-1, Errno::AGAIN));
        explained(Call::TimerCreate, Errno::AGAIN, Limit::QueuedSignals);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "signals");
}

#[test]
fn limits_of_processes_are_reached() {
    if let Some(mut half) = PeerArgs::role("processes") {
        lower(Resource::Nproc, 0);
        if !drop_privileges() {
            return half.channel.say("skip privileges cannot be dropped");
        }
        // SAFETY: the child, should there be one, exits.
        match unsafe { process::fork() } {
            Err(errno) => {
                assert_eq!(errno, Errno::AGAIN);
                explained(Call::Fork, errno, Limit::Processes);
                half.channel.say("done");
            }
            Ok(Fork::Child) => process::exit(0),
            Ok(Fork::Parent(child)) => {
                process::wait(child, process::WaitFlags::EXITED).unwrap();
                half.channel.say("skip this user may have more processes");
            }
        }
        return;
    }
    apart(test_name!(), "processes");
}

#[test]
fn limits_of_files_are_reached() {
    if let Some(mut half) = PeerArgs::role("files") {
        lower(Resource::Fsize, 1 << 16);
        // SAFETY: only ignores a signal.
        unsafe { libc::signal(Signal::XFSZ.as_raw(), libc::SIG_IGN) };
        let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
        memfd.set_size(1 << 16).unwrap();
        let errno = memfd.set_size((1 << 16) + 1).unwrap_err();
        assert_eq!(errno, Errno::FBIG);
        explained(Call::FileSize, errno, Limit::FileBytes);
        assert_eq!(memfd.write_at(1 << 16, b"x"), Err(Errno::FBIG));
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "files");
}

#[test]
fn limits_of_address_space_are_reached() {
    if let Some(mut half) = PeerArgs::role("space") {
        lower(Resource::As, 1 << 31);
        let errno = MapOptions::private(1 << 31).map_anonymous().unwrap_err();
        assert_eq!(errno, Errno::NOMEM);
        explained(Call::Mmap, errno, Limit::AddressSpace);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "space");
}

#[test]
fn limits_of_pipes_are_reached() {
    if let Some(mut half) = PeerArgs::role("pipes") {
        if !drop_privileges() {
            return half.channel.say("skip privileges cannot be dropped");
        }
        // One pipe too large, then too many pages in many.
        let largest = number(read(Limit::PipeBytes).value);
        let (reader, _writer) = std::io::pipe().unwrap();
        let grow = |pipe: &std::io::PipeReader, size: u64| {
            rustix::pipe::fcntl_setpipe_size(pipe, size as usize).map(drop)
        };
        let errno = grow(&reader, largest * 2).unwrap_err();
        assert_eq!(errno, Errno::PERM);
        explained(Call::PipeCapacity, errno, Limit::PipeBytes);
        let Value::Number(soft) = read(Limit::PipePagesSoft).value else {
            return half.channel.say("done");
        };
        let page = rustix::param::page_size() as u64;
        let each = largest / page;
        if soft / each > 200 {
            return half
                .channel
                .say("skip more pages in pipes than shall be taken");
        }
        let mut pipes = Vec::new();
        for _ in 0..=soft / each {
            let (reader, writer) = std::io::pipe().unwrap();
            pipes.push((grow(&reader, largest), reader, writer));
        }
        let errno = pipes.last().unwrap().0.unwrap_err();
        assert_eq!(errno, Errno::PERM);
        explained(Call::PipeCapacity, errno, Limit::PipePagesSoft);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "pipes");
}

#[test]
fn limits_of_inotify_are_reached() {
    if let Some(mut half) = PeerArgs::role("inotify") {
        if !drop_privileges() {
            return half.channel.say("skip privileges cannot be dropped");
        }
        let most = number(read(Limit::InotifyInstances).value);
        if most > 500 {
            return half.channel.say("skip more instances than shall be made");
        }
        lower(Resource::Nofile, 1000);
        let mut all = Vec::new();
        let errno = loop {
            match inotify::create(InotifyFlags::empty()) {
                Ok(inotify) => all.push(inotify),
                Err(errno) => break errno,
            }
        };
        assert_eq!(errno, Errno::MFILE);
        assert!(all.len() as u64 <= most);
        explained(Call::InotifyInit, errno, Limit::InotifyInstances);
        all[0].watch("/", WatchFlags::CREATE).unwrap();
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "inotify");
}

/// An IPC namespace of this process alone, whose limits are nobody else's.
fn namespace() -> bool {
    // SAFETY: no memory is involved.
    unsafe { libc::unshare(libc::CLONE_NEWIPC) == 0 }
}

fn set(name: &str, value: &str) {
    fs::write(format!("/proc/sys/{name}"), value).unwrap();
}

/// The error of a call of libc that failed.
fn failed(result: i32) -> Errno {
    assert_eq!(result, -1);
    last_error()
}

#[test]
fn limits_of_semaphores_are_reached() {
    if let Some(mut half) = PeerArgs::role("semaphores") {
        if !namespace() {
            return half.channel.say("skip no IPC namespace is to be had");
        }
        // At most 10 in a set, 15 in all, 3 operations at once, 2 sets.
        set("kernel/sem", "10 15 3 2");
        assert_eq!(number(read(Limit::SemaphoresPerSet).value), 10);
        assert_eq!(number(read(Limit::SemaphoreOperations).value), 3);
        // SAFETY: no memory is involved.
        let get = |count| unsafe { libc::semget(libc::IPC_PRIVATE, count, 0o600) };
        let errno = failed(get(11));
        assert_eq!(errno, Errno::INVAL);
        explained(Call::Semget, errno, Limit::SemaphoresPerSet);
        let first = get(10);
        assert!(first >= 0);
        // Semaphores first, with a set to spare.
        let errno = failed(get(6));
        assert_eq!(errno, Errno::NOSPC);
        explained(Call::Semget, errno, Limit::Semaphores);
        assert!(get(1) >= 0);
        // And then sets, with semaphores to spare.
        let errno = failed(get(1));
        assert_eq!(errno, Errno::NOSPC);
        explained(Call::Semget, errno, Limit::SemaphoreSets);
        assert_eq!(read(Limit::Semaphores).in_use, Some(11));
        assert_eq!(read(Limit::SemaphoreSets).in_use, Some(2));

        let mut operations = [libc::sembuf {
            sem_num: 0,
            sem_op: 1,
            sem_flg: 0,
        }; 4];
        // SAFETY: so many operations are borrowed for the call.
        let result = unsafe { libc::semop(first, operations.as_mut_ptr(), 4) };
        let errno = failed(result);
        assert_eq!(errno, Errno::TOOBIG);
        explained(Call::Semop, errno, Limit::SemaphoreOperations);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "semaphores");
}

#[test]
fn limits_of_messages_are_reached() {
    if let Some(mut half) = PeerArgs::role("messages") {
        if !namespace() {
            return half.channel.say("skip no IPC namespace is to be had");
        }
        set("kernel/msgmax", "100");
        set("kernel/msgmnb", "150");
        set("kernel/msgmni", "2");
        // SAFETY: no memory is involved.
        let get = || unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) };
        let queue = get();
        assert!(queue >= 0 && get() >= 0);
        let errno = failed(get());
        assert_eq!(errno, Errno::NOSPC);
        explained(Call::Msgget, errno, Limit::MessageQueues);
        assert_eq!(read(Limit::MessageQueues).in_use, Some(2));

        let mut message = [0_u8; 8 + 200];
        message[0] = 1;
        // SAFETY: the message is long enough and borrowed for the call.
        let send = |len| unsafe {
            let message = message.as_ptr().cast();
            libc::msgsnd(queue, message, len, libc::IPC_NOWAIT)
        };
        let errno = failed(send(101));
        assert_eq!(errno, Errno::INVAL);
        explained(Call::Msgsnd, errno, Limit::MessageBytes);
        assert_eq!(send(100), 0);
        let errno = failed(send(51));
        assert_eq!(errno, Errno::AGAIN);
        explained(Call::Msgsnd, errno, Limit::MessageQueueBytes);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "messages");
}

#[test]
fn limits_of_segments_are_reached() {
    if let Some(mut half) = PeerArgs::role("segments") {
        if !namespace() {
            return half.channel.say("skip no IPC namespace is to be had");
        }
        let page = rustix::param::page_size();
        set("kernel/shmmax", &(8 * page).to_string());
        set("kernel/shmall", "10");
        set("kernel/shmmni", "2");
        // SAFETY: no memory is involved.
        let get = |size| unsafe { libc::shmget(libc::IPC_PRIVATE, size, 0o600) };
        let errno = failed(get(8 * page + 1));
        assert_eq!(errno, Errno::INVAL);
        explained(Call::Shmget, errno, Limit::SegmentBytes);
        assert!(get(7 * page + 1) >= 0);
        let errno = failed(get(3 * page));
        assert_eq!(errno, Errno::NOSPC);
        explained(Call::Shmget, errno, Limit::SegmentPages);
        assert_eq!(read(Limit::SegmentPages).in_use, Some(8));
        assert!(get(1) >= 0);
        let errno = failed(get(1));
        assert_eq!(errno, Errno::NOSPC);
        explained(Call::Shmget, errno, Limit::Segments);
        assert_eq!(read(Limit::Segments).in_use, Some(2));
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "segments");
}

#[test]
fn limits_of_posix_queues_are_reached() {
    if let Some(mut half) = PeerArgs::role("queues") {
        if !namespace() {
            return half.channel.say("skip no IPC namespace is to be had");
        }
        let open = |name: &core::ffi::CStr, messages, size| {
            // SAFETY: all zeros are a value.
            let mut attributes: libc::mq_attr = unsafe { core::mem::zeroed() };
            (attributes.mq_maxmsg, attributes.mq_msgsize) = (messages, size);
            let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR;
            // SAFETY: a C string and attributes, borrowed for the call.
            let queue =
                unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const attributes) };
            match queue {
                -1 => Err(last_error()),
                queue => Ok(queue),
            }
        };
        lower(Resource::Msgqueue, 5000);
        let errno = open(c"/a", 10, 1000).unwrap_err();
        assert_eq!(errno, Errno::MFILE);
        explained(Call::MqOpen, errno, Limit::PosixQueueBytes);

        set("fs/mqueue/queues_max", "1");
        if !drop_privileges() {
            return half.channel.say("skip privileges cannot be dropped");
        }
        let errno = open(c"/a", 11, 8).unwrap_err();
        assert_eq!(errno, Errno::INVAL);
        explained(Call::MqOpen, errno, Limit::PosixQueueMessages);
        let errno = open(c"/a", 1, 8193).unwrap_err();
        assert_eq!(errno, Errno::INVAL);
        explained(Call::MqOpen, errno, Limit::PosixMessageBytes);
        open(c"/a", 1, 8).unwrap();
        let errno = open(c"/b", 1, 8).unwrap_err();
        assert_eq!(errno, Errno::NOSPC);
        explained(Call::MqOpen, errno, Limit::PosixQueues);
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "queues");
}

#[test]
fn limits_of_datagrams_are_reached() {
    use std::os::unix::net::UnixDatagram;
    let _check = LeakCheck::begin();
    let (sender, _receiver) = UnixDatagram::pair().unwrap();
    sender.set_nonblocking(true).unwrap();
    let error = (0..1_000_000)
        .find_map(|_| sender.send(b"x").err())
        .unwrap();
    let errno = Errno::from_io_error(&error).unwrap();
    assert_eq!(errno, Errno::AGAIN);
    explained(Call::SendDatagram, errno, Limit::DatagramQueue);
    let error = sender.send(&vec![0; 64 << 20]).unwrap_err();
    let errno = Errno::from_io_error(&error).unwrap();
    assert_eq!(errno, Errno::MSGSIZE);
    explained(Call::SendDatagram, errno, Limit::SendBufferDefault);
}

#[test]
fn without_proc_it_is_said_that_it_cannot_be_read() {
    if let Some(mut half) = PeerArgs::role("blind") {
        // SAFETY: only this process's view of the file system; the path is a C string.
        let changed = unsafe { libc::chroot(c"/proc/self/fdinfo".as_ptr()) } == 0;
        // SAFETY: the path is a C string.
        let blind = changed && unsafe { libc::chdir(c"/".as_ptr()) } == 0;
        if !blind {
            return half.channel.say("skip this user cannot change its root");
        }
        assert_eq!(Limit::SemaphoreSets.read().err(), Some(Errno::NOENT));
        let text = explain(Call::Semget, Errno::NOSPC).to_string();
        assert!(text.contains("kernel.sem (4th) (cannot be read"), "{text}");
        // Resource limits need no file.
        assert!(read(Limit::Descriptors).in_use.is_none());
        half.channel.say("done");
        return;
    }
    apart(test_name!(), "blind");
}
