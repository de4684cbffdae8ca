//! [`AccessError`]: why a mapping does not allow an access.

use core::fmt;

#[cfg(doc)]
use super::protection::Protection;

/// Why a [`Mapping`](super::Mapping) does not allow an access.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicU32, AtomicU64};
/// use rawipc::memory::{AccessError, MapOptions, Protection};
///
/// let mut mapping = MapOptions::shared(4096).map_anonymous()?;
/// assert_eq!(mapping.read::<u64>(4095), Err(AccessError::OutOfBounds));
/// assert_eq!(mapping.object::<AtomicU32>(2).err(), Some(AccessError::Misaligned));
/// mapping.object::<AtomicU32>(0)?;
/// assert_eq!(mapping.object::<AtomicU64>(0).err(), Some(AccessError::MixedSizes));
///
/// mapping.protect(Protection::READ)?;
/// assert_eq!(mapping.write(0, &1_u8), Err(AccessError::Protected));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessError {
    /// Some of it lies outside.
    OutOfBounds,
    /// The mapping's [`Protection`] does not allow it.
    Protected,
    /// It is not aligned as its type demands.
    Misaligned,
    /// Some of it has been handed out as atomics of another size: see
    /// [`Mapping::object`](super::Mapping::object).
    MixedSizes,
    /// The kernel has no memory to keep account of the sizes that were handed out.
    OutOfMemory,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfBounds => "outside the mapping",
            Self::Protected => "the mapping's protection forbids it",
            Self::Misaligned => "not aligned",
            Self::MixedSizes => "handed out as atomics of another size",
            Self::OutOfMemory => "no memory to keep account of it",
        })
    }
}

impl core::error::Error for AccessError {}
