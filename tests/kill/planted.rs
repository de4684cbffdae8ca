//! Mechanisms with the two classic bugs, to see that the harness finds them.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};
use rawipc::sync::futex::{self, Scope};

use crate::harness::{Case, Extent, Survivor, Tally, Violation, comes_true, run as run_case};
use crate::support::LIMIT;

pub(crate) const WAKE_AFTER_PUBLISH: &str = "planted: a post that wakes after it has published";
pub(crate) const PUBLISH_BEFORE_WRITE: &str = "planted: a send that publishes before it writes";

/// A hang is expected here, so that it need not be told from slowness for sure.
const PATIENCE: Duration = Duration::from_millis(200);

/// The word and the place of the broken mechanisms.
struct World {
    memory: Mapping,
    sleeper: Option<Survivor>,
}

impl World {
    fn new() -> Self {
        Self {
            memory: MapOptions::shared(4096).map_anonymous().unwrap(),
            sleeper: None,
        }
    }

    fn word(&self) -> &AtomicU32 {
        self.memory.object(0).unwrap()
    }

    fn item(&self) -> &AtomicU64 {
        self.memory.object(8).unwrap()
    }
}

pub(crate) fn run(tallies: &mut Vec<Tally>) {
    let post = Case {
        name: WAKE_AFTER_PUBLISH,
        set_up: &|| {
            let mut world = World::new();
            let sleeper = Survivor::fork(|| {
                let limit = Deadline::after(LIMIT);
                while world.word().load(Ordering::Acquire) == 0 {
                    let _ = futex::wait_until(world.word(), 0, Scope::Shared, limit);
                }
                0
            });
            sleeper.await_sleep();
            world.sleeper = Some(sleeper);
            world
        },
        victim: &|world, marks| {
            let word = world.word();
            marks.begin();
            word.store(1, Ordering::Release);
            let woken = futex::wake(word, 1, Scope::Shared);
            marks.end();
            woken.is_ok().then_some(())
        },
        unblock: &|_| {},
        while_stopped: &|_| Ok(()),
        check: &|world, _| {
            let sleeper = world.sleeper.as_ref().unwrap();
            if world.word().load(Ordering::Acquire) == 0 {
                // Not published: nobody has to wake it.
                return Ok("nothing");
            }
            comes_true(PATIENCE, || sleeper.has_exited()).map(|()| "posted")
        },
    };
    tallies.push(run_case(&post, Extent::Some(20)));

    const ITEM: u64 = 0x0123_4567_89ab_cdef;
    let send = Case {
        name: PUBLISH_BEFORE_WRITE,
        set_up: &World::new,
        victim: &|world, marks| {
            let (word, item) = (world.word(), world.item());
            marks.begin();
            word.store(1, Ordering::Release);
            item.store(ITEM, Ordering::Release);
            marks.end();
            Some(())
        },
        unblock: &|_| {},
        while_stopped: &|_| Ok(()),
        check: &|world, _| match world.word().load(Ordering::Acquire) {
            0 => Ok("nothing"),
            _ if world.item().load(Ordering::Acquire) == ITEM => Ok("sent"),
            _ => Err(Violation::Torn),
        },
    };
    tallies.push(run_case(&send, Extent::Some(40)));
}
