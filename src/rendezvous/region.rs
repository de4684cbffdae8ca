//! [`Region`], [`Transfer`]: the structures that processes meet at, and those that are handed over.
#![forbid(unsafe_code)]

use crate::region::{AttachError, Found};
use crate::ring::doorbell;
use crate::{AsFd, BorrowedFd, OwnedFd};

/// A structure in shared memory as a descriptor, from which its ends are attached: a ring, for
/// example. It is implemented for those of [`ring`](crate::ring), and nothing else can be.
pub trait Region: AsFd + Into<OwnedFd> + sealed::Accept {}

impl<R: AsFd + Into<OwnedFd> + sealed::Accept> Region for R {}

/// A structure that a [`Listener`](super::Listener) hands over: a [`Region`], or a
/// [`doorbell::Ring`], which has descriptors beside its memory and therefore no name in a
/// directory.
pub trait Transfer: sealed::Descriptors {}

impl<T: sealed::Descriptors> Transfer for T {}

pub(super) mod sealed {
    use super::{AttachError, BorrowedFd, Found, OwnedFd};

    pub trait Accept: Sized {
        /// Takes what was found, if it is such a region, and at most so large; `None`: as `open`
        /// does.
        fn accept(found: Found, capacity: Option<usize>) -> Result<Self, AttachError>;
    }

    /// The most descriptors that a structure is.
    pub(crate) const DESCRIPTORS_MAX: usize = 3;

    pub trait Descriptors: Sized {
        /// How many descriptors it is.
        const COUNT: usize;

        /// Its descriptors, the memory's first, and anything after the last.
        fn lend(&self) -> [BorrowedFd<'_>; DESCRIPTORS_MAX];

        /// Takes what came, in that order, as [`Accept::accept`] does.
        fn take(
            memory: OwnedFd,
            next: impl FnMut() -> Option<OwnedFd>,
            capacity: Option<usize>,
        ) -> Result<Self, AttachError>;
    }
}

use sealed::{DESCRIPTORS_MAX, Descriptors};

impl<R: Region> Descriptors for R {
    const COUNT: usize = 1;

    fn lend(&self) -> [BorrowedFd<'_>; DESCRIPTORS_MAX] {
        [self.as_fd(); DESCRIPTORS_MAX]
    }

    fn take(
        memory: OwnedFd,
        _next: impl FnMut() -> Option<OwnedFd>,
        capacity: Option<usize>,
    ) -> Result<Self, AttachError> {
        Self::accept(Found::from(memory), capacity)
    }
}

/// Its bells must be timers: the other process may be hostile.
impl Descriptors for doorbell::Ring {
    const COUNT: usize = 3;

    fn lend(&self) -> [BorrowedFd<'_>; DESCRIPTORS_MAX] {
        self.descriptors()
    }

    fn take(
        memory: OwnedFd,
        mut next: impl FnMut() -> Option<OwnedFd>,
        capacity: Option<usize>,
    ) -> Result<Self, AttachError> {
        let (Some(data), Some(room)) = (next(), next()) else {
            return Err(AttachError::WrongKind);
        };
        let capacity = capacity.unwrap_or(doorbell::OPEN_LIMIT);
        Self::open_at_most([memory, data, room], doorbell::Bells::Timer, capacity)
    }
}
