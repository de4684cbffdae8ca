//! [`advise_process`]: advice about memory of another process.

use linux_raw_sys::general as raw;

use crate::memory::mapping::AddressRange;
use crate::{AsFd, AsRawFd, Result, sys};

/// Advice about memory of another process, all of which leaves contents as they are.
///
/// About its own memory a process gives any [`Advice`](super::Advice), see
/// [`Mapping::advise_each`](super::Mapping::advise_each).
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::memory::{MapOptions, RemoteAdvice, advise_process};
/// use rawipc::process::{self, pidfd};
///
/// let mapping = MapOptions::private(1 << 16).map_anonymous()?;
/// mapping.fill(.., 1)?;
///
/// let process = pidfd::open(process::id())?; // usually that of another, which told its addresses
/// let idle = [mapping.address_range(..)?];
/// match advise_process(&process, &idle, RemoteAdvice::PageOut) {
///     Ok(bytes) => println!("{bytes} bytes may be swapped out"),
///     Err(Errno::NOSYS | Errno::PERM) => println!("not on this system"),
///     Err(errno) => return Err(errno.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum RemoteAdvice {
    /// [`Advice::Cold`](super::Advice::Cold): not needed for now.
    Cold = raw::MADV_COLD,
    /// [`Advice::PageOut`](super::Advice::PageOut): not needed for long.
    PageOut = raw::MADV_PAGEOUT,
    /// [`Advice::WillNeed`](super::Advice::WillNeed): needed soon (Linux 5.13).
    WillNeed = raw::MADV_WILLNEED,
    /// [`Advice::Collapse`](super::Advice::Collapse): gather into huge pages (Linux
    /// 6.1).
    Collapse = raw::MADV_COLLAPSE,
}

/// Advises the kernel about memory of the process behind `pidfd` and returns the number of
/// bytes advised about: `process_madvise(2)` (Linux 5.10).
///
/// Fewer than asked for when a later range could not be advised about: those before it
/// were. Ranges are addresses of that process, whose beginnings are multiples of the
/// page size; it tells its own by [`Mapping::address_range`](super::Mapping::address_range), and
/// [`process::maps`](crate::process::maps) lists all. The process may be the
/// caller. What it does meanwhile, its end too, is no danger to the caller.
///
/// # Errors
///
/// [`Errno::SRCH`](crate::Errno::SRCH): it has ended, or its first thread has.
/// [`Errno::ACCESS`](crate::Errno::ACCESS), [`Errno::PERM`](crate::Errno::PERM): the
/// caller may not trace it, or has no `CAP_SYS_NICE`. [`Errno::NOMEM`](crate::Errno::NOMEM): some of the first range is not
/// mapped there. [`Errno::INVAL`](crate::Errno::INVAL): begins within a page, more than
/// 1024 ranges, or the advice is not for this kind of memory.
/// [`Errno::FAULT`](crate::Errno::FAULT): no addresses of processes.
/// [`Errno::BADF`](crate::Errno::BADF): no pidfd.
///
/// # Examples
///
/// ```
/// use rawipc::memory::{MapOptions, RemoteAdvice, advise_process};
/// use rawipc::process::pidfd;
///
/// let mapping = MapOptions::private(1 << 16).map_anonymous()?;
/// let this = pidfd::open(rawipc::Pid::from_raw(std::process::id() as i32).unwrap())?;
/// match advise_process(&this, &[mapping.address_range(..)?], RemoteAdvice::Cold) {
///     Ok(bytes) => assert_eq!(bytes, 1 << 16),
///     Err(errno) => println!("not here: {errno}"),
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "process_madvise")]
pub fn advise_process(
    pidfd: impl AsFd,
    ranges: &[AddressRange],
    advice: RemoteAdvice,
) -> Result<usize> {
    let pidfd = pidfd.as_fd().as_raw_fd();
    // SAFETY: none of this advice changes what can be accessed, or what is read there;
    // whoever's pages they are.
    unsafe { sys::memory::process_madvise(pidfd, ranges, advice as u32) }
}
