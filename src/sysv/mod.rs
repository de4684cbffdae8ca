//! System V message queues, semaphore sets and shared memory: `sysvipc(7)`.
//!
//! All three are objects of the kernel that no process owns: they are found by a
//! [`Key`] or by the identifier that the kernel gave them, and stay until somebody
//! *removes* them or the system ends. The values of this crate ([`message::Queue`],
//! [`semaphore::Set`], [`memory::Segment`]) are nothing but such identifiers, to be copied
//! and sent to others at will; dropping one does nothing. They are not descriptors: `epoll`
//! cannot watch them and `exec` does not close them.
//!
//! # Who may do what
//!
//! Each has an owner, a group and a [`Mode`] ([`Permissions`]). Reading (receiving,
//! looking at values, waiting for zero, attaching at all) needs the mode's bit to read,
//! changing (sending, changing values, attaching for writing) that to write; that to
//! execute only means something to [`memory::AttachFlags::EXECUTE`]. Only the owner and the creator may change permissions or
//! remove. Without the permission the error is [`Errno::ACCESS`], or [`Errno::PERM`] for
//! those last two.
//!
//! # When others die or remove
//!
//! A process that dies leaves everything as it is, but that its attached memory is
//! detached and that what it did to semaphores with
//! [`OperationFlags::UNDO`](semaphore::OperationFlags::UNDO) is undone. Nobody is told
//! of its death.
//!
//! Who removes a queue or a set ends all waiting for it with [`Errno::IDRM`]; who comes
//! later gets [`Errno::INVAL`] or [`Errno::IDRM`]. An identifier is used again after its
//! place in the kernel's table had some 65,000 other objects, which takes a determined
//! process a second: it names an object, but proves nothing.

pub mod memory;
pub mod message;
pub mod semaphore;

use core::fmt;
use core::time::Duration;

use rustix::fs::stat;

use crate::sys::sysv as sys;
use crate::wait::backoff::Backoff;
use crate::{Arg, Deadline, Errno, Mode, Pid, Result};

/// How long to wait at first, and at most, before asking again what the kernel does not
/// tell by itself.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

/// The permissions that are bits of a mode.
const MODE_BITS: u32 = 0o777;

/// The name by which processes that know nothing else of each other find an object.
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
pub struct Key(i32);

impl Key {
    /// No key: creates an object that only its identifier finds.
    #[doc(alias = "IPC_PRIVATE")]
    pub const PRIVATE: Self = Self(sys::IPC_PRIVATE);

    /// The key that is this number; 0 is [`PRIVATE`](Self::PRIVATE).
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// The key of a file that exists, one of 256: `ftok(3)`, by which programs with a
    /// libc find the same.
    ///
    /// The bits are `project`, the lowest 8 of the device's number and the lowest 16 of
    /// the inode's: two files can have the same key, and a file that is replaced (as by
    /// an editor) has another afterwards. An object that somebody else made is
    /// under this key, by accident or on purpose: [`Permissions::creator`] says who.
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
    fn existing(self) -> Result<i32> {
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

/// How an object is created.
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
    /// A new one, for this user only: mode 0600, [`Errno::EXIST`] if the key is taken.
    pub const NEW: Self = Self {
        mode: Mode::RUSR.union(Mode::WUSR),
        exclusive: true,
    };

    /// For those whom `mode` says, which the umask does not change.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// If there is one with that key, whoever made it and whatever its mode, take that.
    pub const fn or_open(mut self) -> Self {
        self.exclusive = false;
        self
    }

    fn flags(self) -> i32 {
        let exclusive = if self.exclusive { sys::IPC_EXCL } else { 0 };
        sys::IPC_CREAT | exclusive | (self.mode.bits() & MODE_BITS) as i32
    }
}

impl Default for Create {
    fn default() -> Self {
        Self::NEW
    }
}

/// What the owner of an object may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The user number of the owner.
    #[doc(alias = "uid")]
    pub owner: u32,
    /// The group number of the owning group.
    #[doc(alias = "gid")]
    pub group: u32,
    /// Who may read and write; only the lowest 9 bits.
    pub mode: Mode,
}

/// Whose an object is: `struct ipc64_perm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "ipc_perm")]
#[doc(alias = "ipc64_perm")]
pub struct Permissions {
    /// How it is found; [`Key::PRIVATE`] also of a segment that has been removed.
    pub key: Key,
    /// Who may use it.
    pub access: Access,
    /// The user number of who made it, who keeps the owner's rights.
    #[doc(alias = "cuid")]
    pub creator: u32,
    /// The group number of who made it.
    #[doc(alias = "cgid")]
    pub creator_group: u32,
    /// Counts the objects that had this place: the identifier's upper half.
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

/// Between one look and the next, where the kernel wakes nobody.
fn backoff(deadline: Deadline) -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, deadline)
}

/// A moment in seconds since 1970, or never.
fn moment(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

/// A process number, or none: nobody yet, or a process of another PID namespace.
fn process(number: i32) -> Option<Pid> {
    if number > 0 {
        Pid::from_raw(number)
    } else {
        None
    }
}

/// Goes through the kernel's table of one kind of object.
fn next_listed<T>(
    indices: &mut core::ops::RangeInclusive<i32>,
    mut look: impl FnMut(i32) -> Result<T>,
) -> Option<Result<T>> {
    loop {
        match look(indices.next()?) {
            // Nothing there, or not any more.
            Err(Errno::INVAL | Errno::IDRM) => {}
            result => return Some(result),
        }
    }
}
