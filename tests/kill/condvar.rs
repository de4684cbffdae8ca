//! The condition variable: who waits gets a unit that is there, whoever put it there and died.

use core::cell::Cell;
use core::time::Duration;

use rawipc::Deadline;
use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::{Condvar, LockError, Mutex, MutexGuard};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};
use crate::messages::{HUNG, PATIENCE, limit};

type Guard<'a> = MutexGuard<'a, u64, Member>;

struct World {
    memory: Mapping,
    region: Region,
    me: Member,
    survivors: Vec<Survivor>,
    /// What the test itself has put there.
    put: Cell<u64>,
}

/// The mutex, whoever died with it.
fn held<'a>(locked: Result<Guard<'a>, LockError<Guard<'a>>>) -> Option<Guard<'a>> {
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
fn take(units: &Mutex<u64>, filled: &Condvar, me: &Member, deadline: Deadline) -> Option<()> {
    let mut guard = held(units.lock_until(me, deadline))?;
    while guard.get() == 0 {
        guard = held(filled.wait_until(guard, deadline))?;
    }
    guard.update(|units| *units -= 1);
    Some(())
}

impl World {
    /// As many units, and as many who wait for one.
    fn new(units: u64, sleepers: usize) -> Self {
        let region = Region::create(0).unwrap();
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            me: region.join().unwrap(),
            region,
            survivors: Vec::new(),
            put: Cell::new(0),
        };
        for _ in 0..sleepers {
            let survivor = Survivor::fork(|| {
                let (units, filled) = world.shelf();
                let Ok(me) = world.region.join() else { return 1 };
                match take(units, filled, &me, limit()) {
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

    fn shelf(&self) -> (&Mutex<u64>, &Condvar) {
        (
            self.memory.object(0).unwrap(),
            self.memory.object(64).unwrap(),
        )
    }

    fn units(&self) -> Result<u64, Violation> {
        let (units, _) = self.shelf();
        let guard = held(units.lock_until(&self.me, limit()));
        guard.map(|guard| guard.get()).ok_or(Violation::Hang)
    }

    fn put(&self, more: u64) {
        let (units, filled) = self.shelf();
        if more > 0 {
            if let Some(mut guard) = held(units.lock_until(&self.me, limit())) {
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

fn check(world: World, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
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
    if take(units, filled, &world.me, limit()).is_none() {
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
fn nobody_robs(world: &World) -> Result<(), Violation> {
    let (units, _) = world.shelf();
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        match units.try_lock(&world.me) {
            Ok(_) | Err(LockError::WouldBlock) => {}
            Err(_) => return Err(Violation::Unusable),
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&Mutex<u64>, &Condvar, &Member) -> Option<()>;
    let one: Operation = |units, filled, me| {
        units.lock(me).ok()?.update(|units| *units += 1);
        filled.notify_one();
        Some(())
    };
    let all: Operation = |units, filled, me| {
        units.lock(me).ok()?.update(|units| *units += 1);
        filled.notify_all();
        Some(())
    };
    let wait: Operation = |units, filled, me| take(units, filled, me, Deadline::Never);
    let until: Operation = |units, filled, me| take(units, filled, me, limit());
    let wait_while: Operation = |units, filled, me| {
        let guard = units.lock(me).ok()?;
        let guard = filled.wait_while(guard, |units| *units == 0);
        guard.ok()?.update(|units| *units -= 1);
        Some(())
    };
    use Effect::{Puts, Takes};
    let rows: [(&'static str, u64, usize, Effect, Operation); 7] = [
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
            name,
            set_up: &|| World::new(units, sleepers),
            victim: &|world, marks| {
                let me = world.region.join().ok()?;
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
