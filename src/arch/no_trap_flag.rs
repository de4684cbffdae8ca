//! What a tracer has to know of machines without a trap flag, whose instructions are not
//! coherent with data: all but x86_64.

use super::trap::{Places, Shows};

/// The general registers of a thread that runs code of 32 bits: breakpoints are of
/// another kind there.
pub(crate) const NARROW: Option<Narrow> = None;

/// See [`NARROW`]: there are none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Narrow {}

impl Narrow {
    pub(crate) fn pc(self, _: &[u8]) -> Option<usize> {
        match self {}
    }

    pub(crate) fn set_pc(self, _: &mut [u8], _: usize) -> Option<()> {
        match self {}
    }
}

/// Whether instructions that were written as data are executed as they are now: no, so
/// that code is only written in ways by which the kernel sees to that.
pub(crate) const IS_COHERENT: bool = false;

/// What the instruction with these first bytes does, and its length.
pub(crate) fn shows_step(_: &[u8]) -> (Shows, u64) {
    (Shows::Nothing, 0)
}

/// The trap flag: there is none.
pub(crate) const TRAP_FLAG: usize = 0;

/// Where single registers are in `struct user`: this machine has none there.
pub(crate) const PLACES: Option<Places> = None;
