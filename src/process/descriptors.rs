//! Descriptors by their numbers: [`inherited`], `close_range(2)`.

use core::mem::MaybeUninit;
use core::ops::{Bound, RangeBounds};

use rustix::fs::{OFlags, RawDir};

use crate::procfs::{self, number};
use crate::sys::descriptor::{CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE};
use crate::{Errno, OwnedFd, RawFd, Result, sys};

/// Returns a duplicate of the descriptor that this program inherited under `number`: a pipe, a
/// socket, or a file on which both programs agree.
///
/// The parent passes it with [`Command::inherit`](super::Command::inherit). A number can be taken
/// once, and only if it is not marked close-on-exec; taking it marks it (two threads that take it in
/// one moment may both get a duplicate). The number itself stays open until the program ends, as
/// other code may own it. So the other end of an inherited pipe or socket sees its end when this
/// program ends, not when the returned descriptor is closed. (`OwnedFd::from_raw_fd` takes over the
/// number itself, and is therefore `unsafe`.)
///
/// Regions and [`Seat`](crate::rendezvous::Seat)s have calls of their own, as
/// [`rendezvous::from_inherited`](crate::rendezvous::from_inherited).
///
/// # Errors
///
/// [`Errno::BADF`]: no descriptor was given under this number, or it was taken before.
/// [`Errno::INVAL`]: it is that of the standard input, output or error. [`Errno::MFILE`]: there is no
/// number left for the duplicate.
///
/// # Examples
///
/// ```standalone_crate
/// use rawipc::pipe::{self, PipeFlags};
/// use rawipc::process::{self, Command, FdMapping, WaitFlags, exec};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     if std::env::args().nth(1).as_deref() == Some("child") {
///         let writer = pipe::Writer::from(process::inherited(3)?);
///         writer.write_all(b"from the child")?;
///         return Ok(());
///     }
///     let (reader, writer) = pipe::create(PipeFlags::empty())?;
///     let args = exec::List::of([c"example", c"child"]);
///     let child = Command::path(c"/proc/self/exe", &args, exec::Strings::EMPTY)
///         .inherit(&[FdMapping::new(&writer, 3)])
///         .spawn()?;
///     drop(writer);
///     let mut buffer = [0; 64];
///     let len = reader.read(&mut buffer)?;
///     assert_eq!(&buffer[..len], b"from the child");
///     process::wait(&child, WaitFlags::EXITED)?;
///     Ok(())
/// }
/// ```
pub fn inherited(number: RawFd) -> Result<OwnedFd> {
    if (0..=2).contains(&number) {
        return Err(Errno::INVAL);
    }
    let fd = sys::descriptor::inherited(number)?;
    sys::descriptor::close_on_exec(number)?;
    Ok(fd)
}

bitflags::bitflags! {
    /// Options of [`close_range`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::{self, CloseFlags, Fork, WaitFlags};
    ///
    /// // SAFETY: the child only makes one call and exits.
    /// let child = match unsafe { process::fork()? } {
    ///     Fork::Child => {
    ///         // SAFETY: nothing here uses or drops any of these descriptors afterwards.
    ///         let closed = unsafe { process::close_range(3.., CloseFlags::UNSHARE) };
    ///         process::exit(i32::from(closed.is_err()))
    ///     }
    ///     Fork::Parent(child) => child,
    /// };
    /// assert!(process::wait(child, WaitFlags::EXITED)?.state.is_success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CloseFlags: u32 {
        /// Gives the thread its own table of descriptors first, if it shares one: other threads
        /// keep theirs.
        #[doc(alias = "CLOSE_RANGE_UNSHARE")]
        const UNSHARE = CLOSE_RANGE_UNSHARE;
        const _ = !CLOSE_RANGE_CLOEXEC;
    }
}

/// Closes all descriptors whose number is in `range`: `close_range(2)`. Numbers that
/// are not open are passed over.
///
/// # Errors
///
/// [`Errno::INVAL`]: the range is empty or begins below 0, or the kernel does not know
/// a flag. [`Errno::NOSYS`]: before Linux 5.9. [`Errno::NOMEM`], [`Errno::MFILE`]: no
/// table for [`CloseFlags::UNSHARE`].
///
/// # Safety
///
/// Whatever owns one of them must not use or close it afterwards: the number may mean
/// something else by then. After a fork, in a child that is to execute a program, this
/// is so.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, CloseFlags, Fork, State, WaitFlags};
///
/// // SAFETY: the child only uses this crate, and exits.
/// match unsafe { process::fork()? } {
///     // SAFETY: nothing of this process uses a descriptor any more.
///     Fork::Child => match unsafe { process::close_range(3.., CloseFlags::empty()) } {
///         Ok(()) => process::exit(0),
///         Err(_) => process::exit(1),
///     },
///     Fork::Parent(child) => {
///         assert!(process::wait(child, WaitFlags::EXITED)?.state.is_success());
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub unsafe fn close_range(range: impl RangeBounds<RawFd>, flags: CloseFlags) -> Result<()> {
    let (first, last) = ends(range)?;
    let flags = flags.bits() & !CLOSE_RANGE_CLOEXEC;
    // SAFETY: the caller's promise.
    unsafe { sys::descriptor::close_range(first, last, flags) }
}

/// Marks all descriptors whose number is in `range` close-on-exec: `close_range(2)` with
/// `CLOSE_RANGE_CLOEXEC`. Numbers that are not open are passed over, and what is opened later
/// is not affected.
///
/// # Errors
///
/// [`Errno::INVAL`]: the range is empty or begins below 0. Before Linux 5.11, and where a
/// sandbox does not know the call, each descriptor listed in `/proc` is marked by itself,
/// perhaps also one that another thread opens meanwhile; without `/proc`: [`Errno::INVAL`],
/// [`Errno::NOSYS`], or what the sandbox says.
///
/// # Examples
///
/// ```
/// // Whatever some library has opened without this flag.
/// rawipc::process::close_range_on_exec(3..)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "CLOSE_RANGE_CLOEXEC")]
pub fn close_range_on_exec(range: impl RangeBounds<RawFd>) -> Result<()> {
    let (first, last) = ends(range)?;
    if first > last {
        return Err(Errno::INVAL);
    }
    // SAFETY: nothing is closed.
    match unsafe { sys::descriptor::close_range(first, last, CLOSE_RANGE_CLOEXEC) } {
        Err(errno) if errno == Errno::INVAL || sys::is_absent(errno) => {
            close_each_on_exec(first, last).or(Err(errno))
        }
        result => result,
    }
}

/// The same for each that is open.
#[cold]
fn close_each_on_exec(first: u32, last: u32) -> Result<()> {
    let folder = procfs::open(procfs::DESCRIPTORS, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut space = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&folder, &mut space);
    while let Some(entry) = entries.next() {
        let number = number(entry?.file_name().to_bytes(), 10);
        let number = number.and_then(|number| RawFd::try_from(number).ok());
        // Not this folder and the one above it.
        let Some(number) = number else { continue };
        if !(first..=last).contains(&number.cast_unsigned()) {
            continue;
        }
        match sys::descriptor::close_on_exec(number) {
            // Another thread has closed it.
            Ok(()) | Err(Errno::BADF) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The first and the last number.
fn ends(range: impl RangeBounds<RawFd>) -> Result<(u32, u32)> {
    let first = match range.start_bound() {
        Bound::Included(&first) => Some(first),
        Bound::Excluded(&before) => before.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let last = match range.end_bound() {
        Bound::Included(&last) => Some(last),
        Bound::Excluded(&after) => after.checked_sub(1),
        Bound::Unbounded => Some(RawFd::MAX),
    };
    let unsigned = |fd: Option<RawFd>| u32::try_from(fd.unwrap_or(-1)).or(Err(Errno::INVAL));
    Ok((unsigned(first)?, unsigned(last)?))
}
