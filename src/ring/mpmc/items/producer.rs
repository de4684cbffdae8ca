//! The ends of the ring that send items.

use core::marker::PhantomData;

use super::{Item, SpinThenFutex, Waiting, stride};
use crate::Deadline;
use crate::ring::mpmc::endpoint::Endpoint;
use crate::ring::mpmc::queue::{Claim, Missed};
use crate::ring::mpmc::side::Producing;
use crate::ring::mpmc::{Peer, Statistics};
use crate::ring::slot::COUNT_MAX;
use crate::ring::{Error, Halt};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};

/// A producer of a ring of items, one of many. Dropping the last one closes the ring's sending side:
/// consumers receive what has been sent and are then told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, mpmc::items::Ring};
///
/// let ring: Ring<u64> = Ring::create(4)?;
/// let (mut one, mut another) = (ring.producer()?, ring.producer()?);
/// one.push(&1)?;
/// assert_eq!(another.push_slice(&[2, 3, 4, 5])?, 3); // as many as there is room for
/// assert_eq!(one.try_push(&6), Err(Error::WouldBlock));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<I: Item, W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Producing, W>,
    kind: PhantomData<fn(I)>,
}

impl<I: Item, W: Waiting> Producer<I, W> {
    pub(super) fn new(endpoint: Endpoint<Producing, W>) -> Self {
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

    /// Returns the state of the consumers' side: [`Peer::Attached`] if one of them lives. A system
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

    /// Leaves without closing, even if no other producer is left.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Sends one item; blocks until there is room.
    ///
    /// # Errors
    ///
    /// While there is no room: [`Error::PeerDied`], [`Error::Closed`]. [`Error::Corrupt`].
    #[inline]
    pub fn push(&mut self, item: &I) -> Result<(), Error> {
        self.push_until(item, Deadline::Never)
    }

    /// Like [`push`](Self::push),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`push`](Self::push).
    #[inline]
    pub fn try_push(&mut self, item: &I) -> Result<(), Error> {
        self.push_one(item, Try)
    }

    /// Like [`push`](Self::push),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`push`](Self::push).
    #[inline]
    pub fn push_until(&mut self, item: &I, deadline: Deadline) -> Result<(), Error> {
        self.push_one(item, Until(deadline))
    }

    #[inline(always)]
    fn push_one(&mut self, item: &I, patience: Patience) -> Result<(), Error> {
        match self.endpoint.claim_next(Some(stride::<I>()), |_, _| true) {
            Ok(claim) => self.publish(claim, core::slice::from_ref(item)),
            Err(missed) => self.push_later(item, missed, patience),
        }
    }

    /// Sends one item for which there was no room at once. A call: so nothing here has to agree
    /// with what was done before.
    #[cold]
    fn push_later(&mut self, item: &I, missed: Missed, patience: Patience) -> Result<(), Error> {
        let claim = self.claim(1, missed, patience)?;
        self.publish(claim, core::slice::from_ref(item))
    }

    /// Sends as many of `items`, from the first on, as there is room for, up to 15 in one step, and
    /// returns how many; blocks until there is room for one.
    ///
    /// # Errors
    ///
    /// Those of [`push`](Self::push), when nothing was sent.
    pub fn push_slice(&mut self, items: &[I]) -> Result<usize, Error> {
        self.push_some(items, Blocking)
    }

    /// Like [`push_slice`](Self::push_slice),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// Those of [`try_push`](Self::try_push).
    pub fn try_push_slice(&mut self, items: &[I]) -> Result<usize, Error> {
        self.push_some(items, Try)
    }

    /// Like [`push_slice`](Self::push_slice),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// Those of [`push_until`](Self::push_until).
    pub fn push_slice_until(&mut self, items: &[I], deadline: Deadline) -> Result<usize, Error> {
        self.push_some(items, Until(deadline))
    }

    fn push_some(&mut self, items: &[I], patience: Patience) -> Result<usize, Error> {
        self.endpoint.attached()?;
        let (mut patience, mut done) = (patience, 0);
        for some in items.chunks(COUNT_MAX as usize) {
            let mut some = some;
            while !some.is_empty() {
                let claim = match self.claim(some.len() as u32, Missed::NOTHING, patience) {
                    Ok(claim) => claim,
                    Err(_) if done > 0 => return Ok(done),
                    Err(halt) => return Err(halt.into()),
                };
                let now = claim.count as usize;
                self.publish(claim, some.get(..now).unwrap_or(some))?;
                done += now;
                some = some.get(now..).unwrap_or_default();
                // Only the first is waited for.
                patience = Try;
            }
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

    /// Writes as many items as were claimed, and publishes them.
    #[inline(always)]
    fn publish(&self, claim: Claim, items: &[I]) -> Result<(), Error> {
        let stride = Some(stride::<I>());
        let slots = self.endpoint.slots(stride)?;
        for (ahead, item) in items.iter().enumerate() {
            // Never longer than the slot.
            let _ = slots.write_item(claim.position.wrapping_add(ahead as u64), item);
        }
        Ok(self.endpoint.finish(stride, claim)?)
    }
}
