//! The modelled machine itself: that it does what a kernel does, and no more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use rawipc_model::cell::UnsafeCell;
use rawipc_model::{
    AtomicU32, Hindrance, Model, Region, Sections, Slept, Unwoken, Word, Word64, pause, process, wait_any,
};

/// What all executions of a model returned, each once, in order.
fn outcomes<T: Ord + Send + 'static>(
    model: Model,
    f: impl Fn() -> T + Send + Sync + 'static,
) -> Vec<T> {
    let all = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
    model.check({
        let all = all.clone();
        move || {
            let outcome = f();
            all.lock().unwrap().insert(outcome);
        }
    });
    let mut all = all.lock().unwrap();
    std::mem::take(&mut *all).into_iter().collect()
}

#[test]
fn killed_process_does_nothing_more() {
    struct Restless(Arc<AtomicU32>);
    impl Drop for Restless {
        fn drop(&mut self) {
            self.0.fetch_add(10, Relaxed);
        }
    }
    let outcomes = outcomes(Model::new(0).killing(0), || {
        let steps = Arc::new(AtomicU32::new(0));
        let dying = process(0, {
            let steps = Restless(steps.clone());
            move || {
                steps.0.fetch_add(1, Relaxed);
                steps.0.fetch_add(1, Relaxed);
            }
        });
        let lived = dying.join().is_some();
        (lived, steps.load(Relaxed))
    });
    // Before its first step, its second, and that of its destructor.
    assert_eq!(outcomes, [(false, 0), (false, 1), (false, 2), (true, 12)]);
}

#[test]
fn dead_member_is_told_and_its_work_seen() {
    let outcomes = outcomes(Model::new(2).killing(0), || {
        let region = Region::new(AtomicU32::new(0), Sections::default());
        let other = region.describe();
        assert!(other.lock(7));
        let dying = process(0, move || {
            let head = other.region().head::<AtomicU32>();
            head.unwrap().store(1, Relaxed);
            assert!(other.region().is_locked(7));
            std::mem::forget(other);
        });
        let mut looks = 0;
        while region.is_locked(7) && looks < 2 {
            looks += 1;
            pause();
        }
        let told = !region.is_locked(7);
        let seen = region.head::<AtomicU32>().unwrap().load(Relaxed);
        // A load that may be stale, unless one was told of the death.
        (dying.join().is_some(), told, seen)
    });
    assert!(outcomes.contains(&(false, true, 0)), "{outcomes:?}");
    assert!(outcomes.contains(&(false, true, 1)), "{outcomes:?}");
    assert!(outcomes.iter().all(|&(lived, told, _)| !lived || !told));
}

/// A lock is that of a description, and lives as long as any copy of it.
#[test]
fn lock_is_held_as_long_as_its_description() {
    Model::new(1).check(|| {
        let region = Region::new(AtomicU32::new(0), Sections::default());
        let (one, other) = (region.describe(), region.describe());
        assert!(one.lock(7) && !other.lock(7) && other.lock(8));
        let mapped = one.clone();
        drop(one);
        assert!(region.is_locked(7) && !other.lock(7));
        drop(mapped);
        assert!(!region.is_locked(7) && other.lock(7));
    });
}

/// The futex orders nothing for one that finds another value and does not sleep.
#[test]
fn kernel_addition_orders_nothing_for_who_does_not_sleep() {
    let raced = catch_unwind(|| {
        Model::new(3).check(|| {
            struct Shared(Word, UnsafeCell<u32>);
            // SAFETY: nothing orders the accesses: the model is to say so.
            unsafe impl Sync for Shared {}
            let shared = Arc::new(Shared(Word::new(0), UnsafeCell::new(0)));
            let waker = process(0, {
                let shared = shared.clone();
                move || {
                    // SAFETY: the cell has checked that nobody else looks.
                    shared.1.with_mut(|value| unsafe { *value = 7 });
                    shared.0.add_and_wake(1, 1).unwrap();
                }
            });
            if shared.0.sleep(0, false) == Slept::NotAtAll {
                assert_eq!(shared.0.load(Acquire), 1);
                // SAFETY: the cell has checked that nobody writes meanwhile.
                shared.1.with(|value| unsafe { *value });
            }
            waker.join();
        });
    });
    assert!(raced.is_err());
}

#[test]
fn sleep_without_wake_deadlocks() {
    let deadlocked = catch_unwind(|| {
        Model::new(1).check(|| {
            Word::new(0).sleep(0, true);
        });
    });
    assert!(deadlocked.is_err());
}

#[test]
fn sleep_ends_in_each_way() {
    let outcomes = outcomes(Model::new(2).returning_early(), || {
        let word = Arc::new(Word::new(0));
        let waker = process(0, {
            let word = word.clone();
            move || word.add_and_wake(1, 1).unwrap()
        });
        let slept = format!("{:?}", word.sleep(0, true));
        waker.join();
        slept
    });
    assert_eq!(
        outcomes,
        ["Interrupted", "NotAtAll", "TimedOut", "Woken(0)"]
    );
}

/// A wake for one can be spent on a dead sleeper; the other one then sleeps on.
#[test]
fn dead_sleeper_swallows_a_wake() {
    let model = |count| {
        move || {
            let word = Arc::new(Word::new(0));
            let sleepers = [0, 1].map(|number| {
                let word = word.clone();
                process(number, move || word.sleep(0, false))
            });
            word.add_and_wake(1, count).unwrap();
            for sleeper in sleepers {
                sleeper.join();
            }
        }
    };
    Model::new(2).killing(0).check(model(u32::MAX));
    let stranded = catch_unwind(AssertUnwindSafe(|| {
        Model::new(2).killing(0).check(model(1));
    }));
    assert!(stranded.is_err());
}

/// A wake for none wakes one, as in the kernel.
#[test]
fn wake_counts() {
    for (count, expected) in [(0, 1), (1, 1), (2, 2), (9, 2)] {
        Model::new(0).check(move || {
            let word = Arc::new(Word::new(0));
            let sleepers = [0, 1].map(|number| {
                let word = word.clone();
                process(number, move || word.sleep(0, false))
            });
            // They run until they sleep: nothing else does.
            pause();
            pause();
            assert_eq!(word.wake(count), expected);
            word.wake(9);
            for sleeper in sleepers {
                assert_eq!(sleeper.join(), Some(Slept::Woken(0)));
            }
        });
    }
}

#[test]
fn requeued_sleeper_is_woken_where_it_went() {
    Model::new(1).check(|| {
        let words = Arc::new([Word::new(0), Word::new(5)]);
        let sleepers = [0, 1].map(|number| {
            let words = words.clone();
            process(number, move || words[0].sleep(0, false))
        });
        pause();
        pause();
        assert_eq!(words[0].requeue(1, 1, &words[1], 9), None);
        let moved = words[0].requeue(0, 1, &words[1], 9);
        words[0].fetch_add(1, Relaxed);
        let rest = words[0].wake(9) + words[1].wake(9);
        let moved = moved.expect("the word held 0");
        let slept = sleepers.map(|sleeper| sleeper.join().expect("nobody is killed"));
        let woken = slept.iter().filter(|&&how| how == Slept::Woken(0)).count();
        assert!(rest <= woken && woken <= moved + rest, "{slept:?}");
    });
}

#[test]
fn one_of_several_words_wakes() {
    let outcomes = outcomes(Model::new(2), || {
        let words = Arc::new([Word::new(0), Word::new(0)]);
        let waker = process(0, {
            let words = words.clone();
            move || words[1].add_and_wake(1, 9).unwrap()
        });
        let slept = wait_any(&[(&words[0], 0), (&words[1], 0)], false);
        waker.join();
        format!("{slept:?}")
    });
    assert_eq!(outcomes, ["NotAtAll", "Woken(1)"]);
}

/// The operand is signed and of 12 bits; the upper half of a long word is not touched.
#[test]
fn operand_is_signed_and_of_one_half() {
    Model::new(0).check(|| {
        let word = Word::new(1);
        word.add_and_wake(2047, 1).unwrap();
        assert_eq!(word.load(Relaxed), 2048);
        word.add_and_wake(2048, 1).unwrap();
        assert_eq!(word.load(Relaxed), 0);
        let long = Word64::new(7 << 32 | 0xffff_ffff);
        long.add_and_wake(2, 1).unwrap();
        assert_eq!(long.load(Relaxed), 7 << 32 | 1);
        assert_eq!(long.sleep(0, false), Slept::NotAtAll);
        long.store(3, Release);
        assert_eq!(long.swap(4, Relaxed), 3);
    });
}

/// What is hindered does what the kernel does then; a sleeper with a deadline looks again.
#[test]
fn hindered_wakes() {
    for (hindrance, added, wakes) in [
        (Hindrance::NoWakeOp, Err(Unwoken::Refused), true),
        (Hindrance::NoWake, Err(Unwoken::Refused), false),
        (Hindrance::Stranger, Err(Unwoken::Added), false),
    ] {
        Model::new(0).hindered(hindrance).check(move || {
            let word = Arc::new(Word::new(0));
            let sleeper = process(0, {
                let word = word.clone();
                move || word.sleep(0, true)
            });
            // It runs until it sleeps: nothing else does.
            pause();
            assert_eq!(word.add_and_wake(2, 1), added);
            assert_eq!(
                word.load(Relaxed),
                if added == Err(Unwoken::Added) { 2 } else { 0 }
            );
            let woken = word.wake(1);
            assert_eq!(woken, usize::from(wakes));
            let slept = if wakes {
                Slept::Woken(0)
            } else {
                Slept::TimedOut
            };
            assert_eq!(sleeper.join(), Some(slept));
        });
    }
}
