//! Membership: who is attached to a region, and who of them has died.
//!
//! Every attachment has a number, proven alive by a lock on one byte of the region's file, far
//! beyond its end, that is named by the number and held by a *mapping*: the kernel drops it
//! however the process ends. No process number to be reused, no heartbeat, nothing tied to a
//! thread, a descriptor or a namespace.
//!
//! A number is not used again before 2^22 more attachments, so that "dead" is stable: what is
//! learnt of a number is still so when it is acted on.

use core::sync::atomic::Ordering::Relaxed;

use super::head::NUMBER_MAX;
use super::plan::{LEN_MIN, Plan};
use super::section::{Doubled, Flat, Stretch};
use super::slots::{Slots, Spacing};
use super::{Head, Refusal, Seat, Structure};
use crate::Errno;
use crate::primitive::{AtomicU32, Cell, Description, File, Lent, Map, Owned};
use crate::sync::owner::Owner;

/// How many numbers in use are passed over before attaching is refused: a region whose peer
/// holds lock after lock is no region to attach to.
const ATTEMPTS: u32 = 64;

/// How many of them are looked at however late it is: one or the other may be in use by chance.
const BY_CHANCE: u32 = 4;

/// The number of who only looks on.
const NOBODY: u32 = 0;

/// An attachment to a region, which ends when it is dropped or its process ends.
///
/// It is not inherited by a fork: the child must attach for itself, and is told by
/// [`is_copy`](Self::is_copy) that it has not. Dropping its copy closes its descriptor,
/// and does nothing to the parent's attachment.
#[derive(Debug)]
pub(crate) struct Member<T, const N: usize> {
    /// It holds the lock.
    map: Map<Head<T>>,
    sections: [Stretch; N],
    /// The file as received. Locks are asked for through it, and never taken.
    file: File,
    number: u32,
}

impl<T: Structure<N>, const N: usize> Member<T, N> {
    /// See [`Source::attach`](super::Source::attach).
    pub(super) fn attach(
        file: &File,
        plan: &Plan<T, N>,
        owner: usize,
        is_late: impl Fn() -> bool,
    ) -> Result<(Self, u32), Refusal> {
        let look = |map: &Map<Head<T>>| look(file, map, owner);
        Self::enter(file, plan, describe, look, is_late)
    }

    /// See [`Source::attach_by`](super::Source::attach_by).
    pub(super) fn attach_by(
        file: &File,
        plan: &Plan<T, N>,
        owner: usize,
        seat: Seat,
    ) -> Result<(Self, u32), Refusal> {
        let look = |map: &Map<Head<T>>| look(file, map, owner);
        let entered = Self::enter(file, plan, |lent| sit(lent, seat), look, || false)?;
        entered.0.is_seen()?;
        Ok(entered)
    }

    /// See [`Source::join_by`](super::Source::join_by).
    pub(super) fn join_by(file: &File, plan: &Plan<T, N>, seat: Seat) -> Result<Self, Refusal> {
        let look = |_: &Map<Head<T>>| Ok(());
        let (member, ()) = Self::enter(file, plan, |lent| sit(lent, seat), look, || false)?;
        member.is_seen()?;
        Ok(member)
    }

    /// Makes sure that others see who is a member by a seat: not if it shares its description with
    /// what they ask by.
    fn is_seen(&self) -> Result<(), Refusal> {
        match self.file.is_locked(self.number) {
            true => Ok(()),
            false => Err(Refusal::CORRUPT),
        }
    }

    /// See [`Source::join`](super::Source::join).
    pub(super) fn join(
        file: &File,
        plan: &Plan<T, N>,
        is_late: impl Fn() -> bool,
    ) -> Result<Self, Refusal> {
        Ok(Self::enter(file, plan, describe, |_| Ok(()), is_late)?.0)
    }

    /// See [`Source::observe`](super::Source::observe).
    pub(super) fn observe(
        file: &File,
        plan: &Plan<T, N>,
        may_write: bool,
    ) -> Result<Self, Refusal> {
        let lent = file.lend();
        if !lent.is_as_seen() {
            return Err(Errno::BADF.into());
        }
        // SAFETY: what the plan says is put there next; `T` vouches for itself, and the head for
        // the rest.
        let map: Map<Head<T>> = unsafe { Map::reserve_for_none(lent, plan.place(N)) }?;
        plan.each_piece(|mut piece| {
            piece.writable &= may_write;
            // SAFETY: the plan is within what was reserved, and within the file, whose size was
            // checked and is sealed.
            unsafe { map.put(lent, piece) }
        })?;
        Ok(Self::new(map, lent.duplicate()?, plan, NOBODY))
    }

    /// Maps the region and becomes a member, unless a look at it before says no.
    #[inline(always)]
    fn enter<L>(
        file: &File,
        plan: &Plan<T, N>,
        describe: impl FnOnce(Lent<'_>) -> Result<Owned, Refusal>,
        look: impl FnOnce(&Map<Head<T>>) -> Result<L, Refusal>,
        is_late: impl Fn() -> bool,
    ) -> Result<(Self, L), Refusal> {
        let lent = file.lend();
        // It shall live exactly as long as the mapping.
        let owned = describe(lent)?;
        let own = owned.lend();
        // SAFETY: what the plan says is put there next; `T` vouches for itself, and the head for
        // the rest.
        let map: Map<Head<T>> = unsafe { Map::reserve(own, plan.place(N)) }?;
        // SAFETY: the plan is within what was reserved, and within the file, whose size was
        // checked and is sealed.
        plan.each_piece(|piece| unsafe { map.put(lent, piece) })?;
        // Before a number is used.
        let looked = look(&map)?;
        let number = take_number(&map.head().ticket, own, is_late)?;
        Ok((Self::new(map, lent.duplicate()?, plan, number), looked))
    }

    #[inline(always)]
    fn new(map: Map<Head<T>>, file: File, plan: &Plan<T, N>, number: u32) -> Self {
        let sections = core::array::from_fn(|index| Stretch {
            bytes: map.bytes(plan.place(index)),
            len: map.scaled(plan.len(index)),
        });
        Self {
            map,
            sections,
            file,
            number,
        }
    }

    /// The structure's words.
    #[inline(always)]
    pub(crate) fn words(&self) -> &T {
        &self.map.head().words
    }

    /// Section `I`, which is doubled.
    #[inline(always)]
    pub(crate) fn doubled<const I: usize>(&self) -> Doubled<'_> {
        const { assert!(T::SECTIONS[I].doubled && !T::PARTED[I]) }
        // SAFETY: the plan has mapped it twice in a row, and its length is a power of two; it
        // is mapped for as long as it is borrowed.
        unsafe { Doubled::new(self.sections[I]) }
    }

    /// The length of section `I`.
    #[inline(always)]
    pub(crate) fn len<const I: usize>(&self) -> usize {
        self.sections[I].len
    }

    /// Part `index` of section `I`, whose parts have this length. `None` if there is none.
    #[inline(always)]
    pub(crate) fn part<const I: usize>(&self, index: usize, len: usize) -> Option<Doubled<'_>> {
        const { assert!(T::SECTIONS[I].doubled && T::PARTED[I]) }
        let section = self.sections[I];
        let end = index.checked_add(1)?.checked_mul(len)?;
        let bytes = section
            .bytes
            .part(index, len)
            .filter(|_| end <= section.len)?;
        // SAFETY: within what the plan has mapped, for as long as it is borrowed, and of such a
        // length; twice in a row if it is that of the parts, and else other parts of it.
        Some(unsafe { Doubled::new(Stretch { bytes, len }) })
    }

    /// Section `I`, which is mapped once.
    #[inline(always)]
    pub(crate) fn flat<const I: usize>(&self) -> Flat<'_> {
        const { assert!(!T::SECTIONS[I].doubled) }
        // SAFETY: the plan has mapped it, for as long as it is borrowed.
        unsafe { Flat::new(self.sections[I]) }
    }

    /// The first `count` cells of section `I`, which is mapped once and has cells of this type
    /// alone. `None` if it has not so many.
    #[inline(always)]
    pub(crate) fn cells<const I: usize, C: Cell>(&self, count: usize) -> Option<&[C]> {
        const { assert!(!T::SECTIONS[I].doubled && T::SECTIONS[I].writable) }
        const { assert!(align_of::<C>() <= LEN_MIN && size_of::<C>() > 0) }
        let Stretch { bytes, len } = self.sections[I];
        // SAFETY: the plan has mapped so many bytes there, at the beginning of a page.
        unsafe { self.map.cells(I, bytes, len, count) }
    }

    /// Section `I`, which is mapped once, as slots that are so far apart and each of which begins
    /// with a cell of this type. `None` if it has not so many.
    #[inline(always)]
    pub(crate) fn slots<const I: usize, C: Cell>(
        &self,
        spacing: Spacing,
    ) -> Option<Slots<'_, T, C>> {
        const { assert!(!T::SECTIONS[I].doubled && T::SECTIONS[I].writable) }
        // SAFETY: the plan has mapped so many bytes there, at the beginning of a page.
        unsafe { Slots::new(&self.map, I, self.sections[I], spacing) }
    }

    /// Whether this is the copy that a forked child has, which is no member.
    #[inline(always)]
    pub(crate) fn is_copy(&self) -> bool {
        self.map.is_copy()
    }
}

impl<T, const N: usize> Owner for Member<T, N> {
    fn number(&self) -> u32 {
        self.number
    }

    fn alive(&self, number: u32) -> bool {
        number == self.number || self.file.is_locked(number)
    }
}

/// A description of a member's own, by `/proc`.
#[inline(always)]
fn describe(lent: Lent<'_>) -> Result<Owned, Refusal> {
    lent.describe().map_err(|errno| match errno {
        Errno::AGAIN => Refusal::LEASED,
        errno => errno.into(),
    })
}

/// One that somebody else made.
fn sit(lent: Lent<'_>, seat: Seat) -> Result<Owned, Refusal> {
    Ok(lent.seat(seat.into())?)
}

/// Looks who the word at `owner` of the head says the owner is, which is nobody who lives.
#[inline(always)]
fn look<H: 'static>(file: &File, map: &Map<H>, owner: usize) -> Result<u32, Refusal> {
    // SAFETY: the callers name the place of a word in the head.
    let owner = unsafe { map.peek(owner) };
    if owner != 0 && file.is_locked(owner) {
        return Err(Refusal::OCCUPIED);
    }
    Ok(owner)
}

/// Takes the next number that is not in use.
fn take_number(
    ticket: &AtomicU32,
    own: Description<'_>,
    is_late: impl Fn() -> bool,
) -> Result<u32, Refusal> {
    for attempt in 0..ATTEMPTS {
        // Relaxed: the number is made ours by the lock, not by this word.
        let number = ticket.fetch_add(1, Relaxed).wrapping_add(1) & NUMBER_MAX;
        if number == 0 {
            continue;
        }
        match own.lock(number) {
            Ok(()) => return Ok(number),
            Err(Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
        // A look at a lock takes long where there are many.
        if attempt >= BY_CHANCE && is_late() {
            break;
        }
    }
    Err(Refusal::CORRUPT)
}
