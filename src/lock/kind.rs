//! [`Kind`]: shared or exclusive.

use crate::sys::lock::LockType;

/// Whether a lock is shared or exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any number of holders: for readers.
    #[doc(alias = "F_RDLCK")]
    #[doc(alias = "LOCK_SH")]
    Shared,
    /// One holder: for writers.
    #[doc(alias = "F_WRLCK")]
    #[doc(alias = "LOCK_EX")]
    Exclusive,
}

impl From<Kind> for LockType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Shared => Self::Read,
            Kind::Exclusive => Self::Write,
        }
    }
}
