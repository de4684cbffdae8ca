//! Files of `/proc/PID`.
#![forbid(unsafe_code)]

use rustix::fs::OFlags;
use rustix::path::DecInt;

use crate::{Errno, Mode, OwnedFd, Pid, Result};

const BEGIN: &[u8] = b"/proc/";

/// The beginning, a number of ten digits, and the longest name asked for.
const ROOM: usize = BEGIN.len() + 10 + 16;

/// Opens `/proc/PID/NAME`, where `name` has its slash; close-on-exec.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process. [`Errno::PERM`]: it does not belong to the caller,
/// whichever way the kernel says that.
pub(super) fn open(pid: Pid, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
    let number = DecInt::new(pid.as_raw_nonzero().get());
    let mut path = [0; ROOM];
    let mut len = 0;
    for part in [BEGIN, number.as_bytes(), name] {
        let place = path.get_mut(len..len + part.len());
        place.ok_or(Errno::NAMETOOLONG)?.copy_from_slice(part);
        len += part.len();
    }
    let path = path.get(..len).unwrap_or_default();
    let opened = rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    opened.map_err(|errno| match errno {
        Errno::NOENT => Errno::SRCH,
        Errno::ACCESS => Errno::PERM,
        other => other,
    })
}
