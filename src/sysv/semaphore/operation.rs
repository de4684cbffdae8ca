//! [`Operation`]: something to be done with one semaphore of a set.
#![forbid(unsafe_code)]

use core::fmt;
use core::num::NonZero;

use crate::sys::sysv as sys;

pub use crate::sys::sysv::sembuf as Operation;

/// The largest value of a semaphore.
#[doc(alias = "SEMVMX")]
pub const MAX: u16 = 32767;

bitflags::bitflags! {
    /// Flags of an [`Operation`].
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::Errno;
    /// use rawipc::sysv::semaphore::{self, Operation, OperationFlags};
    /// use rawipc::sysv::{Create, Key};
    ///
    /// let set = semaphore::create(Key::PRIVATE, 1, Create::NEW)?;
    /// set.initialize(&[1])?;
    /// // Given back by the kernel if this process dies, and not waited for.
    /// let flags = OperationFlags::UNDO | OperationFlags::NOWAIT;
    /// let lock = [Operation::decrement(0).flags(flags)];
    /// set.operate(&lock)?;
    /// assert_eq!(set.operate(&lock), Err(Errno::AGAIN));
    /// set.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OperationFlags: i16 {
        /// Undoes the operation when this process ends, see [the
        /// module](super#when-a-process-dies).
        const UNDO = sys::SEM_UNDO;
        /// Fails with [`Errno::AGAIN`] if it is this operation that must wait; the others
        /// wait. [`Set::try_operate`](super::Set::try_operate) waits for none.
        const NOWAIT = sys::IPC_NOWAIT as i16;

        const _ = !0;
    }
}

impl Operation {
    /// Subtracts 1 from a semaphore, waiting until its value is not 0. Semaphores are
    /// numbered from 0.
    #[doc(alias = "sem_op")]
    pub const fn decrement(semaphore: u16) -> Self {
        Self::raw(semaphore, -1)
    }

    /// Adds 1 to a semaphore, which never waits.
    #[doc(alias = "sem_op")]
    pub const fn increment(semaphore: u16) -> Self {
        Self::raw(semaphore, 1)
    }

    /// Waits until the value of a semaphore is 0, and changes nothing.
    pub const fn wait_zero(semaphore: u16) -> Self {
        Self::raw(semaphore, 0)
    }

    /// Adds `by` to the value of a semaphore; if it is negative, waits until the value is
    /// large enough.
    pub const fn change(semaphore: u16, by: NonZero<i16>) -> Self {
        Self::raw(semaphore, by.get())
    }

    /// Adds flags to those it has.
    pub const fn flags(mut self, flags: OperationFlags) -> Self {
        self.sem_flg |= flags.bits();
        self
    }

    /// Adds [`OperationFlags::UNDO`].
    pub const fn undo(self) -> Self {
        self.flags(OperationFlags::UNDO)
    }

    const fn raw(sem_num: u16, sem_op: i16) -> Self {
        Self {
            sem_num,
            sem_op,
            sem_flg: 0,
        }
    }

    pub(super) const fn waits(&self) -> bool {
        self.sem_flg & OperationFlags::NOWAIT.bits() == 0
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("semaphore", &self.sem_num)
            .field("change", &self.sem_op)
            .field("flags", &OperationFlags::from_bits_retain(self.sem_flg))
            .finish()
    }
}
