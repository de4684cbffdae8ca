//! Locks that the kernel passes on: from one that lets go, and from one that dies.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::shared_memory;
use crate::support;

use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

use rawipc::process;
use rawipc::sync::futex::pi::{self, OWNER_DIED, TID_MASK, WAITERS};
use rawipc::sync::futex::{self, Scope};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::no_futex;
use support::{Child, End, LeakCheck, limit, soon};

const SHARED: Scope = Scope::Shared;

/// What a child exits with on a machine without filters.
const NO_FILTERS: i32 = 77;

fn me() -> u32 {
    process::thread_id().as_raw_pid() as u32
}

fn number_of(child: &Child) -> u32 {
    child.id() as u32
}

/// A process that takes the lock, says so in `said`, and lets go when told there.
fn holder(word: &AtomicU32, said: &AtomicU32) -> Child {
    let child = Child::fork(|| {
        let held = pi::lock(word, SHARED).is_ok();
        said.store(1, SeqCst);
        let _ = futex::wake(said, 1, SHARED);
        while said.load(SeqCst) == 1 {
            let _ = futex::wait(said, 1, SHARED);
        }
        i32::from(!(held && pi::unlock(word, SHARED).is_ok()))
    });
    while said.load(SeqCst) == 0 {
        let _ = futex::wait_until(said, 0, SHARED, limit());
    }
    assert_eq!(word.load(SeqCst), number_of(&child));
    child
}

fn let_go(said: &AtomicU32) {
    said.store(2, SeqCst);
    futex::wake(said, 1, SHARED).unwrap();
}

/// A process that waits for the lock, and exits with the word's marks as it got it.
fn waiter(word: &AtomicU32) -> Child {
    let child = Child::fork(|| {
        if pi::lock(word, SHARED).is_err() {
            return -1;
        }
        let marks = word.load(SeqCst);
        if marks & TID_MASK != me() || pi::unlock(word, SHARED).is_err() {
            return -1;
        }
        i32::from(marks & OWNER_DIED != 0)
    });
    child.await_sleep();
    child
}

#[test]
fn free_lock_is_taken_and_released() {
    let _check = LeakCheck::begin();
    let word = AtomicU32::new(0);
    for scope in [Scope::Private, SHARED] {
        pi::lock(&word, scope).unwrap();
        assert_eq!(word.load(SeqCst), me());
        assert_eq!(pi::lock(&word, scope), Err(Errno::DEADLK));
        assert_eq!(pi::try_lock(&word, scope), Err(Errno::DEADLK));
        pi::unlock(&word, scope).unwrap();
        assert_eq!(word.load(SeqCst), 0);
        assert_eq!(pi::unlock(&word, scope), Err(Errno::PERM));
        pi::try_lock(&word, scope).unwrap();
        assert_eq!(word.load(SeqCst), me());
        pi::unlock(&word, scope).unwrap();
        // What a death left is for the kernel to clear.
        word.store(OWNER_DIED, SeqCst);
        pi::try_lock(&word, scope).unwrap();
        assert_eq!(word.load(SeqCst) & TID_MASK, me());
        pi::unlock(&word, scope).unwrap();
        word.store(0, SeqCst);
        match pi::lock_until(&word, scope, Deadline::NOW) {
            Err(Errno::NOSYS) => skipped!("no FUTEX_LOCK_PI2"),
            result => {
                result.unwrap();
                pi::unlock(&word, scope).unwrap();
            }
        }
    }
}

#[test]
fn released_lock_goes_to_sleeper() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [word, said]: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let mut holder = holder(word, said);
    assert_eq!(pi::try_lock(word, SHARED), Err(Errno::AGAIN));
    match pi::lock_until(word, SHARED, soon()) {
        Err(Errno::NOSYS) => skipped!("no FUTEX_LOCK_PI2"),
        result => assert_eq!(result, Err(Errno::TIMEDOUT)),
    }
    let mut waiters = [(); 3].map(|()| waiter(word));
    assert_eq!(word.load(SeqCst), number_of(&holder) | WAITERS);
    let_go(said);
    assert_eq!(holder.wait(), End::Exited(0));
    for waiter in &mut waiters {
        assert_eq!(waiter.wait(), End::Exited(0));
    }
    assert_eq!(word.load(SeqCst), 0);
}

/// As before Linux 5.14.
#[test]
fn deadline_without_its_call_is_kept() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [word, said]: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let mut holder = holder(word, said);
    let mut waiter = Child::fork(|| {
        if !refuse(&[no_futex(libc::FUTEX_LOCK_PI2, libc::ENOSYS)]) {
            return NO_FILTERS;
        }
        for deadline in [Deadline::NOW, soon()] {
            if pi::lock_until(word, SHARED, deadline) != Err(Errno::TIMEDOUT) {
                return 1;
            }
        }
        said.store(2, SeqCst);
        let _ = futex::wake(said, 1, SHARED);
        i32::from(pi::lock_until(word, SHARED, limit()).is_err())
    });
    match waiter.wait() {
        End::Exited(0) => assert_eq!(word.load(SeqCst) & TID_MASK, number_of(&waiter)),
        End::Exited(NO_FILTERS) => {
            skipped!("no filters of system calls");
            let_go(said);
        }
        end => panic!("{end:?}"),
    }
    assert_eq!(holder.wait(), End::Exited(0));
}

#[test]
fn lock_of_dead_owner_goes_to_sleeper_and_is_marked() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [word, said]: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let mut holder = holder(word, said);
    let mut waiter = waiter(word);
    holder.kill();
    assert_eq!(holder.wait(), End::Killed(libc::SIGKILL));
    assert_eq!(waiter.wait(), End::Exited(1), "marked");
}

#[test]
fn killed_sleeper_takes_no_lock_with_it() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [word, said]: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let mut holder = holder(word, said);
    let (mut first, mut second) = (waiter(word), waiter(word));
    first.kill();
    let_go(said);
    assert_eq!(first.wait(), End::Killed(libc::SIGKILL));
    // Marked, if the first was given the lock before it was dead.
    assert!([End::Exited(0), End::Exited(1)].contains(&second.wait()));
    assert_eq!(holder.wait(), End::Exited(0));
}

#[test]
fn dead_owner_without_sleepers_is_noticed() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [word, said]: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let mut holder = holder(word, said);
    let dead = number_of(&holder);
    holder.kill();
    assert_eq!(holder.wait(), End::Killed(libc::SIGKILL));
    // As long as no other thread has got the number.
    assert_eq!(pi::lock(word, SHARED), Err(Errno::SRCH));
    assert_eq!(pi::try_lock(word, SHARED), Err(Errno::SRCH));
    // The remedy that the documentation names.
    let left = word.load(SeqCst);
    assert_eq!(left, dead | WAITERS);
    let mine = left & !TID_MASK | me() | OWNER_DIED;
    assert!(word.compare_exchange(left, mine, SeqCst, SeqCst).is_ok());
    pi::unlock(word, SHARED).unwrap();
    let mut next = Child::fork(|| i32::from(pi::lock(word, SHARED).is_err()));
    assert_eq!(next.wait(), End::Exited(0));
}

#[test]
fn sleeper_lends_its_priority() {
    /// The kernel's number: below 0 what is real-time.
    fn priority(child: &Child) -> i32 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        rest.split(' ').nth(15).unwrap().parse().unwrap()
    }
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [word, said, refused]: [&AtomicU32; 3] = [0, 4, 8].map(|at| memory.object(at).unwrap());
    let mut holder = holder(word, said);
    assert!(priority(&holder) >= 0);
    let mut urgent = Child::fork(|| {
        let priority = libc::sched_param { sched_priority: 5 };
        // SAFETY: the structure is borrowed for the call.
        if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) } != 0 {
            refused.store(1, SeqCst);
        }
        let held = pi::lock(word, SHARED).is_ok();
        i32::from(!(held && pi::unlock(word, SHARED).is_ok()))
    });
    urgent.await_sleep();
    if refused.load(SeqCst) == 1 {
        skipped!("this user may not be urgent");
    } else {
        assert_eq!(priority(&holder), -6);
    }
    let_go(said);
    assert_eq!(holder.wait(), End::Exited(0));
    assert_eq!(urgent.wait(), End::Exited(0));
}

#[test]
fn requeue_moves_sleepers_to_lock() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let [condition, lock]: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let mut sleepers = [(); 3].map(|()| {
        let child = Child::fork(|| {
            let held = pi::wait_requeue(condition, 0, lock, SHARED).is_ok()
                && lock.load(SeqCst) & TID_MASK == me();
            i32::from(!(held && pi::unlock(lock, SHARED).is_ok()))
        });
        child.await_sleep();
        child
    });
    // Nobody else's wake reaches them.
    assert_eq!(futex::wake(condition, 1, SHARED), Err(Errno::INVAL));
    assert_eq!(
        pi::requeue(condition, 1, lock, 0, SHARED),
        Err(Errno::AGAIN)
    );
    pi::lock(lock, SHARED).unwrap();
    condition.store(1, SeqCst);
    assert_eq!(pi::requeue(condition, 1, lock, futex::ALL, SHARED), Ok(3));
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.try_wait(), None);
    }
    pi::unlock(lock, SHARED).unwrap();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
    assert_eq!(lock.load(SeqCst), 0);

    // A free lock goes to the first at once.
    let mut sleeper =
        Child::fork(|| i32::from(pi::wait_requeue(condition, 1, lock, SHARED).is_err()));
    sleeper.await_sleep();
    assert_eq!(pi::requeue(condition, 1, lock, 0, SHARED), Ok(1));
    assert_eq!(sleeper.wait(), End::Exited(0));
}

#[test]
fn invalid_arguments_are_refused() {
    let _check = LeakCheck::begin();
    let (word, other) = (AtomicU32::new(7), AtomicU32::new(0));
    let wait = |expected, target, deadline| {
        pi::wait_requeue_until(&word, expected, target, Scope::Private, deadline)
    };
    assert_eq!(wait(8, &other, limit()), Err(Errno::AGAIN));
    assert_eq!(wait(7, &word, limit()), Err(Errno::INVAL));
    assert_eq!(wait(7, &other, soon()), Err(Errno::TIMEDOUT));
    assert_eq!(wait(7, &other, Deadline::NOW), Err(Errno::TIMEDOUT));
    let same = pi::requeue(&word, 7, &word, 1, Scope::Private);
    assert_eq!(same, Err(Errno::INVAL));
    // One who waits as if it were no lock.
    let memory = shared_memory();
    let [word, lock]: [&AtomicU32; 2] = [0, 4].map(|at| memory.object(at).unwrap());
    let any = NonZeroU32::MAX;
    let mut plain = Child::fork(|| {
        i32::from(futex::wait_bitset(word, 0, any, SHARED, Deadline::Never).is_err())
    });
    plain.await_sleep();
    assert_eq!(pi::requeue(word, 0, lock, 1, SHARED), Err(Errno::INVAL));
    assert_eq!(futex::wake(word, 1, SHARED), Ok(1));
    assert_eq!(plain.wait(), End::Exited(0));
    // A number that cannot be, and a kernel thread's: kthreadd.
    for (holder, errno) in [(TID_MASK, Errno::SRCH), (2, Errno::PERM)] {
        let word = AtomicU32::new(holder);
        let refused = pi::lock(&word, Scope::Private).unwrap_err();
        // In another PID namespace 2 is somebody.
        if holder == TID_MASK || std::fs::read_link("/proc/2/exe").is_err() {
            assert!([errno, Errno::SRCH].contains(&refused), "{refused:?}");
        }
    }
}
