//! Several messages at once: `sendmmsg(2)`, `recvmmsg(2)`.

use core::mem::{MaybeUninit, offset_of, size_of};
use core::ptr;

use linux_raw_sys::general::{__NR_recvmmsg, __NR_sendmmsg, iovec};
use linux_raw_sys::net::{MSG_CMSG_CLOEXEC, mmsghdr, msghdr};
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::net::{RecvFlags, SendFlags};
use static_assertions::const_assert_eq;

use super::message::MessageFlags;
use crate::sys::address::Raw;
use crate::sys::check;
use crate::{IoSlice, Result, arch};

const_assert_eq!(size_of::<mmsghdr>(), 64);
const_assert_eq!(offset_of!(mmsghdr, msg_len), 56);
/// How many messages one call sends or receives: what stands on the stack for it.
pub(crate) const SEVERAL: usize = 32;

/// `sendmmsg(2)`: each of `messages` is one, of which at most [`SEVERAL`] are sent.
/// Returns how many.
pub(crate) fn sendmmsg(
    fd: BorrowedFd<'_>,
    messages: &[IoSlice<'_>],
    to: Option<&Raw>,
    flags: SendFlags,
) -> Result<usize> {
    let (name, name_len) = to.map_or((ptr::null(), 0), Raw::parts);
    let mut headers = [const { MaybeUninit::<mmsghdr>::uninit() }; SEVERAL];
    let mut count = 0;
    for (header, message) in headers.iter_mut().zip(messages) {
        header.write(mmsghdr {
            msg_hdr: msghdr {
                // Name and bytes are only read here. An IoSlice is an iovec.
                msg_name: name.cast_mut().cast(),
                msg_namelen: name_len as i32,
                msg_iov: ptr::from_ref(message).cast_mut().cast(),
                msg_iovlen: 1,
                msg_control: ptr::null_mut(),
                msg_controllen: 0,
                msg_flags: 0,
            },
            msg_len: 0,
        });
        count += 1;
    }
    // SAFETY: the first `count` headers are written and mutably ours, and what they
    // point to is borrowed and only read.
    let raw = unsafe {
        arch::syscall4(
            __NR_sendmmsg as usize,
            fd.as_raw_fd() as usize,
            headers.as_mut_ptr().expose_provenance(),
            count,
            flags.bits() as usize,
        )
    };
    check(raw)
}

/// A place for one of several messages that are received at once: a buffer, and afterwards the
/// message.
///
/// # Examples
///
/// ```
/// use rawipc::IoSlice;
/// use rawipc::socket::{datagram, many::Slot};
///
/// let (ours, theirs) = datagram::pair()?;
/// ours.send_many(&[IoSlice::new(b"one"), IoSlice::new(b"three")])?;
/// let mut buffers = [[0; 16]; 8];
/// let mut slots = buffers.each_mut().map(|buffer| Slot::new(buffer));
/// let count = theirs.recv_many(&mut slots)?;
/// for slot in &slots[..count] {
///     println!("{} bytes", slot.message()?.len());
/// }
/// assert_eq!(count, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Slot<'a> {
    pub(crate) buffer: &'a mut [u8],
    pub(crate) len: usize,
    pub(crate) flags: MessageFlags,
    pub(crate) from: Raw,
}

impl Slot<'_> {
    /// Forgets what came before.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.flags = MessageFlags::empty();
        self.from = Raw::NONE;
    }

    /// Whether the kernel tells that there was a message, and not the end: it has bytes,
    /// a sender, or something beside it.
    pub(crate) fn is_surely_message(&self) -> bool {
        self.len > 0
            || !self.from.as_bytes().is_empty()
            || self.flags.contains(MessageFlags::CONTROL_TRUNCATED)
    }
}

/// `recvmmsg(2)` without its timeout, into at most [`SEVERAL`] of `slots`. Returns
/// how many messages came. Descriptors that came are closed by the kernel.
pub(crate) fn recvmmsg(
    fd: BorrowedFd<'_>,
    slots: &mut [Slot<'_>],
    flags: RecvFlags,
) -> Result<usize> {
    let mut headers = [const { MaybeUninit::<mmsghdr>::uninit() }; SEVERAL];
    let mut buffers = [const { MaybeUninit::<iovec>::uninit() }; SEVERAL];
    let mut count = 0;
    let rooms = headers.iter_mut().zip(buffers.iter_mut());
    for ((header, buffer), slot) in rooms.zip(slots.iter_mut()) {
        let buffer = buffer.write(iovec {
            iov_base: slot.buffer.as_mut_ptr().cast(),
            iov_len: slot.buffer.len() as _,
        });
        let (name, name_room) = slot.from.room();
        header.write(mmsghdr {
            msg_hdr: msghdr {
                msg_name: name.cast(),
                msg_namelen: name_room as i32,
                msg_iov: ptr::from_mut(buffer).cast(),
                msg_iovlen: 1,
                msg_control: ptr::null_mut(),
                msg_controllen: 0,
                msg_flags: 0,
            },
            msg_len: 0,
        });
        count += 1;
    }
    // SAFETY: the first `count` headers are written and mutably ours, and what they
    // point to is mutably borrowed with the slots; nothing has touched it since.
    let raw = unsafe {
        arch::syscall5(
            __NR_recvmmsg as usize,
            fd.as_raw_fd() as usize,
            headers.as_mut_ptr().expose_provenance(),
            count,
            (flags.bits() | MSG_CMSG_CLOEXEC) as usize,
            0,
        )
    };
    let came = check(raw)?.min(count);
    for (header, slot) in headers.iter().zip(slots.iter_mut()).take(came) {
        // SAFETY: among the first `count`, which are written.
        let header = unsafe { header.assume_init_ref() };
        slot.from
            .written(header.msg_hdr.msg_namelen.cast_unsigned());
        slot.flags = MessageFlags::from_bits_retain(header.msg_hdr.msg_flags);
        slot.len = header.msg_len as usize;
    }
    Ok(came)
}
