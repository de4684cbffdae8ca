//! The description of a pool's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::chunk::{self, Chunk};
use super::classes::{CLASSES_MAX, Extent, Plan};
use super::lane::{FREE, READING, READY, Slot, WRITING};
use super::lines::{CHUNKS, Lines, SLOTS};
use crate::region::{Fact, Head, Look, Roster, Unit};
use crate::ring::bell::Bell;
use crate::ring::slot::Seen;

/// The names of what is counted in each class.
struct Names {
    size: &'static str,
    count: &'static str,
    seen: &'static str,
    free: &'static str,
    held: &'static str,
    dead: &'static str,
    sent: &'static str,
}

macro_rules! names {
    ($($class:literal)*) => {
        [$(Names {
            size: concat!("class ", $class, ", bytes of a chunk"),
            count: concat!("class ", $class, ", chunks"),
            seen: concat!("class ", $class, ", chunks that were looked at"),
            free: concat!("class ", $class, ", chunks that are free"),
            held: concat!("class ", $class, ", chunks in somebody's hands"),
            dead: concat!("class ", $class, ", chunks that the dead have"),
            sent: concat!("class ", $class, ", chunks on the way"),
        }),*]
    };
}

const NAMES: [Names; CLASSES_MAX] = names!(1 2 3 4);

/// How many owners of chunks are asked about: further ones count as alive.
const OWNERS: usize = 64;

/// Who has died of those who have chunks.
struct Owners {
    known: [(u32, bool); OWNERS],
    count: usize,
}

impl Owners {
    fn has_died(&mut self, look: &Look<'_>, number: u32) -> bool {
        let known = self.known.get(..self.count).unwrap_or_default();
        if let Some(&(_, died)) = known.iter().rev().find(|(known, _)| *known == number) {
            return died;
        }
        let Some(free) = self.known.get_mut(self.count) else {
            return false;
        };
        // Nobody who may live is declared dead.
        *free = (number, look.is_alive(number) == Some(false));
        self.count += 1;
        free.1
    }
}

/// Tells what there is of a pool: its members, what is under way, and who has the chunks.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let producers = offset_of!(Head<Lines>, words.producers);
    Roster::describe(look, producers, "producer", see);
    let consumers = offset_of!(Head<Lines>, words.consumers);
    Roster::describe(look, consumers, "consumer", see);
    let plan = Plan::from_words(look.words());
    let (Some(plan), Some(places)) = (plan, look.sections::<Lines, 3>()) else {
        return see(Fact::WRONG_SIZE);
    };
    let slots = 1 << plan.slots;
    see(Fact::Capacity(slots as u64, Unit::Messages));
    let mut asleep = tell_slots(look, places[SLOTS], slots, see);
    describe_chunks(look, &plan, places[CHUNKS], see);
    for (class, extent) in plan.extents.iter().enumerate() {
        if extent.count > 0 {
            let bells = offset_of!(Head<Lines>, words.bells);
            let bell = look.word(bells + class * size_of::<Bell>());
            asleep.producers |= bell.is_some_and(Bell::is_armed);
        }
    }
    for (role, is_asleep) in [
        ("producer", asleep.producers),
        ("consumer", asleep.consumers),
    ] {
        if is_asleep {
            see(Fact::Sleeper { role });
        }
    }
}

/// Tells of each class what its chunks are, whose words begin at `at`.
pub(in crate::ring) fn describe_chunks(
    look: &Look<'_>,
    plan: &Plan,
    at: u64,
    see: &mut dyn FnMut(Fact),
) {
    let mut owners = Owners {
        known: [(0, false); OWNERS],
        count: 0,
    };
    for (extent, names) in plan.extents.iter().zip(&NAMES) {
        if extent.count > 0 {
            tell_class(look, at, extent, names, &mut owners, see);
        }
    }
}

struct Asleep {
    producers: bool,
    consumers: bool,
}

/// Tells how many messages are under way and who has claimed slots, and returns who sleeps for one.
fn tell_slots(look: &Look<'_>, at: u64, count: usize, see: &mut dyn FnMut(Fact)) -> Asleep {
    let mut ready = 0;
    let [mut producers, mut consumers] = [false; 2];
    let complete = look.each_slot(at, size_of::<Slot>(), count, |_, word| {
        let seen = Seen::of(word);
        ready += u64::from(seen.state() == READY);
        // A producer sleeps for a slot that is not yet free, a consumer for one that is not yet ready.
        match seen.state() {
            FREE | WRITING => consumers |= seen.is_awaited(),
            _ => producers |= seen.is_awaited(),
        }
        let role = match seen.state() {
            WRITING => "claim to send",
            READING => "claim to receive",
            _ => return,
        };
        see(look.member(role, seen.owner(), false));
    });
    if complete {
        see(Fact::Fill(ready, Unit::Messages));
    }
    Asleep {
        producers,
        consumers,
    }
}

/// Tells of a class what its chunks are, and who has them.
fn tell_class(
    look: &Look<'_>,
    chunks: u64,
    extent: &Extent,
    names: &Names,
    owners: &mut Owners,
    see: &mut dyn FnMut(Fact),
) {
    let stride = size_of::<Chunk>();
    let at = chunks + u64::from(extent.first) * stride as u64;
    let [mut seen, mut free, mut held, mut dead, mut sent] = [0_u64; 5];
    let mut is_impossible = false;
    let complete = look.each_slot(at, stride, extent.count as usize, |_, word| {
        seen += 1;
        match chunk::Says::of(word) {
            chunk::Says::Free => free += 1,
            chunk::Says::Owned(owner) if owners.has_died(look, owner) => dead += 1,
            chunk::Says::Owned(_) => held += 1,
            chunk::Says::InRing => sent += 1,
            chunk::Says::Impossible => is_impossible = true,
        }
    });
    let mut tell = |name, value| see(Fact::Counter { name, value });
    tell(names.size, extent.size as u64);
    tell(names.count, extent.count.into());
    if !complete {
        tell(names.seen, seen);
    }
    tell(names.free, free);
    tell(names.held, held);
    tell(names.dead, dead);
    tell(names.sent, sent);
    if is_impossible {
        see(Fact::Impossible {
            what: "a chunk is neither free nor anybody's nor on the way",
        });
    }
}
