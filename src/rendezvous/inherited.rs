//! [`from_inherited`]: a region from who started this program.
#![forbid(unsafe_code)]

use super::region::Region;
use super::region::sealed::Descriptors;
#[cfg(doc)]
use crate::Errno;
use crate::RawFd;
use crate::region::AttachError;

/// Takes the region that this program was given by who started it, under the number that a
/// [`FdMapping`](crate::process::FdMapping) said.
///
/// A descriptor that is not closed on exec is taken for one that was given, and once: it is
/// marked to be closed on exec, and stays open beside the region's own. Nothing else is done to
/// one that is no such region.
///
/// # Errors
///
/// [`AttachError::Kernel`]: [`Errno::BADF`]: no descriptor was given under this number, or it was
/// taken before. Else an [`AttachError`] that says what it is not.
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, FdMapping, exec};
/// use rawipc::rendezvous;
/// use rawipc::ring::spsc;
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let args = exec::List::of([c"worker"]);
/// let given = [FdMapping::new(&ring, 3)];
/// let command = Command::path(c"/usr/bin/worker", &args, exec::Strings::EMPTY).inherit(&given);
/// # let _ = command;
/// // And in the program:
/// # const _: &str = stringify!(
/// let ring: spsc::Ring = rendezvous::from_inherited(3)?;
/// # );
/// # assert!(rendezvous::from_inherited::<spsc::Ring>(1 << 20).is_err());
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn from_inherited<R: Region>(number: RawFd) -> Result<R, AttachError> {
    R::from_numbers(&[number])
}
