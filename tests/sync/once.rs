//! `sync::Once` and `sync::OnceCell`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::Region;
use rawipc::memory::Mapping;
use rawipc::sync::{Once, OnceCell, RECHECK};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{move_sleepers, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LeakCheck, limit};

fn region() -> Region {
    Region::create(0).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(5))
}

/// Something to be done, and a word to meet by.
fn meeting(memory: &Mapping) -> (&Once, &AtomicU32) {
    (memory.object(64).unwrap(), memory.object(0).unwrap())
}

/// A child that begins, says so, and stays.
fn runner(region: &Region, memory: &Mapping) -> Child {
    let (once, word) = meeting(memory);
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        let _run = once.begin(&me).unwrap().unwrap();
        word.store(1, Ordering::Release);
        support::alone::sleep_for_ever()
    });
    let begin = limit();
    while word.load(Ordering::Acquire) == 0 {
        assert!(!begin.has_passed());
        std::thread::yield_now();
    }
    word.store(0, Ordering::Relaxed);
    child
}

#[test]
fn what_is_done_is_begun_by_nobody_else() {
    let _check = LeakCheck::begin();
    let (region, once) = (region(), Once::default());
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let run = once.begin(&one).unwrap().unwrap();
    assert!(!run.is_after_death() && !once.is_done());
    assert_eq!(once.try_begin(&two).map(drop), Err(Errno::AGAIN));
    let late = soon();
    let refused = once.begin_until(&two, late).map(drop);
    assert_eq!(refused, Err(Errno::TIMEDOUT));
    assert!(late.has_passed());
    assert_eq!(once.begin(&one).map(drop), Err(Errno::DEADLK));
    assert!(format!("{once:?} {run:?}").contains("is_after_death: false"));
    run.finish();
    assert!(once.is_done());
    for me in [&one, &two] {
        assert!(once.begin(me).unwrap().is_none());
        assert!(once.try_begin(me).unwrap().is_none());
        assert!(once.begin_until(me, Deadline::NOW).unwrap().is_none());
    }
    assert_eq!(size_of::<Once>(), 8);
}

#[test]
fn what_was_given_up_is_begun_anew() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (once, _) = meeting(&memory);
    let me = region.join().unwrap();
    let run = once.begin(&me).unwrap().unwrap();
    let mut next = Child::fork(|| {
        let me = region.join().unwrap();
        match once.begin_until(&me, limit()) {
            Ok(Some(run)) if !run.is_after_death() => run.finish(),
            _ => return 1,
        }
        0
    });
    next.await_sleep();
    drop(run);
    assert_eq!(next.wait(), End::Exited(0));
    assert!(once.is_done());
}

#[test]
fn value_is_made_once_and_that_of_who_came_first() {
    let _check = LeakCheck::begin();
    let (region, cell) = (region(), OnceCell::new([0_u64; 4]));
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    assert_eq!(cell.get(), None);
    // SAFETY: nobody else has this cell.
    assert!(unsafe { cell.get_ref() }.is_none());
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _ = cell.get_or_init(&me, || std::panic::resume_unwind(Box::new(())));
    }));
    assert!(panicked.is_err());
    assert_eq!(cell.get(), None);
    let made = cell.get_or_init(&me, || {
        assert_eq!(cell.try_get_or_init(&other, || [9; 4]), Err(Errno::AGAIN));
        [1; 4]
    });
    assert_eq!(made, Ok([1; 4]));
    assert_eq!(
        cell.get_or_init_until(&other, || [2; 4], Deadline::NOW),
        Ok([1; 4])
    );
    assert_eq!(cell.set(&other, &[3; 4]), Err(Errno::EXIST));
    assert_eq!(cell.get(), Some([1; 4]));
    // SAFETY: as above.
    assert_eq!(unsafe { cell.get_ref() }, Some(&[1; 4]));
    assert!(format!("{cell:?}").contains("has_value: true"));

    let cell = OnceCell::new(0_u32);
    assert_eq!(cell.set(&me, &5), Ok(()));
    assert_eq!(cell.get(), Some(5));
}

/// All come at once, and one makes the value.
#[test]
fn processes_that_come_together_have_one_value() {
    const ROUNDS: u32 = 60;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let made: &AtomicU32 = memory.object(0).unwrap();
    for round in 0..ROUNDS {
        let cell = memory
            .object::<OnceCell<[u32; 4]>>(64 + 32 * round as usize)
            .unwrap();
        made.store(0, Ordering::Relaxed);
        let mut children = [1, 2, 3].map(|number| {
            let (region, cell) = (&region, &cell);
            Child::fork(move || {
                let me = region.join().unwrap();
                let value = cell.get_or_init_until(
                    &me,
                    || {
                        made.fetch_add(1, Ordering::Relaxed);
                        [number; 4]
                    },
                    limit(),
                );
                match value {
                    Ok([first, rest @ ..]) if rest == [first; 3] => first as i32,
                    _ => 99,
                }
            })
        });
        let ends = children.each_mut().map(Child::wait);
        let Some([value, ..]) = cell.get() else {
            panic!("no value in round {round}: {ends:?}");
        };
        assert_eq!(ends, [End::Exited(value as i32); 3], "round {round}");
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn death_of_who_does_it_is_told_to_the_next() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (once, _) = meeting(&memory);
    let me = region.join().unwrap();
    let mut child = runner(&region, &memory);
    assert_eq!(once.try_begin(&me).map(drop), Err(Errno::AGAIN));
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    // Whoever gives it up leaves that to be told.
    for _ in 0..2 {
        assert!(once.try_begin(&me).unwrap().unwrap().is_after_death());
    }
    // One sleeps already.
    let mut child = runner(&region, &memory);
    let mut sleeper = Child::fork(|| {
        let me = region.join().unwrap();
        match once.begin_until(&me, limit()) {
            Ok(Some(run)) if run.is_after_death() => run.finish(),
            _ => return 1,
        }
        0
    });
    sleeper.await_sleep();
    let began = Instant::now();
    child.kill();
    assert_eq!(sleeper.wait(), End::Exited(0));
    println!(
        "begun {:.0?} after the kill, of {RECHECK:?}",
        began.elapsed()
    );
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    assert!(once.is_done());
}

#[test]
fn who_is_stopped_is_waited_for() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (once, _) = meeting(&memory);
    let me = region.join().unwrap();
    let mut child = runner(&region, &memory);
    child.signal(libc::SIGSTOP);
    let late = once
        .begin_until(&me, Deadline::after(3 * RECHECK))
        .map(drop);
    assert_eq!(late, Err(Errno::TIMEDOUT));
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    assert!(once.begin(&me).unwrap().is_some());
}

#[test]
fn all_who_wait_go_when_it_is_done() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (once, _) = meeting(&memory);
    let me = region.join().unwrap();
    let run = once.begin(&me).unwrap().unwrap();
    let mut sleepers = [(); 3].map(|()| {
        let sleeper = Child::fork(|| {
            let me = region.join().unwrap();
            i32::from(!matches!(once.begin_until(&me, limit()), Ok(None)))
        });
        sleeper.await_sleep();
        sleeper
    });
    run.finish();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
}

#[test]
fn inherited_member_and_run_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (once, _) = meeting(&memory);
    let other = memory.object::<Once>(256).unwrap();
    let me = region.join().unwrap();
    let runs = (
        once.begin(&me).unwrap().unwrap(),
        other.begin(&me).unwrap().unwrap(),
    );
    let mut child = Child::fork(|| {
        // SAFETY: copies of what this process has none of.
        let (one, two) = unsafe { core::ptr::read(&raw const runs) };
        drop(one);
        two.finish();
        let refused = once.try_begin(&me).map(drop) == Err(Errno::PERM);
        let own = region.join().unwrap();
        let held = once.try_begin(&own).map(drop) == Err(Errno::AGAIN);
        i32::from(!(refused && held && !other.is_done()))
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(runs.0);
    runs.1.finish();
    assert!(once.begin(&me).unwrap().is_some() && other.is_done());
}

/// The child's copy of what makes the value returns, too.
#[test]
fn child_that_is_forked_as_a_value_is_made_makes_none() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let cell = memory.object::<OnceCell<u64>>(256).unwrap();
    let me = region.join().unwrap();
    let parent = rustix::process::getpid();
    let made = cell.get_or_init(&me, || {
        // SAFETY: the child makes a few system calls and ends.
        match unsafe { libc::fork() } {
            0 => 9,
            child => {
                let mut status = -1;
                // SAFETY: writes the status.
                unsafe { libc::waitpid(child, &raw mut status, 0) };
                assert_eq!(status, 0);
                5
            }
        }
    });
    if rustix::process::getpid() != parent {
        let refused = made == Err(Errno::PERM) && cell.get().is_none();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(!refused)) };
    }
    assert_eq!((made, cell.get()), (Ok(5), Some(5)));
}

/// Every value that memory can hold is harmless: it is to be done, or done.
#[test]
fn any_word_is_a_once() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let once: &Once = memory.object(0).unwrap();
    let word: &AtomicU32 = memory.object(0).unwrap();
    let me = region.join().unwrap();
    for bits in [0, 1 << 30, 1 << 31, 3 << 30] {
        for owner in [0, 5, 1 << 22, (1 << 30) - 2, (1 << 30) - 1] {
            word.store(bits | owner, Ordering::Relaxed);
            let begun = once.begin_until(&me, limit()).unwrap();
            assert_eq!(begun.is_none(), owner == (1 << 30) - 1, "{bits:#x} {owner}");
            drop(begun);
        }
    }
}

/// A peer that changes the word all the time keeps nobody beyond a deadline.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let cell: &OnceCell<u32> = memory.object(128).unwrap();
    // SAFETY: mapped as long as it is used, and aligned; the first word of the cell.
    let word = unsafe { AtomicU32::from_ptr(memory.as_ptr().wrapping_byte_add(128).cast()) };
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let owners = [0, other.number(), other.number(), (1 << 30) - 1];
    let (mut had, mut late) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(13);
            while !done.load(Ordering::Relaxed) {
                let bits = (choices.below(4) as u32) << 30;
                let owner = owners[choices.below(4) as usize];
                word.store(bits | owner, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for turn in 0..300 {
            let moment = Deadline::after(Duration::from_micros(200));
            let value = match turn % 2 {
                0 => cell.try_get_or_init(&me, || 7),
                _ => cell.get_or_init_until(&me, || 7, moment),
            };
            match value {
                Ok(_) => had += 1,
                Err(Errno::AGAIN | Errno::TIMEDOUT) => late += 1,
                Err(errno) => panic!("{errno:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("had a value {had}, refused or too late {late}");
}

/// No wake arrives: a stranger is at the word, or the sleeper was moved elsewhere.
#[test]
fn sleeper_whose_wake_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    for moved in [false, true] {
        let (memory, region) = (shared_memory(), region());
        let (word, elsewhere): (&AtomicU32, &AtomicU32) =
            (memory.object(68).unwrap(), memory.object(256).unwrap());
        let (once, _) = meeting(&memory);
        let me = region.join().unwrap();
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let run = once.begin(&me).unwrap().unwrap();
        let mut sleeper = Child::fork(|| {
            let me = region.join().unwrap();
            i32::from(!matches!(once.begin_until(&me, limit()), Ok(None)))
        });
        sleeper.await_sleep();
        if moved {
            move_sleepers(word, elsewhere);
        }
        run.finish();
        assert_eq!(sleeper.wait(), End::Exited(0));
        if let Some(stranger) = &mut stranger {
            stranger.kill();
            stranger.wait();
        }
    }
}

#[test]
fn refused_sleep_is_an_error() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (once, _) = meeting(&memory);
    let me = region.join().unwrap();
    let run = once.begin(&me).unwrap();
    let mut child = Child::fork(|| {
        let me = region.join().unwrap();
        if !refuse(&[no_futex_at_all(libc::EACCES)]) {
            return 0;
        }
        let free = Once::new();
        let refused = once.begin(&me).map(drop) == Err(Errno::ACCESS);
        i32::from(!refused || free.begin(&me).is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(run);
}

/// Those who make a value are killed at random: who is left has one, and the whole of it.
#[test]
fn random_deaths_strand_nobody_and_leave_no_half_value() {
    const ROUNDS: usize = 150;
    let _check = LeakCheck::begin();
    let region = region();
    let mut choices = Choices::new(14);
    let (mut made, mut killed) = (0, 0);
    for round in 0..ROUNDS {
        let memory = shared_memory();
        let cell = memory.object::<OnceCell<[u64; 64]>>(0).unwrap();
        let mut children = [1, 2, 3].map(|number| {
            let (region, cell) = (&region, &cell);
            Child::fork(move || {
                let me = region.join().unwrap();
                match cell.get_or_init_until(&me, || [number; 64], limit()) {
                    Ok([first, rest @ ..]) if rest == [first; 63] => 0,
                    _ => 1,
                }
            })
        });
        for _ in 0..choices.below(100_000) {
            core::hint::spin_loop();
        }
        for victim in &children[..2] {
            victim.kill();
        }
        for (index, child) in children.iter_mut().enumerate() {
            match child.wait() {
                End::Exited(0) => made += 1,
                end => {
                    assert_eq!(end, End::Killed(libc::SIGKILL), "round {round}");
                    assert!(index < 2);
                    killed += 1;
                }
            }
        }
        let value = cell.get().unwrap();
        assert_eq!(value, [value[0]; 64]);
    }
    println!("{made} had the value, {killed} were killed");
}
