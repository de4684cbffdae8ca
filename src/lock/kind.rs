//! [`Kind`]: shared or exclusive.

use crate::sys::lock::LockType;

/// The kind of a lock: shared or exclusive.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::lock::{Kind, flock};
///
/// # let unique = format!("rawipc-doc-kind-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let (first, second) = (std::fs::File::create(&path)?, std::fs::File::open(&path)?);
/// let reading = flock::lock(&first, Kind::Shared)?;
/// assert!(flock::try_lock(&second, Kind::Shared).is_ok()); // readers share
/// assert_eq!(flock::try_lock(&second, Kind::Exclusive).err(), Some(Errno::AGAIN));
/// # drop(reading);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
