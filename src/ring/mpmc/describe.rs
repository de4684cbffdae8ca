//! The description of a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::lap::{FREE, READY, WRITING};
use super::side::{Line, Lines};
use super::statistics::Recovered;
use crate::region::{Fact, Head, Look, Roster, Unit};
use crate::ring::slot::Seen;

/// Tells what there is of a ring of slots.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [capacity, _size, _waiting, stride] = look.words();
    see(Fact::Capacity(capacity, Unit::Messages));
    for (role, line) in [
        ("producer", offset_of!(Head<Lines>, words.producers)),
        ("consumer", offset_of!(Head<Lines>, words.consumers)),
    ] {
        Roster::describe(look, line + offset_of!(Line, roster), role, see);
    }
    let recovered = offset_of!(Head<Lines>, words.recovered);
    for (name, at) in Recovered::COUNTERS {
        if let Some(value) = look.long(recovered + at) {
            see(Fact::Counter { name, value });
        }
    }
    match look.sections::<Lines, 1>() {
        Some([first]) => slots(look, first, stride as usize, capacity as usize, see),
        None => see(Fact::WRONG_SIZE),
    }
}

/// Tells what is in the slots, who has claimed some, and whether anybody sleeps.
fn slots(look: &Look<'_>, at: u64, stride: usize, count: usize, see: &mut dyn FnMut(Fact)) {
    let mut ready = 0;
    // A producer sleeps for a slot that is not yet free, a consumer for one that is not yet ready.
    let [mut producers, mut consumers] = [false; 2];
    let complete = look.each_slot(at, stride, count, |_, word| {
        let seen = Seen::of(word);
        ready += u64::from(seen.state() == READY);
        let is_filled = seen.state() != FREE && seen.state() != WRITING;
        producers |= seen.is_awaited() && is_filled;
        consumers |= seen.is_awaited() && !is_filled;
        if seen.owner() != 0 && seen.state() != FREE && seen.state() != READY {
            let role = match seen.state() {
                WRITING => "claim to write",
                _ => "claim to read",
            };
            see(look.member(role, seen.owner(), false));
        }
    });
    if complete {
        see(Fact::Fill(ready, Unit::Messages));
    }
    for (role, asleep) in [("producer", producers), ("consumer", consumers)] {
        if asleep {
            see(Fact::Sleeper { role });
        }
    }
}
