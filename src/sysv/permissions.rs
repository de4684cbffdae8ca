//! [`Permissions`]: whose an object is, and who may use it.
#![forbid(unsafe_code)]

use super::key::Key;
use crate::Mode;
use crate::sys::sysv as sys;

/// The permissions that are bits of a mode.
pub(super) const MODE_BITS: u32 = 0o777;

/// The owner, group and mode of a System V object: what its owner may change.
///
/// # Examples
///
/// ```
/// use rawipc::Mode;
/// use rawipc::sysv::{Access, Create, Key, semaphore};
///
/// let set = semaphore::create(Key::PRIVATE, 1, Create::NEW)?;
/// // Lets the group look, and leaves owner and group as they are.
/// let access = set.status()?.permissions.access;
/// set.set(Access { mode: access.mode | Mode::RGRP, ..access })?;
/// assert_eq!(set.status()?.permissions.access.mode, Mode::from_raw_mode(0o640));
/// set.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The user number of the owner.
    #[doc(alias = "uid")]
    pub owner: u32,
    /// The group number of the owning group.
    #[doc(alias = "gid")]
    pub group: u32,
    /// The mode: who may read and write. Only the lowest 9 bits count.
    pub mode: Mode,
}

/// The owner, creator and access rights of a System V object: `struct ipc64_perm`.
///
/// # Examples
///
/// ```
/// use rawipc::sysv::{Create, Key, semaphore};
///
/// let set = semaphore::create(Key::PRIVATE, 1, Create::NEW)?;
/// let permissions = set.status()?.permissions;
/// assert_eq!(permissions.key, Key::PRIVATE);
/// assert_eq!(permissions.creator, rustix::process::geteuid().as_raw());
/// assert_eq!(permissions.access.owner, permissions.creator);
/// set.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "ipc_perm")]
#[doc(alias = "ipc64_perm")]
pub struct Permissions {
    /// The key that finds it; [`Key::PRIVATE`] also for a segment that has been removed.
    pub key: Key,
    /// Its owner, group and mode.
    pub access: Access,
    /// The user number of its creator, who keeps the rights of an owner.
    #[doc(alias = "cuid")]
    pub creator: u32,
    /// The group number of its creator.
    #[doc(alias = "cgid")]
    pub creator_group: u32,
    /// How many objects had this place in the kernel's table before: the identifier's upper
    /// half.
    #[doc(alias = "seq")]
    pub sequence: u16,
}

impl From<&sys::ipc64_perm> for Permissions {
    fn from(raw: &sys::ipc64_perm) -> Self {
        Self {
            key: Key(raw.key),
            access: Access {
                owner: raw.uid,
                group: raw.gid,
                mode: Mode::from_bits_retain(raw.mode & MODE_BITS),
            },
            creator: raw.cuid,
            creator_group: raw.cgid,
            sequence: raw.seq,
        }
    }
}
