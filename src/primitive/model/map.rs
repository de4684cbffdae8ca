//! A mapped region, modelled: what all who have mapped it share.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use rawipc_model::Region;

use super::{Bytes, Description, Lent};
use crate::Result;
use crate::primitive::Cell;

/// A part of a file, and where it is to be mapped: as it is, a model maps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: usize,
    pub(crate) at: usize,
    pub(crate) len: usize,
    pub(crate) writable: bool,
}

/// A mapped region. The lock of its description lives as long as it; not as a forked child's
/// copy of it.
#[derive(Debug)]
pub(crate) struct Map<H> {
    own: ManuallyDrop<rawipc_model::Description>,
    kind: PhantomData<fn() -> H>,
}

impl<H: 'static> Map<H> {
    pub(crate) unsafe fn reserve(own: Description<'_>, _len: usize) -> Result<Self> {
        Ok(Self {
            own: ManuallyDrop::new(own.0.clone()),
            kind: PhantomData,
        })
    }

    pub(crate) unsafe fn reserve_for_none(file: Lent<'_>, _len: usize) -> Result<Self> {
        let own = file.describe()?;
        Ok(Self {
            own: ManuallyDrop::new(own.lend().0.clone()),
            kind: PhantomData,
        })
    }

    pub(crate) unsafe fn put(&self, _file: Lent<'_>, _piece: Piece) -> Result<()> {
        Ok(())
    }

    fn region(&self) -> &Region {
        self.own.region()
    }

    pub(crate) fn head(&self) -> &H {
        self.region().head().expect("the file made the head")
    }

    pub(crate) unsafe fn peek(&self, at: usize) -> u32 {
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.region().peek(at) }
    }

    pub(crate) fn bytes(&self, _at: usize) -> Bytes {
        Bytes(self.region().bytes())
    }

    /// The first `count` cells of section `index`, if it was made with so many.
    pub(crate) unsafe fn cells<C: Cell>(
        &self,
        index: usize,
        _bytes: Bytes,
        _len: usize,
        count: usize,
    ) -> Option<&[C]> {
        self.region().section(index)?.get(..count)
    }

    /// The cell of slot `slot`.
    pub(crate) unsafe fn cell<C: Cell>(
        &self,
        index: usize,
        _bytes: Bytes,
        _stride: usize,
        slot: usize,
    ) -> &C {
        let cells: &[C] = self.region().section(index).expect("the section is cells");
        &cells[slot]
    }

    /// As many bytes as the model says.
    pub(crate) fn scaled(&self, _len: usize) -> usize {
        self.region().capacity()
    }

    pub(crate) fn is_copy(&self) -> bool {
        rawipc_model::is_child()
    }
}

impl<H> Drop for Map<H> {
    fn drop(&mut self) {
        if !rawipc_model::is_child() {
            // SAFETY: never again.
            unsafe { ManuallyDrop::drop(&mut self.own) };
        }
    }
}
