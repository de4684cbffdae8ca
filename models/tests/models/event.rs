//! Events: who waits is let go by a set, sees what was done before it, and sleeps beside none.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rawipc::sync::{AutoResetEvent, ManualResetEvent};
use rawipc::{Deadline, Errno};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{AtomicU32, Hindrance, Model, Process, process};

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

/// An event of each kind, and what they are about.
struct Shared {
    auto: AutoResetEvent,
    manual: ManualResetEvent,
    value: UnsafeCell<u32>,
    work: AtomicU32,
}

// SAFETY: the event orders the accesses of the value, as the model checks.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            auto: AutoResetEvent::new(),
            manual: ManualResetEvent::new(),
            value: UnsafeCell::new(0),
            work: AtomicU32::new(0),
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

fn run<T: 'static>(
    number: usize,
    shared: &Arc<Shared>,
    f: impl FnOnce(&Shared) -> T + 'static,
) -> Process<T> {
    let shared = shared.clone();
    process(number, move || f(&shared))
}

/// When the waiter comes: it sleeps, is about to, or is late.
#[test]
fn set_hands_over_what_was_written_before_it() {
    Model::new(3).check(|| {
        let shared = Shared::new();
        let waiter = run(0, &shared, |shared| {
            shared.auto.wait().unwrap();
            assert_eq!(shared.read(), 7);
        });
        shared.write(7);
        shared.auto.set();
        waiter.join();
        assert!(!shared.auto.is_set());
    });
}

#[test]
fn set_that_stays_hands_over_what_was_written_before_it() {
    Model::new(3).check(|| {
        let shared = Shared::new();
        let waiters = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                shared.manual.wait().unwrap();
                assert_eq!(shared.read(), 7);
            })
        });
        shared.write(7);
        shared.manual.set();
        for waiter in waiters {
            waiter.join();
        }
        assert!(shared.manual.is_set());
    });
}

/// Each who is let go sets it again.
#[test]
fn sleepers_let_each_other_go() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new();
        let waiters = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                shared.auto.wait().unwrap();
                shared.auto.set();
            })
        });
        shared.auto.set();
        for waiter in waiters {
            waiter.join();
        }
        assert!(shared.auto.is_set());
    });
}

/// Who waits for work takes the set, and then looks: however many sets were one, it finds all.
#[test]
fn work_added_before_a_set_is_found() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new();
        let worker = run(0, &shared, |shared| {
            while shared.work.load(Relaxed) < 2 {
                shared.auto.wait().unwrap();
            }
        });
        for count in 1..=2 {
            shared.work.store(count, Relaxed);
            shared.auto.set();
        }
        worker.join();
    });
}

#[test]
fn work_added_before_a_set_is_found_after_a_reset() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new();
        let worker = run(0, &shared, |shared| {
            loop {
                shared.manual.reset();
                if shared.work.load(Relaxed) == 2 {
                    return;
                }
                shared.manual.wait().unwrap();
            }
        });
        for count in 1..=2 {
            shared.work.store(count, Relaxed);
            shared.manual.set();
        }
        worker.join();
    });
}

/// Two clear it and look: also who finds it cleared sees what the other one sees.
#[test]
fn work_is_found_where_another_one_has_cleared_the_event() {
    Model::new(2).check(|| {
        let shared = Shared::new();
        let workers = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                shared.manual.reset();
                shared.work.load(Relaxed)
            })
        });
        shared.work.store(1, Relaxed);
        shared.manual.set();
        let found = workers.map(|worker| worker.join().unwrap());
        assert!(shared.manual.is_set() || found.contains(&1));
    });
}

/// The event is cleared and set again while one is about to sleep or to wake.
#[test]
fn waiters_go_however_often_the_event_is_cleared() {
    Model::new(3).without_rechecks().check(|| {
        let shared = Shared::new();
        let waiters = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                shared.manual.wait().unwrap();
                assert_eq!(shared.read(), 7);
            })
        });
        shared.write(7);
        shared.manual.set();
        assert!(shared.manual.reset());
        shared.manual.set();
        for waiter in waiters {
            waiter.join();
        }
    });
}

/// One of two sleepers is killed wherever it is; the event is set once it has ended, too.
#[test]
fn killed_sleeper_takes_no_wake_from_another() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new();
        let [dead, other] = [0, 1].map(|number| {
            run(number, &shared, |shared| {
                shared.auto.wait().unwrap();
                shared.auto.set();
            })
        });
        shared.auto.set();
        if dead.join().is_none() {
            // It may have taken the set with it.
            shared.auto.set();
        }
        other.join();
    });
}

/// The setter is killed wherever it is: who sleeps beside what it set is let go by the next one, to
/// whom it is set already.
#[test]
fn killed_setter_leaves_no_sleeper_beside_a_set() {
    Model::new(2).killing(0).without_rechecks().check(|| {
        let shared = Shared::new();
        let setter = run(0, &shared, |shared| {
            shared.auto.set();
            shared.manual.set();
        });
        let waiter = run(1, &shared, |shared| {
            shared.auto.wait().unwrap();
            shared.manual.wait().unwrap();
        });
        setter.join();
        shared.auto.set();
        shared.manual.set();
        waiter.join();
    });
}

/// Who gives up has taken nothing, and leaves no trace that another one would sleep by.
#[test]
fn sleep_that_ends_early_loses_no_set() {
    Model::new(2).returning_early().check(|| {
        let shared = Shared::new();
        let patient = run(0, &shared, |shared| {
            shared.auto.wait().unwrap();
            shared.auto.set();
        });
        let hasty = run(1, &shared, |shared| match shared.auto.wait_until(later()) {
            Ok(()) => shared.auto.set(),
            Err(errno) => assert_eq!(errno, Errno::TIMEDOUT),
        });
        shared.auto.set();
        patient.join();
        hasty.join();
        assert!(shared.auto.is_set());
    });
}

#[test]
fn sleep_that_ends_early_loses_no_set_that_stays() {
    Model::new(2).returning_early().check(|| {
        let shared = Shared::new();
        let patient = run(0, &shared, |shared| shared.manual.wait().unwrap());
        let hasty = run(1, &shared, |shared| {
            match shared.manual.wait_until(later()) {
                Ok(()) => {}
                Err(errno) => assert_eq!(errno, Errno::TIMEDOUT),
            }
        });
        shared.manual.set();
        patient.join();
        hasty.join();
        assert!(shared.manual.is_set());
    });
}

/// Where the one step is refused there are two, and where a stranger is at the word it was done: a
/// sleeper finds it although nobody is woken.
#[test]
fn hindered_set_is_found() {
    for hindrance in [Hindrance::NoWakeOp, Hindrance::NoWake, Hindrance::Stranger] {
        Model::new(3).hindered(hindrance).check(|| {
            let shared = Shared::new();
            let waiter = run(0, &shared, |shared| {
                shared.auto.wait().unwrap();
                assert_eq!(shared.read(), 7);
            });
            shared.write(7);
            shared.auto.set();
            waiter.join();
        });
    }
}

/// Who wakes in a second step wakes all: nobody has to look again.
#[test]
fn set_in_two_steps_wakes_everyone() {
    let model = Model::new(2).hindered(Hindrance::NoWakeOp);
    model.without_rechecks().check(|| {
        let shared = Shared::new();
        let waiters =
            [0, 1].map(|number| run(number, &shared, |shared| shared.manual.wait().unwrap()));
        shared.manual.set();
        for waiter in waiters {
            waiter.join();
        }
    });
}

/// A peer that changes the words at every try keeps nobody.
#[test]
fn calls_end_beside_a_scribbler() {
    Model::new(0).hindered(Hindrance::Scribbler).check(|| {
        let shared = Shared::new();
        for _ in 0..2 {
            shared.auto.set();
            shared.manual.set();
        }
        shared.manual.reset();
        for waited in [
            shared.auto.wait_until(Deadline::NOW),
            shared.manual.wait_until(Deadline::NOW),
        ] {
            assert!(matches!(waited, Ok(()) | Err(Errno::TIMEDOUT)));
        }
    });
}
