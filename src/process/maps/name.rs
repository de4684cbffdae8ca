//! What a memory region of a process is, by the name that the kernel gives it.
#![forbid(unsafe_code)]

use core::fmt::{self, Write};

use crate::procfs;

/// What is appended to the path of a file that has no name any more.
const DELETED: &[u8] = b" (deleted)";
/// The kind of a memory [`Region`](super::Region), with its name.
///
/// # Examples
///
/// ```
/// use rawipc::process::maps::{self, Name};
///
/// let line = b"7ffd5a0f1000-7ffd5a112000 rw-p 00000000 00:00 0                      [stack]";
/// assert_eq!(maps::parse(line)?.name, Name::Stack);
///
/// let line = b"7f20c8a00000-7f20c8a21000 rw-p 00000000 00:00 0                      [anon:cache]";
/// assert_eq!(maps::parse(line)?.name, Name::Named(b"cache"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Name<'a> {
    /// Anonymous memory without a name: `mmap(2)` with `MAP_ANONYMOUS`, a thread's stack.
    Anonymous,
    /// A file. Objects of the kernel that are files look like one: `/memfd:NAME`,
    /// `/dev/zero` (shared anonymous memory), `/SYSV` and a key (System V), all deleted.
    File(Path<'a>),
    /// `[heap]`: memory of `brk(2)`.
    Heap,
    /// `[stack]`: the stack of the first thread.
    Stack,
    /// `[stack:TID]`: the stack of another thread, from Linux 3.4 to 4.4.
    StackOf(u32),
    /// `[vdso]`: code mapped by the kernel, `vdso(7)`.
    Vdso,
    /// `[vvar]`: data of the vDSO.
    Vvar,
    /// `[vvar_vclock]`: clocks of the virtual machine's host, for the vDSO.
    VvarClock,
    /// `[vsyscall]`: the vDSO's predecessor.
    Vsyscall,
    /// `[anon:NAME]`: private memory to which the process gave this name, with
    /// `PR_SET_VMA_ANON_NAME`.
    Named(&'a [u8]),
    /// `[anon_shmem:NAME]`: shared memory with such a name.
    NamedShared(&'a [u8]),
    /// Anything else: `anon_inode:[perf_event]`, `[uprobes]`, `socket:[4711]` …
    Other(&'a [u8]),
}

/// The path of a mapped file, relative to the process's root directory.
///
/// The kernel's text is ambiguous: a name that itself ends in ` (deleted)` is taken for
/// one that is deleted, and of `\012` nobody can say whether it was a newline.
/// (What [`Maps::find`](super::Maps::find) asks of a new kernel has no such escapes.)
///
/// # Examples
///
/// ```
/// use rawipc::process::maps::{self, Name};
///
/// let line = b"7f20c8b00000-7f20c8b01000 r--s 00000000 08:01 42          /tmp/state (deleted)";
/// let Name::File(path) = maps::parse(line)?.name else { return Err("no file".into()) };
/// assert_eq!(path.bytes(), b"/tmp/state");
/// assert!(path.is_deleted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path<'a> {
    bytes: &'a [u8],
    deleted: bool,
    escaped: bool,
}

impl<'a> Path<'a> {
    /// Returns the path as the kernel wrote it, without ` (deleted)`: with `\012` for each
    /// newline.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns whether the file had been deleted.
    #[must_use]
    pub fn is_deleted(self) -> bool {
        self.deleted
    }

    /// Returns the bytes of the path, with newlines for `\012`.
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

/// An iterator over the bytes of a [`Path`], without escapes.
///
/// # Examples
///
/// ```
/// use rawipc::process::maps::{self, Name};
///
/// let line = br"7f20c8b00000-7f20c8b01000 r--s 00000000 08:01 42          /tmp/two\012lines";
/// let Name::File(path) = maps::parse(line)?.name else { return Err("no file".into()) };
/// assert!(path.unescaped().eq(*b"/tmp/two\nlines"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
impl<'a> Name<'a> {
    pub(super) fn classify(bytes: &'a [u8], escaped: bool) -> Self {
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
                } else if let Some(thread) = thread_of(inner) {
                    Self::StackOf(thread)
                } else {
                    Self::Other(bytes)
                }
            }
            _ => Self::Other(bytes),
        }
    }
}

/// The thread whose stack it is, by what stands between the brackets.
fn thread_of(inner: &[u8]) -> Option<u32> {
    let digits = inner.strip_prefix(b"stack:")?;
    if digits.is_empty() {
        return None;
    }
    u32::try_from(procfs::number(digits, 10)?).ok()
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
