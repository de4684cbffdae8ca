//! The regions of a process's memory, one after the other or by an address.
#![forbid(unsafe_code)]

use core::ops::Range;

use linux_raw_sys::general::procmap_query_flags::PROCMAP_QUERY_COVERING_OR_NEXT_VMA;
use rustix::fs::{OFlags, SeekFrom, seek};
use rustix::io::read;

use super::line::parse;
use super::region::Region;
use crate::process::process_ref::ProcessRef;
use crate::sys::remote::Address;
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Result, sys};

/// The minimum buffer length for [`Maps::regions`]: all of a line but the name fits.
///
/// With [`BUFFER`] the names do as well.
pub const MIN_BUFFER: usize = 128;

/// A buffer length with room for the longest path that the kernel writes; for a quarter of it,
/// if each byte is a newline.
pub const BUFFER: usize = 4096 + MIN_BUFFER;

/// An open list of the memory regions of a process.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, maps, memory::Address};
///
/// let mut maps = maps::open(process::id())?;
/// let mut buffer = [0; maps::BUFFER];
/// let local = 5_u32;
/// let region = maps.find(Address::of(&local), &mut buffer)?.ok_or("not mapped")?;
/// println!("a local variable is in {region}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Maps(OwnedFd);

/// Opens the list of memory regions of the program that a process runs now: `/proc/PID/maps`.
///
/// After an `execve(2)` of the process this has no regions any more. It means this
/// process whatever becomes of the number, and may be passed to another, which then needs
/// no permission of its own.
///
/// # Errors
///
/// [`Errno::SRCH`]: no such process, it has ended (all of its threads, not only the first),
/// or `/proc` is not mounted.
/// [`Errno::PERM`]: the process is another user's, not dumpable, or has capabilities that
/// the caller lacks, and the caller has no `CAP_SYS_PTRACE`: "Ptrace access mode checking"
/// of `ptrace(2)`, `PTRACE_MODE_READ_FSCREDS`; see
/// [what it means](crate::process::memory#whose-memory). (Yama does not concern itself with
/// reading.) [`Errno::MFILE`] or [`Errno::NFILE`]: this process, or the system, has no
/// descriptor left.
pub fn open<'fd>(process: impl Into<ProcessRef<'fd>>) -> Result<Maps> {
    process
        .into()
        .open_memory(b"/maps", OFlags::RDONLY)
        .map(Maps)
}

impl Maps {
    /// Iterates over all regions, from the first.
    ///
    /// The buffer is where lines are while they are looked at; [`BUFFER`] bytes are
    /// enough for any, and more are read faster. Of a line that is longer than the buffer
    /// only the name is [cut](Region::cut).
    pub fn regions<'b>(&mut self, buffer: &'b mut [u8]) -> Regions<'_, 'b> {
        Regions {
            maps: self,
            buffer,
            next: 0,
            end: 0,
            state: State::New,
        }
    }

    /// Returns the region that contains `address`, if there is one.
    ///
    /// The name comes into `buffer`. One system call (`PROCMAP_QUERY`, Linux 6.11); on an
    /// older kernel, and for an address after the stack, the regions up to there are read.
    ///
    /// # Errors
    ///
    /// [`Errno::SRCH`]: the process has ended, or runs another program.
    /// [`Errno::NAMETOOLONG`]: the name does not fit; it does into [`BUFFER`] bytes.
    /// [`Errno::INVAL`]: the buffer has less than [`MIN_BUFFER`] bytes.
    #[doc(alias = "PROCMAP_QUERY")]
    pub fn find<'b>(
        &mut self,
        address: Address,
        buffer: &'b mut [u8],
    ) -> Result<Option<Region<'b>>> {
        let region = self.find_from(address, buffer)?;
        Ok(region.filter(|region| region.contains(address)))
    }

    /// Returns the region that contains `address`, else the first one after it.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Self::find).
    pub fn find_from<'b>(
        &mut self,
        address: Address,
        buffer: &'b mut [u8],
    ) -> Result<Option<Region<'b>>> {
        if buffer.len() < MIN_BUFFER {
            return Err(Errno::INVAL);
        }
        let flags = PROCMAP_QUERY_COVERING_OR_NEXT_VMA as u32;
        match sys::remote::procmap_query(self.0.as_fd(), flags, address, buffer) {
            Ok(answer) => Region::of_query(&answer, buffer).map(Some),
            // There is no such call, or a filter keeps it from us; or nothing was found, but
            // the call does not know of `[vsyscall]`, which is after everything else.
            Err(errno)
                if errno == Errno::NOTTY || errno == Errno::NOENT || sys::is_absent(errno) =>
            {
                self.search(address, buffer)
            }
            Err(errno) => Err(errno),
        }
    }

    fn search<'b>(&mut self, address: Address, buffer: &'b mut [u8]) -> Result<Option<Region<'b>>> {
        let mut regions = self.regions(buffer);
        let found = loop {
            match regions.line()? {
                None => return Ok(None),
                Some(line) => {
                    let region = regions.region(&line)?;
                    if address < region.end {
                        break line;
                    }
                }
            }
        };
        if found.cut {
            return Err(Errno::NAMETOOLONG);
        }
        let line = buffer.get(found.at).unwrap_or_default();
        Ok(Some(parse(line)?))
    }
}

impl AsFd for Maps {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Maps);

impl From<Maps> for OwnedFd {
    fn from(maps: Maps) -> Self {
        maps.0
    }
}

/// A descriptor of `/proc/PID/maps` that came from elsewhere, or of a copy of one.
impl From<OwnedFd> for Maps {
    fn from(file: OwnedFd) -> Self {
        Self(file)
    }
}

/// An iteration over the memory regions of a process: what [`Maps::regions`] returns.
///
/// No `Iterator`, as a [`Region`]'s name is in the buffer until the next one is asked for.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, maps::{self, Permissions}};
///
/// let mut maps = maps::open(process::id())?;
/// let mut buffer = [0; maps::BUFFER];
/// let mut regions = maps.regions(&mut buffer);
/// let mut writable = 0;
/// while let Some(region) = regions.next() {
///     let region = region?;
///     if region.permissions.contains(Permissions::WRITE) {
///         writable += region.len();
///     }
/// }
/// println!("{} KiB can be written", writable / 1024);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Regions<'m, 'b> {
    maps: &'m Maps,
    buffer: &'b mut [u8],
    /// The part of the buffer that has not been returned.
    next: usize,
    end: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been read.
    New,
    /// At the beginning of a line.
    Line,
    /// Within a line whose beginning was returned.
    Rest,
    /// At the end, or after an error.
    Done,
}

/// A line, or the beginning of one, in the buffer.
struct Line {
    at: Range<usize>,
    cut: bool,
}

impl Regions<'_, '_> {
    /// Returns the next region; `None` after the last, and after an error.
    ///
    /// # Errors
    ///
    /// [`Errno::SRCH`]: the process has ended, or runs another program; if that happens
    /// in between the regions may just end. [`Errno::INVAL`]: the buffer has less than
    /// [`MIN_BUFFER`] bytes. [`Errno::BADMSG`]: a line is [`Malformed`](super::Malformed).
    #[expect(
        clippy::should_implement_trait,
        reason = "what it returns borrows from this"
    )]
    pub fn next(&mut self) -> Option<Result<Region<'_>>> {
        match self.line() {
            Ok(line) => {
                let line = line?;
                Some(self.region(&line))
            }
            Err(errno) => {
                self.state = State::Done;
                Some(Err(errno))
            }
        }
    }

    fn region(&self, line: &Line) -> Result<Region<'_>> {
        let bytes = self.buffer.get(line.at.clone()).unwrap_or_default();
        let mut region = parse(bytes)?;
        region.cut = line.cut;
        Ok(region)
    }

    /// The next line, without its newline.
    fn line(&mut self) -> Result<Option<Line>> {
        if self.state == State::New {
            if self.buffer.len() < MIN_BUFFER {
                return Err(Errno::INVAL);
            }
            seek(&self.maps.0, SeekFrom::Start(0))?;
        }
        while self.state != State::Done {
            let unread = self.buffer.get(self.next..self.end).unwrap_or_default();
            if let Some(len) = unread.iter().position(|&byte| byte == b'\n') {
                let at = self.next..self.next + len;
                self.next = at.end + 1;
                if self.state == State::Line {
                    return Ok(Some(Line { at, cut: false }));
                }
                self.state = State::Line;
                continue;
            }
            if self.state == State::Rest {
                self.next = self.end;
            }
            self.buffer.copy_within(self.next..self.end, 0);
            self.end -= self.next;
            self.next = 0;
            if self.end == self.buffer.len() {
                self.next = self.end;
                self.state = State::Rest;
                return Ok(Some(Line {
                    at: 0..self.end,
                    cut: true,
                }));
            }
            if self.fill()? == 0 {
                if self.state == State::New {
                    // Not even a process without a stack has no memory.
                    return Err(Errno::SRCH);
                }
                let whole = self.state == State::Line && self.end > 0;
                self.state = State::Done;
                return Ok(whole.then_some(Line {
                    at: 0..self.end,
                    cut: false,
                }));
            }
            if self.state == State::New {
                self.state = State::Line;
            }
        }
        Ok(None)
    }

    fn fill(&mut self) -> Result<usize> {
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = ready::uninterrupted(|| read(&self.maps.0, &mut *free))?;
        self.end += count;
        Ok(count)
    }
}
