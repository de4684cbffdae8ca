//! [`Create`]: how an object is created.
#![forbid(unsafe_code)]

#[cfg(doc)]
use crate::Errno;
use crate::Mode;
use crate::sys::sysv as sys;

use super::permissions::MODE_BITS;

/// Options for creating a System V object: for whom, and what happens if its key is taken.
///
/// # Examples
///
/// ```
/// use rawipc::Mode;
/// use rawipc::sysv::{Create, Key, semaphore};
///
/// let for_the_group = Create::NEW.mode(Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP);
/// let set = semaphore::create(Key::PRIVATE, 1, for_the_group)?;
/// assert_eq!(set.status()?.permissions.access.mode.as_raw_mode(), 0o660);
/// # set.remove()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "it only says how to create"]
pub struct Create {
    mode: Mode,
    exclusive: bool,
}

impl Create {
    /// The options for a new object, for this user only: mode 0600, [`Errno::EXIST`] if the key is
    /// taken.
    pub const NEW: Self = Self {
        mode: Mode::RUSR.union(Mode::WUSR),
        exclusive: true,
    };

    /// Sets who may use a new object. The umask does not change it.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Opens the object that has the key if there is one, whoever made it and whatever its
    /// mode.
    pub const fn or_open(mut self) -> Self {
        self.exclusive = false;
        self
    }

    pub(super) fn exclusive(self) -> Self {
        Self {
            exclusive: true,
            ..self
        }
    }

    pub(super) fn flags(self) -> i32 {
        let exclusive = if self.exclusive { sys::IPC_EXCL } else { 0 };
        sys::IPC_CREAT | exclusive | (self.mode.bits() & MODE_BITS) as i32
    }
}

impl Default for Create {
    fn default() -> Self {
        Self::NEW
    }
}
