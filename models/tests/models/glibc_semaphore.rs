//! The semaphore in glibc's format: posts of ours strand nobody, and what glibc's do, who
//! promises less, is found by those who look again.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use rawipc::posix::semaphore::{Scope, Semaphore};
use rawipc::{Deadline, Errno};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{Hindrance, Model, Slept, Word64, process};

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

/// One who sleeps, in the upper half.
const WAITER: u64 = 1 << 32;

struct Shared {
    semaphore: Semaphore,
    value: UnsafeCell<u32>,
}

// SAFETY: the semaphore orders the accesses of the value, as the model checks.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            semaphore: Semaphore::new(0, Scope::Processes),
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

    /// The word as glibc finds it: where the semaphore begins.
    fn word(&self) -> &Word64 {
        let semaphore = core::ptr::from_ref(&self.semaphore);
        // SAFETY: the word comes first, and nothing is around it.
        unsafe { &*semaphore.cast() }
    }

    /// Adds, then wakes one.
    fn post_as_glibc(&self) {
        let mut seen = self.word().load(Relaxed);
        while let Err(now) = self
            .word()
            .compare_exchange(seen, seen + 1, Release, Relaxed)
        {
            seen = now;
        }
        if seen >= WAITER {
            self.word().wake(1);
        }
    }

    fn wait_as_glibc(&self) {
        let mut seen = self.word().fetch_add(WAITER, Relaxed) + WAITER;
        loop {
            if seen as u32 == 0 {
                let slept = self.word().sleep(0, false);
                assert!(
                    matches!(slept, Slept::NotAtAll | Slept::Woken(0)),
                    "{slept:?}"
                );
                seen = self.word().load(Relaxed);
                continue;
            }
            let taken = seen - WAITER - 1;
            match self.word().compare_exchange(seen, taken, Acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    #[track_caller]
    fn assert_left(&self, value: u32, sleepers: u32) {
        let left = (self.semaphore.value(), self.semaphore.sleepers());
        assert_eq!(left, (value, sleepers));
    }
}

/// When the taker comes: it sleeps, is about to, or is late.
#[test]
fn unit_hands_over_what_was_written_before_it() {
    for hindrance in [Hindrance::None, Hindrance::NoWakeOp] {
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
            shared.semaphore.post().unwrap();
            taker.join();
            shared.assert_left(0, 0);
        });
    }
}

/// Who takes without waiting sees it too, whatever the unit came by.
#[test]
fn unit_taken_at_once_hands_over_what_was_written_before_it() {
    Model::new(3).check(|| {
        let shared = Shared::new();
        let taker = process(0, {
            let shared = shared.clone();
            move || {
                if shared.semaphore.try_wait().is_ok() {
                    assert_eq!(shared.read(), 7);
                }
            }
        });
        shared.write(7);
        shared.semaphore.post().unwrap();
        taker.join();
    });
}

/// Two posts let two sleepers go, one of them glibc's, whatever the order.
#[test]
fn two_sleepers_are_both_let_go() {
    Model::new(2).check(|| {
        let shared = Shared::new();
        let ours = process(0, {
            let shared = shared.clone();
            move || shared.semaphore.wait().unwrap()
        });
        let theirs = process(1, {
            let shared = shared.clone();
            move || shared.wait_as_glibc()
        });
        shared.semaphore.post().unwrap();
        shared.semaphore.post().unwrap();
        ours.join();
        theirs.join();
        shared.assert_left(0, 0);
    });
}

/// Posts of both kinds, as long as nobody dies.
#[test]
fn posts_of_both_kinds_let_sleepers_go() {
    Model::new(2).check(|| {
        let shared = Shared::new();
        let taker = process(0, {
            let shared = shared.clone();
            move || {
                shared.semaphore.wait().unwrap();
                shared.semaphore.wait().unwrap();
            }
        });
        let theirs = process(1, {
            let shared = shared.clone();
            move || shared.post_as_glibc()
        });
        shared.semaphore.post().unwrap();
        theirs.join();
        taker.join();
        shared.assert_left(0, 0);
    });
}

/// One of two, who sleep without a deadline, is killed wherever it is; each passes the unit on.
#[test]
fn killed_sleeper_takes_no_wake_of_ours_along() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new();
        let [victim, other] = [0, 1].map(|number| {
            let shared = shared.clone();
            process(number, move || {
                shared.semaphore.wait().unwrap();
                shared.semaphore.post().unwrap();
            })
        });
        shared.semaphore.post().unwrap();
        victim.join();
        if shared.semaphore.value() == 0 {
            // The dead one has taken it along, or the other one has it.
            shared.semaphore.post().unwrap();
        }
        other.join();
        // The dead one may be counted still.
        assert!(shared.semaphore.value() <= 2 && shared.semaphore.sleepers() <= 1);
    });
}

/// A poster is killed wherever it is. If it has added its unit, nobody sleeps beside that.
#[test]
fn killed_poster_leaves_no_sleeper_beside_a_unit() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new();
        let poster = process(0, {
            let shared = shared.clone();
            move || shared.semaphore.post().unwrap()
        });
        let taker = process(1, {
            let shared = shared.clone();
            move || shared.semaphore.wait().unwrap()
        });
        poster.join();
        if shared.semaphore.value() == 0 {
            // It never came, or the taker has it already.
            shared.semaphore.post().unwrap();
        }
        taker.join();
        assert!(shared.semaphore.value() <= 1);
    });
}

/// Those who look again find what a killed poster of glibc's, or a wake spent on the dead,
/// leaves.
#[test]
fn sleeper_with_a_deadline_finds_the_unit_of_a_poster_killed_before_it_woke() {
    Model::new(2).killing(0).check(|| {
        let shared = Shared::new();
        let poster = process(0, {
            let shared = shared.clone();
            move || shared.post_as_glibc()
        });
        let taker = process(1, {
            let shared = shared.clone();
            move || shared.semaphore.wait_until(later())
        });
        let posted = poster.join().is_some();
        let taken = taker.join().expect("it was not killed");
        match taken {
            Ok(()) => shared.assert_left(0, 0),
            Err(errno) => {
                // It was not there when time was over: never posted.
                assert_eq!((errno, posted), (Errno::TIMEDOUT, false));
                shared.assert_left(0, 0);
            }
        }
    });
}

/// Who gives up has taken nothing, and is not counted any more.
#[test]
fn sleep_that_ends_early_loses_neither_unit_nor_wake() {
    Model::new(2).returning_early().check(|| {
        let shared = Shared::new();
        let patient = process(0, {
            let shared = shared.clone();
            move || while shared.semaphore.wait() == Err(Errno::INTR) {}
        });
        let hasty = process(1, {
            let shared = shared.clone();
            move || shared.semaphore.wait_until(later())
        });
        shared.semaphore.post().unwrap();
        shared.semaphore.post().unwrap();
        patient.join();
        let left = match hasty.join() {
            Some(Ok(())) => 0,
            Some(Err(Errno::TIMEDOUT)) => 1,
            result => panic!("{result:?}"),
        };
        shared.assert_left(left, 0);
    });
}

/// Where the one step is refused there are two, and where a stranger is at the word it was
/// done: one unit each.
#[test]
fn hindered_post_posts_once_and_is_found() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        Model::new(2).hindered(hindrance).check(|| {
            let shared = Shared::new();
            let taker = process(0, {
                let shared = shared.clone();
                move || shared.semaphore.wait_until(later())
            });
            shared.semaphore.post().unwrap();
            assert_eq!(taker.join(), Some(Ok(())));
            shared.assert_left(0, 0);
        });
    }
}

/// Who begins a semaphore hands over what was before.
#[test]
fn first_units_hand_over_what_was_written_before_them() {
    Model::new(2).check(|| {
        let shared = Shared::new();
        let beginner = process(0, {
            let shared = shared.clone();
            move || {
                shared.write(7);
                shared.semaphore.initialize(1, Scope::Processes).unwrap();
            }
        });
        if shared.semaphore.try_wait().is_ok() {
            assert_eq!(shared.read(), 7);
        }
        beginner.join();
    });
}

/// A peer that changes the word at every try keeps nobody.
#[test]
fn calls_end_beside_a_scribbler() {
    Model::new(0).hindered(Hindrance::Scribbler).check(|| {
        let semaphore = Semaphore::new(2, Scope::Processes);
        assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
        semaphore.post().unwrap();
        assert_eq!(semaphore.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    });
}
