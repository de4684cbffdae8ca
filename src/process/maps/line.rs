//! [`parse`]: a line of `/proc/PID/maps`.
#![forbid(unsafe_code)]

use core::fmt::{self, Write};

use bitflags::bitflags;
use linux_raw_sys::general::procmap_query;

use super::super::memory::{Address, AddressRange};
use crate::{Errno, Result};

/// What is appended to the path of a file that has no name any more.
const DELETED: &[u8] = b" (deleted)";

bitflags! {
    /// What a process may do with a region, and who sees it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Permissions: u32 {
        /// It may be read.
        const READ = 1;
        /// It may be written.
        const WRITE = 2;
        /// It may be executed.
        const EXECUTE = 4;
        /// What is written is seen by all who have it mapped (`s`); without it the
        /// process gets a copy of its own of what it writes (`p`).
        const SHARED = 8;
        const _ = !0;
    }
}

/// A device, as files tell of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// Its kind.
    pub major: u32,
    /// Which of the kind.
    pub minor: u32,
}

/// A part of the memory of a process that has the same properties throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region<'a> {
    /// Its first address.
    pub start: Address,
    /// The address after its last.
    pub end: Address,
    /// What the process may do with it.
    pub permissions: Permissions,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// The device that the file is on; 0:0 if there is none.
    pub device: Device,
    /// The file's number there; 0 if there is no file.
    pub inode: u64,
    /// What it is.
    pub name: Name<'a>,
    /// Whether the line was longer than the buffer, so that of its name there is only the
    /// beginning. Whether a file is deleted is not known then.
    pub cut: bool,
}

/// What a [`Region`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Name<'a> {
    /// Memory without a name: `mmap(2)` with `MAP_ANONYMOUS`, a thread's stack.
    Anonymous,
    /// A file. Objects of the kernel that are files look like one: `/memfd:NAME`,
    /// `/dev/zero` (shared anonymous memory), `/SYSV` and a key (System V), all deleted.
    File(Path<'a>),
    /// `[heap]`: what `brk(2)` gave.
    Heap,
    /// `[stack]`: that of the first thread.
    Stack,
    /// `[stack:TID]`: that of another thread, from Linux 3.4 to 4.4.
    StackOf(u32),
    /// `[vdso]`: code that the kernel lends, `vdso(7)`.
    Vdso,
    /// `[vvar]`: data for it.
    Vvar,
    /// `[vvar_vclock]`: clocks for it, of the virtual machine's host.
    VvarClock,
    /// `[vsyscall]`: what came before it.
    Vsyscall,
    /// `[anon:NAME]`: private memory to which the process gave this name, with
    /// `PR_SET_VMA_ANON_NAME`.
    Named(&'a [u8]),
    /// `[anon_shmem:NAME]`: shared memory, the same.
    NamedShared(&'a [u8]),
    /// Anything else: `anon_inode:[perf_event]`, `[uprobes]`, `socket:[4711]` …
    Other(&'a [u8]),
}

/// The path of a file, as the process's own root directory has it.
///
/// The kernel's text is ambiguous: a name that itself ends in ` (deleted)` is taken for
/// one that is deleted, and of `\012` nobody can say whether it was a newline.
/// (What [`Maps::find`](super::Maps::find) asks of a new kernel has no such escapes.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path<'a> {
    bytes: &'a [u8],
    deleted: bool,
    escaped: bool,
}

impl<'a> Path<'a> {
    /// The path as it was written, without ` (deleted)`: with `\012` for each newline.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the file had lost this name.
    #[must_use]
    pub fn is_deleted(self) -> bool {
        self.deleted
    }

    /// The bytes of the path, with newlines for `\012`.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::process::maps::{self, Name};
    ///
    /// let line = br"7f0000000000-7f0000001000 r--p 00000000 08:02 99 /tmp/a\012b\q (deleted)";
    /// let Ok(Name::File(path)) = maps::parse(line).map(|region| region.name) else { panic!() };
    /// assert_eq!(path.bytes(), br"/tmp/a\012b\q");
    /// assert!(path.unescaped().eq(*b"/tmp/a\nb\\q"));
    /// assert!(path.is_deleted());
    /// ```
    #[must_use]
    pub fn unescaped(self) -> Unescaped<'a> {
        Unescaped {
            rest: self.bytes,
            escaped: self.escaped,
        }
    }
}

/// The bytes of a [`Path`] without escapes.
#[derive(Clone, Debug)]
pub struct Unescaped<'a> {
    rest: &'a [u8],
    escaped: bool,
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let Some(rest) = self.rest.strip_prefix(br"\012").filter(|_| self.escaped) {
            self.rest = rest;
            return Some(b'\n');
        }
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

impl core::iter::FusedIterator for Unescaped<'_> {}

/// The text is no line of `/proc/PID/maps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<Malformed> for Errno {
    fn from(_: Malformed) -> Self {
        Self::BADMSG
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a line of /proc/PID/maps")
    }
}

impl core::error::Error for Malformed {}

/// Reads one line of `/proc/PID/maps`, with or without its newline.
///
/// # Errors
///
/// [`Malformed`]: it is none.
///
/// # Examples
///
/// ```
/// use rawipc::process::maps::{self, Name, Permissions};
///
/// let line = b"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]\n";
/// let region = maps::parse(line).unwrap();
/// assert_eq!((region.start.get(), region.len()), (0xe03000, 0x21000));
/// assert_eq!(region.permissions, Permissions::READ | Permissions::WRITE);
/// assert_eq!(region.name, Name::Heap);
/// assert!(maps::parse(b"00e03000-").is_err());
/// ```
pub fn parse(line: &[u8]) -> Result<Region<'_>, Malformed> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut fields = Fields(line);
    let start = fields.address(b'-')?;
    let end = fields.address(b' ')?;
    if end < start {
        return Err(Malformed);
    }
    let permissions = fields.permissions()?;
    let offset = fields.number(16, b' ')?;
    let device = Device {
        major: fields.small(16, b':')?,
        minor: fields.small(16, b' ')?,
    };
    let inode = fields.last_number()?;
    Ok(Region {
        start,
        end,
        permissions,
        offset,
        device,
        inode,
        name: Name::classify(fields.0.trim_ascii_start(), true),
        cut: false,
    })
}

/// The rest of a line.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Digits to this base, as many as there are, at least one.
    fn digits(&mut self, base: u32) -> Result<u64, Malformed> {
        let mut number = None;
        while let Some((&first, rest)) = self.0.split_first() {
            let Some(digit) = char::from(first).to_digit(base) else {
                break;
            };
            let more = number.unwrap_or(0_u64).checked_mul(base.into());
            number = more.and_then(|more| more.checked_add(digit.into()));
            if number.is_none() {
                return Err(Malformed);
            }
            self.0 = rest;
        }
        number.ok_or(Malformed)
    }

    fn number(&mut self, base: u32, end: u8) -> Result<u64, Malformed> {
        let number = self.digits(base)?;
        self.0 = self.0.strip_prefix(&[end]).ok_or(Malformed)?;
        Ok(number)
    }

    fn small(&mut self, base: u32, end: u8) -> Result<u32, Malformed> {
        u32::try_from(self.number(base, end)?).map_err(|_| Malformed)
    }

    fn address(&mut self, end: u8) -> Result<Address, Malformed> {
        let address = usize::try_from(self.number(16, end)?).map_err(|_| Malformed)?;
        Ok(Address::new(address))
    }

    /// A decimal number before a space or the end.
    fn last_number(&mut self) -> Result<u64, Malformed> {
        let number = self.digits(10)?;
        match self.0.first() {
            None | Some(b' ') => Ok(number),
            Some(_) => Err(Malformed),
        }
    }

    fn permissions(&mut self) -> Result<Permissions, Malformed> {
        let [read, write, execute, shared, b' ', rest @ ..] = self.0 else {
            return Err(Malformed);
        };
        self.0 = rest;
        let mut permissions = Permissions::empty();
        for (&letter, (yes, no), flag) in [
            (read, (b'r', b'-'), Permissions::READ),
            (write, (b'w', b'-'), Permissions::WRITE),
            (execute, (b'x', b'-'), Permissions::EXECUTE),
            (shared, (b's', b'p'), Permissions::SHARED),
        ] {
            if letter == yes {
                permissions |= flag;
            } else if letter != no {
                return Err(Malformed);
            }
        }
        Ok(permissions)
    }
}

impl<'a> Name<'a> {
    fn classify(bytes: &'a [u8], escaped: bool) -> Self {
        match bytes {
            b"" => Self::Anonymous,
            b"[heap]" => Self::Heap,
            b"[stack]" => Self::Stack,
            b"[vdso]" => Self::Vdso,
            b"[vvar]" => Self::Vvar,
            b"[vvar_vclock]" => Self::VvarClock,
            b"[vsyscall]" => Self::Vsyscall,
            [b'/', ..] => {
                let kept = bytes.strip_suffix(DELETED);
                Self::File(Path {
                    bytes: kept.unwrap_or(bytes),
                    deleted: kept.is_some(),
                    escaped,
                })
            }
            [b'[', inner @ .., b']'] => {
                if let Some(name) = inner.strip_prefix(b"anon:") {
                    Self::Named(name)
                } else if let Some(name) = inner.strip_prefix(b"anon_shmem:") {
                    Self::NamedShared(name)
                } else if let Some(thread) = inner.strip_prefix(b"stack:").and_then(number) {
                    Self::StackOf(thread)
                } else {
                    Self::Other(bytes)
                }
            }
            _ => Self::Other(bytes),
        }
    }
}

/// A decimal number and nothing else.
fn number(text: &[u8]) -> Option<u32> {
    let mut fields = Fields(text);
    let number = fields.digits(10).ok()?;
    u32::try_from(number).ok().filter(|_| fields.0.is_empty())
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

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "the kernel has no empty ones")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.get().saturating_sub(self.start.get())
    }

    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// All of it, to be read or written.
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

/// As in `/proc/PID/maps`; what is not UTF-8 is replaced.
impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, bytes, after) = match *self {
            Self::Anonymous => return Ok(()),
            Self::File(path) => ("", path.bytes, if path.deleted { " (deleted)" } else { "" }),
            Self::Heap => return f.write_str("[heap]"),
            Self::Stack => return f.write_str("[stack]"),
            Self::StackOf(thread) => return write!(f, "[stack:{thread}]"),
            Self::Vdso => return f.write_str("[vdso]"),
            Self::Vvar => return f.write_str("[vvar]"),
            Self::VvarClock => return f.write_str("[vvar_vclock]"),
            Self::Vsyscall => return f.write_str("[vsyscall]"),
            Self::Named(name) => ("[anon:", name, "]"),
            Self::NamedShared(name) => ("[anon_shmem:", name, "]"),
            Self::Other(name) => ("", name, ""),
        };
        f.write_str(before)?;
        for chunk in bytes.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        f.write_str(after)
    }
}
