//! A region's file that is only looked at: by reading and by asking for locks, whatever its bytes
//! are, and whoever changes or shortens it meanwhile.
#![forbid(unsafe_code)]

use core::cell::Cell;
use core::mem::size_of;

use rustix::fs::{FileType, SealFlags, fcntl_get_seals, fstat};
use rustix::io::pread;
use zerocopy::IntoBytes;

use super::head::{self, NUMBER_MAX};
use super::plan::Plan;
use super::{AttachError, Fact, Head, Peer, Structure};
use crate::BorrowedFd;
use crate::primitive::LOCKS_AT;
use crate::sys::lock::{LockType, ofd_getlk};

/// How many questions about locks one look asks: a hostile process makes each of them long.
const QUESTIONS: u32 = 1024;

/// How many slots are read, each by a call.
const SLOTS: usize = 4096;

/// How many stretches of numbers are still to be searched, at most: each lock that is found
/// leaves two, of which one is searched next.
const STRETCHES: usize = 32;

/// A region as it is read from its file.
#[derive(Debug)]
pub(crate) struct Look<'fd> {
    fd: BorrowedFd<'fd>,
    size: u64,
    is_sealed: bool,
    words: head::Words,
    /// How many questions about locks are left.
    questions: Cell<u32>,
}

impl<'fd> Look<'fd> {
    /// Begins to look at what is behind a descriptor that can be read.
    ///
    /// # Errors
    ///
    /// [`AttachError::WrongMagic`]: it is no region; [`AttachError::WrongSize`]: too short for
    /// one; [`AttachError::Kernel`].
    pub(crate) fn begin(fd: BorrowedFd<'fd>) -> Result<Self, AttachError> {
        let stat = fstat(fd)?;
        // Reading anything else could wait, or take what is read away.
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(AttachError::WrongMagic);
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let mut words: head::Words = [0; 8];
        if pread(fd, words.as_mut_bytes(), 0)? != size_of::<head::Words>() {
            return Err(AttachError::WrongSize { size });
        }
        if !head::is_magic(&words) {
            return Err(AttachError::WrongMagic);
        }
        let seals = fcntl_get_seals(fd).unwrap_or(SealFlags::empty());
        Ok(Self {
            fd,
            size,
            is_sealed: seals.contains(SealFlags::SHRINK),
            words,
            questions: Cell::new(QUESTIONS),
        })
    }

    /// The size of the file when the look began.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file can never be shortened.
    pub(crate) fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// The version of the protocol that it says.
    pub(crate) fn version(&self) -> u64 {
        let [_, version, ..] = self.words;
        version
    }

    /// Whether this is the version whose words have the places known here.
    pub(crate) fn is_known_version(&self) -> bool {
        self.version() == head::VERSION
    }

    /// The number of its kind.
    pub(crate) fn kind(&self) -> u64 {
        let [_, _, kind, ..] = self.words;
        kind
    }

    /// The structure's own words that never change.
    pub(crate) fn words(&self) -> [u64; 4] {
        let [_, _, _, _, own @ ..] = self.words;
        own
    }

    /// The length of the head, if it is one that can be.
    fn head(&self) -> Option<u64> {
        let [_, _, _, head, ..] = self.words;
        head::is_possible(head).then_some(head)
    }

    /// Where the sections begin that a structure with the region's words has; `None` if there is
    /// none with such words, or the file has another size.
    pub(crate) fn sections<T: Structure<N>, const N: usize>(&self) -> Option<[u64; N]> {
        let head = self.head()?;
        let plan = Plan::<T, N>::of(usize::try_from(head).ok()?, self.words())?;
        let fits = plan.is_possible() && plan.size() == self.size;
        let mut place = head;
        fits.then(|| {
            core::array::from_fn(|index| {
                let begin = place;
                place += plan.len(index) as u64;
                begin
            })
        })
    }

    /// Copies what is at `at` of the file. `None` if it is not so long, any more.
    pub(crate) fn read(&self, at: u64, to: &mut [u8]) -> Option<()> {
        let len = to.len();
        (pread(self.fd, to, at).ok()? == len).then_some(())
    }

    /// The word at `at` of the file.
    pub(crate) fn word(&self, at: usize) -> Option<u32> {
        let mut word = 0_u32;
        self.read(at as u64, word.as_mut_bytes())?;
        Some(word)
    }

    /// The long word at `at` of the file.
    pub(crate) fn long(&self, at: usize) -> Option<u64> {
        let mut word = 0_u64;
        self.read(at as u64, word.as_mut_bytes())?;
        Some(word)
    }

    /// The number that a member was given last.
    pub(crate) fn ticket(&self) -> Option<u32> {
        self.word(core::mem::offset_of!(Head<()>, ticket))
    }

    /// Calls `see` with the long word at the beginning of each of `count` slots that lie `stride`
    /// bytes apart from `at` on; of [`SLOTS`] at most. Returns whether these were all.
    pub(crate) fn each_slot(
        &self,
        at: u64,
        stride: usize,
        count: usize,
        mut see: impl FnMut(usize, u64),
    ) -> bool {
        for index in 0..count.min(SLOTS) {
            let place = (stride as u64).checked_mul(index as u64);
            let place = place.and_then(|place| at.checked_add(place));
            let mut word = 0_u64;
            let read = place.and_then(|place| self.read(place, word.as_mut_bytes()));
            if read.is_none() {
                return false;
            }
            see(index, word);
        }
        count <= SLOTS
    }

    /// Whether a member has this number; `None` if that is not learnt.
    pub(crate) fn is_alive(&self, number: u32) -> Option<bool> {
        if number == 0 || number > NUMBER_MAX {
            return Some(false);
        }
        Some(self.locked(number, number)?.is_some())
    }

    /// Who has an end, a place or a claim: the member of this number, unless it is closed.
    pub(crate) fn member(&self, role: &'static str, number: u32, is_closed: bool) -> Fact {
        let state = match number {
            _ if is_closed => Peer::Closed,
            0 => Peer::Absent,
            // Nobody who may live is declared dead.
            _ if self.is_alive(number) == Some(false) => Peer::Dead,
            _ => Peer::Attached,
        };
        Fact::Member {
            role,
            number,
            state,
        }
    }

    /// Some lock on the bytes of these numbers: which numbers it has. `None` if that is not
    /// learnt.
    fn locked(&self, first: u32, last: u32) -> Option<Option<(u32, u32)>> {
        self.questions.set(self.questions.get().checked_sub(1)?);
        let start = LOCKS_AT + i64::from(first);
        let len = i64::from(last - first) + 1;
        let lock = ofd_getlk(self.fd, LockType::Write, start, len).ok()?;
        Some(lock.map(|lock| {
            let number = |at: i64| {
                let number = at.saturating_sub(LOCKS_AT);
                u32::try_from(number.clamp(first.into(), last.into())).unwrap_or(first)
            };
            let end = match lock.l_len {
                0 => i64::MAX,
                len => lock.l_start.saturating_add(len - 1),
            };
            (number(lock.l_start), number(end))
        }))
    }

    /// Calls `see` with the numbers of members, in no order; returns whether these were all: not
    /// where there are hundreds.
    pub(crate) fn each_member(&self, mut see: impl FnMut(u32)) -> bool {
        let mut stretches = [(0, 0); STRETCHES];
        let mut count = 1_usize;
        let mut complete = true;
        if let Some(all) = stretches.first_mut() {
            *all = (1, NUMBER_MAX);
        }
        while let Some(&(first, last)) = count
            .checked_sub(1)
            .and_then(|newest| stretches.get(newest))
        {
            count -= 1;
            let Some(found) = self.locked(first, last) else {
                return false;
            };
            let Some((begin, end)) = found else { continue };
            // A member locks one byte. Who locks more is none, and hides those below it.
            if begin == end {
                see(begin);
            } else {
                complete = false;
            }
            // The shorter one last, so that it is searched next: there are never many.
            let mut rest = [(first, begin - 1), (end + 1, last)];
            rest.sort_unstable_by_key(|&(first, last)| {
                core::cmp::Reverse(last.saturating_sub(first))
            });
            for (first, last) in rest {
                if first <= last {
                    let Some(place) = stretches.get_mut(count) else {
                        complete = false;
                        continue;
                    };
                    *place = (first, last);
                    count += 1;
                }
            }
        }
        complete
    }
}
