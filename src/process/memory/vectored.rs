//! Vectored transfers: lists of ranges of the other process to and from lists of buffers.
#![forbid(unsafe_code)]

use core::array;

use super::error::TransferError;
use super::list::{self, Place, Transfer, WINDOW};
use super::remote::{Remote, Way, by_number};
use crate::sys::remote::{Address, AddressRange};
use crate::sys::vector::{bytes, bytes_mut, len_of};
use crate::{IoSlice, IoSliceMut, Result, sys};

impl Remote {
    /// Reads the pieces in order into the buffers in order, and returns the number of bytes
    /// read: fewer than the shorter list has if some could not be.
    ///
    /// Pieces and buffers need not have the same lengths. Only the first 1024 pieces are used,
    /// and 1024 buffers from the first that is not empty. For a process by its number it is one
    /// system call.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), about the first piece. [`Errno::INVAL`](crate::Errno::INVAL): a piece has more
    /// bytes than [`isize::MAX`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::IoSliceMut;
    /// use rawipc::process::memory::{self, Address, AddressRange};
    ///
    /// let (one, other) = (*b"scattered ", *b"there");
    /// let from = [
    ///     AddressRange::new(Address::of(&one), 10),
    ///     AddressRange::new(Address::of(&other), 5),
    /// ];
    /// let mut gathered = [0; 15];
    /// let own = memory::of(rustix::process::getpid());
    /// assert_eq!(own.readv(&from, &mut [IoSliceMut::new(&mut gathered)])?, 15);
    /// assert_eq!(&gathered, b"scattered there");
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn readv(&self, from: &[AddressRange], buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        match &self.0 {
            Way::Number(pid) => by_number(*pid, |pid| {
                sys::remote::process_vm_readv(pid, buffers, from)
            }),
            Way::File(_) => list::one_by_one(
                from,
                Reading {
                    remote: self,
                    buffers,
                },
            ),
        }
    }

    /// Reads all pieces into the buffers, however many, until either list is exhausted, and
    /// returns the number of bytes read.
    ///
    /// # Errors
    ///
    /// [`TransferError`], with the errors of [`readv`](Self::readv); what was read is in the
    /// buffers.
    pub fn readv_exact(
        &self,
        from: &[AddressRange],
        buffers: &mut [IoSliceMut<'_>],
    ) -> Result<usize, TransferError> {
        list::whole(
            from,
            Reading {
                remote: self,
                buffers,
            },
        )
    }

    /// Writes the buffers in order to the pieces in order, and returns the number of bytes
    /// written.
    ///
    /// Otherwise like [`readv`](Self::readv).
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write), about the first piece. [`Errno::INVAL`](crate::Errno::INVAL): a piece has
    /// more bytes than [`isize::MAX`].
    pub fn writev(&self, to: &[AddressRange], buffers: &[IoSlice<'_>]) -> Result<usize> {
        match &self.0 {
            Way::Number(pid) => {
                by_number(*pid, |pid| sys::remote::process_vm_writev(pid, buffers, to))
            }
            Way::File(_) => list::one_by_one(
                to,
                Writing {
                    remote: self,
                    buffers,
                },
            ),
        }
    }

    /// Writes all buffers to the pieces, however many, until either list is exhausted, and
    /// returns the number of bytes written.
    ///
    /// # Errors
    ///
    /// [`TransferError`], with the errors of [`writev`](Self::writev).
    pub fn writev_all(
        &self,
        to: &[AddressRange],
        buffers: &[IoSlice<'_>],
    ) -> Result<usize, TransferError> {
        list::whole(
            to,
            Writing {
                remote: self,
                buffers,
            },
        )
    }
}

/// Of the other process's memory into buffers.
pub(super) struct Reading<'r, 'l, 'b> {
    pub(super) remote: &'r Remote,
    pub(super) buffers: &'l mut [IoSliceMut<'b>],
}

impl Transfer for Reading<'_, '_, '_> {
    fn len(&self, index: usize) -> Option<usize> {
        self.buffers.get(index).map(len_of)
    }

    fn step(&mut self, pieces: &[AddressRange], here: Place) -> Result<usize> {
        let rest = self.buffers.get_mut(here.index..).unwrap_or_default();
        if here.offset == 0 {
            return self.remote.readv(pieces, rest);
        }
        let mut rest = rest.iter_mut();
        let mut window: [_; WINDOW] = array::from_fn(|index| {
            let buffer = rest.next().map(bytes_mut).unwrap_or_default();
            let skipped = if index == 0 { here.offset } else { 0 };
            IoSliceMut::new(buffer.get_mut(skipped..).unwrap_or_default())
        });
        self.remote.readv(pieces, &mut window)
    }

    fn part(&mut self, at: Address, here: Place, len: usize) -> Result<usize> {
        let buffer = self.buffers.get_mut(here.index).map(bytes_mut);
        let rest = buffer.and_then(|buffer| buffer.get_mut(here.offset..));
        let part = rest.and_then(|rest| rest.get_mut(..len));
        self.remote.read(at, part.unwrap_or_default())
    }
}

/// Of buffers into the other process's memory.
pub(super) struct Writing<'r, 'l, 'b> {
    pub(super) remote: &'r Remote,
    pub(super) buffers: &'l [IoSlice<'b>],
}

impl Transfer for Writing<'_, '_, '_> {
    fn len(&self, index: usize) -> Option<usize> {
        self.buffers.get(index).map(|buffer| bytes(buffer).len())
    }

    fn step(&mut self, pieces: &[AddressRange], here: Place) -> Result<usize> {
        let rest = self.buffers.get(here.index..).unwrap_or_default();
        if here.offset == 0 {
            return self.remote.writev(pieces, rest);
        }
        let window: [_; WINDOW] = array::from_fn(|index| {
            let buffer = rest.get(index).map(bytes).unwrap_or_default();
            let skipped = if index == 0 { here.offset } else { 0 };
            IoSlice::new(buffer.get(skipped..).unwrap_or_default())
        });
        self.remote.writev(pieces, &window)
    }

    fn part(&mut self, at: Address, here: Place, len: usize) -> Result<usize> {
        let buffer = self.buffers.get(here.index).map(bytes);
        let rest = buffer.and_then(|buffer| buffer.get(here.offset..));
        let part = rest.and_then(|rest| rest.get(..len));
        self.remote.write(at, part.unwrap_or_default())
    }
}
