//! Events: a set is neither lost nor made, and no sleeper is left beside one.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::{AutoResetEvent, ManualResetEvent};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};
use crate::messages::{HUNG, PATIENCE, limit};

/// The event that an operation is of.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Auto,
    Manual,
}

struct World {
    memory: Mapping,
    kind: Kind,
    /// Whether the test itself has set it.
    has_set: Cell<bool>,
    survivors: Vec<Survivor>,
}

impl World {
    /// So many sleep, before it is set if it is to be.
    fn new(kind: Kind, is_set: bool, sleepers: usize) -> Self {
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            kind,
            has_set: Cell::new(false),
            survivors: Vec::new(),
        };
        for _ in 0..sleepers {
            let survivor = Survivor::fork(|| match world.wait(limit()) {
                true => {
                    world.gone().fetch_add(1, Ordering::Relaxed);
                    0
                }
                false => HUNG,
            });
            survivor.await_sleep();
            world.survivors.push(survivor);
        }
        if is_set {
            world.set();
        }
        world
    }

    fn auto(&self) -> &AutoResetEvent {
        self.memory.object(0).unwrap()
    }

    fn manual(&self) -> &ManualResetEvent {
        self.memory.object(64).unwrap()
    }

    /// How many sleepers were let go.
    fn gone(&self) -> &AtomicU32 {
        self.memory.object(128).unwrap()
    }

    fn wait(&self, deadline: Deadline) -> bool {
        match self.kind {
            Kind::Auto => self.auto().wait_until(deadline).is_ok(),
            Kind::Manual => self.manual().wait_until(deadline).is_ok(),
        }
    }

    fn is_set(&self) -> bool {
        match self.kind {
            Kind::Auto => self.auto().is_set(),
            Kind::Manual => self.manual().is_set(),
        }
    }

    fn set(&self) {
        self.has_set.set(true);
        match self.kind {
            Kind::Auto => self.auto().set(),
            Kind::Manual => self.manual().set(),
        }
    }

    fn asleep(&self) -> usize {
        let survivors = self.survivors.iter();
        survivors.filter(|survivor| !survivor.has_exited()).count()
    }
}

/// What the operation does if it takes place.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    Sets,
    Takes,
    Looks,
    Resets,
}

fn check(world: World, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
    // Whoever sleeps beside a set is to go without anybody's help.
    comes_true(PATIENCE, || world.asleep() == 0 || !world.is_set())?;
    let gone = || world.gone().load(Ordering::Relaxed);
    if effect == Effect::Sets && fate.ended {
        // Whoever has taken it may not have said so yet.
        comes_true(PATIENCE, || world.is_set() || gone() > 0)?;
    }
    let (is_set, gone) = (world.is_set(), gone());
    // Who found it set, and nobody else, has taken it.
    let took_place = match (effect, world.kind) {
        (Effect::Sets, _) => is_set || gone > 0,
        (Effect::Takes, Kind::Auto) => !is_set && gone == 0 && world.has_set.get(),
        (Effect::Resets, _) => !is_set,
        _ => fate.ended,
    };
    if fate.ended && !took_place {
        return Err(Violation::Lost);
    }
    if gone > 1 && world.kind == Kind::Auto && !world.has_set.get() {
        return Err(Violation::Repeated);
    }
    // Those who are left go, too, and it still does what it is for.
    for survivor in &world.survivors {
        comes_true(PATIENCE, || {
            if !survivor.has_exited() {
                world.set();
            }
            survivor.has_exited()
        })?;
        if survivor.end(2 * PATIENCE)? != 0 {
            return Err(Violation::Hang);
        }
    }
    world.set();
    if !world.wait(limit()) {
        return Err(Violation::Unusable);
    }
    match world.kind {
        Kind::Auto if world.auto().try_wait().is_ok() => return Err(Violation::Repeated),
        Kind::Manual if !world.manual().reset() => return Err(Violation::Unusable),
        _ => {}
    }
    Ok(match (took_place, effect) {
        (false, _) => "nothing",
        (true, Effect::Sets) => "set",
        (true, Effect::Takes) => "taken",
        (true, Effect::Looks) => "let go",
        (true, Effect::Resets) => "cleared",
    })
}

/// Nobody is let go twice while the victim stands still.
fn nothing_changes(world: &World) -> Result<(), Violation> {
    comes_true(PATIENCE, || world.asleep() == 0 || !world.is_set())?;
    let before = world.is_set();
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        if world.is_set() != before {
            return Err(Violation::Unusable);
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&AutoResetEvent, &ManualResetEvent) -> bool;
    let set: Operation = |auto, _| {
        auto.set();
        true
    };
    let wait: Operation = |auto, _| auto.wait().is_ok();
    let until: Operation = |auto, _| auto.wait_until(limit()).is_ok();
    let try_wait: Operation = |auto, _| auto.try_wait().is_ok();
    let set_all: Operation = |_, manual| {
        manual.set();
        true
    };
    let wait_all: Operation = |_, manual| manual.wait().is_ok();
    let until_all: Operation = |_, manual| manual.wait_until(limit()).is_ok();
    let reset: Operation = |_, manual| manual.reset();
    use Effect::{Looks, Resets, Sets, Takes};
    use Kind::{Auto, Manual};
    #[rustfmt::skip]
    let rows: [(&'static str, Kind, bool, usize, Effect, Operation); 13] = [
        ("auto-reset event set, nobody sleeps", Auto, false, 0, Sets, set),
        ("auto-reset event set, one sleeps", Auto, false, 1, Sets, set),
        ("auto-reset event set, two sleep", Auto, false, 2, Sets, set),
        ("auto-reset event wait, set", Auto, true, 0, Takes, wait),
        ("auto-reset event try_wait, set", Auto, true, 0, Takes, try_wait),
        ("auto-reset event wait, asleep", Auto, false, 0, Takes, wait),
        ("auto-reset event wait_until, asleep", Auto, false, 0, Takes, until),
        ("manual-reset event set, nobody sleeps", Manual, false, 0, Sets, set_all),
        ("manual-reset event set, two sleep", Manual, false, 2, Sets, set_all),
        ("manual-reset event wait, asleep", Manual, false, 0, Looks, wait_all),
        ("manual-reset event wait_until, asleep", Manual, false, 0, Looks, until_all),
        ("manual-reset event reset", Manual, true, 0, Resets, reset),
        ("manual-reset event wait, asleep beside another", Manual, false, 1, Looks, wait_all),
    ];
    for (name, kind, is_set, sleepers, effect, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(kind, is_set, sleepers),
            victim: &|world, marks| {
                let (auto, manual) = (world.auto(), world.manual());
                marks.begin();
                let done = operation(auto, manual);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| world.set(),
            while_stopped: &nothing_changes,
            check: &|world, fate| check(world, fate, effect),
        };
        tallies.push(run_case(&case, extent));
    }
}
