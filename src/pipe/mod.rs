//! Pipes and FIFOs, which move a stream of bytes (or packets) from writers to
//! readers through the kernel: `pipe(7)`, `fifo(7)`.
//!
//! | what | where |
//! |---|---|
//! | a pipe between related processes | [`create`] |
//! | one that has a name | [`fifo`] |
//! | the ends of both | [`Reader`], [`Writer`] |
//! | moving bytes without copying them through the program | [`Reader::splice_to`], [`Writer::splice_from`], [`Reader::tee`], [`Writer::vmsplice`] |
//!
//! # When the other side is gone
//!
//! When the last writer is gone (closed or killed), readers get what is still
//! in the pipe and then 0 bytes, the end of the stream. An end counts as gone
//! only when no process has a copy of its descriptor any more: close yours.
//!
//! When the last reader is gone, what is still in the pipe is lost, and a write
//! fails with [`Errno::PIPE`]. But before it fails, **the kernel sends SIGPIPE to
//! the writing thread, which by default kills the process**. This goes for writes
//! of every kind, splicing included. A program with Rust's std ignores SIGPIPE
//! from its start; one without must do one of these:
//!
//! - call [`ignore_sigpipe`] once, for the whole process;
//! - write with [`WriteFlags::NOSIGNAL`], if Linux 6.18 or later can be had;
//! - block SIGPIPE in the writing thread, and take the pending signal later.
//!
//! # `O_NONBLOCK` is shared, the `try_` forms are not
//!
//! Whether a descriptor is non-blocking is a property of the *open file
//! description*, shared by all its copies in all processes: it can change at any
//! time. The `try_` and `_until` forms do not depend on it. They ask the kernel
//! not to wait for this one call (`RWF_NOWAIT`, Linux 6.4 or later), which it serves for
//! pipes. It does not for a FIFO, nor for a pipe's end that was once used with
//! splice or vmsplice. Then:
//!
//! - reading uses `vmsplice(2)`, which copies and can be told not to wait, unless
//!   the reader [is in packet mode](Reader::is_packet) (which `vmsplice` does not
//!   respect) or the descriptor is open for writing too;
//! - in all other cases the descriptor is polled, and read or written when it is
//!   ready. No more than [`ATOMIC_SIZE`] bytes are written at once, for which
//!   there is room when the pipe is ready. *Another reader or writer of the same
//!   end that takes the bytes or the room between the two calls makes this one
//!   wait*, as no end is locked in between.
//!
//! The plain forms are what the kernel does: on a non-blocking descriptor they
//! fail with [`Errno::AGAIN`] instead of waiting. (The whole-message forms,
//! [`Reader::read_full`] and [`Writer::write_all`], wait all the same.)
//!
//! # Left out on purpose
//!
//! `O_NOTIFICATION_PIPE` makes no pipe between processes: it carries the kernel's
//! watch queue. `SPLICE_F_NONBLOCK` is what the `try_` forms are.
#![deny(unsafe_code)]

mod copy_out;
mod end;
pub mod fifo;
mod reader;
mod splice;
mod vmsplice;
mod writer;

pub use reader::Reader;
pub use splice::SpliceFlags;
pub use vmsplice::VmspliceFlags;
pub use writer::{WriteFlags, Writer};

use bitflags::bitflags;
use rustix::pipe::{PIPE_BUF, pipe_with};

#[cfg(doc)]
use crate::Errno;
use crate::{Result, Signal, sys};

/// The largest size of an atomic write (`PIPE_BUF`): one that does not mix with those of other
/// writers, and that is done completely or not at all.
pub const ATOMIC_SIZE: usize = PIPE_BUF;

/// `O_CLOEXEC`, whose opposite the flag `INHERITED` is.
const CLOEXEC: u32 = rustix::pipe::PipeFlags::CLOEXEC.bits();

bitflags! {
    /// Flags of [`create`]. Without any, a pipe blocks and is closed on exec.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::pipe::{self, PipeFlags};
    ///
    /// // Packets: each read takes one write, whole.
    /// let (reader, writer) = pipe::create(PipeFlags::PACKET)?;
    /// writer.write(b"one")?;
    /// writer.write(b"three")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(reader.read(&mut buffer)?, 3);
    /// assert_eq!(reader.read(&mut buffer)?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PipeFlags: u32 {
        /// Both ends are non-blocking (`O_NONBLOCK`): see
        /// [`Reader::set_nonblocking`].
        const NONBLOCK = rustix::pipe::PipeFlags::NONBLOCK.bits();
        /// Packet mode (`O_DIRECT`): each write is a packet, and each read takes one whole
        /// packet.
        ///
        /// A write of more than [`ATOMIC_SIZE`] bytes makes several packets of
        /// at most that size. A read into a smaller buffer *discards* the rest of
        /// the packet: read into [`ATOMIC_SIZE`] bytes and no packet is cut. There
        /// are no packets of 0 bytes: writing nothing does nothing.
        const PACKET = rustix::pipe::PipeFlags::DIRECT.bits();
        /// Both descriptors stay open when this process executes another program.
        // The bit is O_CLOEXEC, which the kernel is given inverted.
        const INHERITED = CLOEXEC;
        const _ = !0;
    }
}

/// Creates a pipe: `pipe2(2)`.
///
/// What is written to the one end is read from the other. The pipe holds 64 KiB
/// (less when the user has very many pipes): see [`Reader::capacity`].
///
/// # Errors
///
/// [`Errno::MFILE`] or [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left (or the user's memory for pipes is used up); [`Errno::INVAL`]:
/// the kernel does not know a flag.
///
/// # Examples
///
/// ```
/// use rawipc::pipe::{self, PipeFlags};
///
/// let (reader, writer) = pipe::create(PipeFlags::empty())?;
/// writer.write_all(b"hello")?;
/// drop(writer);
/// let mut buffer = [0; 16];
/// assert_eq!(reader.read_full(&mut buffer)?, 5);
/// assert_eq!(&buffer[..5], b"hello");
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "pipe")]
#[doc(alias = "pipe2")]
pub fn create(flags: PipeFlags) -> Result<(Reader, Writer)> {
    let flags = rustix::pipe::PipeFlags::from_bits_retain(flags.bits() ^ CLOEXEC);
    let (reader, writer) = pipe_with(flags)?;
    let (reader, writer) = (Reader::from(reader), Writer::from(writer));
    if flags.contains(rustix::pipe::PipeFlags::DIRECT) {
        // The kernel says it to the writer only; the reader has to know it, too.
        reader.set_packet(true)?;
    }
    Ok((reader, writer))
}

/// Makes this process ignore SIGPIPE: `sigaction(2)`.
///
/// A write to a pipe that nobody reads then fails with [`Errno::PIPE`], and does
/// no more than that. It holds for all threads, and for children, programs
/// that they execute among them: set it back before executing a program that
/// counts on the default, as filters do. A program with Rust's std has this from
/// its start.
///
/// # Errors
///
/// None that a program acts on.
///
/// # Examples
///
/// ```
/// use rawipc::{Errno, pipe::{self, PipeFlags}};
///
/// pipe::ignore_sigpipe()?;
/// let (reader, writer) = pipe::create(PipeFlags::empty())?;
/// drop(reader);
/// assert_eq!(writer.write(b"anybody?"), Err(Errno::PIPE));
/// # Ok::<(), Errno>(())
/// ```
#[doc(alias = "SIGPIPE")]
#[doc(alias = "SIG_IGN")]
pub fn ignore_sigpipe() -> Result<()> {
    sys::signal::ignore(Signal::PIPE)
}
