//! [`Event`]: what happens to registered memory, and how it is read.

use linux_raw_sys::general as raw;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, FromRawFd, OwnedFd};

use super::descriptor::Userfault;
use crate::sys::remote::{Address, AddressRange};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Errno, Result, sys};

/// What happened to memory that is registered with a userfaultfd.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::memory::MapOptions;
/// use rawipc::memory::userfault::{self, Event, Features, Mode, Place, UserfaultFlags};
///
/// let faults = match userfault::create(UserfaultFlags::USER_MODE_ONLY, Features::empty()) {
///     Err(Errno::NOSYS | Errno::PERM) => return Ok(()), // not on this system
///     result => result?,
/// };
/// const PAGE: usize = 65536; // a multiple of every page size but huge ones
/// let mapping = MapOptions::private(PAGE).map_anonymous()?;
/// faults.register(&mapping, .., Mode::MISSING)?;
///
/// std::thread::scope(|threads| {
///     threads.spawn(|| mapping.read::<u8>(0));
///     match faults.read()? {
///         Event::Fault(fault) => faults.copy(fault.address, &[1; PAGE], Place::empty()),
///         other => unreachable!("not asked for: {other:?}"),
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A page fault: somebody sleeps until a page is there, or may be written.
    Fault(Fault),
    /// The process forked: this is the userfaultfd of the child's memory, registered as the
    /// parent's. Dropping it ends the child's registration.
    Fork(Userfault),
    /// Pages were moved by `mremap(2)`, and are registered at their new address.
    Moved {
        /// The address that they had.
        from: Address,
        /// The address that they have.
        to: Address,
        /// How many bytes.
        len: usize,
    },
    /// Pages were discarded by `madvise(2)`, and are missing again.
    Removed(AddressRange),
    /// Pages were unmapped.
    Unmapped(AddressRange),
    /// An event that this version does not know, by its number.
    Other(u8),
}

/// A page fault: who sleeps, and because of what.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::memory::MapOptions;
/// use rawipc::memory::userfault::{self, Event, Features, Mode, Place, UserfaultFlags};
///
/// let faults = match userfault::create(UserfaultFlags::USER_MODE_ONLY, Features::empty()) {
///     Err(Errno::NOSYS | Errno::PERM) => return Ok(()), // not on this system
///     result => result?,
/// };
/// const PAGE: usize = 65536; // a multiple of every page size but huge ones
/// let mapping = MapOptions::private(4 * PAGE).map_anonymous()?;
/// faults.register(&mapping, .., Mode::MISSING)?;
///
/// std::thread::scope(|threads| {
///     threads.spawn(|| mapping.write(2 * PAGE, &5_u8));
///     let Event::Fault(fault) = faults.read()? else { unreachable!("nothing else happens") };
///     assert!(!fault.protected && !fault.minor); // the page is missing
///     assert_eq!(mapping.offset_of(fault.address), Some(2 * PAGE));
///     faults.copy(fault.address, &[0; PAGE], Place::empty())
/// })?;
/// assert_eq!(mapping.read::<u8>(2 * PAGE)?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The address that was accessed: that of its page, or the exact one with
    /// [`Features::EXACT`](super::Features::EXACT). [`Mapping::offset_of`](crate::memory::Mapping::offset_of) finds it in a mapping.
    pub address: Address,
    /// Whether it was a write. For a missing page this is only of statistical use.
    pub write: bool,
    /// Whether the page is there and protected against writing: [`Mode::WRITE_PROTECT`](super::Mode::WRITE_PROTECT).
    pub protected: bool,
    /// Whether the memfd has the page and it is not mapped: [`Mode::MINOR`](super::Mode::MINOR).
    pub minor: bool,
    /// The thread, with [`Features::THREAD`](super::Features::THREAD); 0 without, or if the process that reads it
    /// does not see the thread.
    pub thread: u32,
}

impl Userfault {
    /// Returns the next event, blocking until there is one: `read(2)`. Each event goes to
    /// one reader.
    ///
    /// The message of who sleeps because of a fault and is killed or woken is gone, if
    /// nobody has read it yet.
    ///
    /// # Errors
    ///
    /// [`Errno::INTR`]: it was [interrupted](crate#interruptions). [`Errno::MFILE`]: no
    /// descriptor left for an
    /// [`Event::Fork`], which stays unread.
    pub fn read(&self) -> Result<Event> {
        self.read_with(Blocking)
    }

    /// Like [`read`](Self::read), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`]: nothing has. Else as [`read`](Self::read).
    pub fn try_read(&self) -> Result<Event> {
        self.read_with(Try)
    }

    /// Like [`read`](Self::read), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]: the deadline passed. Else as [`read`](Self::read).
    pub fn read_until(&self, deadline: Deadline) -> Result<Event> {
        self.read_with(Until(deadline))
    }

    fn read_with(&self, patience: Patience) -> Result<Event> {
        let deadline = match patience {
            Try => return self.look(),
            Blocking => Deadline::Never,
            Until(deadline) => deadline,
        };
        ready::retry(self.0.as_fd(), PollFlags::IN, deadline, || self.look())
    }

    fn look(&self) -> Result<Event> {
        let mut message = [0; sys::userfault::MESSAGE];
        // The kernel looks for a signal before it looks at the flag.
        match ready::uninterrupted(|| rustix::io::read(&self.0, &mut message))? {
            sys::userfault::MESSAGE => Ok(Message::parse(&message).into_event()),
            _ => Err(Errno::AGAIN),
        }
    }
}

/// What a message says, whatever its bytes are.
#[derive(Debug, PartialEq, Eq)]
enum Message {
    Fault(Fault),
    /// A number that means a descriptor, if the kernel said so.
    Fork(u32),
    Moved {
        from: Address,
        to: Address,
        len: usize,
    },
    Removed(AddressRange),
    Unmapped(AddressRange),
    Other(u8),
}

impl Message {
    fn parse(message: &[u8; sys::userfault::MESSAGE]) -> Self {
        // The kind, nothing, and three words.
        let [kind, ..] = *message;
        let word = |index: usize| {
            let word = message.get(index * 8..).and_then(<[u8]>::first_chunk);
            word.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
        };
        let address = |index| Address::new(word(index) as usize);
        let half = |index: usize| {
            let half = message.get(index * 8..).and_then(<[u8]>::first_chunk);
            half.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
        };
        let range = || AddressRange {
            address: address(1),
            len: (word(2) as usize).saturating_sub(word(1) as usize),
        };
        match u32::from(kind) {
            raw::UFFD_EVENT_PAGEFAULT => {
                let flag = |flag: u32| word(1) & u64::from(flag) != 0;
                Self::Fault(Fault {
                    address: address(2),
                    write: flag(raw::UFFD_PAGEFAULT_FLAG_WRITE),
                    protected: flag(raw::UFFD_PAGEFAULT_FLAG_WP),
                    minor: flag(raw::UFFD_PAGEFAULT_FLAG_MINOR),
                    thread: half(3),
                })
            }
            raw::UFFD_EVENT_FORK => Self::Fork(half(1)),
            raw::UFFD_EVENT_REMAP => Self::Moved {
                from: address(1),
                to: address(2),
                len: word(3) as usize,
            },
            raw::UFFD_EVENT_REMOVE => Self::Removed(range()),
            raw::UFFD_EVENT_UNMAP => Self::Unmapped(range()),
            _ => Self::Other(kind),
        }
    }

    /// Of a message that the kernel wrote.
    fn into_event(self) -> Event {
        match self {
            Self::Fault(fault) => Event::Fault(fault),
            Self::Fork(fd) => {
                // SAFETY: the kernel made it for who reads this message, which was read
                // from a userfaultfd and from nothing else: that is what a `Userfault` is.
                let fd = unsafe { OwnedFd::from_raw_fd(fd.cast_signed()) };
                Event::Fork(Userfault(fd))
            }
            Self::Moved { from, to, len } => Event::Moved { from, to, len },
            Self::Removed(addresses) => Event::Removed(addresses),
            Self::Unmapped(addresses) => Event::Unmapped(addresses),
            Self::Other(kind) => Event::Other(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressRange, Fault, Message};

    fn message(kind: u8, words: [u64; 3]) -> [u8; 32] {
        let mut message = [0; 32];
        let [head, places @ ..] = message.as_chunks_mut::<8>().0 else {
            unreachable!("four words")
        };
        head.fill(kind);
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_ne_bytes();
        }
        message
    }

    #[test]
    fn messages_are_what_the_kernel_means() {
        let parse = |kind, words| Message::parse(&message(kind, words));
        let fault = |write, protected, minor| {
            let thread = 77;
            let address = Address::new(0x7000);
            Message::Fault(Fault {
                address,
                write,
                protected,
                minor,
                thread,
            })
        };
        let thread = u64::from_ne_bytes([77, 0, 0, 0, 9, 9, 9, 9]);
        assert_eq!(parse(0x12, [0, 0x7000, 77]), fault(false, false, false));
        if cfg!(target_endian = "little") {
            assert_eq!(parse(0x12, [3, 0x7000, thread]), fault(true, true, false));
        }
        assert_eq!(parse(0x12, [4, 0x7000, 77]), fault(false, false, true));
        assert_eq!(parse(0x13, [5, 0, 0]), Message::Fork(5));
        assert_eq!(
            parse(0x14, [1, 2, 3]),
            Message::Moved {
                from: Address::new(1),
                to: Address::new(2),
                len: 3
            }
        );
        let range = |address, len| AddressRange::new(Address::new(address), len);
        assert_eq!(parse(0x15, [16, 48, 0]), Message::Removed(range(16, 32)));
        assert_eq!(parse(0x16, [16, 48, 0]), Message::Unmapped(range(16, 32)));
    }

    #[test]
    fn no_bytes_are_too_strange() {
        for kind in 0..=u8::MAX {
            for words in [[0; 3], [u64::MAX; 3], [u64::MAX, 0, 1], [1, u64::MAX, 0]] {
                match Message::parse(&message(kind, words)) {
                    Message::Other(other) => {
                        assert_eq!(other, kind);
                        assert!(!(0x12..=0x16).contains(&kind));
                    }
                    Message::Removed(range) | Message::Unmapped(range) => {
                        assert!(range.address.checked_add(range.len).is_some());
                    }
                    _ => assert!((0x12..=0x16).contains(&kind)),
                }
            }
        }
    }
}
