//! `sync::robust`, between processes and beside glibc's own robust mutexes.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::mem::{MaybeUninit, forget};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::process::{self, Fork, WaitFlags};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::robust::{Mutex, Thread};
use rawipc::sync::{Condvar, LockError, MutexGuard};
use rawipc::{Deadline, Errno};
use support::filter::{Refusal, refuse};
use support::hinder::no_futex;
use support::{Child, Choices, End, LeakCheck, limit};

type Guard<'a, T> = MutexGuard<'a, T, Thread>;
type Locked<'a, T> = Result<Guard<'a, T>, LockError<Guard<'a, T>>>;

/// The calling thread. Children that a test makes without libc have no list of libc's.
pub(crate) fn thread() -> Thread {
    // SAFETY: the list is libc's; only this test and its children write the memory, which stays.
    let thread = unsafe { Thread::with_libc() };
    // SAFETY: as above, and nobody in such a child makes a list.
    (thread.or_else(|_| unsafe { Thread::without_libc() })).unwrap()
}

pub(crate) fn memory() -> Mapping {
    MapOptions::shared(1 << 16).map_anonymous().unwrap()
}

/// A lock that is held although its holder died.
fn inherited<T>(locked: Locked<'_, T>) -> Guard<'_, T> {
    match locked {
        Err(LockError::OwnerDied(guard)) => guard,
        other => panic!("{other:?}"),
    }
}

/// What a child exits with on a machine without filters.
const NO_FILTERS: i32 = 77;

pub(crate) fn await_word(word: &AtomicU32) {
    let limit = limit();
    while word.load(Ordering::Acquire) == 0 {
        assert!(!limit.has_passed());
        std::thread::yield_now();
    }
}

/// A mutex, and a word to meet by.
pub(crate) fn meeting(memory: &Mapping) -> (&Mutex<u64>, &AtomicU32) {
    (memory.object(64).unwrap(), memory.object(0).unwrap())
}

/// A child that holds the mutex and stays.
pub(crate) fn holder(mutex: &Mutex<u64>, word: &AtomicU32) -> Child {
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
    let mutex = Mutex::new(7_u32);
    let me = thread();
    let mut guard = mutex.lock(&me).unwrap();
    assert!(guard.is_consistent());
    assert_eq!(guard.update(|value| core::mem::replace(value, 8)), 7);
    let other = std::thread::scope(|scope| {
        let refused = scope.spawn(|| {
            let me = thread();
            assert!(matches!(mutex.try_lock(&me), Err(LockError::WouldBlock)));
            let soon = Deadline::after(Duration::from_millis(5));
            matches!(mutex.lock_until(&me, soon), Err(LockError::TimedOut))
        });
        refused.join().unwrap()
    });
    assert!(other);
    for deadline in [Deadline::NOW, Deadline::Never] {
        let again = mutex.lock_until(&me, deadline);
        assert!(matches!(again, Err(LockError::Deadlock)), "{again:?}");
    }
    drop(guard);
    assert_eq!(mutex.try_lock(&me).unwrap().get(), 8);
    assert_eq!(size_of::<Mutex<[u64; 0]>>(), 48);
}

#[test]
fn death_is_told_until_one_has_repaired_the_value() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let mutex: &Mutex<u64> = memory.object(64).unwrap();
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
    drop(inherited(mutex.lock(&me)));
    let mut guard = inherited(mutex.lock(&me));
    assert_eq!(guard.get(), 5);
    guard.make_consistent();
    drop(guard);
    mutex.lock(&me).unwrap().make_unrecoverable();
    assert!(matches!(mutex.lock(&me), Err(LockError::NotRecoverable)));
}

#[test]
fn sleeper_is_told_of_a_death_by_the_kernel() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, word) = meeting(&memory);
    let mut holder = holder(mutex, word);
    let mut sleeper = Child::fork(|| {
        let me = thread();
        i32::from(!matches!(
            mutex.lock_until(&me, limit()),
            Err(LockError::OwnerDied(_))
        ))
    });
    // It sleeps at the word that the kernel marks and wakes at, and that says so.
    // SAFETY: the first word of the mutex, mapped as long as it is used.
    let state = unsafe { AtomicU32::from_ptr(memory.as_ptr().wrapping_byte_add(64).cast()) };
    assert_ne!(
        state.load(Ordering::Relaxed) & 1 << 31,
        0,
        "the kernel would wake nobody"
    );
    let limit = limit();
    while futex::wake(state, 1, Scope::Shared).unwrap() == 0 {
        assert!(!limit.has_passed(), "nobody sleeps there");
        std::thread::yield_now();
    }
    holder.kill();
    assert_eq!(sleeper.wait(), End::Exited(0));
    let _ = holder.wait();
}

/// Before Linux 5.16 nobody sleeps at two words: the death is found at the next look.
#[test]
fn sleeper_at_one_word_is_told_of_a_death_at_its_next_look() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let (mutex, word) = meeting(&memory);
    let mut holder = holder(mutex, word);
    let mut sleeper = Child::fork(|| {
        let me = thread();
        let refusal = Refusal {
            number: libc::SYS_futex_waitv,
            mask: 0,
            ..no_futex(0, libc::ENOSYS)
        };
        if !refuse(&[refusal]) {
            return NO_FILTERS;
        }
        i32::from(!matches!(
            mutex.lock_until(&me, limit()),
            Err(LockError::OwnerDied(_))
        ))
    });
    holder.kill();
    match sleeper.wait() {
        End::Exited(NO_FILTERS) => skipped!("no filters of system calls"),
        end => assert_eq!(end, End::Exited(0)),
    }
    let _ = holder.wait();
}

/// A child that fork made without libc has no list, so that one is made for it.
#[test]
fn list_without_libc_tells_of_two_locks() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let [one, two]: [&Mutex<u64>; 2] = [0, 64].map(|at| memory.object(at).unwrap());
    // SAFETY: the child only uses this crate and exits.
    let Fork::Parent(child) = (unsafe { process::fork() }).unwrap() else {
        // SAFETY: nobody gives this child's thread a list.
        let absent = unsafe { Thread::with_libc() }.err() == Some(Errno::NOENT);
        // SAFETY: as above; the memory is the test's and stays.
        let Ok(me) = (unsafe { Thread::without_libc() }) else {
            process::exit(1)
        };
        let (Ok(first), Ok(second)) = (one.lock(&me), two.lock(&me)) else {
            process::exit(2)
        };
        drop(first); // Not the one that was taken last.
        let Ok(first) = one.lock(&me) else {
            process::exit(3)
        };
        forget((first, second));
        drop(me); // The list stays, as there are locks in it.
        process::exit(if absent { 0 } else { 4 })
    };
    let end = process::wait(child, WaitFlags::EXITED).unwrap();
    assert!(format!("{end:?}").contains("Exited"), "{end:?}");
    let me = thread();
    drop(inherited(one.lock(&me)));
    drop(inherited(two.lock(&me)));
}

#[test]
fn inherited_thread_and_guard_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let mutex: &Mutex<u64> = memory.object(0).unwrap();
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
    let count: &Mutex<u64> = memory.object(0).unwrap();
    let changed: &Condvar = memory.object(64).unwrap();
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

/// How many locks of each kind a child takes and gives back among each other.
const EACH: usize = 6;

/// What glibc's are made in.
fn theirs(memory: &Mapping, index: usize) -> *mut libc::pthread_mutex_t {
    memory.as_ptr().wrapping_add(8192 + 64 * index).cast()
}

/// Calls functions of glibc, each of which must say 0.
macro_rules! glibc {
    ($($call:ident($($argument:expr),*));+ $(;)?) => {$(
        // SAFETY: it is given what it is for: attributes, or a mutex that this test has made.
        assert_eq!(unsafe { libc::$call($($argument),*) }, 0, stringify!($call));
    )+};
}

fn make_theirs(mutex: *mut libc::pthread_mutex_t) {
    let mut how = MaybeUninit::uninit();
    glibc! {
        pthread_mutexattr_init(how.as_mut_ptr());
        pthread_mutexattr_setpshared(how.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(how.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(mutex, how.as_ptr());
    }
}

/// Takes and gives back locks of both kinds, chosen by `choices`, and says after each step which it holds;
/// dies, by its own hand, after some step.
fn locks_and_dies(memory: &Mapping, mut choices: Choices, steps: u64) -> i32 {
    let me = thread();
    let held: &AtomicU32 = memory.object(4096).unwrap();
    let mut ours: [Option<Guard<'_, u64>>; EACH] = [const { None }; EACH];
    for _ in 0..steps {
        let index = choices.below(2 * EACH as u64) as usize;
        let is_held = held.load(Ordering::Relaxed) & 1 << index != 0;
        if let Some(theirs_at) = index.checked_sub(EACH) {
            let mutex = theirs(memory, theirs_at);
            if is_held {
                glibc!(pthread_mutex_unlock(mutex));
            } else {
                glibc!(pthread_mutex_lock(mutex));
            }
        } else if is_held {
            ours[index] = None;
        } else {
            let mutex: &Mutex<u64> = memory.object(64 * index).unwrap();
            ours[index] = mutex.lock(&me).ok();
            if ours[index].is_none() {
                return 2;
            }
        }
        held.fetch_xor(1 << index, Ordering::Release);
    }
    let pid = std::process::id().cast_signed();
    // SAFETY: ends this child, as a peer would.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    3
}

/// Locks of ours and of glibc in one list, in any order: each that was held is marked, and no other.
#[test]
fn locks_among_those_of_glibc_are_all_marked() {
    const DEATHS: u64 = 200;
    let _check = LeakCheck::begin();
    let mut marked = 0;
    for death in 0..DEATHS {
        let memory = memory();
        (0..EACH).for_each(|index| make_theirs(theirs(&memory, index)));
        let mut child = Child::fork(|| {
            locks_and_dies(
                &memory,
                Choices::new(death.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                death % 40,
            )
        });
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
        let held = memory.object::<AtomicU32>(4096).unwrap();
        let held = held.load(Ordering::Acquire);
        let me = thread();
        for index in 0..EACH {
            let mutex: &Mutex<u64> = memory.object(64 * index).unwrap();
            let told = matches!(mutex.try_lock(&me), Err(LockError::OwnerDied(_)));
            assert_eq!(
                told,
                held & 1 << index != 0,
                "ours {index} of death {death}"
            );
            // SAFETY: a mutex of glibc's.
            let said = unsafe { libc::pthread_mutex_trylock(theirs(&memory, index)) };
            let expected = match held & 1 << (EACH + index) {
                0 => 0,
                _ => libc::EOWNERDEAD,
            };
            assert_eq!(said, expected, "theirs {index} of death {death}");
            glibc!(pthread_mutex_unlock(theirs(&memory, index)));
        }
        marked += held.count_ones();
    }
    println!("{DEATHS} deaths, {marked} locks of ours and of glibc's held and marked");
    assert!(marked > 300);
}
