//! The latch: a count is made or not, and nobody sleeps beside one that is open.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::Latch;

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};
use crate::messages::{HUNG, PATIENCE, limit};

struct World {
    memory: Mapping,
    count: u32,
    survivors: Vec<Survivor>,
}

/// What the operation does if it takes place.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    CountsDown,
    Adds,
    Waits,
}
use Effect::{Adds, CountsDown, Waits};

impl World {
    /// So many counts are missing, and so many sleep until then.
    fn new(count: u32, sleepers: usize) -> Self {
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            count,
            survivors: Vec::new(),
        };
        world.latch().add(count).unwrap();
        for _ in 0..sleepers {
            let survivor = Survivor::fork(|| match world.latch().wait_until(limit()) {
                Ok(()) => 0,
                Err(_) => HUNG,
            });
            survivor.await_sleep();
            world.survivors.push(survivor);
        }
        world
    }

    fn latch(&self) -> &Latch {
        self.memory.object(0).unwrap()
    }

    fn word(&self) -> &AtomicU32 {
        self.memory.object(0).unwrap()
    }

    fn open(&self) {
        while !self.latch().is_open() {
            self.latch().count_down();
        }
    }
}

fn check(world: World, fate: &Fate, effect: Effect) -> Result<&'static str, Violation> {
    let all_gone = || world.survivors.iter().all(Survivor::has_exited);
    let count = world.latch().count();
    let done = match effect {
        // It was let go on by one who counted.
        _ if fate.unblocked => 0,
        CountsDown => world.count.checked_sub(count).ok_or(Violation::Torn)?,
        Adds => count.checked_sub(world.count).ok_or(Violation::Torn)?,
        Waits if count != world.count => return Err(Violation::Torn),
        Waits => 0,
    };
    match done {
        0 if fate.ended && effect != Waits => return Err(Violation::Lost),
        0 | 1 => {}
        _ => return Err(Violation::Repeated),
    }
    if count > 0 && !world.survivors.is_empty() && all_gone() {
        return Err(Violation::Torn);
    }
    // Whoever sleeps beside an open latch is to go without anybody's help.
    world.open();
    comes_true(PATIENCE, all_gone)?;
    for survivor in &world.survivors {
        if survivor.end(2 * PATIENCE)? != 0 {
            return Err(Violation::Hang);
        }
    }
    // And it closes and opens again.
    world.latch().add(1).map_err(|_| Violation::Unusable)?;
    let closed = world.latch().try_wait().is_err();
    if !closed || !world.latch().count_down() || world.latch().wait_until(limit()).is_err() {
        return Err(Violation::Unusable);
    }
    if world.word().load(Ordering::Relaxed) != 0 {
        return Err(Violation::Torn);
    }
    Ok(match (effect, done) {
        (Waits, _) => "waited",
        (_, 0) => "nothing",
        (CountsDown, _) => "counted down",
        (Adds, _) => "added",
    })
}

/// Nobody else changes the count while the victim stands still.
fn nothing_changes(world: &World) -> Result<(), Violation> {
    let before = world.latch().count();
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        if world.latch().count() != before {
            return Err(Violation::Torn);
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&Latch) -> bool;
    let count: Operation = |latch| {
        latch.count_down();
        true
    };
    let add: Operation = |latch| latch.add(1).is_ok();
    let wait: Operation = |latch| latch.wait().is_ok();
    let until: Operation = |latch| latch.wait_until(limit()).is_ok();
    let try_wait: Operation = |latch| latch.try_wait().is_ok();
    #[rustfmt::skip]
    let rows: [(&'static str, u32, usize, Effect, Operation); 10] = [
        ("latch count_down, one of two", 2, 0, CountsDown, count),
        ("latch count_down, one of two, one sleeps", 2, 1, CountsDown, count),
        ("latch count_down, the last", 1, 0, CountsDown, count),
        ("latch count_down, the last, two sleep", 1, 2, CountsDown, count),
        ("latch add, one sleeps", 1, 1, Adds, add),
        ("latch wait, open", 0, 0, Waits, wait),
        ("latch try_wait, open", 0, 0, Waits, try_wait),
        ("latch wait, asleep", 1, 0, Waits, wait),
        ("latch wait_until, asleep", 1, 0, Waits, until),
        ("latch wait, asleep beside another", 2, 1, Waits, wait),
    ];
    for (name, count, sleepers, effect, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(count, sleepers),
            victim: &|world, marks| {
                let latch = world.latch();
                marks.begin();
                let done = operation(latch);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| world.open(),
            while_stopped: &nothing_changes,
            check: &|world, fate| check(world, fate, effect),
        };
        tallies.push(run_case(&case, extent));
    }
}
