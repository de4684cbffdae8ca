//! [`Cells`]: which sections are arrays of atomics. Mapped memory is such as it is.

use crate::primitive::Cell;

/// Told which sections are cells.
#[derive(Debug)]
pub(crate) struct Cells(());

impl Cells {
    /// Section `index` has `count` of `C`.
    pub(crate) fn add<C: Cell>(&mut self, _index: usize, _count: usize) {
        let _ = C::begin;
    }

    /// All else is read by some while others write.
    pub(crate) fn race(&mut self) {}
}
