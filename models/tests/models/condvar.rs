//! The condition variable: who waits finds what is there, woken while nobody dies, by its next look
//! else.

use std::sync::Arc;
use std::time::Duration;

use rawipc::Deadline;
use rawipc::members::{Member, Region};
use rawipc::sync::{Condvar, LockError, Mutex, MutexGuard};
use rawipc_model::{Hindrance, Model, Process, process};

/// Units to be taken, and a place to wait for them.
struct Shelf {
    units: Mutex<u64>,
    filled: Condvar,
}

type Guard<'a> = MutexGuard<'a, u64, Member>;
type Locked<'a> = Result<Guard<'a>, LockError<Guard<'a>>>;

/// A lock that is held, whoever died before.
fn held(locked: Locked<'_>) -> Guard<'_> {
    match locked {
        Ok(guard) => guard,
        Err(LockError::OwnerDied(mut guard)) => {
            guard.make_consistent();
            guard
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

impl Shelf {
    fn new() -> (Region, Arc<Self>) {
        let shelf = Self {
            units: Mutex::new(0),
            filled: Condvar::new(),
        };
        (Region::create(0).unwrap(), Arc::new(shelf))
    }

    /// Waits for a unit and takes it.
    fn take(&self, me: &Member) {
        let mut guard = held(self.units.lock(me));
        while guard.get() == 0 {
            guard = held(self.filled.wait(guard));
        }
        guard.update(|units| *units -= 1);
    }

    fn put(&self, me: &Member, units: u64) {
        held(self.units.lock(me)).update(|sum| *sum += units);
    }

    fn left(&self, me: &Member) -> u64 {
        held(self.units.lock(me)).get()
    }
}

fn taker(number: usize, shelf: &Arc<Shelf>, region: &Region) -> Process<()> {
    let (shelf, me) = (shelf.clone(), region.join().unwrap());
    process(number, move || shelf.take(&me))
}

/// When the taker comes: it waits, is about to, or is late.
#[test]
fn taker_is_notified_of_a_unit() {
    Model::new(3).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let taker = taker(0, &shelf, &region);
        shelf.put(&me, 1);
        shelf.filled.notify_one();
        taker.join();
        assert_eq!(shelf.left(&me), 0);
    });
}

#[test]
fn two_takers_are_notified_of_a_unit_each() {
    Model::new(2).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let takers = [0, 1].map(|number| taker(number, &shelf, &region));
        for _ in 0..2 {
            shelf.put(&me, 1);
            shelf.filled.notify_one();
        }
        for taker in takers {
            taker.join();
        }
        assert_eq!(shelf.left(&me), 0);
    });
}

#[test]
fn two_takers_are_notified_at_once() {
    Model::new(2).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let takers = [0, 1].map(|number| taker(number, &shelf, &region));
        shelf.put(&me, 2);
        shelf.filled.notify_all();
        for taker in takers {
            taker.join();
        }
        assert_eq!(shelf.left(&me), 0);
    });
}

/// Two notify, one of whom finds nobody to wake and clears the bit, while another taker comes.
#[test]
fn taker_that_comes_while_the_bit_is_cleared_is_notified() {
    Model::new(1).deep(2).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let takers = [0, 1].map(|number| taker(number, &shelf, &region));
        let other = process(2, {
            let (shelf, me) = (shelf.clone(), region.join().unwrap());
            move || {
                shelf.put(&me, 1);
                shelf.filled.notify_one();
            }
        });
        shelf.put(&me, 1);
        shelf.filled.notify_all();
        other.join();
        for taker in takers {
            taker.join();
        }
        assert_eq!(shelf.left(&me), 0);
    });
}

/// The notifier is killed at any step: before or after it changed the value, and before it notified.
#[test]
fn unit_of_a_notifier_that_was_killed_is_found() {
    Model::new(2).killing(0).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let filler = process(0, {
            let (shelf, me) = (shelf.clone(), region.join().unwrap());
            move || {
                shelf.put(&me, 1);
                shelf.filled.notify_one();
            }
        });
        let taker = taker(1, &shelf, &region);
        let filled = filler.join().is_some();
        if !filled && shelf.left(&me) == 0 {
            // It put nothing there, or the taker has it already. What is there is found.
            shelf.put(&me, 1);
            shelf.filled.notify_all();
        }
        taker.join();
        assert!(shelf.left(&me) <= u64::from(!filled));
    });
}

/// A taker is killed wherever it is, with a notification that it took along.
#[test]
fn killed_taker_strands_no_other() {
    Model::new(1).killing(0).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let takers = [0, 1].map(|number| taker(number, &shelf, &region));
        for _ in 0..2 {
            shelf.put(&me, 1);
            shelf.filled.notify_one();
        }
        let [dead, other] = takers;
        other.join();
        let taken = dead.join().is_some();
        assert!(shelf.left(&me) <= u64::from(!taken));
    });
}

/// A waiter that gives up takes no notification along that another one needs.
#[test]
fn wait_that_ends_early_loses_no_notification() {
    Model::new(1).deep(2).returning_early().check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let patient = taker(0, &shelf, &region);
        let hasty = process(1, {
            let (shelf, me) = (shelf.clone(), region.join().unwrap());
            move || {
                let guard = held(shelf.units.lock(&me));
                let filled = |units: &u64| *units == 0;
                match shelf.filled.wait_while_until(guard, filled, later()) {
                    Ok(mut guard) => guard.update(|units| *units -= 1),
                    Err(LockError::TimedOut) => return 0,
                    Err(error) => panic!("{error:?}"),
                }
                1
            }
        });
        for _ in 0..2 {
            shelf.put(&me, 1);
            shelf.filled.notify_one();
        }
        patient.join();
        let taken = hasty.join().unwrap();
        assert_eq!(shelf.left(&me), 1 - taken);
    });
}

/// A waiter that is notified and cannot lock the mutex in time passes the notification on; a waiter
/// that was about to sleep then does not.
#[test]
fn notification_of_who_gives_up_is_another_ones() {
    Model::new(2).returning_early().check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        // Whoever has seen the unit notifies the next one.
        let others = [Deadline::Never, later()].map(|deadline| {
            let (shelf, me) = (shelf.clone(), region.join().unwrap());
            process(0, move || {
                let guard = held(shelf.units.lock(&me));
                let is_empty = |units: &u64| *units == 0;
                match shelf.filled.wait_while_until(guard, is_empty, deadline) {
                    Err(LockError::TimedOut) => return,
                    locked => drop(held(locked)),
                }
                shelf.filled.notify_one();
            })
        });
        let mut guard = held(shelf.units.lock(&me));
        guard.set(&1);
        shelf.filled.notify_one();
        drop(guard);
        for other in others {
            other.join();
        }
    });
}

/// Two wait for different things by one condition variable: the one for a unit, which may be about to
/// sleep as it is notified, the other for two.
#[test]
fn taker_beside_one_who_waits_for_more_is_notified() {
    Model::new(3).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let taker = taker(0, &shelf, &region);
        shelf.put(&me, 1);
        shelf.filled.notify_all();
        let other = process(1, {
            let (shelf, me) = (shelf.clone(), region.join().unwrap());
            move || {
                let guard = held(shelf.units.lock(&me));
                drop(held(shelf.filled.wait_while(guard, |units| *units < 2)));
            }
        });
        taker.join();
        shelf.put(&me, 2);
        shelf.filled.notify_all();
        other.join();
        assert_eq!(shelf.left(&me), 2);
    });
}

/// A wake that does not come is not needed.
#[test]
fn unit_put_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let (region, shelf) = Shelf::new();
        let me = region.join().unwrap();
        let taker = taker(0, &shelf, &region);
        shelf.put(&me, 1);
        shelf.filled.notify_one();
        taker.join();
        assert_eq!(shelf.left(&me), 0);
    });
}
