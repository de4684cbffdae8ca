//! [`lock_all`]: all of a process's memory kept in memory.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;

use crate::Result;

bitflags::bitflags! {
    /// The mappings that [`lock_all`] keeps in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::memory::{LockAllFlags, lock_all, unlock_all};
    ///
    /// // For a program that must not wait for a disk: what is mapped now, and later.
    /// match lock_all(LockAllFlags::CURRENT | LockAllFlags::FUTURE | LockAllFlags::ON_FAULT) {
    ///     Ok(()) => unlock_all()?,
    ///     Err(Errno::NOMEM | Errno::PERM) => println!("beyond the limit of locked memory"),
    ///     Err(errno) => return Err(errno.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct LockAllFlags: u32 {
        /// All current mappings.
        const CURRENT = raw::MCL_CURRENT;
        /// All future mappings. Mapping memory, or the growth of a stack, then fails beyond
        /// the limit.
        const FUTURE = raw::MCL_FUTURE;
        /// Locks each page when it is first accessed instead of all at once; together with
        /// one of the others (Linux 4.4).
        const ON_FAULT = raw::MCL_ONFAULT;

        const _ = !0;
    }
}

/// Keeps all memory of this process in memory, never swapped out: `mlockall(2)`.
///
/// It replaces what earlier calls asked for. [`Mapping::lock`](super::Mapping::lock) locks a
/// part.
///
/// A child made by fork, and a program executed, have nothing locked.
///
/// # Errors
///
/// [`Errno::INVAL`](crate::Errno::INVAL): no flag, an unknown one, or only `ON_FAULT`.
/// [`Errno::NOMEM`](crate::Errno::NOMEM), [`Errno::PERM`](crate::Errno::PERM): beyond
/// the limit of locked memory (`RLIMIT_MEMLOCK`), or that is 0.
///
/// # Examples
///
/// ```
/// use rawipc::memory::{self, LockAllFlags};
///
/// match memory::lock_all(LockAllFlags::FUTURE | LockAllFlags::ON_FAULT) {
///     Ok(()) => memory::unlock_all()?,
///     Err(errno) => println!("the limit of locked memory is low: {errno}"),
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "mlockall")]
pub fn lock_all(flags: LockAllFlags) -> Result<()> {
    rustix::mm::mlockall(rustix::mm::MlockAllFlags::from_bits_retain(flags.bits()))
}

/// Undoes [`lock_all`] and every [`Mapping::lock`](super::Mapping::lock):
/// `munlockall(2)`.
///
/// # Errors
///
/// None.
#[doc(alias = "munlockall")]
pub fn unlock_all() -> Result<()> {
    rustix::mm::munlockall()
}
