//! What becomes of other processes: their ends as events, what the kernel says of
//! them, whose children orphans are.
//!
//! The harness has threads, and so has the process that runs a test. What forks
//! runs in a process of its own, whose children only use the crate.

use crate::support;

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rawipc::event::Readiness;
use rawipc::event::poller::{self, Event, Interest, PollerFlags};
use rawipc::process::{
    self, Children, CloneFlags, CloneOptions, Cloned, Command, CoreFlags, Info, Pidfd, ProcessRef,
    State, WaitFlags, exec, pidfd,
};
use rawipc::{Deadline, Errno, Pid, Signal};
use support::alone::{alone, child, end_of, held_child, killed_by, sleep_for_ever};
use support::system_v::as_another_user;
use support::{LIMIT, LeakCheck, Peer, PeerArgs};

/// What the kernel says, on one that says it.
fn info(of: &Pidfd) -> Option<Info> {
    match of.info() {
        Ok(info) => Some(info),
        Err(Errno::NOTTY | Errno::INVAL) => {
            skipped!("PIDFD_GET_INFO needs Linux 6.13");
            None
        }
        Err(errno) => panic!("{errno:?}"),
    }
}

/// Whether this kernel tells of a process that has been reaped.
fn tells_ends() -> bool {
    let ended = pidfd::open(child(|| 0)).and_then(|pidfd| {
        process::wait(&pidfd, WaitFlags::EXITED)?;
        pidfd.info()
    });
    let tells = ended.is_ok_and(|info| info.end.is_some());
    if !tells {
        skipped!("ends are told from Linux 6.15 on");
    }
    tells
}

#[test]
fn info_of_living_process_has_numbers_and_credentials() {
    alone(test_name!(), || {
        let (pid, hold) = held_child(1);
        let pidfd = pidfd::open(pid).unwrap();
        let Some(info) = info(&pidfd) else {
            drop(hold);
            end_of(pid);
            return;
        };
        let numbers = info.numbers.unwrap();
        assert_eq!((numbers.pid, numbers.process), (pid, pid));
        assert_eq!(numbers.parent, Some(rustix::process::getpid()));
        let whose = info.credentials.unwrap();
        let uid = rustix::process::getuid();
        let gid = rustix::process::getgid();
        assert_eq!(
            [
                whose.real_user,
                whose.effective_user,
                whose.saved_user,
                whose.file_user
            ],
            [uid; 4]
        );
        assert_eq!(
            [
                whose.real_group,
                whose.effective_group,
                whose.saved_group,
                whose.file_group
            ],
            [gid; 4]
        );
        assert_eq!(info.end, None);

        // A zombie is still somebody.
        drop(hold);
        pidfd.wait_exit().unwrap();
        let zombie = pidfd.info().unwrap();
        assert_eq!(zombie.numbers.map(|numbers| numbers.pid), Some(pid));
        assert_eq!(zombie.end, None, "nobody has been told");
        assert_eq!(end_of(pid), State::Exited(1));
    });
}

#[test]
fn info_distinguishes_users() {
    alone(test_name!(), || {
        let (tell, told) = rustix::pipe::pipe().unwrap();
        let asked = rustix::process::geteuid().is_root();
        let pid = child(|| {
            let user = rustix::process::Uid::from_raw(4711);
            let group = rustix::process::Gid::from_raw(4712);
            if asked {
                let root = (rustix::process::Uid::ROOT, rustix::process::Gid::ROOT);
                let group = rustix::thread::set_thread_res_gid(root.1, group, root.1);
                let user = rustix::thread::set_thread_res_uid(root.0, user, root.0);
                if group.is_err() || user.is_err() {
                    return 1;
                }
            }
            let _ = rustix::io::write(&told, b"x");
            sleep_for_ever()
        });
        assert_eq!(rustix::io::read(&tell, &mut [0; 1]), Ok(1));
        let pidfd = pidfd::open(pid).unwrap();
        if asked && let Some(info) = info(&pidfd) {
            let whose = info.credentials.unwrap();
            let raw = |user: rustix::process::Uid| user.as_raw();
            assert_eq!(raw(whose.real_user), 0);
            assert_eq!(raw(whose.effective_user), 4711);
            assert_eq!(raw(whose.saved_user), 0);
            assert_eq!(raw(whose.file_user), 4711);
            let raw = |group: rustix::process::Gid| group.as_raw();
            assert_eq!(raw(whose.real_group), 0);
            assert_eq!(raw(whose.effective_group), 4712);
            assert_eq!(raw(whose.saved_group), 0);
            assert_eq!(raw(whose.file_group), 4712);
        }
        pidfd.send_signal(Signal::KILL).unwrap();
        assert_eq!(end_of(pid), killed_by(Signal::KILL));
    });
}

#[test]
fn info_after_reaping_has_the_end() {
    alone(test_name!(), || {
        if !tells_ends() {
            return;
        }
        for status in [0, 1, 127, 255] {
            let pid = child(|| status);
            let pidfd = pidfd::open(pid).unwrap();
            let change = process::wait(pid, WaitFlags::EXITED).unwrap();
            let info = pidfd.info().unwrap();
            assert_eq!(info.end, Some(change.state));
            assert_eq!(info.end, Some(State::Exited(status as u8)));
            assert_eq!((info.numbers, info.credentials), (None, None));
        }
        for signal in [Signal::KILL, Signal::TERM, Signal::USR2] {
            let (pid, _hold) = held_child(0);
            let pidfd = pidfd::open(pid).unwrap();
            pidfd.send_signal(signal).unwrap();
            end_of(pid);
            assert_eq!(pidfd.info().unwrap().end, Some(killed_by(signal)));
        }
    });
}

#[test]
fn info_after_crash_has_the_core() {
    alone(test_name!(), || {
        if !tells_ends() {
            return;
        }
        let none = rustix::process::Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        rustix::process::setrlimit(rustix::process::Resource::Core, none).unwrap();
        let (pid, _hold) = held_child(0);
        let pidfd = pidfd::open(pid).unwrap();
        let core = pidfd.info().unwrap().core;
        if let Some(core) = core {
            // What would be.
            assert!(
                core.flags
                    .intersects(CoreFlags::USER | CoreFlags::ROOT | CoreFlags::SKIPPED)
            );
            assert!(!core.flags.contains(CoreFlags::DUMPED));
            assert_eq!(core.signal, None);
        }
        pidfd.send_signal(Signal::QUIT).unwrap();
        let state = end_of(pid);
        let info = pidfd.info().unwrap();
        assert_eq!(info.end, Some(state));
        assert!(matches!(
            state,
            State::Signalled {
                signal: Signal::QUIT,
                ..
            }
        ));
        if let Some(core) = info.core {
            assert!(
                core.flags
                    .intersects(CoreFlags::DUMPED | CoreFlags::SKIPPED),
                "{core:?}"
            );
            assert!(matches!(core.signal, None | Some(Signal::QUIT)));
        }
    });
}

#[test]
fn info_of_a_stranger_is_returned() {
    let _check = LeakCheck::begin();
    if let Some(mut args) = PeerArgs::role("other") {
        args.channel.say("here");
        args.channel.expect("go");
        return;
    }
    let mut peer = Peer::start(test_name!(), "other", &[]);
    peer.expect("here");
    let pid = Pid::from_raw(peer.id() as i32).unwrap();
    let pidfd = pidfd::open(pid).unwrap();
    if let Some(info) = info(&pidfd) {
        assert_eq!(info.numbers.unwrap().process, pid);
        let parent = pidfd::open(process::parent_id().unwrap()).unwrap();
        assert_eq!(
            parent.info().unwrap().numbers.unwrap().pid,
            process::parent_id().unwrap()
        );
    }
    peer.say("go");
    peer.finish();
}

#[test]
fn info_of_foreign_descriptor_is_refused() {
    let _check = LeakCheck::begin();
    let null = Pidfd::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    assert_eq!(null.info(), Err(Errno::NOTTY));
}

#[test]
fn thousand_ends_at_once_are_all_reported() {
    alone(test_name!(), || {
        const CHILDREN: usize = 1000;
        let (wait_here, hold) = rustix::pipe::pipe().unwrap();
        let mut started = BTreeMap::new();
        for n in 0..CHILDREN {
            let pid = child(|| {
                // SAFETY: the child's copy is not used in any other way.
                unsafe { rustix::io::close(rustix::fd::AsRawFd::as_raw_fd(&hold)) };
                match rustix::io::read(&wait_here, &mut [0; 1]) {
                    Ok(0) => n as i32,
                    _ => -1,
                }
            });
            started.insert(pid.as_raw_pid(), State::Exited(n as u8));
        }
        drop(hold);
        let mut told = BTreeMap::new();
        while told.len() < CHILDREN {
            let change = process::wait(Children::Any, WaitFlags::EXITED).unwrap();
            let again = told.insert(change.pid.as_raw_pid(), change.state);
            assert_eq!(again, None, "told once");
        }
        assert_eq!(started, told);
        let all = WaitFlags::EXITED | WaitFlags::ALL;
        assert_eq!(process::try_wait(Children::Any, all), Err(Errno::CHILD));
    });
}

#[test]
fn pidfds_are_ready_in_a_poller_at_the_end() {
    alone(test_name!(), || {
        const CHILDREN: usize = 100;
        let poller = poller::create(PollerFlags::empty()).unwrap();
        let mut children = Vec::new();
        let mut holds = Vec::new();
        for n in 0..CHILDREN {
            let (pid, hold) = held_child(n as i32);
            let pidfd = pidfd::open(pid).unwrap();
            poller.add(&pidfd, n as u64, Interest::IN).unwrap();
            children.push(pidfd);
            holds.push(hold);
        }
        let mut events = [Event::EMPTY; 16];
        assert_eq!(
            poller.try_wait(&mut events).map(<[_]>::len),
            Err(Errno::AGAIN)
        );
        // Each hold is in the children after it too: the last ends first.
        holds.reverse();
        drop(holds);
        let mut reaped = 0;
        while reaped < CHILDREN {
            let events = poller
                .wait_until(&mut events, Deadline::after(LIMIT))
                .unwrap();
            for event in events {
                assert!(event.readiness().contains(Readiness::IN));
                let child = &children[event.token() as usize];
                let change = process::try_wait(child, WaitFlags::EXITED).unwrap();
                assert_eq!(change.state, State::Exited(event.token() as u8));
                poller.remove(child).unwrap();
                reaped += 1;
            }
        }
        assert_eq!(
            poller.try_wait(&mut events).map(<[_]>::len),
            Err(Errno::AGAIN)
        );
    });
}

#[test]
fn spawned_program_is_ready_in_a_poller_at_the_end() {
    let _check = LeakCheck::begin();
    let args = exec::List::of([c"sh", c"-c", c"exit 5"]);
    let child = Command::path(c"/bin/sh", &args, exec::Strings::EMPTY)
        .spawn()
        .unwrap();
    let poller = poller::create(PollerFlags::empty()).unwrap();
    poller.add(&child, 77, Interest::IN).unwrap();
    let mut events = [Event::EMPTY; 4];
    let events = poller
        .wait_until(&mut events, Deadline::after(LIMIT))
        .unwrap();
    assert_eq!((events.len(), events[0].token()), (1, 77));
    let change = process::wait_until(&child, Deadline::NOW).unwrap();
    assert_eq!((change.pid, change.state), (child.pid, State::Exited(5)));
}

#[test]
fn reused_number_does_not_move_a_pidfd() {
    alone(test_name!(), || {
        let old_pid = child(|| 3);
        let old = pidfd::open(old_pid).unwrap();
        assert_eq!(end_of(old_pid), State::Exited(3));

        // Another process with the same number.
        let numbers = [old_pid];
        let options = CloneOptions::new()
            .flags(CloneFlags::PIDFD)
            .numbers(&numbers);
        // SAFETY: the child only makes system calls.
        let new = match unsafe { options.fork() } {
            Ok(Cloned::Child) => sleep_for_ever(),
            Ok(Cloned::Parent { pid, pidfd }) => {
                assert_eq!(pid, old_pid);
                pidfd.unwrap()
            }
            Err(Errno::EXIST) => {
                skipped!("somebody else has the number by now");
                return;
            }
            Err(errno @ (Errno::PERM | Errno::NOSYS | Errno::TOOBIG)) => {
                skipped!("numbers cannot be chosen here: {errno:?}");
                return;
            }
            Err(errno) => panic!("{errno:?}"),
        };
        assert_eq!(old.send_signal(Signal::KILL), Err(Errno::SRCH));
        assert_eq!(process::wait(&old, WaitFlags::EXITED), Err(Errno::CHILD));
        assert_eq!(old.has_exited(), Ok(true));
        if let Ok(info) = old.info() {
            assert_eq!((info.end, info.numbers), (Some(State::Exited(3)), None));
        }
        assert_eq!(new.has_exited(), Ok(false), "and the other is unharmed");
        new.send_signal(Signal::KILL).unwrap();
        assert_eq!(end_of(old_pid), killed_by(Signal::KILL));
    });
}

#[test]
fn pidfd_of_another_user_is_watched_and_not_signalled() {
    alone(test_name!(), || {
        let (pid, hold) = held_child(4);
        let pidfd = pidfd::open(pid).unwrap();
        as_another_user(|| {
            let theirs = pidfd::open(pid).unwrap();
            assert_eq!(theirs.send_signal(Signal::KILL), Err(Errno::PERM));
            assert_eq!(pidfd.send_signal(Signal::KILL), Err(Errno::PERM));
            assert_eq!(theirs.has_exited(), Ok(false));
            if let Some(info) = info(&theirs) {
                assert_eq!(info.credentials.unwrap().real_user.as_raw(), 0);
            }
        });
        assert_eq!(pidfd.has_exited(), Ok(false));
        drop(hold);
        assert_eq!(end_of(pid), State::Exited(4));
    });
}

#[test]
fn pidfd_of_thread_after_exec_means_the_process() {
    let _check = LeakCheck::begin();
    if let Some(mut args) = PeerArgs::role("threads") {
        let (started, is_started) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let started = started.clone();
            std::thread::spawn(move || {
                started.send(()).unwrap();
                loop {
                    std::thread::park();
                }
            });
        }
        (0..3).for_each(|_| is_started.recv().unwrap());
        args.channel.say("threads");
        args.channel.expect("execute");
        let execute = || -> Errno {
            let args = exec::List::of([c"sh", c"-c", c"exit 42"]);
            exec::path(c"/bin/sh", &args, exec::Strings::EMPTY)
        };
        let why = std::thread::spawn(execute).join();
        panic!("{why:?}");
    }
    let mut peer = Peer::start(test_name!(), "threads", &[]);
    peer.expect("threads");
    let pid = Pid::from_raw(peer.id() as i32).unwrap();
    let process = pidfd::open(pid).unwrap();
    let first = pidfd::open_thread(pid);
    assert_eq!(process.has_exited(), Ok(false));
    peer.say("execute");
    // Not the end of the first thread, but of the program.
    let change = process::wait_until(&process, Deadline::after(LIMIT));
    let change = change.unwrap();
    assert_eq!((change.pid, change.state), (pid, State::Exited(42)));
    match first {
        Ok(first) => assert_eq!(first.has_exited(), Ok(true)),
        Err(errno) => assert_eq!(errno, Errno::INVAL, "before Linux 6.9"),
    }
    drop(peer);
}

#[test]
fn pidfd_of_thread_means_that_thread() {
    let _check = LeakCheck::begin();
    let (number, numbers) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        number.send(rustix::thread::gettid()).unwrap();
        let _ = wait.recv();
    });
    let tid = numbers.recv().unwrap();
    assert!(matches!(
        pidfd::open(tid).err(),
        Some(Errno::INVAL | Errno::NOENT)
    ));
    match pidfd::open_thread(tid) {
        Ok(pidfd) => {
            assert_eq!(pidfd.has_exited(), Ok(false));
            if let Some(info) = info(&pidfd) {
                let numbers = info.numbers.unwrap();
                assert_eq!(numbers.pid, tid);
                assert_eq!(numbers.process, rustix::process::getpid());
            }
            // No child, and never one.
            let told = process::try_wait(&pidfd, WaitFlags::EXITED);
            assert!(told.is_err_and(|errno| errno != Errno::AGAIN), "{told:?}");
            drop(go);
            thread.join().unwrap();
            pidfd.wait_exit_until(Deadline::after(LIMIT)).unwrap();
        }
        Err(errno) => {
            assert_eq!(errno, Errno::INVAL);
            skipped!("threads have descriptors from Linux 6.9 on");
            drop(go);
            thread.join().unwrap();
        }
    }
}

#[test]
fn wait_on_nonblocking_pidfd_returns_again() {
    alone(test_name!(), || {
        let (pid, hold) = held_child(6);
        let pidfd = pidfd::open(pid).unwrap();
        pidfd.set_nonblocking(true).unwrap();
        assert_eq!(process::wait(&pidfd, WaitFlags::EXITED), Err(Errno::AGAIN));
        assert_eq!(
            process::try_wait(&pidfd, WaitFlags::EXITED),
            Err(Errno::AGAIN)
        );
        assert_eq!(
            process::wait_until(&pidfd, Deadline::after(Duration::from_millis(5))),
            Err(Errno::TIMEDOUT)
        );
        pidfd.set_nonblocking(false).unwrap();
        drop(hold);
        let change = process::wait(&pidfd, WaitFlags::EXITED).unwrap();
        assert_eq!(change.state, State::Exited(6));
    });
}

#[test]
fn subreaper_adopts_orphans() {
    alone(test_name!(), || {
        assert_eq!(process::is_subreaper(), Ok(false));
        process::set_subreaper(true).unwrap();
        assert_eq!(process::is_subreaper(), Ok(true));
        let us = rustix::process::getpid();
        // It forks twice, and its grandchild sees its parent change.
        let (wait_here, hold) = rustix::pipe::pipe().unwrap();
        let (ready_here, ready) = rustix::pipe::pipe().unwrap();
        let middle = child(|| {
            if process::is_subreaper() != Ok(false) {
                return 1;
            }
            let own = rustix::process::getpid();
            let _orphan = child(|| {
                // SAFETY: the child's copy is not used in any other way.
                unsafe { rustix::io::close(rustix::fd::AsRawFd::as_raw_fd(&hold)) };
                // It shall outlive its parent.
                let outlive = process::set_parent_death_signal(None);
                let before = process::parent_id();
                let _ = rustix::io::write(&ready, b"x");
                let woken = rustix::io::read(&wait_here, &mut [0; 1]);
                let after = process::parent_id();
                let is_so =
                    outlive.is_ok() && before == Some(own) && woken == Ok(0) && after == Some(us);
                if is_so { 50 } else { 51 }
            });
            let _ = rustix::io::read(&ready_here, &mut [0; 1]);
            40
        });
        let first = process::wait(Children::Any, WaitFlags::EXITED).unwrap();
        assert_eq!(first.state, State::Exited(40));
        assert_eq!(first.pid, middle);
        drop(hold);
        let orphan = process::wait(Children::Any, WaitFlags::EXITED).unwrap();
        assert_eq!(orphan.state, State::Exited(50));
        process::set_subreaper(false).unwrap();
        assert_eq!(process::is_subreaper(), Ok(false));
    });
}

#[test]
fn parent_death_sends_the_signal() {
    alone(test_name!(), || {
        process::set_subreaper(true).unwrap();
        assert_eq!(process::parent_death_signal(), Ok(None), "of this thread");
        let (ready_here, ready) = rustix::pipe::pipe().unwrap();
        let middle = child(|| {
            let _grandchild = child(|| {
                let set = process::set_parent_death_signal(Some(Signal::USR1));
                let is_set = process::parent_death_signal() == Ok(Some(Signal::USR1));
                if set.is_ok() && is_set {
                    let _ = rustix::io::write(&ready, b"x");
                }
                sleep_for_ever()
            });
            let _ = rustix::io::read(&ready_here, &mut [0; 1]);
            30
        });
        let first = process::wait(middle, WaitFlags::EXITED).unwrap();
        assert_eq!(first.state, State::Exited(30));
        let second = process::wait(Children::Any, WaitFlags::EXITED).unwrap();
        assert_eq!(second.state, killed_by(Signal::USR1));
    });
}

#[test]
fn parent_death_is_that_of_the_thread() {
    alone(test_name!(), || {
        // The process goes on, the thread that forked does not.
        let (is_set, set) = rustix::pipe::pipe().unwrap();
        let fork = || {
            let pid = child(|| {
                let _ = rustix::io::write(&set, b"x");
                sleep_for_ever()
            });
            assert_eq!(rustix::io::read(&is_set, &mut [0; 1]), Ok(1));
            pid
        };
        let pid = std::thread::scope(|scope| scope.spawn(fork).join());
        assert_eq!(end_of(pid.unwrap()), killed_by(Signal::KILL));
    });
}

#[test]
fn wait_by_number_and_by_pidfd_are_equal() {
    alone(test_name!(), || {
        let (pid, hold) = held_child(8);
        let pidfd = pidfd::open(pid).unwrap();
        drop(hold);
        let look = WaitFlags::EXITED | WaitFlags::PEEK;
        let by_number = process::wait(ProcessRef::Pid(pid), look).unwrap();
        let by_descriptor = process::wait(ProcessRef::Pidfd(pidfd.as_fd()), look).unwrap();
        assert_eq!(by_number, by_descriptor);
        assert_eq!(end_of(pid), State::Exited(8));
    });
}
