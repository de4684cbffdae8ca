//! A tracee's memory.
#![forbid(unsafe_code)]

use super::error::Error;
use super::tracee::Stopped;
use crate::arch::trace::IS_COHERENT;
use crate::procfs::relatives;
use crate::sys::remote::{Address, AddressRange, process_vm_readv, process_vm_writev};
use crate::sys::trace as sys;
use crate::{Errno, IoSlice, IoSliceMut, OwnedFd, Result};

const WORD: usize = size_of::<usize>();

/// Up to so many bytes are moved word by word rather than by `process_vm_readv(2)`.
const SHORT: usize = WORD;

impl Stopped {
    /// Reads the word at `address` in its memory: `PTRACE_PEEKDATA`. The address need not be
    /// aligned, and the mapping need not be readable.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: nothing is mapped there, or not all of it.
    #[doc(alias = "PTRACE_PEEKDATA")]
    #[doc(alias = "PTRACE_PEEKTEXT")]
    pub fn peek(&self, address: usize) -> Result<usize, Error> {
        Ok(sys::peekdata(self.tid(), address)?)
    }

    /// Writes a word to its memory: `PTRACE_POKEDATA`. The mapping need not be writable,
    /// so that code can be changed: a private mapping gets a page of its own; a file
    /// that is mapped shared and read-only is left alone.
    ///
    /// # Errors
    ///
    /// Those of [`peek`](Self::peek).
    #[doc(alias = "PTRACE_POKEDATA")]
    #[doc(alias = "PTRACE_POKETEXT")]
    pub fn poke(&self, address: usize, word: usize) -> Result<(), Error> {
        Ok(sys::pokedata(self.tid(), address, word)?)
    }

    /// Reads its memory from `address` on, and returns the number of bytes read: fewer than
    /// asked for where the mapping ends. `process_vm_readv(2)`; memory that the tracee cannot
    /// read itself is read word by word (`PTRACE_PEEKDATA`).
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: nothing is mapped at `address`.
    #[doc(alias = "process_vm_readv")]
    pub fn read(&self, address: usize, bytes: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0;
        while done < bytes.len() {
            let rest = bytes.get_mut(done..).unwrap_or_default();
            match self.read_some(address.wrapping_add(done), rest) {
                Ok(count) => done += count,
                Err(Error::Errno(Errno::IO)) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn read_some(&self, address: usize, bytes: &mut [u8]) -> Result<usize, Error> {
        let len = bytes.len();
        if len > SHORT {
            match process_vm_readv(
                self.tid(),
                &mut [IoSliceMut::new(bytes)],
                &[AddressRange::new(Address::from(address), len)],
            ) {
                Ok(count) if count > 0 => return Ok(count),
                // It is not mapped, or not readable, or not to be read in this way.
                Ok(_) | Err(Errno::FAULT | Errno::PERM | Errno::NOSYS) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let (start, skip) = word_of(address);
        let word = self.peek(start)?.to_ne_bytes();
        let found = word.get(skip..).unwrap_or_default();
        let count = found.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(found) {
            *to = *from;
        }
        Ok(count)
    }

    /// Writes to its memory from `address` on, and returns the number of bytes written: fewer
    /// than given where the mapping ends. `/proc/PID/mem`; without it word by word like
    /// [`poke`](Self::poke), rewriting the other bytes of the words. The mapping need not be
    /// writable.
    ///
    /// Code can be written: the kernel ensures that the tracee executes the new instructions,
    /// which `process_vm_writev(2)` does not on every machine.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    #[doc(alias = "process_vm_writev")]
    pub fn write(&self, address: usize, bytes: &[u8]) -> Result<usize, Error> {
        let memory = if bytes.len() > SHORT {
            Memory::open(self)
        } else {
            None
        };
        let mut done = 0;
        while done < bytes.len() {
            let rest = bytes.get(done..).unwrap_or_default();
            match self.write_some(memory.as_ref(), address.wrapping_add(done), rest) {
                Ok(count) => done += count,
                Err(Error::Errno(Errno::IO)) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_some(
        &self,
        memory: Option<&Memory>,
        address: usize,
        bytes: &[u8],
    ) -> Result<usize, Error> {
        if let Some(count) = memory.and_then(|memory| memory.write(address, bytes)) {
            return Ok(count);
        }
        // Where it is fast and there is nothing else to see to.
        if memory.is_none() && bytes.len() > SHORT && IS_COHERENT {
            match process_vm_writev(
                self.tid(),
                &[IoSlice::new(bytes)],
                &[AddressRange::new(Address::from(address), bytes.len())],
            ) {
                Ok(count) if count > 0 => return Ok(count),
                Ok(_) | Err(Errno::FAULT | Errno::PERM | Errno::NOSYS) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let (start, skip) = word_of(address);
        let mut word = self.peek(start)?.to_ne_bytes();
        let place = word.get_mut(skip..).unwrap_or_default();
        let count = place.len().min(bytes.len());
        for (to, from) in place.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.poke(start, usize::from_ne_bytes(word))?;
        Ok(count)
    }
}

/// A tracee's memory as it is when it is opened: `/proc/PID/mem`. When the tracee executes
/// another program this stays that of the one before, which nobody may have any more.
#[derive(Debug)]
pub(super) struct Memory(OwnedFd);

impl Memory {
    /// `None`: it cannot be had in this way.
    pub(super) fn open(stopped: &Stopped) -> Option<Self> {
        relatives::open_memory(stopped.tid()).ok().map(Self)
    }

    /// How many bytes were written, if any.
    pub(super) fn write(&self, address: usize, bytes: &[u8]) -> Option<usize> {
        let written = rustix::io::pwrite(&self.0, bytes, address as u64);
        written.ok().filter(|&count| count > 0)
    }
}

/// The aligned word in which an address lies, and where in it: it is in one page.
fn word_of(address: usize) -> (usize, usize) {
    let skip = address % WORD;
    (address - skip, skip)
}
