//! The description of a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::side::Lines;
use crate::region::{Fact, Head, Look, Unit};
use crate::ring::progress::Progress;

/// Tells what there is of a ring of records or of items.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [data, item, ..] = look.words();
    if look.sections::<Lines, 1>().is_none() {
        see(Fact::WRONG_SIZE);
    }
    see(Fact::Capacity(data, Unit::Bytes));
    if item != 0 {
        see(Fact::Counter {
            name: "bytes of an item",
            value: item,
        });
    }
    let mut end = |at, role| {
        let number = look.word(at + offset_of!(Progress, owner)).unwrap_or(0);
        let is_closed = look.word(at + offset_of!(Progress, closed)) == Some(1);
        see(look.member(role, number, is_closed));
    };
    end(offset_of!(Head<Lines>, words.published), "producer");
    end(offset_of!(Head<Lines>, words.consumed), "consumer");
}
