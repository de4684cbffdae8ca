//! The kinds of structures, and who tells what is found in each.
#![forbid(unsafe_code)]

use crate::region::{Fact, Look};
use crate::ring::header::Kind;
use crate::ring::{doorbell, spsc};

/// A kind that can be told of.
pub(super) struct Known {
    kind: Kind,
    pub(super) name: &'static str,
    pub(super) describe: fn(&Look<'_>, &mut dyn FnMut(Fact)),
}

/// Every one.
const ALL: &[Known] = &[
    Known {
        kind: Kind::SpscRecords,
        name: "spsc records",
        describe: spsc::describe::describe,
    },
    Known {
        kind: Kind::SpscItems,
        name: "spsc items",
        describe: spsc::describe::describe,
    },
    Known {
        kind: Kind::Doorbell,
        name: "doorbell records",
        describe: doorbell::describe::describe,
    },
];

/// That of this number.
pub(super) fn known(number: u64) -> Option<&'static Known> {
    ALL.iter().find(|known| known.kind as u64 == number)
}
