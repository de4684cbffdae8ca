//! The description of a pool's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::lines::Lines;
use crate::region::{Fact, Head, Look, Roster};

/// Tells who is a member of a pool.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    if look.sections::<Lines, 3>().is_none() {
        see(Fact::WRONG_SIZE);
    }
    let producers = offset_of!(Head<Lines>, words.producers);
    Roster::describe(look, producers, "producer", see);
    let consumers = offset_of!(Head<Lines>, words.consumers);
    Roster::describe(look, consumers, "consumer", see);
}
