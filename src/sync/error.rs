//! [`LockError`]: why a lock was not taken, or only so.

use core::fmt;

use super::lock::Halt;
use crate::Errno;
use crate::errno::Described;

/// Why a lock was not taken; or that it was, after its holder died.
///
/// It becomes an [`Errno`] where that is wanted, as by `?` in a function that returns a
/// [`Result`](crate::Result); a guard that it holds is dropped then, and what the lock guards stays marked as
/// inconsistent. In a function that returns a `Box<dyn Error>` the guard would be borrowed from what
/// ends with it: `.map_err(Errno::from)?`.
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::{Errno, sync::Mutex};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let region = Region::create(4096)?;
///     let (memory, me) = (region.map()?, region.join()?);
///     let count = memory.object::<Mutex<u64>>(0)?;
///     count.lock(&me).map_err(Errno::from)?.set(&1);
///     Ok(())
/// }
/// ```
#[non_exhaustive]
pub enum LockError<G> {
    /// A process died while it held the lock, or dropped its member. **The lock is held now**, by
    /// this guard: what it guards may be half changed. Everybody who takes the lock from now on is
    /// told so, until one has called `make_consistent` of its guard.
    OwnerDied(G),
    /// Nobody gets the lock any more, as a holder has said by `make_unrecoverable`.
    NotRecoverable,
    /// Somebody else holds it, at this moment.
    WouldBlock,
    /// The deadline passed.
    TimedOut,
    /// This member holds it already, and would wait for itself.
    Deadlock,
    /// The member is that of the process that this one was forked from. The child can join for
    /// itself.
    Forked,
    /// The kernel refused to let it wait, as a seccomp filter can decide.
    Kernel(Errno),
}

impl<G> LockError<G> {
    /// Returns the guard of a lock that is held although its holder died.
    #[must_use]
    pub fn into_guard(self) -> Option<G> {
        match self {
            Self::OwnerDied(guard) => Some(guard),
            _ => None,
        }
    }

    fn errno(&self) -> Errno {
        match self {
            Self::OwnerDied(_) => Errno::OWNERDEAD,
            Self::NotRecoverable => Errno::NOTRECOVERABLE,
            Self::WouldBlock => Errno::AGAIN,
            Self::TimedOut => Errno::TIMEDOUT,
            Self::Deadlock => Errno::DEADLK,
            Self::Forked => Errno::PERM,
            Self::Kernel(errno) => *errno,
        }
    }
}

impl<G> From<Halt> for LockError<G> {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::TimedOut => Self::TimedOut,
            Halt::NotRecoverable => Self::NotRecoverable,
            Halt::Deadlock => Self::Deadlock,
            Halt::Forked => Self::Forked,
            Halt::Kernel(errno) => Self::Kernel(errno),
        }
    }
}

/// Its number: `EOWNERDEAD`, `ENOTRECOVERABLE`, `EAGAIN`, `ETIMEDOUT`, `EDEADLK`, `EPERM` for
/// [`Forked`](LockError::Forked).
impl<G> From<LockError<G>> for Errno {
    fn from(error: LockError<G>) -> Self {
        error.errno()
    }
}

impl<G> fmt::Debug for LockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(_) => f.write_str("OwnerDied(..)"),
            Self::NotRecoverable => f.write_str("NotRecoverable"),
            Self::WouldBlock => f.write_str("WouldBlock"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::Deadlock => f.write_str("Deadlock"),
            Self::Forked => f.write_str("Forked"),
            Self::Kernel(errno) => write!(f, "Kernel({errno:?})"),
        }
    }
}

impl<G> fmt::Display for LockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(_) => f.write_str("a process died while it held the lock"),
            Self::NotRecoverable => f.write_str("nobody gets the lock any more"),
            Self::WouldBlock => f.write_str("somebody else holds the lock"),
            Self::TimedOut => f.write_str("the deadline passed"),
            Self::Deadlock => f.write_str("this member holds the lock already"),
            Self::Forked => f.write_str("the member belongs to the parent process"),
            Self::Kernel(errno) => write!(f, "the kernel refused: {}", Described(*errno)),
        }
    }
}

impl<G> core::error::Error for LockError<G> {}
