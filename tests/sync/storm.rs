//! Locks in a storm of signals.

use rawipc::Result;
use rawipc::members::Region;
use rawipc::sync::{
    AutoResetEvent, Barrier, Condvar, HandOverSemaphore, Latch, ManualResetEvent, Mutex, Once,
    OnceCell, RwLock, Semaphore, SeqLock, WaitGroup, wait_any_until,
};

use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, keeps_its_deadline};

#[test]
fn of_mutexes() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let [one, two] = [(); 2].map(|()| region.join().expect("a member"));
    let mutex = Mutex::new(0_u32);
    let guard = mutex.lock(&one).expect("free");
    keeps_its_deadline("sync::mutex::lock", GoesOn, |deadline| {
        mutex
            .lock_until(&two, deadline)
            .map(drop)
            .map_err(rawipc::Errno::from)
    });
    drop(guard);
}

#[test]
fn of_mutexes_by_thread() {
    let _check = LeakCheck::begin();
    let memory = crate::robust::memory();
    let (mutex, word) = crate::robust::meeting(&memory);
    let holder = crate::robust::holder(mutex, word);
    let me = crate::robust::thread();
    keeps_its_deadline("sync::robust::mutex::lock", GoesOn, |deadline| {
        mutex
            .lock_until(&me, deadline)
            .map(drop)
            .map_err(rawipc::Errno::from)
    });
    drop(holder);
}

#[test]
fn of_mutexes_with_priority_inheritance() {
    let _check = LeakCheck::begin();
    let memory = crate::robust::memory();
    let (mutex, word) = crate::pi_mutex::meeting(&memory);
    let holder = crate::pi_mutex::holder(mutex, word);
    let me = crate::robust::thread();
    keeps_its_deadline("sync::robust::pi_mutex::lock", GoesOn, |deadline| {
        mutex
            .lock_until(&me, deadline)
            .map(drop)
            .map_err(rawipc::Errno::from)
    });
    drop(holder);
}

#[test]
fn of_condition_variables() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let me = region.join().expect("a member");
    let (mutex, changed) = (Mutex::new(0_u32), Condvar::new());
    keeps_its_deadline("sync::condvar::wait", GoesOn, |deadline| -> Result<()> {
        let mut guard = mutex.lock(&me)?;
        // It ends from time to time in any case.
        loop {
            guard = changed.wait_until(guard, deadline)?;
        }
    });
    keeps_its_deadline(
        "sync::condvar::wait_while",
        GoesOn,
        |deadline| -> Result<()> {
            let guard = mutex.lock(&me)?;
            drop(changed.wait_while_until(guard, |_| true, deadline)?);
            Ok(())
        },
    );
}

#[test]
fn of_events() {
    let _check = LeakCheck::begin();
    let (auto, manual) = (AutoResetEvent::new(), ManualResetEvent::new());
    keeps_its_deadline("sync::event::auto::wait", GoesOn, |deadline| {
        auto.wait_until(deadline)
    });
    keeps_its_deadline("sync::event::manual::wait", GoesOn, |deadline| {
        manual.wait_until(deadline)
    });
    // Each set is taken before the next one, or would be one with it.
    let taken = AutoResetEvent::new();
    taken.set();
    all_arrive(
        "sync::event::set and wait",
        GoesOn,
        |_| {
            taken.wait()?;
            auto.set();
            Ok::<(), rawipc::Errno>(())
        },
        |n| {
            in_turn!(n, || auto.wait(), |d| auto.wait_until(d))?;
            taken.set();
            Ok::<u32, rawipc::Errno>(n)
        },
    );
}

#[test]
fn of_locks_for_readers_and_writers() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let [one, two] = [(); 2].map(|()| region.join().expect("a member"));
    let lock = RwLock::<u32>::new(0);
    let reading = lock.read(&one).expect("free");
    let writes = |deadline| {
        let writing = lock.write_until(&two, deadline).map(drop);
        writing.map_err(rawipc::Errno::from)
    };
    keeps_its_deadline("sync::rwlock::write", GoesOn, writes);
    drop(reading);
    let writing = lock.write(&one).expect("free");
    keeps_its_deadline("sync::rwlock::read", GoesOn, |deadline| {
        let reading = lock.read_until(&two, deadline).map(drop);
        reading.map_err(rawipc::Errno::from)
    });
    drop(writing);
}

#[test]
fn of_what_is_done_once() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let [one, two] = [(); 2].map(|()| region.join().expect("a member"));
    let once = Once::new();
    let run = once.begin(&one).expect("nobody does it");
    keeps_its_deadline("sync::once::begin", GoesOn, |deadline| {
        once.begin_until(&two, deadline).map(drop)
    });
    drop(run);
    let cell = OnceCell::new(0_u32);
    let made = cell.get_or_init(&one, || {
        keeps_its_deadline("sync::once::cell::get_or_init", GoesOn, |deadline| {
            cell.get_or_init_until(&two, || 1, deadline)
        });
        2
    });
    assert_eq!(made, Ok(2));
}

#[test]
fn of_barriers() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let me = region.join().expect("a member");
    let barrier = Barrier::<2>::new();
    let mut seat = barrier.join(&me).expect("a seat");
    keeps_its_deadline("sync::barrier::wait", GoesOn, |deadline| {
        seat.wait_until(deadline).map(drop)
    });
}

#[test]
fn of_values_read_without_waiting() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let [one, two] = [(); 2].map(|()| region.join().expect("a member"));
    let lock = SeqLock::new(0_u32);
    let turn = lock.write(&one).expect("nobody's");
    keeps_its_deadline("sync::seqlock::write", GoesOn, |deadline| {
        lock.write_until(&two, deadline).map(drop)
    });
    drop(turn);
}

#[test]
fn of_latches_and_groups() {
    let _check = LeakCheck::begin();
    let region = Region::create(0).expect("a region");
    let [one, two] = [(); 2].map(|()| region.join().expect("a member"));
    let latch = Latch::new(1);
    keeps_its_deadline("sync::latch::wait", GoesOn, |deadline| {
        latch.wait_until(deadline)
    });
    let handover = HandOverSemaphore::new(0);
    keeps_its_deadline("sync::handover::wait", GoesOn, |deadline| {
        handover.wait_until(deadline)
    });
    let (event, units) = (AutoResetEvent::new(), Semaphore::new(0));
    keeps_its_deadline("sync::any::wait_any", GoesOn, |deadline| {
        wait_any_until(&[&latch, &event, &units], deadline)
    });
    let group = WaitGroup::<2>::new();
    let entry = group.enter(&one).expect("room");
    keeps_its_deadline("sync::waitgroup::wait", GoesOn, |deadline| {
        group
            .wait_until(&two, deadline)
            .map_err(rawipc::Errno::from)
    });
    drop(entry);
}
