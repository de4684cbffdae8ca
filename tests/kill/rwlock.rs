//! The lock for readers and writers: what a dead writer changed is told to the next one, exactly, dead
//! readers keep nobody out, and nobody waits for the dead.

use core::mem::forget;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::{
    LockError, PreferReaders, PreferWriters, Preference, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use rawipc::{Deadline, Errno};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, PATIENCE, TORN, limit};

/// Two numbers, which are equal but while somebody changes them: first the one, then the other.
type Pair = [u64; 2];
type Reading<'a> = RwLockReadGuard<'a, Pair, Member>;
type Writing<'a> = RwLockWriteGuard<'a, Pair, Member>;
type Lock<P> = RwLock<Pair, P, 8>;

/// A survivor ends with one of these: it had the lock, it was told of a death, it is told that there
/// is no lock any more.
const HELD: i32 = 0;
const TOLD: i32 = 10;
const REFUSED: i32 = 11;

/// What the victim finds.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Free,
    /// Somebody reads, until told to leave.
    Read,
    /// Somebody reads, and a writer sleeps until that one has left.
    ReadBesideAWriter,
    /// Somebody writes, until told to leave.
    Written,
    /// Somebody writes, and a reader sleeps until that one has left.
    WrittenBesideAReader,
    /// A dead one reads.
    OfADeadReader,
    /// A dead one writes, who changed one of the numbers.
    OfADeadWriter,
}
use Found::{
    Free, OfADeadReader, OfADeadWriter, Read, ReadBesideAWriter, Written, WrittenBesideAReader,
};

struct World {
    memory: Mapping,
    region: Region,
    me: Member,
    found: Found,
    survivors: Vec<Survivor>,
}

/// Adds one, in two steps, having repaired what a dead one left; returns whether there was one.
fn add(locked: Result<Writing<'_>, LockError<Writing<'_>>>) -> Result<bool, i32> {
    let (mut writing, told) = match locked {
        Ok(writing) => (writing, false),
        Err(LockError::OwnerDied(mut writing)) => {
            let [one, _] = writing.get();
            writing.set(&[one, one]);
            writing.make_consistent();
            (writing, true)
        }
        Err(LockError::NotRecoverable) => return Err(REFUSED),
        Err(_) => return Err(HUNG),
    };
    let [one, two] = writing.get();
    if one != two {
        return Err(TORN);
    }
    writing.set(&[one + 1, two]);
    writing.set(&[one + 1, two + 1]);
    Ok(told)
}

/// Looks whether the numbers are equal, and returns whether a writer died.
fn look(locked: Result<Reading<'_>, LockError<Reading<'_>>>) -> Result<bool, i32> {
    match locked {
        Ok(reading) => match reading.get() {
            [one, two] if one == two => Ok(false),
            _ => Err(TORN),
        },
        Err(LockError::OwnerDied(reading)) => match reading.get() {
            [one, two] if one == two || one == two + 1 => Ok(true),
            _ => Err(TORN),
        },
        Err(LockError::NotRecoverable) => Err(REFUSED),
        Err(_) => Err(HUNG),
    }
}

fn life(result: Result<bool, i32>) -> i32 {
    match result {
        Ok(false) => HELD,
        Ok(true) => TOLD,
        Err(end) => end,
    }
}

impl World {
    fn new<P: Preference>(found: Found) -> Self {
        let region = Region::create(0).unwrap();
        let mut world = Self {
            memory: MapOptions::shared(8192).map_anonymous().unwrap(),
            me: region.join().unwrap(),
            region,
            found,
            survivors: Vec::new(),
        };
        let holder = match found {
            Free => None,
            Read | ReadBesideAWriter => Some(world.holder::<P>(false)),
            Written | WrittenBesideAReader => Some(world.holder::<P>(true)),
            // They leave the region, as who dies does.
            OfADeadReader => {
                let dead = world.region.join().unwrap();
                forget(world.lock::<P>().read(&dead).unwrap());
                None
            }
            OfADeadWriter => {
                let dead = world.region.join().unwrap();
                let mut writing = world.lock::<P>().write(&dead).unwrap();
                writing.set(&[1, 0]);
                forget(writing);
                None
            }
        };
        world.survivors.extend(holder);
        if matches!(found, ReadBesideAWriter | WrittenBesideAReader) {
            let sleeper = Survivor::fork(|| {
                let Ok(me) = world.region.join() else {
                    return 1;
                };
                let lock = world.lock::<P>();
                life(match found {
                    ReadBesideAWriter => add(lock.write_until(&me, limit())),
                    _ => look(lock.read_until(&me, limit())),
                })
            });
            sleeper.await_sleep();
            world.survivors.push(sleeper);
        }
        world
    }

    fn lock<P: Preference>(&self) -> &Lock<P> {
        self.memory.object(0).unwrap()
    }

    /// Set when the holder is to leave.
    fn go(&self) -> &AtomicU32 {
        self.memory.object(4096).unwrap()
    }

    fn holder<P: Preference>(&self, writes: bool) -> Survivor {
        let ready: &AtomicU32 = self.memory.object(4100).unwrap();
        let holder = Survivor::fork(|| {
            let Ok(me) = self.region.join() else { return 1 };
            let lock = self.lock::<P>();
            let guards = match writes {
                true => (lock.write(&me).ok(), None),
                false => (None, lock.read(&me).ok()),
            };
            ready.store(1, Ordering::Release);
            while self.go().load(Ordering::Acquire) == 0 {
                match futex::wait_until(self.go(), 0, Scope::Shared, limit()) {
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(_) => return HUNG,
                }
            }
            drop(guards);
            0
        });
        while ready.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        holder
    }

    fn let_go(&self) {
        self.go().store(1, Ordering::Release);
        let _ = futex::wake(self.go(), futex::ALL, Scope::Shared);
    }
}

/// What the operation leaves when it has come to its end.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    /// One more.
    Adds,
    /// Nothing; it wanted to write.
    Tries,
    /// Nothing; it has read, or wanted to.
    Reads,
    /// Nobody gets the lock any more.
    Loses,
}

fn check(world: World, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
    world.let_go();
    let mut lives: Vec<i32> = Vec::new();
    for survivor in &world.survivors {
        lives.push(survivor.end(2 * PATIENCE)?);
    }
    // And those that come now.
    let lock = world.lock::<PreferWriters>();
    let read = life(look(lock.read_until(&world.me, limit())));
    let written = life(add(lock.write_until(&world.me, limit())));
    lives.extend([read, written]);
    let count = |how| lives.iter().filter(|&&life| life == how).count();
    if count(TORN) > 0 {
        return Err(Violation::Torn);
    }
    if count(HUNG) + count(1) > 0 {
        return Err(Violation::Hang);
    }
    if count(REFUSED) > 0 {
        return match effect {
            Effect::Loses => Ok("lost"),
            _ => Err(Violation::Unusable),
        };
    }
    if fate.ended && effect == Effect::Loses {
        return Err(Violation::Lost);
    }
    // Nobody is told of the death of a reader, nor of who came to its end.
    let writer_died = !fate.ended && effect != Effect::Reads || world.found == OfADeadWriter;
    if count(TOLD) > 0 && !writer_died {
        return Err(Violation::Unusable);
    }
    if count(TOLD) == 0 && world.found == OfADeadWriter && effect == Effect::Reads {
        return Err(Violation::Lost);
    }
    // Once it is repaired nobody is.
    let Ok([one, two]) = lock.try_read(&world.me).map(|reading| reading.get()) else {
        return Err(Violation::Unusable);
    };
    // What a dead one had begun before counts, too.
    let others = 1 + match world.found {
        OfADeadWriter | ReadBesideAWriter => 1,
        _ => 0,
    };
    match one.checked_sub(others) {
        _ if one != two => Err(Violation::Torn),
        Some(0) if fate.ended && effect == Effect::Adds => Err(Violation::Lost),
        Some(0) if count(TOLD) > 0 => Ok("nothing, told"),
        Some(0) => Ok("nothing"),
        Some(1) if effect == Effect::Adds && count(TOLD) > 0 => Ok("added, told"),
        Some(1) if effect == Effect::Adds => Ok("added"),
        Some(_) => Err(Violation::Repeated),
        None => Err(Violation::Lost),
    }
}

/// While the victim stands still nobody takes what it holds.
fn nobody_robs(world: &World, effect: Effect) -> Result<(), Violation> {
    if world.found == OfADeadWriter {
        return Ok(());
    }
    let lock = world.lock::<PreferWriters>();
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        match lock.try_read(&world.me) {
            Ok(reading) if reading.get()[0] == reading.get()[1] => {}
            Err(LockError::WouldBlock) => {}
            Err(LockError::NotRecoverable) if effect == Effect::Loses => {}
            _ => return Err(Violation::Unusable),
        }
        match lock.try_write(&world.me) {
            Ok(_) | Err(LockError::WouldBlock) => {}
            Err(LockError::NotRecoverable) if effect == Effect::Loses => {}
            _ => return Err(Violation::Unusable),
        }
        std::thread::yield_now();
    }
    Ok(())
}

type Operation<P> = fn(&Lock<P>, &Member) -> bool;
type Row<P> = (&'static str, Found, Effect, Operation<P>);

fn rows<P: Preference>(rows: &[Row<P>], extent: Extent, tallies: &mut Vec<Tally>) {
    for &(name, found, effect, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new::<P>(found),
            victim: &|world: &World, marks| {
                let me = world.region.join().ok()?;
                let lock = world.lock::<P>();
                marks.begin();
                let done = operation(lock, &me);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| world.let_go(),
            while_stopped: &|world| nobody_robs(world, effect),
            check: &|world, fate| check(world, fate, effect),
        };
        tallies.push(run_case(&case, extent));
    }
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    use Effect::{Adds, Loses, Reads, Tries};
    let read: Operation<PreferWriters> = |lock, me| look(lock.read(me)).is_ok();
    let read_until: Operation<PreferWriters> =
        |lock, me| look(lock.read_until(me, limit())).is_ok();
    let try_read: Operation<PreferWriters> = |lock, me| look(lock.try_read(me)).is_ok();
    let no_read: Operation<PreferWriters> =
        |lock, me| matches!(lock.try_read(me), Err(LockError::WouldBlock));
    let write: Operation<PreferWriters> = |lock, me| add(lock.write(me)).is_ok();
    let write_until: Operation<PreferWriters> =
        |lock, me| add(lock.write_until(me, limit())).is_ok();
    let try_write: Operation<PreferWriters> = |lock, me| add(lock.try_write(me)).is_ok();
    let no_write: Operation<PreferWriters> =
        |lock, me| matches!(lock.try_write(me), Err(LockError::WouldBlock));
    let lose: Operation<PreferWriters> =
        |lock, me| lock.write(me).map(Writing::make_unrecoverable).is_ok();
    #[rustfmt::skip]
    let first: [Row<PreferWriters>; 17] = [
        ("rwlock read, free", Free, Reads, read),
        ("rwlock try_read, read", Read, Reads, try_read),
        ("rwlock try_read, written", Written, Reads, no_read),
        ("rwlock read, asleep", Written, Reads, read),
        ("rwlock read_until, asleep beside another", WrittenBesideAReader, Reads, read_until),
        ("rwlock read, beside a writer", ReadBesideAWriter, Reads, read),
        ("rwlock read, of a dead reader", OfADeadReader, Reads, read),
        ("rwlock read, of a dead writer", OfADeadWriter, Reads, read),
        ("rwlock write, free", Free, Adds, write),
        ("rwlock try_write, free", Free, Adds, try_write),
        ("rwlock try_write, read", Read, Tries, no_write),
        ("rwlock write, asleep for a reader", Read, Adds, write),
        ("rwlock write_until, asleep for a writer", Written, Adds, write_until),
        ("rwlock write, asleep beside a reader", WrittenBesideAReader, Adds, write),
        ("rwlock write, of a dead reader", OfADeadReader, Adds, write),
        ("rwlock write, of a dead writer", OfADeadWriter, Adds, write),
        ("rwlock make_unrecoverable", Free, Loses, lose),
    ];
    rows(&first, extent, tallies);
    let write: Operation<PreferReaders> = |lock, me| add(lock.write(me)).is_ok();
    #[rustfmt::skip]
    let second: [Row<PreferReaders>; 4] = [
        ("rwlock write that gives way, free", Free, Adds, write),
        ("rwlock write that gives way, asleep", Read, Adds, write),
        ("rwlock write that gives way, beside another", ReadBesideAWriter, Adds, write),
        ("rwlock write that gives way, of a dead reader", OfADeadReader, Adds, write),
    ];
    rows(&second, extent, tallies);
}
