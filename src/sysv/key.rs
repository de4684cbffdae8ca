//! [`Key`]: how processes that know nothing else of each other find an object.
#![forbid(unsafe_code)]

use core::fmt;

use rustix::fs::stat;

use crate::sys::sysv as sys;
use crate::{Arg, Errno, Result};

/// The key by which processes that know nothing else of each other find an object.
///
/// Each kind has keys of its own: a queue, a set and a segment may have the same.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::sysv::{Create, Key, message};
///
/// let key = Key::from_path("/proc/self/exe", b'q')?;
/// let queue = message::create(key, Create::NEW)?;
/// assert_eq!(message::open(key), Ok(queue));
/// assert_eq!(message::create(key, Create::NEW), Err(Errno::EXIST));
///
/// queue.remove()?;
/// assert_eq!(message::open(key), Err(Errno::NOENT));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) i32);

impl Key {
    /// The key of objects that have none, so that only their identifiers find them.
    #[doc(alias = "IPC_PRIVATE")]
    pub const PRIVATE: Self = Self(sys::IPC_PRIVATE);

    /// Returns the key with this number; 0 is [`PRIVATE`](Self::PRIVATE).
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number of the key.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Returns one of the 256 keys of an existing file: `ftok(3)`. Programs with a libc find
    /// the same.
    ///
    /// The bits are `project`, the lowest 8 of the device's number and the lowest 16 of
    /// the inode's: two files can have the same key, and a file that is replaced (as by
    /// an editor) has another afterwards. An object that somebody else made is
    /// under this key, by accident or on purpose: [`Permissions::creator`](super::Permissions::creator) says who.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`], [`Errno::ACCESS`] and others of `stat(2)`: the file cannot be
    /// looked at. [`Errno::INVAL`]: the key would be [`PRIVATE`](Self::PRIVATE), which
    /// can only happen when `project` is 0.
    #[doc(alias = "ftok")]
    pub fn from_path(path: impl Arg, project: u8) -> Result<Self> {
        let file = stat(path)?;
        let number = (u32::from(project) << 24)
            | ((file.st_dev as u32 & 0xff) << 16)
            | (file.st_ino as u32 & 0xffff);
        let key = Self(number as i32);
        if key == Self::PRIVATE {
            return Err(Errno::INVAL);
        }
        Ok(key)
    }

    /// For looking up what exists: to the kernel, looking for a private object means to
    /// make one.
    pub(super) fn existing(self) -> Result<i32> {
        if self == Self::PRIVATE {
            Err(Errno::NOENT)
        } else {
            Ok(self.0)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::PRIVATE {
            f.write_str("Key::PRIVATE")
        } else {
            write!(f, "Key({:#010x})", self.0)
        }
    }
}
