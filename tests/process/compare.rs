//! What two processes share, and descriptors taken out of one.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::pid;
use crate::support;

use core::cmp::Ordering;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rawipc::event::poller::{self, Interest, PollerFlags};
use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::process::compare::{self, SharedResource, Watched};
use rawipc::process::pidfd;
use rawipc::{Deadline, Errno, Pid};
use rustix::io::{FdFlags, dup, fcntl_getfd};
use rustix::process::getpid;
use support::child::become_nobody;
use support::filter::{Refusal, refuse};
use support::{Child, End, LIMIT, LeakCheck, Peer, PeerArgs};

const RESOURCES: [SharedResource; 6] = [
    SharedResource::Memory,
    SharedResource::Descriptors,
    SharedResource::FileSystem,
    SharedResource::SignalActions,
    SharedResource::IoContext,
    SharedResource::SemaphoreUndo,
];

/// Whether this kernel compares at all.
fn compares() -> bool {
    match compare::resource(getpid(), getpid(), SharedResource::Memory) {
        Err(Errno::NOSYS) => {
            skipped!("this kernel was built without kcmp");
            false
        }
        answer => {
            assert_eq!(answer, Ok(Ordering::Equal));
            true
        }
    }
}

fn memfd() -> OwnedFd {
    memfd::create("rawipc-test", MemfdFlags::empty())
        .unwrap()
        .into()
}

/// A child that does nothing until it is killed.
fn idle() -> (Child, Pid) {
    let child = Child::fork(|| {
        loop {
            std::thread::yield_now();
        }
    });
    let pid = Pid::from_raw(child.id()).unwrap();
    (child, pid)
}

fn order(one: &OwnedFd, other: &OwnedFd) -> Ordering {
    let own = getpid();
    compare::descriptors((own, one.as_raw_fd()), (own, other.as_raw_fd())).unwrap()
}

#[test]
fn descriptions_compare_equal_or_ordered() {
    let _check = LeakCheck::begin();
    if !compares() {
        return;
    }
    let mut files: Vec<OwnedFd> = (0..20).map(|_| memfd()).collect();
    for one in &files {
        let again = dup(one).unwrap();
        assert_eq!(order(one, &again), Ordering::Equal);
        // The same file, opened again, is another description.
        let path = format!("/proc/self/fd/{}", one.as_raw_fd());
        let reopened: OwnedFd = std::fs::File::open(path).unwrap().into();
        assert_ne!(order(one, &reopened), Ordering::Equal);
        for other in &files {
            assert_eq!(order(one, other), order(other, one).reverse());
            let same = one.as_raw_fd() == other.as_raw_fd();
            assert_eq!(order(one, other) == Ordering::Equal, same);
        }
    }
    // An order that sorts.
    files.sort_by(order);
    for (index, one) in files.iter().enumerate() {
        for other in &files[index + 1..] {
            assert_eq!(order(one, other), Ordering::Less);
        }
    }
}

#[test]
fn inherited_descriptors_compare_equal() {
    if let Some(mut args) = PeerArgs::role("heir") {
        let file = args.descriptor(0);
        let again = dup(&file).unwrap();
        args.channel
            .say(&format!("{} {}", file.as_raw_fd(), again.as_raw_fd()));
        args.channel.expect("end");
        return;
    }
    let _check = LeakCheck::begin();
    if !compares() {
        return;
    }
    let (file, other) = (memfd(), memfd());
    let mut peer = Peer::start(test_name!(), "heir", &[file.as_raw_fd()]);
    let said = peer.channel().hear();
    let (own, theirs) = (getpid(), pid(&peer));
    for number in said.split(' ') {
        let number: RawFd = number.parse().unwrap();
        let to =
            |fd: &OwnedFd| compare::descriptors((own, fd.as_raw_fd()), (theirs, number)).unwrap();
        assert_eq!(to(&file), Ordering::Equal);
        assert_ne!(to(&other), Ordering::Equal);
    }
    for number in [-1, 1 << 20, RawFd::MAX, RawFd::MIN] {
        let answer = compare::descriptors((own, file.as_raw_fd()), (theirs, number));
        assert_eq!(answer, Err(Errno::BADF));
    }
    peer.say("end");
    peer.finish();
}

#[test]
fn threads_share_resources_and_forked_children_do_not() {
    let _check = LeakCheck::begin();
    if !compares() {
        return;
    }
    let own = getpid();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let thread = rustix::thread::gettid();
            for resource in RESOURCES {
                let answer = compare::resource(own, thread, resource);
                if matches!(
                    resource,
                    SharedResource::IoContext | SharedResource::SemaphoreUndo
                ) {
                    // Both have none, or one of their own.
                    assert!(answer.is_ok(), "{resource:?}");
                } else {
                    assert_eq!(answer, Ok(Ordering::Equal), "{resource:?}");
                }
            }
        });
    });
    let (child, pid) = idle();
    for resource in RESOURCES {
        assert_eq!(compare::resource(pid, pid, resource), Ok(Ordering::Equal));
        let answer = compare::resource(own, pid, resource).unwrap();
        let back = compare::resource(pid, own, resource).unwrap();
        assert_eq!(answer, back.reverse(), "{resource:?}");
        if !matches!(
            resource,
            SharedResource::IoContext | SharedResource::SemaphoreUndo
        ) {
            assert_ne!(answer, Ordering::Equal, "{resource:?}");
        }
    }
    drop(child);
}

#[test]
fn file_watched_by_epoll_compares_equal() {
    let _check = LeakCheck::begin();
    if !compares() {
        return;
    }
    let own = getpid();
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let again = dup(&reader).unwrap();
    let poller = poller::create(PollerFlags::empty()).unwrap();
    poller.add(&reader, 1, Interest::IN).unwrap();
    let target = Watched {
        epoll: rawipc::AsFd::as_fd(&poller).as_raw_fd(),
        number: reader.as_raw_fd(),
        nth: 0,
    };
    let is = |fd: &OwnedFd, target| compare::watched((own, fd.as_raw_fd()), (own, target));
    if is(&reader, target) == Err(Errno::INVAL) {
        skipped!("this kernel does not compare what is watched");
        return;
    }
    assert_eq!(is(&reader, target), Ok(Ordering::Equal));
    assert_eq!(is(&again, target), Ok(Ordering::Equal));
    assert_ne!(is(&writer, target), Ok(Ordering::Equal));
    let not_there = Watched { nth: 1, ..target };
    assert_eq!(is(&reader, not_there), Err(Errno::NOENT));
    let not_added = Watched {
        number: writer.as_raw_fd(),
        ..target
    };
    assert_eq!(is(&writer, not_added), Err(Errno::NOENT));
    let no_instance = Watched {
        epoll: writer.as_raw_fd(),
        ..target
    };
    assert_eq!(is(&reader, no_instance), Err(Errno::INVAL));
    for target in [
        Watched {
            epoll: -1,
            ..target
        },
        Watched {
            number: -1,
            ..target
        },
        Watched {
            epoll: 1 << 20,
            ..target
        },
    ] {
        assert_eq!(is(&reader, target), Err(Errno::BADF), "{target:?}");
    }
}

/// Waits until a process has ended, and does not reap it.
fn await_zombie(pid: Pid) {
    let pidfd = pidfd::open(pid).unwrap();
    pidfd.wait_exit_until(Deadline::after(LIMIT)).unwrap();
}

#[test]
fn ended_processes_have_nothing_to_compare() {
    let _check = LeakCheck::begin();
    if !compares() {
        return;
    }
    let own = getpid();
    let file = memfd();
    let (mut one, one_pid) = idle();
    let (mut other, other_pid) = idle();
    one.kill();
    other.kill();
    await_zombie(one_pid);
    await_zombie(other_pid);
    let both = compare::resource(one_pid, other_pid, SharedResource::Memory);
    assert!(matches!(both, Ok(Ordering::Equal) | Err(Errno::SRCH)));
    let number = file.as_raw_fd();
    let answer = compare::descriptors((own, number), (one_pid, number));
    assert_eq!(answer, Err(Errno::BADF));
    assert_eq!(one.wait(), End::Killed(libc::SIGKILL));
    assert_eq!(other.wait(), End::Killed(libc::SIGKILL));
    for resource in RESOURCES {
        let answer = compare::resource(own, one_pid, resource);
        assert_eq!(answer, Err(Errno::SRCH));
    }
    let answer = compare::descriptors((own, number), (one_pid, number));
    assert_eq!(answer, Err(Errno::SRCH));
}

/// As by a kernel that was built without these calls.
#[test]
fn absent_calls_are_reported() {
    let _check = LeakCheck::begin();
    let absent = |number| Refusal {
        number,
        argument: 0,
        mask: 0,
        value: 0,
        errno: libc::ENOSYS,
    };
    // The filter stays with its thread.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if !refuse(&[absent(libc::SYS_kcmp), absent(libc::SYS_pidfd_getfd)]) {
                skipped!("this system has no filters");
                return;
            }
            let own = getpid();
            let answer = compare::resource(own, own, SharedResource::Memory);
            assert_eq!(answer, Err(Errno::NOSYS));
            let answer = compare::descriptors((own, 0), (own, 0));
            assert_eq!(answer, Err(Errno::NOSYS));
            let own = pidfd::open(own).unwrap();
            assert_eq!(own.get_fd(0).map(drop), Err(Errno::NOSYS));
        });
    });
}

#[test]
fn another_user_is_refused() {
    let _check = LeakCheck::begin();
    if !support::needs::root() {
        return;
    }
    let compares = compares();
    let us = getpid();
    let mut child = Child::fork(|| {
        if !become_nobody() {
            return 99;
        }
        let own = getpid();
        let denied = [
            !compares || compare::resource(us, own, SharedResource::Memory) == Err(Errno::PERM),
            !compares || compare::descriptors((own, 0), (us, 0)) == Err(Errno::PERM),
            pidfd::open(us).and_then(|us| us.get_fd(0)).map(drop) == Err(Errno::PERM),
        ];
        denied.iter().filter(|&&denied| !denied).count() as i32
    });
    assert_eq!(child.wait(), End::Exited(0));
}

// --- Descriptors of another process ---

/// The peer's half: has a file, whose number it says.
fn be_owner() -> bool {
    let Some(mut args) = PeerArgs::role("owner") else {
        return false;
    };
    let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
    memfd.set_size(100).unwrap();
    memfd.write_at(0, b"the peer's").unwrap();
    let file = OwnedFd::from(memfd);
    args.channel.say(&file.as_raw_fd().to_string());
    args.channel.expect("look");
    // The position is one for both.
    let position = rustix::fs::tell(&file).unwrap();
    args.channel.say(&position.to_string());
    args.channel.expect("end");
    true
}

#[test]
fn get_fd_duplicates_another_processs_descriptor() {
    if be_owner() {
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "owner", &[]);
    let number: RawFd = peer.channel().hear().parse().unwrap();
    let pidfd = pidfd::open(pid(&peer)).unwrap();
    let copy = pidfd.get_fd(number).unwrap();
    assert_eq!(fcntl_getfd(&copy), Ok(FdFlags::CLOEXEC));
    let mut bytes = [0; 10];
    assert_eq!(rustix::io::read(&copy, &mut bytes), Ok(10));
    assert_eq!(&bytes, b"the peer's");
    if compares() {
        let same = compare::descriptors((getpid(), copy.as_raw_fd()), (pid(&peer), number));
        assert_eq!(same, Ok(Ordering::Equal));
    }
    peer.say("look");
    peer.expect("10");
    for number in [-1, 1 << 20, RawFd::MAX, RawFd::MIN] {
        assert_eq!(pidfd.get_fd(number).map(drop), Err(Errno::BADF));
    }
    peer.say("end");
    peer.finish();
    // It outlives the process that it came from.
    assert_eq!(rustix::io::pread(&copy, &mut bytes, 0), Ok(10));
}

#[test]
fn get_fd_of_ended_process_is_refused() {
    if be_owner() {
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "owner", &[]);
    let number: RawFd = peer.channel().hear().parse().unwrap();
    let pidfd = pidfd::open(pid(&peer)).unwrap();
    peer.kill_only();
    pidfd.wait_exit_until(Deadline::after(LIMIT)).unwrap();
    let zombies = pidfd.get_fd(number).map(drop);
    // The second before Linux 6.8.
    assert!(matches!(zombies, Err(Errno::SRCH | Errno::BADF)));
    peer.wait();
    assert_eq!(pidfd.get_fd(number).map(drop), Err(Errno::SRCH));
    // What is no pidfd.
    let file = pidfd::Pidfd::from(memfd());
    assert_eq!(file.get_fd(0).map(drop), Err(Errno::BADF));
}

/// Killed at any moment: a descriptor of the file that was there, or ESRCH. (While it
/// dies its descriptors go first: EBADF, if it still counts as alive then.)
#[test]
fn get_fd_beside_a_death_reports_it() {
    let _check = LeakCheck::begin();
    let file = memfd();
    let number = file.as_raw_fd();
    let mut copies = 0;
    for round in 0..100_u32 {
        let (mut child, pid) = idle();
        let pidfd = pidfd::open(pid).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| {
                let sender = sender;
                sender.send(()).unwrap();
                let mut copies = 0_u64;
                loop {
                    match pidfd.get_fd(number) {
                        Ok(_) => copies += 1,
                        Err(Errno::BADF) => {}
                        Err(errno) => {
                            assert_eq!(errno, Errno::SRCH);
                            return copies;
                        }
                    }
                }
            });
            receiver.recv().unwrap();
            for _ in 0..round * 20 {
                core::hint::spin_loop();
            }
            child.kill();
            // Reaped, so that every kernel says so.
            assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
            copies += taking.join().unwrap();
        });
    }
    println!("{copies} copies");
}
