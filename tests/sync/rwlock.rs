//! `sync::RwLock`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::mem::forget;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::{Member, Region};
use rawipc::memory::{Mapping, Shared};
use rawipc::sync::{
    LockError, PreferReaders, PreferWriters, Preference, RECHECK, RwLock, RwLockReadGuard,
    RwLockWriteGuard,
};
use rawipc::{Deadline, Errno};
use support::filter::refuse;
use support::hinder::{move_sleepers, no_futex_at_all, wait_for_lock_at};
use support::{Child, Choices, End, LIMIT, LeakCheck, limit};

/// Two numbers that are equal whenever nobody writes, and no writer has died.
type Pair = [u64; 2];
type Reading<'a, T> = RwLockReadGuard<'a, T, Member>;
type Writing<'a, T> = RwLockWriteGuard<'a, T, Member>;

/// Where the slots begin in a lock on few bytes, and how far they are apart.
const LINE: usize = 64;

fn region() -> Region {
    Region::create(0).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(5))
}

/// A lock, and a word to meet by.
fn meeting<P: Preference>(memory: &Mapping) -> (&RwLock<u64, P>, &AtomicU32) {
    (memory.object(0).unwrap(), memory.object(3072).unwrap())
}

/// A lock that is held although a writer died.
fn inherited<G: core::fmt::Debug>(locked: Result<G, LockError<G>>) -> G {
    match locked {
        Err(LockError::OwnerDied(guard)) => guard,
        other => panic!("{other:?}"),
    }
}

fn await_word(word: &AtomicU32) {
    let begin = limit();
    while word.load(Ordering::Acquire) == 0 {
        assert!(!begin.has_passed());
        std::thread::yield_now();
    }
    word.store(0, Ordering::Relaxed);
}

/// A child that reads, or writes 1, says so, and stays.
fn holder<P: Preference>(region: &Region, memory: &Mapping, writes: bool) -> Child {
    let (lock, word) = meeting::<P>(memory);
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        let _reading = (!writes).then(|| lock.read(&me).unwrap());
        let mut writing = writes.then(|| lock.write(&me).unwrap());
        if let Some(writing) = &mut writing {
            writing.set(&1);
        }
        word.store(1, Ordering::Release);
        support::alone::sleep_for_ever()
    });
    await_word(word);
    child
}

fn end(mut child: Child) {
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

fn shared_by_readers<P: Preference>() {
    let (region, lock) = (region(), RwLock::<u32, P>::new(7));
    let [one, two, three] = [(); 3].map(|()| region.join().unwrap());
    let reading = (lock.read(&one).unwrap(), lock.try_read(&two).unwrap());
    assert_eq!((reading.0.get(), reading.1.get()), (7, 7));
    assert!(reading.0.is_consistent());
    assert!(matches!(lock.try_write(&three), Err(LockError::WouldBlock)));
    let late = soon();
    let refused = lock.write_until(&three, late).map(drop);
    assert!(matches!(refused, Err(LockError::TimedOut)), "{refused:?}");
    assert!(late.has_passed());
    // Who gave up keeps nobody out.
    drop(reading.0);
    drop(lock.try_read(&one).unwrap());
    assert!(format!("{lock:?} {:?}", reading.1).contains("readers: 1"));
    drop(reading.1);

    let mut writing = lock.write_until(&three, Deadline::NOW).unwrap();
    writing.set(&8);
    assert_eq!(writing.update(|value| core::mem::replace(value, 9)), 8);
    assert_eq!(writing.get(), 9);
    assert!(writing.is_consistent());
    assert!(matches!(lock.try_read(&one), Err(LockError::WouldBlock)));
    let refused = lock.read_until(&one, soon()).map(drop);
    assert!(matches!(refused, Err(LockError::TimedOut)), "{refused:?}");
    let refused = lock.try_write(&one).map(drop);
    assert!(matches!(refused, Err(LockError::WouldBlock)), "{refused:?}");
    assert!(format!("{writing:?}").contains("is_consistent: true"));
    drop(writing);
    assert_eq!(lock.read_until(&one, Deadline::NOW).unwrap().get(), 9);
    drop(lock.try_write(&two).unwrap());
}

#[test]
fn lock_is_shared_by_readers_and_held_by_one_writer_alone() {
    let _check = LeakCheck::begin();
    shared_by_readers::<PreferWriters>();
    shared_by_readers::<PreferReaders>();
    assert_eq!(size_of::<RwLock<u64>>(), LINE + 32 * LINE);
    assert_eq!(size_of::<RwLock<u64, PreferReaders, 4>>(), LINE + 4 * LINE);
}

/// References, where the peers are trusted: here there are none.
#[test]
fn value_is_borrowed_where_it_lies() {
    let _check = LeakCheck::begin();
    let (region, lock) = (region(), RwLock::<[u64; 64]>::new([0; 64]));
    let me = region.join().unwrap();
    let mut writing = lock.write(&me).unwrap();
    // SAFETY: nobody else has this lock.
    let value = unsafe { writing.get_mut() };
    value[63] = 5;
    drop(writing);
    let reading = lock.read(&me).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { reading.get_ref() }[63], 5);
}

#[test]
fn change_that_panics_changes_nothing() {
    let _check = LeakCheck::begin();
    let (region, lock) = (region(), RwLock::<u32>::new(1));
    let me = region.join().unwrap();
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        lock.write(&me).unwrap().update(|value| {
            *value = 2;
            std::panic::resume_unwind(Box::new(()));
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(lock.read(&me).unwrap().get(), 1);
}

fn deadlocks<P: Preference>() {
    let (region, lock) = (region(), RwLock::<u32, P>::new(0));
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let all_told = || {
        for deadline in [Deadline::NOW, Deadline::Never] {
            let again = lock.read_until(&me, deadline).map(drop);
            assert!(matches!(again, Err(LockError::Deadlock)), "{again:?}");
            let again = lock.write_until(&me, deadline).map(drop);
            assert!(matches!(again, Err(LockError::Deadlock)), "{again:?}");
        }
        assert!(matches!(lock.try_read(&me), Err(LockError::Deadlock)));
        assert!(matches!(lock.try_write(&me), Err(LockError::Deadlock)));
    };
    let reading = lock.read(&me).unwrap();
    all_told();
    drop(lock.read(&other).unwrap());
    drop(reading);
    let writing = lock.write(&me).unwrap();
    all_told();
    drop(writing);
    drop(lock.write(&other).unwrap());
}

#[test]
fn second_lock_of_one_member_is_a_deadlock_that_is_told() {
    let _check = LeakCheck::begin();
    deadlocks::<PreferWriters>();
    deadlocks::<PreferReaders>();
}

/// Whether a further reader is let in while a writer waits for the first one.
fn lets_in_beside_a_writer<P: Preference>() -> bool {
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<P>(&memory);
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let reading = lock.read(&one).unwrap();
    let mut writer = Child::fork(|| {
        let me = region.join().unwrap();
        i32::from(lock.write_until(&me, limit()).is_err())
    });
    writer.await_sleep();
    let lets_in = lock.try_read(&two).is_ok();
    drop(reading);
    assert_eq!(writer.wait(), End::Exited(0));
    drop(lock.try_read(&two).unwrap());
    lets_in
}

#[test]
fn reader_beside_a_writer_that_waits_is_let_in_as_is_preferred() {
    let _check = LeakCheck::begin();
    assert!(!lets_in_beside_a_writer::<PreferWriters>());
    assert!(lets_in_beside_a_writer::<PreferReaders>());
}

fn dead_reader<P: Preference>() {
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<P>(&memory);
    let me = region.join().unwrap();
    // Dead before the writer comes: at once, and nobody is told of anything.
    end(holder::<P>(&region, &memory, false));
    drop(lock.try_write(&me).unwrap());
    // A writer sleeps already.
    let reader = holder::<P>(&region, &memory, false);
    assert!(matches!(lock.try_write(&me), Err(LockError::WouldBlock)));
    let mut writer = Child::fork(|| {
        let me = region.join().unwrap();
        i32::from(lock.write_until(&me, limit()).is_err())
    });
    writer.await_sleep();
    let began = Instant::now();
    end(reader);
    assert_eq!(writer.wait(), End::Exited(0));
    println!(
        "let in {:.0?} after the kill, of {RECHECK:?}",
        began.elapsed()
    );
    // One whose guard was forgotten has left.
    let gone = region.join().unwrap();
    forget(lock.read(&gone).unwrap());
    assert!(matches!(lock.try_write(&me), Err(LockError::WouldBlock)));
    drop(gone);
    drop(lock.try_write(&me).unwrap());
}

#[test]
fn dead_reader_keeps_no_writer_out() {
    let _check = LeakCheck::begin();
    dead_reader::<PreferWriters>();
    dead_reader::<PreferReaders>();
}

/// The place of a dead reader is taken by another member, which reads where that one did.
#[test]
fn successor_of_a_dead_reader_reads_in_its_place() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<PreferWriters>(&memory);
    let me = region.join().unwrap();
    end(holder::<PreferWriters>(&region, &memory, false));
    let heir = region.join().unwrap();
    let reading = lock.read(&heir).unwrap();
    assert!(matches!(lock.try_write(&me), Err(LockError::WouldBlock)));
    drop(reading);
    drop(lock.try_write(&me).unwrap());
}

#[test]
fn stopped_holders_are_waited_for_and_not_robbed() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<PreferWriters>(&memory);
    let me = region.join().unwrap();
    for writes in [false, true] {
        let child = holder::<PreferWriters>(&region, &memory, writes);
        child.signal(libc::SIGSTOP);
        let late = lock
            .write_until(&me, Deadline::after(2 * RECHECK))
            .map(drop);
        assert!(matches!(late, Err(LockError::TimedOut)), "{late:?}");
        if writes {
            let late = lock.read_until(&me, Deadline::after(2 * RECHECK)).map(drop);
            assert!(matches!(late, Err(LockError::TimedOut)), "{late:?}");
        }
        end(child);
        match writes {
            false => drop(lock.write(&me).unwrap()),
            true => assert_eq!(inherited(lock.write(&me)).get(), 1),
        }
    }
}

fn dead_writer<P: Preference>() {
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<P>(&memory);
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let writer = holder::<P>(&region, &memory, true);
    assert!(matches!(lock.try_read(&one), Err(LockError::WouldBlock)));
    let mut asleep = Child::fork(|| {
        let me = region.join().unwrap();
        match lock.read_until(&me, limit()) {
            Err(LockError::OwnerDied(_)) => 0,
            _ => 1,
        }
    });
    asleep.await_sleep();
    end(writer);
    assert_eq!(asleep.wait(), End::Exited(0));
    let reading = (inherited(lock.read(&one)), inherited(lock.try_read(&two)));
    assert!(!reading.0.is_consistent());
    assert_eq!(reading.0.get(), 1);
    drop(reading);
    for me in [&one, &two] {
        assert!(!inherited(lock.try_write(me)).is_consistent());
    }
    let mut writing = inherited(lock.write(&one));
    writing.make_consistent();
    assert!(writing.is_consistent());
    drop(writing);
    drop((lock.read(&one).unwrap(), lock.read(&two).unwrap()));
    // Who reads first frees it, and who writes is told then.
    forget(lock.write(&two).unwrap());
    drop(two);
    drop(inherited(lock.try_read(&one)));
    drop(inherited(lock.try_write(&one)));
}

#[test]
fn death_of_a_writer_is_told_to_all_until_one_has_repaired_it() {
    let _check = LeakCheck::begin();
    dead_writer::<PreferWriters>();
    dead_writer::<PreferReaders>();
}

/// It waits for a reader, and is killed there: the others go on, and where readers waited for it are
/// told.
fn dead_waiting_writer<P: Preference>() -> bool {
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<P>(&memory);
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let reading = lock.read(&one).unwrap();
    let writer = Child::fork(|| {
        let me = region.join().unwrap();
        i32::from(lock.write(&me).is_err())
    });
    writer.await_sleep();
    end(writer);
    let told = match lock.read(&two) {
        Ok(_) => false,
        Err(LockError::OwnerDied(_)) => true,
        Err(error) => panic!("{error:?}"),
    };
    drop(reading);
    assert_eq!(lock.write(&two).map(drop).is_err(), told);
    told
}

#[test]
fn writer_killed_as_it_waits_for_readers_keeps_nobody_out() {
    let _check = LeakCheck::begin();
    assert!(dead_waiting_writer::<PreferWriters>());
    assert!(!dead_waiting_writer::<PreferReaders>());
}

#[test]
fn lost_lock_is_refused_to_all_for_ever() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<PreferWriters>(&memory);
    let me = region.join().unwrap();
    let writing = lock.write(&me).unwrap();
    let mut sleepers = [true, false].map(|writes| {
        let sleeper = Child::fork(|| {
            let me = region.join().unwrap();
            let refused = match writes {
                true => matches!(lock.write(&me), Err(LockError::NotRecoverable)),
                false => matches!(lock.read(&me), Err(LockError::NotRecoverable)),
            };
            i32::from(!refused)
        });
        sleeper.await_sleep();
        sleeper
    });
    writing.make_unrecoverable();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
    assert!(matches!(lock.try_read(&me), Err(LockError::NotRecoverable)));
    let refused = lock.try_write(&me).map(drop);
    assert!(matches!(refused, Err(LockError::NotRecoverable)));
}

#[test]
fn inherited_member_and_guards_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<PreferWriters>(&memory);
    let me = region.join().unwrap();
    let elsewhere = shared_memory();
    let other: &RwLock<u8> = elsewhere.object(0).unwrap();
    let guards: (Reading<'_, u64>, Writing<'_, u8>) =
        (lock.read(&me).unwrap(), other.write(&me).unwrap());
    let mut child = Child::fork(|| {
        // SAFETY: copies of what this process has none of.
        let (one, mut two) = unsafe { core::ptr::read(&raw const guards) };
        drop(one);
        two.set(&7);
        two.update(|value| *value = 8);
        two.make_unrecoverable();
        let refused = matches!(lock.try_read(&me), Err(LockError::Forked))
            && matches!(lock.try_write(&me), Err(LockError::Forked));
        let own = region.join().unwrap();
        let held = matches!(lock.try_write(&own), Err(LockError::WouldBlock));
        i32::from(!(refused && held))
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(guards.1.get(), 0);
    drop(guards);
    drop((lock.write(&me).unwrap(), other.write(&me).unwrap()));
}

/// More than there are lines for: they read one at a time, beside those who have one.
#[test]
fn members_without_a_line_read_one_at_a_time() {
    let _check = LeakCheck::begin();
    let (region, lock) = (region(), RwLock::<u32, PreferWriters, 2>::new(3));
    let members = [(); 5].map(|()| region.join().unwrap());
    let (first, last) = (&members[0], &members[4]);
    let reading = (lock.read(first).unwrap(), lock.read(last).unwrap());
    assert_eq!((reading.0.get(), reading.1.get()), (3, 3));
    let refused = lock.try_read(&members[3]).map(drop);
    assert!(matches!(refused, Err(LockError::WouldBlock)));
    assert!(matches!(lock.try_read(last), Err(LockError::Deadlock)));
    drop(reading);
    for member in &members {
        lock.write(member).unwrap().update(|value| *value += 1);
        assert!(lock.read(member).unwrap().get() > 3);
    }
}

/// Processes read and add, with sleepers and without.
fn exclusion<P: Preference>() {
    const EACH: u64 = 10_000;
    let (memory, region) = (shared_memory(), region());
    let lock = memory.object::<RwLock<Pair, P>>(0).unwrap();
    let region = &region;
    let mut children = [0, 1, 2].map(|number| {
        Child::fork(move || {
            let me = region.join().unwrap();
            for turn in 0..EACH {
                if (number + turn) % 3 == 0 {
                    let mut writing = match turn % 2 {
                        0 => lock.write(&me),
                        _ => lock.write_until(&me, limit()),
                    }
                    .unwrap();
                    let [one, two] = writing.get();
                    writing.set(&[one + 1, two]);
                    writing.set(&[one + 1, two + 1]);
                } else {
                    let reading = match turn % 2 {
                        0 => lock.read(&me),
                        _ => lock.read_until(&me, limit()),
                    }
                    .unwrap();
                    let [one, two] = reading.get();
                    if one != two {
                        return 1;
                    }
                }
            }
            0
        })
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    let me = region.join().unwrap();
    assert_eq!(lock.read(&me).unwrap().get(), [EACH; 2]);
}

#[test]
fn writers_exclude_readers_and_each_other() {
    let _check = LeakCheck::begin();
    exclusion::<PreferWriters>();
    exclusion::<PreferReaders>();
}

/// The lock at the start of the memory, whose words are written elsewise, too.
fn raw<P: Preference>(memory: &Mapping) -> &RwLock<u64, P> {
    // SAFETY: mapped as long as it is used, aligned as a page is; any bytes are a lock.
    unsafe { &*memory.as_ptr().cast() }
}

/// Every value that memory can hold is harmless: such a lock is free, or held by one who is dead, or
/// by nobody for ever.
#[test]
fn any_words_are_a_lock() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let [word, used, first, second] =
        [0, 8, LINE, 2 * LINE].map(|at| memory.object::<AtomicU32>(at).unwrap());
    let lock = raw::<PreferWriters>(&memory);
    let me = region.join().unwrap();
    for number in [0, 5, 1 << 22, (1 << 30) - 2, (1 << 30) - 1, u32::MAX] {
        for slots in [0, 1, 2, 32, 33, u32::MAX] {
            word.store(number, Ordering::Relaxed);
            used.store(slots, Ordering::Relaxed);
            first.store(number, Ordering::Relaxed);
            second.store(number ^ 1 << 31, Ordering::Relaxed);
            let refused = number & ((1 << 30) - 1) == (1 << 30) - 1;
            match lock.read_until(&me, limit()) {
                Ok(_) | Err(LockError::OwnerDied(_)) => assert!(!refused),
                Err(LockError::NotRecoverable) => assert!(refused),
                other => panic!("{number:#x}: {other:?}"),
            }
            match lock.write_until(&me, limit()) {
                Ok(_) | Err(LockError::OwnerDied(_)) => assert!(!refused),
                Err(LockError::NotRecoverable) => assert!(refused),
                other => panic!("{number:#x}: {other:?}"),
            }
        }
    }
}

/// A peer that changes the words all the time keeps nobody beyond a deadline.
fn scribbled<P: Preference>() {
    let (memory, region) = (shared_memory(), region());
    let lock = raw::<P>(&memory);
    let words: [&AtomicU32; 6] =
        [0, 4, 8, LINE, LINE + 4, 2 * LINE].map(|at| memory.object::<AtomicU32>(at).unwrap());
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let number = other.number();
    let (mut taken, mut late) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut choices = Choices::new(8);
            while !done.load(Ordering::Relaxed) {
                let bits = (choices.below(4) as u32) << 30;
                let owner = if choices.below(4) > 0 { number } else { 0 };
                words[choices.below(6) as usize].store(bits | owner, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for turn in 0..400 {
            let moment = Deadline::after(Duration::from_micros(200));
            let result = match turn % 4 {
                0 => lock.try_read(&me).map(drop).map_err(Errno::from),
                1 => lock.read_until(&me, moment).map(drop).map_err(Errno::from),
                2 => lock.try_write(&me).map(drop).map_err(Errno::from),
                _ => lock.write_until(&me, moment).map(drop).map_err(Errno::from),
            };
            match result {
                Ok(()) | Err(Errno::OWNERDEAD) => taken += 1,
                Err(Errno::AGAIN | Errno::TIMEDOUT) => late += 1,
                Err(errno) => panic!("{errno:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("taken {taken}, refused or too late {late}");
}

#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    scribbled::<PreferWriters>();
    scribbled::<PreferReaders>();
}

/// No wake arrives: a stranger is at the word, or the sleeper was moved elsewhere. A reader sleeps at
/// the lock, a writer at the reader's slot.
#[test]
fn sleepers_whose_wake_does_not_arrive_look_again() {
    let _check = LeakCheck::begin();
    for (writes, moved) in [(false, false), (false, true), (true, false), (true, true)] {
        let (memory, region) = (shared_memory(), region());
        let lock = raw::<PreferWriters>(&memory);
        let word: &AtomicU32 = memory.object(if writes { LINE + 4 } else { 4 }).unwrap();
        let elsewhere: &AtomicU32 = memory.object(3072).unwrap();
        let me = region.join().unwrap();
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let reading = writes.then(|| lock.read(&me).unwrap());
        let writing = (!writes).then(|| lock.write(&me).unwrap());
        let mut sleeper = Child::fork(|| {
            let me = region.join().unwrap();
            match writes {
                true => i32::from(lock.write_until(&me, limit()).is_err()),
                false => i32::from(lock.read_until(&me, limit()).is_err()),
            }
        });
        sleeper.await_sleep();
        if moved {
            move_sleepers(word, elsewhere);
        }
        drop((reading, writing));
        assert_eq!(sleeper.wait(), End::Exited(0));
        if let Some(stranger) = &mut stranger {
            stranger.kill();
            stranger.wait();
        }
    }
}

/// Where the kernel lets nobody sleep it is told, and who need not wait does not notice.
#[test]
fn refused_sleep_is_an_error() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (lock, _) = meeting::<PreferWriters>(&memory);
    let (me, other) = (region.join().unwrap(), RwLock::<u8>::new(0));
    let guards = (lock.write(&me).unwrap(), other.read(&me).unwrap());
    let mut child = Child::fork(|| {
        let me = region.join().unwrap();
        let free = RwLock::<u8>::new(0);
        if !refuse(&[no_futex_at_all(libc::EPERM)]) {
            return 0;
        }
        let refused = matches!(lock.read(&me), Err(LockError::Kernel(Errno::PERM)))
            && matches!(lock.write(&me), Err(LockError::Kernel(Errno::PERM)))
            && matches!(other.write(&me), Err(LockError::Kernel(Errno::PERM)));
        i32::from(!refused || free.read(&me).is_err() || free.write(&me).is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(guards);
}

/// What `stress` counted.
#[repr(C)]
struct Counted {
    reads: AtomicU64,
    writes: AtomicU64,
    recoveries: AtomicU64,
    wrong: AtomicU64,
    /// Of each worker, over all its lives.
    progress: [AtomicU64; WORKERS],
}

// SAFETY: every field is Shared.
unsafe impl Shared for Counted {}

const WORKERS: usize = 5;

/// Reads, and changes two numbers that are equal outside, one after the other, for ever.
fn work<P: Preference>(
    region: &Region,
    lock: &RwLock<Pair, P, 4>,
    counted: &Counted,
    worker: usize,
) -> i32 {
    let me = region.join().unwrap();
    let mut choices = Choices::new(u64::from(std::process::id()) << 8 | worker as u64);
    let wrong = |wrong: bool| counted.wrong.fetch_add(u64::from(wrong), Ordering::Relaxed);
    loop {
        let late = Deadline::after(Duration::from_micros(300));
        if choices.below(4) > 0 {
            let locked = match choices.below(4) {
                0 => lock.try_read(&me),
                1 => lock.read_until(&me, late),
                _ => lock.read(&me),
            };
            match locked {
                Ok(reading) => {
                    let [one, two] = reading.get();
                    wrong(one != two || reading.get() != [one, two]);
                }
                Err(LockError::OwnerDied(reading)) => {
                    let [one, two] = reading.get();
                    wrong(one != two && one != two + 1 || reading.get() != [one, two]);
                }
                Err(LockError::WouldBlock | LockError::TimedOut) => continue,
                Err(_) => return 1,
            }
            counted.reads.fetch_add(1, Ordering::Relaxed);
            counted.progress[worker].fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let locked = match choices.below(4) {
            0 => lock.try_write(&me),
            1 => lock.write_until(&me, late),
            _ => lock.write(&me),
        };
        let mut writing = match locked {
            Ok(writing) => {
                let [one, two] = writing.get();
                wrong(one != two);
                writing
            }
            Err(LockError::OwnerDied(mut writing)) => {
                let [one, two] = writing.get();
                wrong(one != two && one != two + 1);
                writing.set(&[one, one]);
                writing.make_consistent();
                counted.recoveries.fetch_add(1, Ordering::Relaxed);
                writing
            }
            Err(LockError::WouldBlock | LockError::TimedOut) => continue,
            Err(_) => return 1,
        };
        let [one, two] = writing.get();
        writing.set(&[one + 1, two]);
        if choices.below(64) == 0 {
            std::thread::yield_now();
        }
        writing.set(&[one + 1, two + 1]);
        drop(writing);
        counted.writes.fetch_add(1, Ordering::Relaxed);
        counted.progress[worker].fetch_add(1, Ordering::Relaxed);
    }
}

/// Workers are killed and stopped at random, and others come in their place; one of them has no line.
fn stress<P: Preference>(duration: Duration) {
    let (memory, region) = (shared_memory(), region());
    let lock = memory.object::<RwLock<Pair, P, 4>>(0).unwrap();
    let counted = memory.object::<Counted>(1024).unwrap();
    let begin = |worker| Child::fork(|| work(&region, lock, counted, worker));
    let mut workers: [Child; WORKERS] = core::array::from_fn(begin);
    let mut choices = Choices::new(12);
    let (end, mut kills, mut stops) = (Instant::now() + duration, 0, 0);
    let mut stopped = None;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_micros(choices.below(2000)));
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
            workers[victim].kill();
            assert_eq!(workers[victim].wait(), End::Killed(libc::SIGKILL));
            workers[victim] = begin(victim);
            kills += 1;
        }
    }
    if let Some(worker) = stopped {
        workers[worker].signal(libc::SIGCONT);
    }
    // Left alone, each of them moves on.
    let (limit, began) = (Deadline::after(LIMIT), Instant::now());
    for progress in &counted.progress {
        let before = progress.load(Ordering::Relaxed);
        while progress.load(Ordering::Relaxed) < before + 2 {
            assert!(!limit.has_passed(), "a worker stands still");
            std::thread::yield_now();
        }
    }
    let moved = began.elapsed();
    for worker in &mut workers {
        worker.kill();
        assert_eq!(worker.wait(), End::Killed(libc::SIGKILL));
    }
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (reads, writes) = (load(&counted.reads), load(&counted.writes));
    println!(
        "{reads} reads, {writes} writes, {kills} kills, {stops} stops, {} recoveries; every worker \
         moved within {moved:.0?}",
        load(&counted.recoveries)
    );
    assert_eq!(load(&counted.wrong), 0, "the two numbers differed");
    let me = region.join().unwrap();
    let (writing, died) = match lock.write(&me) {
        Ok(writing) => (writing, false),
        Err(error) => (error.into_guard().unwrap(), true),
    };
    let [one, two] = writing.get();
    assert!(one == two || died && one == two + 1);
    // One more for each that died between its change and its count.
    assert!(one >= writes && one <= writes + kills + WORKERS as u64);
}

#[test]
fn random_deaths_and_stops_harm_nobody() {
    let _check = LeakCheck::begin();
    stress::<PreferWriters>(Duration::from_millis(300));
    stress::<PreferReaders>(Duration::from_millis(300));
}

#[test]
#[ignore = "a minute"]
fn random_deaths_and_stops_harm_nobody_for_long() {
    let _check = LeakCheck::begin();
    stress::<PreferWriters>(Duration::from_secs(30));
    stress::<PreferReaders>(Duration::from_secs(30));
}
