//! Semaphore sets: `semget(2)`, `semop(2)`, `semctl(2)`.
//!
//! A set is up to [`Limits::per_set`] semaphores, each a value from 0 to [`MAX`]. One call
//! performs [`Operation`]s on several of them at once: all, or none until all are possible.
//! A change of values wakes exactly those whose operations it made possible.
//!
//! # When a process dies
//!
//! What it took is taken for ever, unless it did so with [`OperationFlags::UNDO`]: then the
//! kernel gives it back, however the process ended. The kernel keeps for each process the
//! negative sum of its `UNDO` operations on each semaphore, and adds it at the end, as far
//! as the value stays between 0 and [`MAX`]. Threads count as one process (with a
//! libc; the kernel's condition is `CLONE_SYSVSEM`); a child made by fork starts with
//! nothing to undo; a program that is executed inherits it. What one process takes with `UNDO` and
//! another gives back must be given back with `UNDO` as well, but is undone twice over:
//! `UNDO` is for locks that are released by those who took them.
//!
//! # Created, but not yet initialized
//!
//! `semget` creates a set and `semctl` gives it values, one after the other: who finds
//! a set by its key may find it in between. The classic way out: whoever created a
//! set performs an operation *after* it has values, and only operations, not
//! values, set the time of the last one, [`Status::last_operation`]. Who finds
//! the set waits until that is not `None`. [`open_or_create`] does this, for both sides.
//!
//! A creator that dies in between leaves a set that will never be ready. The kernel does
//! not say who created a set, so that nobody can tell whether it died or is slow: after a
//! deadline of its choice the program must decide, and perhaps [remove](Set::remove) the
//! set and begin again.
//!
//! # Examples
//!
//! ```
//! use rawipc::Errno;
//! use rawipc::sysv::semaphore::{self, Operation};
//! use rawipc::sysv::{Create, Key};
//!
//! let forks = semaphore::create(Key::PRIVATE, 5, Create::NEW)?;
//! forks.initialize(&[1; 5])?;
//!
//! // A philosopher takes both forks or none; if it dies, they come back.
//! forks.operate(&[Operation::decrement(0).undo(), Operation::decrement(1).undo()])?;
//! let neighbour = [Operation::decrement(1).undo(), Operation::decrement(2).undo()];
//! assert_eq!(forks.try_operate(&neighbour), Err(Errno::AGAIN));
//! assert_eq!(forks.value(2), Ok(1));
//!
//! forks.operate(&[Operation::increment(0).undo(), Operation::increment(1).undo()])?;
//! forks.remove()?;
//! # Ok::<(), Errno>(())
//! ```

mod initialize;
mod operation;
mod set;
mod status;

pub use initialize::open_or_create;
pub use operation::{MAX, Operation, OperationFlags};
pub use set::{Set, create, open};
pub use status::{Limits, Status, Usage, limits, usage};

#[cfg(doc)]
use crate::Errno;
use crate::Result;
use crate::sys::sysv as sys;

/// Returns an iterator over all sets of this IPC namespace, whoever owns them: `semctl(2)`
/// with `SEM_STAT_ANY`, since Linux 4.17 (before, it finds none).
///
/// What is created or removed meanwhile may be among them or not.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "SEM_STAT_ANY")]
#[doc(alias = "ipcs")]
pub fn list() -> Result<List> {
    let (_, highest) = sys::sem_usage()?;
    Ok(super::List::new(highest, |index| {
        let (id, raw) = sys::sem_stat_any(index)?;
        Ok((Set(id), Status::from(&raw)))
    }))
}

/// The sets that [`list`] finds, each with its status.
pub type List = super::List<(Set, Status)>;
