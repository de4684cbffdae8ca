//! The semaphore: what was posted can be taken, and nobody sleeps beside a unit.

use std::sync::Arc;
use std::time::Duration;

use rawipc::sync::Semaphore;
use rawipc::{Deadline, Errno};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{Hindrance, Model, process};

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

struct Shared {
    semaphore: Semaphore,
    value: UnsafeCell<u32>,
}

// SAFETY: the semaphore orders the accesses of the value, as the model checks.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            semaphore: Semaphore::new(0),
            value: UnsafeCell::new(0),
        })
    }

    fn write(&self, value: u32) {
        // SAFETY: the cell has checked that nobody else looks.
        self.value.with_mut(|to| unsafe { *to = value });
    }

    fn read(&self) -> u32 {
        // SAFETY: the cell has checked that nobody writes meanwhile.
        self.value.with(|from| unsafe { *from })
    }
}

/// When the taker comes: it sleeps, is about to, or is late.
#[test]
fn unit_hands_over_what_was_written_before_it() {
    Model::new(3).check(|| {
        let shared = Shared::new();
        let taker = process(0, {
            let shared = shared.clone();
            move || {
                shared.semaphore.wait().unwrap();
                assert_eq!(shared.read(), 7);
            }
        });
        shared.write(7);
        shared.semaphore.post().unwrap();
        taker.join();
        assert_eq!(shared.semaphore.value(), 0);
    });
}

/// Where the one step is refused there are two, and where a stranger is at the word it was
/// done: the units arrive once, and a sleeper finds them although nobody is woken.
#[test]
fn hindered_post_posts_once_and_is_found() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        Model::new(3).hindered(hindrance).check(|| {
            let shared = Shared::new();
            let taker = process(0, {
                let shared = shared.clone();
                move || {
                    shared.semaphore.wait().unwrap();
                    assert_eq!(shared.read(), 7);
                }
            });
            shared.write(7);
            shared.semaphore.post_many(2).unwrap();
            taker.join();
            assert_eq!(shared.semaphore.value(), 1);
        });
    }
}

/// Who wakes in a second step wakes all: nobody has to look again.
#[test]
fn post_in_two_steps_wakes_everyone() {
    let model = Model::new(2).hindered(Hindrance::NoWakeOp);
    model.without_rechecks().check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let takers = [0, 1].map(|number| {
            let semaphore = semaphore.clone();
            process(number, move || semaphore.wait().unwrap())
        });
        semaphore.post().unwrap();
        semaphore.post().unwrap();
        for taker in takers {
            taker.join();
        }
        assert_eq!(semaphore.value(), 0);
    });
}

/// A poster that takes two steps is killed wherever it is; a sleeper finds what it added.
#[test]
fn unit_of_a_poster_killed_before_it_woke_is_found() {
    Model::new(2)
        .hindered(Hindrance::NoWakeOp)
        .killing(0)
        .check(|| {
            let semaphore = Arc::new(Semaphore::new(0));
            let poster = process(0, {
                let semaphore = semaphore.clone();
                move || semaphore.post().unwrap()
            });
            let taker = process(1, {
                let semaphore = semaphore.clone();
                move || semaphore.wait().unwrap()
            });
            poster.join();
            if semaphore.value() == 0 {
                // It never came, or the taker has it already.
                semaphore.post().unwrap();
            }
            taker.join();
            assert!(semaphore.value() <= 1);
        });
}

/// Two posts let two sleepers go, whatever the order.
#[test]
fn two_sleepers_are_both_let_go() {
    Model::new(3).check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let takers = [0, 1].map(|number| {
            let semaphore = semaphore.clone();
            process(number, move || semaphore.wait().unwrap())
        });
        semaphore.post().unwrap();
        semaphore.post().unwrap();
        for taker in takers {
            taker.join();
        }
        assert_eq!(semaphore.value(), 0);
    });
}

/// Two posters, one of them of several units, and takers that compete.
#[test]
fn competing_posters_and_takers_lose_no_unit() {
    Model::new(2).check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let taker = process(0, {
            let semaphore = semaphore.clone();
            move || {
                semaphore.wait().unwrap();
                semaphore.wait().unwrap();
            }
        });
        let poster = process(1, {
            let semaphore = semaphore.clone();
            move || semaphore.post_many(2).unwrap()
        });
        semaphore.post().unwrap();
        semaphore.wait().unwrap();
        poster.join();
        taker.join();
        assert_eq!(semaphore.value(), 0);
    });
}

/// More units than one call of the kernel adds.
#[test]
fn many_units_posted_to_a_sleeper_all_arrive() {
    for count in [1022, 1023, 1024, 1025, 2 * 1023, 2100] {
        Model::new(2).check(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let taker = process(0, {
                let semaphore = semaphore.clone();
                move || semaphore.wait().unwrap()
            });
            semaphore.post_many(count).unwrap();
            taker.join();
            assert_eq!(semaphore.value(), count - 1);
        });
    }
}

/// One sleeper is killed wherever it is; there are units enough for the other one.
#[test]
fn killed_sleeper_takes_no_wake_from_another() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let takers = [0, 1].map(|number| {
            let semaphore = semaphore.clone();
            process(number, move || semaphore.wait().unwrap())
        });
        semaphore.post().unwrap();
        semaphore.post().unwrap();
        for taker in takers {
            taker.join();
        }
        // The dead one has taken its unit with it, or has not.
        assert!(semaphore.value() <= 1);
    });
}

/// A poster is killed wherever it is; another one posts what the sleeper needs.
#[test]
fn killed_poster_leaves_no_sleeper_beside_a_unit() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let poster = process(0, {
            let semaphore = semaphore.clone();
            move || semaphore.post().unwrap()
        });
        let taker = process(1, {
            let semaphore = semaphore.clone();
            move || semaphore.wait().unwrap()
        });
        semaphore.post().unwrap();
        let posted = poster.join().is_some();
        taker.join();
        assert!(semaphore.value() <= 1 && (!posted || semaphore.value() == 1));
    });
}

/// Who gives up has taken nothing, and leaves no trace that another one would sleep by.
#[test]
fn sleep_that_ends_early_loses_neither_unit_nor_wake() {
    Model::new(2).returning_early().check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let patient = process(0, {
            let semaphore = semaphore.clone();
            move || semaphore.wait().unwrap()
        });
        let hasty = process(1, {
            let semaphore = semaphore.clone();
            move || semaphore.wait_until(later())
        });
        semaphore.post().unwrap();
        semaphore.post().unwrap();
        patient.join();
        let left = match hasty.join() {
            Some(Ok(())) => 0,
            Some(Err(Errno::TIMEDOUT)) => 1,
            result => panic!("{result:?}"),
        };
        assert_eq!(semaphore.value(), left);
    });
}

/// A peer that changes the word at every try keeps nobody.
#[test]
fn calls_end_beside_a_scribbler() {
    Model::new(0).hindered(Hindrance::Scribbler).check(|| {
        let semaphore = Semaphore::new(2);
        assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
        assert_eq!(semaphore.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
        let before = semaphore.value();
        semaphore.post_many(2).unwrap();
        // 4 or 6 was there at last.
        assert!((4..=5).contains(&semaphore.value()), "{before}");
    });
}
