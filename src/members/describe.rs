//! The description of a region, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::words::Words;
use crate::region::{Fact, Head, Look, Roster, Unit};

/// Tells who has joined.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let places = offset_of!(Head<Words>, words.places);
    Roster::describe(look, places, "member", see);
    if look.sections::<Words, 1>().is_none() {
        return see(Fact::WRONG_SIZE);
    }
    let [len, ..] = look.words();
    see(Fact::Capacity(len, Unit::Bytes));
}
