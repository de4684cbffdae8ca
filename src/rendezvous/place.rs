//! [`Place`]: a directory, and a name in it.
#![forbid(unsafe_code)]

use core::ffi::CStr;

use rustix::fs::{AtFlags, CWD, FileType, OFlags, Stat, fstat, linkat, openat, statat, unlinkat};

use super::Error;
use super::options::Options;
use crate::procfs::{self, Identity};
use crate::{Arg, BorrowedFd, Errno, Mode, OwnedFd, Result};

/// A name in a directory, which is open: it stays the same however paths change.
#[derive(Debug)]
pub(super) struct Place<'p> {
    directory: OwnedFd,
    name: &'p CStr,
}

impl Place<'_> {
    /// Does something with the place that `path` names.
    pub(super) fn with<T>(
        path: impl Arg,
        then: impl FnOnce(&Place<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        path.into_with_c_str(|path| {
            let bytes = path.to_bytes_with_nul();
            let slash = path.to_bytes().iter().rposition(|&byte| byte == b'/');
            let (parent, name) = match slash {
                None => (c".".to_bytes(), bytes),
                Some(0) => (c"/".to_bytes(), bytes.get(1..).unwrap_or_default()),
                Some(slash) => (
                    bytes.get(..slash).unwrap_or_default(),
                    bytes.get(slash + 1..).unwrap_or_default(),
                ),
            };
            // It ends where the path does.
            let name = CStr::from_bytes_with_nul(name).unwrap_or_default();
            if matches!(name.to_bytes(), b"" | b"." | b"..") {
                return Err(Errno::INVAL);
            }
            let how = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = openat(CWD, parent, how, Mode::empty())?;
            Ok(then(&Place { directory, name }))
        })?
    }

    /// Opens what has the name, if it is a file that is as `options` demand.
    pub(super) fn open(&self, options: &Options) -> Result<Option<OwnedFd>, Error> {
        // Neither a link to elsewhere nor what would make wait: a FIFO, somebody's lease.
        let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match openat(
            &self.directory,
            self.name,
            OFlags::RDWR | safe,
            Mode::empty(),
        ) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(Error::NotRegion),
            Err(Errno::ACCESS) => {
                // Whose it is says more.
                let Some(stat) = self.stat()? else {
                    return Ok(None);
                };
                check(&stat, options)?;
                return Err(Errno::ACCESS.into());
            }
            Err(errno) => return Err(errno.into()),
        };
        check(&fstat(&file)?, options)?;
        Ok(Some(file))
    }

    /// Creates a file without a name, which nothing is left of when this process is killed.
    pub(super) fn create(&self, mode: Mode) -> Result<OwnedFd> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        openat(&self.directory, c".", flags, mode)
    }

    /// Gives the name to such a file, unless something has it.
    pub(super) fn link(&self, file: BorrowedFd<'_>) -> Result<()> {
        // Of a process's own file since Linux 6.10, before for the privileged.
        match linkat(file, c"", &self.directory, self.name, AtFlags::EMPTY_PATH) {
            Err(Errno::NOENT) => {}
            result => return result,
        }
        let mut link = procfs::Link::new();
        let (own, how) = (link.of(file), AtFlags::SYMLINK_FOLLOW);
        linkat(CWD, own, &self.directory, self.name, how)
    }

    /// Whether the name leads to this file.
    pub(super) fn leads_to(&self, file: BorrowedFd<'_>) -> Result<bool> {
        let Some(stat) = self.stat()? else {
            return Ok(false);
        };
        // While it is open, no other file has its number.
        Ok(procfs::is(file, Identity::from(&stat)))
    }

    /// Takes the name away.
    pub(super) fn unlink(&self) -> Result<()> {
        unlinkat(&self.directory, self.name, AtFlags::empty())
    }

    fn stat(&self) -> Result<Option<Stat>> {
        match statat(&self.directory, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            result => result.map(Some),
        }
    }
}

/// Makes sure that it is a file, whose it is, and that nobody else is let in.
fn check(stat: &Stat, options: &Options) -> Result<(), Error> {
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(Error::NotRegion);
    }
    options
        .users
        .check(rustix::fs::Uid::from_raw(stat.st_uid))?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    if options.mode.contains(mode) {
        Ok(())
    } else {
        Err(Error::WrongMode { mode })
    }
}
