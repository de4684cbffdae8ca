//! The description of a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::lane::{CLOSED_AT, CONSUMER_AT, Holder, LANES_MAX, Lane, Words};
use crate::region::{Fact, Look, Unit};
use crate::ring::progress::Progress;

/// Tells what there is of a ring with a lane for each producer.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [lanes, room, ..] = look.words();
    see(Fact::Counter {
        name: "lanes",
        value: lanes,
    });
    see(Fact::Capacity(room, Unit::Bytes));
    let is_closed = look.word(CLOSED_AT).is_some_and(|closed| closed != 0);
    let number = look.word(CONSUMER_AT).unwrap_or(0);
    see(look.member("consumer", number, is_closed));
    let Some([first, _]) = look.sections::<Words, 2>() else {
        return see(Fact::WRONG_SIZE);
    };
    let owner = offset_of!(Lane, published) + offset_of!(Progress, owner);
    for lane in 0..LANES_MAX.min(lanes as usize) {
        let at = first as usize + lane * size_of::<Lane>() + owner;
        match Holder::of(look.word(at).unwrap_or(0)) {
            Holder::Fresh | Holder::Free => {}
            Holder::Held(number) | Holder::Dead(number) => {
                see(look.member("producer", number, false));
            }
            Holder::Closed(number) => see(look.member("producer", number, true)),
        }
    }
}
