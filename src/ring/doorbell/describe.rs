//! The description of a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::progress::{POSITION, Progress};
use super::side::Lines;
use crate::region::{Fact, Head, Look, Unit};
use crate::ring::fill::fill;

/// Tells what there is of a ring with bells.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [data, ..] = look.words();
    if look.sections::<Lines, 1>().is_none() {
        see(Fact::WRONG_SIZE);
    }
    see(Fact::Capacity(data, Unit::Bytes));
    let [published_at, consumed_at] = [
        offset_of!(Head<Lines>, words.published),
        offset_of!(Head<Lines>, words.consumed),
    ];
    let word = |at: usize| look.long(at + Progress::WORD).unwrap_or(0);
    let before = Progress::reading(word(consumed_at)).position();
    let mut side = |at: usize, role, watcher| {
        let word = word(at);
        let reading = Progress::reading(word);
        let number = look.word(at + offset_of!(Progress, owner)).unwrap_or(0);
        see(look.member(role, number, reading.is_closed()));
        if Progress::is_armed(word) {
            see(Fact::Sleeper { role: watcher });
        }
        reading.position()
    };
    let published = side(published_at, "producer", "consumer");
    let consumed = side(consumed_at, "consumer", "producer");
    match fill(data, [before, consumed], published, POSITION) {
        Some(fill) => see(Fact::Fill(fill, Unit::Bytes)),
        None => see(Fact::Impossible {
            what: "more is published than there is room for",
        }),
    }
    for (name, value) in [("bytes published", published), ("bytes consumed", consumed)] {
        see(Fact::Counter { name, value });
    }
}
