//! The kinds of structures, and who tells what is found in each.
#![forbid(unsafe_code)]

use crate::members;
use crate::region::{Fact, Look};
use crate::ring::header::Kind;
use crate::ring::{broadcast, call, doorbell, latest, mpmc, mpsc, pool, spsc};

/// A kind that can be told of.
pub(super) struct Known {
    kind: Kind,
    pub(super) name: &'static str,
    pub(super) describe: Describe,
}

/// What tells what is found in a structure of a kind.
type Describe = fn(&Look<'_>, &mut dyn FnMut(Fact));

const fn of(kind: Kind, name: &'static str, describe: Describe) -> Known {
    Known {
        kind,
        name,
        describe,
    }
}

/// Every one.
#[rustfmt::skip]
const ALL: &[Known] = &[
    of(Kind::SpscRecords,    "spsc records",       spsc::describe::describe),
    of(Kind::SpscItems,      "spsc items",         spsc::describe::describe),
    of(Kind::MpmcRecords,    "mpmc records",       mpmc::describe::describe),
    of(Kind::MpmcItems,      "mpmc items",         mpmc::describe::describe),
    of(Kind::Mpsc,           "mpsc records",       mpsc::describe::describe),
    of(Kind::Broadcast,      "broadcast records",  broadcast::describe::describe),
    of(Kind::BroadcastItems, "broadcast items",    broadcast::describe::describe),
    of(Kind::BroadcastLoans, "broadcast loans",    broadcast::loans::describe::describe),
    of(Kind::Pool,           "pool",               pool::describe::describe),
    of(Kind::Call,           "call service",       call::describe::describe),
    of(Kind::Latest,         "latest value",       latest::describe::describe),
    of(Kind::Doorbell,       "doorbell records",   doorbell::describe::describe),
    of(Kind::Members,        "members",            members::describe::describe),
];

/// That of this number.
pub(super) fn known(number: u64) -> Option<&'static Known> {
    ALL.iter().find(|known| known.kind as u64 == number)
}
