//! The description of a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::lane::{CLOSED_AT, CONSUMER_AT, Holder, LANES_MAX, Lane, Words};
use crate::region::{Fact, Look, Unit};
use crate::ring::SpinThenFutex;
use crate::ring::progress::Progress;
use crate::ring::waiting::sealed::Strategy;

/// Tells what there is of a ring with a lane for each producer.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [lanes, room, waiting, _] = look.words();
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
    let sleeps = waiting == u64::from(SpinThenFutex::CODE);
    let (mut fill, mut is_impossible, mut asleep) = (0, false, [false; 2]);
    for lane in 0..LANES_MAX.min(lanes as usize) {
        let at = first as usize + lane * size_of::<Lane>();
        let both = [
            at + offset_of!(Lane, published),
            at + offset_of!(Lane, consumed),
        ];
        let (here, sleepers) = Progress::look(look, both, room, sleeps);
        is_impossible |= here.is_none();
        fill += here.unwrap_or(0);
        for (asleep, sleeper) in asleep.iter_mut().zip(sleepers) {
            *asleep |= sleeps && sleeper;
        }
        match Holder::of(look.word(at + owner).unwrap_or(0)) {
            // None behind it has been used.
            Holder::Fresh => break,
            Holder::Free => {}
            Holder::Held(number) | Holder::Dead(number) => {
                see(look.member("producer", number, false));
            }
            Holder::Closed(number) => see(look.member("producer", number, true)),
        }
    }
    see(Fact::Fill(fill, Unit::Bytes));
    if is_impossible {
        see(Fact::Impossible {
            what: "more is in a lane than there is room for",
        });
    }
    for (role, asleep) in [("consumer", asleep[0]), ("producer", asleep[1])] {
        if asleep {
            see(Fact::Sleeper { role });
        }
    }
}
