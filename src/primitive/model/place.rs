//! [`Source`] and [`Place`]: a modelled region.

use core::fmt;
use core::marker::PhantomData;

use rawipc_model::{Member, Region};

use super::Bytes;
use super::member::Geometry;
use crate::{AsFd, BorrowedFd, OwnedFd, Result};

/// A region that all attachments share. The descriptor is real and not mapped.
#[derive(Debug)]
pub(crate) struct Source<L, const AT: usize> {
    fd: OwnedFd,
    region: Region,
    kind: PhantomData<L>,
}

impl<L: Send + Sync + 'static, const AT: usize> Source<L, AT> {
    /// The data have the size that the model says.
    pub(crate) unsafe fn new(fd: OwnedFd, _geometry: Geometry, start: impl FnOnce() -> L) -> Self {
        Self {
            fd,
            region: Region::new(start()),
            kind: PhantomData,
        }
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    pub(crate) fn capacity(&self) -> usize {
        self.region.capacity()
    }

    pub(crate) fn attach(&self) -> Result<Place<L, AT>> {
        Ok(Place {
            member: self.region.attach(),
            kind: PhantomData,
        })
    }
}

impl<L, const AT: usize> AsFd for Source<L, AT> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// An attachment to a modelled region.
pub(crate) struct Place<L, const AT: usize> {
    member: Member,
    kind: PhantomData<L>,
}

impl<L: 'static, const AT: usize> Place<L, AT> {
    pub(crate) fn head(&self) -> &L {
        self.member.head().expect("the source made the head")
    }

    pub(crate) fn bytes(&self) -> Bytes {
        Bytes(self.member.bytes())
    }

    pub(crate) fn number(&self) -> u32 {
        self.member.number()
    }

    pub(crate) fn alive(&self, number: u32) -> bool {
        self.member.alive(number)
    }

    /// Nobody forks in a model.
    pub(crate) fn is_copy(&self) -> bool {
        false
    }
}

impl<L, const AT: usize> fmt::Debug for Place<L, AT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}
