//! The mutex by thread: one at a time, no lost wake, a death told to the next holder by the kernel, and
//! nobody left asleep beside a lock that is free.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rawipc::Deadline;
use rawipc::sync::robust::{Mutex, Thread};
use rawipc::sync::{Condvar, LockError, MutexGuard};
use rawipc_model::{AtomicU32, Hindrance, Model, Process, process};

type Lock = Arc<Mutex<u64>>;
type Guard<'a> = MutexGuard<'a, u64, Thread>;

fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

fn mutex() -> Lock {
    Arc::new(Mutex::new(0))
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

fn held<'a>(locked: Result<Guard<'a>, LockError<Guard<'a>>>) -> (Guard<'a>, Found) {
    match locked {
        Ok(guard) => (guard, Found::Consistent),
        Err(LockError::OwnerDied(mut guard)) => {
            guard.make_consistent();
            (guard, Found::OwnerDied)
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn add(mutex: &Mutex<u64>, me: &Thread) -> Found {
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

/// The second of two locks that a thread holds is marked as well as the first.
#[test]
fn death_with_two_locks_is_told_of_both() {
    Model::new(2).killing(0).check(|| {
        let (one, two) = (mutex(), mutex());
        let first = process(0, {
            let (one, two) = (one.clone(), two.clone());
            move || {
                let me = thread();
                let (guard, _) = held(one.lock(&me));
                add(&two, &me);
                drop(guard);
            }
        });
        first.join();
        let me = thread();
        drop(held(one.lock(&me)));
        drop(held(two.lock(&me)));
    });
}

/// Who sleeps beside a holder that dies is woken by the kernel: nobody need look again for it.
#[test]
fn death_of_a_holder_wakes_the_next_at_once() {
    Model::new(3).killing(0).without_rechecks().check(|| {
        let mutex = mutex();
        let dead = adder(0, &mutex);
        add(&mutex, &thread());
        dead.join();
    });
}

/// A waiter is killed wherever it is, with a wake that it took along: the other one gets the lock.
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

/// A holder that gives the lock back is killed wherever it is, beside one that sleeps.
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

#[test]
fn sleep_that_ends_early_loses_neither_lock_nor_wake() {
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

#[test]
fn lock_given_back_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let mutex = mutex();
        let other = adder(0, &mutex);
        let me = thread();
        add(&mutex, &me);
        other.join();
        assert_eq!(mutex.lock(&me).unwrap().get(), 2);
    });
}

/// A condition variable beside this mutex, whose notifier may die.
#[test]
fn killed_notifier_leaves_what_it_gave_to_who_waits() {
    Model::new(2).killing(0).check(|| {
        let shelf = Arc::new((Mutex::new(0), Condvar::new()));
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
