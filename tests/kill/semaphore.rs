//! Semaphores: units are neither lost nor made, and no sleeper is left beside one.

use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use core::time::Duration;

use rawipc::memory::{MapOptions, Mapping, Shared};
use rawipc::sync::{HandOverSemaphore, Latch, PostError, Semaphore, wait_any};
use rawipc::{Deadline, Result as Outcome};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, comes_true, run as run_case};

/// Nothing but a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has units.
pub(crate) trait Units: Shared {
    /// A death may cut one post of several units short, and leave some of them posted.
    const POSTS_IN_PART: bool;

    fn value(&self) -> u32;
    fn post_many(&self, count: u32) -> Result<(), PostError>;
    fn wait_until(&self, deadline: Deadline) -> Outcome<()>;
    fn try_wait(&self) -> Outcome<()>;
}

macro_rules! units {
    ($name:ident, $in_part:literal) => {
        impl Units for $name {
            const POSTS_IN_PART: bool = $in_part;

            fn value(&self) -> u32 {
                self.value()
            }

            fn post_many(&self, count: u32) -> Result<(), PostError> {
                self.post_many(count)
            }

            fn wait_until(&self, deadline: Deadline) -> Outcome<()> {
                self.wait_until(deadline)
            }

            fn try_wait(&self) -> Outcome<()> {
                self.try_wait()
            }
        }
    };
}
units!(Semaphore, false);
units!(HandOverSemaphore, true);

pub(crate) struct World<S> {
    memory: Mapping,
    survivors: RefCell<Vec<Survivor>>,
    /// How many of the survivors pass on the unit that they take.
    passing: Cell<usize>,
    /// What the test itself has posted.
    posted: Cell<u32>,
    units: PhantomData<S>,
}

impl<S: Units> World<S> {
    /// A semaphore of `value`, and `sleepers` that sleep on it.
    fn new(value: u32, sleepers: usize) -> Self {
        let world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            survivors: RefCell::default(),
            passing: Cell::new(0),
            posted: Cell::new(0),
            units: PhantomData,
        };
        (0..sleepers).for_each(|_| world.add_sleeper(false));
        world.post(value);
        world
    }

    /// One more that sleeps, behind all others, and takes a unit; or `passes` it on.
    fn add_sleeper(&self, passes: bool) {
        let survivor = Survivor::fork(|| {
            let semaphore = self.semaphore();
            let taken = semaphore.wait_until(limit());
            let passed = !passes || semaphore.post_many(1).is_ok();
            i32::from(taken.is_err() || !passed)
        });
        survivor.await_sleep();
        self.survivors.borrow_mut().push(survivor);
        self.passing.set(self.passing.get() + usize::from(passes));
    }

    pub(crate) fn semaphore(&self) -> &S {
        self.memory.object(0).unwrap()
    }

    fn post(&self, units: u32) {
        if units > 0 {
            self.semaphore().post_many(units).unwrap();
            self.posted.set(self.posted.get() + units);
        }
    }

    fn asleep(&self) -> usize {
        let survivors = self.survivors.borrow();
        let asleep = survivors.iter().filter(|survivor| !survivor.has_exited());
        asleep.count()
    }
}

/// What the operation does to the value if it takes place.
#[derive(Clone, Copy)]
pub(crate) enum Effect {
    Posts(u32),
    Takes,
}

/// Whom the one that lets a sleeping victim go on posts for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Unblock {
    /// For it and each of those beside it, who may be first.
    All,
    /// For it alone, who is first: one more begins to sleep before that, and passes on what it takes.
    First,
}

fn check<S: Units>(
    world: World<S>,
    fate: &Fate,
    effect: Effect,
) -> Result<&'static str, Violation> {
    // Whoever sleeps beside a unit is to get it without anybody's help.
    comes_true(PATIENCE, || {
        world.asleep() == 0 || world.semaphore().value() == 0
    })?;
    world.post(world.asleep() as u32);
    for survivor in &*world.survivors.borrow() {
        if survivor.end(PATIENCE)? != 0 {
            return Err(Violation::Hang);
        }
    }
    // It still does what a semaphore does.
    world.post(1);
    if world.semaphore().try_wait().is_err() {
        return Err(Violation::Unusable);
    }
    let takers = world.survivors.borrow().len() - world.passing.get();
    let without = i64::from(world.posted.get()) - takers as i64 - 1;
    let made = i64::from(world.semaphore().value()) - without;
    let (took_place, change) = match effect {
        Effect::Posts(units) => ("posted", i64::from(units)),
        Effect::Takes => ("taken", -1),
    };
    match made {
        0 if fate.ended => Err(Violation::Lost),
        0 => Ok("nothing"),
        made if made == change => Ok(took_place),
        made if S::POSTS_IN_PART && !fate.ended && (0..change).contains(&made) => Ok("in part"),
        made if made < change.min(0) => Err(Violation::Lost),
        _ => Err(Violation::Repeated),
    }
}

/// Nobody else moves, so that nothing changes.
fn nothing_changes<S: Units>(world: &World<S>) -> Result<(), Violation> {
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

/// An operation beside sleepers.
pub(crate) struct Row<S> {
    pub(crate) name: &'static str,
    pub(crate) value: u32,
    pub(crate) sleepers: usize,
    pub(crate) effect: Effect,
    pub(crate) unblock: Unblock,
    pub(crate) operation: fn(&S) -> bool,
}

pub(crate) fn run_rows<S: Units>(rows: &[Row<S>], extent: Extent, tallies: &mut Vec<Tally>) {
    for row in rows {
        let case = Case {
            name: row.name,
            set_up: &|| World::<S>::new(row.value, row.sleepers),
            victim: &|world, marks| {
                let semaphore = world.semaphore();
                marks.begin();
                let done = (row.operation)(semaphore);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| match row.unblock {
                Unblock::All => world.post(1 + world.asleep() as u32),
                Unblock::First => {
                    world.add_sleeper(true);
                    world.post(1);
                }
            },
            while_stopped: match row.unblock {
                Unblock::All => &nothing_changes,
                Unblock::First => &|_| Ok(()),
            },
            check: &|world, fate| check(world, fate, row.effect),
        };
        tallies.push(run_case(&case, extent));
    }
}

pub(crate) fn limit() -> Deadline {
    Deadline::after(2 * PATIENCE)
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&Semaphore) -> bool;
    let row = |name, value, sleepers, effect, operation: Operation| Row {
        name,
        value,
        sleepers,
        effect,
        unblock: Unblock::All,
        operation,
    };
    let post: Operation = |semaphore| semaphore.post().is_ok();
    let post_many: Operation = |semaphore| semaphore.post_many(3).is_ok();
    let wait: Operation = |semaphore| semaphore.wait().is_ok();
    let try_wait: Operation = |semaphore| semaphore.try_wait().is_ok();
    let wait_until: Operation = |semaphore| semaphore.wait_until(limit()).is_ok();
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
    run_rows(&rows, extent, tallies);
}
