//! Locks by which processes say that they have a region by its name, or take the name away; they
//! are beside the locks of its members, in the same file.
//!
//! A lock belongs to an open file description, so that it is there as long as any descriptor or
//! mapping that was made of the one by which the region was opened, in whatever process, and goes
//! with the last of them however that ends.
#![forbid(unsafe_code)]

use super::head::NUMBER_MAX;
use crate::primitive::LOCKS_AT;
use crate::sys::lock::{LockType, ofd_getlk, ofd_setlk};
use crate::{BorrowedFd, Errno, Result};

/// Locked, shared, by all who have the region by its name. It is the byte of the number that no
/// member has; those of members follow.
const PRESENT: i64 = LOCKS_AT;

/// Locked by who looks whether the name leads to the file, to take it away then.
const REMOVING: i64 = PRESENT - 1;

/// Begins to have the region, which nobody buries from now on.
///
/// # Errors
///
/// [`Errno::AGAIN`]: somebody is about to.
pub(crate) fn enter(file: BorrowedFd<'_>) -> Result<()> {
    ofd_setlk(file, LockType::Read, PRESENT, 1)
}

/// Makes sure that nobody has the region, nor begins to until this file is closed.
///
/// # Errors
///
/// [`Errno::AGAIN`]: somebody has.
pub(crate) fn exclude(file: BorrowedFd<'_>) -> Result<()> {
    ofd_setlk(file, LockType::Write, PRESENT, 1)?;
    if is_used(file)? {
        return Err(Errno::AGAIN);
    }
    Ok(())
}

/// Makes sure that nobody else takes the name away until this file is closed.
///
/// # Errors
///
/// [`Errno::AGAIN`]: somebody is about to.
pub(crate) fn begin_removal(file: BorrowedFd<'_>) -> Result<()> {
    ofd_setlk(file, LockType::Write, REMOVING, 1)
}

/// Whether somebody else has the region, or is a member of it.
pub(crate) fn is_used(file: BorrowedFd<'_>) -> Result<bool> {
    let all = i64::from(NUMBER_MAX) + 1;
    Ok(ofd_getlk(file, LockType::Write, PRESENT, all)?.is_some())
}
