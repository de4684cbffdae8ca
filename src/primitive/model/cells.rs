//! [`Cells`]: the sections of a modelled region that are arrays of atomics.

use rawipc_model::Sections;

use crate::primitive::Cell;

/// Makes the sections that are cells.
#[derive(Debug, Default)]
pub(crate) struct Cells(pub(super) Sections);

impl Cells {
    /// Section `index` has `count` of `C`.
    pub(crate) fn add<C: Cell>(&mut self, index: usize, count: usize) {
        self.0.add(index, (0..count).map(|at| C::begin(at, count)));
    }

    /// All else is read by some while others write.
    pub(crate) fn race(&mut self) {
        self.0.race();
    }
}
