//! What is found in a ring's memory by whoever only looks at it.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::lines::{Lines, Tail, WORDS};
use super::slots::{BLOCKED, WRITING};
use crate::region::{Fact, Head, Look, Roster, Unit};
use crate::ring::slot::Seen;

/// Tells what there is of a ring that every reader receives from. Readers leave no trace but that of
/// their sleep.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [capacity, longest, ..] = look.words();
    let places = look.sections::<Lines, 2>();
    let words = places.map(|places| places[WORDS]);
    let ring = offset_of!(Head<Lines>, words);
    describe_ring(look, ring, capacity, longest, words, see);
}

/// Tells what there is of one whose words begin at `ring` of the head, and those of its slots at
/// `words`.
pub(super) fn describe_ring(
    look: &Look<'_>,
    ring: usize,
    capacity: u64,
    longest: u64,
    words: Option<u64>,
    see: &mut dyn FnMut(Fact),
) {
    see(Fact::Capacity(capacity, Unit::Messages));
    let tail = ring + offset_of!(Lines, tail);
    let counts = [
        ("positions claimed", offset_of!(Tail, hint)),
        ("positions passed over", offset_of!(Tail, skipped)),
        ("positions of the dead", offset_of!(Tail, lost)),
    ];
    let counts = counts.map(|(name, at)| (name, look.long(tail + at).unwrap_or(0)));
    for (name, value) in [("bytes of the longest message", longest)]
        .into_iter()
        .chain(counts)
    {
        see(Fact::Counter { name, value });
    }
    let writers = ring + offset_of!(Lines, writers);
    Roster::describe(look, writers, "writer", see);
    let Some(words) = words else {
        return see(Fact::WRONG_SIZE);
    };
    let mut sleeps = false;
    look.each_slot(words, size_of::<u64>(), capacity as usize, |_, word| {
        let seen = Seen::of(word);
        sleeps |= seen.is_awaited();
        if matches!(seen.state(), WRITING | BLOCKED) {
            see(look.member("claim", seen.owner(), false));
        }
    });
    if sleeps {
        see(Fact::Sleeper { role: "reader" });
    }
}
