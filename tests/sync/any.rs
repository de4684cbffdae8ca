//! `sync::wait_any`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::Region;
use rawipc::memory::Mapping;
use rawipc::sync::{
    AutoResetEvent, Latch, ManualResetEvent, Once, OnceCell, Semaphore, Waitable, try_wait_any,
    wait_any, wait_any_until,
};
use rawipc::{Deadline, Errno};
use support::filter::{Refusal, refuse};
use support::{Child, Choices, End, LeakCheck, limit};

/// Each kind, in lines of its own.
struct All<'a> {
    semaphore: &'a Semaphore,
    auto: &'a AutoResetEvent,
    manual: &'a ManualResetEvent,
    latch: &'a Latch,
    once: &'a Once,
    cell: &'a OnceCell<u32>,
}

impl<'a> All<'a> {
    fn new(memory: &'a Mapping) -> Self {
        let latch = memory.object::<Latch>(192).unwrap();
        latch.add(1).unwrap();
        Self {
            semaphore: memory.object(0).unwrap(),
            auto: memory.object(64).unwrap(),
            manual: memory.object(128).unwrap(),
            latch,
            once: memory.object(256).unwrap(),
            cell: memory.object(320).unwrap(),
        }
    }

    fn list(&self) -> [&'a dyn Waitable; 6] {
        [
            self.semaphore,
            self.auto,
            self.manual,
            self.latch,
            self.once,
            self.cell,
        ]
    }
}

/// Ends with the index of which has let it go.
fn sleeper(all: &All<'_>) -> Child {
    let child = Child::fork(|| match wait_any_until(&all.list(), limit()) {
        Ok(index) => index as i32,
        Err(_) => 99,
    });
    child.await_sleep();
    child
}

#[test]
fn first_that_lets_go_is_taken_alone() {
    let (one, two) = (Semaphore::new(1), Semaphore::new(1));
    assert_eq!(wait_any(&[&one, &two]), Ok(0));
    assert_eq!((one.value(), two.value()), (0, 1));
    assert_eq!(try_wait_any(&[&one, &two]), Ok(1));
    assert_eq!(try_wait_any(&[&one, &two]), Err(Errno::AGAIN));
    two.post().unwrap();
    assert_eq!(wait_any_until(&[&one, &two], Deadline::NOW), Ok(1));
    let soon = Deadline::after(Duration::from_millis(5));
    assert_eq!(wait_any_until(&[&one, &two], soon), Err(Errno::TIMEDOUT));
    assert!(soon.has_passed());
    // One may be there several times.
    assert_eq!(
        wait_any_until(&[&one, &one], Deadline::NOW),
        Err(Errno::TIMEDOUT)
    );
}

#[test]
fn each_of_them_lets_a_sleeper_go() {
    let _check = LeakCheck::begin();
    let region = Region::create(4096).unwrap();
    let me = region.join().unwrap();
    for index in 0..6 {
        let memory = shared_memory();
        let all = All::new(&memory);
        // One that gives up lets nobody go.
        let run = all.once.begin(&me).unwrap().unwrap();
        let mut sleeper = sleeper(&all);
        drop(run);
        match index {
            0 => all.semaphore.post().unwrap(),
            1 => all.auto.set(),
            2 => all.manual.set(),
            3 => assert!(all.latch.count_down()),
            4 => all.once.begin(&me).unwrap().unwrap().finish(),
            _ => all.cell.set(&me, &7).unwrap(),
        }
        assert_eq!(sleeper.wait(), End::Exited(index));
        assert_eq!(all.semaphore.value(), 0);
        assert!(!all.auto.is_set());
    }
}

#[test]
fn most_that_the_kernel_takes_are_slept_on() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let units: &[Semaphore] = memory.objects(0, 128).unwrap();
    let mut sleeper = Child::fork(|| {
        let mut all: [&dyn Waitable; 128] = [&units[0]; 128];
        for (to, unit) in all.iter_mut().zip(units) {
            *to = unit;
        }
        match wait_any_until(&all, limit()) {
            Ok(index) => index as i32,
            Err(_) => 255,
        }
    });
    sleeper.await_sleep();
    units[127].post().unwrap();
    assert_eq!(sleeper.wait(), End::Exited(127));
}

#[test]
fn set_that_is_cleared_at_once_lets_a_sleeper_go() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let all = All::new(&memory);
    for _ in 0..50 {
        let mut sleepers = [(); 2].map(|()| sleeper(&all));
        all.manual.set();
        assert!(all.manual.reset());
        for sleeper in &mut sleepers {
            assert_eq!(sleeper.wait(), End::Exited(2));
        }
    }
}

/// Two sleep, one is killed, and a unit is posted at once: the other one has it, unless the dead one had.
#[test]
fn killed_waiter_swallows_no_wake() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let all = All::new(&memory);
    for attempt in 0..100 {
        let [mut first, mut second] = [(); 2].map(|()| sleeper(&all));
        let (victim, survivor) = match attempt % 4 {
            3 => (&mut second, &mut first),
            _ => (&mut first, &mut second),
        };
        victim.kill();
        assert_eq!(victim.wait(), End::Killed(libc::SIGKILL));
        all.semaphore.post().unwrap();
        assert_eq!(survivor.wait(), End::Exited(0), "try {attempt}");
    }
}

#[test]
fn refused_call_is_done_without() {
    let _check = LeakCheck::begin();
    for errno in [libc::ENOSYS, libc::EPERM, libc::EINVAL] {
        let memory = shared_memory();
        let all = All::new(&memory);
        let mut sleeper = Child::fork(|| {
            let no_waitv = Refusal {
                number: libc::SYS_futex_waitv,
                argument: 0,
                mask: 0,
                value: 0,
                errno,
            };
            if !refuse(&[no_waitv]) {
                return 77;
            }
            match wait_any_until(&all.list(), limit()) {
                Ok(index) => index as i32,
                Err(_) => 99,
            }
        });
        // Not the one that it sleeps on.
        all.latch.count_down();
        match sleeper.wait() {
            End::Exited(77) => {
                skipped!("no filters of system calls");
                return;
            }
            end => assert_eq!(end, End::Exited(3), "{errno}"),
        }
    }
}

/// Several post at random to what several wait for: each unit is taken once.
#[test]
fn units_of_several_are_each_taken_once() {
    const UNITS: u32 = 3000;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let units: &[Semaphore] = memory.objects(0, 3).unwrap();
    let stop: &ManualResetEvent = memory.object(64).unwrap();
    let taken: &AtomicU32 = memory.object(128).unwrap();
    let mut takers = [(); 3].map(|()| {
        Child::fork(|| {
            let all: [&dyn Waitable; 4] = [&units[0], &units[1], &units[2], stop];
            loop {
                match wait_any_until(&all, limit()) {
                    Ok(3) => return 0,
                    Ok(_) => taken.fetch_add(1, Ordering::Relaxed),
                    Err(_) => return 1,
                };
            }
        })
    });
    let mut choices = Choices::new(29);
    for _ in 0..UNITS {
        units[choices.below(3) as usize].post().unwrap();
    }
    stop.set();
    for taker in &mut takers {
        assert_eq!(taker.wait(), End::Exited(0));
    }
    let left: u32 = units.iter().map(Semaphore::value).sum();
    assert_eq!((taken.load(Ordering::Relaxed), left), (UNITS, 0));
}

/// A peer that changes the words all the time keeps nobody beyond a deadline.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let all = All::new(&memory);
    let words = [0, 64, 128, 192, 256].map(|at| memory.object::<AtomicU32>(at).unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(19);
            while !done.load(Ordering::Relaxed) {
                // Nothing that lets go: the last bit, and numbers of resets alone do too.
                let word = words[[0, 1, 3, 4][choices.below(4) as usize]];
                word.store(
                    choices.below(2) as u32 | if core::ptr::eq(word, words[3]) { 8 } else { 0 },
                    Ordering::Relaxed,
                );
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..300 {
            let soon = Deadline::after(Duration::from_micros(200));
            assert_eq!(wait_any_until(&all.list(), soon), Err(Errno::TIMEDOUT));
        }
        done.store(true, Ordering::Relaxed);
    });
}
