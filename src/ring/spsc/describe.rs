//! The description of a ring's memory, for those who look at it without being members.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::progress::{Progress, Reading};
use super::side::Lines;
use crate::region::{Fact, Head, Look, Unit};
use crate::ring::fill::fill;

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
    let at = [
        offset_of!(Head<Lines>, words.published),
        offset_of!(Head<Lines>, words.consumed),
    ];
    let [published_at, consumed_at] = at;
    let [before, published, consumed] =
        [consumed_at, published_at, consumed_at].map(|at| Reading::of(look.long(at).unwrap_or(0)));
    let behind = [before, consumed].map(Reading::position);
    match fill(data, behind, published.position(), u64::MAX) {
        Some(filled) => see(Fact::Fill(filled, Unit::Bytes)),
        None => see(Fact::Impossible {
            what: "the ends are further apart than the ring is long",
        }),
    }
    let mut end = |at, role, end: Reading, watcher, wakes, sleeps| {
        let number = look.word(at + offset_of!(Progress, owner)).unwrap_or(0);
        see(look.member(role, number, end.is_closed()));
        if look.long(at + Progress::ARM_AT) == Some(end.arm()) {
            see(Fact::Sleeper { role: watcher });
        }
        for (name, place) in [(wakes, Progress::WAKES_AT), (sleeps, Progress::SLEEPS_AT)] {
            let value = look.long(at + place).unwrap_or(0);
            see(Fact::Counter { name, value });
        }
    };
    end(
        published_at,
        "producer",
        published,
        "consumer",
        "wakes of the consumer",
        "sleeps of the consumer",
    );
    end(
        consumed_at,
        "consumer",
        consumed,
        "producer",
        "wakes of the producer",
        "sleeps of the producer",
    );
}
