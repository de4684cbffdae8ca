//! Files of `/proc`: the only place that knows how a thread finds its own there, and
//! those of another process.
//!
//! Of its own a thread asks `/proc/thread-self`, never `/proc/self`, which is the view
//! of the process's *first* thread: another thread can have descriptors of its own
//! (`CLONE_FILES`), under whose numbers the first has other files or none, and once the
//! first has ended it has no descriptors and no memory, while the process goes on.
//! Another process has its memory as long as any of its threads: [`process`].

pub(crate) mod process;
pub(crate) mod relatives;
pub(crate) mod words;

use core::ffi::CStr;

use rustix::fs::{CWD, OFlags, Stat, fstat};

use crate::wait::ready;
use crate::{AsFd, AsRawFd, BorrowedFd, Errno, Mode, OwnedFd, Pid, Result};

/// What the kernel says of this thread and its process.
pub(crate) const STATUS: &CStr = c"/proc/thread-self/status";
/// What is mapped.
pub(crate) const MAPS: &CStr = c"/proc/thread-self/maps";
/// What is mapped, at length.
pub(crate) const SMAPS: &CStr = c"/proc/thread-self/smaps";
/// The descriptors, as a directory.
pub(crate) const DESCRIPTORS: &CStr = c"/proc/thread-self/fd";

const DESCRIPTOR_INFO: &[u8] = b"/proc/thread-self/fdinfo/";

/// Which file it is, however it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl From<&Stat> for Identity {
    fn from(file: &Stat) -> Self {
        Self {
            device: file.st_dev,
            inode: file.st_ino,
        }
    }
}

/// Whether this thread's descriptor is of that file.
pub(crate) fn is(fd: BorrowedFd<'_>, file: Identity) -> bool {
    fstat(fd).is_ok_and(|stat| Identity::from(&stat) == file)
}

/// Opens the file behind a descriptor again: an open file description of its own.
/// Close-on-exec. That it is `file`, whatever this thread has under that number, is made
/// sure of before it is returned.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is no `/proc`, or it is another PID namespace's.
/// [`Errno::BADF`]: it is another file. Else as `open(2)`.
pub(crate) fn reopen(fd: BorrowedFd<'_>, file: Identity, flags: OFlags) -> Result<OwnedFd> {
    let own = open(Link::new().of(fd), flags)?;
    if is(own.as_fd(), file) {
        Ok(own)
    } else {
        Err(Errno::BADF)
    }
}

/// Another name of the file behind a descriptor of this thread, written where it lies.
pub(crate) struct Link([u8; 32]);

impl Link {
    pub(crate) fn new() -> Self {
        // Room for ten digits behind a slash. Of several slashes the kernel sees one.
        Self(*b"/proc/thread-self/fd///////////\0")
    }

    /// The name of this one. Once only.
    pub(crate) fn of(&mut self, fd: BorrowedFd<'_>) -> &CStr {
        let mut rest = fd.as_raw_fd() as u32;
        for digit in self.0[21..31].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        // SAFETY: its last byte is zero, and none before is.
        unsafe { CStr::from_bytes_with_nul_unchecked(&self.0) }
    }
}

/// Opens what the kernel says of a descriptor.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is no `/proc`. Else as `open(2)`.
pub(crate) fn descriptor_info(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut path = Path::new();
    path.number(fd.as_raw_fd());
    path.part(DESCRIPTOR_INFO);
    open(path.as_c_str(), OFlags::RDONLY)
}

/// Opens a file of `/proc`; close-on-exec.
pub(crate) fn open(path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())
}

/// The longest: `/proc/NUMBER/task/NUMBER/NAME` with numbers of ten digits, and a zero
/// byte.
const PATH_MAX: usize = 64;

/// A path with numbers in it, written without an allocator: its last part first.
pub(crate) struct Path {
    /// From `first` on; the last byte is zero.
    bytes: [u8; PATH_MAX],
    first: usize,
}

impl Path {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; PATH_MAX],
            first: PATH_MAX - 1,
        }
    }

    /// Puts a part before what there is.
    fn part(&mut self, part: &[u8]) {
        for &byte in part.iter().rev() {
            self.precede(byte);
        }
    }

    /// Puts a number, which is not negative, before what there is.
    fn number(&mut self, number: i32) {
        let mut rest = number as u32;
        loop {
            self.precede(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                return;
            }
        }
    }

    fn precede(&mut self, byte: u8) {
        // What does not fit, which nothing is, overwrites the beginning.
        self.first = self.first.saturating_sub(1);
        // Masked, so that the compiler sees it in range.
        self.bytes[self.first % PATH_MAX] = byte;
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        // Ends with the last byte, which is never written and therefore zero.
        let (_, path) = self.bytes.split_at(self.first % PATH_MAX);
        // SAFETY: its last byte is zero, and none before is: only names and digits are
        // written, without a gap.
        unsafe { CStr::from_bytes_with_nul_unchecked(path) }
    }
}

/// A number of these digits alone.
pub(crate) fn number(digits: &[u8], base: u32) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = char::from(digit).to_digit(base)?;
        number.checked_mul(base.into())?.checked_add(digit.into())
    })
}

/// The process or thread with the number of these digits; `None` of 0, and of what is
/// negative.
pub(crate) fn pid(digits: &[u8]) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number(digits, 10)?).ok()?)
}

/// Calls `see` with the first bytes of each line, longer than any that is looked for.
pub(crate) fn each_line(file: &OwnedFd, mut see: impl FnMut(&[u8])) -> Result<()> {
    let mut line = [0; 128];
    let mut len = 0;
    each_byte(file, |byte| {
        if byte == b'\n' {
            see(line.get(..len).unwrap_or_default());
            len = 0;
        } else if let Some(place) = line.get_mut(len) {
            *place = byte;
            len += 1;
        }
        Ok(())
    })
}

/// Calls `see` with each byte, until `see` breaks off by an error.
pub(crate) fn each_byte(file: &OwnedFd, mut see: impl FnMut(u8) -> Result<()>) -> Result<()> {
    let mut chunk = [0; 512];
    loop {
        let count = ready::uninterrupted(|| rustix::io::read(file, &mut chunk))?;
        if count == 0 {
            return Ok(());
        }
        for &byte in chunk.get(..count).unwrap_or_default() {
            see(byte)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_fits() {
        let mut path = Path::new();
        path.part(b"/oom_score_adj");
        path.number(i32::MAX);
        path.part(b"/task/");
        path.number(i32::MAX);
        path.part(b"/proc/");
        let said = c"/proc/2147483647/task/2147483647/oom_score_adj";
        assert_eq!(path.as_c_str(), said);
        let mut zero = Path::new();
        zero.number(0);
        assert_eq!(zero.as_c_str(), c"0");
    }
}
