//! `sync::Barrier`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::mem::forget;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::Region;
use rawipc::memory::Mapping;
use rawipc::sync::{Barrier, RECHECK};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{move_sleepers, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LIMIT, LeakCheck, limit};

fn region() -> Region {
    Region::create(0).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(5))
}

/// A barrier, and a word to meet by.
fn meeting<const PARTIES: usize>(memory: &Mapping) -> (&Barrier<PARTIES>, &AtomicU32) {
    (memory.object(64).unwrap(), memory.object(0).unwrap())
}

fn await_word(word: &AtomicU32) {
    let begin = limit();
    while word.load(Ordering::Acquire) == 0 {
        assert!(!begin.has_passed());
        std::thread::yield_now();
    }
    word.store(0, Ordering::Relaxed);
}

/// A child that takes a seat, arrives if it is to, says so, and stays.
fn party(region: &Region, memory: &Mapping, arrives: bool) -> Child {
    let (barrier, word) = meeting::<2>(memory);
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        let mut seat = barrier.join(&me).unwrap();
        if arrives && seat.try_wait() != Err(Errno::AGAIN) {
            return 1;
        }
        word.store(1, Ordering::Release);
        support::alone::sleep_for_ever()
    });
    await_word(word);
    child
}

/// A child that waits, and ends with what that came to.
fn sleeper(region: &Region, memory: &Mapping) -> Child {
    let (barrier, _) = meeting::<2>(memory);
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        match barrier.join(&me).unwrap().wait_until(limit()) {
            Ok(_) => 0,
            Err(Errno::OWNERDEAD) => 2,
            Err(_) => 1,
        }
    });
    child.await_sleep();
    child
}

fn kill(child: &mut Child) {
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

#[test]
fn parties_pass_when_all_have_arrived() {
    let _check = LeakCheck::begin();
    let (region, barrier) = (region(), Barrier::<2>::default());
    let (one, two, three) = (
        region.join().unwrap(),
        region.join().unwrap(),
        region.join().unwrap(),
    );
    let (mut first, mut second) = (barrier.join(&one).unwrap(), barrier.join(&two).unwrap());
    assert_eq!(barrier.join(&three).map(drop), Err(Errno::BUSY));
    assert_eq!(barrier.join(&one).map(drop), Err(Errno::EXIST));
    for _ in 0..3 {
        assert_eq!(first.try_wait(), Err(Errno::AGAIN));
        assert!(format!("{first:?}").contains("has_arrived: true"));
        assert_eq!(second.wait(), Ok(true));
        assert_eq!(first.wait(), Ok(false));
    }
    // Who gives up has arrived, and goes on waiting for the same.
    let late = soon();
    assert_eq!(first.wait_until(late), Err(Errno::TIMEDOUT));
    assert!(late.has_passed());
    assert_eq!(second.wait_until(Deadline::NOW), Ok(true));
    assert_eq!(second.try_wait(), Err(Errno::AGAIN));
    assert_eq!(first.wait(), Ok(false));
    assert_eq!(first.wait(), Ok(true));
    assert_eq!(second.try_wait(), Ok(false));
    // A seat that was given back is another one's.
    drop(second);
    let mut third = barrier.join(&three).unwrap();
    assert_eq!(third.try_wait(), Err(Errno::AGAIN));
    assert_eq!(first.wait(), Ok(true));
    assert!(!barrier.is_broken() && !barrier.reset());
    assert!(format!("{barrier:?}").contains("is_broken: false"));
    assert_eq!(size_of::<Barrier<2>>(), 20);
}

/// Each says where it is before it waits: none passes before all have come there, and one of each
/// generation is told that it was the last.
#[test]
fn processes_meet_again_and_again() {
    const ROUNDS: u32 = 3000;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (barrier, _) = meeting::<3>(&memory);
    let at: &[AtomicU32] = memory.objects(256, 3).unwrap();
    let last: &AtomicU32 = memory.object(128).unwrap();
    let mut children = [0, 1, 2].map(|number| {
        let region = &region;
        Child::fork(move || {
            let me = region.join().unwrap();
            let mut seat = barrier.join(&me).unwrap();
            for round in 1..=ROUNDS {
                at[number].store(round, Ordering::Relaxed);
                match seat.wait_until(limit()) {
                    Ok(was_last) => last.fetch_add(u32::from(was_last), Ordering::Relaxed),
                    Err(_) => return 1,
                };
                if at.iter().any(|at| at.load(Ordering::Relaxed) < round) {
                    return 2;
                }
            }
            0
        })
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    assert_eq!(last.load(Ordering::Relaxed), ROUNDS);
}

#[test]
fn death_before_arriving_is_told_to_all() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (barrier, _) = meeting::<2>(&memory);
    let mut dead = party(&region, &memory, false);
    let mut sleeping = sleeper(&region, &memory);
    let began = Instant::now();
    kill(&mut dead);
    assert_eq!(sleeping.wait(), End::Exited(2));
    println!(
        "told {:.0?} after the kill, of {RECHECK:?}",
        began.elapsed()
    );
    assert!(barrier.is_broken());
    // And whoever comes now, until it is whole again.
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let mut mine = barrier.join(&one).unwrap();
    for _ in 0..2 {
        assert_eq!(mine.wait(), Err(Errno::OWNERDEAD));
        assert_eq!(mine.try_wait(), Err(Errno::OWNERDEAD));
    }
    let mut other = barrier.join(&two).unwrap();
    assert!(barrier.reset() && !barrier.is_broken());
    assert_eq!(mine.try_wait(), Err(Errno::AGAIN));
    assert_eq!(other.wait(), Ok(true));
    assert_eq!(mine.wait(), Ok(false));
}

/// Who comes after the death is told at once, and without sleeping.
#[test]
fn party_that_comes_after_a_death_is_told_at_once() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (barrier, _) = meeting::<2>(&memory);
    let me = region.join().unwrap();
    let mut seat = barrier.join(&me).unwrap();
    let mut dead = party(&region, &memory, false);
    assert_eq!(seat.try_wait(), Err(Errno::AGAIN));
    kill(&mut dead);
    assert_eq!(seat.try_wait(), Err(Errno::OWNERDEAD));
    // Whoever has a dead one's seat stands in for it.
    assert!(barrier.reset());
    let other = region.join().unwrap();
    let mut stand_in = barrier.join(&other).unwrap();
    assert_eq!(stand_in.try_wait(), Err(Errno::AGAIN));
    assert_eq!(seat.wait(), Ok(true));
}

#[test]
fn party_that_died_after_arriving_lets_the_others_pass_once() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (barrier, _) = meeting::<2>(&memory);
    let mut dead = party(&region, &memory, true);
    kill(&mut dead);
    let me = region.join().unwrap();
    let mut seat = barrier.join(&me).unwrap();
    assert_eq!(seat.wait(), Ok(true));
    assert_eq!(seat.wait(), Err(Errno::OWNERDEAD));
}

/// Who waited when it broke is told so, also if it looks only when it is whole again.
/// While one waits for them: nobody has died.
#[test]
fn parties_that_come_and_leave_in_good_order_break_nothing() {
    let _check = LeakCheck::begin();
    let (region, barrier) = (region(), Barrier::<2>::new());
    let me = region.join().unwrap();
    let mut seat = barrier.join(&me).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2000 {
                let other = region.join().unwrap();
                drop(barrier.join(&other).unwrap());
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            assert_eq!(seat.try_wait(), Err(Errno::AGAIN));
        }
    });
    assert!(!barrier.is_broken());
}

#[test]
fn reset_does_not_let_pass_who_waited_before() {
    let _check = LeakCheck::begin();
    let (region, barrier) = (region(), Barrier::<3>::new());
    let [first, second, third, heir] = [(); 4].map(|()| region.join().unwrap());
    let [mut one, mut two] = [&first, &second].map(|member| barrier.join(member).unwrap());
    forget(barrier.join(&third).unwrap());
    assert_eq!(one.try_wait(), Err(Errno::AGAIN));
    drop(third);
    assert_eq!(two.try_wait(), Err(Errno::OWNERDEAD));
    let mut three = barrier.join(&heir).unwrap();
    assert!(barrier.reset());
    assert_eq!(one.wait(), Err(Errno::OWNERDEAD));
    assert_eq!(one.try_wait(), Err(Errno::AGAIN));
    assert_eq!(two.try_wait(), Err(Errno::AGAIN));
    assert_eq!(three.wait(), Ok(true));
    assert_eq!((one.wait(), two.wait()), (Ok(false), Ok(false)));
}

#[test]
fn party_that_is_stopped_is_waited_for() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (barrier, _) = meeting::<2>(&memory);
    let mut child = party(&region, &memory, false);
    child.signal(libc::SIGSTOP);
    let me = region.join().unwrap();
    let mut seat = barrier.join(&me).unwrap();
    let late = seat.wait_until(Deadline::after(3 * RECHECK));
    assert_eq!(late, Err(Errno::TIMEDOUT));
    assert!(!barrier.is_broken());
    kill(&mut child);
    assert_eq!(seat.wait(), Err(Errno::OWNERDEAD));
}

#[test]
fn inherited_member_and_seat_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (barrier, _) = meeting::<2>(&memory);
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let seat = barrier.join(&me).unwrap();
    let mut child = Child::fork(|| {
        // SAFETY: a copy of what this process has none of.
        let mut copy = unsafe { core::ptr::read(&raw const seat) };
        let refused =
            copy.wait() == Err(Errno::PERM) && barrier.join(&me).map(drop) == Err(Errno::PERM);
        drop(copy);
        i32::from(!refused)
    });
    assert_eq!(child.wait(), End::Exited(0));
    let (mut seat, mut theirs) = (seat, barrier.join(&other).unwrap());
    assert_eq!(seat.try_wait(), Err(Errno::AGAIN));
    assert_eq!(theirs.wait(), Ok(true));
}

/// Every value that memory can hold is harmless.
#[test]
fn any_words_are_a_barrier() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let barrier: &Barrier<2> = memory.object(0).unwrap();
    let words: &[AtomicU32] = memory.objects(0, 5).unwrap();
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let some = [
        0,
        1,
        2,
        3,
        4,
        5,
        1 << 31,
        u32::MAX,
        u32::MAX - 3,
        other.number(),
    ];
    for word in some {
        for who in some {
            if who == me.number() {
                continue;
            }
            for at in some {
                let values = [word, 0, at, who, at];
                for (to, value) in words.iter().zip(values) {
                    to.store(value, Ordering::Relaxed);
                }
                let mut seat = barrier.join(&me).unwrap();
                let result = seat.try_wait();
                let expected = match result {
                    Ok(_) | Err(Errno::AGAIN) => word & 2 == 0,
                    Err(Errno::OWNERDEAD) => word & 2 != 0 || who != 0 && who != other.number(),
                    Err(_) => false,
                };
                assert!(expected, "{values:x?} {result:?}");
                drop(seat);
                let broken = word & 2 != 0 || result == Err(Errno::OWNERDEAD);
                assert_eq!(barrier.reset(), broken, "{values:x?}");
            }
        }
    }
}

/// A peer that changes the words all the time keeps nobody beyond a deadline.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let barrier: &Barrier<2> = memory.object(128).unwrap();
    let words: &[AtomicU32] = memory.objects(128, 5).unwrap();
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let others = other.number();
    let (mut passed, mut broken, mut late) = (0, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(17);
            while !done.load(Ordering::Relaxed) {
                let word = choices.below(5) as usize;
                let value = match choices.below(3) {
                    0 => choices.below(16) as u32,
                    1 => others,
                    _ => 0,
                };
                words[word].store(value, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let end = limit();
        for turn in 0..400 {
            let mut seat = loop {
                match barrier.join(&me) {
                    Ok(seat) => break seat,
                    Err(_) => assert!(!end.has_passed(), "it never has a seat"),
                }
            };
            let result = match turn % 2 {
                0 => seat.try_wait(),
                _ => seat.wait_until(Deadline::after(Duration::from_micros(200))),
            };
            match result {
                Ok(_) => passed += 1,
                Err(Errno::OWNERDEAD) => broken += 1,
                Err(Errno::AGAIN | Errno::TIMEDOUT) => late += 1,
                Err(errno) => panic!("{errno:?}"),
            }
            barrier.reset();
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("passed {passed}, broken {broken}, refused or too late {late}");
}

/// No wake arrives: a stranger is at the word, or the sleeper was moved elsewhere.
#[test]
fn sleeper_whose_wake_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    for moved in [false, true] {
        let (memory, region) = (shared_memory(), region());
        let (word, elsewhere): (&AtomicU32, &AtomicU32) =
            (memory.object(64).unwrap(), memory.object(256).unwrap());
        let (barrier, _) = meeting::<2>(&memory);
        let me = region.join().unwrap();
        let mut seat = barrier.join(&me).unwrap();
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let mut sleeping = sleeper(&region, &memory);
        if moved {
            move_sleepers(word, elsewhere);
        }
        assert_eq!(seat.wait(), Ok(true));
        assert_eq!(sleeping.wait(), End::Exited(0));
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
    let (barrier, _) = meeting::<2>(&memory);
    let mut child = Child::fork(|| {
        let me = region.join().unwrap();
        let mut seat = barrier.join(&me).unwrap();
        if !refuse(&[no_futex_at_all(libc::EACCES)]) {
            return 0;
        }
        i32::from(seat.wait() != Err(Errno::ACCESS))
    });
    assert_eq!(child.wait(), End::Exited(0));
}

/// How many meet under random deaths.
const WORKERS: usize = 3;

/// Meets the others for ever, and has a broken barrier made whole.
fn work(
    region: &Region,
    barrier: &Barrier<WORKERS>,
    rounds: &[AtomicU64],
    broken: &AtomicU64,
) -> i32 {
    let me = region.join().unwrap();
    let begin = limit();
    let mut seat = loop {
        // The one before has died, and may not be known to have.
        match barrier.join(&me) {
            Ok(seat) => break seat,
            Err(Errno::BUSY) if !begin.has_passed() => std::thread::yield_now(),
            Err(_) => return 1,
        }
    };
    let mut number = 0;
    loop {
        match seat.wait_until(limit()) {
            Ok(_) => number += 1,
            Err(Errno::OWNERDEAD) => {
                broken.fetch_add(1, Ordering::Relaxed);
                barrier.reset();
                continue;
            }
            Err(_) => return 1,
        }
        rounds[number % WORKERS].fetch_add(1, Ordering::Relaxed);
    }
}

/// Parties are killed and stopped at random, and others come in their place.
fn stress(duration: Duration) {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (barrier, _) = meeting::<WORKERS>(&memory);
    let counted: &[AtomicU64] = memory.objects(512, WORKERS + 1).unwrap();
    let (rounds, broken) = (&counted[..WORKERS], &counted[WORKERS]);
    let begin = || Child::fork(|| work(&region, barrier, rounds, broken));
    let mut workers: [Child; WORKERS] = core::array::from_fn(|_| begin());
    let mut choices = Choices::new(18);
    let (end, mut kills, mut stops) = (Instant::now() + duration, 0, 0);
    let sum = || {
        rounds
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum::<u64>()
    };
    let mut stopped = None;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_micros(choices.below(3000)));
        let victim = choices.below(WORKERS as u64) as usize;
        if let Some(worker) = stopped.take() {
            let worker: &Child = &workers[worker];
            worker.signal(libc::SIGCONT);
        }
        if choices.below(3) == 0 {
            workers[victim].signal(libc::SIGSTOP);
            stopped = Some(victim);
            stops += 1;
        } else {
            kill(&mut workers[victim]);
            workers[victim] = begin();
            kills += 1;
        }
    }
    if let Some(worker) = stopped {
        workers[worker].signal(libc::SIGCONT);
    }
    // Left alone, they go on.
    let (limit, before) = (Deadline::after(LIMIT), sum());
    while sum() < before + 30 {
        assert!(!limit.has_passed(), "they stand still");
        std::thread::yield_now();
    }
    for worker in &mut workers {
        kill(worker);
    }
    println!(
        "passed {} times, {kills} kills, {stops} stops, told of a death {} times",
        sum(),
        broken.load(Ordering::Relaxed)
    );
}

#[test]
fn random_deaths_and_stops_strand_nobody() {
    stress(Duration::from_millis(500));
}
