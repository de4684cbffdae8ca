//! The lock for readers and a writer of `adapters::lock_api`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::lock_api::{ME, Proceeds, Refuses, join};
use crate::{shared_memory, support};

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;

use rawipc::Deadline;
use rawipc::adapters::lock_api::api::{self, RawRwLock as _, RawRwLockTimed as _};
use rawipc::adapters::lock_api::{CurrentMember, RawRwLock, RwLock};
use rawipc::members::Region;
use rawipc::memory::Shared;
use rawipc::sync::{PreferReaders, PreferWriters, Preference};
use support::{Child, End, LeakCheck};

/// Two counts that are equal wherever nobody writes.
#[repr(transparent)]
struct Pair<C, P = PreferWriters, const READERS: usize = 32>(
    api::RwLock<RawRwLock<C, P, READERS>, [u64; 2]>,
);
// SAFETY: of this program's own processes, which all keep to the lock; any bytes are a value.
unsafe impl<C: CurrentMember, P: Preference, const READERS: usize> Shared for Pair<C, P, READERS> {}

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(|| drop(f()))).is_err()
}

/// A child that does `f` and stays; it is killed then.
fn die_with(region: &Region, f: impl FnOnce()) {
    let mut child = Child::fork(|| {
        join(region);
        f();
        loop {
            std::thread::park();
        }
    });
    child.await_sleep();
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

#[test]
fn raw_rwlock_has_many_readers_or_one_writer() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let lock = RwLock::<Refuses, u64>::new(7);
    let elsewhere = |f: &(dyn Fn() -> bool + Sync)| {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                join(&region);
                let is_so = f();
                ME.set(None);
                is_so
            });
            other.join().unwrap()
        })
    };
    join(&region);
    assert!(!lock.is_locked() && !lock.is_locked_exclusive());
    let reads = lock.read();
    assert!(lock.is_locked() && !lock.is_locked_exclusive());
    assert!(elsewhere(&|| *lock.read() == 7 && lock.try_read().is_some()));
    assert!(elsewhere(&|| {
        let short = Duration::from_millis(1);
        lock.try_write().is_none() && lock.try_write_for(short).is_none()
    }));
    // Recursion is told, and no hang.
    assert!(panics(|| lock.read()) && panics(|| lock.write()));
    assert!(lock.try_read().is_none() && lock.try_write().is_none());
    assert_eq!(*reads, 7);
    drop(reads);
    assert!(!lock.is_locked());
    let mut writes = lock.write();
    *writes = 8;
    assert!(lock.is_locked() && lock.is_locked_exclusive());
    assert!(elsewhere(&|| {
        let soon = Deadline::after(Duration::from_millis(1));
        lock.try_read().is_none() && lock.try_read_until(soon).is_none()
    }));
    assert!(panics(|| lock.read()) && panics(|| lock.write()));
    drop(writes);
    assert!(elsewhere(&|| lock.try_write().is_some_and(|is| *is == 8)));
    ME.set(None);
}

fn processes_see_whole_pairs<P: Preference, const READERS: usize>() {
    const TURNS: u64 = 5_000;
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let pair = memory.object::<Pair<Refuses, P, READERS>>(0).unwrap();
    let mut children = [(); 2].map(|()| {
        Child::fork(|| {
            join(&region);
            for _ in 0..TURNS {
                let mut both = pair.0.write();
                both[0] += 1;
                both[1] += 1;
                drop(both);
                let both = pair.0.read();
                if both[0] != both[1] {
                    return 1;
                }
            }
            0
        })
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    join(&region);
    assert_eq!(*pair.0.read(), [2 * TURNS; 2]);
    ME.set(None);
}

#[test]
fn processes_that_read_and_write_see_whole_pairs() {
    let _check = LeakCheck::begin();
    processes_see_whole_pairs::<PreferWriters, 32>();
    processes_see_whole_pairs::<PreferReaders, 32>();
    // The second one has no line.
    processes_see_whole_pairs::<PreferWriters, 1>();
}

#[test]
fn dead_reader_keeps_no_writer_out_and_is_not_told() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let pair = memory.object::<Pair<Refuses>>(0).unwrap();
    die_with(&region, || core::mem::forget(pair.0.read()));
    join(&region);
    assert!(pair.0.try_write().is_some());
    assert!(pair.0.try_read().is_some());
    ME.set(None);
}

#[test]
fn value_of_dead_writer_is_refused_until_it_is_repaired() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let pair = memory.object::<Pair<Refuses>>(0).unwrap();
    die_with(&region, || {
        let mut both = pair.0.write();
        both[0] = 1;
        core::mem::forget(both);
    });
    join(&region);
    assert!(pair.0.try_read().is_none() && pair.0.try_write().is_none());
    for _ in 0..2 {
        assert!(panics(|| pair.0.read()) && panics(|| pair.0.write()));
    }
    assert!(!pair.0.is_locked());
    // SAFETY: it is unlocked by the guard that is made next.
    let raw = unsafe { pair.0.raw() };
    assert!(raw.lock_after_death());
    // SAFETY: this thread holds the lock.
    let mut both = unsafe { pair.0.make_write_guard_unchecked() };
    *both = [2; 2];
    drop(both);
    assert_eq!(*pair.0.read(), [2; 2]);
    assert!(!raw.lock_after_death());
    // SAFETY: it is held.
    unsafe { raw.unlock_exclusive() };
    ME.set(None);
}

/// It may have held the lock as a writer does.
#[test]
fn death_of_reader_without_line_is_refused_like_that_of_a_writer() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let pair = memory.object::<Pair<Refuses, PreferWriters, 1>>(0).unwrap();
    join(&region);
    die_with(&region, || core::mem::forget(pair.0.read()));
    assert!(panics(|| pair.0.read()) && pair.0.try_write().is_none());
    ME.set(None);
}

#[test]
fn value_of_dead_writer_is_taken_by_who_proceeds() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let pair = memory.object::<Pair<Proceeds>>(0).unwrap();
    die_with(&region, || {
        let mut both = pair.0.write();
        both[0] = 1;
        core::mem::forget(both);
    });
    join(&region);
    assert_eq!(*pair.0.read(), [1, 0]);
    assert_eq!(*pair.0.write(), [1, 0]);
    assert!(!pair.0.is_locked());
    ME.set(None);
}

#[test]
fn raw_rwlock_lies_in_shared_memory_by_itself() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    join(&region);
    let memory = shared_memory();
    let raw = memory.object::<RawRwLock<Refuses>>(0).unwrap();
    assert_eq!(size_of_val(raw), 64 + 32 * 64);
    raw.lock_exclusive();
    assert!(!raw.try_lock_shared_for(Duration::from_millis(1)));
    // SAFETY: it is held.
    unsafe { raw.unlock_exclusive() };
    assert!(raw.try_lock_shared());
    assert!(!raw.try_lock_exclusive_until(Deadline::after(Duration::from_millis(1))));
    // SAFETY: it is held.
    unsafe { raw.unlock_shared() };
    assert!(!raw.is_locked());
    ME.set(None);
}

/// A child that joins anew has copies of its parent's guards, and gives nothing back by them.
#[test]
fn guards_inherited_by_child_that_joins_anew_unlock_nothing() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).unwrap();
    let memory = shared_memory();
    let [read, written] = [0, 2560].map(|at| memory.object::<Pair<Refuses, PreferWriters, 8>>(at));
    let (read, written) = (read.unwrap(), written.unwrap());
    join(&region);
    let mut guards = Some((read.0.read(), written.0.write()));
    for joins_anew in [false, true] {
        let mut child = Child::fork(|| {
            // The copy of the parent's member is dropped, too.
            if joins_anew {
                ME.set(region.join().ok());
            }
            drop(guards.take());
            ME.set(None);
            i32::from(!(read.0.is_locked() && written.0.is_locked_exclusive()))
        });
        assert_eq!(child.wait(), End::Exited(0));
        assert!(read.0.is_locked() && written.0.is_locked(), "{joins_anew}");
    }
    drop(guards);
    assert!(!read.0.is_locked() && !written.0.is_locked());
    ME.set(None);
}
