//! `sync::Mutex`, between processes and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::{shared_memory, support};

use core::mem::forget;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping, Shared, memfd};
use rawipc::sync::{LockError, Mutex, MutexGuard, RECHECK};
use rawipc::sysv::memory::{AttachFlags, SegmentFlags};
use rawipc::{Deadline, Errno, posix, sysv};
use support::filter::{Refusal, refuse};
use support::hinder::{move_sleepers, no_futex, no_futex_at_all, wait_for_lock_at};
use support::system_v::Temporary;
use support::{Child, Choices, End, Folder, LIMIT, LeakCheck, limit};

/// What a child exits with on a machine without filters.
const NO_FILTERS: i32 = 77;

/// Two numbers that are equal whenever the lock is free and consistent.
type Pair = [u64; 2];
type Guard<'a, T> = MutexGuard<'a, T, Member>;

fn region() -> Region {
    Region::create(0).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(5))
}

/// A lock that is held although its holder died.
fn inherited<'a, T>(locked: Result<Guard<'a, T>, LockError<Guard<'a, T>>>) -> Guard<'a, T> {
    match locked {
        Err(LockError::OwnerDied(guard)) => guard,
        other => panic!("{other:?}"),
    }
}

/// A child that locks, says so by the value 1, and stays.
fn holder(region: &Region, mutex: &Mutex<u64>, word: &AtomicU32) -> Child {
    let child = Child::fork(|| {
        let me = region.join().unwrap();
        let mut guard = mutex.lock(&me).unwrap();
        guard.set(&1);
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

/// A mutex, and a word to meet by.
fn meeting(memory: &Mapping) -> (&Mutex<u64>, &AtomicU32) {
    (memory.object(64).unwrap(), memory.object(0).unwrap())
}

#[test]
fn locked_mutex_refuses_others_until_its_guard_is_dropped() {
    let _check = LeakCheck::begin();
    let (region, mutex) = (region(), Mutex::new(7_u32));
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let mut guard = mutex.lock(&one).unwrap();
    assert!(guard.is_consistent());
    guard.set(&8);
    assert_eq!(guard.update(|value| core::mem::replace(value, 9)), 8);
    assert_eq!(guard.get(), 9);
    assert!(matches!(mutex.try_lock(&two), Err(LockError::WouldBlock)));
    let late = soon();
    assert!(matches!(
        mutex.lock_until(&two, late),
        Err(LockError::TimedOut)
    ));
    assert!(late.has_passed());
    assert!(format!("{mutex:?} {guard:?}").contains("is_consistent: true"));
    drop(guard);
    // It is taken however late it is.
    let guard = mutex.lock_until(&two, Deadline::NOW).unwrap();
    assert_eq!(guard.get(), 9);
    drop(guard);
    assert_eq!(mutex.try_lock(&one).unwrap().get(), 9);
    assert_eq!(size_of::<Mutex<u32>>(), 12);
}

/// References, where the peers are trusted: here there are none.
#[test]
fn value_is_borrowed_where_it_lies() {
    let _check = LeakCheck::begin();
    let (region, mutex) = (region(), Mutex::new([0_u64; 64]));
    let me = region.join().unwrap();
    let mut guard = mutex.lock(&me).unwrap();
    // SAFETY: nobody else has this mutex.
    let value = unsafe { guard.get_mut() };
    value[63] = 5;
    // SAFETY: as above.
    assert_eq!(unsafe { guard.get_ref() }[63], 5);
    assert_eq!(guard.get()[63], 5);
}

#[test]
fn change_that_panics_changes_nothing() {
    let _check = LeakCheck::begin();
    let (region, mutex) = (region(), Mutex::new(1_u32));
    let me = region.join().unwrap();
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        mutex.lock(&me).unwrap().update(|value| {
            *value = 2;
            std::panic::resume_unwind(Box::new(()));
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(mutex.lock(&me).unwrap().get(), 1);
}

#[test]
fn second_lock_of_one_member_is_a_deadlock_that_is_told() {
    let _check = LeakCheck::begin();
    let (region, mutex) = (region(), Mutex::new(0_u32));
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let guard = mutex.lock(&one).unwrap();
    for deadline in [Deadline::NOW, Deadline::Never] {
        let again = mutex.lock_until(&one, deadline);
        assert!(matches!(again, Err(LockError::Deadlock)), "{again:?}");
    }
    assert!(matches!(mutex.try_lock(&one), Err(LockError::Deadlock)));
    drop(guard);
    drop(mutex.lock(&two).unwrap());
}

/// Every kind of memory, at two addresses, and a child that dies in each.
#[test]
fn mutex_in_any_kind_of_memory_survives_a_death() {
    let _check = LeakCheck::begin();
    let region = region();
    let me = region.join().unwrap();
    let held = |one: &Mapping, two: &Mapping| {
        let (mutex, other) = (
            one.object::<Mutex<u64>>(128).unwrap(),
            two.object::<Mutex<u64>>(128).unwrap(),
        );
        let mut child = Child::fork(|| {
            let me = region.join().unwrap();
            let mut guard = other.lock(&me).unwrap();
            guard.set(&5);
            forget(guard);
            forget(me);
            0
        });
        assert_eq!(child.wait(), End::Exited(0));
        let mut guard = inherited(mutex.lock(&me));
        assert_eq!(guard.get(), 5);
        guard.make_consistent();
    };
    let options = MapOptions::shared(4096);
    let anonymous = options.map_anonymous().unwrap();
    held(&anonymous, &anonymous);
    let memfd = memfd::create("mutex", memfd::MemfdFlags::empty()).unwrap();
    memfd.set_size(4096).unwrap();
    held(&options.map(&memfd).unwrap(), &options.map(&memfd).unwrap());
    let own = Region::create(4096).unwrap();
    held(&own.map().unwrap(), &own.map().unwrap());
    let folder = Folder::new("mutex");
    let mut file = std::fs::File::options();
    file.read(true).write(true).create(true).truncate(true);
    let file = file.open(folder.at("file")).unwrap();
    file.set_len(4096).unwrap();
    held(&options.map(&file).unwrap(), &options.map(&file).unwrap());
    let name = format!("/rawipc-test-mutex-{}", std::process::id());
    let name = posix::Name::new(name).unwrap();
    let memory = posix::memory::CreateOptions::new().size(4096);
    let memory = memory.create(&name).unwrap();
    posix::memory::unlink(&name).unwrap();
    held(
        &options.map(&memory).unwrap(),
        &options.map(&memory).unwrap(),
    );
    let (key, none) = (sysv::Key::PRIVATE, SegmentFlags::empty());
    let segment = sysv::memory::create(key, 4096, none, sysv::Create::NEW).unwrap();
    let segment = Temporary(segment);
    let attach = || segment.attach(AttachFlags::empty()).unwrap();
    held(&attach(), &attach());
}

#[test]
fn death_is_told_to_every_next_holder_until_one_has_repaired_it() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (mutex, word) = meeting(&memory);
    let (one, two) = (region.join().unwrap(), region.join().unwrap());
    let mut child = holder(&region, mutex, word);
    assert!(matches!(mutex.try_lock(&one), Err(LockError::WouldBlock)));
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    for me in [&one, &two, &one] {
        let guard = inherited(mutex.try_lock(me));
        assert!(!guard.is_consistent());
        assert_eq!(guard.get(), 1);
    }
    let mut guard = inherited(mutex.lock(&one));
    guard.make_consistent();
    assert!(guard.is_consistent());
    drop(guard);
    drop(mutex.lock(&two).unwrap());
    // What has no guard any more is none's either.
    forget(mutex.lock(&two).unwrap());
    assert!(matches!(mutex.try_lock(&one), Err(LockError::WouldBlock)));
    drop(two);
    assert!(mutex.try_lock(&one).unwrap_err().into_guard().is_some());
}

/// It slept already when the holder died, and is told within the time that is promised, on a machine
/// that has any.
#[test]
fn sleeper_is_told_of_a_death_at_its_next_look() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (mutex, word) = meeting(&memory);
    let mut child = holder(&region, mutex, word);
    let mut sleeper = Child::fork(|| {
        let me = region.join().unwrap();
        match mutex.lock_until(&me, limit()) {
            Err(LockError::OwnerDied(_)) => 0,
            _ => 1,
        }
    });
    sleeper.await_sleep();
    let began = Instant::now();
    child.kill();
    assert_eq!(sleeper.wait(), End::Exited(0));
    println!(
        "told {:.0?} after the kill, of {RECHECK:?}",
        began.elapsed()
    );
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
}

#[test]
fn stopped_holder_is_waited_for_and_not_robbed() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (mutex, word) = meeting(&memory);
    let me = region.join().unwrap();
    let mut child = holder(&region, mutex, word);
    child.signal(libc::SIGSTOP);
    let later = Deadline::after(3 * RECHECK);
    assert!(matches!(
        mutex.lock_until(&me, later),
        Err(LockError::TimedOut)
    ));
    child.kill();
    assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
    assert_eq!(inherited(mutex.lock(&me)).get(), 1);
}

#[test]
fn lost_mutex_is_refused_to_all_for_ever() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (mutex, _) = meeting(&memory);
    let me = region.join().unwrap();
    let guard = mutex.lock(&me).unwrap();
    let mut sleepers = [(); 2].map(|()| {
        let sleeper = Child::fork(|| {
            let me = region.join().unwrap();
            match mutex.lock(&me) {
                Err(LockError::NotRecoverable) => 0,
                _ => 1,
            }
        });
        sleeper.await_sleep();
        sleeper
    });
    guard.make_unrecoverable();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.wait(), End::Exited(0));
    }
    for _ in 0..2 {
        let refused = mutex.try_lock(&me).map(drop);
        assert!(matches!(refused, Err(LockError::NotRecoverable)));
    }
}

#[test]
fn inherited_member_and_guard_used_in_child_touch_nothing() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (mutex, _) = meeting(&memory);
    let me = region.join().unwrap();
    let other = memory.object::<Mutex<u64>>(256).unwrap();
    let guards = (mutex.lock(&me).unwrap(), other.lock(&me).unwrap());
    let mut child = Child::fork(|| {
        // SAFETY: copies of what this process has none of.
        let (mut one, two) = unsafe { core::ptr::read(&raw const guards) };
        one.set(&7);
        one.update(|value| *value = 8);
        drop(one);
        two.make_unrecoverable();
        let refused = matches!(mutex.try_lock(&me), Err(LockError::Forked));
        let own = region.join().unwrap();
        let held = matches!(mutex.try_lock(&own), Err(LockError::WouldBlock));
        i32::from(!(refused && held))
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(guards.0.get(), 0);
    drop(guards);
    drop((mutex.lock(&me).unwrap(), other.lock(&me).unwrap()));
}

/// Processes add under the lock, with sleepers and without.
#[test]
fn processes_exclude_each_other() {
    const EACH: u64 = 20_000;
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let mutex = memory.object::<Mutex<Pair>>(0).unwrap();
    let region = &region;
    let mut children = [0, 1, 2].map(|number| {
        Child::fork(move || {
            let me = region.join().unwrap();
            for turn in 0..EACH {
                let locked = match (number + turn) % 3 {
                    0 => mutex.lock(&me),
                    1 => mutex.lock_until(&me, limit()),
                    _ => loop {
                        match mutex.try_lock(&me) {
                            Err(LockError::WouldBlock) => std::thread::yield_now(),
                            locked => break locked,
                        }
                    },
                };
                let mut guard = locked.unwrap();
                let [one, two] = guard.get();
                if one != two {
                    return 1;
                }
                guard.set(&[one + 1, two]);
                guard.set(&[one + 1, two + 1]);
            }
            0
        })
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    let me = region.join().unwrap();
    assert_eq!(mutex.lock(&me).unwrap().get(), [3 * EACH; 2]);
}

/// Every value that memory can hold is harmless: such a lock is free, or held by one who is dead,
/// or by nobody for ever.
#[test]
fn any_word_is_a_mutex() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let word: &AtomicU32 = memory.object(0).unwrap();
    let scribbler = MapOptions::shared(4096).map_anonymous().unwrap();
    drop(scribbler);
    // The same memory as another kind of thing.
    // SAFETY: mapped as long as it is used, aligned as a page is; any bytes are a mutex.
    let mutex: &Mutex<u64> = unsafe { &*memory.as_ptr().cast() };
    let me = region.join().unwrap();
    for bits in [0, 1 << 30, 1 << 31, 3 << 30] {
        for owner in [0, 5, 1 << 22, (1 << 30) - 2, (1 << 30) - 1] {
            word.store(bits | owner, Ordering::Relaxed);
            let locked = mutex.lock_until(&me, limit());
            match (locked, owner) {
                (Ok(_), 0) => assert_eq!(bits & 1 << 30, 0),
                (Err(LockError::OwnerDied(_)), 0) => assert_ne!(bits & 1 << 30, 0),
                (Err(LockError::NotRecoverable), owner) => assert_eq!(owner, (1 << 30) - 1),
                (Err(LockError::OwnerDied(_)), _) => {}
                other => panic!("{bits:#x} {owner}: {other:?}"),
            }
        }
    }
}

/// A peer that changes the word all the time keeps nobody beyond a deadline.
#[test]
fn scribbling_peer_keeps_nobody_beyond_a_deadline() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    // SAFETY: as in `any_word_is_a_mutex`.
    let mutex: &Mutex<u64> = unsafe { &*memory.as_ptr().cast() };
    let words = [0, 4].map(|at| memory.object::<AtomicU32>(at).unwrap());
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let (started, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let number = other.number();
    let mut ends = [0_u32; 4];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0_u32;
            while !done.load(Ordering::Relaxed) {
                count = count.wrapping_add(1);
                let bits = count << 30;
                let owner = if count % 8 < 7 { number } else { 0 };
                words[0].store(bits | owner, Ordering::Relaxed);
                words[1].store(count, Ordering::Relaxed);
                started.store(true, Ordering::Relaxed);
            }
        });
        while !started.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for turn in 0..300 {
            let locked = match turn % 2 {
                0 => mutex.try_lock(&me),
                _ => mutex.lock_until(&me, Deadline::after(Duration::from_micros(200))),
            };
            ends[match locked {
                Ok(_) => 0,
                Err(LockError::OwnerDied(_)) => 1,
                Err(LockError::WouldBlock) => 2,
                Err(LockError::TimedOut) => 3,
                Err(error) => panic!("{error:?}"),
            }] += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
    println!(
        "taken {}, of the dead {}, refused {}, too late {}",
        ends[0], ends[1], ends[2], ends[3]
    );
}

/// No wake arrives: a stranger is at the word, or the sleeper was moved elsewhere.
#[test]
fn sleeper_whose_wake_does_not_arrive_looks_again() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let elsewhere: &AtomicU32 = memory.object(128).unwrap();
    // SAFETY: as in `any_word_is_a_mutex`.
    let mutex: &Mutex<u64> = unsafe { &*memory.as_ptr().cast() };
    // That of the sleepers, behind the one that names the holder.
    let word: &AtomicU32 = memory.object(4).unwrap();
    let me = region.join().unwrap();
    for moved in [false, true] {
        let mut stranger = (!moved).then(|| wait_for_lock_at(word));
        let guard = mutex.lock(&me).unwrap();
        let mut sleeper = Child::fork(|| {
            let me = region.join().unwrap();
            i32::from(mutex.lock_until(&me, limit()).is_err())
        });
        sleeper.await_sleep();
        if moved {
            move_sleepers(word, elsewhere);
        }
        drop(guard);
        assert_eq!(sleeper.wait(), End::Exited(0));
        if let Some(stranger) = &mut stranger {
            stranger.kill();
            stranger.wait();
        }
    }
}

/// The kernel refuses barriers to one of those who share the mutex, or to both, from the beginning or once
/// they have joined: they exclude each other, and a wake that was missed is made up for.
#[test]
fn mutex_where_membarrier_is_refused_excludes_and_strands_nobody() {
    let _check = LeakCheck::begin();
    let refusal = [Refusal {
        number: libc::SYS_membarrier,
        mask: 0,
        ..no_futex(0, libc::EPERM)
    }];
    for (refused, joined) in [(1, false), (2, false), (1, true), (2, true)] {
        let (memory, region) = (shared_memory(), region());
        let mutex = memory.object::<Mutex<Pair>>(0).unwrap();
        let add = |refuses: bool| {
            if refuses && !joined && !refuse(&refusal) {
                return NO_FILTERS;
            }
            let me = region.join().unwrap();
            if refuses && joined && !refuse(&refusal) {
                return NO_FILTERS;
            }
            for _ in 0..3_000 {
                let Ok(mut guard) = mutex.lock_until(&me, limit()) else {
                    return 1;
                };
                let [one, two] = guard.get();
                guard.set(&[one + 1, two]);
                if one % 8 == 0 {
                    std::thread::yield_now();
                }
                guard.set(&[one + 1, two + 1]);
            }
            0
        };
        let mut children = [0, 1].map(|number| Child::fork(|| add(number < refused)));
        let ends = children.each_mut().map(Child::wait);
        if ends.contains(&End::Exited(NO_FILTERS)) {
            skipped!("no filters of system calls");
            return;
        }
        assert_eq!(ends, [End::Exited(0); 2]);
        let me = region.join().unwrap();
        assert_eq!(mutex.lock(&me).unwrap().get(), [6_000; 2]);
    }
}

/// Where the kernel lets nobody sleep it is told, and who need not wait does not notice.
#[test]
fn refused_sleep_is_an_error() {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let (mutex, _) = meeting(&memory);
    let me = region.join().unwrap();
    let guard = mutex.lock(&me).unwrap();
    let mut child = Child::fork(|| {
        let me = region.join().unwrap();
        let free = Mutex::new(0_u8);
        if !refuse(&[no_futex_at_all(libc::EPERM)]) {
            return 0;
        }
        let refused = matches!(mutex.lock(&me), Err(LockError::Kernel(Errno::PERM)));
        i32::from(!refused || free.lock(&me).is_err())
    });
    assert_eq!(child.wait(), End::Exited(0));
    drop(guard);
}

/// What `stress` counted.
#[repr(C)]
struct Counted {
    operations: AtomicU64,
    recoveries: AtomicU64,
    wrong: AtomicU64,
    /// Of each worker, over all its lives.
    progress: [AtomicU64; WORKERS],
}

// SAFETY: every field is Shared.
unsafe impl Shared for Counted {}

const WORKERS: usize = 5;

/// Locks and changes two numbers that are equal outside, one after the other, for ever.
fn work(region: &Region, mutex: &Mutex<Pair>, counted: &Counted, worker: usize) -> i32 {
    let me = region.join().unwrap();
    let mut choices = Choices::new(u64::from(std::process::id()) << 8 | worker as u64);
    loop {
        let locked = match choices.below(4) {
            0 => mutex.try_lock(&me),
            1 => mutex.lock_until(&me, Deadline::after(Duration::from_micros(300))),
            _ => mutex.lock(&me),
        };
        let mut guard = match locked {
            Ok(guard) => {
                let [one, two] = guard.get();
                counted
                    .wrong
                    .fetch_add(u64::from(one != two), Ordering::Relaxed);
                guard
            }
            Err(LockError::OwnerDied(mut guard)) => {
                let [one, two] = guard.get();
                let torn = one != two && one != two + 1;
                counted.wrong.fetch_add(u64::from(torn), Ordering::Relaxed);
                guard.set(&[one, one]);
                guard.make_consistent();
                counted.recoveries.fetch_add(1, Ordering::Relaxed);
                guard
            }
            Err(LockError::WouldBlock | LockError::TimedOut) => continue,
            Err(_) => return 1,
        };
        let [one, two] = guard.get();
        guard.set(&[one + 1, two]);
        if choices.below(64) == 0 {
            std::thread::yield_now();
        }
        guard.set(&[one + 1, two + 1]);
        drop(guard);
        counted.operations.fetch_add(1, Ordering::Relaxed);
        counted.progress[worker].fetch_add(1, Ordering::Relaxed);
    }
}

/// Workers are killed and stopped at random, and others come in their place.
fn stress(duration: Duration) {
    let _check = LeakCheck::begin();
    let (memory, region) = (shared_memory(), region());
    let mutex = memory.object::<Mutex<Pair>>(0).unwrap();
    let counted = memory.object::<Counted>(64).unwrap();
    let begin = |worker| Child::fork(|| work(&region, mutex, counted, worker));
    let mut workers: [Child; WORKERS] = core::array::from_fn(begin);
    let mut choices = Choices::new(11);
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
    let (operations, recoveries) = (load(&counted.operations), load(&counted.recoveries));
    println!(
        "{operations} operations, {kills} kills, {stops} stops, {recoveries} recoveries; \
         every worker moved within {moved:.0?}"
    );
    assert_eq!(load(&counted.wrong), 0, "the two numbers differed");
    let me = region.join().unwrap();
    let (mutex, died) = match mutex.lock(&me) {
        Ok(guard) => (guard, false),
        Err(error) => (error.into_guard().unwrap(), true),
    };
    let [one, two] = mutex.get();
    assert!(one == two || died && one == two + 1);
    // One more for each that died between its change and its count.
    assert!(one >= operations && one <= operations + kills + WORKERS as u64);
}

#[test]
fn random_deaths_and_stops_harm_nobody() {
    stress(Duration::from_millis(500));
}

#[test]
#[ignore = "a minute"]
fn random_deaths_and_stops_harm_nobody_for_long() {
    stress(Duration::from_secs(60));
}
