//! The mutex by member: one at a time, no lost wake, a death told to the next holder, and nobody
//! left asleep beside a lock that is free or the dead's.

use std::mem::{ManuallyDrop, forget};
use std::sync::Arc;
use std::time::Duration;

use rawipc::Deadline;
use rawipc::members::{Member, Region};
use rawipc::sync::{LockError, Mutex};
use rawipc_model::{AtomicU32, Hindrance, Model, Process, in_child, process};

use std::sync::atomic::Ordering::Relaxed;

type Lock = Arc<Mutex<u64>>;

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

fn mutex() -> (Region, Lock) {
    (Region::create(0).unwrap(), Arc::new(Mutex::new(0)))
}

/// How the lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Consistent,
    OwnerDied,
}

/// Adds one under the lock, and repairs what a dead one has left; returns how it was found.
fn add(mutex: &Mutex<u64>, me: &Member) -> Found {
    let (mut guard, found) = match mutex.lock(me) {
        Ok(guard) => (guard, Found::Consistent),
        Err(LockError::OwnerDied(mut guard)) => {
            assert!(!guard.is_consistent());
            guard.make_consistent();
            (guard, Found::OwnerDied)
        }
        Err(error) => panic!("{error:?}"),
    };
    guard.update(|value| *value += 1);
    found
}

/// A process that adds one.
fn adder(number: usize, mutex: &Lock, region: &Region) -> Process<Found> {
    let (mutex, me) = (mutex.clone(), region.join().unwrap());
    process(number, move || add(&mutex, &me))
}

#[test]
fn two_holders_exclude_and_see_each_other() {
    Model::new(4).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let other = adder(0, &mutex, &region);
        add(&mutex, &me);
        add(&mutex, &me);
        other.join();
        assert_eq!(mutex.lock(&me).unwrap().get(), 3);
    });
}

/// The kernel refuses barriers, so who gives the lock back and who goes to sleep have fences of their own.
#[test]
fn holder_without_barriers_wakes_who_sleeps() {
    Model::new(3).hindered(Hindrance::NoBarrier).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let other = adder(0, &mutex, &region);
        add(&mutex, &me);
        other.join();
    });
}

/// One gives the lock back for which another one sleeps or is about to, a member of that one's own making.
fn one_gives_back_to_one_who_sleeps() {
    let (region, mutex) = mutex();
    let me = region.join().unwrap();
    let guard = mutex.lock(&me).unwrap();
    let sleeper = process(0, {
        let mutex = mutex.clone();
        move || {
            let me = region.join().unwrap();
            assert_eq!(add(&mutex, &me), Found::Consistent);
        }
    });
    drop(guard);
    sleeper.join();
}

/// The kernel refuses barriers to the holder alone, which has a fence of its own: its look misses nobody.
#[test]
fn holder_without_barriers_sees_who_sleeps_with_them() {
    Model::new(3)
        .without_barriers(None)
        .without_rechecks()
        .check(one_gives_back_to_one_who_sleeps);
}

/// The kernel refuses barriers to the sleeper alone: the holder, which has no fence, may miss it, and it finds
/// the lock free at its next look.
#[test]
fn sleeper_without_barriers_looks_again() {
    Model::new(3)
        .without_barriers(Some(0))
        .check(one_gives_back_to_one_who_sleeps);
}

/// Nobody has to look again while nobody dies: every wake is there.
#[test]
fn two_sleepers_both_get_the_lock() {
    Model::new(3).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let guard = mutex.lock(&me).unwrap();
        let others = [0, 1].map(|number| adder(number, &mutex, &region));
        drop(guard);
        for other in others {
            other.join();
        }
        assert_eq!(mutex.lock(&me).unwrap().get(), 2);
    });
}

/// A holder is killed wherever it is: the next one is told exactly if that was while it held the
/// lock, and nobody else is.
#[test]
fn death_of_a_holder_is_told_exactly() {
    Model::new(3).killing(0).check(|| {
        let (region, mutex) = mutex();
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        let first = process(0, {
            let mutex = mutex.clone();
            // Each access is a step that can be the last one.
            let step = AtomicU32::new(0);
            move || {
                let mut guard = match mutex.lock(&him) {
                    Ok(guard) => guard,
                    Err(error) => panic!("{error:?}"),
                };
                guard.set(&1);
                step.load(Relaxed);
                guard.set(&2);
                drop(guard);
                step.load(Relaxed);
            }
        });
        let (died, value) = match mutex.lock(&me) {
            Ok(guard) => (false, guard.get()),
            Err(LockError::OwnerDied(mut guard)) => {
                guard.make_consistent();
                (true, guard.get())
            }
            Err(error) => panic!("{error:?}"),
        };
        match value {
            0 => assert!(!died, "it had not come"),
            1 => assert!(died, "half done"),
            _ => {}
        }
        let killed = first.join().is_none();
        assert!(killed || !died, "who lives is not robbed");
        if let Err(error) = mutex.lock(&me) {
            assert!(killed && !died, "{error:?}");
        }
        drop(mutex.lock(&me).map_err(LockError::into_guard));
    });
}

/// A waiter is killed wherever it is, with a wake that it took along: the other one gets the lock.
#[test]
fn killed_waiter_strands_nobody() {
    Model::new(2).killing(0).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let guard = mutex.lock(&me).unwrap();
        let others = [0, 1].map(|number| adder(number, &mutex, &region));
        drop(guard);
        let [dead, other] = others;
        other.join();
        let killed = dead.join().is_none();
        if let Err(error) = mutex.lock(&me) {
            assert!(killed, "{error:?}");
        }
    });
}

/// The holder of a lock for which two wait is killed wherever it is.
#[test]
fn killed_holder_strands_neither_of_two() {
    Model::new(1).deep(2).killing(0).check(|| {
        let (region, mutex) = mutex();
        let first = adder(0, &mutex, &region);
        let others = [1, 2].map(|number| adder(number, &mutex, &region));
        let told = others.map(|other| other.join().unwrap());
        let told = told.iter().filter(|&&how| how == Found::OwnerDied).count();
        assert!(told <= 1, "told to two");
        first.join();
    });
}

/// A holder that has died already, which two find at once, of whom one may die as it takes over.
#[test]
fn lock_of_the_dead_is_taken_over_by_one() {
    Model::new(2).killing(0).check(|| {
        let (region, mutex) = mutex();
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        forget(mutex.lock(&him).unwrap());
        drop(him);
        let other = adder(0, &mutex, &region);
        let mine = add(&mutex, &me);
        match other.join() {
            Some(others) => assert_ne!(mine, others, "one is told, and repairs it"),
            // Whoever repaired it may be the one that was killed afterwards.
            None => drop(mutex.lock(&me).map_err(LockError::into_guard)),
        }
    });
}

/// A member that takes over from a dead holder without having slept wakes those who slept before.
#[test]
fn sleeper_is_woken_by_who_took_over() {
    Model::new(2).check(|| {
        let (region, mutex) = mutex();
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        let guard = mutex.lock(&him).unwrap();
        let other = adder(0, &mutex, &region);
        forget(guard);
        drop(him);
        let mine = add(&mutex, &me);
        assert_ne!(other.join(), Some(mine), "one is told, and repairs it");
    });
}

/// Every next holder is told of the death until one has repaired the value.
#[test]
fn inconsistency_stays_until_it_is_repaired() {
    Model::new(2).check(|| {
        let (region, mutex) = mutex();
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        forget(mutex.lock(&him).unwrap());
        drop(him);
        let other = process(0, {
            let (mutex, me) = (mutex.clone(), region.join().unwrap());
            move || mutex.lock(&me).is_err()
        });
        let mine = mutex.lock(&me).is_err();
        assert!(mine && other.join().unwrap());
        assert_eq!(add(&mutex, &me), Found::OwnerDied);
        assert_eq!(add(&mutex, &me), Found::Consistent);
    });
}

/// Who gives up has taken nothing along that another one would sleep by.
#[test]
fn sleep_that_ends_early_loses_neither_lock_nor_wake() {
    Model::new(2).deep(3).returning_early().check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let guard = mutex.lock(&me).unwrap();
        let patient = adder(0, &mutex, &region);
        let hasty = process(1, {
            let (mutex, me) = (mutex.clone(), region.join().unwrap());
            move || match mutex.lock_until(&me, later()) {
                Ok(mut guard) => {
                    guard.update(|value| *value += 1);
                    1
                }
                Err(LockError::TimedOut) => 0,
                Err(error) => panic!("{error:?}"),
            }
        });
        drop(guard);
        patient.join();
        let added = hasty.join().unwrap();
        assert_eq!(mutex.lock(&me).unwrap().get(), 1 + added);
    });
}

/// A wake that does not come is not needed.
#[test]
fn lock_given_back_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let other = adder(0, &mutex, &region);
        add(&mutex, &me);
        other.join();
        assert_eq!(mutex.lock(&me).unwrap().get(), 2);
    });
}

/// Who does not wait, beside who does.
#[test]
fn refused_try_changes_nothing() {
    Model::new(3).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let other = adder(0, &mutex, &region);
        let mine = match mutex.try_lock(&me) {
            Ok(mut guard) => {
                guard.update(|value| *value += 1);
                1
            }
            Err(LockError::WouldBlock) => 0,
            Err(error) => panic!("{error:?}"),
        };
        other.join();
        assert_eq!(mutex.lock(&me).unwrap().get(), 1 + mine);
    });
}

/// A lock that is declared lost is so for all who wait.
#[test]
fn lost_lock_is_refused_to_all_who_wait() {
    Model::new(2).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let guard = mutex.lock(&me).unwrap();
        let others = [0, 1].map(|number| {
            let (mutex, me) = (mutex.clone(), region.join().unwrap());
            process(number, move || match mutex.lock(&me) {
                Err(LockError::NotRecoverable) => {}
                other => panic!("{other:?}"),
            })
        });
        guard.make_unrecoverable();
        for other in others {
            other.join();
        }
    });
}

/// A copy, as a forked child has it.
fn copy<T>(owner: &T) -> ManuallyDrop<T> {
    // SAFETY: what is shared is that of the original, which outlives the copy; its destructor
    // runs as that of a child's copy alone.
    ManuallyDrop::new(unsafe { std::ptr::from_ref(owner).read() })
}

/// While the parent holds the lock, its child uses its copies and drops them: nothing comes of it.
#[test]
fn child_changes_nothing() {
    Model::new(2).check(|| {
        let (region, mutex) = mutex();
        let me = region.join().unwrap();
        let child = process(0, {
            let (mutex, me) = (mutex.clone(), copy(&me));
            move || {
                in_child(|| {
                    assert!(matches!(mutex.lock(&*me), Err(LockError::Forked)));
                    drop(ManuallyDrop::into_inner(me));
                });
            }
        });
        let other = adder(1, &mutex, &region);
        let mut guard = mutex.lock(&me).unwrap();
        let inherited = copy(&guard);
        in_child(|| drop(ManuallyDrop::into_inner(inherited)));
        guard.update(|value| *value += 1);
        drop(guard);
        child.join();
        other.join();
        assert_eq!(mutex.lock(&me).unwrap().get(), 2);
    });
}
