//! Waiting for the first of several: what was done before it lets go is seen, and nobody is left asleep
//! beside one that would.

use std::sync::Arc;
use std::time::Duration;

use rawipc::members::Region;
use rawipc::sync::{
    AutoResetEvent, Latch, ManualResetEvent, Once, Semaphore, wait_any, wait_any_until,
};
use rawipc::{Deadline, Errno};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{Hindrance, Model, Process, process};

struct Shared {
    units: Semaphore,
    auto: AutoResetEvent,
    manual: ManualResetEvent,
    latch: Latch,
    value: UnsafeCell<u32>,
}

// SAFETY: what is waited for orders the accesses of the value, as the model checks.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            units: Semaphore::new(0),
            auto: AutoResetEvent::new(),
            manual: ManualResetEvent::new(),
            latch: Latch::new(1),
            value: UnsafeCell::new(0),
        })
    }

    fn write(&self) {
        // SAFETY: the cell has checked that nobody else looks.
        self.value.with_mut(|to| unsafe { *to = 7 });
    }

    fn see(&self) {
        // SAFETY: the cell has checked that nobody writes meanwhile.
        assert_eq!(self.value.with(|from| unsafe { *from }), 7);
    }
}

fn run<T: 'static>(
    number: usize,
    shared: &Arc<Shared>,
    f: impl FnOnce(&Shared) -> T + 'static,
) -> Process<T> {
    let shared = shared.clone();
    process(number, move || f(&shared))
}

/// The second, in each kind, lets go who waits, and no wake is missing.
#[test]
fn what_was_done_before_one_lets_go_is_seen() {
    for kind in 0..3 {
        Model::new(3).without_rechecks().check(move || {
            let shared = Shared::new();
            let waiter = run(0, &shared, move |shared| {
                let index = match kind {
                    0 => wait_any(&[&shared.latch, &shared.units]),
                    1 => wait_any(&[&shared.units, &shared.latch]),
                    _ => wait_any(&[&shared.units, &shared.manual]),
                };
                assert_eq!(index, Ok(1));
                shared.see();
            });
            shared.write();
            match kind {
                0 => shared.units.post().unwrap(),
                1 => assert!(shared.latch.count_down()),
                _ => shared.manual.set(),
            }
            waiter.join();
        });
    }
}

/// What is to be done once is done while another one waits for that or something else.
#[test]
fn run_that_ends_lets_go() {
    Model::new(3).without_rechecks().check(|| {
        let once = Arc::new(Once::new());
        let region = Region::create(0).unwrap();
        let me = region.join().unwrap();
        let run = once.begin(&me).unwrap().unwrap();
        let waiter = process(0, {
            let once = once.clone();
            move || wait_any(&[&Latch::new(1), &*once])
        });
        run.finish();
        assert_eq!(waiter.join(), Some(Ok(1)));
    });
}

/// Two wait, one of them for another thing besides, and each gets one.
#[test]
fn who_leaves_with_another_takes_no_wake_along() {
    Model::new(2).without_rechecks().check(|| {
        let shared = Shared::new();
        let any = run(0, &shared, |shared| {
            wait_any(&[&shared.auto, &shared.units]).unwrap()
        });
        let one = run(1, &shared, |shared| shared.units.wait().unwrap());
        shared.units.post().unwrap();
        shared.auto.set();
        match any.join() {
            Some(0) => {}
            // It has the unit: the other one waits for the next.
            _ => shared.units.post().unwrap(),
        }
        one.join();
    });
}

#[test]
fn both_who_wait_for_a_latch_go() {
    Model::new(2).without_rechecks().check(|| {
        let shared = Shared::new();
        let waiters = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                wait_any(&[&shared.units, &shared.latch])
            })
        });
        assert!(shared.latch.count_down());
        for waiter in waiters {
            assert_eq!(waiter.join(), Some(Ok(1)));
        }
    });
}

#[test]
fn killed_waiter_takes_no_wake_from_another() {
    Model::new(1).deep(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new();
        let [dead, other] = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                wait_any(&[&shared.auto, &shared.units]).unwrap()
            })
        });
        shared.units.post().unwrap();
        shared.units.post().unwrap();
        other.join();
        dead.join();
        assert!(shared.units.value() <= 1);
    });
}

#[test]
fn killed_poster_strands_nobody() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new();
        let dead = run(0, &shared, |shared| shared.units.post().unwrap());
        let waiter = run(1, &shared, |shared| {
            wait_any(&[&shared.auto, &shared.units]).unwrap()
        });
        let posted = dead.join().is_some();
        if !posted && shared.units.value() == 0 {
            // It never came, or the waiter has it already.
            shared.auto.set();
        }
        waiter.join();
    });
}

/// Who gives up leaves no trace that another one would sleep by.
#[test]
fn sleep_that_ends_early_changes_nothing() {
    Model::new(1).deep(2).returning_early().check(|| {
        let shared = Shared::new();
        let hasty = run(0, &shared, |shared| {
            let later = Deadline::after(Duration::from_secs(3600));
            wait_any_until(&[&shared.auto, &shared.latch], later)
        });
        let patient = run(1, &shared, |shared| wait_any(&[&shared.auto, &shared.latch]));
        shared.latch.count_down();
        assert_eq!(patient.join(), Some(Ok(1)));
        let waited = hasty.join().unwrap();
        assert!(matches!(waited, Ok(1) | Err(Errno::TIMEDOUT)));
    });
}

#[test]
fn hindered_wake_is_found() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        Model::new(3).hindered(hindrance).check(|| {
            let shared = Shared::new();
            let waiter = run(0, &shared, |shared| {
                assert_eq!(wait_any(&[&shared.latch, &shared.units]), Ok(1));
                shared.see();
            });
            shared.write();
            shared.units.post().unwrap();
            waiter.join();
        });
    }
}

/// Where nobody can sleep on several: whichever lets go, each of those who wait finds it.
#[test]
fn refused_call_is_done_without() {
    for kind in 0..3 {
        Model::new(2).hindered(Hindrance::NoWaitV).check(move || {
            let shared = Shared::new();
            let waiter = run(0, &shared, move |shared| {
                let index = match kind {
                    0 => wait_any(&[&shared.latch, &shared.units]),
                    1 => wait_any(&[&shared.units, &shared.latch]),
                    _ => wait_any(&[&shared.manual, &shared.units, &shared.latch]),
                };
                let index = index.unwrap();
                shared.see();
                index
            });
            shared.write();
            match kind {
                0 => shared.units.post().unwrap(),
                1 => assert!(shared.latch.count_down()),
                _ => shared.manual.set(),
            }
            let expected = if kind == 2 { 0 } else { 1 };
            assert_eq!(waiter.join(), Some(expected));
        });
    }
}

/// Of two who wait so, one is killed; the other one finds what is left.
#[test]
fn killed_waiter_whose_call_is_refused_strands_nobody() {
    let model = Model::new(1).killing(0).hindered(Hindrance::NoWaitV);
    model.check(|| {
        let shared = Shared::new();
        let [dead, other] = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                wait_any(&[&shared.auto, &shared.units]).unwrap()
            })
        });
        shared.units.post().unwrap();
        shared.units.post().unwrap();
        other.join();
        dead.join();
        assert!(shared.units.value() <= 1);
    });
}
