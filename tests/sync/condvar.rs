//! `sync::Condvar`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::memory::Mapping;
use rawipc::sync::{Condvar, LockError, Mutex, MutexGuard};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{move_sleepers, no_futex_at_all};
use support::{Child, Choices, End, LeakCheck, limit};

type Guard<'a> = MutexGuard<'a, u64, Member>;

/// Units under a mutex, and where one waits for them.
fn shelf(memory: &Mapping) -> (&Mutex<u64>, &Condvar) {
    (memory.object(0).unwrap(), memory.object(64).unwrap())
}

fn is_empty(units: &u64) -> bool {
    *units == 0
}

/// The mutex, whoever died with it.
fn held<'a>(locked: Result<Guard<'a>, LockError<Guard<'a>>>) -> Option<Guard<'a>> {
    match locked {
        Ok(guard) => Some(guard),
        Err(LockError::OwnerDied(mut guard)) => {
            guard.make_consistent();
            Some(guard)
        }
        Err(_) => None,
    }
}

/// Takes a unit; `None` if there is none in time.
fn take(units: &Mutex<u64>, filled: &Condvar, me: &Member) -> Option<()> {
    let mut guard = held(units.lock_until(me, limit()))?;
    loop {
        guard = match filled.wait_while_until(guard, is_empty, limit()) {
            Ok(mut guard) => {
                guard.update(|units| *units -= 1);
                return Some(());
            }
            locked => held(locked)?,
        };
    }
}

fn taker(region: &Region, memory: &Mapping) -> Child {
    let (units, filled) = shelf(memory);
    Child::fork(|| {
        let me = region.join().unwrap();
        i32::from(take(units, filled, &me).is_none())
    })
}

#[test]
fn wait_ends_at_its_deadline_and_gives_the_mutex_back() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let me = region.join().unwrap();
    for late in [Deadline::NOW, Deadline::after(Duration::from_millis(5))] {
        let waited = filled.wait_until(units.lock(&me).unwrap(), late);
        assert!(matches!(waited, Err(LockError::TimedOut)), "{waited:?}");
        assert!(late.has_passed());
        let waited = filled.wait_while_until(units.lock(&me).unwrap(), is_empty, late);
        assert!(matches!(waited, Err(LockError::TimedOut)), "{waited:?}");
    }
    // What is there is found however late it is.
    let mut guard = units.lock(&me).unwrap();
    guard.set(&1);
    drop(
        filled
            .wait_while_until(guard, is_empty, Deadline::NOW)
            .unwrap(),
    );
    assert_eq!(size_of::<Condvar>(), 4);
    assert!(format!("{:?}", Condvar::default()).contains("Condvar"));
}

/// Nobody notifies: it returns all the same, so that the caller looks.
#[test]
fn wait_returns_from_time_to_time() {
    let _check = LeakCheck::begin();
    let (units, filled) = (Mutex::new(0_u64), Condvar::new());
    let region = Region::create(0).unwrap();
    let me = region.join().unwrap();
    for _ in 0..3 {
        drop(filled.wait(units.lock(&me).unwrap()).unwrap());
    }
}

#[test]
fn sleepers_are_notified_of_units() {
    const ROUNDS: usize = 50;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let me = region.join().unwrap();
    for round in 0..ROUNDS {
        let mut takers = [(); 3].map(|()| taker(&region, &memory));
        if round % 2 == 0 {
            takers.iter().for_each(Child::await_sleep);
        }
        if round % 3 == 0 {
            units.lock(&me).unwrap().update(|units| *units += 3);
            filled.notify_all();
        } else {
            for _ in 0..3 {
                units.lock(&me).unwrap().update(|units| *units += 1);
                filled.notify_one();
            }
        }
        for taker in &mut takers {
            assert_eq!(taker.wait(), End::Exited(0), "round {round}");
        }
        assert_eq!(units.lock(&me).unwrap().get(), 0);
    }
}

/// Units go through a shelf with room for few, in both directions somebody waits.
#[test]
fn processes_hand_over_units_both_ways() {
    const UNITS: u64 = 20_000;
    const ROOM: u64 = 3;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let emptied = memory.object::<Condvar>(128).unwrap();
    let mut takers = [(); 2].map(|()| {
        Child::fork(|| {
            let me = region.join().unwrap();
            for _ in 0..UNITS / 2 {
                if take(units, filled, &me).is_none() {
                    return 1;
                }
                emptied.notify_one();
            }
            0
        })
    });
    let me = region.join().unwrap();
    for _ in 0..UNITS {
        let guard = units.lock(&me).unwrap();
        let full = |units: &u64| *units >= ROOM;
        let mut guard = emptied.wait_while_until(guard, full, limit()).unwrap();
        guard.update(|units| *units += 1);
        drop(guard);
        filled.notify_one();
    }
    for taker in &mut takers {
        assert_eq!(taker.wait(), End::Exited(0));
    }
    assert_eq!(units.lock(&me).unwrap().get(), 0);
}

/// It died after it had put a unit there, and before it notified.
#[test]
fn unit_of_a_notifier_that_was_killed_is_found() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, _) = shelf(&memory);
    let mut taker = taker(&region, &memory);
    taker.await_sleep();
    let mut filler = Child::fork(|| {
        let me = region.join().unwrap();
        units.lock(&me).unwrap().set(&1);
        support::alone::sleep_for_ever()
    });
    assert_eq!(taker.wait(), End::Exited(0));
    filler.kill();
    assert_eq!(filler.wait(), End::Killed(libc::SIGKILL));
}

/// Two wait, one is killed, and one is notified at once.
#[test]
fn killed_sleeper_strands_no_other() {
    const TRIES: usize = 40;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let me = region.join().unwrap();
    for attempt in 0..TRIES {
        let mut first = taker(&region, &memory);
        first.await_sleep();
        let mut second = taker(&region, &memory);
        second.await_sleep();
        let (victim, survivor) = match attempt % 4 {
            3 => (&mut second, &mut first),
            _ => (&mut first, &mut second),
        };
        victim.kill();
        held(units.lock(&me)).unwrap().update(|units| *units += 1);
        filled.notify_one();
        assert_eq!(survivor.wait(), End::Exited(0), "try {attempt}");
        assert_eq!(victim.wait(), End::Killed(libc::SIGKILL));
        held(units.lock(&me)).unwrap().set(&0);
    }
}

/// Who waits comes back to a mutex whose holder died.
#[test]
fn death_of_a_holder_is_told_to_who_waits() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let mut waiter = Child::fork(|| {
        let me = region.join().unwrap();
        let guard = units.lock(&me).unwrap();
        match filled.wait_while_until(guard, is_empty, limit()) {
            Err(LockError::OwnerDied(_)) => 0,
            _ => 1,
        }
    });
    waiter.await_sleep();
    let dead = region.join().unwrap();
    core::mem::forget(held(units.lock(&dead)));
    drop(dead);
    filled.notify_one();
    assert_eq!(waiter.wait(), End::Exited(0));
}

#[test]
fn inherited_guard_used_in_child_touches_nothing() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let me = region.join().unwrap();
    let guard = units.lock(&me).unwrap();
    let mut child = Child::fork(|| {
        // SAFETY: a copy of what this process has none of.
        let copy = unsafe { core::ptr::read(&raw const guard) };
        let refused = matches!(filled.wait(copy), Err(LockError::Forked));
        let own = region.join().unwrap();
        let held = matches!(units.try_lock(&own), Err(LockError::WouldBlock));
        i32::from(!(refused && held))
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// Whatever the word holds, and a peer that changes it all the time.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let word: &AtomicU32 = memory.object(64).unwrap();
    let me = region.join().unwrap();
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(5);
            while !done.load(Ordering::Relaxed) {
                word.store(choices.below(1 << 32) as u32, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..300 {
            let soon = Deadline::after(Duration::from_micros(200));
            let waited = filled.wait_while_until(units.lock(&me).unwrap(), is_empty, soon);
            assert!(matches!(waited, Err(LockError::TimedOut)), "{waited:?}");
            filled.notify_one();
            filled.notify_all();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Each of which could be what it waits for.
#[test]
fn notifications_without_end_keep_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let word: &AtomicU32 = memory.object(64).unwrap();
    let me = region.join().unwrap();
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // What `notify_one` adds.
                word.fetch_add(2, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..300 {
            let soon = Deadline::after(Duration::from_micros(100));
            let mut late_looks = 0;
            let waited = filled.wait_while_until(
                units.lock(&me).unwrap(),
                |_| {
                    late_looks += u32::from(soon.has_passed());
                    true
                },
                soon,
            );
            assert!(matches!(waited, Err(LockError::TimedOut)), "{waited:?}");
            // One that began before, and the last one.
            assert!(late_looks <= 2, "{late_looks}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn sleeper_whose_notification_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let (word, elsewhere): (&AtomicU32, &AtomicU32) =
        (memory.object(64).unwrap(), memory.object(256).unwrap());
    let me = region.join().unwrap();
    let mut taker = taker(&region, &memory);
    taker.await_sleep();
    move_sleepers(word, elsewhere);
    units.lock(&me).unwrap().set(&1);
    filled.notify_all();
    assert_eq!(taker.wait(), End::Exited(0));
}

#[test]
fn refused_sleep_is_an_error() {
    let _check = LeakCheck::begin();
    let (units, filled) = (Mutex::new(0_u64), Condvar::new());
    let region = Region::create(0).unwrap();
    let mut child = Child::fork(|| {
        let me = region.join().unwrap();
        if !refuse(&[no_futex_at_all(libc::EPERM)]) {
            return 0;
        }
        let waited = filled.wait(units.lock(&me).unwrap());
        let refused = matches!(waited, Err(LockError::Kernel(Errno::PERM)));
        i32::from(!refused || units.try_lock(&me).is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// Takers are killed at random while units come: those who are left get theirs.
#[test]
fn random_deaths_strand_nobody() {
    const ROUNDS: usize = 100;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), Region::create(0).unwrap());
    let (units, filled) = shelf(&memory);
    let me = region.join().unwrap();
    let mut choices = Choices::new(3);
    let (mut taken, mut killed) = (0, 0);
    for round in 0..ROUNDS {
        let mut takers = [(); 4].map(|()| taker(&region, &memory));
        for _ in 0..choices.below(60_000) {
            core::hint::spin_loop();
        }
        for victim in &mut takers[..2] {
            held(units.lock(&me)).unwrap().update(|units| *units += 1);
            filled.notify_one();
            victim.kill();
        }
        held(units.lock(&me)).unwrap().update(|units| *units += 2);
        filled.notify_all();
        for (index, taker) in takers.iter_mut().enumerate() {
            match taker.wait() {
                End::Exited(0) => taken += 1,
                end => {
                    assert_eq!(end, End::Killed(libc::SIGKILL), "round {round}");
                    assert!(index < 2);
                    killed += 1;
                }
            }
        }
        held(units.lock(&me)).unwrap().set(&0);
    }
    println!("{taken} took a unit, {killed} were killed");
}
