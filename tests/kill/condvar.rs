//! The condition variable, with a mutex by member and one with priority inheritance: who waits gets a unit
//! that is there, whoever put it there and died.

use core::cell::Cell;
use core::time::Duration;

use rawipc::Deadline;
use rawipc::members::Region;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::{Condvar, LockError};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};
use crate::kinds::{ByMember, Guard, Inheriting, Kind, Locked};
use crate::messages::{HUNG, PATIENCE, limit};

struct World<K: Kind<u64>> {
    memory: Mapping,
    region: Region,
    me: K::Me,
    survivors: Vec<Survivor>,
    /// What the test itself has put there.
    put: Cell<u64>,
}

/// The mutex, whoever died with it.
fn held<K: Kind<u64>>(locked: Locked<'_, K, u64>) -> Option<Guard<'_, K, u64>> {
    match locked {
        Ok(guard) => Some(guard),
        Err(LockError::OwnerDied(mut guard)) => {
            guard.make_consistent();
            Some(guard)
        }
        Err(_) => None,
    }
}

/// Waits for a unit, and takes it.
fn take<K: Kind<u64>>(
    units: &K::Mutex,
    filled: &Condvar,
    me: &K::Me,
    deadline: Deadline,
) -> Option<()> {
    let mut guard = held::<K>(K::lock_until(units, me, deadline))?;
    while guard.get() == 0 {
        guard = held::<K>(filled.wait_until(guard, deadline))?;
    }
    guard.update(|units| *units -= 1);
    Some(())
}

impl<K: Kind<u64>> World<K> {
    /// As many units, and as many who wait for one.
    fn new(units: u64, sleepers: usize) -> Self {
        let region = Region::create(0).unwrap();
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            me: K::me(&region).unwrap(),
            region,
            survivors: Vec::new(),
            put: Cell::new(0),
        };
        for _ in 0..sleepers {
            let survivor = Survivor::fork(|| {
                let (units, filled) = world.shelf();
                let Some(me) = K::me(&world.region) else { return 1 };
                match take::<K>(units, filled, &me, limit()) {
                    Some(()) => 0,
                    None => HUNG,
                }
            });
            survivor.await_sleep();
            world.survivors.push(survivor);
        }
        world.put(units);
        world
    }

    fn shelf(&self) -> (&K::Mutex, &Condvar) {
        (
            self.memory.object(0).unwrap(),
            self.memory.object(128).unwrap(),
        )
    }

    fn units(&self) -> Result<u64, Violation> {
        let (units, _) = self.shelf();
        let guard = held::<K>(K::lock_until(units, &self.me, limit()));
        guard.map(|guard| guard.get()).ok_or(Violation::Hang)
    }

    fn put(&self, more: u64) {
        let (units, filled) = self.shelf();
        if more > 0 {
            if let Some(mut guard) = held::<K>(K::lock_until(units, &self.me, limit())) {
                guard.update(|units| *units += more);
                self.put.set(self.put.get() + more);
            }
            filled.notify_all();
        }
    }

    fn asleep(&self) -> usize {
        let survivors = self.survivors.iter();
        survivors.filter(|survivor| !survivor.has_exited()).count()
    }

    /// Whoever waits beside a unit is to get it without anybody's help.
    fn settles(&self) -> Result<(), Violation> {
        let hung = Cell::new(false);
        comes_true(PATIENCE, || {
            self.asleep() == 0
                || match self.units() {
                    Ok(units) => units == 0,
                    Err(_) => {
                        hung.set(true);
                        true
                    }
                }
        })?;
        match hung.get() {
            true => Err(Violation::Hang),
            false => Ok(()),
        }
    }
}

/// What the operation does to the units if it takes place.
#[derive(Clone, Copy)]
enum Effect {
    Puts,
    Takes,
}

fn check<K: Kind<u64>>(world: World<K>, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
    world.settles()?;
    world.put(world.asleep() as u64);
    for survivor in &world.survivors {
        if survivor.end(2 * PATIENCE)? != 0 {
            return Err(Violation::Hang);
        }
    }
    // It still does what it is for.
    world.put(1);
    let (units, filled) = world.shelf();
    if take::<K>(units, filled, &world.me, limit()).is_none() {
        return Err(Violation::Unusable);
    }
    let without = world.put.get() as i64 - world.survivors.len() as i64 - 1;
    let made = world.units()? as i64 - without;
    let (took_place, change) = match effect {
        Effect::Puts => ("put", 1),
        Effect::Takes => ("taken", -1),
    };
    match made {
        0 if fate.ended => Err(Violation::Lost),
        0 => Ok("nothing"),
        made if made == change => Ok(took_place),
        made if made < change.min(0) => Err(Violation::Lost),
        _ => Err(Violation::Repeated),
    }
}

/// The mutex is not taken from who stands still with it.
fn nobody_robs<K: Kind<u64>>(world: &World<K>) -> Result<(), Violation> {
    let (units, _) = world.shelf();
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        match K::try_lock(units, &world.me) {
            Ok(_) | Err(LockError::WouldBlock) => {}
            Err(_) => return Err(Violation::Unusable),
        }
        std::thread::yield_now();
    }
    Ok(())
}

type Operation<K> = fn(&<K as Kind<u64>>::Mutex, &Condvar, &<K as Kind<u64>>::Me) -> Option<()>;

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    run_with::<ByMember>(extent, tallies);
    run_with::<Inheriting>(extent, tallies);
}

fn run_with<K: Kind<u64>>(extent: Extent, tallies: &mut Vec<Tally>) {
    let one: Operation<K> = |units, filled, me| {
        K::lock_until(units, me, Deadline::Never).ok()?.update(|units| *units += 1);
        filled.notify_one();
        Some(())
    };
    let all: Operation<K> = |units, filled, me| {
        K::lock_until(units, me, Deadline::Never).ok()?.update(|units| *units += 1);
        filled.notify_all();
        Some(())
    };
    let wait: Operation<K> = |units, filled, me| take::<K>(units, filled, me, Deadline::Never);
    let until: Operation<K> = |units, filled, me| take::<K>(units, filled, me, limit());
    let wait_while: Operation<K> = |units, filled, me| {
        let guard = K::lock_until(units, me, Deadline::Never).ok()?;
        let guard = filled.wait_while(guard, |units| *units == 0);
        guard.ok()?.update(|units| *units -= 1);
        Some(())
    };
    use Effect::{Puts, Takes};
    let rows: [(&'static str, u64, usize, Effect, Operation<K>); 7] = [
        ("condvar notify_one, nobody waits", 0, 0, Puts, one),
        ("condvar notify_one, two wait", 0, 2, Puts, one),
        ("condvar notify_all, two wait", 0, 2, Puts, all),
        ("condvar wait, asleep", 0, 0, Takes, wait),
        ("condvar wait_until, asleep", 0, 0, Takes, until),
        ("condvar wait_while, a unit is there", 1, 0, Takes, wait_while),
        ("condvar wait, asleep beside another", 0, 1, Takes, wait),
    ];
    for (name, units, sleepers, effect, operation) in rows {
        let case = Case {
            name: format!("{name} ({})", K::NAME).leak(),
            set_up: &|| World::<K>::new(units, sleepers),
            victim: &|world, marks| {
                let me = K::me(&world.region)?;
                let (units, filled) = world.shelf();
                marks.begin();
                let done = operation(units, filled, &me);
                marks.end();
                done
            },
            // One for it and one for each of those beside it, who may be first.
            unblock: &|world| world.put(1 + world.asleep() as u64),
            while_stopped: &nobody_robs,
            check: &|world, fate| check(world, fate, effect),
        };
        tallies.push(run_case(&case, extent));
    }
}
