//! One typed function per system call that rustix lacks, with its structures;
//! no policy, no retry. Each has exactly the kernel's name.

pub(crate) mod address;
pub(crate) mod clone;
pub(crate) mod control;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod event;
pub(crate) mod fd_number;
pub(crate) mod futex;
pub(crate) mod lock;
pub(crate) mod membarrier;
pub(crate) mod memory;
pub(crate) mod mqueue;
pub(crate) mod namespace;
pub(crate) mod pid;
pub(crate) mod pidfd_info;
pub(crate) mod process;
pub(crate) mod remote;
pub(crate) mod robust;
pub(crate) mod schedule;
pub(crate) mod seccomp;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod sysv;
#[cfg(feature = "start")]
pub(crate) mod thread;
pub(crate) mod time;
pub(crate) mod trace;
pub(crate) mod userfault;
pub(crate) mod vector;

use crate::{Errno, Result};

/// Whether `errno` says that there is no such call here, so that another has to do: of
/// every call that is younger than what can stand in for it.
///
/// Kernels say [`Errno::NOSYS`]. Filters of system calls that do not know a call say
/// [`Errno::PERM`] instead, as those of container runtimes did for years, and some
/// [`Errno::ACCESS`]. Where such an error is the call's own answer too, whoever stands in
/// for it is refused in the same way, so that nothing is lost by trying.
#[inline]
pub(crate) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::PERM | Errno::ACCESS)
}

/// As [`is_absent`], or the call knows neither this flag nor this kind of descriptor.
#[inline]
pub(crate) fn is_unsupported(errno: Errno) -> bool {
    errno == Errno::OPNOTSUPP || is_absent(errno)
}

/// The largest error number: results of the last 4095 values are errors.
const MAX_ERRNO: usize = 4095;

/// Turns a raw result into the number it means.
#[inline]
pub(crate) fn check(raw: usize) -> Result<usize> {
    if raw > usize::MAX - MAX_ERRNO {
        // Between 1 and 4095, so it fits.
        Err(Errno::from_raw_os_error(raw.wrapping_neg() as i32))
    } else {
        Ok(raw)
    }
}
