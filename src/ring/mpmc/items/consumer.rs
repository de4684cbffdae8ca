//! The ends of the ring that receive items.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::{Item, SpinThenFutex, Waiting, stride};
use crate::Deadline;
use crate::ring::mpmc::endpoint::Endpoint;
use crate::ring::mpmc::queue::{Claim, Missed, Slots};
use crate::ring::mpmc::side::Consuming;
use crate::ring::mpmc::{Peer, Statistics};
use crate::ring::slot::COUNT_MAX;
use crate::ring::{Error, Halt};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};

/// A consumer of a ring of items, one of many. Dropping the last one closes the ring's receiving
/// side: a producer that finds no room is told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, mpmc::items::Ring};
///
/// let ring: Ring<u64> = Ring::create(64)?;
/// let mut producer = ring.producer()?;
/// let (mut one, mut another) = (ring.consumer()?, ring.consumer()?);
/// producer.push_slice(&[1, 2, 3])?;
/// assert_eq!(one.pop()?, 1); // each item reaches one of them
/// let mut items = [0; 8];
/// let count = another.pop_slice(&mut items)?;
/// assert_eq!(&items[..count], [2, 3]);
/// drop(producer);
/// assert_eq!(one.pop(), Err(Error::Closed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer<I: Item, W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Consuming, W>,
    kind: PhantomData<fn() -> I>,
}

impl<I: Item, W: Waiting> Consumer<I, W> {
    pub(super) fn new(endpoint: Endpoint<Consuming, W>) -> Self {
        Self {
            endpoint,
            kind: PhantomData,
        }
    }

    /// Returns how many items fit into the ring.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.endpoint.capacity()
    }

    /// Returns the state of the producers' side: [`Peer::Attached`] if one of them lives. A system
    /// call for each that is attached, until one is found alive.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Returns what was recovered from processes that died in the midst of a call.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.endpoint.statistics()
    }

    /// Leaves without closing, even if no other consumer is left.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Receives one item; blocks until there is one.
    ///
    /// # Errors
    ///
    /// When everything has been received: [`Error::Closed`], [`Error::PeerDied`].
    /// [`Error::Corrupt`].
    #[inline]
    pub fn pop(&mut self) -> Result<I, Error> {
        self.pop_until(Deadline::Never)
    }

    /// Like [`pop`](Self::pop),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn try_pop(&mut self) -> Result<I, Error> {
        self.pop_one(Try)
    }

    /// Like [`pop`](Self::pop),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_until(&mut self, deadline: Deadline) -> Result<I, Error> {
        self.pop_one(Until(deadline))
    }

    #[inline(always)]
    fn pop_one(&mut self, patience: Patience) -> Result<I, Error> {
        match self.endpoint.claim_next(Some(stride::<I>()), |_, _| true) {
            Ok(claim) => self.take(claim),
            Err(missed) => self.pop_later(missed, patience),
        }
    }

    /// Receives one item that was not there at once. A call: so nothing here has to agree with
    /// what was done before.
    #[cold]
    fn pop_later(&mut self, missed: Missed, patience: Patience) -> Result<I, Error> {
        let claim = self.claim(1, missed, patience)?;
        self.take(claim)
    }

    /// Receives as many items as there are, at most `items.len()` and up to 15 in one step; returns
    /// how many. Blocks until there is one.
    ///
    /// # Errors
    ///
    /// Those of [`pop`](Self::pop), when nothing was received.
    pub fn pop_slice(&mut self, items: &mut [I]) -> Result<usize, Error> {
        self.pop_some(items, Blocking)
    }

    /// Like [`pop_slice`](Self::pop_slice),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_pop`](Self::try_pop).
    pub fn try_pop_slice(&mut self, items: &mut [I]) -> Result<usize, Error> {
        self.pop_some(items, Try)
    }

    /// Like [`pop_slice`](Self::pop_slice),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// Those of [`pop_until`](Self::pop_until).
    pub fn pop_slice_until(&mut self, items: &mut [I], deadline: Deadline) -> Result<usize, Error> {
        self.pop_some(items, Until(deadline))
    }

    fn pop_some(&mut self, items: &mut [I], patience: Patience) -> Result<usize, Error> {
        self.endpoint.attached()?;
        let (mut patience, mut done) = (patience, 0);
        while let Some(rest @ [_, ..]) = items.get_mut(done..) {
            let want = rest.len().min(COUNT_MAX as usize) as u32;
            let claim = match self.claim(want, Missed::NOTHING, patience) {
                Ok(claim) => claim,
                Err(_) if done > 0 => break,
                Err(halt) => return Err(halt.into()),
            };
            let slots = self.endpoint.slots(Some(stride::<I>()))?;
            let claimed = rest.iter_mut().take(claim.count as usize);
            for (ahead, item) in claimed.enumerate() {
                *item = read(slots, claim.position.wrapping_add(ahead as u64));
            }
            self.endpoint.finish(Some(stride::<I>()), claim)?;
            done += claim.count as usize;
            // Only the first is waited for.
            patience = Try;
        }
        Ok(done)
    }

    #[inline(always)]
    fn claim(&mut self, want: u32, missed: Missed, patience: Patience) -> Result<Claim, Halt> {
        let endpoint = &mut self.endpoint;
        let claim = match patience {
            Try => endpoint.ask(want, missed, &|_, _| true)?,
            Blocking => endpoint.obtain(want, missed, Deadline::Never, &|_, _| true)?,
            Until(deadline) => endpoint.obtain(want, missed, deadline, &|_, _| true)?,
        };
        // All are admitted.
        claim.ok_or(Halt::Corrupt)
    }

    /// Copies the item that was claimed, and gives its slot back.
    #[inline(always)]
    fn take(&self, claim: Claim) -> Result<I, Error> {
        let stride = Some(stride::<I>());
        let item = read(self.endpoint.slots(stride)?, claim.position);
        self.endpoint.finish(stride, claim)?;
        Ok(item)
    }
}

/// Copies the item in the slot of `position`.
#[inline(always)]
fn read<I: Item>(slots: Slots<'_>, position: u64) -> I {
    let mut item = MaybeUninit::uninit();
    if slots.read_item(position, &mut item).is_none() {
        // An item is never longer than the slot.
        return I::new_zeroed();
    }
    // SAFETY: all bytes have been written, and any bytes are an `I`.
    unsafe { item.assume_init() }
}
