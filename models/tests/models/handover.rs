//! The semaphore that hands over: what was posted can be taken, and nobody sleeps beside a unit for
//! longer than until the next look, and that only after a death.

use std::sync::Arc;
use std::time::Duration;

use rawipc::sync::HandOverSemaphore;
use rawipc::{Deadline, Errno};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{Hindrance, Model, Process, pause, process};

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

struct Shared {
    semaphore: HandOverSemaphore,
    value: UnsafeCell<u32>,
}

// SAFETY: the semaphore orders the accesses of the value, as the model checks.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            semaphore: HandOverSemaphore::new(0),
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

#[test]
fn unit_hands_over_what_was_written_before_it() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new();
        let taker = run(0, &shared, |shared| {
            shared.semaphore.wait().unwrap();
            shared.see();
        });
        shared.write();
        shared.semaphore.post().unwrap();
        taker.join();
        assert_eq!(shared.semaphore.value(), 0);
    });
}

/// A newcomer takes what was granted to one who sleeps: nothing but the unit orders the two.
#[test]
fn newcomer_sees_what_was_written_before_the_unit_it_takes() {
    Model::new(2).without_rechecks().check(|| {
        let shared = Shared::new();
        let sleeper = run(0, &shared, |shared| {
            shared.semaphore.wait().unwrap();
            shared.see();
        });
        let newcomer = run(1, &shared, |shared| {
            let has_taken = shared.semaphore.try_wait().is_ok();
            if has_taken {
                shared.see();
            }
            has_taken
        });
        shared.write();
        shared.semaphore.post().unwrap();
        if newcomer.join() == Some(true) {
            shared.semaphore.post().unwrap();
        }
        sleeper.join();
        assert_eq!(shared.semaphore.value(), 0);
    });
}

/// Of two posters the first may take back what the second one has granted, as its own unit was taken by a
/// newcomer, and then posts it: who takes both units sees what the second one wrote.
#[test]
fn who_takes_all_units_sees_what_was_written_before_each_post() {
    Model::new(2).without_rechecks().check(|| {
        let shared = Shared::new();
        // As if somebody slept.
        let waited = shared.semaphore.wait_until(Deadline::NOW);
        assert_eq!(waited, Err(Errno::TIMEDOUT));
        let first = run(0, &shared, |shared| shared.semaphore.post().unwrap());
        pause();
        let has_taken_one = shared.semaphore.try_wait().is_ok();
        let second = run(1, &shared, |shared| {
            shared.write();
            shared.semaphore.post().unwrap();
        });
        first.join();
        if shared.semaphore.try_wait().is_ok() && has_taken_one {
            shared.see();
        }
        second.join();
    });
}

/// Two posts let two sleepers go, whatever the order, and nobody has to look again.
#[test]
fn two_sleepers_are_both_let_go() {
    Model::new(2).without_rechecks().check(|| {
        let shared = Shared::new();
        let takers = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                shared.semaphore.wait().unwrap();
            })
        });
        shared.semaphore.post().unwrap();
        shared.semaphore.post().unwrap();
        for taker in takers {
            taker.join();
        }
        assert_eq!(shared.semaphore.value(), 0);
    });
}

/// Several units at once: sleepers have theirs, and the rest is there for who comes.
#[test]
fn units_posted_together_all_arrive() {
    Model::new(2).without_rechecks().check(|| {
        let shared = Shared::new();
        let takers = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                shared.semaphore.wait().unwrap();
            })
        });
        shared.semaphore.post_many(3).unwrap();
        for taker in takers {
            taker.join();
        }
        assert_eq!(shared.semaphore.value(), 1);
        assert_eq!(shared.semaphore.try_wait(), Ok(()));
    });
}

/// Two posters, and takers that compete.
#[test]
fn competing_posters_and_takers_lose_no_unit() {
    Model::new(1).without_rechecks().check(|| {
        let shared = Shared::new();
        let taker = run(0, &shared, |shared| {
            shared.semaphore.wait().unwrap();
            shared.semaphore.wait().unwrap();
        });
        let poster = run(1, &shared, |shared| shared.semaphore.post().unwrap());
        shared.semaphore.post_many(2).unwrap();
        shared.semaphore.wait().unwrap();
        poster.join();
        taker.join();
        assert_eq!(shared.semaphore.value(), 0);
    });
}

/// Two post while one sleeps: one of them finds nobody for its unit, which is there for who comes.
#[test]
fn two_units_posted_to_one_sleeper_both_arrive() {
    Model::new(2).without_rechecks().check(|| {
        let shared = Shared::new();
        let taker = run(0, &shared, |shared| shared.semaphore.wait().unwrap());
        let poster = run(1, &shared, |shared| shared.semaphore.post().unwrap());
        shared.semaphore.post().unwrap();
        poster.join();
        taker.join();
        assert_eq!(shared.semaphore.value(), 1);
    });
}

/// More units than one call of the kernel adds.
#[test]
fn many_units_posted_to_a_sleeper_all_arrive() {
    for count in [1023, 1024, 2100] {
        Model::new(1).check(move || {
            let shared = Shared::new();
            let taker = run(0, &shared, |shared| shared.semaphore.wait().unwrap());
            shared.semaphore.post_many(count).unwrap();
            taker.join();
            assert_eq!(shared.semaphore.value(), count - 1);
        });
    }
}

/// One of two is killed wherever it is: the other one has the unit, at its next look at the latest, and
/// passes it on.
#[test]
fn wake_that_a_killed_sleeper_took_along_is_found() {
    Model::new(1).killing(0).check(|| {
        let shared = Shared::new();
        let killed = run(0, &shared, |shared| shared.semaphore.wait().unwrap());
        let other = run(1, &shared, |shared| {
            shared.semaphore.wait().unwrap();
            shared.semaphore.post().unwrap();
        });
        shared.semaphore.post().unwrap();
        killed.join();
        if shared.semaphore.value() == 0 {
            // It has taken the unit with it, or the other one has it at this moment.
            shared.semaphore.post().unwrap();
        }
        other.join();
        assert!(shared.semaphore.value() <= 2);
    });
}

/// A poster is killed wherever it is: what it has posted is found.
#[test]
fn unit_of_a_killed_poster_is_found() {
    Model::new(1).killing(0).check(|| {
        let shared = Shared::new();
        let poster = run(0, &shared, |shared| shared.semaphore.post().unwrap());
        let taker = run(1, &shared, |shared| {
            shared.semaphore.wait().unwrap();
        });
        let posted = poster.join().is_some();
        if !posted && shared.semaphore.value() == 0 {
            // It never came, or the taker has it already.
            shared.semaphore.post().unwrap();
        }
        taker.join();
        assert!(shared.semaphore.value() <= 1);
    });
}

/// The wake comes as the sleep ends by itself, so that nothing orders the two.
#[test]
fn unit_whose_wake_meets_the_end_of_a_sleep_is_taken() {
    Model::new(2)
        .without_rechecks()
        .returning_early()
        .check(|| {
            let shared = Shared::new();
            let taker = run(0, &shared, |shared| shared.semaphore.wait().unwrap());
            shared.semaphore.post().unwrap();
            taker.join();
            assert_eq!(shared.semaphore.value(), 0);
        });
}

/// The wake of one who gives up at that moment is not lost.
#[test]
fn sleep_that_ends_early_loses_neither_unit_nor_wake() {
    Model::new(1)
        .without_rechecks()
        .returning_early()
        .check(|| {
            let shared = Shared::new();
            let patient = run(0, &shared, |shared| shared.semaphore.wait().unwrap());
            let hasty = run(1, &shared, |shared| shared.semaphore.wait_until(later()));
            shared.semaphore.post().unwrap();
            shared.semaphore.post().unwrap();
            patient.join();
            let left = match hasty.join() {
                Some(Ok(())) => 0,
                Some(Err(Errno::TIMEDOUT)) => 1,
                result => panic!("{result:?}"),
            };
            assert_eq!(shared.semaphore.value(), left);
        });
}

/// Where the one step is refused, and where a stranger is at the word: the units arrive once.
#[test]
fn hindered_post_posts_once_and_is_found() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        Model::new(2).hindered(hindrance).check(|| {
            let shared = Shared::new();
            let taker = run(0, &shared, |shared| {
                shared.semaphore.wait().unwrap();
                shared.see();
            });
            shared.write();
            shared.semaphore.post_many(2).unwrap();
            taker.join();
            assert_eq!(shared.semaphore.value(), 1);
        });
    }
}

/// A peer that changes the words at every try keeps nobody.
#[test]
fn calls_end_beside_a_scribbler() {
    Model::new(0).hindered(Hindrance::Scribbler).check(|| {
        let semaphore = HandOverSemaphore::new(2);
        assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
        assert_eq!(semaphore.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
        semaphore.post_many(2).unwrap();

        // Somebody slept, so that units are handed over, and taken back.
        let semaphore = HandOverSemaphore::new(0);
        assert_eq!(semaphore.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
        semaphore.post().unwrap();
        assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
    });
}
