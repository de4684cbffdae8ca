//! A region's file, modelled. The descriptor is real, and of the file that would be mapped.

use core::mem::ManuallyDrop;

use rawipc_model::Region;

use super::Cells;
use crate::procfs::Identity;
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Result};

/// The file. A forked child's copy of it closes a descriptor of its own, which no model has.
#[derive(Debug)]
pub(crate) struct File(ManuallyDrop<Parts>);

#[derive(Debug)]
struct Parts {
    fd: OwnedFd,
    region: Region,
}

impl File {
    pub(crate) fn new<H: Send + Sync + 'static>(
        fd: OwnedFd,
        _identity: Identity,
        start: impl FnOnce() -> H,
        cells: impl FnOnce(&mut Cells),
    ) -> Self {
        let mut sections = Cells::default();
        cells(&mut sections);
        let region = Region::new(start(), sections.0);
        Self(ManuallyDrop::new(Parts { fd, region }))
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.0.fd.try_clone().expect("a descriptor")
    }

    pub(super) fn region(&self) -> &Region {
        &self.0.region
    }

    pub(crate) fn peek(&self, at: usize) -> Result<u32> {
        // SAFETY: the callers name the place of a word in the head.
        Ok(unsafe { self.region().peek(at) })
    }

    pub(crate) fn lend(&self) -> Lent<'_> {
        Lent(self)
    }

    pub(crate) fn is_locked(&self, number: u32) -> bool {
        self.region().is_locked(number)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if !rawipc_model::is_child() {
            // SAFETY: never again.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// A [`File`] that is lent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lent<'a>(&'a File);

impl Lent<'_> {
    pub(crate) fn is_as_seen(self) -> bool {
        true
    }

    pub(crate) fn open_to_read(self) -> Result<OwnedFd> {
        unimplemented!("a modelled file is opened by nobody else")
    }

    pub(crate) fn duplicate(self) -> Result<File> {
        Ok(File(ManuallyDrop::new(Parts {
            fd: rustix::io::fcntl_dupfd_cloexec(&self.0.0.fd, 0)?,
            region: self.0.region().clone(),
        })))
    }

    pub(crate) fn describe(self) -> Result<Owned> {
        Ok(Owned(self.0.region().describe()))
    }
}

impl Lent<'_> {
    pub(crate) fn seat(self, _seat: OwnedFd) -> Result<Owned> {
        self.describe()
    }
}

/// An open file description of one member's own.
#[derive(Debug)]
pub(crate) struct Owned(rawipc_model::Description);

impl Owned {
    pub(crate) fn lend(&self) -> Description<'_> {
        Description(&self.0)
    }
}

/// The description, lent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description<'a>(pub(super) &'a rawipc_model::Description);

impl Description<'_> {
    pub(crate) fn lock(self, number: u32) -> Result<()> {
        self.0.lock(number).then_some(()).ok_or(Errno::AGAIN)
    }
}
