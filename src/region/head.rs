//! The head of a region: what it says of itself, once and for all, then the words that change.
#![forbid(unsafe_code)]

use core::sync::atomic::AtomicU8;

use rustix::io::{pread, pwrite};
use zerocopy::IntoBytes;

use super::AttachError;
use crate::primitive::AtomicU32;
use crate::{BorrowedFd, Errno, Result, arch};

/// The numbers of members are 1 to this.
pub(super) const NUMBER_MAX: u32 = (1 << 22) - 1;

/// The first eight bytes of a region.
const MAGIC: u64 = u64::from_ne_bytes(*b"rawipcR\n");

/// Changes whenever the memory's meaning does.
pub(super) const VERSION: u64 = 1;

/// How long the head is that [`write`] says.
pub(crate) const LEN: usize = arch::MAX_PAGE_SIZE;

/// The longest head that is believed.
const LEN_MAX: u64 = 1 << 20;

/// Magic, version, kind, length of the head, and four words of the structure's own. In the
/// machine's own byte order: memory is shared by processes of one machine.
pub(super) type Words = [u64; 8];

/// The head as members have it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Head<T> {
    /// The [`Words`], which are read from the file and not here.
    _words: [AtomicU8; size_of::<Words>()],
    /// The number that was given out last.
    pub(super) ticket: AtomicU32,
    pub(crate) words: T,
}

impl<T> Head<T> {
    /// What a model begins with.
    pub(super) fn begin(words: T) -> Self {
        Self {
            _words: [const { AtomicU8::new(0) }; size_of::<Words>()],
            // The next ones are the largest, 0, which nobody gets, and 1.
            ticket: AtomicU32::new(NUMBER_MAX - 1),
            words,
        }
    }
}

/// What the region says of itself, whatever that is: zero where the file ends before.
pub(super) fn words(fd: BorrowedFd<'_>) -> Result<Words> {
    let mut words: Words = [0; 8];
    pread(fd, words.as_mut_bytes(), 0)?;
    Ok(words)
}

/// Writes what the region is.
pub(super) fn write(fd: BorrowedFd<'_>, kind: u64, own: [u64; 4]) -> Result<()> {
    let [a, b, c, d] = own;
    let words: Words = [MAGIC, VERSION, kind, LEN as u64, a, b, c, d];
    if pwrite(fd, words.as_bytes(), 0)? == size_of::<Words>() {
        Ok(())
    } else {
        Err(Errno::IO)
    }
}

/// Reads what the region of `size` bytes is, which must be of this kind: the length of its
/// head and the structure's own words.
pub(super) fn read(
    fd: BorrowedFd<'_>,
    kind: u64,
    size: u64,
) -> Result<(usize, [u64; 4]), AttachError> {
    let mut words: Words = [0; 8];
    // A copy: nobody changes it between its check and its use.
    if pread(fd, words.as_mut_bytes(), 0)? != size_of::<Words>() {
        return Err(AttachError::WrongSize { size });
    }
    let [magic, version, found, head, own @ ..] = words;
    if magic != MAGIC {
        return Err(AttachError::WrongMagic);
    }
    if version != VERSION {
        return Err(AttachError::WrongVersion { version });
    }
    if found != kind {
        return Err(AttachError::WrongKind);
    }
    if !is_possible(head) {
        return Err(AttachError::Corrupt);
    }
    Ok((head as usize, own))
}

/// Whether these are the first words of a region.
pub(super) fn is_magic(&[magic, ..]: &Words) -> bool {
    magic == MAGIC
}

/// Whether a head can have this length.
pub(super) fn is_possible(head: u64) -> bool {
    let page = arch::MAX_PAGE_SIZE as u64;
    (page..=LEN_MAX).contains(&head) && head.is_multiple_of(page)
}
