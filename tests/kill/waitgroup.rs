//! The group: who waits goes when all have left or died, and is told of each who died in it, exactly.

use core::mem::forget;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::{WaitGroup, WaitGroupError};
use rawipc::{Deadline, Errno};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, PATIENCE, limit};

type Group = WaitGroup<8>;

/// What the victim finds.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Nobody,
    /// Somebody is in the group, until told to leave.
    Worker,
    /// And another one sleeps until then.
    WorkerBesideASleeper,
    /// A dead one is in the group, in the place that the next one gets.
    TheDead,
    /// And somebody sleeps until it is known that it is dead.
    TheDeadBesideASleeper,
}
use Found::{Nobody, TheDead, TheDeadBesideASleeper, Worker, WorkerBesideASleeper};

/// What the victim does.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Worker,
    Waiter,
}

struct World {
    memory: Mapping,
    region: Region,
    found: Found,
    survivors: Vec<Survivor>,
}

/// Waits; a survivor ends with how many died, from here on.
const TOLD: i32 = 10;

fn wait(group: &Group, me: &Member, deadline: Deadline) -> i32 {
    match group.wait_until(me, deadline) {
        Ok(()) => TOLD,
        Err(WaitGroupError::Died(deaths)) => TOLD + deaths as i32,
        Err(_) => HUNG,
    }
}

impl World {
    fn new(found: Found) -> Self {
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            region: Region::create(0).unwrap(),
            found,
            survivors: Vec::new(),
        };
        let dead = match found {
            Nobody => None,
            Worker | WorkerBesideASleeper => {
                let worker = world.worker();
                world.survivors.push(worker);
                None
            }
            TheDead | TheDeadBesideASleeper => {
                let dead = world.region.join().unwrap();
                forget(world.group().enter(&dead).unwrap());
                Some(dead)
            }
        };
        if matches!(found, WorkerBesideASleeper | TheDeadBesideASleeper) {
            let sleeper = Survivor::fork(|| match world.region.join() {
                Ok(me) => wait(world.group(), &me, limit()),
                Err(_) => 1,
            });
            sleeper.await_sleep();
            world.survivors.push(sleeper);
        }
        // It leaves the region, as one that dies does.
        drop(dead);
        world
    }

    fn group(&self) -> &Group {
        self.memory.object(0).unwrap()
    }

    /// Set when the worker is to leave.
    fn go(&self) -> &AtomicU32 {
        self.memory.object(2048).unwrap()
    }

    fn worker(&self) -> Survivor {
        let ready: &AtomicU32 = self.memory.object(2052).unwrap();
        let worker = Survivor::fork(|| {
            let Ok(me) = self.region.join() else { return 1 };
            let Ok(entry) = self.group().enter(&me) else {
                return 1;
            };
            ready.store(1, Ordering::Release);
            while self.go().load(Ordering::Acquire) == 0 {
                match futex::wait_until(self.go(), 0, Scope::Shared, limit()) {
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(_) => return HUNG,
                }
            }
            drop(entry);
            TOLD
        });
        while ready.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        worker
    }

    fn let_go(&self) {
        self.go().store(1, Ordering::Release);
        let _ = futex::wake(self.go(), futex::ALL, Scope::Shared);
    }
}

fn check(world: World, fate: &Fate, role: Role) -> Result<&'static str, Violation> {
    world.let_go();
    let dead = i32::from(matches!(world.found, TheDead | TheDeadBesideASleeper));
    // The victim may have died in the group, unless it has come to its end or only waited.
    let most = dead + i32::from(role == Role::Worker && !fate.ended);
    let exactly = |end: i32| match end - TOLD {
        deaths if deaths < 0 => Err(Violation::Hang),
        deaths if deaths < dead => Err(Violation::Lost),
        deaths if deaths > most => Err(Violation::Repeated),
        deaths => Ok(deaths),
    };
    // One that comes now, and wakes those who need not look again then.
    let me = world.region.join().map_err(|_| Violation::Unusable)?;
    let now = exactly(wait(world.group(), &me, limit()))?;
    let mut told = Vec::new();
    for (number, survivor) in world.survivors.iter().enumerate() {
        let end = survivor.end(2 * PATIENCE)?;
        match world.found {
            // It has waited for nobody.
            Worker | WorkerBesideASleeper if number == 0 && end == TOLD => {}
            Worker if number == 0 => return Err(Violation::Hang),
            _ => told.push(exactly(end)?),
        }
    }
    if told.iter().any(|&told| told > now) {
        return Err(Violation::Lost);
    }
    // The place is free, and nobody is in the group.
    if world.group().forget_deaths() != now as u32 || world.group().count() != 0 {
        return Err(Violation::Unusable);
    }
    let entered = world.group().enter(&me).map(drop);
    if entered.is_err() || wait(world.group(), &me, limit()) != TOLD {
        return Err(Violation::Unusable);
    }
    Ok(match now - dead {
        0 => "no death in the group",
        _ => "a death in the group",
    })
}

/// While the victim stands still nobody takes it for dead.
fn nobody_dies(world: &World) -> Result<(), Violation> {
    let dead = u32::from(matches!(world.found, TheDead | TheDeadBesideASleeper));
    let Ok(me) = world.region.join() else {
        return Err(Violation::Unusable);
    };
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        match world.group().try_wait(&me) {
            Ok(()) if dead == 0 => {}
            Err(WaitGroupError::Died(deaths)) if deaths == dead && dead > 0 => {}
            Err(WaitGroupError::WouldBlock) => {}
            _ => return Err(Violation::Torn),
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&Group, &Member) -> bool;
    let enter: Operation = |group, me| group.enter(me).is_ok();
    let wait_for: Operation = |group, me| match group.wait(me) {
        Ok(()) | Err(WaitGroupError::Died(1)) => true,
        Err(_) => false,
    };
    let until: Operation = |group, me| group.wait_until(me, limit()).is_ok();
    let refused: Operation =
        |group, me| matches!(group.try_wait(me), Err(WaitGroupError::WouldBlock));
    let at_once: Operation = |group, me| group.try_wait(me) == Err(WaitGroupError::Died(1));
    #[rustfmt::skip]
    let rows: [(&'static str, Found, Role, Operation); 9] = [
        ("waitgroup enter and leave, nobody there", Nobody, Role::Worker, enter),
        ("waitgroup enter and leave, one waits for another", WorkerBesideASleeper, Role::Worker, enter),
        ("waitgroup enter and leave, place of the dead", TheDead, Role::Worker, enter),
        ("waitgroup enter and leave, one waits for the dead", TheDeadBesideASleeper, Role::Worker, enter),
        ("waitgroup wait, nobody there", Nobody, Role::Waiter, wait_for),
        ("waitgroup try_wait, one is there", Worker, Role::Waiter, refused),
        ("waitgroup try_wait, for the dead", TheDead, Role::Waiter, at_once),
        ("waitgroup wait, asleep beside another", WorkerBesideASleeper, Role::Waiter, wait_for),
        ("waitgroup wait_until, asleep beside another", WorkerBesideASleeper, Role::Waiter, until),
    ];
    for (name, found, role, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(found),
            victim: &|world, marks| {
                let me = world.region.join().ok()?;
                let group = world.group();
                marks.begin();
                let done = operation(group, &me);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| world.let_go(),
            while_stopped: &nobody_dies,
            check: &|world, fate| check(world, fate, role),
        };
        tallies.push(run_case(&case, extent));
    }
}
