//! The barrier: nobody waits for the dead, nobody passes before all have arrived, those who are told of a
//! death are told rightly, and it can be used again.

use core::mem::forget;
use core::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::Barrier;
use rawipc::{Deadline, Errno};

use crate::harness::{Case, Extent, Fate, Marks, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, PATIENCE, limit};

/// A survivor ends with one of these: it has passed, it was told of a death.
const PASSED: i32 = 0;
const TOLD: i32 = 10;

/// What the victim finds.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Nobody,
    /// Another one sleeps there.
    Another,
    /// Another one sleeps there, and a dead one has not come.
    AnotherAndTheDead,
    /// A dead one has not come.
    TheDead,
    /// It is broken.
    Broken,
}
use Found::{Another, AnotherAndTheDead, Broken, Nobody, TheDead};

struct World {
    memory: Mapping,
    region: Region,
    me: Member,
    found: Found,
    survivor: Option<Survivor>,
}

impl World {
    fn new(found: Found) -> Self {
        let region = Region::create(0).unwrap();
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            me: region.join().unwrap(),
            region,
            found,
            survivor: None,
        };
        // It leaves the region, as one that dies does.
        let dead = world.region.join().unwrap();
        match found {
            Another => world.survivor = Some(world.sleeper(world.two())),
            AnotherAndTheDead => {
                forget(world.three().join(&dead).unwrap());
                // While that one lives.
                world.survivor = Some(world.sleeper(world.three()));
            }
            TheDead | Broken => forget(world.two().join(&dead).unwrap()),
            Nobody => {}
        }
        drop(dead);
        if found == Broken {
            let told = world.two().join(&world.me).unwrap().try_wait();
            assert_eq!(told, Err(Errno::OWNERDEAD));
        }
        world
    }

    fn two(&self) -> &Barrier<2> {
        self.memory.object(0).unwrap()
    }

    fn three(&self) -> &Barrier<3> {
        self.memory.object(256).unwrap()
    }

    fn sleeper<const N: usize>(&self, barrier: &Barrier<N>) -> Survivor {
        let sleeper = Survivor::fork(|| {
            let Ok(me) = self.region.join() else { return 1 };
            match barrier.join(&me) {
                Ok(mut seat) => life(seat.wait_until(limit())),
                Err(_) => 1,
            }
        });
        sleeper.await_sleep();
        sleeper
    }

    /// Comes where the victim sleeps.
    fn come(&self) {
        if let Ok(mut seat) = self.two().join(&self.me) {
            let _ = seat.try_wait();
        }
    }
}

fn life(waited: rawipc::Result<bool>) -> i32 {
    match waited {
        Ok(_) => PASSED,
        Err(Errno::OWNERDEAD) => TOLD,
        Err(_) => HUNG,
    }
}

/// Two that come now meet, once it is whole.
fn is_usable<const N: usize>(world: &World, barrier: &Barrier<N>) -> Result<(), Violation> {
    let others: [Member; N] = core::array::from_fn(|_| world.region.join().unwrap());
    let mut seats = Vec::new();
    for other in &others {
        // Whoever had it is gone.
        seats.push(barrier.join(other).map_err(|_| Violation::Unusable)?);
    }
    barrier.reset();
    for round in 0..2 {
        let passed = seats.iter_mut().filter_map(|seat| seat.try_wait().ok());
        // What the dead one had arrived for is one of the rounds.
        if passed.count() == 0 && round > 0 {
            return Err(Violation::Unusable);
        }
        for seat in &mut seats {
            if !matches!(seat.try_wait(), Ok(_) | Err(Errno::AGAIN)) {
                return Err(Violation::Unusable);
            }
        }
    }
    Ok(())
}

fn check(world: World, fate: &Fate, waits: bool) -> Result<&'static str, Violation> {
    let life = match (&world.survivor, world.found) {
        (Some(survivor), _) => Some(survivor.end(2 * PATIENCE)?),
        // It comes now, if it has not.
        (None, Nobody) if waits && !fate.unblocked => {
            let seat = world.two().join(&world.me);
            let mut seat = seat.map_err(|_| Violation::Unusable)?;
            Some(life(seat.wait_until(limit())))
        }
        _ => None,
    };
    let outcome = match life {
        Some(PASSED) if world.found == AnotherAndTheDead => return Err(Violation::Repeated),
        Some(PASSED) => "passed",
        // Who has come to its end had arrived.
        Some(TOLD) if fate.ended && world.found != AnotherAndTheDead => {
            return Err(Violation::Lost);
        }
        Some(TOLD) => "told",
        Some(_) => return Err(Violation::Hang),
        None => "nothing",
    };
    is_usable(&world, world.two())?;
    if world.found == AnotherAndTheDead {
        is_usable(&world, world.three())?;
    }
    Ok(outcome)
}

/// While the victim stands still it is not taken for dead.
fn nobody_robs(world: &World) -> Result<(), Violation> {
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        if matches!(world.found, Nobody | Another) && world.two().is_broken() {
            return Err(Violation::Unusable);
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&World, &Member, &Marks) -> Option<()>;
    let wait: Operation = |world, me, marks| {
        let mut seat = world.two().join(me).ok()?;
        marks.begin();
        let passed = seat.wait();
        marks.end();
        passed.ok().map(drop)
    };
    let wait_until: Operation = |world, me, marks| {
        let mut seat = world.two().join(me).ok()?;
        marks.begin();
        let passed = seat.wait_until(limit());
        marks.end();
        passed.ok().map(drop)
    };
    let wait_for_the_dead: Operation = |world, me, marks| {
        let mut seat = world.three().join(me).ok()?;
        marks.begin();
        let told = seat.wait();
        marks.end();
        (told == Err(Errno::OWNERDEAD)).then_some(())
    };
    let join: Operation = |world, me, marks| {
        marks.begin();
        let seat = world.two().join(me);
        marks.end();
        seat.ok().map(drop)
    };
    let leave: Operation = |world, me, marks| {
        let seat = world.two().join(me).ok()?;
        marks.begin();
        drop(seat);
        marks.end();
        Some(())
    };
    let reset: Operation = |world, _, marks| {
        marks.begin();
        let reset = world.two().reset();
        marks.end();
        reset.then_some(())
    };
    #[rustfmt::skip]
    let rows: [(&'static str, Found, bool, Operation); 8] = [
        ("barrier wait, the last one", Another, true, wait),
        ("barrier wait, asleep", Nobody, true, wait),
        ("barrier wait_until, asleep", Nobody, true, wait_until),
        ("barrier wait, for a dead one", AnotherAndTheDead, true, wait_for_the_dead),
        ("barrier join", Nobody, false, join),
        ("barrier join, in place of a dead one", TheDead, false, join),
        ("barrier seat, dropped", Nobody, false, leave),
        ("barrier reset", Broken, false, reset),
    ];
    for (name, found, waits, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(found),
            victim: &|world: &World, marks| {
                let me = world.region.join().ok()?;
                operation(world, &me, marks)
            },
            unblock: &|world| world.come(),
            while_stopped: &nobody_robs,
            check: &|world, fate| check(world, fate, waits),
        };
        // There each death is found by the other's next look, 100 ms later at most.
        let extent = match (found, extent) {
            (AnotherAndTheDead, Extent::Every) => Extent::Some(48),
            _ => extent,
        };
        tallies.push(run_case(&case, extent));
    }
}
