//! The futex semaphore: units are neither lost nor made, and no sleeper is left beside
//! one.

use core::cell::Cell;
use core::time::Duration;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::{Latch, Semaphore, wait_any};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};

/// Nothing but a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    memory: Mapping,
    survivors: Vec<Survivor>,
    /// What the test itself has posted.
    posted: Cell<u32>,
}

impl World {
    /// A semaphore of `value`, and `sleepers` that sleep on it.
    fn new(value: u32, sleepers: usize) -> Self {
        let memory = MapOptions::shared(4096).map_anonymous().unwrap();
        let mut world = Self {
            memory,
            survivors: Vec::new(),
            posted: Cell::new(0),
        };
        for _ in 0..sleepers {
            let survivor = Survivor::fork(|| {
                match world.semaphore().wait_until(Deadline::after(2 * PATIENCE)) {
                    Ok(()) => 0,
                    Err(_) => 1,
                }
            });
            survivor.await_sleep();
            world.survivors.push(survivor);
        }
        world.post(value);
        world
    }

    fn semaphore(&self) -> &Semaphore {
        self.memory.object(0).unwrap()
    }

    fn post(&self, units: u32) {
        if units > 0 {
            self.semaphore().post_many(units).unwrap();
            self.posted.set(self.posted.get() + units);
        }
    }

    fn asleep(&self) -> usize {
        let asleep = self
            .survivors
            .iter()
            .filter(|survivor| !survivor.has_exited());
        asleep.count()
    }
}

/// What the operation does to the value if it takes place.
#[derive(Clone, Copy)]
enum Effect {
    Posts(u32),
    Takes,
}

fn check(world: World, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
    // Whoever sleeps beside a unit is to get it without anybody's help.
    comes_true(PATIENCE, || {
        world.asleep() == 0 || world.semaphore().value() == 0
    })?;
    world.post(world.asleep() as u32);
    for survivor in &world.survivors {
        if survivor.end(PATIENCE)? != 0 {
            return Err(Violation::Hang);
        }
    }
    // It still does what a semaphore does.
    world.post(1);
    if world.semaphore().try_wait().is_err() {
        return Err(Violation::Unusable);
    }
    let without = i64::from(world.posted.get()) - world.survivors.len() as i64 - 1;
    let made = i64::from(world.semaphore().value()) - without;
    let (took_place, change) = match effect {
        Effect::Posts(units) => ("posted", i64::from(units)),
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

/// Nobody else moves, so that nothing changes.
fn nothing_changes(world: &World) -> Result<(), Violation> {
    // Those whom the victim has woken already may still be on their way.
    comes_true(PATIENCE, || {
        world.asleep() == 0 || world.semaphore().value() == 0
    })?;
    let before = world.semaphore().value();
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        if world.semaphore().value() != before {
            return Err(Violation::Unusable);
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&Semaphore) -> bool;
    struct Row {
        name: &'static str,
        value: u32,
        sleepers: usize,
        effect: Effect,
        operation: Operation,
    }
    let row = |name, value, sleepers, effect, operation: Operation| Row {
        name,
        value,
        sleepers,
        effect,
        operation,
    };
    let post: Operation = |semaphore| semaphore.post().is_ok();
    let post_many: Operation = |semaphore| semaphore.post_many(3).is_ok();
    let wait: Operation = |semaphore| semaphore.wait().is_ok();
    let try_wait: Operation = |semaphore| semaphore.try_wait().is_ok();
    let wait_until: Operation = |semaphore| {
        let deadline = Deadline::after(2 * PATIENCE);
        semaphore.wait_until(deadline).is_ok()
    };
    let any: Operation = |semaphore| wait_any(&[&Latch::new(1), semaphore]) == Ok(1);
    let rows = [
        row("wait_any, a unit is there", 1, 0, Effect::Takes, any),
        row("wait_any, asleep", 0, 0, Effect::Takes, any),
        row("wait_any, asleep beside another", 0, 1, Effect::Takes, any),
        row(
            "semaphore post, nobody sleeps",
            0,
            0,
            Effect::Posts(1),
            post,
        ),
        row("semaphore post, one sleeps", 0, 1, Effect::Posts(1), post),
        row("semaphore post, two sleep", 0, 2, Effect::Posts(1), post),
        row(
            "semaphore post_many, nobody sleeps",
            5,
            0,
            Effect::Posts(3),
            post_many,
        ),
        row(
            "semaphore post_many, two sleep",
            0,
            2,
            Effect::Posts(3),
            post_many,
        ),
        row("semaphore wait, a unit is there", 1, 0, Effect::Takes, wait),
        row("semaphore wait, asleep", 0, 0, Effect::Takes, wait),
        row(
            "semaphore wait, asleep beside another",
            0,
            1,
            Effect::Takes,
            wait,
        ),
        row("semaphore try_wait", 1, 0, Effect::Takes, try_wait),
        row(
            "semaphore wait_until, a unit is there",
            1,
            0,
            Effect::Takes,
            wait_until,
        ),
        row(
            "semaphore wait_until, asleep",
            0,
            0,
            Effect::Takes,
            wait_until,
        ),
        row(
            "semaphore wait_until, asleep beside another",
            0,
            1,
            Effect::Takes,
            wait_until,
        ),
    ];
    for row in rows {
        let case = Case {
            name: row.name,
            set_up: &|| World::new(row.value, row.sleepers),
            victim: &|world, marks| {
                let semaphore = world.semaphore();
                marks.begin();
                let done = (row.operation)(semaphore);
                marks.end();
                done.then_some(())
            },
            // One for it and one for each of those beside it, who may be first.
            unblock: &|world| world.post(1 + world.asleep() as u32),
            while_stopped: &nothing_changes,
            check: &|world, fate| check(world, fate, row.effect),
        };
        tallies.push(run_case(&case, extent));
    }
}
