//! A tracee's memory.
#![forbid(unsafe_code)]

use super::{Error, Stopped};
use crate::sys::remote::{Address, Span, process_vm_readv, process_vm_writev};
use crate::sys::trace as sys;
use crate::{Errno, IoSlice, IoSliceMut, Result};

const WORD: usize = size_of::<usize>();

/// Up to so many bytes are moved word by word rather than by `process_vm_readv(2)`.
const SHORT: usize = WORD;

impl Stopped {
    /// The word at `address` in its memory: `PTRACE_PEEKDATA`. The address need not be
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
    /// As [`peek`](Self::peek).
    #[doc(alias = "PTRACE_POKEDATA")]
    #[doc(alias = "PTRACE_POKETEXT")]
    pub fn poke(&self, address: usize, word: usize) -> Result<(), Error> {
        Ok(sys::pokedata(self.tid(), address, word)?)
    }

    /// Reads its memory from `address` on, and says how many bytes there were: fewer than
    /// asked for where the mapping ends. `process_vm_readv(2)`; memory that the tracee
    /// cannot read itself comes word by word (`PTRACE_PEEKDATA`).
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
                &[Span::new(Address::from(address), len)],
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

    /// Writes to its memory from `address` on, and says how many bytes: fewer than given
    /// where the mapping ends. `process_vm_writev(2)`; memory that the tracee cannot
    /// write itself is changed word by word as by [`poke`](Self::poke), the other bytes
    /// of the words being written as they were before.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    #[doc(alias = "process_vm_writev")]
    pub fn write(&self, address: usize, bytes: &[u8]) -> Result<usize, Error> {
        let mut done = 0;
        while done < bytes.len() {
            let rest = bytes.get(done..).unwrap_or_default();
            match self.write_some(address.wrapping_add(done), rest) {
                Ok(count) => done += count,
                Err(Error::Errno(Errno::IO)) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_some(&self, address: usize, bytes: &[u8]) -> Result<usize, Error> {
        match process_vm_writev(
            self.tid(),
            &[IoSlice::new(bytes)],
            &[Span::new(Address::from(address), bytes.len())],
        ) {
            Ok(count) if count > 0 => return Ok(count),
            Ok(_) | Err(Errno::FAULT | Errno::PERM | Errno::NOSYS) => {}
            Err(errno) => return Err(errno.into()),
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

/// The aligned word in which an address lies, and where in it: it is in one page.
fn word_of(address: usize) -> (usize, usize) {
    let skip = address % WORD;
    (address - skip, skip)
}
