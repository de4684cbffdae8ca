//! [`Name`]: the name of an object.
#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use crate::{Errno, Result};

/// The largest length of a name after its slash, in bytes; for semaphores it is
/// [`semaphore::NAME_MAX`](super::semaphore::NAME_MAX).
pub const NAME_MAX: usize = 255;

/// The name of a message queue, shared memory object or semaphore.
///
/// As POSIX and glibc have it: a slash, then at least one and at most [`NAME_MAX`]
/// bytes without a slash. Further leading slashes, or none, make no difference; and
/// it is neither `.` nor `..`.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::posix::Name;
///
/// let name = Name::new("/jobs")?;
/// assert_eq!(name.as_bytes(), b"/jobs");
/// assert_eq!(name, Name::new("jobs")?);
/// assert_eq!(name, Name::new(b"//jobs")?);
///
/// for wrong in ["", "/", "/a/b", "/a/", "/.", "/..", "a\0b"] {
///     assert_eq!(Name::new(wrong), Err(Errno::INVAL));
/// }
/// assert_eq!(Name::new([b'n'; 256]), Err(Errno::NAMETOOLONG));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone)]
pub struct Name {
    /// A slash, the name, and zeros to the end, of which there is at least one.
    bytes: [u8; NAME_MAX + 2],
}

impl Name {
    /// Checks a name and returns it.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: nothing follows the slashes, or there is a further slash or
    /// a zero byte, or it is `.` or `..`. [`Errno::NAMETOOLONG`]: more than
    /// [`NAME_MAX`] bytes.
    ///
    /// What there can be no object of is refused here, once, with the error that
    /// `sem_open(3)` and `shm_open(3)` have for it. Of libc's other functions,
    /// `sem_unlink(3)` and `shm_unlink(3)` say ENOENT ("there is none of this name"),
    /// and `mq_open(3)` and `mq_unlink(3)` say EACCES of a further slash, ENOENT of
    /// a slash alone.
    pub fn new(name: impl AsRef<[u8]>) -> Result<Self> {
        Self::from_bytes(name.as_ref())
    }

    fn from_bytes(name: &[u8]) -> Result<Self> {
        let mut bare = name;
        while let [b'/', rest @ ..] = bare {
            bare = rest;
        }
        if matches!(bare, b"" | b"." | b"..") || bare.iter().any(|&byte| matches!(byte, b'/' | 0)) {
            return Err(Errno::INVAL);
        }
        if bare.len() > NAME_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        let mut bytes = [0; NAME_MAX + 2];
        for (to, from) in bytes.iter_mut().zip(b"/".iter().chain(bare)) {
            *to = *from;
        }
        Ok(Self { bytes })
    }

    /// Returns the name with its slash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.as_c_str().to_bytes()
    }

    /// Returns the name with its slash, as libc's functions take it.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        // There is a zero.
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// Without its slash, as the kernel takes it.
    pub(crate) fn bare(&self) -> &CStr {
        let bare = self.bytes.get(1..).unwrap_or_default();
        CStr::from_bytes_until_nul(bare).unwrap_or_default()
    }
}

/// What a name that is not removed is said to be by POSIX, and by libc: the kernel has
/// two errors for it.
pub(super) fn unlink_error(errno: Errno) -> Errno {
    match errno {
        Errno::PERM => Errno::ACCESS,
        other => other,
    }
}

impl TryFrom<&[u8]> for Name {
    type Error = Errno;

    fn try_from(name: &[u8]) -> Result<Self> {
        Self::from_bytes(name)
    }
}

impl TryFrom<&str> for Name {
    type Error = Errno;

    fn try_from(name: &str) -> Result<Self> {
        Self::from_bytes(name.as_bytes())
    }
}

impl TryFrom<&CStr> for Name {
    type Error = Errno;

    fn try_from(name: &CStr) -> Result<Self> {
        Self::from_bytes(name.to_bytes())
    }
}

impl FromStr for Name {
    type Err = Errno;

    fn from_str(name: &str) -> Result<Self> {
        Self::from_bytes(name.as_bytes())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_c_str().fmt(f)
    }
}

/// What is no UTF-8 is shown as U+FFFD.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}
