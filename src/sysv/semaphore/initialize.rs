//! Sets that are found with their values: the creator's half, and the others'.
#![forbid(unsafe_code)]

use super::operation::Operation;
use super::set::{self, Set};
use crate::sys::sysv as sys;
use crate::sysv::create::Create;
use crate::sysv::key::Key;
use crate::sysv::polled::backoff;
use crate::{Deadline, Errno, Result};

/// Opens the set with a key, once it is initialized; if there is none, creates it with these
/// values.
///
/// However many processes do so at the same time, one creates it, and none sees other
/// values: see [the module](super#created-but-not-yet-initialized).
///
/// It does not matter whether `create` is exclusive. A set that is found may
/// have more semaphores than there are values, and any values.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: it was created, and not initialized until the deadline.
/// [`Errno::INVAL`]: it has
/// fewer semaphores than there are values, or none shall be created.
/// [`Errno::RANGE`]: a value is above [`MAX`](super::MAX); then nothing is left behind.
/// [`Errno::ACCESS`]: somebody else's, without permission to read.
/// Else as [`create`](super::create()).
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::Deadline;
/// use rawipc::sysv::{Create, Key, semaphore};
///
/// let key = Key::from_path("/proc/self/exe", b's')?;
/// let limit = Deadline::after(Duration::from_secs(5));
/// let ours = semaphore::open_or_create(key, &[1, 10], Create::NEW, limit)?;
/// let theirs = semaphore::open_or_create(key, &[1, 10], Create::NEW, limit)?;
/// assert_eq!(ours, theirs);
/// ours.remove()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "semget")]
pub fn open_or_create(key: Key, values: &[u16], create: Create, deadline: Deadline) -> Result<Set> {
    let exclusive = create.exclusive();
    loop {
        let found = match set::create(key, values.len(), exclusive) {
            Ok(set) => match set.initialize(values) {
                Err(errno) if !is_removed(errno) => {
                    // Nobody has used it: who found it sees it removed.
                    let _ = set.remove();
                    return Err(errno);
                }
                result => result.map(|()| set),
            },
            Err(Errno::EXIST) => match sys::semget(key.as_raw(), values.len() as i32, 0) {
                // Removed since; any other error is about the set that is there.
                Err(Errno::NOENT) => Err(Errno::IDRM),
                result => {
                    let set = Set(result?);
                    set.wait_initialized(deadline).map(|()| set)
                }
            },
            Err(errno) => return Err(errno),
        };
        match found {
            Err(errno) if is_removed(errno) => {}
            result => return result,
        }
        if deadline.has_passed() {
            return Err(Errno::TIMEDOUT);
        }
    }
}

/// Whether a set that was there has been removed: its identifier is known to be that, or
/// not known any more.
fn is_removed(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::IDRM)
}

impl Set {
    /// Gives all semaphores their first values and announces that to those who [wait for
    /// it](Self::wait_initialized): `semctl(2)` with `SETALL`, `semop(2)`.
    ///
    /// For the one process that created it, once.
    ///
    /// # Errors
    ///
    /// As [`set_values`](Self::set_values).
    pub fn initialize(self, values: &[u16]) -> Result<()> {
        self.set_values(values)?;
        // Operations that leave the value as it is. Whoever waited may have changed it by
        // now, so that in no order are they possible for certain without waiting for others.
        let (increment, decrement) = (Operation::increment(0), Operation::decrement(0));
        loop {
            match self.try_operate(&[increment, decrement]) {
                Err(Errno::RANGE) => {}
                result => return result,
            }
            match self.try_operate(&[decrement, increment]) {
                Err(Errno::AGAIN) => {}
                result => return result,
            }
        }
    }

    /// Blocks until the process that created the set has [initialized](Self::initialize) it.
    ///
    /// The kernel tells nobody: this asks again, after 100, 200, 400 and so on, at most
    /// 8,000 microseconds; no signal ends it.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. [`Errno::IDRM`]: it was removed meanwhile.
    /// [`Errno::ACCESS`]: no permission to read.
    pub fn wait_initialized(self, deadline: Deadline) -> Result<()> {
        let mut backoff = backoff(deadline);
        let mut removed = Errno::INVAL;
        loop {
            match self.status() {
                Ok(status) if status.last_operation.is_some() => return Ok(()),
                Ok(_) => {}
                // Once it was there, it can only have been removed.
                Err(Errno::INVAL) => return Err(removed),
                Err(errno) => return Err(errno),
            }
            removed = Errno::IDRM;
            backoff.pause()?;
        }
    }
}
