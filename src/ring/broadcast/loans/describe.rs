//! The description of such a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::lines::{CHUNKS, Lines};
use crate::region::{Fact, Head, Look, Roster};
use crate::ring::broadcast::describe::describe_ring;
use crate::ring::broadcast::lines::WORDS;
use crate::ring::pool::chunk::Chunk;
use crate::ring::pool::classes::Plan;
use crate::ring::pool::describe::describe_chunks;

/// Tells what there is of a ring whose messages are read where they lie: its members, its slots, and
/// who has the chunks.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let plan = Plan::from_words(look.words());
    let (Some(plan), Some(places)) = (plan, look.sections::<Lines, 4>()) else {
        return see(Fact::WRONG_SIZE);
    };
    let longest = plan.longest() as u64;
    let ring = offset_of!(Head<Lines>, words.ring);
    describe_ring(
        look,
        ring,
        1 << plan.slots,
        longest,
        Some(places[WORDS]),
        see,
    );
    let readers = offset_of!(Head<Lines>, words.readers);
    Roster::describe(look, readers, "reader", see);
    describe_chunks(look, &plan, places[CHUNKS], see);
    let pins = places[CHUNKS] + Chunk::PINS as u64;
    let mut pinned = 0;
    let complete = look.each_slot(pins, size_of::<Chunk>(), plan.chunks, |_, pins| {
        pinned += u64::from(pins != 0);
    });
    if complete {
        see(Fact::Counter {
            name: "chunks that readers have",
            value: pinned,
        });
    }
}
