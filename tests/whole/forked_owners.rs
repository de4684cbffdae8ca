//! Owners of which a forked child has a copy: what the child's copy does when it is
//! dropped, it does to nothing of the parent's, and to nothing of the child's own.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::fs::File;

use rawipc::lock::{Kind, Owner, flock, lease, ofd, process};
use rawipc::memory::MapOptions;
use rawipc::ring::{AttachError, spsc};
use rawipc::signal::timer::{self, Clock, Notify, Schedule};
use rawipc::socket::netlink::diag::{Diag, Show, States};
use rawipc::socket::netlink::process::{Monitor, What};
use rawipc::{Deadline, Errno};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use support::{Child, End, Folder, LIMIT, LeakCheck};

/// A forked child drops its copy of `owner`.
fn dropped_by_a_child<T>(owner: &T) {
    let mut child = Child::fork(|| {
        drop_copy(owner);
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// Drops the copy that this process, a forked child, has of `owner`.
fn drop_copy<T>(owner: &T) {
    // SAFETY: nobody uses it afterwards: this process exits without unwinding.
    drop(unsafe { core::ptr::from_ref(owner).read() });
}

/// The same file, open twice: by us, and by somebody else.
fn opened_twice(folder: &Folder) -> (File, File) {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let open = || options.open(folder.at("file")).unwrap();
    (open(), open())
}

#[test]
fn flock_guard_dropped_in_child_keeps_parents_lock() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("forked-flock");
    let (ours, theirs) = opened_twice(&folder);
    let guard = flock::lock(&ours, Kind::Exclusive).unwrap();
    dropped_by_a_child(&guard);
    let refused = flock::try_lock(&theirs, Kind::Shared).map(drop);
    assert_eq!(refused, Err(Errno::AGAIN));
    drop(guard);
    assert!(flock::try_lock(&theirs, Kind::Shared).is_ok());
}

#[test]
fn flock_unlocked_in_child_is_unlocked_for_both() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("forked-flock-unlocked");
    let (ours, theirs) = opened_twice(&folder);
    let guard = flock::lock(&ours, Kind::Exclusive).unwrap();
    let mut child = Child::fork(|| {
        // SAFETY: nobody uses it afterwards: this process exits.
        let guard = unsafe { core::ptr::from_ref(&guard).read() };
        i32::from(guard.unlock().is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert!(flock::try_lock(&theirs, Kind::Exclusive).is_ok());
}

#[test]
fn record_guard_dropped_in_child_keeps_parents_lock() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("forked-record");
    let (ours, theirs) = opened_twice(&folder);
    let guard = ofd::lock(&ours, 3..5, Kind::Exclusive).unwrap();
    dropped_by_a_child(&guard);
    let holder = ofd::holder(&theirs, .., Kind::Shared).unwrap();
    assert_eq!(holder.map(|held| held.owner), Some(Owner::Description));
    drop(guard);
    assert_eq!(ofd::holder(&theirs, .., Kind::Exclusive), Ok(None));
}

#[test]
fn posix_guard_dropped_in_child_keeps_childs_own_lock() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("forked-posix");
    let (ours, theirs) = opened_twice(&folder);
    let guard = process::lock(&ours, 3..5, Kind::Exclusive).unwrap();
    // So that the child can have it.
    process::unlock(&ours, ..).unwrap();
    let mut child = Child::fork(|| {
        let Ok(own) = process::try_lock(&theirs, 3..5, Kind::Exclusive) else {
            return 1;
        };
        drop_copy(&guard);
        let held = ofd::holder(&theirs, .., Kind::Exclusive);
        own.keep();
        i32::from(!matches!(held, Ok(Some(_)))) * 2
    });
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn lease_guard_dropped_in_child_keeps_parents_lease() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("forked-lease");
    let file = File::create(folder.at("file")).unwrap();
    let guard = match lease::take(&file, Kind::Exclusive) {
        Err(Errno::INVAL) => {
            skipped!("the folder for temporary files has no leases");
            return;
        }
        // Another test's child has the file open for a moment.
        Err(Errno::AGAIN) => {
            skipped!("another process has the file open");
            return;
        }
        guard => guard.unwrap(),
    };
    dropped_by_a_child(&guard);
    assert_eq!(lease::held(&file), Ok(Some(Kind::Exclusive)));
    guard.give_back().unwrap();
}

#[test]
fn timer_dropped_in_child_keeps_childs_own_timer() {
    let _check = LeakCheck::begin();
    let create = || timer::create(Clock::Monotonic, Notify::Nobody);
    let ours = create().unwrap();
    let mut child = Child::fork(|| {
        // A process counts its timers from 0, or goes on from where its parent was.
        let mut own = [const { None }; 64];
        for place in &mut own {
            *place = create().ok();
        }
        let mut numbers = own.iter().flatten().map(timer::Timer::id);
        let Some(same) = numbers.position(|id| id == ours.id()) else {
            return 77;
        };
        drop_copy(&ours);
        let set = own
            .get(same)
            .and_then(Option::as_ref)
            .map(|timer| timer.set(Schedule::every(Duration::from_secs(60))));
        i32::from(!matches!(set, Some(Ok(_))))
    });
    match child.wait() {
        End::Exited(77) => skipped!("a child's timers have other numbers here"),
        end => assert_eq!(end, End::Exited(0)),
    }
    assert!(ours.remaining().is_ok());
}

#[test]
fn process_monitor_dropped_in_child_keeps_telling() {
    let _check = LeakCheck::begin();
    let monitor = match Monitor::open() {
        Err(Errno::PERM | Errno::PROTONOSUPPORT | Errno::CONNREFUSED) => {
            skipped!("the kernel tells nothing of processes here");
            return;
        }
        monitor => monitor.unwrap(),
    };
    let soon = Deadline::after(Duration::from_secs(1));
    match monitor.next_until(soon).map(|event| event.what) {
        Err(Errno::TIMEDOUT) | Ok(What::Listening(Err(_))) => {
            skipped!("the kernel tells nothing of processes here");
            return;
        }
        _ => {}
    }
    dropped_by_a_child(&monitor);
    let mut child = Child::fork(|| 0);
    let pid = u32::try_from(child.id()).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    loop {
        match monitor
            .next_until(Deadline::after(LIMIT))
            .map(|event| event.what)
        {
            Ok(What::Exit { by, .. }) if by.process == pid => break,
            Ok(_) | Err(Errno::NOBUFS) => {}
            Err(errno) => panic!("{errno}"),
        }
    }
}

#[test]
fn socket_list_dropped_in_child_leaves_the_rest_to_its_parent() {
    let _check = LeakCheck::begin();
    let diag = match Diag::open() {
        Err(Errno::PROTONOSUPPORT) => {
            skipped!("the kernel has no sock_diag");
            return;
        }
        diag => diag.unwrap(),
    };
    // More than one piece.
    let sockets: Vec<_> = (0..200)
        .map(|_| rawipc::socket::stream::pair().unwrap())
        .collect();
    let mut buffer = [0; 8192];
    let mut list = diag.list(States::all(), Show::all(), &mut buffer).unwrap();
    assert!(list.next().unwrap().is_some());
    // If nothing is left the wait has an end.
    set_socket_timeout(&diag, Timeout::Recv, Some(LIMIT)).unwrap();
    dropped_by_a_child(&list);
    let mut count = 1;
    while list.next().unwrap().is_some() {
        count += 1;
    }
    assert!(count >= 2 * sockets.len(), "only {count}");
}

/// The child has something of its own where the ring was.
#[test]
fn ring_endpoints_dropped_in_child_touch_neither_ring_nor_childs_memory() {
    let _check = LeakCheck::begin();
    const LEN: usize = 16 * 4096;
    let ring: spsc::Ring = spsc::Ring::create(4096).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut consumer = ring.consumer().unwrap();
    let before = producer.peer();
    let mut child = Child::fork(|| {
        // The first holes that are large enough, the ring's among them.
        let mut maps = [const { None }; 64];
        for place in &mut maps {
            let map = MapOptions::private(LEN).map_anonymous();
            let Some(map) = map.ok().filter(|map| map.fill(.., 7).is_ok()) else {
                return 1;
            };
            *place = Some(map);
        }
        drop_copy(&producer);
        drop_copy(&consumer);
        let mut bytes = [0; LEN];
        for map in maps.iter().flatten() {
            if map.read_at(0, &mut bytes).is_err() || bytes.iter().any(|byte| *byte != 7) {
                return 2;
            }
        }
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    // Neither end has been closed or left.
    assert_eq!(producer.peer(), before);
    assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
    assert_eq!(ring.consumer().err(), Some(AttachError::Occupied));
    producer.send(b"still there").unwrap();
    let mut buffer = [0; 16];
    assert_eq!(consumer.recv(&mut buffer), Ok(11));
    drop(producer);
    assert_eq!(consumer.recv(&mut buffer), Err(rawipc::ring::Error::Closed));
}

/// Where the number of the process alone does not tell the two apart.
#[test]
fn guard_dropped_in_first_process_of_nested_namespace_keeps_makers_lock() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("forked-first");
    let (ours, theirs) = opened_twice(&folder);
    // The next child is the first process of its namespace.
    // SAFETY: descriptors and memory stay shared.
    let nest = || unsafe { unshare_unsafe(UnshareFlags::NEWPID) };
    let mut outer = Child::fork(|| {
        if nest().is_err() {
            return 77;
        }
        exit_of(|| {
            let Ok(guard) = flock::lock(&ours, Kind::Exclusive) else {
                return 1;
            };
            if nest().is_err() {
                return 77;
            }
            let dropped = exit_of(|| {
                drop_copy(&guard);
                i32::from(rawipc::process::id().as_raw_pid() != 1)
            });
            if dropped != 0 {
                return 2;
            }
            if flock::try_lock(&theirs, Kind::Shared).map(drop) != Err(Errno::AGAIN) {
                return 3;
            }
            // And its maker's drop releases it.
            drop(guard);
            i32::from(flock::try_lock(&theirs, Kind::Shared).is_err()) * 4
        })
    });
    match outer.wait() {
        End::Exited(77) => skipped!("no PID namespace may be made"),
        end => assert_eq!(end, End::Exited(0)),
    }
}

#[test]
fn lock_of_first_process_without_free_descriptors_is_released() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("forked-full");
    let (ours, theirs) = opened_twice(&folder);
    let lock = || flock::lock(&ours, Kind::Exclusive).ok();
    let is_free = || flock::try_lock(&theirs, Kind::Shared).is_ok();
    let mut outer = Child::fork(|| {
        // SAFETY: descriptors and memory stay shared.
        if unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.is_err() {
            return 77;
        }
        exit_of(|| {
            // Full when it is released, then when it is taken.
            let before = lock();
            let free = getrlimit(Resource::Nofile);
            let full = Rlimit {
                current: Some(0),
                ..free
            };
            if before.is_none() || setrlimit(Resource::Nofile, full).is_err() {
                return 1;
            }
            drop(before);
            if !is_free() {
                return 2;
            }
            let within = lock();
            if within.is_none() || setrlimit(Resource::Nofile, free).is_err() {
                return 3;
            }
            drop(within);
            i32::from(!is_free()) * 4
        })
    });
    match outer.wait() {
        End::Exited(77) => skipped!("no PID namespace may be made"),
        end => assert_eq!(end, End::Exited(0)),
    }
}

/// What a child that runs `body` exits with. For children of children, which may not
/// panic.
fn exit_of(body: impl FnOnce() -> i32) -> i32 {
    use rawipc::process::{self, Fork, State, WaitFlags};
    // SAFETY: the child only makes system calls, then exits.
    match unsafe { process::fork() } {
        Ok(Fork::Child) => {
            let dies = process::set_parent_death_signal(Some(rawipc::Signal::KILL));
            process::exit(if dies.is_ok() { body() } else { 5 })
        }
        Ok(Fork::Parent(child)) => match process::wait(child, WaitFlags::EXITED) {
            Ok(change) => match change.state {
                State::Exited(status) => status.into(),
                _ => 6,
            },
            Err(_) => 7,
        },
        Err(_) => 8,
    }
}
