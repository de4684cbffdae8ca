//! POSIX message queues: `mq_open(2)` and what goes with it, as the kernel has
//! them: names without the slash, `SIGEV_THREAD` over netlink.

use core::ffi::CStr;
use core::mem::{MaybeUninit, offset_of, size_of};

use linux_raw_sys::general::{
    __NR_mq_getsetattr, __NR_mq_notify, __NR_mq_open, __NR_mq_timedreceive, __NR_mq_timedsend,
    __NR_mq_unlink, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD,
};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use static_assertions::const_assert_eq;

use super::check;
use crate::{Mode, Result, Timespec, arch};

/// `struct mq_attr`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct MqAttr {
    pub(crate) mq_flags: i64,
    pub(crate) mq_maxmsg: i64,
    pub(crate) mq_msgsize: i64,
    pub(crate) mq_curmsgs: i64,
    pub(crate) reserved: [i64; 4],
}

const_assert_eq!(size_of::<MqAttr>(), 64);
const_assert_eq!(offset_of!(MqAttr, mq_curmsgs), 24);

/// `struct sigevent`, of which `mq_notify` reads the first three fields.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct SigEvent {
    sigev_value: usize,
    sigev_signo: i32,
    sigev_notify: i32,
    _unused: [u64; 6],
}

const_assert_eq!(size_of::<SigEvent>(), 64);
const_assert_eq!(offset_of!(SigEvent, sigev_signo), 8);
const_assert_eq!(offset_of!(SigEvent, sigev_notify), 12);

/// `NOTIFY_COOKIE_LEN`: the length of the message that `SIGEV_THREAD` sends.
pub(crate) const NOTIFY_COOKIE_LEN: usize = 32;
/// `NOTIFY_WOKENUP`: the cookie's last byte when a message arrived.
pub(crate) const NOTIFY_WOKENUP: u8 = 1;
/// `NOTIFY_REMOVED`: the cookie's last byte when the registration was removed.
pub(crate) const NOTIFY_REMOVED: u8 = 2;

/// What `mq_notify` does when a message arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// `SIGEV_NONE`.
    Nothing,
    /// `SIGEV_SIGNAL`.
    Signal { number: i32, value: usize },
    /// `SIGEV_THREAD`: sends the cookie, its last byte overwritten, to a netlink
    /// socket.
    Netlink {
        socket: BorrowedFd<'a>,
        cookie: &'a [u8; NOTIFY_COOKIE_LEN],
    },
}

/// `mq_open(2)`; the name has no slash. The descriptor is closed on exec, always.
pub(crate) fn mq_open(
    name: &CStr,
    flags: u32,
    mode: Mode,
    attributes: Option<&MqAttr>,
) -> Result<OwnedFd> {
    // SAFETY: the name is a C string; the attributes are borrowed, or none.
    let raw = unsafe {
        arch::syscall4(
            __NR_mq_open as usize,
            name.as_ptr().expose_provenance(),
            flags as usize,
            mode.bits() as usize,
            attributes.map_or(0, |attributes| {
                core::ptr::from_ref(attributes).expose_provenance()
            }),
        )
    };
    let fd = check(raw)?;
    // SAFETY: a new descriptor, nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// `mq_unlink(2)`; the name has no slash.
pub(crate) fn mq_unlink(name: &CStr) -> Result<()> {
    // SAFETY: the name is a C string.
    let raw = unsafe { arch::syscall1(__NR_mq_unlink as usize, name.as_ptr().expose_provenance()) };
    check(raw).map(drop)
}

/// An optional moment as the kernel takes it: null for none.
#[inline(always)]
fn address(moment: Option<&Timespec>) -> usize {
    moment.map_or(0, |moment| core::ptr::from_ref(moment).expose_provenance())
}

/// `mq_timedsend(2)`; the moment is one of `CLOCK_REALTIME`.
#[inline(always)]
pub(crate) fn mq_timedsend(
    queue: BorrowedFd<'_>,
    message: &[u8],
    priority: u32,
    until: Option<&Timespec>,
) -> Result<()> {
    // SAFETY: the kernel reads the message and one timespec, if any, whose layout
    // Timespec has on 64-bit machines.
    let raw = unsafe {
        arch::syscall5(
            __NR_mq_timedsend as usize,
            queue.as_raw_fd() as usize,
            message.as_ptr().expose_provenance(),
            message.len(),
            priority as usize,
            address(until),
        )
    };
    check(raw).map(drop)
}

/// `mq_timedreceive(2)`; the moment is one of `CLOCK_REALTIME`. Returns the length
/// and the priority.
#[inline(always)]
pub(crate) fn mq_timedreceive(
    queue: BorrowedFd<'_>,
    buffer: &mut [u8],
    until: Option<&Timespec>,
) -> Result<(usize, u32)> {
    let mut priority = 0_u32;
    // SAFETY: the kernel writes at most the buffer and one u32, and reads one
    // timespec, if any.
    let raw = unsafe {
        arch::syscall5(
            __NR_mq_timedreceive as usize,
            queue.as_raw_fd() as usize,
            buffer.as_mut_ptr().expose_provenance(),
            buffer.len(),
            (&raw mut priority).expose_provenance(),
            address(until),
        )
    };
    Ok((check(raw)?, priority))
}

/// `mq_notify(2)`; `None` removes the caller's registration.
pub(crate) fn mq_notify(queue: BorrowedFd<'_>, event: Option<Event<'_>>) -> Result<()> {
    let event = event.map(|event| {
        let (sigev_notify, sigev_signo, sigev_value) = match event {
            Event::Nothing => (SIGEV_NONE, 0, 0),
            Event::Signal { number, value } => (SIGEV_SIGNAL, number, value),
            Event::Netlink { socket, cookie } => (
                SIGEV_THREAD,
                socket.as_raw_fd(),
                cookie.as_ptr().expose_provenance(),
            ),
        };
        SigEvent {
            sigev_value,
            sigev_signo,
            sigev_notify: sigev_notify as i32,
            _unused: [0; 6],
        }
    });
    // SAFETY: the kernel reads one SigEvent, if any, and the cookie that it points
    // to, which is borrowed for the call.
    let raw = unsafe {
        arch::syscall2(
            __NR_mq_notify as usize,
            queue.as_raw_fd() as usize,
            event
                .as_ref()
                .map_or(0, |event| core::ptr::from_ref(event).expose_provenance()),
        )
    };
    check(raw).map(drop)
}

/// `mq_getsetattr(2)`: sets the flags, if any are given, and returns what the
/// attributes were before.
pub(crate) fn mq_getsetattr(queue: BorrowedFd<'_>, new: Option<&MqAttr>) -> Result<MqAttr> {
    let mut old = MaybeUninit::<MqAttr>::zeroed();
    // SAFETY: the kernel reads one MqAttr, if any, and writes one.
    let raw = unsafe {
        arch::syscall3(
            __NR_mq_getsetattr as usize,
            queue.as_raw_fd() as usize,
            new.map_or(0, |new| core::ptr::from_ref(new).expose_provenance()),
            old.as_mut_ptr().expose_provenance(),
        )
    };
    check(raw)?;
    // SAFETY: zeroed and overwritten by the kernel: all integers.
    Ok(unsafe { old.assume_init() })
}
