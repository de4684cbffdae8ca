//! `sync::robust::PiMutex`, between processes and threads.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::robust::{await_word, memory, thread};
use crate::support;

use core::mem::forget;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::memory::Mapping;
use rawipc::process::{self, Fork, WaitFlags};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::robust::{Mutex, PiMutex, PiThread};
use rawipc::sync::{Condvar, LockError, MutexGuard};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::no_futex;
use support::{Child, End, LeakCheck, limit, soon};

type Guard<'a, T> = MutexGuard<'a, T, PiThread>;
type Locked<'a, T> = Result<Guard<'a, T>, LockError<Guard<'a, T>>>;

/// What a child exits with on a machine without filters.
const NO_FILTERS: i32 = 77;

/// A lock that is held although its holder died.
fn inherited<T>(locked: Locked<'_, T>) -> Guard<'_, T> {
    match locked {
        Err(LockError::OwnerDied(guard)) => guard,
        other => panic!("{other:?}"),
    }
}

/// A mutex, and a word to meet by.
pub(crate) fn meeting(memory: &Mapping) -> (&PiMutex<u64>, &AtomicU32) {
    (memory.object(64).unwrap(), memory.object(0).unwrap())
}

/// The word of a mutex, which begins it.
fn word_of(mutex: &PiMutex<u64>) -> &AtomicU32 {
    // SAFETY: its first four bytes, which are an atomic of this size.
    unsafe { AtomicU32::from_ptr((&raw const *mutex).cast_mut().cast()) }
}

/// A child that holds the mutex and stays.
pub(crate) fn holder(mutex: &PiMutex<u64>, word: &AtomicU32) -> Child {
    let child = Child::fork(|| {
        let me = thread();
        let guard = mutex.lock(&me).unwrap();
        word.store(1, Ordering::Release);
        forget(guard);
        support::alone::sleep_for_ever()
    });
    await_word(word);
    child
}

#[test]
fn locked_mutex_refuses_others_until_its_guard_is_dropped() {
    let _check = LeakCheck::begin();
    let mutex = PiMutex::new(7_u32);
    let me = thread();
    let mut guard = mutex.lock(&me).unwrap();
    assert!(guard.is_consistent());
    assert_eq!(guard.update(|value| core::mem::replace(value, 8)), 7);
    let other = std::thread::scope(|scope| {
        let refused = scope.spawn(|| {
            let me = thread();
            assert!(matches!(mutex.try_lock(&me), Err(LockError::WouldBlock)));
            matches!(mutex.lock_until(&me, soon()), Err(LockError::TimedOut))
        });
        refused.join().unwrap()
    });
    assert!(other);
    for deadline in [Deadline::NOW, soon(), Deadline::Never] {
        let again = mutex.lock_until(&me, deadline);
        assert!(matches!(again, Err(LockError::Deadlock)), "{again:?}");
    }
    drop(guard);
    assert_eq!(mutex.try_lock(&me).unwrap().get(), 8);
    assert_eq!(size_of::<PiMutex<[u64; 0]>>(), 48);
    assert!(format!("{mutex:?}").contains("owner: 0"));
}

#[test]
fn three_processes_that_count_lose_nothing() {
    const EACH: u64 = 2_000;
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, _) = meeting(&memory);
    let mut children = [(); 3].map(|()| {
        Child::fork(|| {
            let me = thread();
            for _ in 0..EACH {
                let Ok(mut guard) = mutex.lock(&me) else {
                    return 1;
                };
                guard.update(|count| *count += 1);
            }
            0
        })
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    let me = thread();
    assert_eq!(mutex.lock(&me).unwrap().get(), 3 * EACH);
    assert_eq!(word_of(mutex).load(Ordering::Relaxed), 0);
}

/// Also where the kernel's mark of the death is gone, by a hand-over or as nobody waited.
#[test]
fn death_is_told_until_one_has_repaired_the_value() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, _) = meeting(&memory);
    let mut child = Child::fork(|| {
        let me = thread();
        let mut guard = mutex.lock(&me).unwrap();
        guard.set(&5);
        forget(guard);
        forget(me);
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    let me = thread();
    drop(inherited(mutex.try_lock(&me)));
    let guard = inherited(mutex.lock(&me));
    let mut told = Child::fork(|| {
        let me = thread();
        i32::from(!matches!(mutex.lock(&me), Err(LockError::OwnerDied(_))))
    });
    told.await_sleep();
    drop(guard);
    assert_eq!(told.wait(), End::Exited(0));
    let mut guard = inherited(mutex.lock(&me));
    assert_eq!(guard.get(), 5);
    guard.make_consistent();
    drop(guard);
    let guard = mutex.lock(&me).unwrap();
    let mut refused = [(); 2].map(|()| {
        let child = Child::fork(|| {
            let me = thread();
            i32::from(!matches!(mutex.lock(&me), Err(LockError::NotRecoverable)))
        });
        child.await_sleep();
        child
    });
    guard.make_unrecoverable();
    for child in &mut refused {
        assert_eq!(child.wait(), End::Exited(0));
    }
    assert!(matches!(mutex.lock(&me), Err(LockError::NotRecoverable)));
    assert!(matches!(
        mutex.try_lock(&me),
        Err(LockError::NotRecoverable)
    ));
}

#[test]
fn sleeper_is_given_the_lock_of_who_is_killed() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, word) = meeting(&memory);
    let mut holder = holder(mutex, word);
    let mut sleepers = [(); 2].map(|()| {
        let child = Child::fork(|| {
            let me = thread();
            match mutex.lock(&me) {
                Ok(_) => 1,
                Err(LockError::OwnerDied(mut guard)) => {
                    guard.make_consistent();
                    2
                }
                Err(_) => 3,
            }
        });
        child.await_sleep();
        child
    });
    holder.kill();
    assert_eq!(sleepers[0].wait(), End::Exited(2), "told");
    assert_eq!(sleepers[1].wait(), End::Exited(1), "repaired");
    let _ = holder.wait();
}

/// The kernel's number of a thread's priority: below 0 what is real-time, from 0 to 39 by its `nice` value.
fn priority(child: &Child) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(15).unwrap().parse().unwrap()
}

#[test]
fn urgent_sleeper_lends_its_priority_to_the_holder() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, word) = meeting(&memory);
    let refused: &AtomicU32 = memory.object(4).unwrap();
    let go: &AtomicU32 = memory.object(8).unwrap();
    let mut holder = Child::fork(|| {
        let me = thread();
        let guard = mutex.lock(&me).unwrap();
        word.store(1, Ordering::Release);
        while go.load(Ordering::Acquire) == 0 {
            let _ = futex::wait(go, 0, Scope::Shared);
        }
        drop(guard);
        word.store(2, Ordering::Release);
        support::alone::sleep_for_ever()
    });
    await_word(word);
    let own = priority(&holder);
    assert!(own >= 0);
    let mut urgent = Child::fork(|| {
        let priority = libc::sched_param { sched_priority: 5 };
        // SAFETY: the structure is borrowed for the call.
        if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) } != 0 {
            refused.store(1, Ordering::Release);
        }
        i32::from(mutex.lock(&thread()).is_err())
    });
    urgent.await_sleep();
    if refused.load(Ordering::Acquire) == 1 {
        skipped!("this user may not be urgent");
    } else {
        assert_eq!(priority(&holder), -6);
    }
    go.store(1, Ordering::Release);
    futex::wake(go, 1, Scope::Shared).unwrap();
    assert_eq!(urgent.wait(), End::Exited(0));
    let limit = limit();
    while word.load(Ordering::Acquire) != 2 {
        assert!(!limit.has_passed());
        std::thread::yield_now();
    }
    assert_eq!(priority(&holder), own, "given back");
    holder.kill();
    let _ = holder.wait();
}

/// Each holds one and wants the other's: the one that comes last is told.
#[test]
fn circle_of_those_who_wait_is_a_deadlock() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let [one, two]: [&PiMutex<u64>; 2] = [64, 128].map(|at| memory.object(at).unwrap());
    let word: &AtomicU32 = memory.object(0).unwrap();
    let me = thread();
    let guard = one.lock(&me).unwrap();
    let mut other = Child::fork(|| {
        let me = thread();
        let guard = two.lock(&me).unwrap();
        word.store(1, Ordering::Release);
        let both = one.lock(&me).is_ok();
        drop(guard);
        i32::from(!both)
    });
    await_word(word);
    other.await_sleep();
    for deadline in [Deadline::Never, limit()] {
        let refused = two.lock_until(&me, deadline);
        assert!(matches!(refused, Err(LockError::Deadlock)), "{refused:?}");
    }
    drop(guard);
    assert_eq!(other.wait(), End::Exited(0));
    drop(two.lock(&me).unwrap());
}

/// As before Linux 5.14, and where the kernel has no such locks at all.
#[test]
fn deadline_without_its_call_is_kept_and_refusal_is_an_error() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, word) = meeting(&memory);
    let holder = holder(mutex, word);
    let refused = |operations: &[i32], expected: fn(Locked<'_, u64>) -> bool| {
        let mut waiter = Child::fork(|| {
            let me = thread();
            let refusals: Vec<_> = operations
                .iter()
                .map(|&operation| no_futex(operation, libc::ENOSYS))
                .collect();
            if !refuse(&refusals) {
                return NO_FILTERS;
            }
            i32::from(!expected(mutex.lock_until(&me, soon())))
        });
        match waiter.wait() {
            End::Exited(0) => {}
            End::Exited(NO_FILTERS) => skipped!("no filters of system calls"),
            end => panic!("{operations:?}: {end:?}"),
        }
    };
    refused(&[libc::FUTEX_LOCK_PI2], |locked| {
        matches!(locked, Err(LockError::TimedOut))
    });
    refused(&[libc::FUTEX_LOCK_PI2, libc::FUTEX_LOCK_PI], |locked| {
        matches!(locked, Err(LockError::Kernel(Errno::NOSYS)))
    });
    drop(holder);
}

/// Whatever is in the word: an error, a lock, or a wait until the deadline.
#[test]
fn impossible_words_are_errors_or_end_by_the_deadline() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, _) = meeting(&memory);
    let me = thread();
    let word = word_of(mutex);
    // SAFETY: the four bytes behind the word, which are another atomic.
    let state = unsafe { AtomicU32::from_ptr(word.as_ptr().wrapping_add(1)) };
    let init = 1; // Somebody who lives, if only in this namespace.
    for owner in [0, 0x3fff_ffff, 0x3fff_fffe, 2, init, me.number()] {
        for marks in 0..4_u32 {
            for (told, micros) in [0, 1, 2, 3, 4, u32::MAX]
                .into_iter()
                .flat_map(|told| [(told, 0), (told, 1000)])
            {
                word.store(owner | marks << 30, Ordering::Relaxed);
                state.store(told, Ordering::Relaxed);
                let locked = match micros {
                    0 => mutex.try_lock(&me),
                    _ => mutex.lock_until(&me, Deadline::after(Duration::from_micros(micros))),
                };
                match locked {
                    Ok(guard) | Err(LockError::OwnerDied(guard)) => {
                        assert_eq!(owner, 0);
                        drop(guard);
                        assert_eq!(word.load(Ordering::Relaxed), 0);
                    }
                    Err(LockError::NotRecoverable) => assert_ne!(told & 2, 0),
                    Err(LockError::Deadlock) => assert_eq!(owner, me.number()),
                    Err(LockError::TimedOut | LockError::WouldBlock | LockError::Kernel(_)) => {
                        assert_ne!(owner, 0)
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    }
    word.store(0x3fff_ffff, Ordering::Relaxed);
    state.store(0, Ordering::Relaxed);
    let nobody = mutex.lock(&me);
    assert!(
        matches!(nobody, Err(LockError::Kernel(Errno::SRCH))),
        "{nobody:?}"
    );
    // Taken from who holds it, and given to nobody.
    word.store(0, Ordering::Relaxed);
    let guard = mutex.lock(&me).unwrap();
    word.store(0, Ordering::Relaxed);
    drop(guard);
    drop(mutex.lock(&me).unwrap());
}

/// One who waits at the word as if it were no lock.
#[test]
fn stranger_at_the_word_is_an_error_of_the_kernel() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, word) = meeting(&memory);
    let holder = holder(mutex, word);
    let lock = word_of(mutex);
    let held = lock.load(Ordering::Relaxed);
    let mut stranger = Child::fork(|| i32::from(futex::wait(lock, held, Scope::Shared).is_err()));
    stranger.await_sleep();
    let me = thread();
    let refused = mutex.lock_until(&me, limit());
    assert!(
        matches!(refused, Err(LockError::Kernel(Errno::INVAL))),
        "{refused:?}"
    );
    futex::wake(lock, 1, Scope::Shared).unwrap();
    assert_eq!(stranger.wait(), End::Exited(0));
    drop(holder);
    drop(inherited(mutex.lock_until(&me, limit())));
}

#[test]
fn locks_of_both_kinds_that_a_dead_child_held_are_marked() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let plain: [&Mutex<u64>; 3] = [64, 192, 320].map(|at| memory.object(at).unwrap());
    let inheriting: [&PiMutex<u64>; 3] = [128, 256, 384].map(|at| memory.object(at).unwrap());
    let mut child = Child::fork(|| {
        let me = thread();
        let both = |at: usize| {
            (
                plain[at].lock(&me).unwrap(),
                inheriting[at].lock(&me).unwrap(),
            )
        };
        let [first, second, third] = [0, 1, 2].map(both);
        drop(second); // From the middle of the list.
        drop(first.0);
        forget((first.1, third));
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    let me = thread();
    assert!(plain[0].try_lock(&me).is_ok());
    drop(inherited(inheriting[0].try_lock(&me)));
    assert!(plain[1].try_lock(&me).is_ok() && inheriting[1].try_lock(&me).is_ok());
    assert!(matches!(
        plain[2].try_lock(&me),
        Err(LockError::OwnerDied(_))
    ));
    drop(inherited(inheriting[2].try_lock(&me)));
}

#[test]
fn inherited_thread_and_guard_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, _) = meeting(&memory);
    let me = thread();
    let mut guard = mutex.lock(&me).unwrap();
    guard.set(&1);
    // SAFETY: the child only uses this crate and exits.
    let Fork::Parent(child) = (unsafe { process::fork() }).unwrap() else {
        guard.set(&2);
        let forked = matches!(mutex.lock(&me), Err(LockError::Forked));
        drop(guard);
        drop(me);
        process::exit(i32::from(!forked))
    };
    let end = process::wait(child, WaitFlags::EXITED).unwrap();
    assert!(format!("{end:?}").contains("Exited"), "{end:?}");
    assert_eq!(guard.get(), 1);
    drop(guard);
    drop(mutex.lock(&me).unwrap());
}

#[test]
fn condition_variable_waits_beside_it() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (count, _) = meeting(&memory);
    let changed: &Condvar = memory.object(1024).unwrap();
    let mut child = Child::fork(|| {
        let me = thread();
        count.lock(&me).unwrap().set(&3);
        changed.notify_one();
        0
    });
    let me = thread();
    let guard = count.lock(&me).unwrap();
    let guard = changed.wait_while_until(guard, |count| *count == 0, limit());
    assert_eq!(guard.unwrap().get(), 3);
    assert_eq!(child.wait(), End::Exited(0));
}
