//! What waits in a process that is stopped and continued, without any handler: with a
//! deadline it goes on, and what it waits for arrives. The kernel ends some of these calls
//! as if a handler had run.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::sync::atomic::AtomicU32;
use std::time::Instant;

use rawipc::event::Readiness;
use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::event::inotify::{self, InotifyFlags, WatchFlags};
use rawipc::event::poll::{self, PollFd};
use rawipc::event::poller::{self, Event, Interest, PollerFlags};
use rawipc::lock::{Kind, ofd};
use rawipc::memory::MapOptions;
use rawipc::pipe::{self, PipeFlags};
use rawipc::posix::semaphore::{Scope, Semaphore};
use rawipc::sync::futex;
use rawipc::sysv::message::{self, Message, ReceiveFlags, Select};
use rawipc::sysv::semaphore::{self, Operation};
use rawipc::sysv::{Create, Key};
use rawipc::{Signal, signal};
use support::{Child, End, Folder, LIMIT, LeakCheck, limit};

/// How often it is stopped and continued.
const STOPS: u32 = 3;

/// Stops and continues a child that waits, and lets what it waits for come: it gets it.
#[track_caller]
fn goes_on(name: &str, wait: impl FnOnce() -> bool, come: impl FnOnce(&Child)) {
    let mut child = Child::fork(|| i32::from(!wait()));
    for _ in 0..STOPS {
        if !becomes(&mut child, 'S') {
            break;
        }
        child.signal(libc::SIGSTOP);
        if !becomes(&mut child, 'T') {
            break;
        }
        child.signal(libc::SIGCONT);
    }
    // What it does after the last time, in any order with what comes.
    come(&child);
    assert_eq!(child.wait(), End::Exited(0), "{name}");
}

/// Waits until the child is in this state; `false`: it ends.
#[track_caller]
fn becomes(child: &mut Child, state: char) -> bool {
    let begin = Instant::now();
    loop {
        match child.state() {
            Some(now) if now == state => return true,
            Some('Z') => return false,
            _ => assert!(begin.elapsed() < LIMIT, "the child does not become {state}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn signal_waits_with_deadline_go_on_when_continued() {
    let _check = LeakCheck::begin();
    let waits =
        || signal::block(Signal::USR1).is_ok() && signal::wait_until(Signal::USR1, limit()).is_ok();
    goes_on("signal::wait_until", waits, |child| {
        child.signal(libc::SIGUSR1)
    });
}

#[test]
fn pollers_with_deadline_go_on_when_continued() {
    let _check = LeakCheck::begin();
    let counter = eventfd::create(0, EventFdFlags::empty()).unwrap();
    let add = |_: &Child| counter.add(1).unwrap();
    let poller = poller::create(PollerFlags::empty()).unwrap();
    poller.add(&counter, 7, Interest::IN).unwrap();
    let mut events = [Event::EMPTY; 1];
    let wait = || poller.wait_until(&mut events, limit()).is_ok();
    goes_on("event::poller::wait_until", wait, add);
    counter.wait().unwrap();
    let wait = || poll::wait_until(&mut [PollFd::new(&counter, Readiness::IN)], limit()).is_ok();
    goes_on("event::poll::wait_until", wait, add);
    counter.wait().unwrap();
    let wait = || counter.wait_until(limit()).is_ok();
    goes_on("event::eventfd::wait_until", wait, add);
}

#[test]
fn readers_with_deadline_go_on_when_continued() {
    let _check = LeakCheck::begin();
    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let wait = || reader.read_until(&mut [0; 1], limit()).is_ok();
    goes_on("pipe::read_until", wait, |_| {
        writer.write(b"x").unwrap();
    });
    let folder = Folder::new("stopped-inotify");
    let watcher = inotify::create(InotifyFlags::empty()).unwrap();
    watcher.watch(folder.at("."), WatchFlags::CREATE).unwrap();
    let wait = || {
        watcher
            .read_until(&mut [0; inotify::EVENT_MAX], limit())
            .is_ok()
    };
    goes_on("event::inotify::read_until", wait, |_| {
        folder.file("file", "");
    });
}

#[test]
fn system_v_with_deadline_goes_on_when_continued() {
    let _check = LeakCheck::begin();
    let set = semaphore::create(Key::PRIVATE, 1, Create::NEW).unwrap();
    let wait = || {
        set.operate_until(&[Operation::decrement(0)], limit())
            .is_ok()
    };
    goes_on("sysv::semaphore::set::operate_until", wait, |_| {
        set.operate(&[Operation::increment(0)]).unwrap();
    });
    set.remove().unwrap();
    let queue = message::create(Key::PRIVATE, Create::NEW).unwrap();
    let wait = || {
        let mut message = Message::<[u8; 1]>::empty();
        let received =
            queue.receive_until(Select::Any, &mut message, ReceiveFlags::empty(), limit());
        received.is_ok()
    };
    goes_on("sysv::message::queue::receive_until", wait, |_| {
        queue.send(&Message::new(1, [7_u8])).unwrap();
    });
    queue.remove().unwrap();
}

#[test]
fn locks_and_semaphores_with_deadline_go_on_when_continued() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("stopped-lock");
    let path = folder.file("file", "");
    let open = || {
        std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap()
    };
    let (ours, theirs) = (open(), open());
    let guard = ofd::lock(&ours, .., Kind::Exclusive).unwrap();
    let wait = || ofd::lock_until(&theirs, .., Kind::Exclusive, limit()).is_ok();
    goes_on("lock::ofd::lock_until", wait, |_| drop(guard));

    let mapping = MapOptions::shared(4096).map_anonymous().unwrap();
    let posix = mapping.object::<Semaphore>(0).unwrap();
    posix.initialize(0, Scope::Processes).unwrap();
    let wait = || posix.wait_until(limit()).is_ok();
    goes_on("posix::semaphore::wait_until", wait, |_| {
        posix.post().unwrap()
    });
    // Without a deadline as well: the kernel knows that no handler has run.
    let wait = || posix.wait().is_ok();
    goes_on("posix::semaphore::wait", wait, |_| posix.post().unwrap());

    let word = mapping.object::<AtomicU32>(64).unwrap();
    let wait = || {
        let result = futex::wait_until(word, 0, futex::Scope::Shared, limit());
        matches!(result, Ok(()) | Err(rawipc::Errno::AGAIN))
    };
    goes_on("sync::futex::wait_until", wait, |_| {
        word.store(1, core::sync::atomic::Ordering::Relaxed);
        futex::wake(word, futex::ALL, futex::Scope::Shared).unwrap();
    });
}
