//! The mutex: what a dead holder changed is told to the next one, exactly, and nobody waits for the
//! dead.

use core::cell::Cell;
use core::mem::forget;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::{LockError, Mutex, MutexGuard};
use rawipc::{Deadline, Errno};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, PATIENCE, TORN, limit};

/// Two numbers, which are equal but while somebody changes them: first the one, then the other.
type Pair = [u64; 2];
type Guard<'a> = MutexGuard<'a, Pair, Member>;
type Locked<'a> = Result<Guard<'a>, LockError<Guard<'a>>>;

/// A survivor ends with one of these: it had the lock, it was told of a death, it is told that there
/// is no lock any more.
const HELD: i32 = 0;
const TOLD: i32 = 10;
const REFUSED: i32 = 11;

/// What the victim finds.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Free,
    /// Somebody holds it, who gives it back when it is told to, and so many wait for it already.
    Held(usize),
    /// A dead one holds it, who changed one of the numbers.
    OfTheDead,
}

struct World {
    memory: Mapping,
    region: Region,
    me: Member,
    found: Found,
    holder: Option<Survivor>,
    sleepers: Vec<Survivor>,
    /// Whether the test was told of a death.
    told: Cell<bool>,
}

/// Adds one, in two steps, having repaired what a dead one left.
fn add(locked: Locked<'_>) -> Result<bool, i32> {
    let (mut guard, told) = match locked {
        Ok(guard) => (guard, false),
        Err(LockError::OwnerDied(mut guard)) => {
            let [one, _] = guard.get();
            guard.set(&[one, one]);
            guard.make_consistent();
            (guard, true)
        }
        Err(LockError::NotRecoverable) => return Err(REFUSED),
        Err(_) => return Err(HUNG),
    };
    let [one, two] = guard.get();
    if one != two {
        return Err(TORN);
    }
    guard.set(&[one + 1, two]);
    guard.set(&[one + 1, two + 1]);
    Ok(told)
}

impl World {
    fn new(found: Found) -> Self {
        let memory = MapOptions::shared(4096).map_anonymous().unwrap();
        let region = Region::create(0).unwrap();
        let me = region.join().unwrap();
        let mut world = Self {
            memory,
            region,
            me,
            found,
            holder: None,
            sleepers: Vec::new(),
            told: Cell::new(false),
        };
        match found {
            Found::Free => {}
            Found::Held(sleepers) => {
                world.holder = Some(world.held());
                for _ in 0..sleepers {
                    let sleeper = Survivor::fork(|| world.add_one());
                    sleeper.await_sleep();
                    world.sleepers.push(sleeper);
                }
            }
            Found::OfTheDead => {
                // It leaves the region, as one that dies does.
                let dead = world.region.join().unwrap();
                let mut guard = world.mutex().lock(&dead).unwrap();
                guard.set(&[1, 0]);
                forget(guard);
            }
        }
        world
    }

    fn mutex(&self) -> &Mutex<Pair> {
        self.memory.object(0).unwrap()
    }

    /// Set when the holder is to give the lock back.
    fn go(&self) -> &AtomicU32 {
        self.memory.object(1024).unwrap()
    }

    fn held(&self) -> Survivor {
        let ready: &AtomicU32 = self.memory.object(1028).unwrap();
        let holder = Survivor::fork(|| {
            let Ok(me) = self.region.join() else { return 1 };
            let Ok(guard) = self.mutex().lock(&me) else {
                return 1;
            };
            ready.store(1, Ordering::Release);
            while self.go().load(Ordering::Acquire) == 0 {
                match futex::wait_until(self.go(), 0, Scope::Shared, limit()) {
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(_) => return HUNG,
                }
            }
            drop(guard);
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

    /// A sleeper's life.
    fn add_one(&self) -> i32 {
        let Ok(me) = self.region.join() else { return 1 };
        match add(self.mutex().lock_until(&me, limit())) {
            Ok(false) => HELD,
            Ok(true) => TOLD,
            Err(end) => end,
        }
    }
}

/// What the operation leaves when it has come to its end.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    /// One more.
    Adds,
    Nothing,
    /// Nobody gets the lock any more.
    Loses,
}

fn check(world: World, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
    world.let_go();
    let mut lives: Vec<i32> = Vec::new();
    for survivor in world.holder.iter().chain(&world.sleepers) {
        lives.push(survivor.end(2 * PATIENCE)?);
    }
    // And one that comes now.
    let mine = add(world.mutex().lock_until(&world.me, limit()));
    lives.push(match mine {
        Ok(false) => HELD,
        Ok(true) => TOLD,
        Err(end) => end,
    });
    let count = |how| lives.iter().filter(|&&life| life == how).count();
    if count(TORN) > 0 {
        return Err(Violation::Torn);
    }
    if count(HUNG) + count(1) > 0 {
        return Err(Violation::Hang);
    }
    if count(REFUSED) > 0 {
        let lost = effect == Effect::Loses && (count(REFUSED) > world.sleepers.len() || !fate.ended);
        return match lost {
            true => Ok("lost"),
            false => Err(Violation::Unusable),
        };
    }
    // One is told at most: of the victim, or of who was dead before; the other is repaired by it.
    let told = count(TOLD) + usize::from(world.told.get());
    let dead = usize::from(world.found == Found::OfTheDead && !fate.ended);
    if told > 1 + dead || fate.ended && told > 0 || effect == Effect::Nothing && told > dead {
        return Err(Violation::Unusable);
    }
    if fate.ended && effect == Effect::Loses {
        return Err(Violation::Lost);
    }
    let guard = world.mutex().try_lock(&world.me);
    let Ok([one, two]) = guard.map(|guard| guard.get()) else {
        return Err(Violation::Unusable);
    };
    // What a dead one had begun before counts, too.
    let before = u64::from(world.found == Found::OfTheDead);
    let others = before + world.sleepers.len() as u64 + 1;
    match one.checked_sub(others) {
        _ if one != two => Err(Violation::Torn),
        Some(0) if fate.ended && effect == Effect::Adds => Err(Violation::Lost),
        Some(0) if told > 0 => Ok("nothing, told"),
        Some(0) => Ok("nothing"),
        Some(1) if effect == Effect::Adds && told > 0 => Ok("added, told"),
        Some(1) if effect == Effect::Adds => Ok("added"),
        Some(_) => Err(Violation::Repeated),
        None => Err(Violation::Lost),
    }
}

/// While the victim stands still nobody takes what it holds.
fn nobody_robs(world: &World, effect: Effect) -> Result<(), Violation> {
    if world.found == Found::OfTheDead {
        return Ok(());
    }
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        match world.mutex().try_lock(&world.me) {
            Ok(guard) if guard.get()[0] == guard.get()[1] => {}
            Err(LockError::WouldBlock) => {}
            Err(LockError::NotRecoverable) if effect == Effect::Loses => {}
            _ => return Err(Violation::Unusable),
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = for<'a> fn(&'a Mutex<Pair>, &'a Member) -> bool;
    let lock: Operation = |mutex, me| add(mutex.lock(me)).is_ok();
    let lock_until: Operation = |mutex, me| add(mutex.lock_until(me, limit())).is_ok();
    let try_lock: Operation = |mutex, me| add(mutex.try_lock(me)).is_ok();
    let refused: Operation =
        |mutex, me| matches!(mutex.try_lock(me), Err(LockError::WouldBlock));
    let lose: Operation = |mutex, me| mutex.lock(me).map(Guard::make_unrecoverable).is_ok();
    use Effect::{Adds, Loses, Nothing};
    use Found::{Free, Held, OfTheDead};
    let rows: [(&'static str, Found, Effect, Operation); 10] = [
        ("mutex lock, free", Free, Adds, lock),
        ("mutex lock_until, free", Free, Adds, lock_until),
        ("mutex try_lock, free", Free, Adds, try_lock),
        ("mutex try_lock, held", Held(0), Nothing, refused),
        ("mutex lock, asleep", Held(0), Adds, lock),
        ("mutex lock_until, asleep", Held(0), Adds, lock_until),
        ("mutex lock, asleep beside another", Held(1), Adds, lock),
        ("mutex lock, of the dead", OfTheDead, Adds, lock),
        ("mutex try_lock, of the dead", OfTheDead, Adds, try_lock),
        ("mutex make_unrecoverable", Free, Loses, lose),
    ];
    for (name, found, effect, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(found),
            victim: &|world, marks| {
                let me = world.region.join().ok()?;
                let mutex = world.mutex();
                marks.begin();
                let done = operation(mutex, &me);
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
