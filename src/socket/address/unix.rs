//! [`UnixAddress`]: a path, an abstract name, or none.

use core::fmt;

use rustix::net::AddressFamily;

use super::{Address, Raw, check, raw};
use crate::{Arg, Errno, Result};

#[cfg(doc)]
use super::local;

/// The longest name of a UNIX socket: the kernel's `UNIX_PATH_MAX`.
const NAME_SIZE: usize = 108;

/// The address of a UNIX socket: `unix(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::socket::address::{Name, UnixAddress};
///
/// let address = UnixAddress::pathname("/run/example.socket")?;
/// assert_eq!(address.name(), Name::Pathname(b"/run/example.socket"));
/// assert_eq!(UnixAddress::pathname("a\0b"), Err(Errno::INVAL));
/// assert_eq!(UnixAddress::pathname(""), Err(Errno::NOENT));
/// assert_eq!(UnixAddress::pathname("x".repeat(109)), Err(Errno::NAMETOOLONG));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Copy)]
#[doc(alias = "sockaddr_un")]
pub struct UnixAddress {
    /// A pathname without its NUL; an abstract name with its NUL in front; zeros.
    bytes: [u8; NAME_SIZE],
    len: u8,
}

/// The name in a [`UnixAddress`], by kind.
///
/// # Examples
///
/// ```
/// use rawipc::socket::address::{Name, UnixAddress};
///
/// fn describe(address: &UnixAddress) -> String {
///     match address.name() {
///         Name::Unnamed => "unnamed".into(),
///         Name::Pathname(path) => path.escape_ascii().to_string(),
///         Name::Abstract(name) => format!("@{}", name.escape_ascii()),
///     }
/// }
/// assert_eq!(describe(&UnixAddress::pathname("/run/jobs")?), "/run/jobs");
/// assert_eq!(describe(&UnixAddress::abstract_name(b"jobs")?), "@jobs");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name<'a> {
    /// No name, as of the sockets of a pair, or of a client that is not bound.
    Unnamed,
    /// The path of a file, without a NUL.
    Pathname(&'a [u8]),
    /// A name outside of any file system, without its leading NUL. Further NUL bytes are part
    /// of the name.
    Abstract(&'a [u8]),
}

impl UnixAddress {
    /// The address without a name. Binding to it takes a free abstract name of five hexadecimal
    /// digits, which the kernel chooses; see [`local`].
    #[doc(alias = "autobind")]
    pub const UNNAMED: Self = Self {
        bytes: [0; NAME_SIZE],
        len: 0,
    };

    /// Creates the address of the socket file `path`.
    ///
    /// A name of exactly 108 bytes is fine for Linux; C programs that ask for it may
    /// find it without the NUL that they expect at its end.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`]: the path is empty. [`Errno::INVAL`]: it has a NUL byte.
    /// [`Errno::NAMETOOLONG`]: it has more than 108 bytes.
    pub fn pathname(path: impl Arg) -> Result<Self> {
        path.into_with_c_str(|path| match path.to_bytes() {
            [] => Err(Errno::NOENT),
            path => Self::new(&[], path),
        })
    }

    /// Creates the address with the abstract name `name`, of at most 107 arbitrary bytes. The
    /// leading NUL byte is not part of it.
    ///
    /// # Errors
    ///
    /// [`Errno::NAMETOOLONG`].
    pub fn abstract_name(name: &[u8]) -> Result<Self> {
        Self::new(b"\0", name)
    }

    fn new(front: &[u8], name: &[u8]) -> Result<Self> {
        let mut new = Self::UNNAMED;
        let len = front.len() + name.len();
        let Some(slot) = new.bytes.get_mut(front.len()..len) else {
            return Err(Errno::NAMETOOLONG);
        };
        // What is in front is a NUL, which is there.
        slot.copy_from_slice(name);
        new.len = len as u8;
        Ok(new)
    }

    /// Returns the kind of the address and its name.
    #[must_use]
    pub fn name(&self) -> Name<'_> {
        match self.bytes.get(..usize::from(self.len)) {
            Some([0, name @ ..]) => Name::Abstract(name),
            None | Some([]) => Name::Unnamed,
            Some(path) => Name::Pathname(path),
        }
    }

    /// From the name as the kernel writes it: the body of its address.
    pub(in crate::socket) fn from_kernel(bytes: &[u8]) -> Result<Self> {
        match bytes {
            [] => Ok(Self::UNNAMED),
            [0, name @ ..] => Self::abstract_name(name),
            // It counts a NUL that ends the path, but not of the longest.
            path => Self::new(&[], path.split(|byte| *byte == 0).next().unwrap_or(path)),
        }
    }

    pub(in crate::socket) fn path(&self) -> Option<&[u8]> {
        match self.name() {
            Name::Pathname(path) => Some(path),
            _ => None,
        }
    }
}

impl PartialEq for UnixAddress {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for UnixAddress {}

impl core::hash::Hash for UnixAddress {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// Writes a path as it is, and an abstract name with a leading `@`, as `ss(8)` does; bytes that
/// are not UTF-8 are escaped.
impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Name::Unnamed => f.write_str("(unnamed)"),
            Name::Pathname(path) => write_bytes(f, path),
            Name::Abstract(name) => {
                f.write_str("@")?;
                write_bytes(f, name)
            }
        }
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match *self {
            Self::Unnamed => return f.write_str("Unnamed"),
            Self::Pathname(path) => ("Pathname", path),
            Self::Abstract(name) => ("Abstract", name),
        };
        write!(f, "{kind}(\"")?;
        write_bytes(f, name)?;
        f.write_str("\")")
    }
}

fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        write!(f, "{}", chunk.invalid().escape_ascii())?;
    }
    Ok(())
}

impl Address for UnixAddress {
    fn to_raw(&self) -> Raw {
        let len = usize::from(self.len);
        // The NUL at the end of a path, where there is room for it.
        let len = match self.name() {
            Name::Pathname(_) => (len + 1).min(NAME_SIZE),
            _ => len,
        };
        raw(
            AddressFamily::UNIX,
            self.bytes.get(..len).unwrap_or_default(),
        )
    }

    fn from_raw(raw: &Raw) -> Result<Self> {
        // Sockets without a name are also said to have no address at all.
        if raw.as_bytes().is_empty() {
            return Ok(Self::UNNAMED);
        }
        check(raw, AddressFamily::UNIX)?;
        Self::from_kernel(raw.body())
    }
}
