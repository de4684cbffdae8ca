//! What is found in a service's memory by whoever only looks at it.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::lines::Lines;
use crate::region::{Fact, Head, Look, Roster, Unit};

/// Tells who is a member of a service.
pub(crate) fn describe(look: &Look<'_>, see: &mut dyn FnMut(Fact)) {
    let [slots, request, response, _] = look.words();
    see(Fact::Capacity(slots, Unit::Messages));
    for (name, value) in [
        ("bytes of a request", request),
        ("bytes of a response", response),
    ] {
        see(Fact::Counter { name, value });
    }
    if look.sections::<Lines, 2>().is_none() {
        see(Fact::WRONG_SIZE);
    }
    let clients = offset_of!(Head<Lines>, words.clients);
    Roster::describe(look, clients, "client", see);
    let servers = offset_of!(Head<Lines>, words.servers);
    Roster::describe(look, servers, "server", see);
}
