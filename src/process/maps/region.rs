//! A region of a process's memory: [`Region`].
#![forbid(unsafe_code)]

use core::fmt::{self, Write};

use bitflags::bitflags;
use linux_raw_sys::general::procmap_query;

use super::name::Name;
use crate::sys::remote::{Address, AddressRange};
use crate::{Errno, Result};

bitflags! {
    /// The permissions of a memory region.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::maps::{self, Permissions};
    ///
    /// let line = b"55d0c0a00000-55d0c0a25000 r-xp 00002000 08:01 131   /usr/bin/cat";
    /// let permissions = maps::parse(line)?.permissions;
    /// assert_eq!(permissions, Permissions::READ | Permissions::EXECUTE); // private: not SHARED
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Permissions: u32 {
        /// It may be read.
        const READ = 1;
        /// It may be written.
        const WRITE = 2;
        /// It may be executed.
        const EXECUTE = 4;
        /// Writes are seen by all who have it mapped (`s`); without it the process gets its own
        /// copy of what it writes (`p`).
        const SHARED = 8;
        const _ = !0;
    }
}

/// The number of a device.
///
/// # Examples
///
/// ```
/// use rawipc::process::maps::{self, Device};
///
/// let line = b"55d0c0a00000-55d0c0a25000 r-xp 00002000 08:01 131   /usr/bin/cat";
/// assert_eq!(maps::parse(line)?.device, Device { major: 8, minor: 1 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// The major number, its driver.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

/// A range of a process's memory with the same properties throughout.
///
/// # Examples
///
/// ```
/// use rawipc::process::{maps, memory::Address};
///
/// let line = b"55d0c0a00000-55d0c0a25000 r-xp 00002000 08:01 131   /usr/bin/cat";
/// let region = maps::parse(line)?;
/// assert_eq!(region.len(), 0x25000);
/// assert!(region.contains(Address::new(0x55d0_c0a0_1000)));
/// assert_eq!((region.offset, region.inode), (0x2000, 131));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region<'a> {
    /// The first address.
    pub start: Address,
    /// The address after the last.
    pub end: Address,
    /// The permissions of the process.
    pub permissions: Permissions,
    /// The offset in the file, in bytes.
    pub offset: u64,
    /// The device of the file; 0:0 if there is no file.
    pub device: Device,
    /// The inode number of the file; 0 if there is no file.
    pub inode: u64,
    /// What the region is.
    pub name: Name<'a>,
    /// Whether the line was longer than the buffer, so that the name is cut off. Whether a file
    /// is deleted is then unknown.
    pub cut: bool,
}
impl<'a> Region<'a> {
    /// What the kernel answered, with the name in `buffer`.
    pub(super) fn of_query(answer: &procmap_query, buffer: &'a [u8]) -> Result<Self> {
        let address = |number: u64| usize::try_from(number).map(Address::new);
        let start = address(answer.vma_start).map_err(|_| Errno::BADMSG)?;
        let end = address(answer.vma_end).map_err(|_| Errno::BADMSG)?;
        // The size counts the null byte; without a name it is 0.
        let len = (answer.vma_name_size as usize).saturating_sub(1);
        let name = buffer.get(..len).ok_or(Errno::NAMETOOLONG)?;
        Ok(Self {
            start,
            end,
            permissions: Permissions::from_bits_retain(answer.vma_flags as u32),
            offset: answer.vma_offset,
            device: Device {
                major: answer.dev_major,
                minor: answer.dev_minor,
            },
            inode: answer.inode,
            name: Name::classify(name, false),
            cut: false,
        })
    }

    /// Returns the number of bytes.
    #[expect(clippy::len_without_is_empty, reason = "the kernel has no empty ones")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.get().saturating_sub(self.start.get())
    }

    /// Returns whether the region contains `address`.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// Returns the whole region, to be read or written.
    #[must_use]
    pub fn address_range(&self) -> AddressRange {
        AddressRange::new(self.start, self.len())
    }
}

/// As in `/proc/PID/maps`; what is not UTF-8 is replaced.
impl fmt::Display for Region<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |flag, yes, no| {
            if self.permissions.contains(flag) {
                yes
            } else {
                no
            }
        };
        let mut line = Counted { to: f, count: 0 };
        write!(
            line,
            "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
            self.start.get(),
            self.end.get(),
            letter(Permissions::READ, 'r', '-'),
            letter(Permissions::WRITE, 'w', '-'),
            letter(Permissions::EXECUTE, 'x', '-'),
            letter(Permissions::SHARED, 's', 'p'),
            self.offset,
            self.device.major,
            self.device.minor,
            self.inode,
        )?;
        if self.name != Name::Anonymous {
            while line.count < NAME_COLUMN {
                line.write_char(' ')?;
            }
        }
        self.name.fmt(f)
    }
}

/// Where the kernel writes names, on 64-bit machines.
const NAME_COLUMN: usize = 25 + 8 * 6;

/// How much has been written.
struct Counted<'f, 'b> {
    to: &'f mut fmt::Formatter<'b>,
    count: usize,
}

impl fmt::Write for Counted<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.count += text.len();
        self.to.write_str(text)
    }
}
