//! [`Region`]: what can be met at.
#![forbid(unsafe_code)]

use crate::region::{AttachError, Found};
use crate::{AsFd, OwnedFd};

/// A structure in shared memory as a descriptor, from which its ends are attached: a ring, for
/// example. It is implemented for those of [`ring`](crate::ring), and nothing else can be.
pub trait Region: AsFd + Into<OwnedFd> + sealed::Accept {}

impl<R: AsFd + Into<OwnedFd> + sealed::Accept> Region for R {}

pub(super) mod sealed {
    use super::{AttachError, Found};

    pub trait Accept: Sized {
        /// Takes what was found, if it is such a region, and at most so large; `None`: as `open`
        /// does.
        fn accept(found: Found, capacity: Option<usize>) -> Result<Self, AttachError>;
    }
}
