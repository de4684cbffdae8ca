//! What the tables of the rings have in common: messages that tell whether they are whole, a survivor
//! that receives them, and what is wrong with what arrived.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use rawipc::Deadline;
use rawipc::memory::{MapOptions, Mapping};

use crate::harness::{Survivor, Violation};

/// Nothing but a hang takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn limit() -> Deadline {
    Deadline::after(PATIENCE)
}

/// What is sent at last.
pub(crate) const LAST: u64 = 1 << 40;

/// A record's bytes: its number, over and over, inverted: memory that nobody wrote to is
/// no record.
pub(crate) const RECORD: usize = 40;

pub(crate) fn record(number: u64) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    for word in bytes.as_chunks_mut().0 {
        *word = (!number).to_ne_bytes();
    }
    bytes
}

pub(crate) fn number_of(record: &[u8]) -> Option<u64> {
    let number = !u64::from_ne_bytes(*record.first_chunk()?);
    (record == self::record(number)).then_some(number)
}

/// The bits of an item that its other bits determine: none of them, if nobody wrote it.
pub(crate) const CHECK: u64 = 0xffff << 48;

pub(crate) fn whole(number: u64) -> u64 {
    number | !number.wrapping_mul(0x9e37_79b9_7f4a_7c15) & CHECK
}

/// A survivor ends with it that has waited in vain.
pub(crate) const HUNG: i32 = 2;
/// And with it that has received what nobody sent, or an error.
pub(crate) const TORN: i32 = 3;

/// A survivor comes to its end, and says that all was well.
pub(crate) fn ends(survivor: Option<&Survivor>) -> Result<(), Violation> {
    let Some(survivor) = survivor else {
        return Ok(());
    };
    match survivor.end(2 * PATIENCE)? {
        0 => Ok(()),
        HUNG => Err(Violation::Hang),
        _ => Err(Violation::Torn),
    }
}

/// What a survivor has received.
pub(crate) struct Ledger(Mapping);

impl Ledger {
    pub(crate) fn new() -> Self {
        Self(MapOptions::shared(4096).map_anonymous().unwrap())
    }

    fn note(&self, index: u64) -> &AtomicU64 {
        self.0.object(index as usize % 512 * 8).unwrap()
    }

    /// Notes one more, for the only one who does.
    pub(crate) fn enter(&self, number: u64) {
        let count = self.note(0).load(Ordering::Relaxed) + 1;
        self.note(count).store(number, Ordering::Relaxed);
        // Release: pairs with the load in `numbers`.
        self.note(0).store(count, Ordering::Release);
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        let count = self.note(0).load(Ordering::Acquire);
        (1..=count).map(|index| self.note(index).load(Ordering::Relaxed))
    }
}

/// Lets an end lose its belief that spinning helps: thousands of instructions less. What it waits
/// for must not come meanwhile.
pub(crate) fn tire(mut wait: impl FnMut(Deadline) -> bool) {
    for _ in 0..10 {
        wait(Deadline::after(Duration::from_micros(1)));
    }
}

/// What is wrong with `received`, which is not `expected`.
pub(crate) fn judge(received: &[u64], expected: &[u64]) -> Violation {
    let mut seen = Vec::new();
    for number in received {
        if seen.contains(number) {
            return Violation::Repeated;
        }
        if !expected.contains(number) {
            return Violation::Torn;
        }
        seen.push(*number);
    }
    Violation::Lost
}
