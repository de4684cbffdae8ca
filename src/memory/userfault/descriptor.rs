//! [`Userfault`]: the descriptor.
#![forbid(unsafe_code)]

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// A userfaultfd: it reports page faults as messages.
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
pub struct Userfault(pub(super) OwnedFd);

impl AsFd for Userfault {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Userfault);

impl From<Userfault> for OwnedFd {
    fn from(userfault: Userfault) -> Self {
        userfault.0
    }
}
