//! The mutexes, by member, by thread and with priority inheritance: what a dead holder changed is told to the next one, exactly, and
//! nobody waits for the dead.

use core::cell::Cell;
use core::mem::forget;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::Region;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::{LockError, MutexGuard};
use rawipc::{Deadline, Errno};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::kinds::{self, ByMember, ByThread, Inheriting, Kind};
use crate::messages::{HUNG, PATIENCE, TORN, limit};

/// Two numbers, which are equal but while somebody changes them: first the one, then the other.
type Pair = [u64; 2];
type Locked<'a, K> = kinds::Locked<'a, K, Pair>;

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

struct World<K: Kind<Pair>> {
    memory: Mapping,
    region: Region,
    me: K::Me,
    found: Found,
    holder: Option<Survivor>,
    sleepers: Vec<Survivor>,
    /// Whether the test was told of a death.
    told: Cell<bool>,
}

/// Adds one, in two steps, having repaired what a dead one left.
fn add<K: Kind<Pair>>(locked: Locked<'_, K>) -> Result<bool, i32> {
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

impl<K: Kind<Pair>> World<K> {
    fn new(found: Found) -> Self {
        let memory = MapOptions::shared(4096).map_anonymous().unwrap();
        let region = Region::create(0).unwrap();
        let me = K::me(&region).unwrap();
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
                let dead = Survivor::fork(|| {
                    let Some(dead) = K::me(&world.region) else {
                        return 1;
                    };
                    let Ok(mut guard) = K::try_lock(world.mutex(), &dead) else {
                        return 1;
                    };
                    guard.set(&[1, 0]);
                    forget(guard);
                    forget(dead);
                    0
                });
                assert_eq!(dead.end(PATIENCE).ok(), Some(0), "it died with the lock");
            }
        }
        world
    }

    fn mutex(&self) -> &K::Mutex {
        self.memory.object(0).unwrap()
    }

    /// Set when the holder is to give the lock back.
    fn go(&self) -> &AtomicU32 {
        self.memory.object(1024).unwrap()
    }

    fn held(&self) -> Survivor {
        let ready: &AtomicU32 = self.memory.object(1028).unwrap();
        let holder = Survivor::fork(|| {
            let Some(me) = K::me(&self.region) else {
                return 1;
            };
            let Ok(guard) = K::lock_until(self.mutex(), &me, Deadline::Never) else {
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
        let Some(me) = K::me(&self.region) else {
            return 1;
        };
        match add::<K>(K::lock_until(self.mutex(), &me, limit())) {
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

fn check<K: Kind<Pair>>(world: World<K>, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
    world.let_go();
    let mut lives: Vec<i32> = Vec::new();
    for survivor in world.holder.iter().chain(&world.sleepers) {
        lives.push(survivor.end(2 * PATIENCE)?);
    }
    // And one that comes now.
    let mine = add::<K>(K::lock_until(world.mutex(), &world.me, limit()));
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
    let guard = K::try_lock(world.mutex(), &world.me);
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
fn nobody_robs<K: Kind<Pair>>(world: &World<K>, effect: Effect) -> Result<(), Violation> {
    if world.found == Found::OfTheDead {
        return Ok(());
    }
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        match K::try_lock(world.mutex(), &world.me) {
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
    run_kind::<ByMember>(extent, tallies);
    run_kind::<ByThread>(extent, tallies);
    run_kind::<Inheriting>(extent, tallies);
}

fn run_kind<K: Kind<Pair>>(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation<K> = for<'a> fn(&'a <K as Kind<Pair>>::Mutex, &'a <K as Kind<Pair>>::Me) -> bool;
    let lock: Operation<K> =
        |mutex, me| add::<K>(K::lock_until(mutex, me, Deadline::Never)).is_ok();
    let lock_until: Operation<K> = |mutex, me| add::<K>(K::lock_until(mutex, me, limit())).is_ok();
    let try_lock: Operation<K> = |mutex, me| add::<K>(K::try_lock(mutex, me)).is_ok();
    let refused: Operation<K> =
        |mutex, me| matches!(K::try_lock(mutex, me), Err(LockError::WouldBlock));
    let too_late: Operation<K> = |mutex, me| {
        let soon = Deadline::after(Duration::from_micros(1));
        matches!(K::lock_until(mutex, me, soon), Err(LockError::TimedOut))
    };
    let lose: Operation<K> =
        |mutex, me| K::try_lock(mutex, me).map(MutexGuard::make_unrecoverable).is_ok();
    use Effect::{Adds, Loses, Nothing};
    use Found::{Free, Held, OfTheDead};
    let rows: [(&str, Found, Effect, Operation<K>); 11] = [
        ("lock, free", Free, Adds, lock),
        ("lock_until, free", Free, Adds, lock_until),
        ("try_lock, free", Free, Adds, try_lock),
        ("try_lock, held", Held(0), Nothing, refused),
        ("lock_until, held for too long", Held(0), Nothing, too_late),
        ("lock, asleep", Held(0), Adds, lock),
        ("lock_until, asleep", Held(0), Adds, lock_until),
        ("lock, asleep beside another", Held(1), Adds, lock),
        ("lock, of the dead", OfTheDead, Adds, lock),
        ("try_lock, of the dead", OfTheDead, Adds, try_lock),
        ("make_unrecoverable", Free, Loses, lose),
    ];
    for (name, found, effect, operation) in rows {
        let case = Case {
            name: format!("{} {name}", K::NAME).leak(),
            set_up: &|| World::<K>::new(found),
            victim: &|world, marks| {
                let me = K::me(&world.region)?;
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
