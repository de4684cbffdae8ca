//! Waiting for the first of several: whoever sets one of them lets go who waits for any, and who waits
//! takes one thing or none.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::{AutoResetEvent, Latch, Semaphore, Waitable, wait_any, wait_any_until};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};
use crate::messages::{HUNG, PATIENCE, limit};

struct World {
    memory: Mapping,
    survivors: Vec<Survivor>,
}

/// What the operation does if it takes place.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    Posts,
    Sets,
    Opens,
    Takes,
}
use Effect::{Opens, Posts, Sets, Takes};

type List<'a> = [&'a dyn Waitable; 3];

impl World {
    /// So many units are there, and so many sleep.
    fn new(units: u32, sleepers: usize) -> Self {
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            survivors: Vec::new(),
        };
        world.latch().add(1).unwrap();
        for _ in 0..sleepers {
            let survivor = Survivor::fork(|| match wait_any_until(&world.list(), limit()) {
                Ok(index) => {
                    // The latch keeps open, which is no thing that one takes.
                    world.taken()[index].fetch_add(1, Ordering::Relaxed);
                    0
                }
                Err(_) => HUNG,
            });
            survivor.await_sleep();
            world.survivors.push(survivor);
        }
        for _ in 0..units {
            world.semaphore().post().unwrap();
        }
        world
    }

    fn semaphore(&self) -> &Semaphore {
        self.memory.object(64).unwrap()
    }

    fn auto(&self) -> &AutoResetEvent {
        self.memory.object(0).unwrap()
    }

    fn latch(&self) -> &Latch {
        self.memory.object(128).unwrap()
    }

    fn list(&self) -> List<'_> {
        [self.auto(), self.semaphore(), self.latch()]
    }

    /// How many survivors each of them has let go.
    fn taken(&self) -> &[AtomicU32] {
        self.memory.objects(192, 3).unwrap()
    }

    fn gone(&self) -> u32 {
        let taken = self.taken().iter();
        taken.map(|taken| taken.load(Ordering::Relaxed)).sum()
    }

    fn asleep(&self) -> usize {
        let survivors = self.survivors.iter();
        survivors.filter(|survivor| !survivor.has_exited()).count()
    }

    /// Whether one of them would let go who waits.
    fn would_let_go(&self) -> bool {
        self.auto().is_set() || self.semaphore().value() > 0 || self.latch().is_open()
    }
}

fn check(world: World, fate: &Fate, units: u32, effect: Effect) -> Result<&'static str, Violation> {
    // Whoever sleeps beside one that lets go is to go without anybody's help.
    comes_true(PATIENCE, || world.asleep() == 0 || !world.would_let_go())?;
    if fate.ended && effect != Takes && !world.survivors.is_empty() {
        // Whoever has taken it may not have said so yet.
        comes_true(PATIENCE, || world.gone() > 0)?;
    }
    let let_go = world.gone();
    let left = u32::from(world.auto().is_set()) + world.semaphore().value();
    // Who sleeps while the test itself helps is given a unit.
    let given = units + u32::from(fate.unblocked);
    let took_place = match effect {
        Posts | Sets => left + let_go > 0,
        Opens => world.latch().is_open(),
        Takes => left < given,
    };
    if fate.ended && !took_place {
        return Err(Violation::Lost);
    }
    let most = match effect {
        Posts | Sets => units + 1,
        Takes => given,
        Opens => left + let_go,
    };
    if left + let_go > most {
        return Err(Violation::Repeated);
    }
    if effect == Takes && left + 1 < given {
        // One call takes one.
        return Err(Violation::Lost);
    }
    // Those who are left go, too, and all still do what they are for.
    for survivor in &world.survivors {
        comes_true(PATIENCE, || {
            if !survivor.has_exited() && !world.would_let_go() {
                world.semaphore().post().unwrap();
            }
            survivor.has_exited()
        })?;
        if survivor.end(2 * PATIENCE)? != 0 {
            return Err(Violation::Hang);
        }
    }
    world.auto().set();
    if wait_any_until(&world.list(), limit()) != Ok(0) {
        return Err(Violation::Unusable);
    }
    Ok(match (took_place, effect) {
        (false, _) => "nothing",
        (true, Posts) => "posted",
        (true, Sets) => "set",
        (true, Opens) => "opened",
        (true, Takes) => "taken",
    })
}

/// Nobody takes or makes anything while the victim stands still.
fn nothing_changes(world: &World) -> Result<(), Violation> {
    comes_true(PATIENCE, || world.asleep() == 0 || !world.would_let_go())?;
    let state = || (world.auto().is_set(), world.semaphore().value());
    let before = state();
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        if state() != before {
            return Err(Violation::Unusable);
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&World, &List<'_>) -> bool;
    let post: Operation = |world, _| world.semaphore().post().is_ok();
    let set: Operation = |world, _| {
        world.auto().set();
        true
    };
    let open: Operation = |world, _| world.latch().count_down();
    let wait: Operation = |_, list| wait_any(list).is_ok();
    let until: Operation = |_, list| wait_any_until(list, limit()).is_ok();
    #[rustfmt::skip]
    let rows: [(&'static str, u32, usize, Effect, Operation); 9] = [
        ("wait_any beside a post, one sleeps", 0, 1, Posts, post),
        ("wait_any beside a post, two sleep", 0, 2, Posts, post),
        ("wait_any beside a set, one sleeps", 0, 1, Sets, set),
        ("wait_any beside a set, two sleep", 0, 2, Sets, set),
        ("wait_any beside an opening, two sleep", 0, 2, Opens, open),
        ("wait_any, a unit there", 1, 0, Takes, wait),
        ("wait_any, asleep", 0, 0, Takes, wait),
        ("wait_any_until, asleep", 0, 0, Takes, until),
        ("wait_any, two units there", 2, 0, Takes, wait),
    ];
    for (name, units, sleepers, effect, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(units, sleepers),
            victim: &|world, marks| {
                let list = world.list();
                marks.begin();
                let done = operation(world, &list);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| world.semaphore().post().unwrap(),
            while_stopped: &nothing_changes,
            check: &|world, fate| check(world, fate, units, effect),
        };
        tallies.push(run_case(&case, extent));
    }
}
