//! Files of a process by its number: `/proc/PID`, and where only its threads have them,
//! `/proc/PID/task/TID`.
//!
//! A process whose first thread has ended goes on as long as it has another. But its
//! number is that thread's, which has no memory any more: only the others have.
#![forbid(unsafe_code)]

use core::mem::MaybeUninit;

use rustix::fs::{AtFlags, OFlags, RawDir, statat};
use rustix::io::pread;

use super::Path;
use crate::{Errno, OwnedFd, Pid, Result, sys};

const PROCESSES: &[u8] = b"/proc/";
const THREADS: &[u8] = b"/task";

/// Opens `/proc/PID/NAME`, where `name` has its slash; close-on-exec.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, or no `/proc`. [`Errno::PERM`]: it does not belong
/// to the caller, or has ended.
pub(crate) fn open(process: Pid, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
    let mut path = Path::new();
    path.part(name);
    path.number(sys::pid::number(process)?);
    path.part(PROCESSES);
    open_path(&path, flags)
}

/// Opens a file of `/proc/PID` that is about the process's memory, from whichever of its
/// threads still has that; close-on-exec.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, it has ended, or no `/proc`. [`Errno::PERM`]: it
/// does not belong to the caller, whichever way the kernel says that.
pub(crate) fn open_memory(process: Pid, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
    match open(process, name, flags).and_then(with_memory) {
        Err(Errno::SRCH) => {}
        // Of a thread that has ended the files are root's.
        Err(Errno::PERM) if has_ended(process) => {}
        result => return result,
    }
    any_thread(process, |thread| {
        let mut path = Path::new();
        path.part(name);
        path.number(sys::pid::number(thread)?);
        path.part(b"/");
        path.part(THREADS);
        path.number(sys::pid::number(process)?);
        path.part(PROCESSES);
        match open_path(&path, flags).and_then(with_memory) {
            Err(Errno::PERM) if has_ended(thread) => Err(Errno::SRCH),
            result => result,
        }
    })
}

/// Calls `attempt` with the threads of a process, one after the other, until it says
/// something else than [`Errno::SRCH`], and returns that.
///
/// The thread was the process's all the time that `attempt` took: if it ended
/// meanwhile, so that its number can have been given to another, the next one is asked.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, it has ended, or no `/proc`.
pub(crate) fn any_thread<T>(process: Pid, mut attempt: impl FnMut(Pid) -> Result<T>) -> Result<T> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let folder = open(process, THREADS, flags)?;
    let mut space = [MaybeUninit::uninit(); 512];
    let mut entries = RawDir::new(&folder, &mut space);
    while let Some(entry) = entries.next() {
        let entry = match entry {
            // That is how the directory of a process that is gone ends.
            Err(Errno::NOENT) => break,
            result => result?,
        };
        let Some(thread) = super::pid(entry.file_name().to_bytes()) else {
            continue;
        };
        let result = attempt(thread);
        // By the directory, in which no other process's threads are.
        let is_there = || statat(&folder, entry.file_name(), AtFlags::empty()).is_ok();
        if result.as_ref().err() != Some(&Errno::SRCH) && is_there() {
            return result;
        }
    }
    Err(Errno::SRCH)
}

/// Whether the thread with this number, of any process, has ended; of a first thread,
/// whether or not its process goes on.
pub(crate) fn has_ended(thread: Pid) -> bool {
    let mut ended = false;
    let status = open(thread, b"/status", OFlags::RDONLY);
    let seen = status.and_then(|status| {
        super::each_line(&status, |line| {
            if let Some(state) = line.strip_prefix(b"State:") {
                ended = is_end(state);
            }
        })
    });
    // Or it has been waited for since.
    ended || seen == Err(Errno::SRCH)
}

/// Whether what `status` says behind `State:` is that the thread has ended.
pub(crate) fn is_end(state: &[u8]) -> bool {
    matches!(state.trim_ascii(), [b'Z' | b'X', ..])
}

/// The file, if there is memory behind it.
fn with_memory(file: OwnedFd) -> Result<OwnedFd> {
    // Older kernels open it all the same, and then it is empty.
    match pread(&file, &mut [0; 1], 0) {
        Ok(0) => Err(Errno::SRCH),
        _ => Ok(file),
    }
}

fn open_path(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    super::open(path.as_c_str(), flags).map_err(|errno| match errno {
        Errno::NOENT => Errno::SRCH,
        Errno::ACCESS => Errno::PERM,
        other => other,
    })
}
