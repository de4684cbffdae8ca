//! Children and tracees as `/proc` shows them: whom the kernel's waits do not tell of one
//! by one.
#![forbid(unsafe_code)]

use core::mem::MaybeUninit;

use rustix::fs::{CWD, OFlags, RawDir};
use rustix::path::DecInt;

use crate::{AsFd, BorrowedFd, Errno, Mode, OwnedFd, Pid, Result, Signal, procfs};

/// A thread that is traced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracee {
    /// Its process's number.
    pub(crate) process: Pid,
    /// Its own.
    pub(crate) thread: Pid,
    /// It has ended, and that has not been waited for.
    pub(crate) is_zombie: bool,
    /// A `SIGSTOP` that was sent to it alone is still to be delivered.
    pub(crate) will_stop: bool,
}

/// Calls `see` with each tracee of the calling thread that there is at the moment: one
/// that is made meanwhile may be missed, but only where its maker is not.
///
/// # Errors
///
/// There is no `/proc` of the caller's namespace of processes.
pub(crate) fn each_tracee(mut see: impl FnMut(Tracee)) -> Result<()> {
    let tracer = rustix::thread::gettid();
    let proc = proc()?;
    each_number(proc.as_fd(), |process, name| {
        let Ok(folder) = open(proc.as_fd(), &[name, b"/task"], OFlags::DIRECTORY) else {
            // It has ended.
            return Ok(());
        };
        let listed = each_number(folder.as_fd(), |thread, name| {
            let status = open(folder.as_fd(), &[name, b"/status"], OFlags::empty());
            let Ok(status) = status.and_then(|file| Status::read(&file)) else {
                return Ok(());
            };
            if status.tracer == Some(tracer) {
                see(Tracee {
                    process,
                    thread,
                    is_zombie: status.is_zombie,
                    will_stop: status.will_stop,
                });
            }
            Ok(())
        });
        match listed {
            // It has ended meanwhile.
            Ok(()) | Err(Errno::NOENT | Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno),
        }
    })
}

/// Calls `see` with each child of the calling process, whichever of its threads made it,
/// until `see` breaks off by an error.
///
/// # Errors
///
/// That of `see`; or the kernel does not list children (`CONFIG_PROC_CHILDREN`), or there
/// is no `/proc` of the caller's namespace of processes.
pub(crate) fn each_child(mut see: impl FnMut(Pid) -> Result<()>) -> Result<()> {
    let proc = proc()?;
    let own = DecInt::new(rustix::process::getpid().as_raw_nonzero().get());
    let folder = open(proc.as_fd(), &[own.as_bytes(), b"/task"], OFlags::DIRECTORY)?;
    each_number(folder.as_fd(), |_, name| {
        let list = match open(folder.as_fd(), &[name, b"/children"], OFlags::empty()) {
            Ok(list) => list,
            // The thread has ended, or there are no such lists.
            Err(_) if name != own.as_bytes() => return Ok(()),
            Err(errno) => return Err(errno),
        };
        let mut number = 0_i32;
        procfs::each_byte(&list, |byte| {
            if let Some(digit) = char::from(byte).to_digit(10) {
                number = number.wrapping_mul(10).wrapping_add(digit as i32);
                return Ok(());
            }
            let child = Pid::from_raw(core::mem::take(&mut number));
            child.map_or(Ok(()), &mut see)
        })
    })
}

/// Opens the memory of the thread with this number, to be read and written; it stays
/// that of the program that is executed now.
pub(crate) fn open_memory(thread: Pid) -> Result<OwnedFd> {
    let proc = proc()?;
    let name = DecInt::new(thread.as_raw_nonzero().get());
    open(proc.as_fd(), &[name.as_bytes(), b"/mem"], OFlags::RDWR)
}

/// `/proc`, where it is of the caller's namespace of processes: numbers are its own.
fn proc() -> Result<OwnedFd> {
    let proc = open(CWD, &[b"/proc"], OFlags::DIRECTORY)?;
    let mut link = [MaybeUninit::uninit(); 64];
    let (link, _) = rustix::fs::readlinkat_raw(&proc, c"thread-self", &mut link)?;
    let process = DecInt::new(rustix::process::getpid().as_raw_nonzero().get());
    let thread = DecInt::new(rustix::thread::gettid().as_raw_nonzero().get());
    let own = [process.as_bytes(), b"/task/", thread.as_bytes()];
    let mut rest: &[u8] = link;
    for part in own {
        rest = rest.strip_prefix(part).ok_or(Errno::XDEV)?;
    }
    if rest.is_empty() {
        Ok(proc)
    } else {
        Err(Errno::XDEV)
    }
}

/// The longest path: a number of ten digits and a name.
const PATH: usize = 32;

fn open(folder: BorrowedFd<'_>, parts: &[&[u8]], flags: OFlags) -> Result<OwnedFd> {
    let mut path = [0; PATH];
    let mut len = 0;
    for part in parts {
        let place = path.get_mut(len..len + part.len());
        place.ok_or(Errno::NAMETOOLONG)?.copy_from_slice(part);
        len += part.len();
    }
    let path = path.get(..len).unwrap_or_default();
    let flags = flags | OFlags::CLOEXEC;
    rustix::fs::openat(folder, path, flags, Mode::empty())
}

/// Calls `see` with each name in a folder that is a number.
fn each_number(
    folder: BorrowedFd<'_>,
    mut see: impl FnMut(Pid, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(folder, &mut space);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if let Some(pid) = procfs::pid(name) {
            see(pid, name)?;
        }
    }
    Ok(())
}

/// What a thread's `status` says.
#[derive(Clone, Copy, Debug, Default)]
struct Status {
    tracer: Option<Pid>,
    is_zombie: bool,
    will_stop: bool,
}

impl Status {
    fn read(file: &OwnedFd) -> Result<Self> {
        let mut status = Self::default();
        procfs::each_line(file, |line| status.see(line))?;
        Ok(status)
    }

    fn see(&mut self, line: &[u8]) {
        if let Some(state) = line.strip_prefix(b"State:") {
            self.is_zombie = procfs::process::is_end(state);
        } else if let Some(tracer) = line.strip_prefix(b"TracerPid:") {
            self.tracer = procfs::pid(tracer.trim_ascii());
        } else if let Some(pending) = line.strip_prefix(b"SigPnd:") {
            let pending = procfs::number(pending.trim_ascii(), 16).unwrap_or(0);
            self.will_stop = pending & (1 << (Signal::STOP.as_raw() - 1)) != 0;
        }
    }
}
