//! Messages with control data and addresses, several messages at once, and options:
//! `sendmsg(2)`, `recvmsg(2)`, `sendmmsg(2)`, `recvmmsg(2)`, `getsockopt(2)`,
//! `setsockopt(2)`.

use core::mem::{MaybeUninit, offset_of, size_of};
use core::ptr;

use bitflags::bitflags;
use linux_raw_sys::general::{
    __NR_getsockopt, __NR_ioctl, __NR_recvmmsg, __NR_recvmsg, __NR_sendmmsg, __NR_sendmsg,
    __NR_setsockopt, iovec,
};
use linux_raw_sys::ioctl::SIOCATMARK;
use linux_raw_sys::net::{
    MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_TRUNC, SO_PEERPIDFD, SOL_SOCKET, mmsghdr, msghdr,
};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::Gid;
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, IntoBytes};

use super::address::Raw;
use super::check;
use super::control::{Content, Credentials, Encoded, Messages};
use crate::{IoSlice, IoSliceMut, Result, arch};

const_assert_eq!(size_of::<msghdr>(), 56);
const_assert_eq!(offset_of!(msghdr, msg_namelen), 8);
const_assert_eq!(offset_of!(msghdr, msg_iov), 16);
const_assert_eq!(offset_of!(msghdr, msg_iovlen), 24);
const_assert_eq!(offset_of!(msghdr, msg_control), 32);
const_assert_eq!(offset_of!(msghdr, msg_controllen), 40);
const_assert_eq!(offset_of!(msghdr, msg_flags), 48);
const_assert_eq!(size_of::<IoSlice<'_>>(), 16);
const_assert_eq!(size_of::<IoSliceMut<'_>>(), 16);

const_assert_eq!(size_of::<mmsghdr>(), 64);
const_assert_eq!(offset_of!(mmsghdr, msg_len), 56);
const_assert_eq!(size_of::<Gid>(), 4);

/// `sendmsg(2)`, to the address `to` when there is one.
pub(crate) fn sendmsg(
    fd: BorrowedFd<'_>,
    bytes: &[IoSlice<'_>],
    control: &Encoded,
    to: Option<&Raw>,
    flags: SendFlags,
) -> Result<usize> {
    let control = control.as_bytes();
    let (name, name_len) = to.map_or((ptr::null(), 0), Raw::parts);
    let header = msghdr {
        // Only read here.
        msg_name: name.cast_mut().cast(),
        msg_namelen: name_len as i32,
        // An IoSlice is an iovec, which the kernel only reads here.
        msg_iov: bytes.as_ptr().cast_mut().cast(),
        msg_iovlen: bytes.len(),
        msg_control: control.as_ptr().cast_mut().cast(),
        msg_controllen: control.len(),
        msg_flags: 0,
    };
    // SAFETY: the header and all that it points to are borrowed for the call and
    // only read.
    let raw = unsafe {
        arch::syscall3(
            __NR_sendmsg as usize,
            fd.as_raw_fd() as usize,
            ptr::from_ref(&header).expose_provenance(),
            flags.bits() as usize,
        )
    };
    check(raw)
}

bitflags! {
    /// What `recvmsg(2)` says of a message: `msg_flags`.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct MessageFlags: u32 {
        /// Bytes did not fit and are gone.
        const TRUNCATED = MSG_TRUNC;
        /// Control messages did not fit, or descriptors could not be installed.
        const CONTROL_TRUNCATED = MSG_CTRUNC;
        const _ = !0;
    }
}

/// What was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// The number of bytes; of a message of a socket that keeps messages apart,
    /// when `MSG_TRUNC` was asked for, also those that did not fit.
    pub(crate) len: usize,
    pub(crate) flags: MessageFlags,
    /// Bytes of control messages.
    pub(crate) control: usize,
    /// Bytes of room for control messages that were left.
    pub(crate) room_left: usize,
    /// Whether it came from an address, where that was asked for.
    pub(crate) named: bool,
}

/// A control message whose descriptors are owned.
pub(crate) enum Arrived<'a> {
    Descriptor(OwnedFd),
    Credentials(Credentials),
    Pidfd(Result<OwnedFd>),
    Label(&'a [u8]),
}

/// `recvmsg(2)` without room for control messages: descriptors that came are
/// closed by the kernel.
pub(crate) fn recvmsg(
    fd: BorrowedFd<'_>,
    bytes: &mut [IoSliceMut<'_>],
    from: Option<&mut Raw>,
    flags: RecvFlags,
) -> Result<Received> {
    // SAFETY: no bytes of room at a null pointer.
    unsafe { recvmsg_raw(fd, bytes, from, ptr::null_mut(), 0, flags) }
}

/// Room for the control messages of a UNIX socket, as `CMSG_SPACE` counts.
#[repr(C, align(8))]
struct Room<const FDS: usize, const LABEL: usize> {
    rights_header: [u64; 2],
    rights: [RawFd; FDS],
    credentials: [u64; 4],
    pidfd: [u64; 3],
    label_header: [u64; 2],
    label: [u8; LABEL],
}

const_assert_eq!(size_of::<Room<0, 0>>(), 16 + 32 + 24 + 16);
const_assert_eq!(size_of::<Room<1, 0>>(), 24 + 32 + 24 + 16);
const_assert_eq!(size_of::<Room<1, 9>>(), 24 + 32 + 24 + 16 + 16);

/// `recvmsg(2)` with room for `FDS` descriptors, credentials, a pidfd and a label
/// of `LABEL` bytes. Each control message is given to `each`, descriptors
/// close-on-exec and owned.
///
/// As one kind's room can be taken by another, more than `FDS` descriptors may come.
pub(crate) fn recvmsg_control<const FDS: usize, const LABEL: usize>(
    fd: BorrowedFd<'_>,
    bytes: &mut [IoSliceMut<'_>],
    from: Option<&mut Raw>,
    flags: RecvFlags,
    mut each: impl FnMut(Arrived<'_>),
) -> Result<Received> {
    let mut room = MaybeUninit::<Room<FDS, LABEL>>::uninit();
    let first = room.as_mut_ptr();
    // The kernel leaves the padding between messages as it is.
    // SAFETY: writes one Room where there is one.
    unsafe { first.write_bytes(0, 1) };
    let first = first.cast::<u8>();
    // Without room for a label there is none for its header, which could be taken by
    // others.
    let room = match LABEL {
        0 => offset_of!(Room<FDS, LABEL>, label_header),
        _ => size_of::<Room<FDS, LABEL>>(),
    };
    // SAFETY: the room is that long and lives on.
    let received = unsafe { recvmsg_raw(fd, bytes, from, first, room, flags) }?;
    // SAFETY: zeroed above, where it still stands, and perhaps overwritten by the
    // kernel, which never says that it wrote more than there is room for.
    let control = unsafe { core::slice::from_raw_parts(first, received.control) };
    // SAFETY: the kernel has just written these bytes, and nobody else has seen
    // them.
    unsafe { adopt(control, &mut each) };
    Ok(received)
}

/// Gives each control message to `each`.
///
/// # Safety
///
/// The kernel must have written `control`, and this must be the only look at it:
/// the descriptors that it names belong to nobody yet.
unsafe fn adopt(control: &[u8], each: &mut dyn FnMut(Arrived<'_>)) {
    for message in Messages::new(control) {
        match message.content() {
            Content::Descriptors(numbers) => {
                for number in numbers {
                    // SAFETY: the kernel installed it for us just now.
                    each(Arrived::Descriptor(unsafe { OwnedFd::from_raw_fd(number) }));
                }
            }
            Content::Credentials(credentials) => each(Arrived::Credentials(credentials)),
            Content::Pidfd(pidfd) => each(Arrived::Pidfd(pidfd.map(|number| {
                // SAFETY: the kernel installed it for us just now.
                unsafe { OwnedFd::from_raw_fd(number) }
            }))),
            Content::Label(label) => each(Arrived::Label(label)),
            Content::Other => {}
        }
    }
}

/// `recvmsg(2)`, descriptors close-on-exec. What the kernel says of the sender's
/// address goes to `from`.
///
/// # Safety
///
/// `room` bytes at `control` must be writable.
unsafe fn recvmsg_raw(
    fd: BorrowedFd<'_>,
    bytes: &mut [IoSliceMut<'_>],
    mut from: Option<&mut Raw>,
    control: *mut u8,
    room: usize,
    flags: RecvFlags,
) -> Result<Received> {
    let (name, name_room) = from.as_deref_mut().map_or((ptr::null_mut(), 0), Raw::room);
    let mut header = msghdr {
        msg_name: name.cast(),
        msg_namelen: name_room as i32,
        // An IoSliceMut is an iovec.
        msg_iov: bytes.as_mut_ptr().cast(),
        msg_iovlen: bytes.len(),
        msg_control: control.cast(),
        msg_controllen: room,
        msg_flags: 0,
    };
    // SAFETY: the header, the slices and the address are borrowed mutably for the
    // call; the room for control messages is the caller's promise.
    let raw = unsafe {
        arch::syscall3(
            __NR_recvmsg as usize,
            fd.as_raw_fd() as usize,
            ptr::from_mut(&mut header).expose_provenance(),
            (flags.bits() | MSG_CMSG_CLOEXEC) as usize,
        )
    };
    let len = check(raw)?;
    if let Some(from) = from {
        from.written(header.msg_namelen.cast_unsigned());
    }
    let control = header.msg_controllen.min(room);
    Ok(Received {
        len,
        flags: MessageFlags::from_bits_retain(header.msg_flags),
        control,
        room_left: room - control,
        named: header.msg_namelen > 0,
    })
}

/// `getsockopt(2)` of a value of fixed size. Bytes that the kernel does not write
/// are zero.
pub(crate) fn getsockopt<T: FromBytes + IntoBytes>(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
) -> Result<T> {
    let mut value = T::new_zeroed();
    getsockopt_bytes(fd, level, name, value.as_mut_bytes())?;
    Ok(value)
}

/// `getsockopt(2)` of bytes whose number the kernel knows: how many there are. Where
/// that is more than there is room for, the kernel may say [`Errno::RANGE`], too.
///
/// [`Errno::RANGE`]: crate::Errno::RANGE
pub(crate) fn getsockopt_bytes(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
    value: &mut [u8],
) -> Result<usize> {
    let mut len = u32::try_from(value.len()).unwrap_or(u32::MAX);
    // SAFETY: the kernel writes at most `len` bytes of the value, which are
    // borrowed mutably and may be any, and the length.
    let raw = unsafe { getsockopt_raw(fd, level, name, value.as_mut_ptr(), &mut len) };
    raw.map(|()| len as usize)
}

/// `getsockopt(2)`.
///
/// # Safety
///
/// `len` bytes at `value` must be writable, and any bytes be fit for them.
unsafe fn getsockopt_raw(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
    value: *mut u8,
    len: &mut u32,
) -> Result<()> {
    // SAFETY: the value is the caller's promise, and the length is borrowed.
    let raw = unsafe {
        arch::syscall5(
            __NR_getsockopt as usize,
            fd.as_raw_fd() as usize,
            level as usize,
            name as usize,
            value.expose_provenance(),
            ptr::from_mut(len).expose_provenance(),
        )
    };
    check(raw).map(drop)
}

/// `getsockopt(2)` of `SO_PEERGROUPS`: how many there are, also with
/// [`Errno::RANGE`](crate::Errno::RANGE), when nothing was written.
pub(crate) fn peer_groups(
    fd: BorrowedFd<'_>,
    name: u32,
    groups: &mut [Gid],
) -> (Result<()>, usize) {
    let mut len = u32::try_from(size_of_val(groups)).unwrap_or(u32::MAX);
    // SAFETY: a Gid is a number, of which any is one, and so many are borrowed.
    let raw = unsafe { getsockopt_raw(fd, SOL_SOCKET, name, groups.as_mut_ptr().cast(), &mut len) };
    (raw, len as usize / size_of::<Gid>())
}

/// `getsockopt(2)` of `SO_PEERPIDFD`.
pub(crate) fn peer_pidfd(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let number: RawFd = getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD)?;
    // SAFETY: the kernel installed it for us just now, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// `setsockopt(2)`.
pub(crate) fn setsockopt<T: IntoBytes + zerocopy::Immutable>(
    fd: BorrowedFd<'_>,
    level: u32,
    name: u32,
    value: &T,
) -> Result<()> {
    // SAFETY: the kernel reads the value, which is borrowed.
    let raw = unsafe {
        arch::syscall5(
            __NR_setsockopt as usize,
            fd.as_raw_fd() as usize,
            level as usize,
            name as usize,
            ptr::from_ref(value).expose_provenance(),
            size_of::<T>(),
        )
    };
    check(raw).map(drop)
}

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

/// `ioctl(2)` of `SIOCATMARK`.
pub(crate) fn sockatmark(fd: BorrowedFd<'_>) -> Result<bool> {
    let mut at_mark = 0_i32;
    // SAFETY: the kernel writes an int, which is borrowed.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            fd.as_raw_fd() as usize,
            SIOCATMARK as usize,
            ptr::from_mut(&mut at_mark).expose_provenance(),
        )
    };
    check(raw).map(|_| at_mark != 0)
}

/// `ioctl(2)` of `IOCTL_VM_SOCKETS_GET_LOCAL_CID`, on `/dev/vsock`.
pub(crate) fn vsock_local_cid(fd: BorrowedFd<'_>) -> Result<u32> {
    /// `_IO(7, 0xb9)`.
    const GET_LOCAL_CID: usize = 0x7b9;
    let mut cid = 0_u32;
    // SAFETY: the kernel writes an unsigned int, which is borrowed.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            fd.as_raw_fd() as usize,
            GET_LOCAL_CID,
            ptr::from_mut(&mut cid).expose_provenance(),
        )
    };
    check(raw).map(|_| cid)
}
