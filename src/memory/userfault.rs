//! Page faults as messages: `userfaultfd(2)`, `ioctl_userfaultfd(2)`.
//!
//! Whoever touches a page of registered memory that is not there yet sleeps until
//! somebody with the descriptor has put it there: the *handler*, another thread of the
//! process or another process that was given the descriptor. It decides what the page
//! has, and so pages over a network, restores a snapshot or counts accesses. With
//! [`Mode::WRITE_PROTECT`] and [`Mode::MINOR`] it also hears of writes, and of pages
//! that only are not mapped yet.
//!
//! A descriptor is of one process's memory, wherever it is used: that of the process that
//! created it, or of the child in an [`Event::Fork`]. All addresses are that process's.
//! A mapping tells its own by [`Mapping::address_range`].
//!
//! # What to keep in mind
//!
//! - A handler touches no page that it serves, and locks nothing that who sleeps may
//!   hold. Nor does a system call that it makes: the kernel faults as well, in a `read` into
//!   such memory for instance.
//! - **If the handler dies**, what happens depends on who else has the descriptor. If
//!   nobody has, the kernel closes it for the dead: all registrations end, and who sleeps
//!   finds zeros, or what the file has. If somebody has, **who sleeps does so until that
//!   one serves, or is killed** (signals are handled meanwhile): so a process that gives
//!   its faults to another closes its own descriptor, or watches the handler by its
//!   [pidfd](crate::process::pidfd). Who takes over from it does not hear of what the dead
//!   one had read: it [wakes](Userfault::wake) all, and who still needs a page asks again.
//! - **If the process dies** whose memory it is, the handler hears nothing, and its
//!   operations fail with [`Errno::SRCH`].
//! - With [`Features::FORK`], [`Features::MOVED`], [`Features::REMOVED`] or
//!   [`Features::UNMAPPED`] the one who forks, moves, discards or unmaps sleeps until
//!   that event is read, [`Mapping`]'s drop too. Without them nobody is told, moved pages
//!   are not registered any more, and a child's never were.
//! - Not every kernel has it, not for everybody: see [`create`].

use core::ffi::CStr;
use core::ops::RangeBounds;

use linux_raw_sys::general as raw;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::{CWD, OFlags};
use rustix::mm::UserfaultfdFlags;

use crate::memory::mapping::{Address, AddressRange, Mapping};
use crate::wait::ready;
use crate::{Deadline, Errno, Mode as FileMode, Result, sys};

/// The device that [`open_device`] opens.
pub const DEVICE: &CStr = c"/dev/userfaultfd";

/// What is always asked of the kernel, unless the flag of the same bit says no.
const UNLESS_ASKED: u32 = raw::O_CLOEXEC;

bitflags::bitflags! {
    /// What [`create`] creates.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct UserfaultFlags: u32 {
        /// The descriptor stays open in programs that this process executes.
        const INHERITED = raw::O_CLOEXEC;
        /// Faults of the kernel, in a system call that is given such memory, are not
        /// handed out: the call fails with [`Errno::FAULT`]. Needs no privilege (Linux
        /// 5.11).
        const USER_MODE_ONLY = raw::UFFD_USER_MODE_ONLY;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// What a descriptor can tell and do. Which there are depends on the kernel and the
    /// machine: [`features`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Features: u64 {
        /// [`Mode::WRITE_PROTECT`], of private anonymous memory (Linux 5.7).
        const WRITE_PROTECT = raw::UFFD_FEATURE_PAGEFAULT_FLAG_WP as u64;
        /// [`Event::Fork`], with `CAP_SYS_PTRACE` (Linux 4.11).
        const FORK = raw::UFFD_FEATURE_EVENT_FORK as u64;
        /// [`Event::Moved`] (Linux 4.11).
        const MOVED = raw::UFFD_FEATURE_EVENT_REMAP as u64;
        /// [`Event::Removed`] (Linux 4.11).
        const REMOVED = raw::UFFD_FEATURE_EVENT_REMOVE as u64;
        /// [`Event::Unmapped`] (Linux 4.11).
        const UNMAPPED = raw::UFFD_FEATURE_EVENT_UNMAP as u64;
        /// Memory of huge pages can be registered (Linux 4.11).
        const HUGE = raw::UFFD_FEATURE_MISSING_HUGETLBFS as u64;
        /// Shared memory can be registered: memfds, shared anonymous memory (Linux 4.11).
        const SHARED = raw::UFFD_FEATURE_MISSING_SHMEM as u64;
        /// No faults are handed out: who touches a page that is missing gets SIGBUS, a
        /// system call [`Errno::FAULT`] (Linux 4.14).
        const SIGBUS = raw::UFFD_FEATURE_SIGBUS as u64;
        /// Tells which thread it was: [`Fault::thread`] (Linux 4.14).
        const THREAD = raw::UFFD_FEATURE_THREAD_ID as u64;
        /// [`Mode::MINOR`] of memory of huge pages (Linux 5.13).
        const MINOR_HUGE = raw::UFFD_FEATURE_MINOR_HUGETLBFS as u64;
        /// [`Mode::MINOR`] of shared memory (Linux 5.14).
        const MINOR_SHARED = raw::UFFD_FEATURE_MINOR_SHMEM as u64;
        /// Tells the address itself, not that of its page (Linux 5.18).
        const EXACT = raw::UFFD_FEATURE_EXACT_ADDRESS as u64;
        /// [`Mode::WRITE_PROTECT`] of shared memory and huge pages (Linux 5.19).
        const WRITE_PROTECT_SHARED = raw::UFFD_FEATURE_WP_HUGETLBFS_SHMEM as u64;
        /// Private anonymous pages that are missing are protected too (Linux 6.4).
        const WRITE_PROTECT_MISSING = raw::UFFD_FEATURE_WP_UNPOPULATED as u64;
        /// [`Userfault::poison`] (Linux 6.6).
        const POISON = raw::UFFD_FEATURE_POISON as u64;
        /// Writes to protected pages are not handed out but let through, after which
        /// `/proc/PID/pagemap` tells which were written (Linux 6.7).
        const WRITE_PROTECT_ASYNC = raw::UFFD_FEATURE_WP_ASYNC as u64;
        /// [`Userfault::move_pages`] (Linux 6.8).
        const MOVE = raw::UFFD_FEATURE_MOVE as u64;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// Which faults are handed out: [`Userfault::register`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Mode: u64 {
        /// Accesses to pages that are not there: neither in memory, nor swapped out, nor in
        /// the memfd.
        const MISSING = raw::UFFDIO_REGISTER_MODE_MISSING as u64;
        /// Writes to pages that are protected: [`Userfault::protect`].
        const WRITE_PROTECT = raw::UFFDIO_REGISTER_MODE_WP as u64;
        /// Accesses to pages that the memfd has, and that are not mapped here yet:
        /// [`Userfault::continue_fault`].
        const MINOR = raw::UFFDIO_REGISTER_MODE_MINOR as u64;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// What can be done to registered memory: [`Userfault::register`] tells.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Operations: u64 {
        /// [`Userfault::wake`].
        const WAKE = 1 << raw::_UFFDIO_WAKE;
        /// [`Userfault::copy`].
        const COPY = 1 << raw::_UFFDIO_COPY;
        /// [`Userfault::zero`].
        const ZERO = 1 << raw::_UFFDIO_ZEROPAGE;
        /// [`Userfault::move_pages`].
        const MOVE = 1 << raw::_UFFDIO_MOVE;
        /// [`Userfault::protect`].
        const PROTECT = 1 << raw::_UFFDIO_WRITEPROTECT;
        /// [`Userfault::continue_fault`].
        const CONTINUE = 1 << raw::_UFFDIO_CONTINUE;
        /// [`Userfault::poison`].
        const POISON = 1 << raw::_UFFDIO_POISON;

        const _ = !0;
    }
}

bitflags::bitflags! {
    /// How pages are put in place. Nothing: ready, and who sleeps is woken.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Place: u64 {
        /// Who sleeps because of them sleeps on, until [`Userfault::wake`].
        const ASLEEP = raw::UFFDIO_COPY_MODE_DONTWAKE as u64;
        /// They are protected against writing; of [`Userfault::copy`] and, since Linux 6.4,
        /// [`Userfault::continue_fault`], where [`Mode::WRITE_PROTECT`] is registered.
        const PROTECTED = raw::UFFDIO_COPY_MODE_WP as u64;

        const _ = !0;
    }
}

/// `UFFDIO_WRITEPROTECT_MODE_WP`.
const PROTECT: u64 = 1;

/// What happened to registered memory.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Somebody sleeps until a page is there, or may be written.
    Fault(Fault),
    /// The process forked: this is of the child's memory, registered as the
    /// parent's. If it is dropped, the child's is registered no longer.
    Fork(Userfault),
    /// Pages went elsewhere, by `mremap(2)`, and are registered there.
    Moved {
        /// The address that they had.
        from: Address,
        /// The address that they have.
        to: Address,
        /// How many bytes.
        len: usize,
    },
    /// Pages were discarded, by `madvise(2)`: they are missing again.
    Removed(AddressRange),
    /// Pages were unmapped.
    Unmapped(AddressRange),
    /// Something that this version does not know, by its number.
    Other(u8),
}

/// Who sleeps because of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// What was accessed: the address of the page, or with [`Features::EXACT`] itself.
    /// [`Mapping::offset_of`] says where in a mapping that is.
    pub address: Address,
    /// Whether it was to be written. Of a page that is missing this is of use only for
    /// statistics.
    pub write: bool,
    /// Whether the page is there, and protected against writing: [`Mode::WRITE_PROTECT`].
    pub protected: bool,
    /// Whether the memfd has the page, and it is not mapped: [`Mode::MINOR`].
    pub minor: bool,
    /// Which thread, with [`Features::THREAD`]; 0 without. As the process that reads it
    /// sees it: 0 too if it cannot.
    pub thread: u32,
}

/// Page faults as messages: a userfaultfd.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::memory::MapOptions;
/// use rawipc::memory::userfault::{self, Event, Features, Mode, Place, UserfaultFlags};
///
/// let faults = match userfault::create(UserfaultFlags::USER_MODE_ONLY, Features::empty()) {
///     Err(Errno::NOSYS | Errno::PERM) => return Ok(()), // not on this system
///     result => result?,
/// };
/// const PAGE: usize = 65536; // a multiple of every page size but huge ones
/// let mapping = MapOptions::private(2 * PAGE).map_anonymous()?;
/// faults.register(&mapping, .., Mode::MISSING)?;
///
/// std::thread::scope(|threads| {
///     let reader = threads.spawn(|| mapping.read::<u8>(PAGE + 5));
///     let Event::Fault(fault) = faults.read()? else { unreachable!("nothing else happens") };
///     assert_eq!(mapping.offset_of(fault.address), Some(PAGE));
///     faults.copy(fault.address, &[7; PAGE], Place::empty())?;
///     assert_eq!(reader.join().unwrap(), Ok(7));
///     Ok::<(), Errno>(())
/// })?;
/// # Ok::<(), Errno>(())
/// ```
#[derive(Debug)]
pub struct Userfault(OwnedFd);

/// Creates one for the memory of this process, with these features: `userfaultfd(2)` and
/// `UFFDIO_API`. Closed on exec unless asked otherwise; never blocking, as only such a
/// one can be polled.
///
/// A feature is asked for once and for all: first ask which there are
/// ([`features`]), or take [`Errno::INVAL`] for an answer.
///
/// # Errors
///
/// [`Errno::PERM`]: without `CAP_SYS_PTRACE` only with
/// [`UserfaultFlags::USER_MODE_ONLY`], unless `/proc/sys/vm/unprivileged_userfaultfd` is
/// 1, and never [`Features::FORK`]; containers often allow it to nobody.
/// [`Errno::INVAL`]: the kernel does not know a flag, or has not all these features.
/// [`Errno::NOSYS`]: it has none of this. [`Errno::MFILE`], [`Errno::NFILE`]: this
/// process, or the system, has no descriptor left.
#[doc(alias = "userfaultfd")]
#[doc(alias = "UFFDIO_API")]
pub fn create(flags: UserfaultFlags, features: Features) -> Result<Userfault> {
    let flags = UserfaultfdFlags::from_bits_retain(kernel_flags(flags));
    // SAFETY: what can be done to memory with it is for those functions to answer for.
    let fd = unsafe { rustix::mm::userfaultfd(flags) }?;
    sys::userfault::api(fd.as_fd(), features.bits())?;
    Ok(Userfault(fd))
}

/// Which features there are on this system: `UFFDIO_API` of a descriptor of its own.
///
/// # Errors
///
/// [`Errno::NOSYS`], [`Errno::PERM`], [`Errno::MFILE`], [`Errno::NFILE`]: as [`create`].
///
/// # Examples
///
/// ```
/// use rawipc::memory::userfault::{self, Features};
///
/// let sharable = userfault::features().is_ok_and(|all| all.contains(Features::SHARED));
/// println!("faults of shared memory can be handled: {sharable}");
/// ```
#[doc(alias = "UFFDIO_API")]
pub fn features() -> Result<Features> {
    let flags = kernel_flags(UserfaultFlags::USER_MODE_ONLY);
    let flags = UserfaultfdFlags::from_bits_retain(flags);
    // SAFETY: it is registered nowhere, and closed.
    let fd = unsafe { rustix::mm::userfaultfd(flags) }?;
    sys::userfault::api(fd.as_fd(), 0).map(Features::from_bits_retain)
}

/// Opens [`DEVICE`], which gives everybody who may open it userfaultfds that need no
/// privilege (Linux 6.1): `open(2)`. Who opens it may pass it to others.
///
/// # Errors
///
/// [`Errno::NOENT`]: there is none. [`Errno::ACCESS`], [`Errno::PERM`]: not for this user.
#[doc(alias = "/dev/userfaultfd")]
pub fn open_device() -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, DEVICE, flags, FileMode::empty())
}

/// As [`create`], by the device that [`open_device`] opened here or elsewhere:
/// `USERFAULTFD_IOC_NEW` (Linux 6.1). Faults of the kernel can be handed out without
/// privilege. The memory is that of the process that calls.
///
/// # Errors
///
/// [`Errno::NOTTY`]: another device, or none. Else as [`create`].
///
/// # Examples
///
/// ```
/// use rawipc::memory::userfault::{self, Features, UserfaultFlags};
///
/// if let Ok(device) = userfault::open_device() {
///     let flags = UserfaultFlags::empty();
///     let faults = userfault::create_by(device, flags, Features::empty())?;
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "USERFAULTFD_IOC_NEW")]
pub fn create_by(
    device: impl AsFd,
    flags: UserfaultFlags,
    features: Features,
) -> Result<Userfault> {
    let fd = sys::userfault::new(device.as_fd(), kernel_flags(flags))?;
    sys::userfault::api(fd.as_fd(), features.bits())?;
    // What another device gave for this request is not taken for one.
    check_kind(fd.as_fd())?;
    Ok(Userfault(fd))
}

fn kernel_flags(flags: UserfaultFlags) -> u32 {
    (flags.bits() ^ UNLESS_ASKED) | raw::O_NONBLOCK
}

/// Whether it is a userfaultfd: what is read from it is believed.
fn check_kind(fd: BorrowedFd<'_>) -> Result<()> {
    // A file of a file system that somebody wrote could answer as a userfaultfd does.
    if rustix::fs::fstatfs(fd)?.f_type != i64::from(raw::ANON_INODE_FS_MAGIC) {
        return Err(Errno::NOTTY);
    }
    // Woken for no reason, who sleeps there asks again.
    match sys::userfault::wake(fd, AddressRange::new(Address::new(1 << 30), 1 << 20)) {
        Ok(()) => Ok(()),
        Err(_) => Err(Errno::NOTTY),
    }
}

impl Userfault {
    /// Takes a descriptor that came from elsewhere, to handle the faults of whoever sent
    /// it. It becomes non-blocking, for all who share it.
    ///
    /// # Errors
    ///
    /// [`Errno::NOTTY`]: it is no userfaultfd, or one whose maker has not asked for its
    /// features yet. It is closed then.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        check_kind(fd.as_fd())?;
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        if !flags.contains(OFlags::NONBLOCK) {
            rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        }
        Ok(Self(fd))
    }

    /// Hands out faults in a part of a mapping, and returns what can be done about them:
    /// `UFFDIO_REGISTER`. Registered again, with other modes too, it changes them.
    ///
    /// The range is whole pages; it may be `..` if the mapping's length is. Private
    /// anonymous memory; shared memory and huge pages with their [`Features`]. It ends
    /// when the mapping is dropped.
    ///
    /// # Errors
    ///
    /// [`Errno::RANGE`]: some of it lies outside. [`Errno::INVAL`]: not whole pages; not
    /// such memory; the kernel does not know a mode, or there is none; the descriptor is of
    /// another process and nothing of this kind is there. [`Errno::BUSY`]: registered with another
    /// descriptor. [`Errno::PERM`]: a shared mapping of what this process may not write.
    /// [`Errno::SRCH`]: the process has ended.
    #[doc(alias = "UFFDIO_REGISTER")]
    pub fn register(
        &self,
        mapping: &Mapping,
        range: impl RangeBounds<usize>,
        mode: Mode,
    ) -> Result<Operations> {
        let addresses = mapping.address_range(range)?;
        // SAFETY: the pages are the mapping's. It may find any bytes there at any time,
        // and an access that sleeps is a slow one.
        unsafe { self.register_addresses(addresses, mode) }
    }

    /// As [`register`](Self::register), of memory that is no [`Mapping`], or of another
    /// process.
    ///
    /// # Safety
    ///
    /// If the descriptor is of this process: whoever uses this memory finds in pages that
    /// are missing what a handler puts there, instead of zeros or what the file has.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    #[doc(alias = "UFFDIO_REGISTER")]
    pub unsafe fn register_addresses(
        &self,
        addresses: AddressRange,
        mode: Mode,
    ) -> Result<Operations> {
        // SAFETY: the caller's promise.
        let operations =
            unsafe { sys::userfault::register(self.0.as_fd(), addresses, mode.bits()) }?;
        Ok(Operations::from_bits_retain(operations))
    }

    /// Ends that, and wakes who sleeps: they find zeros, or what the file has, or write
    /// what was protected. `UFFDIO_UNREGISTER`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not whole pages, or nothing is mapped there.
    #[doc(alias = "UFFDIO_UNREGISTER")]
    pub fn unregister(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::unregister(self.0.as_fd(), addresses)
    }

    /// Waits for something to happen: `read(2)`. Each event goes to one reader.
    ///
    /// The message of who sleeps because of a fault and is killed or woken is gone, if
    /// nobody has read it yet.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::MFILE`]: no
    /// descriptor left for an
    /// [`Event::Fork`], which stays unread.
    pub fn read(&self) -> Result<Event> {
        self.read_until(Deadline::Never)
    }

    /// As [`read`](Self::read), if something has happened.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: nothing has. Else as [`read`](Self::read).
    pub fn try_read(&self) -> Result<Event> {
        let mut message = [0; sys::userfault::MESSAGE];
        // The kernel looks for a signal before it looks at the flag.
        match ready::uninterrupted(|| rustix::io::read(&self.0, &mut message))? {
            sys::userfault::MESSAGE => Ok(Message::parse(&message).into_event()),
            _ => Err(Errno::AGAIN),
        }
    }

    /// As [`read`](Self::read), until the deadline.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`read`](Self::read).
    pub fn read_until(&self, deadline: Deadline) -> Result<Event> {
        ready::retry(self.0.as_fd(), PollFlags::IN, deadline, || self.try_read())
    }

    /// Puts pages with these bytes where pages are missing, each at once for whoever
    /// looks, and returns how many bytes it put: `UFFDIO_COPY`.
    ///
    /// Address and length are multiples of the page size. Fewer bytes are put when a
    /// later page is there already, or the process changes its mappings meanwhile.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not whole pages. [`Errno::EXIST`]: the first is there.
    /// [`Errno::NOENT`]: not registered, or unmapped meanwhile. [`Errno::AGAIN`]: the
    /// process forks or changes its mappings; there is an event to be read, then try again.
    /// [`Errno::SRCH`]: the process has ended. [`Errno::NOMEM`], [`Errno::NOSPC`]: no
    /// memory. [`Errno::FAULT`]: beyond the end of the memfd.
    #[doc(alias = "UFFDIO_COPY")]
    pub fn copy(&self, address: Address, bytes: &[u8], place: Place) -> Result<usize> {
        sys::userfault::copy(self.0.as_fd(), address, bytes, place.bits())
    }

    /// Puts pages of zeros where pages are missing, and returns how many bytes:
    /// `UFFDIO_ZEROPAGE`. Not of huge pages.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::INVAL`] also: [`Place::PROTECTED`].
    #[doc(alias = "UFFDIO_ZEROPAGE")]
    pub fn zero(&self, addresses: AddressRange, place: Place) -> Result<usize> {
        sys::userfault::zeropage(self.0.as_fd(), addresses, place.bits())
    }

    /// Maps pages that the memfd has, changed before by another mapping perhaps, and
    /// returns how many bytes: `UFFDIO_CONTINUE` (Linux 5.13).
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::EXIST`]: the first is mapped already.
    /// [`Errno::FAULT`]: the memfd has a hole there. [`Errno::INVAL`] also: beyond its
    /// end, or not registered with [`Mode::MINOR`].
    #[doc(alias = "UFFDIO_CONTINUE")]
    pub fn continue_fault(&self, addresses: AddressRange, place: Place) -> Result<usize> {
        sys::userfault::continue_fault(self.0.as_fd(), addresses, place.bits())
    }

    /// Marks pages that are missing as broken, for good, and returns how many bytes:
    /// whoever accesses them gets SIGBUS, a system call [`Errno::FAULT`].
    /// `UFFDIO_POISON` (Linux 6.6). What a handler does that cannot have the contents.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::INVAL`] also: [`Place::PROTECTED`], or a kernel
    /// without it.
    #[doc(alias = "UFFDIO_POISON")]
    pub fn poison(&self, addresses: AddressRange, place: Place) -> Result<usize> {
        sys::userfault::poison(self.0.as_fd(), addresses, place.bits())
    }

    /// Puts pages where pages are missing that it takes from a mapping, and returns how
    /// many bytes: `UFFDIO_MOVE` (Linux 6.8). No byte is copied. Where they are taken
    /// from, pages are missing then, or zeros.
    ///
    /// Both are private anonymous memory of this process, and the pages not shared with
    /// another by a fork. A page that is missing there stops it.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy). [`Errno::RANGE`]: some of it lies outside the mapping.
    /// [`Errno::NOENT`] also: the first is missing there. [`Errno::BUSY`]: the first is
    /// shared, or in use by a device. [`Errno::INVAL`] also: not such memory, or of
    /// another process; [`Place::PROTECTED`].
    #[doc(alias = "UFFDIO_MOVE")]
    #[doc(alias = "take_from")]
    pub fn move_pages(
        &self,
        address: Address,
        mapping: &Mapping,
        range: impl RangeBounds<usize>,
        place: Place,
    ) -> Result<usize> {
        // Of the same bit: to skip what is missing, and say that it was moved.
        if place.contains(Place::PROTECTED) {
            return Err(Errno::INVAL);
        }
        let from = mapping.address_range(range)?;
        // SAFETY: the pages are the mapping's, which may find other bytes there at any
        // time.
        unsafe { sys::userfault::move_pages(self.0.as_fd(), address, from, place.bits()) }
    }

    /// Wakes who sleeps because of these pages, to try again: `UFFDIO_WAKE`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: not whole pages, or none.
    #[doc(alias = "UFFDIO_WAKE")]
    pub fn wake(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::wake(self.0.as_fd(), addresses)
    }

    /// Protects pages against writing, so that who writes sleeps:
    /// `UFFDIO_WRITEPROTECT` (Linux 5.7). Only pages that are there are, without
    /// [`Features::WRITE_PROTECT_MISSING`].
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: not registered with [`Mode::WRITE_PROTECT`]. [`Errno::INVAL`]:
    /// not whole pages. [`Errno::AGAIN`], [`Errno::SRCH`]: as [`copy`](Self::copy).
    #[doc(alias = "UFFDIO_WRITEPROTECT")]
    pub fn protect(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::writeprotect(self.0.as_fd(), addresses, PROTECT)
    }

    /// Undoes [`protect`](Self::protect), and wakes who sleeps because of it.
    ///
    /// # Errors
    ///
    /// As [`protect`](Self::protect).
    #[doc(alias = "UFFDIO_WRITEPROTECT")]
    pub fn unprotect(&self, addresses: AddressRange) -> Result<()> {
        sys::userfault::writeprotect(self.0.as_fd(), addresses, 0)
    }
}

/// What a message says, whatever its bytes are.
#[derive(Debug, PartialEq, Eq)]
enum Message {
    Fault(Fault),
    /// A number that means a descriptor, if the kernel said so.
    Fork(u32),
    Moved {
        from: Address,
        to: Address,
        len: usize,
    },
    Removed(AddressRange),
    Unmapped(AddressRange),
    Other(u8),
}

impl Message {
    fn parse(message: &[u8; sys::userfault::MESSAGE]) -> Self {
        // The kind, nothing, and three words.
        let [kind, ..] = *message;
        let word = |index: usize| {
            let word = message.get(index * 8..).and_then(<[u8]>::first_chunk);
            word.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
        };
        let address = |index| Address::new(word(index) as usize);
        let half = |index: usize| {
            let half = message.get(index * 8..).and_then(<[u8]>::first_chunk);
            half.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
        };
        let range = || AddressRange {
            address: address(1),
            len: (word(2) as usize).saturating_sub(word(1) as usize),
        };
        match u32::from(kind) {
            raw::UFFD_EVENT_PAGEFAULT => {
                let flag = |flag: u32| word(1) & u64::from(flag) != 0;
                Self::Fault(Fault {
                    address: address(2),
                    write: flag(raw::UFFD_PAGEFAULT_FLAG_WRITE),
                    protected: flag(raw::UFFD_PAGEFAULT_FLAG_WP),
                    minor: flag(raw::UFFD_PAGEFAULT_FLAG_MINOR),
                    thread: half(3),
                })
            }
            raw::UFFD_EVENT_FORK => Self::Fork(half(1)),
            raw::UFFD_EVENT_REMAP => Self::Moved {
                from: address(1),
                to: address(2),
                len: word(3) as usize,
            },
            raw::UFFD_EVENT_REMOVE => Self::Removed(range()),
            raw::UFFD_EVENT_UNMAP => Self::Unmapped(range()),
            _ => Self::Other(kind),
        }
    }

    /// Of a message that the kernel wrote.
    fn into_event(self) -> Event {
        match self {
            Self::Fault(fault) => Event::Fault(fault),
            Self::Fork(fd) => {
                // SAFETY: the kernel made it for who reads this message, which was read
                // from a userfaultfd and from nothing else: that is what a `Userfault` is.
                let fd = unsafe { OwnedFd::from_raw_fd(fd.cast_signed()) };
                Event::Fork(Userfault(fd))
            }
            Self::Moved { from, to, len } => Event::Moved { from, to, len },
            Self::Removed(addresses) => Event::Removed(addresses),
            Self::Unmapped(addresses) => Event::Unmapped(addresses),
            Self::Other(kind) => Event::Other(kind),
        }
    }
}

impl AsFd for Userfault {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Userfault);

/// As [`Userfault::from_fd`].
impl TryFrom<OwnedFd> for Userfault {
    type Error = Errno;

    fn try_from(fd: OwnedFd) -> Result<Self> {
        Self::from_fd(fd)
    }
}

impl From<Userfault> for OwnedFd {
    fn from(userfault: Userfault) -> Self {
        userfault.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressRange, Fault, Message};

    fn message(kind: u8, words: [u64; 3]) -> [u8; 32] {
        let mut message = [0; 32];
        let [head, places @ ..] = message.as_chunks_mut::<8>().0 else {
            unreachable!("four words")
        };
        head.fill(kind);
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_ne_bytes();
        }
        message
    }

    #[test]
    fn messages_are_what_the_kernel_means() {
        let parse = |kind, words| Message::parse(&message(kind, words));
        let fault = |write, protected, minor| {
            let thread = 77;
            let address = Address::new(0x7000);
            Message::Fault(Fault {
                address,
                write,
                protected,
                minor,
                thread,
            })
        };
        let thread = u64::from_ne_bytes([77, 0, 0, 0, 9, 9, 9, 9]);
        assert_eq!(parse(0x12, [0, 0x7000, 77]), fault(false, false, false));
        if cfg!(target_endian = "little") {
            assert_eq!(parse(0x12, [3, 0x7000, thread]), fault(true, true, false));
        }
        assert_eq!(parse(0x12, [4, 0x7000, 77]), fault(false, false, true));
        assert_eq!(parse(0x13, [5, 0, 0]), Message::Fork(5));
        assert_eq!(
            parse(0x14, [1, 2, 3]),
            Message::Moved {
                from: Address::new(1),
                to: Address::new(2),
                len: 3
            }
        );
        let range = |address, len| AddressRange::new(Address::new(address), len);
        assert_eq!(parse(0x15, [16, 48, 0]), Message::Removed(range(16, 32)));
        assert_eq!(parse(0x16, [16, 48, 0]), Message::Unmapped(range(16, 32)));
    }

    #[test]
    fn no_bytes_are_too_strange() {
        for kind in 0..=u8::MAX {
            for words in [[0; 3], [u64::MAX; 3], [u64::MAX, 0, 1], [1, u64::MAX, 0]] {
                match Message::parse(&message(kind, words)) {
                    Message::Other(other) => {
                        assert_eq!(other, kind);
                        assert!(!(0x12..=0x16).contains(&kind));
                    }
                    Message::Removed(range) | Message::Unmapped(range) => {
                        assert!(range.address.checked_add(range.len).is_some());
                    }
                    _ => assert!((0x12..=0x16).contains(&kind)),
                }
            }
        }
    }
}
