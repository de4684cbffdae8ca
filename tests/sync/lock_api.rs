//! `adapters::lock_api`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::cell::RefCell;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;

use rawipc::adapters::lock_api::api::{self, RawMutex as _, RawMutexTimed as _};
use rawipc::adapters::lock_api::{CurrentMember, RawMutex};
use rawipc::members::{Member, Region};
use rawipc::memory::Shared;
use support::{Child, End, LeakCheck};

std::thread_local! {
    pub(crate) static ME: RefCell<Option<Member>> = const { RefCell::new(None) };
}

pub(crate) struct Refuses;
pub(crate) struct Proceeds;

/// Members that hold nothing when they are dropped.
fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
    ME.with_borrow(|me| f(me.as_ref().unwrap()))
}

pub(crate) fn join(region: &Region) {
    ME.set(Some(region.join().unwrap()));
}

// SAFETY: each test has one region, whose members end when they hold nothing.
unsafe impl CurrentMember for Refuses {
    fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
        with(f)
    }
}

// SAFETY: as above; any number will do.
unsafe impl CurrentMember for Proceeds {
    const PROCEEDS_AFTER_DEATH: bool = true;

    fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
        with(f)
    }
}

#[repr(transparent)]
struct Total<C>(api::Mutex<RawMutex<C>, u64>);
// SAFETY: of this program's own processes, which all keep to the lock; any bytes are a value.
unsafe impl<C: CurrentMember> Shared for Total<C> {}

#[test]
fn raw_mutex_is_held_by_one() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    join(&region);
    let mutex = api::Mutex::<RawMutex<Refuses>, u64>::new(7);
    let guard = mutex.lock();
    assert!(mutex.is_locked() && mutex.try_lock().is_none());
    assert!(mutex.try_lock_for(Duration::from_millis(1)).is_none());
    // Recursion is told, and no hang.
    assert!(catch_unwind(AssertUnwindSafe(|| drop(mutex.lock()))).is_err());
    assert_eq!(*guard, 7);
    drop(guard);
    assert!(!mutex.is_locked());
    drop(mutex.try_lock().unwrap());
    ME.set(None);
}

#[test]
fn two_processes_lose_no_count() {
    const TURNS: u64 = 20_000;
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let total = memory.object::<Total<Refuses>>(0).unwrap();
    let mut children = [(); 2].map(|()| {
        Child::fork(|| {
            join(&region);
            for _ in 0..TURNS {
                *total.0.lock() += 1;
            }
            0
        })
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    join(&region);
    assert_eq!(*total.0.lock(), 2 * TURNS);
    ME.set(None);
}

/// A child that dies with the lock.
fn die_with<C: CurrentMember>(region: &Region, total: &Total<C>) {
    let mut child = Child::fork(|| {
        join(region);
        *total.0.lock() = 1;
        core::mem::forget(total.0.lock());
        loop {
            std::thread::park();
        }
    });
    child.await_sleep();
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

#[test]
fn lock_of_the_dead_is_refused_until_it_is_repaired() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let total = memory.object::<Total<Refuses>>(0).unwrap();
    die_with(&region, total);
    join(&region);
    assert!(total.0.try_lock().is_none());
    for _ in 0..2 {
        assert!(catch_unwind(AssertUnwindSafe(|| drop(total.0.lock()))).is_err());
    }
    // SAFETY: it is unlocked by the guard that is made next.
    let raw = unsafe { total.0.raw() };
    assert!(raw.lock_after_death());
    // SAFETY: this thread holds the lock.
    let mut guard = unsafe { total.0.make_guard_unchecked() };
    *guard = 2;
    drop(guard);
    assert_eq!(*total.0.lock(), 2);
    ME.set(None);
}

#[test]
fn lock_of_the_dead_is_taken_by_who_proceeds() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let total = memory.object::<Total<Proceeds>>(0).unwrap();
    die_with(&region, total);
    join(&region);
    assert_eq!(*total.0.lock(), 1);
    drop(total.0.try_lock().unwrap());
    ME.set(None);
}

#[test]
fn raw_mutex_lies_in_shared_memory_by_itself() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    join(&region);
    let memory = shared_memory();
    let raw = memory.object::<RawMutex<Refuses>>(0).unwrap();
    raw.lock();
    assert!(!raw.try_lock_for(Duration::from_millis(1)));
    // SAFETY: it is held.
    unsafe { raw.unlock() };
    assert!(raw.try_lock());
    // SAFETY: it is held.
    unsafe { raw.unlock() };
    ME.set(None);
}

/// A child that joins anew has a copy of its parent's guard, and gives nothing back by it.
#[test]
fn guard_inherited_by_child_that_joins_anew_unlocks_nothing() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let total = memory.object::<Total<Refuses>>(0).unwrap();
    join(&region);
    let guard = total.0.lock();
    let mut guard = Some(guard);
    let mut child = Child::fork(|| {
        // The copy of the parent's member is dropped, too.
        ME.set(region.join().ok());
        drop(guard.take());
        ME.set(None);
        i32::from(!total.0.is_locked())
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert!(total.0.is_locked(), "a child unlocked it");
    drop(guard);
    assert!(!total.0.is_locked());
    ME.set(None);
}
