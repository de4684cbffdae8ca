//! `sync::SeqLock`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::Region;
use rawipc::memory::Mapping;
use rawipc::sync::{RECHECK, SeqLock};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{move_sleepers, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LeakCheck, limit};

/// Numbers that are equal in every value that was published: more than are copied at once.
type Value = [u64; 24];

fn region() -> Region {
    Region::create(0).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(5))
}

/// The number of which a whole value consists.
fn whole(value: Value) -> Option<u64> {
    (value == [value[0]; 24]).then_some(value[0])
}

/// A lock, and a word to meet by.
fn meeting(memory: &Mapping) -> (&SeqLock<Value>, &AtomicU32) {
    (memory.object(64).unwrap(), memory.object(0).unwrap())
}

fn await_word(word: &AtomicU32) {
    let begin = limit();
    while word.load(Ordering::Acquire) == 0 {
        assert!(!begin.has_passed());
        std::thread::yield_now();
    }
}

/// A child that takes its turn, says so, and stays.
fn writer(region: &Region, memory: &Mapping) -> Child {
    let (lock, word) = meeting(memory);
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        let _turn = lock.write(&me).unwrap();
        word.store(1, Ordering::Release);
        support::alone::sleep_for_ever()
    });
    await_word(word);
    word.store(0, Ordering::Relaxed);
    child
}

/// Publishes a value of numbers one more than those that were there.
fn add(lock: &SeqLock<Value>, me: &rawipc::members::Member) -> Result<bool, Errno> {
    let mut turn = lock.write_until(me, limit())?;
    Ok(match whole(turn.get()) {
        Some(number) => {
            turn.set(&[number + 1; 24]);
            true
        }
        None => false,
    })
}

#[test]
fn value_is_read_beside_the_turn_of_one_writer() {
    let _check = LeakCheck::begin();
    let (region, lock) = (region(), SeqLock::new([5_u32; 3]));
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    assert_eq!(lock.read(), [5; 3]);
    let mut turn = lock.write(&one).unwrap();
    turn.set(&[6; 3]);
    assert_eq!((lock.read(), turn.get()), ([6; 3], [6; 3]));
    assert_eq!(
        turn.update(|value| core::mem::replace(value, [7; 3])),
        [6; 3]
    );
    assert_eq!(lock.try_read(), Ok([7; 3]));
    assert_eq!(lock.write(&one).map(drop), Err(Errno::DEADLK));
    assert_eq!(lock.try_write(&two).map(drop), Err(Errno::AGAIN));
    let late = soon();
    let refused = lock.write_until(&two, late).map(drop);
    assert_eq!(refused, Err(Errno::TIMEDOUT));
    assert!(late.has_passed());
    assert!(format!("{turn:?}").contains("published: 2"));
    drop(turn);
    lock.write_until(&two, Deadline::NOW).unwrap().set(&[8; 3]);
    assert_eq!(lock.read(), [8; 3]);
}

#[test]
fn values_of_any_size_are_copied_whole() {
    let _check = LeakCheck::begin();
    let region = region();
    let me = region.join().unwrap();
    let memory = shared_memory();
    macro_rules! sizes {
        ($($size:literal)*) => {$({
            let lock: &SeqLock<[u8; $size]> = memory.object(0).unwrap();
            for byte in [1_u8, 2, 3] {
                lock.write(&me).unwrap().set(&[byte; $size]);
                assert_eq!(lock.read(), [byte; $size]);
            }
        })*};
    }
    sizes! { 0 1 2 3 7 8 9 31 64 65 1000 }
    let nothing = SeqLock::new(());
    nothing.write(&me).unwrap().set(&());
    let () = nothing.read();
}

#[test]
fn change_that_panics_changes_nothing() {
    let _check = LeakCheck::begin();
    let (region, lock) = (region(), SeqLock::new(1_u64));
    let me = region.join().unwrap();
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        lock.write(&me).unwrap().update(|value| {
            *value = 2;
            std::panic::resume_unwind(Box::new(()))
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(lock.read(), 1);
    lock.try_write(&me).unwrap().set(&3);
}

#[test]
fn readers_beside_writers_in_other_processes_see_whole_values() {
    const VALUES: u64 = 20_000;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting(&memory);
    let mut writers = [(); 2].map(|()| {
        Child::fork(|| {
            let me = region.join().unwrap();
            for _ in 0..VALUES {
                match add(lock, &me) {
                    Ok(true) => {}
                    Ok(false) => return 1,
                    Err(_) => return 2,
                }
            }
            0
        })
    });
    let mut reader = Child::fork(|| {
        let (mut last, begin) = (0, limit());
        while last < 2 * VALUES {
            match whole(lock.read()) {
                Some(number) if number >= last => last = number,
                Some(_) => return 3,
                None => return 4,
            }
            if begin.has_passed() {
                return 5;
            }
        }
        0
    });
    let (mut reads, mut again, begin) = (0, 0, limit());
    while lock.read() != [2 * VALUES; 24] {
        match lock.try_read() {
            Ok(value) => assert!(whole(value).is_some()),
            Err(errno) => {
                assert_eq!(errno, Errno::AGAIN);
                again += 1;
            }
        }
        reads += 1;
        assert!(!begin.has_passed());
    }
    println!("of {reads} reads, {again} beside a value that was published");
    for child in writers.iter_mut().chain([&mut reader]) {
        assert_eq!(child.wait(), End::Exited(0));
    }
    assert_eq!(whole(lock.read()), Some(2 * VALUES));
}

#[test]
fn dead_writer_keeps_out_nobody() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting(&memory);
    let me = region.join().unwrap();
    lock.write(&me).unwrap().set(&[1; 24]);
    let mut child = writer(&region, &memory);
    assert_eq!(lock.try_write(&me).map(drop), Err(Errno::AGAIN));
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    assert_eq!(lock.read(), [1; 24]);
    lock.try_write(&me).unwrap().set(&[2; 24]);
    // One sleeps already.
    let mut child = writer(&region, &memory);
    let mut sleeper = Child::fork(|| {
        let me = region.join().unwrap();
        i32::from(add(lock, &me) != Ok(true))
    });
    sleeper.await_sleep();
    let began = Instant::now();
    child.kill();
    assert_eq!(sleeper.wait(), End::Exited(0));
    println!(
        "written {:.0?} after the kill, of {RECHECK:?}",
        began.elapsed()
    );
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    assert_eq!(lock.read(), [3; 24]);
}

#[test]
fn stopped_writer_keeps_out_writers_only() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting(&memory);
    let me = region.join().unwrap();
    lock.write(&me).unwrap().set(&[1; 24]);
    let mut child = writer(&region, &memory);
    child.signal(libc::SIGSTOP);
    let late = lock
        .write_until(&me, Deadline::after(3 * RECHECK))
        .map(drop);
    assert_eq!(late, Err(Errno::TIMEDOUT));
    for _ in 0..1000 {
        assert_eq!(lock.read(), [1; 24]);
    }
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    lock.write(&me).unwrap().set(&[2; 24]);
}

#[test]
fn inherited_member_and_guard_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting(&memory);
    let me = region.join().unwrap();
    let mut turn = lock.write(&me).unwrap();
    turn.set(&[2; 24]);
    let mut child = Child::fork(|| {
        // SAFETY: a copy of what this process has none of.
        let mut copy = unsafe { core::ptr::read(&raw const turn) };
        copy.set(&[3; 24]);
        copy.update(|value| *value = [4; 24]);
        drop(copy);
        let refused = lock.try_write(&me).map(drop) == Err(Errno::PERM);
        let own = region.join().unwrap();
        let held = lock.try_write(&own).map(drop) == Err(Errno::AGAIN);
        i32::from(!(refused && held))
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(lock.read(), [2; 24]);
    drop(turn);
    lock.try_write(&me).unwrap().set(&[1; 24]);
}

/// Every value that memory can hold is harmless: a value is read, and written unless it is said that
/// nobody may.
#[test]
fn any_words_are_a_seqlock() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let lock: &SeqLock<u32> = memory.object(64).unwrap();
    let me = region.join().unwrap();
    let me_number = me.number();
    for published in [0, 1, 2, u64::MAX - 1, u64::MAX] {
        for bits in [0, 1 << 30, 1 << 31, 3 << 30] {
            for owner in [0, me_number, 5, 1 << 22, (1 << 30) - 2, (1 << 30) - 1] {
                memory.write(64, &(bits | owner)).unwrap();
                memory.write(72, &published).unwrap();
                let _ = lock.read();
                let written = lock.write_until(&me, limit());
                let expected = match owner {
                    owner if owner == me_number => Some(Errno::DEADLK),
                    0x3fff_ffff => Some(Errno::NOTRECOVERABLE),
                    _ => None,
                };
                match written {
                    Ok(mut turn) => {
                        turn.set(&7);
                        assert_eq!(expected, None, "{bits:#x} {owner}");
                        assert_eq!(lock.read(), 7);
                    }
                    Err(errno) => assert_eq!(Some(errno), expected, "{bits:#x} {owner}"),
                }
            }
        }
    }
}

/// A peer that changes the words all the time keeps nobody beyond a deadline, and no single look.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let lock: &SeqLock<[u64; 64]> = memory.object(1024).unwrap();
    let raw = &memory;
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let owners = [0, other.number(), (1 << 30) - 1];
    let (mut had, mut not) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(15);
            while !done.load(Ordering::Relaxed) {
                let bits = (choices.below(4) as u32) << 30;
                let owner = owners[choices.below(3) as usize];
                raw.write(1024, &(bits | owner)).unwrap();
                raw.write(1032, &choices.below(u64::MAX)).unwrap();
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for turn in 0..300 {
            let moment = Deadline::after(Duration::from_micros(200));
            let ended = match turn % 3 {
                0 => lock.try_read().map(drop),
                1 => lock.try_write(&me).map(|mut turn| turn.set(&[1; 64])),
                _ => lock
                    .write_until(&me, moment)
                    .map(|mut turn| turn.set(&[2; 64])),
            };
            match ended {
                Ok(()) => had += 1,
                Err(Errno::AGAIN | Errno::TIMEDOUT | Errno::NOTRECOVERABLE) => not += 1,
                Err(errno) => panic!("{errno:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("done {had}, refused or too late {not}");
}

/// No wake arrives: a stranger is at the word, or the sleeper was moved elsewhere.
#[test]
fn writer_whose_wake_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    for moved in [false, true] {
        let (memory, region) = (shared_memory(), region());
        let elsewhere: &AtomicU32 = memory.object(3072).unwrap();
        let (lock, _) = meeting(&memory);
        // SAFETY: mapped as long as it is used, and aligned; the first word of the lock.
        let word = unsafe { AtomicU32::from_ptr(core::ptr::from_ref(lock).cast_mut().cast()) };
        let me = region.join().unwrap();
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let turn = lock.write(&me).unwrap();
        let mut sleeper = Child::fork(|| {
            let me = region.join().unwrap();
            i32::from(add(lock, &me) != Ok(true))
        });
        sleeper.await_sleep();
        if moved {
            move_sleepers(word, elsewhere);
        }
        drop(turn);
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
    let (lock, _) = meeting(&memory);
    let me = region.join().unwrap();
    let turn = lock.write(&me).unwrap();
    let mut child = Child::fork(|| {
        let me = region.join().unwrap();
        if !refuse(&[no_futex_at_all(libc::EACCES)]) {
            return 0;
        }
        let free = SeqLock::new(1_u8);
        let refused = lock.write(&me).map(drop) == Err(Errno::ACCESS);
        i32::from(!refused || free.write(&me).is_err() || whole(lock.read()) != Some(0))
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(turn);
}

/// Writers are killed and stopped at random, while readers read: they see whole values, none of which
/// was over, and whoever is left writes.
#[test]
fn random_deaths_lose_no_value_and_keep_out_nobody() {
    stress(Duration::from_millis(500));
}

#[test]
#[ignore = "a minute"]
fn random_deaths_lose_no_value_and_keep_out_nobody_for_long() {
    stress(Duration::from_secs(60));
}

fn stress(time: Duration) {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting(&memory);
    // How many values each process says to have published.
    let said: [&AtomicU64; 3] = [0, 1, 2].map(|at| memory.object(2048 + 64 * at).unwrap());
    let work = |said: &AtomicU64| {
        let Ok(me) = region.join() else { return 1 };
        loop {
            match add(lock, &me) {
                Ok(true) => said.fetch_add(1, Ordering::Relaxed),
                _ => return 2,
            };
        }
    };
    let mut choices = Choices::new(16);
    let mut children = said.map(|said| Child::fork(|| work(said)));
    let begin = Instant::now();
    let (mut reads, mut kills, mut last) = (0_u64, 0_u64, 0);
    while begin.elapsed() < time {
        for _ in 0..choices.below(3000) {
            let number = whole(lock.read()).expect("a whole value");
            assert!(number >= last, "{number} after {last}");
            last = number;
            reads += 1;
        }
        let victim = choices.below(3) as usize;
        if choices.below(4) == 0 {
            children[victim].signal(libc::SIGSTOP);
            let _ = whole(lock.read()).expect("a whole value");
            children[victim].signal(libc::SIGCONT);
            continue;
        }
        children[victim].kill();
        assert_eq!(children[victim].wait(), End::Killed(libc::SIGKILL));
        kills += 1;
        children[victim] = Child::fork(|| work(said[victim]));
    }
    // Each of them goes on.
    let before = said.map(|said| said.load(Ordering::Relaxed));
    let begin = limit();
    for (said, before) in said.iter().zip(before) {
        while said.load(Ordering::Relaxed) == before {
            assert!(!begin.has_passed(), "a writer does not go on");
            std::thread::yield_now();
        }
    }
    for mut child in children {
        child.kill();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
        kills += 1;
    }
    let told: u64 = said.iter().map(|said| said.load(Ordering::Relaxed)).sum();
    let value = whole(lock.read()).expect("a whole value");
    // A dead one may have published what it did not say.
    assert!((told..=told + kills).contains(&value), "{value} of {told}");
    println!("{value} values, {kills} kills, {reads} reads");
}
