//! Locks make no system call while nobody waits.

use core::mem::ManuallyDrop;

use rawipc::members::Region;
use rawipc::sync::{
    AutoResetEvent, Barrier, Condvar, HandOverSemaphore, Latch, ManualResetEvent, Mutex, Once,
    OnceCell, PreferReaders, RwLock, Semaphore, SeqLock, WaitGroup, robust, try_wait_any, wait_any,
    wait_any_until,
};

use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn mutexes_make_no_system_call() {
    alone(test_name!(), || {
        let region = Region::create(4096).expect("a region");
        let memory = region.map().expect("mapped");
        let mutex = memory.object::<Mutex<[u64; 2]>>(0).expect("room");
        let changed = memory.object::<Condvar>(64).expect("room");
        let deadline = limit();
        holds(|| {
            // To leave it would have to make calls.
            let me = ManuallyDrop::new(get!(region.join()));
            get!(forbid_calls());
            for number in 0..TIMES {
                let mut guard = get!(mutex.lock(&*me));
                hold!(guard.get() == [3 * number; 2]);
                guard.set(&[3 * number + 1; 2]);
                drop(guard);
                changed.notify_one();
                changed.notify_all();
                let guard = get!(mutex.lock(&*me));
                drop(get!(changed.wait_while(guard, |_| false)));
                get!(mutex.try_lock(&*me)).update(|value| *value = [value[0] + 1; 2]);
                get!(mutex.lock_until(&*me, deadline)).update(|value| *value = [value[0] + 1; 2]);
            }
            Ok(())
        });
    });
}

#[test]
fn mutexes_by_thread_make_no_system_call() {
    alone(test_name!(), || {
        let mutex = robust::Mutex::new([0_u64; 2]);
        let deadline = limit();
        holds(|| {
            let me = ManuallyDrop::new(crate::robust::thread());
            get!(forbid_calls());
            for number in 0..TIMES {
                let mut guard = get!(mutex.lock(&me));
                hold!(guard.get() == [3 * number; 2]);
                hold!(mutex.try_lock(&me).is_err());
                guard.set(&[3 * number + 1; 2]);
                drop(guard);
                get!(mutex.try_lock(&me)).update(|value| *value = [value[0] + 1; 2]);
                get!(mutex.lock_until(&me, deadline)).update(|value| *value = [value[0] + 1; 2]);
            }
            Ok(())
        });
    });
}

#[test]
fn mutexes_with_priority_inheritance_make_no_system_call() {
    alone(test_name!(), || {
        let mutex = robust::PiMutex::new([0_u64; 2]);
        let deadline = limit();
        holds(|| {
            let me = ManuallyDrop::new(crate::robust::thread());
            get!(forbid_calls());
            for number in 0..TIMES {
                let mut guard = get!(mutex.lock(&me));
                hold!(guard.get() == [3 * number; 2]);
                hold!(mutex.try_lock(&me).is_err());
                guard.set(&[3 * number + 1; 2]);
                drop(guard);
                get!(mutex.try_lock(&me)).update(|value| *value = [value[0] + 1; 2]);
                get!(mutex.lock_until(&me, deadline)).update(|value| *value = [value[0] + 1; 2]);
            }
            Ok(())
        });
    });
}

#[test]
fn events_make_no_system_call() {
    alone(test_name!(), || {
        let (auto, manual) = (AutoResetEvent::new(), ManualResetEvent::new());
        let deadline = limit();
        holds(|| {
            get!(forbid_calls());
            for _ in 0..TIMES {
                auto.set();
                auto.set();
                get!(auto.wait());
                hold!(auto.try_wait().is_err());
                auto.set();
                get!(auto.wait_until(deadline));
                manual.set();
                manual.set();
                get!(manual.wait());
                get!(manual.wait_until(deadline));
                get!(manual.try_wait());
                hold!(manual.reset() && !manual.reset() && manual.try_wait().is_err());
            }
            Ok(())
        });
    });
}

#[test]
fn locks_for_readers_and_writers_make_no_system_call() {
    alone(test_name!(), || {
        let region = Region::create(1 << 14).expect("a region");
        let memory = region.map().expect("mapped");
        let lock = memory.object::<RwLock<[u64; 2]>>(0).expect("room");
        let polite = memory.object::<RwLock<u64, PreferReaders>>(1 << 13);
        let polite = polite.expect("room");
        let deadline = limit();
        holds(|| {
            // To leave it would have to make calls.
            let me = ManuallyDrop::new(get!(region.join()));
            let other = ManuallyDrop::new(get!(region.join()));
            get!(forbid_calls());
            for number in 0..TIMES {
                let reading = (get!(lock.read(&*me)), get!(lock.try_read(&*other)));
                hold!(reading.0.get() == [3 * number; 2] && reading.1.get() == [3 * number; 2]);
                drop(reading);
                drop(get!(lock.read_until(&*me, deadline)));
                get!(lock.write(&*me)).set(&[3 * number + 1; 2]);
                get!(lock.try_write(&*other)).update(|value| *value = [value[0] + 1; 2]);
                get!(lock.write_until(&*me, deadline)).update(|value| *value = [value[0] + 1; 2]);
                get!(polite.write(&*me)).set(&number);
                hold!(get!(polite.read(&*other)).get() == number);
            }
            Ok(())
        });
    });
}

#[test]
fn what_is_done_once_makes_no_system_call() {
    alone(test_name!(), || {
        let region = Region::create(4096).expect("a region");
        let memory = region.map().expect("mapped");
        let cells = memory.objects::<OnceCell<u32>>(0, 300).expect("room");
        let once = Once::new();
        let deadline = limit();
        holds(|| {
            // To leave it would have to make calls.
            let me = ManuallyDrop::new(get!(region.join()));
            get!(forbid_calls());
            drop(get!(once.begin(&*me)));
            if let Some(run) = get!(once.try_begin(&*me)) {
                run.finish();
            }
            for (number, cell) in (0..).zip(cells) {
                hold!(cell.get().is_none());
                hold!(get!(cell.get_or_init(&*me, || number)) == number);
                hold!(cell.get() == Some(number));
            }
            for _ in 0..TIMES {
                hold!(once.is_done() && get!(once.begin_until(&*me, deadline)).is_none());
                hold!(get!(cells[7].try_get_or_init(&*me, || 1)) == 7);
                hold!(get!(cells[7].get_or_init_until(&*me, || 1, deadline)) == 7);
                hold!(cells[7].set(&*me, &1).is_err());
            }
            Ok(())
        });
    });
}

#[test]
fn barriers_make_no_system_call_for_who_comes_last() {
    alone(test_name!(), || {
        let region = Region::create(4096).expect("a region");
        let memory = region.map().expect("mapped");
        let barrier = memory.object::<Barrier<1>>(0).expect("room");
        let deadline = limit();
        holds(|| {
            // To leave it would have to make calls.
            let me = ManuallyDrop::new(get!(region.join()));
            get!(forbid_calls());
            for _ in 0..TIMES {
                let mut seat = get!(barrier.join(&*me));
                hold!(get!(seat.wait()));
                hold!(get!(seat.try_wait()));
                hold!(get!(seat.wait_until(deadline)));
                hold!(!barrier.reset() && !barrier.is_broken());
            }
            Ok(())
        });
    });
}

#[test]
fn values_read_without_waiting_make_no_system_call() {
    alone(test_name!(), || {
        let region = Region::create(4096).expect("a region");
        let memory = region.map().expect("mapped");
        let lock = memory.object::<SeqLock<[u64; 9]>>(0).expect("room");
        let deadline = limit();
        holds(|| {
            // To leave it would have to make calls.
            let me = ManuallyDrop::new(get!(region.join()));
            get!(forbid_calls());
            for number in 0..TIMES {
                get!(lock.write(&*me)).set(&[3 * number + 1; 9]);
                get!(lock.try_write(&*me)).update(|value| *value = [value[0] + 1; 9]);
                hold!(get!(lock.try_read()) == [3 * number + 2; 9]);
                get!(lock.write_until(&*me, deadline)).update(|value| *value = [value[0] + 1; 9]);
                hold!(lock.read() == [3 * number + 3; 9]);
            }
            Ok(())
        });
    });
}

#[test]
fn waiting_for_the_first_makes_no_system_call() {
    alone(test_name!(), || {
        let (units, event, latch) = (Semaphore::new(0), AutoResetEvent::new(), Latch::new(1));
        let deadline = limit();
        holds(|| {
            get!(forbid_calls());
            for _ in 0..TIMES {
                get!(units.post());
                hold!(wait_any(&[&latch, &units, &event]) == Ok(1));
                event.set();
                hold!(wait_any_until(&[&latch, &units, &event], deadline) == Ok(2));
                hold!(try_wait_any(&[&latch, &units, &event]).is_err());
            }
            Ok(())
        });
    });
}

#[test]
fn semaphores_that_hand_over_make_no_system_call() {
    alone(test_name!(), || {
        let units = HandOverSemaphore::new(0);
        let deadline = limit();
        holds(|| {
            get!(forbid_calls());
            for _ in 0..TIMES {
                get!(units.post());
                get!(units.post_many(2));
                get!(units.wait());
                get!(units.wait_until(deadline));
                hold!(units.try_wait().is_ok() && units.try_wait().is_err());
            }
            Ok(())
        });
    });
}

#[test]
fn latches_and_groups_make_no_system_call() {
    alone(test_name!(), || {
        let region = Region::create(4096).expect("a region");
        let memory = region.map().expect("mapped");
        let group = memory.object::<WaitGroup<8>>(0).expect("room");
        let latch = memory.object::<Latch>(2048).expect("room");
        let deadline = limit();
        holds(|| {
            // To leave it would have to make calls.
            let me = ManuallyDrop::new(get!(region.join()));
            let other = ManuallyDrop::new(get!(region.join()));
            get!(forbid_calls());
            for _ in 0..TIMES {
                get!(latch.add(2));
                hold!(!latch.count_down() && latch.try_wait().is_err());
                hold!(latch.count_down());
                get!(latch.wait());
                get!(latch.wait_until(deadline));
                let entries = (get!(group.enter(&*me)), get!(group.enter(&*other)));
                hold!(group.count() == 2);
                drop(entries);
                get!(group.wait(&*me));
                get!(group.try_wait(&*me));
                get!(group.wait_until(&*other, deadline));
                hold!(group.forget_deaths() == 0);
            }
            Ok(())
        });
    });
}
