//! The value that is read without waiting: whole at any time, none lost that was published, and no
//! writer waits for the dead.

use core::mem::forget;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::SeqLock;
use rawipc::sync::futex::{self, Scope};
use rawipc::{Deadline, Errno};

use crate::harness::{Case, Extent, Fate, Survivor, Tally, Violation, run as run_case};
use crate::messages::{HUNG, PATIENCE, TORN, limit};

/// Numbers that are equal in each value that is published.
type Value = [u64; 4];
type Lock = SeqLock<Value>;

/// What the victim finds.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Nobody,
    /// Somebody has its turn, until told to end it.
    Writer,
    /// And another one sleeps until then.
    WriterBesideAnother,
    /// A dead one has its turn.
    DeadWriter,
}
use Found::{DeadWriter, Nobody, Writer, WriterBesideAnother};

struct World {
    memory: Mapping,
    region: Region,
    me: Member,
    /// How many values others publish.
    others: u64,
    survivors: Vec<Survivor>,
}

fn whole([first, rest @ ..]: Value) -> Result<u64, i32> {
    match rest == [first; 3] {
        true => Ok(first),
        false => Err(TORN),
    }
}

/// Publishes one more.
fn add(lock: &Lock, me: &Member, deadline: Deadline) -> Result<(), i32> {
    let mut turn = lock.write_until(me, deadline).map_err(|_| HUNG)?;
    let number = whole(turn.get())?;
    turn.set(&[number + 1; 4]);
    Ok(())
}

fn life(added: Result<(), i32>) -> i32 {
    added.err().unwrap_or(0)
}

fn violation(end: i32) -> Violation {
    match end {
        TORN => Violation::Torn,
        _ => Violation::Hang,
    }
}

impl World {
    fn new(found: Found) -> Self {
        let region = Region::create(0).unwrap();
        let mut world = Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            me: region.join().unwrap(),
            region,
            others: 0,
            survivors: Vec::new(),
        };
        match found {
            Nobody => {}
            Writer | WriterBesideAnother => {
                let holder = world.holder();
                world.survivors.push(holder);
            }
            DeadWriter => {
                // It leaves the region, as one that dies does.
                let dead = world.region.join().unwrap();
                forget(world.lock().write(&dead).unwrap());
            }
        }
        if found == WriterBesideAnother {
            let sleeper = Survivor::fork(|| {
                let Ok(me) = world.region.join() else {
                    return 1;
                };
                life(add(world.lock(), &me, limit()))
            });
            sleeper.await_sleep();
            world.survivors.push(sleeper);
        }
        world.others = world.survivors.len() as u64;
        world
    }

    fn lock(&self) -> &Lock {
        self.memory.object(0).unwrap()
    }

    /// Set when the holder is to publish its value and to end its turn.
    fn go(&self) -> &AtomicU32 {
        self.memory.object(1024).unwrap()
    }

    fn holder(&self) -> Survivor {
        let ready: &AtomicU32 = self.memory.object(1028).unwrap();
        let holder = Survivor::fork(|| {
            let Ok(me) = self.region.join() else { return 1 };
            let Ok(mut turn) = self.lock().write(&me) else {
                return 1;
            };
            ready.store(1, Ordering::Release);
            while self.go().load(Ordering::Acquire) == 0 {
                match futex::wait_until(self.go(), 0, Scope::Shared, limit()) {
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(_) => return HUNG,
                }
            }
            turn.update(|value| *value = value.map(|number| number + 1));
            0
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

fn check(world: World, fate: &Fate, writes: bool) -> Result<&'static str, Violation> {
    world.let_go();
    for survivor in &world.survivors {
        match survivor.end(2 * PATIENCE)? {
            0 => {}
            end => return Err(violation(end)),
        }
    }
    let value = whole(world.lock().read()).map_err(violation)?;
    let published = match value.checked_sub(world.others) {
        None => return Err(Violation::Lost),
        Some(0) if fate.ended && writes => return Err(Violation::Lost),
        Some(number) if number > u64::from(writes) => return Err(Violation::Torn),
        Some(number) => number,
    };
    // And one that comes now.
    add(world.lock(), &world.me, limit()).map_err(violation)?;
    match whole(world.lock().read()) {
        Ok(number) if number == value + 1 => {}
        _ => return Err(Violation::Unusable),
    }
    Ok(match published {
        0 => "nothing",
        _ => "published",
    })
}

/// While the victim stands still, readers read, and see no value that is over.
fn readers_read(world: &World) -> Result<(), Violation> {
    let until = Deadline::after(Duration::from_millis(1));
    let mut last = 0;
    while !until.has_passed() {
        match whole(world.lock().read()) {
            Ok(number) if number >= last => last = number,
            _ => return Err(Violation::Torn),
        }
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&Lock, &Member) -> bool;
    let write: Operation = |lock, me| add(lock, me, Deadline::Never).is_ok();
    let until: Operation = |lock, me| add(lock, me, limit()).is_ok();
    let at_once: Operation = |lock, me| match lock.try_write(me) {
        Ok(mut turn) => {
            turn.update(|value| *value = value.map(|number| number + 1));
            true
        }
        Err(_) => false,
    };
    let refused: Operation = |lock, me| matches!(lock.try_write(me), Err(Errno::AGAIN));
    let read: Operation = |lock, _| whole(lock.read()).is_ok();
    #[rustfmt::skip]
    let rows: [(&'static str, Found, bool, Operation); 7] = [
        ("seqlock write, nobody there", Nobody, true, write),
        ("seqlock try_write, nobody there", Nobody, true, at_once),
        ("seqlock try_write, another writes", Writer, false, refused),
        // Where nobody sleeps yet they spin first, as in the tables of the mutex.
        ("seqlock write, asleep beside another", WriterBesideAnother, true, write),
        ("seqlock write_until, asleep beside another", WriterBesideAnother, true, until),
        ("seqlock try_write, turn of the dead", DeadWriter, true, at_once),
        ("seqlock read, another writes", Writer, false, read),
    ];
    for (name, found, writes, operation) in rows {
        let case = Case {
            name,
            set_up: &|| World::new(found),
            victim: &|world, marks| {
                let me = world.region.join().ok()?;
                let lock = world.lock();
                marks.begin();
                let done = operation(lock, &me);
                marks.end();
                done.then_some(())
            },
            unblock: &|world| world.let_go(),
            while_stopped: &readers_read,
            check: &|world, fate| check(world, fate, writes),
        };
        tallies.push(run_case(&case, extent));
    }
}
