//! [`RemoveOnDrop`]: the file that a UNIX socket leaves behind.

use rustix::fs::{AtFlags, CWD, FileType, Stat, statat, unlinkat};

use super::UnixAddress;
use crate::guard::maker::Maker;
use crate::{Errno, Result};

/// A guard that removes the file of a socket when dropped: `unlink(2)`.
///
/// It removes what it has seen when it was made, and nothing that has taken the
/// name since, except in the moment between looking and removing. A process that was
/// forked meanwhile removes nothing. A process that is killed leaves the file:
/// [`BindOptions::replace_stale`](crate::socket::BindOptions::replace_stale) is for the next.
///
/// # Examples
///
/// ```
/// use rawipc::socket::address::{RemoveOnDrop, UnixAddress};
/// use rawipc::socket::stream;
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-remove-{}", std::process::id()));
/// let address = UnixAddress::pathname(&path)?;
/// let listener = stream::listen(&address)?;
/// let file = RemoveOnDrop::new(&address)?;
/// assert!(path.exists());
/// drop(file);
/// assert!(!path.exists());
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct RemoveOnDrop {
    address: UnixAddress,
    device: u64,
    inode: u64,
    maker: Maker,
}

impl RemoveOnDrop {
    /// Creates a guard for the file of the socket that is bound to `address`.
    ///
    /// A relative pathname is looked up in the directory that is the current one when
    /// it is dropped.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the address is no pathname. [`Errno::NOTSOCK`]: the file is
    /// no socket. Those of `stat(2)`: [`Errno::NOENT`], [`Errno::ACCESS`].
    pub fn new(address: &UnixAddress) -> Result<Self> {
        let stat = stat(address)?;
        Ok(Self {
            address: *address,
            device: stat.st_dev,
            inode: stat.st_ino,
            maker: Maker::current(),
        })
    }

    /// Keeps the file: drops the guard without removing it.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if !self.maker.is_current() {
            return;
        }
        if let (Ok(stat), Some(path)) = (stat(&self.address), self.address.path())
            && same(&stat, self.device, self.inode)
        {
            // Nobody could be told.
            let _ = unlinkat(CWD, path, AtFlags::empty());
        }
    }
}

/// The file of the socket at `address`.
pub(in crate::socket) fn stat(address: &UnixAddress) -> Result<Stat> {
    let path = address.path().ok_or(Errno::INVAL)?;
    let stat = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => Ok(stat),
        _ => Err(Errno::NOTSOCK),
    }
}

pub(in crate::socket) fn same(stat: &Stat, device: u64, inode: u64) -> bool {
    (stat.st_dev, stat.st_ino) == (device, inode)
}
