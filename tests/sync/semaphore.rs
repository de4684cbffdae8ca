//! `sync::Semaphore`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::shared_memory;
use crate::support;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use rawipc::memory::Shared;
use rawipc::sync::{PostError, Semaphore};
use rawipc::{Deadline, Errno};
use support::{Child, Choices, End, LeakCheck, limit};

#[test]
fn counts() {
    let semaphore = Semaphore::new(2);
    assert_eq!(semaphore.value(), 2);
    assert_eq!(semaphore.try_wait(), Ok(()));
    semaphore.wait().unwrap();
    assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
    semaphore.post().unwrap();
    semaphore.post_many(5000).unwrap();
    assert_eq!(semaphore.value(), 5001);
    semaphore.post_many(0).unwrap();
    assert_eq!(semaphore.value(), 5001);
    assert_eq!(size_of::<Semaphore>(), 4);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { value: 5001 }");
}

#[test]
fn overflowing_post_is_refused_and_posts_nothing() {
    let semaphore = Semaphore::new(Semaphore::MAX);
    let overflow = Err(PostError::Overflow { posted: 0 });
    assert_eq!(semaphore.post(), overflow);
    assert_eq!(semaphore.try_wait(), Ok(()));
    assert_eq!(semaphore.post_many(2), overflow);
    assert_eq!(semaphore.post_many(u32::MAX), overflow);
    semaphore.post().unwrap();
    assert_eq!(semaphore.value(), Semaphore::MAX);
}

#[test]
fn errors_say_what_is_wrong() {
    let error = PostError::Overflow { posted: 0 };
    assert!(error.to_string().contains("exceed its maximum"), "{error}");
    let _: Box<dyn core::error::Error> = error.into();
}

#[test]
#[should_panic(expected = "at most 2^29")]
fn initial_value_beyond_maximum_panics() {
    let _ = Semaphore::new(Semaphore::MAX + 1);
}

#[test]
fn semaphore_wait_ends_at_its_deadline() {
    let semaphore = Semaphore::new(0);
    let soon = Deadline::after(Duration::from_millis(5));
    assert_eq!(semaphore.wait_until(soon), Err(Errno::TIMEDOUT));
    assert!(soon.has_passed());
    assert_eq!(semaphore.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    // A unit that is there is taken, however late it is, and a wait that timed
    // out has left nothing behind that would lose one.
    semaphore.post().unwrap();
    semaphore.wait_until(Deadline::NOW).unwrap();
    assert_eq!(semaphore.value(), 0);
}

/// Every value that memory can hold is harmless.
#[test]
fn any_word_is_a_semaphore() {
    let memory = shared_memory();
    let word: &AtomicU32 = memory.object(0).unwrap();
    let semaphore: &Semaphore = memory.object(0).unwrap();
    for value in [2 << 29, (2 << 29) + 1, u32::MAX, u32::MAX - 1, 1 << 31] {
        word.store(value, Ordering::Relaxed);
        assert!(semaphore.post().is_err(), "{value:#x}");
        assert!(semaphore.post_many(Semaphore::MAX).is_err());
        assert_eq!(semaphore.try_wait(), Ok(()));
        semaphore.wait_until(Deadline::NOW).unwrap();
    }
}

/// Units go between processes, each to one taker, with sleepers and without.
#[test]
fn processes_share_units() {
    #[repr(C)]
    struct Meeting {
        semaphore: Semaphore,
        taken: [AtomicU32; 3],
    }
    // SAFETY: every field is Shared.
    unsafe impl Shared for Meeting {}
    const UNITS: u32 = 30_000;

    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let meeting: &Meeting = memory.object(0).unwrap();
    let mut takers: Vec<_> = meeting
        .taken
        .iter()
        .map(|taken| {
            Child::fork(|| {
                while meeting.semaphore.wait_until(limit()).is_ok() {
                    // The last units tell the takers to leave.
                    if taken.fetch_add(1, Ordering::Relaxed) >= UNITS {
                        return 0;
                    }
                }
                1
            })
        })
        .collect();
    let mut choices = Choices::new(1);
    let mut left = UNITS;
    while left > 0 {
        let count = (1 + choices.below(40) as u32).min(left);
        meeting.semaphore.post_many(count).unwrap();
        left -= count;
        if choices.below(100) == 0 {
            std::thread::yield_now();
        }
    }
    let total = || -> u32 {
        meeting
            .taken
            .iter()
            .map(|n| n.load(Ordering::Relaxed))
            .sum()
    };
    let begin = limit();
    while total() < UNITS {
        assert!(!begin.has_passed(), "{} of {UNITS} units arrived", total());
        std::thread::yield_now();
    }
    assert_eq!(total(), UNITS);
    assert_eq!(meeting.semaphore.value(), 0);
    for taken in &meeting.taken {
        taken.store(UNITS, Ordering::Relaxed);
    }
    meeting.semaphore.post_many(3).unwrap();
    for taker in &mut takers {
        assert_eq!(taker.wait(), End::Exited(0));
    }
}

/// Two sleep, one is killed, and a post follows at once: the other gets the unit.
#[test]
fn killed_sleeper_swallows_no_unit() {
    const TRIES: usize = 1000;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore: &Semaphore = memory.object(0).unwrap();
    for attempt in 0..TRIES {
        let sleeper = || Child::fork(|| i32::from(semaphore.wait().is_err()));
        let mut first = sleeper();
        first.await_sleep();
        let mut second = sleeper();
        second.await_sleep();
        // Whoever has slept longer would be woken first.
        let (victim, survivor) = if attempt % 4 == 3 {
            (&mut second, &mut first)
        } else {
            (&mut first, &mut second)
        };
        victim.kill();
        semaphore.post().unwrap();
        assert_eq!(survivor.wait(), End::Exited(0), "try {attempt}");
        assert_eq!(victim.wait(), End::Killed(libc::SIGKILL));
        assert_eq!(semaphore.value(), 0);
    }
    println!("a sleeper killed, one post: the survivor got it {TRIES} times of {TRIES}");
}

/// The same with libc's semaphore, for comparison: a figure, not an assertion.
#[test]
fn killed_sleeper_of_libc_may_swallow_unit() {
    const TRIES: usize = 100;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore: *mut libc::sem_t = memory.as_ptr().cast();
    // SAFETY: mapped, writable, large enough and aligned to a page.
    unsafe { libc::sem_init(semaphore, 1, 0) };
    let value = || {
        let mut value = 0;
        // SAFETY: initialized above.
        unsafe { libc::sem_getvalue(semaphore, &raw mut value) };
        value
    };
    // SAFETY: initialized above.
    let sleeper = || Child::fork(|| unsafe { libc::sem_wait(semaphore) });
    // SAFETY: initialized above.
    let post = || unsafe { libc::sem_post(semaphore) };
    let mut stranded = 0;
    for _ in 0..TRIES {
        let mut first = sleeper();
        first.await_sleep();
        let mut second = sleeper();
        second.await_sleep();
        first.kill();
        post();
        first.wait();
        // A survivor that is not stranded is on its way: the value is 0 soon.
        let soon = Deadline::after(Duration::from_millis(20));
        while value() > 0 && !soon.has_passed() {
            std::thread::yield_now();
        }
        if value() > 0 && second.sleeps() {
            stranded += 1;
            post();
        }
        second.wait();
        while value() > 0 {
            // SAFETY: initialized above.
            unsafe { libc::sem_trywait(semaphore) };
        }
    }
    println!("libc's sem_t: the survivor slept on beside a unit {stranded} times of {TRIES}");
}

/// Processes that wait and post are killed at random: what is posted can be taken.
#[test]
fn random_deaths_strand_nobody() {
    const ROUNDS: usize = 300;
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let semaphore: &Semaphore = memory.object(0).unwrap();
    let mut choices = Choices::new(7);
    for round in 0..ROUNDS {
        let worker = || {
            Child::fork(|| {
                loop {
                    if semaphore.wait().is_err() || semaphore.post().is_err() {
                        return 1;
                    }
                }
            })
        };
        semaphore.post().unwrap();
        let mut workers = [worker(), worker(), worker()];
        for _ in 0..choices.below(20_000) {
            core::hint::spin_loop();
        }
        for worker in &mut workers {
            worker.kill();
            assert_eq!(worker.wait(), End::Killed(libc::SIGKILL));
        }
        // At most the one unit was in somebody's hands.
        assert!(semaphore.value() <= 1, "round {round}");
        while semaphore.try_wait().is_ok() {}
        // Whatever state they left the word in, it works.
        let mut sleeper = Child::fork(|| i32::from(semaphore.wait().is_err()));
        if choices.below(2) == 0 {
            sleeper.await_sleep();
        }
        semaphore.post().unwrap();
        assert_eq!(sleeper.wait(), End::Exited(0), "round {round}");
    }
}

/// A peer that changes the word all the time keeps nobody beyond a deadline, nor in a call that does not wait.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let memory = shared_memory();
    let word: &AtomicU32 = memory.object(0).unwrap();
    let semaphore: &Semaphore = memory.object(0).unwrap();
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut ends = [0, 0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(25);
            while !done.load(Ordering::Relaxed) {
                // With units, with sleepers, with too many.
                word.store(choices.below(6) as u32, Ordering::Relaxed);
                word.fetch_add(choices.below(1 << 31) as u32, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..300 {
            let _ = semaphore.post_many(3000);
            let _ = semaphore.try_wait();
            match semaphore.wait_until(Deadline::after(Duration::from_micros(200))) {
                Ok(()) => ends[0] += 1,
                Err(errno) => {
                    assert_eq!(errno, Errno::TIMEDOUT);
                    ends[1] += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("taken {}, too late {}", ends[0], ends[1]);
}
