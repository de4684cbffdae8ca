//! Moving bytes between a pipe and the program's memory: `vmsplice(2)`.
#![allow(
    unsafe_code,
    reason = "vmsplice lends the program's memory to the pipe"
)]

use bitflags::bitflags;
use rustix::event::PollFlags;
use rustix::fd::AsFd;
use rustix::fs::fcntl_getfl;
use rustix::pipe::{SpliceFlags as Flags, vmsplice};

use super::copy_out::{copy_out, is_read_only};
use super::reader::Reader;
use super::splice::for_kernel;
use super::writer::Writer;
use crate::sys::vector;
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Errno, IoSlice, IoSliceMut, Result};

#[cfg(doc)]
use super::SpliceFlags;

bitflags! {
    /// Flags of [`Writer::vmsplice`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::IoSlice;
    /// use rawipc::pipe::{self, PipeFlags, VmspliceFlags};
    ///
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// let bytes = vec![7; 4096];
    /// // SAFETY: all that is lent has been read before the bytes are dropped.
    /// let lent = unsafe { writer.vmsplice(&[IoSlice::new(&bytes)], VmspliceFlags::empty())? };
    /// let mut copy = vec![0; lent];
    /// reader.read_full(&mut copy)?;
    /// assert_eq!(copy, bytes[..lent]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct VmspliceFlags: u32 {
        /// Gives the pages to the kernel (`SPLICE_F_GIFT`): a later splice with
        /// [`SpliceFlags::MOVE`] may take them. They must be whole, aligned pages.
        const GIFT = Flags::GIFT.bits();
        const _ = !0;
    }
}

impl Reader {
    /// Copies bytes out of the pipe into memory, and returns how many: `vmsplice(2)` on a read
    /// end.
    ///
    /// Differs from [`readv`](Self::readv) in two ways: it can be told not to wait on every
    /// pipe and FIFO, and it ignores the boundaries of packets. The kernel looks at 1024
    /// buffers, from the first that is not empty.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: this is no pipe, or the descriptor is open for writing too, as
    /// of a FIFO opened with [`OpenFlags::BOTH`](super::fifo::OpenFlags::BOTH) (with
    /// which `vmsplice(2)` goes in the other direction);
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    pub fn vmsplice(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.copy_out(buffers, Blocking)
    }

    /// Like [`vmsplice`](Self::vmsplice), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::AGAIN`]: there is nothing.
    pub fn try_vmsplice(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.copy_out(buffers, Try)
    }

    /// Like [`vmsplice`](Self::vmsplice), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::TIMEDOUT`]: there was nothing until
    /// then.
    pub fn vmsplice_until(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        deadline: Deadline,
    ) -> Result<usize> {
        self.copy_out(buffers, Until(deadline))
    }

    fn copy_out(&self, buffers: &mut [IoSliceMut<'_>], patience: Patience) -> Result<usize> {
        let fd = self.as_fd();
        if !is_read_only(fcntl_getfl(fd)?) {
            return Err(Errno::BADF);
        }
        ready::patiently(fd, PollFlags::IN, patience, |may_block| {
            copy_out(fd, buffers, for_kernel(0, may_block))
        })
    }
}

impl Writer {
    /// Lends memory to the pipe, without copying it, and returns how many bytes it took:
    /// `vmsplice(2)` on a write end.
    ///
    /// Returns how many bytes the pipe has now, which may be fewer; waits while it is
    /// full. What a reader will read is what stands in the memory *when it
    /// reads*. Unmapping the memory, or ending the process, is harmless: the pipe
    /// keeps the pages. The kernel looks at 1024 buffers, from the first that is not
    /// empty.
    ///
    /// For memory that never changes there is a safe variant,
    /// [`vmsplice_static`](Self::vmsplice_static).
    ///
    /// # Safety
    ///
    /// Until the last byte of it has been read (and what it was spliced or teed on to has been
    /// read, too), the memory may not be written to, nor be freed for others to
    /// write to: whoever reads the pipe would read what stands there then. With
    /// [`VmspliceFlags::GIFT`] it may never be written to again.
    ///
    /// # Errors
    ///
    /// - [`Errno::PIPE`]: nobody reads (with SIGPIPE, see [the module](super)).
    /// - [`Errno::INVAL`]: of older kernels, a gift that is not whole, aligned pages.
    /// - [`Errno::BADF`]: this is no pipe.
    /// - [`Errno::INTR`]: it was [interrupted](crate#interruptions), the pipe has
    ///   nothing of it.
    pub unsafe fn vmsplice(&self, buffers: &[IoSlice<'_>], flags: VmspliceFlags) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.lend(buffers, flags, Blocking) }
    }

    /// Like [`vmsplice`](Self::vmsplice), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Safety
    ///
    /// The same as for [`vmsplice`](Self::vmsplice).
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::AGAIN`]: full.
    pub unsafe fn try_vmsplice(
        &self,
        buffers: &[IoSlice<'_>],
        flags: VmspliceFlags,
    ) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.lend(buffers, flags, Try) }
    }

    /// Like [`vmsplice`](Self::vmsplice), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Safety
    ///
    /// The same as for [`vmsplice`](Self::vmsplice).
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::TIMEDOUT`]: full until then.
    pub unsafe fn vmsplice_until(
        &self,
        buffers: &[IoSlice<'_>],
        flags: VmspliceFlags,
        deadline: Deadline,
    ) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.lend(buffers, flags, Until(deadline)) }
    }

    /// Lends memory that never changes to the pipe, without copying it, and returns how many
    /// bytes it took: `vmsplice(2)`.
    ///
    /// Unlike [`vmsplice`](Self::vmsplice) it is safe: what is borrowed for ever is never
    /// written to.
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice).
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags};
    ///
    /// static PAGE: [u8; 4096] = [b'x'; 4096];
    /// let (reader, writer) = pipe::create(PipeFlags::empty())?;
    /// assert_eq!(writer.vmsplice_static(&PAGE)?, 4096);
    /// assert_eq!(reader.bytes_waiting()?, 4096);
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    pub fn vmsplice_static(&self, bytes: &'static [u8]) -> Result<usize> {
        self.lend_static(bytes, Blocking)
    }

    /// Like [`vmsplice_static`](Self::vmsplice_static), but returns [`Errno::AGAIN`] instead of
    /// blocking.
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::AGAIN`]: full.
    pub fn try_vmsplice_static(&self, bytes: &'static [u8]) -> Result<usize> {
        self.lend_static(bytes, Try)
    }

    /// Like [`vmsplice_static`](Self::vmsplice_static), but gives up at `deadline` with
    /// [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`vmsplice`](Self::vmsplice); [`Errno::TIMEDOUT`]: full until then.
    pub fn vmsplice_static_until(&self, bytes: &'static [u8], deadline: Deadline) -> Result<usize> {
        self.lend_static(bytes, Until(deadline))
    }

    fn lend_static(&self, bytes: &'static [u8], patience: Patience) -> Result<usize> {
        // SAFETY: a shared borrow without an end: nobody may ever write to it. It is
        // no gift.
        unsafe { self.lend(&[IoSlice::new(bytes)], VmspliceFlags::empty(), patience) }
    }

    /// # Safety
    ///
    /// The same as for [`vmsplice`](Self::vmsplice).
    unsafe fn lend(
        &self,
        buffers: &[IoSlice<'_>],
        flags: VmspliceFlags,
        patience: Patience,
    ) -> Result<usize> {
        let fd = self.as_fd();
        // On a read end the call would write to the memory, which is only lent for
        // reading. (One that is open for both counts as a write end.)
        if is_read_only(fcntl_getfl(fd)?) {
            return Err(Errno::BADF);
        }
        let raw = vector::raw(buffers);
        ready::patiently(fd, PollFlags::OUT, patience, |may_block| {
            // SAFETY: the descriptor is not a read end, so that the kernel only reads
            // the memory; for how long it stays as it is, is the caller's promise.
            unsafe { vmsplice(fd, raw, for_kernel(flags.bits(), may_block)) }
        })
    }
}
