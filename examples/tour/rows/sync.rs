//! Words of shared memory, and what is made of them.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rawipc::members::Region;
use rawipc::memory::Shared;
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::{
    AutoResetEvent, Barrier, Condvar, HandOverSemaphore, Latch, LockError, ManualResetEvent, Mutex,
    MutexGuard, MutexHolder, OnceCell, RwLock, Semaphore, SeqLock, WaitGroup, WaitGroupError,
    robust, wait_any,
};
use rawipc::{AsFd, Errno};

use super::memory;
use crate::half::{Failure, Half, Outcome};

const TURNS: u32 = 5_000;
const UNITS: u64 = 200_000;
const LOCKINGS: u64 = 300_000;

/// The halves take turns at counting up a word: even, and it is the sender's turn.
/// Each sleeps until the other has counted.
pub(crate) fn futex(half: &mut Half) -> Outcome {
    let memory = memory::page(half)?;
    let word = memory.object::<AtomicU32>(0)?;
    let first = match half {
        Half::Sender(_) => 0,
        Half::Receiver(_) => 1,
    };
    for turn in 0..TURNS {
        let mine = 2 * turn + first;
        loop {
            let now = word.load(Ordering::Acquire);
            if now == mine {
                break;
            }
            match futex::wait(word, now, Scope::Shared) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        word.store(mine + 1, Ordering::Release);
        futex::wake(word, futex::ALL, Scope::Shared)?;
        half.events(1)?;
    }
    Ok(())
}

/// The sender posts units, one by one and many at once; the receiver takes as many.
pub(crate) fn semaphore(half: &mut Half) -> Outcome {
    const AT_ONCE: u32 = 100;
    let memory = memory::page(half)?;
    let room = memory.object::<Room>(0)?;
    match half {
        Half::Sender(sender) => {
            for _ in 0..UNITS / 2 {
                room.semaphore.post()?;
                sender.events(1)?;
            }
            for _ in 0..UNITS / 2 / u64::from(AT_ONCE) {
                room.semaphore.post_many(AT_ONCE)?;
                sender.events(AT_ONCE.into())?;
            }
        }
        Half::Receiver(receiver) => {
            for _ in 0..UNITS {
                room.semaphore.wait()?;
                receiver.events(1)?;
            }
            if room.semaphore.try_wait().is_ok() {
                return Err(Failure::of("a unit too many"));
            }
        }
    }
    Ok(())
}

/// The halves take turns, each with a unit for the other, which sleeps or comes just then; the sender
/// leaves some at the end.
pub(crate) fn hand_over(half: &mut Half) -> Outcome {
    const LEFT: u32 = 3;
    let memory = memory::page(half)?;
    let [there, back] = [
        memory.object::<HandOverSemaphore>(0)?,
        memory.object::<HandOverSemaphore>(64)?,
    ];
    match half {
        Half::Sender(sender) => {
            for _ in 0..TURNS {
                there.post()?;
                back.wait()?;
                sender.events(1)?;
            }
            there.post_many(LEFT)?;
        }
        Half::Receiver(receiver) => {
            for _ in 0..TURNS {
                there.wait()?;
                back.post()?;
                receiver.events(1)?;
            }
            for _ in 0..LEFT {
                there.wait()?;
            }
            if there.try_wait().is_ok() || back.try_wait().is_ok() {
                return Err(Failure::of("a unit too many"));
            }
        }
    }
    Ok(())
}

/// A semaphore of one unit guards a number that both halves count up in two steps.
pub(crate) fn lock(half: &mut Half) -> Outcome {
    let memory = memory::page(half)?;
    let room = memory.object::<Room>(0)?;
    match half {
        Half::Sender(sender) => {
            room.semaphore.post()?;
            sender.link.say(0)?;
        }
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
        }
    }
    for _ in 0..LOCKINGS {
        room.semaphore.wait()?;
        let number = room.guarded.load(Ordering::Relaxed);
        room.guarded.store(number + 1, Ordering::Relaxed);
        room.semaphore.post()?;
        half.events(1)?;
    }
    match half {
        Half::Sender(sender) => sender.link.say(0),
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
            match room.guarded.load(Ordering::Relaxed) {
                number if number == 2 * LOCKINGS => Ok(()),
                number => Err(Failure::of(&format!("counted to {number}"))),
            }
        }
    }
}

/// The halves take turns at counting up what a mutex guards: even, and it is the sender's turn. Each
/// waits until the other has counted.
pub(crate) fn condition(half: &mut Half) -> Outcome {
    let region = region(half)?;
    let (memory, me) = (region.map()?, region.join()?);
    let turns = memory.object::<Mutex<u32>>(0)?;
    let counted = memory.object::<Condvar>(64)?;
    let first = match half {
        Half::Sender(_) => 0,
        Half::Receiver(_) => 1,
    };
    for turn in 0..TURNS {
        let mine = 2 * turn + first;
        let guard = turns.lock(&me)?;
        counted
            .wait_while(guard, |turn| *turn != mine)?
            .set(&(mine + 1));
        counted.notify_one();
        half.events(1)?;
    }
    Ok(())
}

/// The halves take turns, each let go by the other's event; the sender says by one that stays when
/// all is over.
pub(crate) fn events(half: &mut Half) -> Outcome {
    let memory = memory::page(half)?;
    let [first, second] = [
        memory.object::<AutoResetEvent>(0)?,
        memory.object::<AutoResetEvent>(4)?,
    ];
    let over = memory.object::<ManualResetEvent>(8)?;
    match half {
        Half::Sender(sender) => {
            for _ in 0..TURNS {
                second.set();
                first.wait()?;
                sender.events(1)?;
            }
            over.set();
        }
        Half::Receiver(receiver) => {
            for _ in 0..TURNS {
                second.wait()?;
                first.set();
                receiver.events(1)?;
            }
            over.wait()?;
            if second.is_set() {
                return Err(Failure::of("a set too many"));
            }
        }
    }
    Ok(())
}

/// The halves meet again and again, and neither is ever a meeting ahead. The receiver leaves before the
/// last one, as one that dies does: the sender is told.
pub(crate) fn barrier(half: &mut Half) -> Outcome {
    let region = region(half)?;
    let (memory, me) = (region.map()?, region.join()?);
    let barrier = memory.object::<Barrier<2>>(0)?;
    let counted = memory.objects::<AtomicU32>(64, 2)?;
    let [mine, theirs] = match half {
        Half::Sender(_) => [0, 1],
        Half::Receiver(_) => [1, 0],
    };
    let mut seat = barrier.join(&me)?;
    for number in 1..=TURNS {
        counted[mine].store(number, Ordering::Relaxed);
        seat.wait()?;
        let other = counted[theirs].load(Ordering::Relaxed);
        if !(number..=number + 1).contains(&other) {
            return Err(Failure::of(&format!(
                "the other one was at {other} of {number}"
            )));
        }
        half.events(1)?;
    }
    match half {
        Half::Sender(sender) => {
            sender.link.hear()?;
            match seat.wait() {
                Err(Errno::OWNERDEAD) => Ok(()),
                passed => Err(Failure::of(&format!("met the dead: {passed:?}"))),
            }
        }
        Half::Receiver(receiver) => {
            core::mem::forget(seat);
            drop(me);
            receiver.link.say(0)
        }
    }
}

/// A region that the sender makes.
fn region(half: &Half) -> Outcome<Region> {
    match half {
        Half::Sender(sender) => {
            let region = Region::create(4096)?;
            sender.link.give(&[region.as_fd()])?;
            Ok(region)
        }
        Half::Receiver(receiver) => {
            let [region] = receiver.link.take()?;
            Ok(Region::open(region)?)
        }
    }
}

/// What locking two numbers comes to.
type Locked<'a, H> = Result<MutexGuard<'a, [u64; 2], H>, LockError<MutexGuard<'a, [u64; 2], H>>>;

/// A mutex guards two numbers, which both halves count up one after the other. Then the receiver `dies`
/// with it: the sender is told.
fn counted<'a, H: MutexHolder + 'a>(
    half: &mut Half,
    lock: impl Fn() -> Locked<'a, H>,
    dies: impl FnOnce() -> Outcome,
) -> Outcome {
    for _ in 0..LOCKINGS {
        let mut guard = lock()?;
        let [one, two] = guard.get();
        guard.set(&[one + 1, two]);
        guard.set(&[one + 1, two + 1]);
        drop(guard);
        half.events(1)?;
    }
    match half {
        Half::Sender(sender) => {
            sender.link.hear()?;
            match lock() {
                Err(LockError::OwnerDied(guard)) if guard.get() == [2 * LOCKINGS; 2] => Ok(()),
                locked => Err(Failure::of(&format!("counted, and found {locked:?}"))),
            }
        }
        Half::Receiver(receiver) => {
            // The sender may still be counting.
            while lock()?.get() != [2 * LOCKINGS; 2] {
                std::thread::yield_now();
            }
            dies()?;
            receiver.link.say(0)
        }
    }
}

/// By members: one of the receiver's forgets its guard and leaves, which counts as a death.
pub(crate) fn mutex(half: &mut Half) -> Outcome {
    let region = region(half)?;
    let (memory, me) = (region.map()?, region.join()?);
    let numbers = memory.object::<Mutex<[u64; 2]>>(0)?;
    let dies = || {
        let dying = region.join()?;
        core::mem::forget(numbers.lock(&dying)?);
        Ok(())
    };
    counted(half, || numbers.lock(&me), dies)
}

/// The calling thread, of whose locks the kernel knows.
fn thread() -> rawipc::Result<robust::Thread> {
    // SAFETY: libc has the list; only the two halves have the memory, which stays.
    unsafe { robust::Thread::with_libc() }
}

/// By threads, of which the kernel knows: one of the receiver's ends with the lock.
pub(crate) fn mutex_by_thread(half: &mut Half) -> Outcome {
    let (memory, me) = (region(half)?.map()?, thread()?);
    let numbers = memory.object::<robust::Mutex<[u64; 2]>>(0)?;
    let dies = || {
        std::thread::scope(|scope| {
            let ending = scope.spawn(|| {
                let me = thread()?;
                core::mem::forget(numbers.lock(&me)?);
                Ok::<_, Errno>(())
            });
            ending.join().expect("no panic")
        })?;
        Ok(())
    };
    counted(half, || numbers.lock(&me), dies)
}

/// With priority inheritance: one of the receiver's ends with the lock.
pub(crate) fn mutex_with_inheritance(half: &mut Half) -> Outcome {
    let (memory, me) = (region(half)?.map()?, thread()?);
    let numbers = memory.object::<robust::PiMutex<[u64; 2]>>(0)?;
    let dies = || {
        std::thread::scope(|scope| {
            let ending = scope.spawn(|| {
                let me = thread()?;
                core::mem::forget(numbers.lock(&me)?);
                Ok::<_, Errno>(())
            });
            ending.join().expect("no panic")
        })?;
        Ok(())
    };
    counted(half, || numbers.lock(&me), dies)
}

/// The sender changes two numbers, one after the other; the receiver never sees them differ. It reads
/// and forgets it at last, as one that dies does: the sender gets in all the same.
pub(crate) fn readers(half: &mut Half) -> Outcome {
    let region = region(half)?;
    let (memory, me) = (region.map()?, region.join()?);
    let numbers = memory.object::<RwLock<[u64; 2]>>(0)?;
    match half {
        Half::Sender(sender) => {
            for number in 1..=LOCKINGS {
                let mut guard = numbers.write(&me)?;
                guard.set(&[number, number - 1]);
                guard.set(&[number; 2]);
                drop(guard);
                sender.events(1)?;
            }
            sender.link.hear()?;
            drop(numbers.write(&me)?);
            Ok(())
        }
        Half::Receiver(receiver) => {
            for _ in 0..LOCKINGS {
                let [one, two] = numbers.read(&me)?.get();
                if one != two {
                    return Err(Failure::of(&format!("read {one} and {two}")));
                }
                receiver.events(1)?;
            }
            core::mem::forget(numbers.read(&me)?);
            drop(me);
            receiver.link.say(0)
        }
    }
}

/// Both halves want each of many values, which one of them makes: they have the same.
pub(crate) fn once(half: &mut Half) -> Outcome {
    let region = region(half)?;
    let (memory, me) = (region.map()?, region.join()?);
    let cells = memory.objects::<OnceCell<[u32; 3]>>(0, 200)?;
    for (number, cell) in (0..).zip(cells) {
        let mine = match half {
            Half::Sender(_) => 1,
            Half::Receiver(_) => 2,
        };
        let [maker, rest @ ..] = cell.get_or_init(&me, || [mine, number, !number])?;
        if !(maker == 1 || maker == 2) || rest != [number, !number] {
            return Err(Failure::of("another value"));
        }
        half.events(1)?;
    }
    Ok(())
}

/// The sender publishes numbers, several at a time; the receiver reads until the last ones are there,
/// and sees all of them change at once.
pub(crate) fn seqlock(half: &mut Half) -> Outcome {
    let region = region(half)?;
    let (memory, me) = (region.map()?, region.join()?);
    let numbers = memory.object::<SeqLock<[u64; 9]>>(0)?;
    match half {
        Half::Sender(sender) => {
            for number in 1..=LOCKINGS {
                numbers.write(&me)?.set(&[number; 9]);
                sender.events(1)?;
            }
            sender.link.hear()?;
            Ok(())
        }
        Half::Receiver(receiver) => {
            loop {
                let [first, rest @ ..] = numbers.read();
                if rest != [first; 8] {
                    return Err(Failure::of(&format!("read {first} and {rest:?}")));
                }
                if first == LOCKINGS {
                    break;
                }
                std::thread::yield_now();
            }
            receiver.events(LOCKINGS)?;
            receiver.link.say(0)
        }
    }
}

/// The halves meet at one latch after the other, each of which both count down: neither goes ahead.
pub(crate) fn latch(half: &mut Half) -> Outcome {
    const MEETINGS: usize = 1000;
    let memory = memory::page(half)?;
    let latches = memory.objects::<Latch>(0, MEETINGS)?;
    match half {
        Half::Sender(sender) => {
            for latch in latches {
                latch.add(2)?;
            }
            sender.link.say(0)?;
        }
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
        }
    }
    for (number, latch) in latches.iter().enumerate() {
        latch.count_down();
        latch.wait()?;
        if latches.get(number + 1).is_some_and(Latch::is_open) {
            return Err(Failure::of("a latch open that one has not counted down"));
        }
        half.events(1)?;
    }
    Ok(())
}

/// The sender posts units and sets an event in turn, and the receiver waits for whichever comes.
pub(crate) fn first(half: &mut Half) -> Outcome {
    let memory = memory::page(half)?;
    let units = memory.object::<Semaphore>(0)?;
    let stop = memory.object::<ManualResetEvent>(64)?;
    match half {
        Half::Sender(sender) => {
            for _ in 0..TURNS {
                units.post()?;
                sender.events(1)?;
            }
            sender.link.hear()?;
            stop.set();
        }
        Half::Receiver(receiver) => {
            for _ in 0..TURNS {
                if wait_any(&[stop, units])? != 1 {
                    return Err(Failure::of("let go by an event that is not set"));
                }
                receiver.events(1)?;
            }
            receiver.link.say(0)?;
            if wait_any(&[units, stop])? != 1 {
                return Err(Failure::of("a unit that nobody posted"));
            }
        }
    }
    Ok(())
}

/// The sender works in a group, time and again, and the receiver waits for it. At last the sender forgets
/// to leave, as one that dies does: the receiver is told.
pub(crate) fn group(half: &mut Half) -> Outcome {
    let region = region(half)?;
    let (memory, me) = (region.map()?, region.join()?);
    let group = memory.object::<WaitGroup>(0)?;
    match half {
        Half::Sender(sender) => {
            for _ in 0..TURNS {
                drop(group.enter(&me)?);
                sender.events(1)?;
            }
            core::mem::forget(group.enter(&me)?);
            sender.link.say(0)?;
            sender.link.hear()?;
            drop(me);
            sender.link.say(0)
        }
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
            if group.try_wait(&me) != Err(WaitGroupError::WouldBlock) {
                return Err(Failure::of("nobody in the group"));
            }
            receiver.events(TURNS.into())?;
            receiver.link.say(0)?;
            receiver.link.hear()?;
            match group.wait(&me) {
                Err(WaitGroupError::Died(1)) => Ok(()),
                waited => Err(Failure::of(&format!("waited: {waited:?}"))),
            }
        }
    }
}

#[repr(C)]
struct Room {
    semaphore: Semaphore,
    guarded: AtomicU64,
}

// SAFETY: an atomic, and a semaphore, which is made of one: any bytes are a value.
unsafe impl Shared for Room {}
