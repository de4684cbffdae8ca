//! The mutex with priority inheritance: one at a time, passed on by the kernel, a death told to all until one has
//! repaired the value, and nobody left waiting.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rawipc::Deadline;
use rawipc::sync::robust::{PiMutex, PiThread, Thread};
use rawipc::sync::{Condvar, LockError, MutexGuard};
use rawipc_model::{AtomicU32, Model, Process, process};

type Lock = Arc<PiMutex<u64>>;
type Guard<'a> = MutexGuard<'a, u64, PiThread>;

fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

fn mutex() -> Lock {
    Arc::new(PiMutex::new(0))
}

/// The calling thread's list.
fn thread() -> Thread {
    // SAFETY: a model has no memory that others write, and nobody else makes lists.
    unsafe { Thread::without_libc() }.unwrap()
}

/// How the lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Consistent,
    OwnerDied,
}

/// A guard as it was found: of one who repairs nothing.
fn found<'a>(locked: Result<Guard<'a>, LockError<Guard<'a>>>) -> (Guard<'a>, Found) {
    match locked {
        Ok(guard) => (guard, Found::Consistent),
        Err(LockError::OwnerDied(guard)) => (guard, Found::OwnerDied),
        Err(error) => panic!("{error:?}"),
    }
}

fn held<'a>(locked: Result<Guard<'a>, LockError<Guard<'a>>>) -> (Guard<'a>, Found) {
    let (mut guard, found) = found(locked);
    guard.make_consistent();
    (guard, found)
}

fn add(mutex: &PiMutex<u64>, me: &Thread) -> Found {
    let (mut guard, found) = held(mutex.lock(me));
    guard.update(|value| *value += 1);
    found
}

fn adder(number: usize, mutex: &Lock) -> Process<Found> {
    let mutex = mutex.clone();
    process(number, move || add(&mutex, &thread()))
}

#[test]
fn two_holders_exclude_and_see_each_other() {
    Model::new(3).check(|| {
        let mutex = mutex();
        let other = adder(0, &mutex);
        let me = thread();
        add(&mutex, &me);
        other.join();
        assert_eq!(mutex.lock(&me).unwrap().get(), 2);
    });
}

#[test]
fn lock_is_passed_on_to_each_who_waits() {
    Model::new(2).check(|| {
        let mutex = mutex();
        let me = thread();
        let guard = mutex.lock(&me).unwrap();
        let others = [0, 1].map(|number| adder(number, &mutex));
        drop(guard);
        for other in others {
            assert_eq!(other.join(), Some(Found::Consistent));
        }
        assert_eq!(mutex.lock(&me).unwrap().get(), 2);
    });
}

/// A holder is killed wherever it is: the next one is told exactly if that was while it held the
/// lock.
#[test]
fn death_of_a_holder_is_told_exactly() {
    Model::new(3).killing(0).check(|| {
        let mutex = mutex();
        let first = process(0, {
            let mutex = mutex.clone();
            let step = AtomicU32::new(0);
            move || {
                let me = thread();
                let (mut guard, _) = held(mutex.lock(&me));
                guard.set(&1);
                step.load(Relaxed);
                guard.set(&2);
                drop(guard);
                step.load(Relaxed);
            }
        });
        let me = thread();
        let (guard, found) = held(mutex.lock(&me));
        match guard.get() {
            0 => {} // It had not come, or had and had done nothing.
            1 => assert_eq!(found, Found::OwnerDied, "half done"),
            _ => {}
        }
        drop(guard);
        let killed = first.join().is_none();
        assert!(killed || found == Found::Consistent, "who lives is not robbed");
        drop(held(mutex.lock(&me)));
    });
}

/// The kernel's mark is gone with the next hand-over: what was not repaired is told all the same.
#[test]
fn death_is_told_until_one_has_repaired_the_value() {
    Model::new(2).killing(0).check(|| {
        let mutex = mutex();
        let first = process(0, {
            let mutex = mutex.clone();
            let step = AtomicU32::new(0);
            move || {
                let me = thread();
                let (guard, _) = found(mutex.lock(&me));
                step.load(Relaxed);
                drop(guard);
            }
        });
        // Whoever is told repairs nothing.
        let second = process(1, {
            let mutex = mutex.clone();
            move || found(mutex.lock(&thread())).1
        });
        let me = thread();
        let (guard, mine) = found(mutex.lock(&me));
        drop(guard);
        first.join();
        let theirs = second.join().unwrap();
        let (guard, last) = held(mutex.lock(&me));
        if [mine, theirs].contains(&Found::OwnerDied) {
            assert_eq!(last, Found::OwnerDied, "still");
        }
        drop(guard);
        assert_eq!(found(mutex.lock(&me)).1, Found::Consistent, "repaired");
    });
}

#[test]
fn death_that_is_repaired_is_told_once() {
    Model::new(2).killing(0).check(|| {
        let mutex = mutex();
        let dead = adder(0, &mutex);
        let other = adder(1, &mutex);
        let mine = add(&mutex, &thread());
        dead.join();
        let found = [Some(mine), other.join()];
        assert_ne!(found, [Some(Found::OwnerDied); 2], "both repaired it");
    });
}

/// A waiter is killed wherever it is, perhaps when it was just given the lock: the other one gets it.
#[test]
fn killed_waiter_strands_nobody() {
    Model::new(2).killing(0).check(|| {
        let mutex = mutex();
        let me = thread();
        let guard = mutex.lock(&me).unwrap();
        let others = [0, 1].map(|number| adder(number, &mutex));
        drop(guard);
        let [dead, other] = others;
        other.join();
        dead.join();
        drop(held(mutex.lock(&me)));
    });
}

/// A holder that gives the lock back is killed wherever it is, beside one that waits.
#[test]
fn killed_holder_strands_nobody() {
    Model::new(3).killing(0).check(|| {
        let mutex = mutex();
        let dead = adder(0, &mutex);
        let other = adder(1, &mutex);
        other.join();
        dead.join();
    });
}

/// Whoever holds the lock is stopped anywhere: nobody else has it meanwhile.
#[test]
fn lock_of_who_is_stopped_is_taken_by_nobody() {
    Model::new(2).stopping(0).check(|| {
        let mutex = mutex();
        let first = process(0, {
            let mutex = mutex.clone();
            move || {
                let me = thread();
                let mut guard = mutex.lock(&me).unwrap();
                guard.set(&1);
                guard.set(&0);
            }
        });
        first.settle();
        let me = thread();
        match mutex.try_lock(&me) {
            Ok(guard) => assert_eq!(guard.get(), 0),
            Err(LockError::WouldBlock) => {}
            Err(error) => panic!("{error:?}"),
        }
        first.join();
        drop(mutex.lock(&me).unwrap());
    });
}

/// Who declares the value lost is killed wherever it is: those who wait have the lock with its mark, or are
/// refused, and once refused it stays so.
#[test]
fn lost_value_is_refused_to_all() {
    Model::new(2).killing(0).check(|| {
        let mutex = mutex();
        let first = process(0, {
            let mutex = mutex.clone();
            move || {
                let me = thread();
                let (guard, _) = held(mutex.lock(&me));
                guard.make_unrecoverable();
            }
        });
        let second = process(1, {
            let mutex = mutex.clone();
            move || mutex.lock(&thread()).map(drop).is_err()
        });
        let me = thread();
        let refused = matches!(mutex.lock(&me), Err(LockError::NotRecoverable));
        second.join();
        let ended = first.join().is_some();
        let last = mutex.lock(&me);
        if refused || ended {
            assert!(matches!(last, Err(LockError::NotRecoverable)), "{last:?}");
        }
    });
}

#[test]
fn wait_that_ends_early_loses_no_lock() {
    Model::new(2).returning_early().check(|| {
        let mutex = mutex();
        let me = thread();
        let guard = mutex.lock(&me).unwrap();
        let patient = adder(0, &mutex);
        let hasty = process(1, {
            let mutex = mutex.clone();
            move || match mutex.lock_until(&thread(), later()) {
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

/// A condition variable beside this mutex, whose notifier may die.
#[test]
fn killed_notifier_leaves_what_it_gave_to_who_waits() {
    Model::new(2).killing(0).check(|| {
        let shelf = Arc::new((PiMutex::new(0), Condvar::new()));
        let giver = process(0, {
            let shelf = shelf.clone();
            move || {
                add(&shelf.0, &thread());
                shelf.1.notify_one();
            }
        });
        let me = thread();
        let (mut guard, _) = held(shelf.0.lock(&me));
        if guard.get() == 0 {
            (guard, _) = held(shelf.1.wait(guard));
        }
        drop(guard);
        giver.join();
    });
}
