//! Sleeping on words and waking who sleeps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::shared_memory;
use crate::support;

use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering};

use rawipc::sync::futex::{self, ALL, Operation, Scope, WAIT_ANY_MAX, WakeOp, WakeOpCmp, Watched};
use rawipc::{Deadline, Errno};
use support::{Child, End, LeakCheck, limit, soon};

/// A process that sleeps while `word` holds 0.
fn sleeper(word: &AtomicU32) -> Child {
    let child = Child::fork(|| i32::from(futex::wait(word, 0, Scope::Shared).is_err()));
    child.await_sleep();
    child
}

#[track_caller]
fn assert_woken(children: &mut [Child]) {
    for child in children {
        assert_eq!(child.wait(), End::Exited(0));
    }
}

#[test]
fn wake_reaches_requested_number() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let word: &AtomicU32 = memory.object(0).unwrap();
    assert_eq!(futex::wake(word, ALL, Scope::Shared), Ok(0));
    let mut sleepers = [(); 4].map(|()| sleeper(word));
    assert_eq!(futex::wake(word, 0, Scope::Shared), Ok(0));
    // To sleepers of the other scope it is another word.
    assert_eq!(futex::wake(word, ALL, Scope::Private), Ok(0));
    assert_eq!(futex::wake(word, 1, Scope::Shared), Ok(1));
    assert_woken(&mut sleepers[..1]);
    assert_eq!(futex::wake(word, 2, Scope::Shared), Ok(2));
    assert_woken(&mut sleepers[1..3]);
    assert_eq!(sleepers[3].try_wait(), None);
    assert_eq!(futex::wake(word, u32::MAX, Scope::Shared), Ok(1));
    assert_woken(&mut sleepers[3..]);
}

#[test]
fn wait_on_other_value_or_past_deadline_does_not_sleep() {
    let word = AtomicU32::new(1);
    for scope in [Scope::Shared, Scope::Private] {
        assert_eq!(futex::wait(&word, 0, scope), Err(Errno::AGAIN));
        assert_eq!(
            futex::wait_until(&word, 0, scope, limit()),
            Err(Errno::AGAIN)
        );
        let deadline = soon();
        let slept = futex::wait_until(&word, 1, scope, deadline);
        assert_eq!(slept, Err(Errno::TIMEDOUT));
        assert!(deadline.has_passed());
    }
}

#[test]
fn private_word_wakes_threads() {
    let word = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| futex::wait_until(&word, 0, Scope::Private, limit()));
        let deadline = limit();
        while futex::wake(&word, 1, Scope::Private) == Ok(0) {
            assert!(!deadline.has_passed(), "nobody sleeps");
            std::thread::yield_now();
        }
        assert_eq!(sleeper.join().unwrap(), Ok(()));
    });
}

#[test]
fn wake_bits_choose_sleepers() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let word: &AtomicU32 = memory.object(0).unwrap();
    let bits = |bits| NonZeroU32::new(bits).unwrap();
    let sleeper = |bits| {
        let child = Child::fork(|| {
            let slept = futex::wait_bitset(word, 0, bits, Scope::Shared, limit());
            i32::from(slept.is_err())
        });
        child.await_sleep();
        child
    };
    let mut first = sleeper(bits(0b001));
    let mut second = sleeper(bits(0b110));
    let wake = |bits| futex::wake_bitset(word, ALL, bits, Scope::Shared);
    assert_eq!(wake(bits(0b1000)), Ok(0));
    assert_eq!(wake(bits(0b1010)), Ok(1));
    assert_eq!(second.wait(), End::Exited(0));
    assert_eq!(first.try_wait(), None);
    assert_eq!(wake(futex::ANY), Ok(1));
    assert_eq!(first.wait(), End::Exited(0));
}

#[test]
fn requeue_moves_sleepers() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let word: &AtomicU32 = memory.object(0).unwrap();
    let target: &AtomicU32 = memory.object(64).unwrap();
    let mut sleepers = [(); 4].map(|()| sleeper(word));
    let requeue = |expected, wake, requeue| {
        futex::requeue(word, expected, wake, target, requeue, Scope::Shared)
    };
    assert_eq!(requeue(1, ALL, ALL), Err(Errno::AGAIN));
    assert_eq!(requeue(0, 1, 2), Ok(3));
    assert_woken(&mut sleepers[..1]);
    assert!(
        sleepers[1..]
            .iter_mut()
            .all(|child| child.try_wait().is_none())
    );
    assert_eq!(futex::wake(word, ALL, Scope::Shared), Ok(1));
    assert_woken(&mut sleepers[3..]);
    assert_eq!(futex::wake(target, ALL, Scope::Shared), Ok(2));
    assert_woken(&mut sleepers[1..3]);
    assert_eq!(requeue(0, u32::MAX, u32::MAX), Ok(0));
}

#[test]
fn wake_op_changes_and_wakes_in_one_step() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let word: &AtomicU32 = memory.object(0).unwrap();
    let changed: &AtomicU32 = memory.object(64).unwrap();
    let operate = |change, change_by, compare, compare_with| {
        let operation = Operation {
            change,
            change_by,
            compare,
            compare_with,
        };
        futex::wake_op(word, ALL, changed, ALL, operation, Scope::Shared)
    };
    let mut sleepers = [sleeper(word), sleeper(changed)];
    // Its former value is not above 0: those of `word` alone are woken.
    assert_eq!(operate(WakeOp::Add, 5, WakeOpCmp::Gt, 0), Ok(1));
    assert_eq!(changed.load(Ordering::Relaxed), 5);
    assert_woken(&mut sleepers[..1]);
    assert_eq!(sleepers[1].try_wait(), None);
    assert_eq!(operate(WakeOp::Set, 7, WakeOpCmp::Eq, 5), Ok(1));
    assert_eq!(changed.load(Ordering::Relaxed), 7);
    assert_woken(&mut sleepers[1..]);
    let refused = operate(WakeOp::Set, 1 << 12, WakeOpCmp::Eq, 0);
    assert_eq!(refused, Err(Errno::INVAL));
    assert_eq!(changed.load(Ordering::Relaxed), 7);
}

#[test]
fn wait_any_ends_by_one_of_several_words() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let words: [&AtomicU32; 3] = [0, 64, 128].map(|at| memory.object(at).unwrap());
    let watched = words.map(|word| Watched {
        word,
        expected: 0,
        scope: Scope::Shared,
    });
    let wait = |watched: &[Watched<'_>]| futex::wait_any(watched, soon());
    if wait(&watched) == Err(Errno::NOSYS) {
        skipped!("this kernel has no futex_waitv");
        return;
    }
    assert_eq!(wait(&watched), Err(Errno::TIMEDOUT));
    assert_eq!(wait(&[]), Err(Errno::INVAL));
    let many = [watched[0]; WAIT_ANY_MAX];
    assert_eq!(wait(&many), Err(Errno::TIMEDOUT));
    let too_many = [watched[0]; WAIT_ANY_MAX + 1];
    assert_eq!(wait(&too_many), Err(Errno::INVAL));

    for (index, word) in words.iter().enumerate() {
        let mut sleeper = Child::fork(|| match futex::wait_any(&watched, Deadline::Never) {
            Ok(woken) if woken == index => 0,
            _ => 1,
        });
        sleeper.await_sleep();
        // What belongs to the threads of this process is another word.
        assert_eq!(futex::wake(word, ALL, Scope::Private), Ok(0));
        assert_eq!(futex::wake(word, ALL, Scope::Shared), Ok(1));
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
    words[2].store(1, Ordering::Relaxed);
    assert_eq!(wait(&watched), Err(Errno::AGAIN));
}

#[test]
fn wait_any_sleeps_on_private_words() {
    let words = [AtomicU32::new(0), AtomicU32::new(0)];
    let watched = words.each_ref().map(|word| Watched {
        word,
        expected: 0,
        scope: Scope::Private,
    });
    if futex::wait_any(&watched, soon()) == Err(Errno::NOSYS) {
        skipped!("this kernel has no futex_waitv");
        return;
    }
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| futex::wait_any(&watched, limit()));
        let deadline = limit();
        while futex::wake(&words[1], 1, Scope::Private) == Ok(0) {
            assert!(!deadline.has_passed(), "nobody sleeps");
            std::thread::yield_now();
        }
        assert_eq!(sleeper.join().unwrap(), Ok(1));
    });
}
