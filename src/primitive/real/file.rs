//! A region's file, as its members know it: open file descriptions of their own, a word that is
//! read without mapping it, and who has which of its bytes locked.

use core::mem::size_of;

use rustix::fs::OFlags;

use super::Cells;
use crate::primitive::LOCKS_AT;
use crate::procfs::{self, Identity};
use crate::sys::lock::{self, LockType};
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Result};

fn lock_byte(number: u32) -> i64 {
    LOCKS_AT + i64::from(number)
}

/// The file, through a descriptor by which nobody locks anything.
#[derive(Debug)]
pub(crate) struct File {
    fd: OwnedFd,
    /// Which it was seen to be.
    identity: Identity,
}

impl File {
    /// The file behind a descriptor that was seen to be `identity`; `start` is what a model
    /// begins with, and `cells` says what else it has, where a real file is zero.
    pub(crate) fn new<H>(
        fd: OwnedFd,
        identity: Identity,
        _start: impl FnOnce() -> H,
        _cells: impl FnOnce(&mut Cells),
    ) -> Self {
        Self { fd, identity }
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Lends the file for as long as an attachment takes.
    #[inline(always)]
    pub(crate) fn lend(&self) -> Lent<'_> {
        Lent {
            fd: self.fd.as_fd(),
            identity: self.identity,
        }
    }

    /// Reads the aligned word at `at`, as it is at some moment.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`] when this thread has another file under that number.
    pub(crate) fn peek(&self, at: usize) -> Result<u32> {
        let Lent { fd, identity } = self.lend();
        if !procfs::is(fd, identity) {
            return Err(Errno::BADF);
        }
        let mut word = [0; size_of::<u32>()];
        rustix::io::pread(fd, &mut word, at as u64)?;
        Ok(u32::from_ne_bytes(word))
    }

    /// Whether a member has this number. When the kernel cannot be asked, or not of this
    /// file, the answer is yes: nobody who may live is declared dead.
    pub(crate) fn is_locked(&self, number: u32) -> bool {
        let Lent { fd, identity } = self.lend();
        !matches!(
            lock::ofd_getlk(fd, LockType::Write, lock_byte(number), 1),
            Ok(None)
        )
        // Of another file, in a thread with descriptors of its own, nobody has it.
        || !procfs::is(fd, identity)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A [`File`] that is lent. (To ask an owner of a descriptor for it again and again is not for
/// nothing.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lent<'a> {
    pub(super) fd: BorrowedFd<'a>,
    identity: Identity,
}

impl Lent<'_> {
    /// Whether the descriptor is still that of the file that was seen.
    pub(crate) fn is_as_seen(self) -> bool {
        procfs::is(self.fd, self.identity)
    }

    /// Opens the file again, for reading alone.
    pub(crate) fn open_to_read(self) -> Result<OwnedFd> {
        procfs::reopen(self.fd, self.identity, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// The same file through a descriptor of its own.
    pub(crate) fn duplicate(self) -> Result<File> {
        Ok(File {
            fd: rustix::io::fcntl_dupfd_cloexec(self.fd, 0)?,
            identity: self.identity,
        })
    }

    /// Opens the file again.
    ///
    /// # Errors
    ///
    /// [`Errno::NOENT`] without `/proc`,
    /// [`Errno::ACCESS`] when the file's mode does not let this user open
    /// it, [`Errno::BADF`] when this thread has another file under that
    /// number, [`Errno::AGAIN`] when somebody has a lease on it.
    pub(crate) fn describe(self) -> Result<Owned> {
        // A lease is not waited for.
        let flags = OFlags::RDWR | OFlags::NONBLOCK;
        procfs::reopen(self.fd, self.identity, flags).map(Owned)
    }
}

impl Lent<'_> {
    /// Takes a description of the file that somebody else made for one member.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: it is another file's.
    pub(crate) fn seat(self, seat: OwnedFd) -> Result<Owned> {
        if !procfs::is(seat.as_fd(), self.identity) || !procfs::is(self.fd, self.identity) {
            return Err(Errno::BADF);
        }
        Ok(Owned(seat))
    }
}

/// An open file description of one member's own: what is locked through it stays locked as
/// long as this or a mapping of it is there.
#[derive(Debug)]
pub(crate) struct Owned(OwnedFd);

impl Owned {
    pub(crate) fn lend(&self) -> Description<'_> {
        Description(self.0.as_fd())
    }
}

/// The description, lent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description<'a>(pub(super) BorrowedFd<'a>);

impl Description<'_> {
    /// Locks the byte of this number.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: somebody else has.
    pub(crate) fn lock(self, number: u32) -> Result<()> {
        lock::ofd_setlk(self.0, LockType::Write, lock_byte(number), 1)
    }
}
