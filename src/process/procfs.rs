//! Files of `/proc/PID`, of a process by its number or by a descriptor.
#![forbid(unsafe_code)]

use rustix::event::PollFlags;
use rustix::fs::OFlags;
use rustix::path::DecInt;

use super::Pidfd;
use crate::{AsFd, AsRawFd, BorrowedFd, Errno, Mode, OwnedFd, Pid, Result, ready, sys};

/// A process, or a thread, by its number or by a descriptor.
#[derive(Clone, Copy, Debug)]
pub enum Which<'fd> {
    /// The one that has this number now.
    Pid(Pid),
    /// The one that this descriptor stands for, and no other.
    Pidfd(BorrowedFd<'fd>),
}

impl From<Pid> for Which<'_> {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl<'fd> From<&'fd Pidfd> for Which<'fd> {
    fn from(pidfd: &'fd Pidfd) -> Self {
        Self::Pidfd(pidfd.as_fd())
    }
}

/// The longest beginning, a number of ten digits, and the longest name asked for.
const ROOM: usize = FDINFO.len() + 10 + 16;

const PROC: &[u8] = b"/proc/";
const FDINFO: &[u8] = b"/proc/thread-self/fdinfo/";

/// Opens `/proc/PID/NAME`, where `name` has its slash; close-on-exec.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process; by a descriptor: it has ended. [`Errno::PERM`]: it
/// does not belong to the caller, whichever way the kernel says that.
pub(super) fn open(process: Which<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
    match process {
        Which::Pid(pid) => {
            let number = sys::pid::number(pid)?;
            match open_path(PROC, number, name, flags) {
                // Of a process that has ended the files are root's.
                Err(Errno::PERM) if has_ended(number) => Err(Errno::SRCH),
                result => result,
            }
        }
        Which::Pidfd(pidfd) => {
            let file = open_path(PROC, number_of(pidfd)?, name, flags);
            // If it lives, the number was its own all the time.
            match ready::check(pidfd, PollFlags::IN) {
                Err(Errno::AGAIN) => file,
                Ok(()) => Err(Errno::SRCH),
                Err(errno) => Err(errno),
            }
        }
    }
}

/// Whether the process with this number has ended and has not been waited for.
fn has_ended(number: i32) -> bool {
    let mut ended = false;
    let status = open_path(PROC, number, b"/status", OFlags::RDONLY);
    let seen = status.and_then(|status| {
        each_line(&status, |line| {
            if let Some(state) = line.strip_prefix(b"State:") {
                ended = matches!(state.trim_ascii(), [b'Z' | b'X', ..]);
            }
        })
    });
    // Or it has been waited for since.
    ended || seen == Err(Errno::SRCH)
}

/// The number of a pidfd's process, as `/proc` says; every kernel with pidfds can.
fn number_of(pidfd: BorrowedFd<'_>) -> Result<i32> {
    let info = open_path(FDINFO, pidfd.as_raw_fd(), b"", OFlags::RDONLY)?;
    let mut found = Err(Errno::BADF);
    each_line(&info, |line| {
        if let Some(rest) = line.strip_prefix(b"Pid:") {
            // -1: it has been reaped; 0: it is outside of this namespace.
            let number = number(rest.trim_ascii(), 10).and_then(|pid| i32::try_from(pid).ok());
            found = number.filter(|&pid| pid > 0).ok_or(Errno::SRCH);
        }
    })?;
    found
}

fn open_path(begin: &[u8], number: i32, end: &[u8], flags: OFlags) -> Result<OwnedFd> {
    let number = DecInt::new(number);
    let mut path = [0; ROOM];
    let mut len = 0;
    for part in [begin, number.as_bytes(), end] {
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

pub(super) fn number(digits: &[u8], base: u32) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = char::from(digit).to_digit(base)?;
        number.checked_mul(base.into())?.checked_add(digit.into())
    })
}

/// Calls `see` with the beginning of each line, more than there is of what is looked for.
pub(super) fn each_line(file: &OwnedFd, mut see: impl FnMut(&[u8])) -> Result<()> {
    let mut chunk = [0; 512];
    let mut line = [0; 128];
    let mut len = 0;
    loop {
        let count = match rustix::io::read(file, &mut chunk) {
            Err(Errno::INTR) => continue,
            result => result?,
        };
        for &byte in chunk.get(..count).unwrap_or_default() {
            if byte == b'\n' {
                see(line.get(..len).unwrap_or_default());
                len = 0;
            } else if let Some(place) = line.get_mut(len) {
                *place = byte;
                len += 1;
            }
        }
        if count == 0 {
            return Ok(());
        }
    }
}
