//! The latch: open when all have counted down and not before, what each did is seen, and nobody is left
//! asleep beside one that is open.

use std::sync::Arc;
use std::time::Duration;

use rawipc::sync::Latch;
use rawipc::{Deadline, Errno};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{Hindrance, Model, Process, process};

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

/// A latch, and what two do before they count down.
struct Shared {
    latch: Latch,
    values: [UnsafeCell<u32>; 2],
}

// SAFETY: the latch orders the accesses of the values, as the model checks.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(count: u32) -> Arc<Self> {
        Arc::new(Self {
            latch: Latch::new(count),
            values: [0, 0].map(UnsafeCell::new),
        })
    }

    fn write(&self, at: usize) {
        // SAFETY: the cell has checked that nobody else looks.
        self.values[at].with_mut(|to| unsafe { *to = 7 });
    }

    fn see_both(&self) {
        for value in &self.values {
            // SAFETY: the cell has checked that nobody writes meanwhile.
            assert_eq!(value.with(|from| unsafe { *from }), 7);
        }
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

/// Who waits, and who opens it, sees what both have done; no wake is missing.
#[test]
fn all_that_was_done_before_the_counts_is_seen() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new(2);
        let waiter = run(0, &shared, |shared| {
            shared.latch.wait().unwrap();
            shared.see_both();
        });
        let other = run(1, &shared, |shared| {
            shared.write(1);
            shared.latch.count_down()
        });
        shared.write(0);
        let opened = shared.latch.count_down();
        if opened {
            shared.see_both();
        }
        assert_ne!(other.join(), Some(opened));
        waiter.join();
    });
}

/// Who opens it in the kernel sees what the others have done, too.
#[test]
fn who_opens_it_beside_a_sleeper_sees_what_was_done() {
    Model::new(3).check(|| {
        let shared = Shared::new(2);
        let waiter = run(0, &shared, |shared| {
            shared.latch.wait().unwrap();
            shared.see_both();
        });
        let others = [0, 1].map(|at| {
            run(1 + at, &shared, move |shared| {
                shared.write(at);
                if shared.latch.count_down() {
                    shared.see_both();
                }
            })
        });
        for other in others {
            other.join();
        }
        waiter.join();
        assert!(shared.latch.is_open());
    });
}

#[test]
fn two_sleepers_both_go() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new(1);
        let waiters = [0, 1].map(|number| run(number, &shared, |shared| shared.latch.wait()));
        assert!(shared.latch.count_down());
        for waiter in waiters {
            assert_eq!(waiter.join(), Some(Ok(())));
        }
        assert!(shared.latch.is_open() && !shared.latch.count_down());
    });
}

/// Who has not counted down yet adds one for another.
#[test]
fn latch_opens_when_what_was_added_is_counted_down_too() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new(1);
        let waiter = run(0, &shared, |shared| {
            shared.latch.wait().unwrap();
            shared.see_both();
        });
        shared.latch.add(1).unwrap();
        let other = run(1, &shared, |shared| {
            shared.write(1);
            shared.latch.count_down();
        });
        shared.write(0);
        shared.latch.count_down();
        other.join();
        waiter.join();
    });
}

/// One who counts down is killed wherever it is: it has, or it has not, and nobody sleeps beside an
/// open latch.
#[test]
fn killed_counter_strands_nobody() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new(2);
        let dead = run(0, &shared, |shared| {
            shared.latch.count_down();
        });
        let waiter = run(1, &shared, |shared| shared.latch.wait());
        shared.latch.count_down();
        let ended = dead.join().is_some();
        assert!(!ended || shared.latch.is_open());
        if !shared.latch.is_open() {
            assert!(shared.latch.count_down());
        }
        assert_eq!(waiter.join(), Some(Ok(())));
    });
}

#[test]
fn killed_sleeper_takes_no_wake_from_another() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new(1);
        let [dead, other] =
            [0, 1].map(|number| run(number, &shared, |shared| shared.latch.wait().unwrap()));
        assert!(shared.latch.count_down());
        other.join();
        dead.join();
    });
}

/// Who gives up leaves no trace that another one would sleep by.
#[test]
fn sleep_that_ends_early_changes_nothing() {
    Model::new(2).returning_early().check(|| {
        let shared = Shared::new(1);
        let patient = run(0, &shared, |shared| shared.latch.wait());
        let hasty = run(1, &shared, |shared| shared.latch.wait_until(later()));
        shared.latch.count_down();
        assert_eq!(patient.join(), Some(Ok(())));
        let waited = hasty.join().unwrap();
        assert!(waited.is_ok() || waited == Err(Errno::TIMEDOUT));
        assert_eq!(shared.latch.try_wait(), Ok(()));
    });
}

/// Where the one step is refused there are two, and where a stranger is at the word it was done: a
/// sleeper finds it although nobody is woken.
#[test]
fn hindered_opening_is_found() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        Model::new(3).hindered(hindrance).check(|| {
            let shared = Shared::new(2);
            let waiter = run(0, &shared, |shared| {
                shared.latch.wait().unwrap();
                shared.see_both();
            });
            shared.write(0);
            shared.latch.count_down();
            shared.write(1);
            assert!(shared.latch.count_down());
            waiter.join();
        });
    }
}

/// Who wakes in a second step wakes all: nobody has to look again.
#[test]
fn opening_in_two_steps_wakes_everyone() {
    let model = Model::new(2).hindered(Hindrance::NoWakeOp);
    model.without_rechecks().check(|| {
        let shared = Shared::new(1);
        let waiters =
            [0, 1].map(|number| run(number, &shared, |shared| shared.latch.wait().unwrap()));
        shared.latch.count_down();
        for waiter in waiters {
            waiter.join();
        }
    });
}

/// A peer that changes the word at every try keeps nobody.
#[test]
fn calls_end_beside_a_scribbler() {
    Model::new(0).hindered(Hindrance::Scribbler).check(|| {
        let latch = Latch::new(2);
        assert!(!latch.count_down());
        assert_eq!(latch.count(), 1);
        latch.add(1).unwrap();
        assert_eq!(latch.try_wait(), Err(Errno::AGAIN));
        assert_eq!(latch.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    });
}
