//! The description of a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::progress::{POSITION, Progress};
use super::side::Lines;
use crate::region::{Fact, Head, Look, Unit};

/// Tells what there is of a ring with bells.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [data, ..] = look.words();
    if look.sections::<Lines, 1>().is_none() {
        see(Fact::WRONG_SIZE);
    }
    see(Fact::Capacity(data, Unit::Bytes));
    let mut side = |at: usize, role, watcher| {
        let word = look.long(at + Progress::WORD).unwrap_or(0);
        let reading = Progress::reading(word);
        let number = look.word(at + offset_of!(Progress, owner)).unwrap_or(0);
        see(look.member(role, number, reading.is_closed()));
        if Progress::is_armed(word) {
            see(Fact::Sleeper { role: watcher });
        }
        reading.position()
    };
    let published = side(
        offset_of!(Head<Lines>, words.published),
        "producer",
        "consumer",
    );
    let consumed = side(
        offset_of!(Head<Lines>, words.consumed),
        "consumer",
        "producer",
    );
    let fill = published.wrapping_sub(consumed) & POSITION;
    if fill <= data {
        see(Fact::Fill(fill, Unit::Bytes));
    } else {
        see(Fact::Impossible {
            what: "more is published than there is room for",
        });
    }
    for (name, value) in [("bytes published", published), ("bytes consumed", consumed)] {
        see(Fact::Counter { name, value });
    }
}
