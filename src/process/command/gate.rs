//! A gate at which a child waits until its parent has written its id maps.

use rustix::fd::RawFd;

use crate::wait::ready;
use crate::{AsRawFd, BorrowedFd, Errno, OwnedFd, Result, sys};

/// What a child waits at, by the numbers of its copies of a pipe's ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    reader: RawFd,
    writer: RawFd,
}

/// Who opens the gate; if dropped before that, or dead, the child is told.
#[derive(Debug)]
pub(super) struct GateKeeper {
    _reader: OwnedFd,
    writer: OwnedFd,
}

/// A gate, if one is needed.
pub(super) fn gate(is_needed: bool) -> Result<(Option<Gate>, Option<GateKeeper>)> {
    if !is_needed {
        return Ok((None, None));
    }
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let gate = Gate {
        reader: reader.as_raw_fd(),
        writer: writer.as_raw_fd(),
    };
    let keeper = GateKeeper {
        _reader: reader,
        writer,
    };
    Ok((Some(gate), Some(keeper)))
}

impl GateKeeper {
    pub(super) fn open(self) {
        // There is room for a byte. If nobody is there to read it, that is seen elsewhere.
        let _ = rustix::io::write(&self.writer, &[1]);
    }
}

impl Gate {
    /// Waits until the gate is open.
    ///
    /// # Errors
    ///
    /// [`Errno::SRCH`]: the parent is no more.
    ///
    /// # Safety
    ///
    /// In the child, whose copies of the descriptors nobody else uses; once.
    pub(super) unsafe fn pass(&self) -> Result<()> {
        // So that the parent's is the last.
        // SAFETY: the caller's promise.
        unsafe { sys::descriptor::close(self.writer) };
        // SAFETY: open until the end of this function.
        let reader = unsafe { BorrowedFd::borrow_raw(self.reader) };
        let read = ready::uninterrupted(|| rustix::io::read(reader, &mut [0; 1]));
        // SAFETY: the caller's promise.
        unsafe { sys::descriptor::close(self.reader) };
        match read? {
            0 => Err(Errno::SRCH),
            _ => Ok(()),
        }
    }
}
