//! What is made once: there is one value, the whole of one, and nobody waits for the dead.

use core::mem::forget;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};
use rawipc::sync::{Once, OnceCell};
use rawipc::{Deadline, Errno};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, PATIENCE, TORN, limit};

/// A value, all parts of which are equal, and say who made it.
type Value = [u64; 4];
type Cell = OnceCell<Value>;

const VICTIM: u64 = 1;
const SURVIVOR: u64 = 2;
const HOLDER: u64 = 3;

/// What the victim finds.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Nothing,
    /// Somebody makes the value, until told to be ready.
    Begun,
    /// And another one sleeps for it.
    BegunBesideAnother,
    /// A dead one has begun.
    OfTheDead,
    Made,
}
use Found::{Begun, BegunBesideAnother, Made, Nothing, OfTheDead};

struct World {
    memory: Mapping,
    region: Region,
    me: Member,
    found: Found,
    survivors: Vec<Survivor>,
}

/// Makes the value if there is none; returns whose there is.
fn make(cell: &Cell, me: &Member, maker: u64, deadline: Deadline) -> Result<u64, i32> {
    match cell.get_or_init_until(me, || [maker; 4], deadline) {
        Ok([first, rest @ ..]) if rest == [first; 3] && first != 0 => Ok(first),
        Ok(_) => Err(TORN),
        Err(_) => Err(HUNG),
    }
}

fn life(made: Result<u64, i32>) -> i32 {
    match made {
        Ok(_) => 0,
        Err(end) => end,
    }
}

impl World {
    fn new(found: Found) -> Self {
        let region = Region::create(0).unwrap();
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            me: region.join().unwrap(),
            region,
            found,
            survivors: Vec::new(),
        };
        match found {
            Nothing => {}
            Begun | BegunBesideAnother => {
                let holder = world.holder();
                world.survivors.push(holder);
            }
            OfTheDead => {
                // It leaves the region, as one that dies does. The cell begins with its word.
                let dead = world.region.join().unwrap();
                forget(world.once().begin(&dead).unwrap());
            }
            Made => {
                world.cell().set(&world.me, &[SURVIVOR; 4]).unwrap();
            }
        }
        if found == BegunBesideAnother {
            let sleeper = Survivor::fork(|| {
                let Ok(me) = world.region.join() else {
                    return 1;
                };
                life(make(world.cell(), &me, SURVIVOR, limit()))
            });
            sleeper.await_sleep();
            world.survivors.push(sleeper);
        }
        world
    }

    fn cell(&self) -> &Cell {
        self.memory.object(0).unwrap()
    }

    fn once(&self) -> &Once {
        // SAFETY: mapped as long as it is borrowed, and aligned; the cell begins so.
        unsafe { &*self.memory.as_ptr().cast() }
    }

    /// Set when the holder is to be ready.
    fn go(&self) -> &AtomicU32 {
        self.memory.object(1024).unwrap()
    }

    fn holder(&self) -> Survivor {
        let ready: &AtomicU32 = self.memory.object(1028).unwrap();
        let holder = Survivor::fork(|| {
            let Ok(me) = self.region.join() else { return 1 };
            let mut hung = false;
            let made = self.cell().get_or_init(&me, || {
                ready.store(1, Ordering::Release);
                while self.go().load(Ordering::Acquire) == 0 && !hung {
                    match futex::wait_until(self.go(), 0, Scope::Shared, limit()) {
                        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                        Err(_) => hung = true,
                    }
                }
                [HOLDER; 4]
            });
            match made {
                Ok([HOLDER, ..]) if !hung => 0,
                _ => HUNG,
            }
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
}

fn check(world: World, fate: &Fate) -> Result<&'static str, Violation> {
    world.let_go();
    for survivor in &world.survivors {
        match survivor.end(2 * PATIENCE)? {
            0 => {}
            TORN => return Err(Violation::Torn),
            _ => return Err(Violation::Hang),
        }
    }
    // And one that comes now.
    let maker = match make(world.cell(), &world.me, SURVIVOR, limit()) {
        Ok(maker) => maker,
        Err(TORN) => return Err(Violation::Torn),
        Err(_) => return Err(Violation::Hang),
    };
    if world.cell().get() != Some([maker; 4]) {
        return Err(Violation::Torn);
    }
    // Who has begun is not robbed; who came to its end has made it if nobody had.
    let expected = match world.found {
        Begun | BegunBesideAnother => HOLDER,
        Made => SURVIVOR,
        Nothing | OfTheDead if fate.ended => VICTIM,
        Nothing | OfTheDead => maker,
    };
    if maker != expected {
        return Err(if fate.ended {
            Violation::Lost
        } else {
            Violation::Unusable
        });
    }
    Ok(match maker {
        VICTIM => "made",
        HOLDER => "made by the holder",
        _ => "made by a survivor",
    })
}

/// While the victim stands still nobody takes from it what it has begun.
fn nobody_robs(world: &World) -> Result<(), Violation> {
    let until = Deadline::after(Duration::from_millis(1));
    while !until.has_passed() {
        let whole = world.cell().get();
        if whole.is_some_and(|value| value != [value[0]; 4]) {
            return Err(Violation::Torn);
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&Cell, &Member) -> bool;
    let make_it: Operation = |cell, me| make(cell, me, VICTIM, Deadline::Never).is_ok();
    let until: Operation = |cell, me| make(cell, me, VICTIM, limit()).is_ok();
    let at_once: Operation = |cell, me| make(cell, me, VICTIM, Deadline::NOW).is_ok();
    let refused: Operation =
        |cell, me| cell.try_get_or_init(me, || [VICTIM; 4]) == Err(Errno::AGAIN);
    #[rustfmt::skip]
    let rows: [(&'static str, Found, Operation); 8] = [
        ("once get_or_init, nothing there", Nothing, make_it),
        ("once get_or_init at once, nothing there", Nothing, at_once),
        ("once get_or_init, made", Made, make_it),
        ("once try_get_or_init, begun", Begun, refused),
        ("once get_or_init, asleep", Begun, make_it),
        ("once get_or_init_until, asleep", Begun, until),
        ("once get_or_init, asleep beside another", BegunBesideAnother, make_it),
        ("once get_or_init, of the dead", OfTheDead, make_it),
    ];
    for (name, found, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(found),
            victim: &|world, marks| {
                let me = world.region.join().ok()?;
                let cell = world.cell();
                marks.begin();
                let done = operation(cell, &me);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| world.let_go(),
            while_stopped: &nobody_robs,
            check: &check,
        };
        tallies.push(run_case(&case, extent));
    }
}
