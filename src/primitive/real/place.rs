//! [`Source`] and [`Place`]: a region of shared memory, before and after it is mapped.

use core::marker::PhantomData;

use super::Bytes;
use super::member::{Geometry, Region};
use crate::{AsFd, BorrowedFd, OwnedFd, Result};

/// A region as a descriptor, from which it is attached: with an `L` at `AT` of its head.
#[derive(Debug)]
pub(crate) struct Source<L, const AT: usize> {
    fd: OwnedFd,
    geometry: Geometry,
    kind: PhantomData<L>,
}

impl<L, const AT: usize> Source<L, AT> {
    /// A region whose head has an `L`; `start` is what a model begins with, where zeroed
    /// memory is what a real region does.
    ///
    /// # Safety
    ///
    /// `L` must be valid for any bytes, be made of atomics, lie at `AT` in the head that
    /// `geometry` says and be aligned there. The file must be of that geometry
    /// and never shrink.
    pub(crate) unsafe fn new(fd: OwnedFd, geometry: Geometry, _start: impl FnOnce() -> L) -> Self {
        Self {
            fd,
            geometry,
            kind: PhantomData,
        }
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// The capacity of regions attached from here.
    pub(crate) fn capacity(&self) -> usize {
        self.geometry.data
    }

    /// Becomes a member of the region.
    pub(crate) fn attach(&self) -> Result<Place<L, AT>> {
        Ok(Place {
            region: Region::attach(self.as_fd(), self.geometry)?,
            kind: PhantomData,
        })
    }
}

impl<L, const AT: usize> AsFd for Source<L, AT> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// An attached region: an `L` at `AT` of its head and data bytes, which appear twice in
/// a row so that every stretch of them is contiguous.
#[derive(Debug)]
pub(crate) struct Place<L, const AT: usize> {
    region: Region,
    kind: PhantomData<L>,
}

impl<L, const AT: usize> Place<L, AT> {
    #[inline(always)]
    pub(crate) fn head(&self) -> &L {
        let at = self.region.base().wrapping_add(AT).cast::<L>();
        // SAFETY: who made the source vouched for type, size and alignment; the
        // region is mapped, writable, for as long as `self` lives.
        unsafe { &*at }
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes(self.region.data())
    }

    /// This attachment's member number.
    pub(crate) fn number(&self) -> u32 {
        self.region.number()
    }

    pub(crate) fn alive(&self, number: u32) -> bool {
        self.region.alive(number)
    }

    /// Whether this is the copy that a forked child has, without the region.
    pub(crate) fn is_copy(&self) -> bool {
        self.region.is_copy()
    }
}
