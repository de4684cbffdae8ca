//! Messages with control data and addresses: `sendmsg(2)`, `recvmsg(2)`.

use core::mem::{MaybeUninit, offset_of, size_of};
use core::ptr;

use bitflags::bitflags;
use linux_raw_sys::general::{__NR_recvmsg, __NR_sendmsg};
use linux_raw_sys::net::{MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_TRUNC, msghdr};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::net::{RecvFlags, SendFlags};
use static_assertions::const_assert_eq;

use crate::sys::address::Raw;
use crate::sys::check;
use crate::sys::control::{Content, Credentials, Encoded, Messages};
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
