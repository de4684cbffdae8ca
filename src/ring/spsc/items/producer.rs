//! The end of the ring that sends items.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use zerocopy::IntoBytes;

use super::{Endpoint, Item, Peer, Statistics, agree, beside, is_dense, statistics, stride};
use crate::Deadline;
use crate::ring::spsc::side::Producing;
use crate::ring::{Error, SpinThenFutex, Waiting};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};

/// The producer of a ring of items. Dropping it closes its end: the consumer
/// receives what has been sent and is then told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, spsc::items::Ring};
///
/// let ring: Ring<u64> = Ring::create(2)?;
/// let mut producer = ring.producer()?;
/// producer.push(&1)?;
/// while producer.try_push(&2).is_ok() {} // its room is at least what was asked for
/// assert_eq!(producer.try_push(&3), Err(Error::WouldBlock));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<I: Item, W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Producing, W>,
    /// Whether single items are published beside the word too.
    beside: bool,
    items: PhantomData<fn(I)>,
}

impl<I: Item, W: Waiting> Producer<I, W> {
    pub(super) fn new(endpoint: Endpoint<Producing, W>) -> Self {
        Self {
            endpoint,
            beside: beside::is_done::<I>(),
            items: PhantomData,
        }
    }

    /// Returns the state of the consumer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Returns what has been counted of the producer's end, since the ring was created.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        statistics::<I, _, _>(&self.endpoint)
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Sends one item; blocks until there is room.
    ///
    /// # Errors
    ///
    /// While there is no room: [`Error::PeerDied`], [`Error::Closed`]. [`Error::Corrupt`].
    #[inline(always)]
    pub fn push(&mut self, item: &I) -> Result<(), Error> {
        self.push_until(item, Deadline::Never)
    }

    /// Like [`push`](Self::push),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`push`](Self::push).
    #[inline(always)]
    pub fn try_push(&mut self, item: &I) -> Result<(), Error> {
        self.endpoint.ask(stride::<I>())?;
        self.publish(item);
        Ok(())
    }

    /// Like [`push`](Self::push),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`push`](Self::push).
    #[inline(always)]
    pub fn push_until(&mut self, item: &I, deadline: Deadline) -> Result<(), Error> {
        self.endpoint.obtain(stride::<I>(), deadline)?;
        self.publish(item);
        Ok(())
    }

    /// Sends as many of `items`, from the first on, as there is room for, in one
    /// step, and returns how many; blocks until there is room for one.
    ///
    /// # Errors
    ///
    /// Those of [`push`](Self::push).
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
        let count = agree(&mut self.endpoint, 0, items.len(), stride::<I>(), patience)?;
        if let (1, [item, ..]) = (count, items) {
            self.publish(item);
            return Ok(1);
        }
        if count > 0 {
            self.put_all(0, items.get(..count).unwrap_or_default());
            self.endpoint.advance(count * stride::<I>());
        }
        Ok(count)
    }

    /// Begins a batch: items that appear to the consumer in one step.
    pub fn batch(&mut self) -> Batch<'_, I, W> {
        Batch {
            producer: self,
            count: 0,
        }
    }

    /// Writes the item, for which there is room, and publishes it.
    #[inline(always)]
    fn publish(&mut self, item: &I) {
        self.put(0, item);
        if beside::is_possible::<I>() && self.beside {
            let packed = beside::pack(item);
            self.endpoint.advance_with(stride::<I>(), packed);
        } else {
            self.endpoint.advance(stride::<I>());
        }
    }

    /// The position of the item `index` items ahead.
    #[inline(always)]
    fn place(&self, index: usize) -> u64 {
        let ahead = (index * stride::<I>()) as u64;
        self.endpoint.position().wrapping_add(ahead)
    }

    /// Writes the item to the place `index` items ahead, which is usable.
    #[inline(always)]
    fn put(&mut self, index: usize, item: &I) {
        // An item is never longer than the data, which opening has seen.
        let _ = self.endpoint.data().write_item(self.place(index), item);
    }

    /// Writes items to the places from `index` items ahead on, which are usable.
    fn put_all(&mut self, index: usize, items: &[I]) {
        if is_dense::<I>() {
            // Never longer than the data, as all of it is usable.
            let (place, bytes) = (self.place(index), items.as_bytes());
            let _ = self.endpoint.data().write(place, bytes);
        } else {
            for (offset, item) in items.iter().enumerate() {
                self.put(index + offset, item);
            }
        }
    }
}

/// Items that are published together.
///
/// A batch lives in the room that is free when its items are written: it does not wait. Dropped
/// uncommitted, it leaves nothing.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::items::Ring;
///
/// let ring: Ring<u64> = Ring::create(64)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// let mut batch = producer.batch();
/// batch.push(&1)?;
/// batch.push_slice(&[2, 3])?;
/// assert_eq!(batch.len(), 3);
/// batch.commit()?; // the consumer sees all of them, or none
///
/// let mut items = [0; 8];
/// assert_eq!(consumer.pop_slice(&mut items)?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch is sent by `commit`"]
pub struct Batch<'a, I: Item, W: Waiting = SpinThenFutex> {
    producer: &'a mut Producer<I, W>,
    count: usize,
}

impl<I: Item, W: Waiting> Batch<'_, I, W> {
    /// Adds an item.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] when there is no room for it beside those already in the batch, which
    /// can still be committed; and as [`Producer::try_push`].
    #[inline(always)]
    pub fn push(&mut self, item: &I) -> Result<(), Error> {
        let all = (self.count + 1) * stride::<I>();
        self.producer.endpoint.ask(all)?;
        self.producer.put(self.count, item);
        self.count += 1;
        Ok(())
    }

    /// Adds as many of `items`, from the first on, as there is room for; returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], as [`push`](Self::push), where there is room for none of them.
    pub fn push_slice(&mut self, items: &[I]) -> Result<usize, Error> {
        let endpoint = &mut self.producer.endpoint;
        let all = agree(endpoint, self.count, items.len(), stride::<I>(), Try)?;
        let some = items.get(..all).unwrap_or_default();
        self.producer.put_all(self.count, some);
        self.count += some.len();
        Ok(some.len())
    }

    /// Returns the number of items in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether the batch holds no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Publishes all items, in one step.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn commit(self) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        self.producer.endpoint.attached()?;
        self.producer.endpoint.advance(self.count * stride::<I>());
        Ok(())
    }
}
