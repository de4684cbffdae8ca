//! `sync::WaitGroup`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::mem::forget;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::Region;
use rawipc::memory::Mapping;
use rawipc::sync::{Latch, RECHECK, WaitGroup, WaitGroupError};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{move_sleepers, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LeakCheck, limit};

use WaitGroupError::{Deadlock, Died, TimedOut, WouldBlock};

type Group = WaitGroup<8>;

/// Where the latch lies by which those in the group say that they are.
const ENTERED: usize = 1024;

fn region() -> Region {
    Region::create(0).unwrap()
}

fn group(memory: &Mapping) -> (&Group, &Latch) {
    (memory.object(0).unwrap(), memory.object(ENTERED).unwrap())
}

/// A child that enters, says so, and stays.
fn worker(region: &Region, memory: &Mapping) -> Child {
    let (group, entered) = group(memory);
    entered.add(1).unwrap();
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        let _entry = group.enter(&me).unwrap();
        entered.count_down();
        support::alone::sleep_for_ever()
    });
    entered.wait_until(limit()).unwrap();
    child
}

/// A child that sleeps until all have left, and exits with how many died.
fn sleeper(region: &Region, memory: &Mapping) -> Child {
    let (group, _) = group(memory);
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        match group.wait_until(&me, limit()) {
            Ok(()) => 0,
            Err(Died(deaths)) => deaths as i32,
            Err(_) => 99,
        }
    });
    child.await_sleep();
    child
}

fn end(mut child: Child) {
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

#[test]
fn who_is_in_the_group_is_waited_for_until_it_leaves() {
    let _check = LeakCheck::begin();
    let (region, group) = (region(), Group::default());
    let [one, two, me] = [(); 3].map(|()| region.join().unwrap());
    assert_eq!(group.wait(&me), Ok(()));
    let entries = (group.enter(&one).unwrap(), group.enter(&two).unwrap());
    assert_eq!(group.enter(&two).map(drop), Err(Errno::EXIST));
    assert_eq!(group.try_wait(&me), Err(WouldBlock));
    let late = Deadline::after(Duration::from_millis(5));
    assert_eq!(group.wait_until(&me, late), Err(TimedOut));
    assert!(late.has_passed());
    // Whichever of them asks.
    assert_eq!(group.wait(&one), Err(Deadlock));
    assert_eq!(group.wait(&two), Err(Deadlock));
    assert!(format!("{group:?} {entries:?}").contains("count: 2"));
    drop(entries.0);
    assert_eq!(group.count(), 1);
    assert_eq!(group.try_wait(&me), Err(WouldBlock));
    drop(entries.1);
    assert_eq!(group.wait_until(&me, Deadline::NOW), Ok(()));
    assert_eq!(group.forget_deaths(), 0);
    drop(group.enter(&two).unwrap());
    assert_eq!(align_of::<Group>(), 64);
}

#[test]
fn members_without_room_are_refused() {
    let _check = LeakCheck::begin();
    let (region, group) = (region(), WaitGroup::<2>::new());
    let [one, two, three] = [(); 3].map(|()| region.join().unwrap());
    let entries = (group.enter(&one).unwrap(), group.enter(&two).unwrap());
    assert_eq!(group.enter(&three).map(drop), Err(Errno::NOSPC));
    // It can wait nevertheless.
    assert_eq!(group.try_wait(&three), Err(WouldBlock));
    drop(entries);
    assert_eq!(group.wait(&three), Ok(()));
}

/// Those who wait go when the last one has left, and see what all have done.
#[test]
fn all_who_wait_see_what_was_done_in_the_group() {
    const ROUNDS: usize = 40;
    let _check = LeakCheck::begin();
    let region = region();
    for round in 0..ROUNDS {
        let memory = shared_memory();
        let (group, entered) = group(&memory);
        let parts: [&AtomicU64; 3] = [0, 1, 2].map(|at| memory.object(2048 + 64 * at).unwrap());
        entered.add(3).unwrap();
        let mut workers = parts.map(|part| {
            Child::fork(|| {
                let me = region.join().unwrap();
                let _entry = group.enter(&me).unwrap();
                entered.count_down();
                part.store(7, Ordering::Relaxed);
                0
            })
        });
        let mut waiters = [(); 2].map(|()| {
            Child::fork(|| {
                let me = region.join().unwrap();
                entered.wait_until(limit()).unwrap();
                let waited = group.wait_until(&me, limit());
                let done = parts.iter().all(|part| part.load(Ordering::Relaxed) == 7);
                i32::from(waited.is_err() || !done)
            })
        });
        for child in workers.iter_mut().chain(&mut waiters) {
            assert_eq!(child.wait(), End::Exited(0), "round {round}");
        }
    }
}

#[test]
fn deaths_are_told_to_all_until_they_are_forgotten() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (group, _) = group(&memory);
    let me = region.join().unwrap();
    let workers = [(); 2].map(|()| worker(&region, &memory));
    assert_eq!(group.try_wait(&me), Err(WouldBlock));
    // One sleeps already.
    let mut sleepers = [(); 2].map(|()| sleeper(&region, &memory));
    let began = Instant::now();
    for worker in workers {
        end(worker);
    }
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(2));
    }
    println!(
        "told {:.0?} after the kill, of {RECHECK:?}",
        began.elapsed()
    );
    for _ in 0..2 {
        assert_eq!(group.wait(&me), Err(Died(2)));
    }
    assert_eq!((group.forget_deaths(), group.forget_deaths()), (2, 0));
    assert_eq!(group.wait(&me), Ok(()));
}

/// A dead one's place in the region is another's before anybody waits.
#[test]
fn death_is_told_although_another_is_in_that_place() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (group, _) = group(&memory);
    for _ in 0..3 {
        end(worker(&region, &memory));
        assert_eq!(group.count(), 1);
    }
    let successor = region.join().unwrap();
    let entry = group.enter(&successor).unwrap();
    let me = region.join().unwrap();
    assert_eq!(group.try_wait(&me), Err(WouldBlock));
    drop(entry);
    assert_eq!(group.wait(&me), Err(Died(3)));
    assert_eq!(group.forget_deaths(), 3);
}

/// More deaths in one place than are counted stay as many as are.
#[test]
fn deaths_without_number_are_many() {
    let _check = LeakCheck::begin();
    let (region, group) = (region(), WaitGroup::<1>::new());
    for _ in 0..300 {
        let dead = region.join().unwrap();
        forget(group.enter(&dead).unwrap());
    }
    let me = region.join().unwrap();
    assert_eq!(group.wait(&me), Err(Died(255)));
    let entry = group.enter(&me).unwrap();
    assert_eq!(group.count(), 1);
    assert_eq!(group.forget_deaths(), 255);
    assert_eq!(group.wait(&me), Err(Deadlock));
    drop(entry);
    assert_eq!(group.wait(&me), Ok(()));
}

#[test]
fn who_is_stopped_is_waited_for() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (group, _) = group(&memory);
    let me = region.join().unwrap();
    let child = worker(&region, &memory);
    child.signal(libc::SIGSTOP);
    let late = group.wait_until(&me, Deadline::after(3 * RECHECK));
    assert_eq!(late, Err(TimedOut));
    end(child);
    assert_eq!(group.wait(&me), Err(Died(1)));
}

#[test]
fn inherited_member_and_entry_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (group, _) = group(&memory);
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let entry = group.enter(&me).unwrap();
    let mut child = Child::fork(|| {
        // SAFETY: a copy of what this process has none of.
        drop(unsafe { core::ptr::read(&raw const entry) });
        let refused = group.enter(&other).map(drop) == Err(Errno::PERM);
        let waited = group.try_wait(&other) == Err(WaitGroupError::Forked);
        let own = region.join().unwrap();
        i32::from(!(refused && waited && group.try_wait(&own) == Err(WouldBlock)))
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(entry);
    assert_eq!(group.wait(&me), Ok(()));
}

/// Every value that memory can hold is harmless: nobody is in the group but the dead.
#[test]
fn any_words_are_a_group() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (group, _) = group(&memory);
    let me = region.join().unwrap();
    for used in [0, 1, 2, 8, 9, u32::MAX] {
        for number in [0, 5, 1 << 21, (1 << 22) - 1] {
            for bits in [0, 1, 2, 254, 255, 256, 511, 512, 1023] {
                memory.write(0, &used).unwrap();
                for slot in [64, 128] {
                    memory.write(slot, &(bits << 22 | number)).unwrap();
                }
                let entry = group.enter(&me).unwrap();
                assert_eq!(group.try_wait(&me), Err(Deadlock));
                drop(entry);
                assert!(matches!(
                    group.wait_until(&me, limit()),
                    Ok(()) | Err(Died(1..=510))
                ));
                group.forget_deaths();
                assert_eq!(group.wait_until(&me, limit()), Ok(()));
            }
        }
    }
}

/// A peer that changes the words all the time keeps nobody beyond a deadline.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (group, _) = group(&memory);
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let members = [0, me.number(), other.number(), 77];
    let mut ends = [0; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(19);
            while !done.load(Ordering::Relaxed) {
                let bits = (choices.below(1024) as u32) << 22;
                let member = members[choices.below(4) as usize];
                memory.write(0, &(choices.below(10) as u32)).unwrap();
                memory
                    .write(64 * (1 + choices.below(2) as usize), &(bits | member))
                    .unwrap();
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for turn in 0..300 {
            drop(group.enter(&me));
            let moment = Deadline::after(Duration::from_micros(200));
            let waited = match turn % 2 {
                0 => group.try_wait(&me),
                _ => group.wait_until(&me, moment),
            };
            group.forget_deaths();
            match waited {
                Ok(()) | Err(Died(_)) => ends[0] += 1,
                Err(WouldBlock | TimedOut | Deadlock) => ends[1] += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("let go {}, refused or too late {}", ends[0], ends[1]);
}

/// No wake arrives: a stranger is at the word, or the sleeper was moved elsewhere.
#[test]
fn sleeper_whose_wake_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    for moved in [false, true] {
        let (memory, region) = (shared_memory(), region());
        let (group, _) = group(&memory);
        let elsewhere: &AtomicU32 = memory.object(3072).unwrap();
        // SAFETY: mapped as long as it is used, and aligned; the first slot's word.
        let word = unsafe { AtomicU32::from_ptr(memory.as_ptr().wrapping_byte_add(64).cast()) };
        let me = region.join().unwrap();
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let entry = group.enter(&me).unwrap();
        let mut sleeper = sleeper(&region, &memory);
        if moved {
            move_sleepers(word, elsewhere);
        }
        drop(entry);
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
    let (group, _) = group(&memory);
    let me = region.join().unwrap();
    let entry = group.enter(&me).unwrap();
    let mut child = Child::fork(|| {
        let me = region.join().unwrap();
        if !refuse(&[no_futex_at_all(libc::EACCES)]) {
            return 0;
        }
        let empty = Group::new();
        let refused = group.wait(&me) == Err(WaitGroupError::Kernel(Errno::ACCESS));
        i32::from(!refused || empty.wait(&me).is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(entry);
}

#[test]
fn errors_have_numbers_and_words() {
    for (error, errno) in [
        (Died(3), Errno::OWNERDEAD),
        (WouldBlock, Errno::AGAIN),
        (TimedOut, Errno::TIMEDOUT),
        (Deadlock, Errno::DEADLK),
        (WaitGroupError::Forked, Errno::PERM),
        (WaitGroupError::Kernel(Errno::ACCESS), Errno::ACCESS),
    ] {
        assert_eq!(Errno::from(error), errno);
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(Died(3).to_string(), "3 died in the group");
}

/// Those who enter and leave are killed at random: who waits goes, and is told of as many as died in
/// the group, where no more are told of than died.
#[test]
fn random_deaths_strand_nobody_and_are_counted() {
    stress(Duration::from_millis(400));
}

#[test]
#[ignore = "a minute"]
fn random_deaths_strand_nobody_and_are_counted_for_long() {
    stress(Duration::from_secs(60));
}

fn stress(time: Duration) {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (group, _) = group(&memory);
    let work = || {
        let Ok(me) = region.join() else { return 1 };
        loop {
            match group.enter(&me) {
                Ok(entry) => drop(entry),
                Err(_) => return 2,
            }
        }
    };
    let wait = || {
        let Ok(me) = region.join() else { return 1 };
        loop {
            match group.wait_until(&me, limit()) {
                Ok(()) | Err(Died(_)) => {}
                Err(_) => return 2,
            }
        }
    };
    let mut choices = Choices::new(20);
    let mut workers = [(); 2].map(|()| Child::fork(work));
    let mut waiter = Child::fork(wait);
    let me = region.join().unwrap();
    let begin = Instant::now();
    let (mut kills, mut told, mut waits) = (0, 0, 0);
    while begin.elapsed() < time {
        for _ in 0..choices.below(20_000) {
            core::hint::spin_loop();
        }
        let victim = choices.below(2) as usize;
        workers[victim].kill();
        assert_eq!(workers[victim].wait(), End::Killed(libc::SIGKILL));
        kills += 1;
        match group.wait_until(&me, limit()) {
            Ok(()) => {}
            Err(Died(_)) => told += group.forget_deaths(),
            Err(error) => panic!("{error:?}"),
        }
        waits += 1;
        workers[victim] = Child::fork(work);
        if choices.below(8) == 0 {
            end(core::mem::replace(&mut waiter, Child::fork(wait)));
        }
    }
    for worker in workers {
        end(worker);
    }
    end(waiter);
    kills += 2;
    let _ = group.wait_until(&me, limit());
    told += group.forget_deaths();
    assert!(told <= kills, "{told} of {kills}");
    assert_eq!(group.wait_until(&me, limit()), Ok(()));
    println!("{kills} kills, {told} of them in the group, {waits} waits");
}
