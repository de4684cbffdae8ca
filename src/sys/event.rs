//! Waiting for several descriptors: `ppoll(2)` and `epoll_pwait(2)` with their
//! signal masks, `epoll_pwait2(2)`; and what rustix lacks of `timerfd_create(2)`.

use core::marker::PhantomData;
use core::mem::{offset_of, size_of};
use core::ptr;

use linux_raw_sys::general::{
    __NR_epoll_pwait, __NR_epoll_pwait2, __NR_ioctl, __NR_ppoll, epoll_event, pollfd,
};
use rustix::event::epoll;
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use static_assertions::const_assert_eq;

use super::check;
use crate::{Result, Timespec, arch};

/// The kernel's `sigset_t`: bit `n - 1` is signal `n`.
type SigSet = u64;

/// The most events that `epoll_pwait` takes room for.
const EP_MAX_EVENTS: usize = i32::MAX as usize / size_of::<epoll_event>();

/// `TFD_IOC_SET_TICKS`: `_IOW('T', 0, u64)`.
const TFD_IOC_SET_TICKS: u32 = (1 << 30) | (8 << 16) | ((b'T' as u32) << 8);

/// An event that a [`Poller`](crate::event::poller::Poller) reports: which registration is
/// ready, and for what: `struct epoll_event`.
///
/// # Examples
///
/// ```
/// use rawipc::event::Readiness;
/// use rawipc::event::poller::{self, Event, Interest, PollerFlags};
/// use rawipc::pipe::{self, PipeFlags};
///
/// let (reader, writer) = pipe::create(PipeFlags::empty())?;
/// let poller = poller::create(PollerFlags::empty())?;
/// poller.add(&reader, 5, Interest::IN)?;
/// drop(writer);
///
/// let mut events = [Event::EMPTY; 8]; // room for as many as one wait shall return
/// for event in poller.wait(&mut events)? {
///     if event.readiness().contains(Readiness::HUP) {
///         println!("the writer of pipe {} has hung up", event.token());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Event(pub(crate) epoll::Event);

const_assert_eq!(size_of::<Event>(), size_of::<epoll_event>());
const_assert_eq!(
    offset_of!(epoll::Event, data),
    offset_of!(epoll_event, data)
);

/// A descriptor to wait for, and what it was found ready for: `struct pollfd`.
///
/// # Examples
///
/// ```
/// use rawipc::event::Readiness;
/// use rawipc::event::poll::{self, PollFd};
/// use rawipc::pipe::{self, PipeFlags};
///
/// let (first, _first_writer) = pipe::create(PipeFlags::empty())?;
/// let (second, second_writer) = pipe::create(PipeFlags::empty())?;
/// second_writer.write(b"x")?;
///
/// let mut fds = [PollFd::new(&first, Readiness::IN), PollFd::new(&second, Readiness::IN)];
/// assert_eq!(poll::wait(&mut fds)?, 1);
/// assert_eq!(fds.map(|fd| fd.readiness()), [Readiness::empty(), Readiness::IN]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
#[repr(C)]
pub struct PollFd<'fd> {
    /// A negative number is passed over.
    pub(crate) fd: RawFd,
    pub(crate) events: u16,
    pub(crate) revents: u16,
    pub(crate) borrowed: PhantomData<BorrowedFd<'fd>>,
}

const_assert_eq!(size_of::<PollFd<'_>>(), size_of::<pollfd>());
const_assert_eq!(offset_of!(PollFd<'_>, events), offset_of!(pollfd, events));
const_assert_eq!(offset_of!(PollFd<'_>, revents), offset_of!(pollfd, revents));

fn address<T>(value: Option<&T>) -> usize {
    value.map_or(ptr::null(), ptr::from_ref).expose_provenance()
}

/// `ppoll(2)`: how many are ready.
pub(crate) fn ppoll(
    fds: &mut [PollFd<'_>],
    timeout: Option<Timespec>,
    mask: Option<SigSet>,
) -> Result<usize> {
    let mut timeout = timeout;
    let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: the kernel writes to the pollfds and the timespec, which are borrowed
    // for the call, and reads the mask, which has the size that is said.
    let raw = unsafe {
        arch::syscall5(
            __NR_ppoll as usize,
            fds.as_mut_ptr().expose_provenance(),
            fds.len(),
            timeout.expose_provenance(),
            address(mask.as_ref()),
            size_of::<SigSet>(),
        )
    };
    check(raw)
}

/// `epoll_pwait(2)`: how many events there are; `timeout` in milliseconds, -1 for
/// none.
pub(crate) fn epoll_pwait(
    epoll: BorrowedFd<'_>,
    events: &mut [Event],
    timeout: i32,
    mask: Option<SigSet>,
) -> Result<usize> {
    // SAFETY: the kernel writes at most so many events, and reads the mask, which
    // has the size that is said.
    let raw = unsafe {
        arch::syscall6(
            __NR_epoll_pwait as usize,
            epoll.as_raw_fd() as usize,
            events.as_mut_ptr().expose_provenance(),
            events.len().min(EP_MAX_EVENTS),
            timeout as usize,
            address(mask.as_ref()),
            size_of::<SigSet>(),
        )
    };
    check(raw)
}

/// `epoll_pwait2(2)`: as [`epoll_pwait`], in nanoseconds.
pub(crate) fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut [Event],
    timeout: Timespec,
    mask: Option<SigSet>,
) -> Result<usize> {
    // SAFETY: the kernel writes at most so many events, and reads the timespec and
    // the mask, which has the size that is said.
    let raw = unsafe {
        arch::syscall6(
            __NR_epoll_pwait2 as usize,
            epoll.as_raw_fd() as usize,
            events.as_mut_ptr().expose_provenance(),
            events.len().min(EP_MAX_EVENTS),
            address(Some(&timeout)),
            address(mask.as_ref()),
            size_of::<SigSet>(),
        )
    };
    check(raw)
}

/// `ioctl(2)` with `TFD_IOC_SET_TICKS`.
pub(crate) fn timerfd_set_ticks(timer: BorrowedFd<'_>, ticks: u64) -> Result<()> {
    // SAFETY: the kernel reads 8 bytes, which are borrowed for the call; no other
    // kind of descriptor knows this number.
    let raw = unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            timer.as_raw_fd() as usize,
            TFD_IOC_SET_TICKS as usize,
            address(Some(&ticks)),
        )
    };
    check(raw).map(drop)
}
