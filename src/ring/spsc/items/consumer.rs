//! The end of the ring that receives items.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use zerocopy::IntoBytes;

use super::{Endpoint, Item, Peer, Statistics, agree, beside, is_dense, statistics, stride};
use crate::Deadline;
use crate::ring::spsc::side::Consuming;
use crate::ring::{Error, SpinThenFutex, Waiting};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};

/// The consumer of a ring of items. Dropping it closes its end: a producer that
/// finds no room is told [`Error::Closed`].
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, spsc::items::Ring};
///
/// let ring: Ring<u64> = Ring::create(64)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.push(&7)?;
/// assert_eq!(consumer.pop(), Ok(7));
/// assert_eq!(consumer.try_pop(), Err(Error::WouldBlock)); // empty
/// drop(producer);
/// assert_eq!(consumer.pop(), Err(Error::Closed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Consumer<I: Item, W: Waiting = SpinThenFutex> {
    endpoint: Endpoint<Consuming, W>,
    items: PhantomData<fn() -> I>,
}

impl<I: Item, W: Waiting> Consumer<I, W> {
    pub(super) fn new(endpoint: Endpoint<Consuming, W>) -> Self {
        Self {
            endpoint,
            items: PhantomData,
        }
    }

    /// Returns the state of the producer's end. One system call if a process is attached.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.endpoint.peer()
    }

    /// Returns what has been counted of the consumer's end, since the ring was created.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        statistics::<I, _, _>(&self.endpoint)
    }

    /// Leaves without closing, so that a successor continues.
    pub fn detach(self) {
        self.endpoint.detach();
    }

    /// Receives one item; blocks until there is one.
    ///
    /// # Errors
    ///
    /// When everything has been received: [`Error::Closed`], [`Error::PeerDied`].
    /// [`Error::Corrupt`].
    #[inline(always)]
    pub fn pop(&mut self) -> Result<I, Error> {
        self.pop_until(Deadline::Never)
    }

    /// Like [`pop`](Self::pop),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`pop`](Self::pop).
    #[inline(always)]
    pub fn try_pop(&mut self) -> Result<I, Error> {
        let mut item = MaybeUninit::uninit();
        let knew_none = self.endpoint.usable() == 0;
        self.endpoint.ask(stride::<I>())?;
        self.take(knew_none, &mut item);
        // SAFETY: `take` has written all bytes, and any bytes are an `I`.
        Ok(unsafe { item.assume_init() })
    }

    /// Like [`pop`](Self::pop),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`pop`](Self::pop).
    #[inline(always)]
    pub fn pop_until(&mut self, deadline: Deadline) -> Result<I, Error> {
        let mut item = MaybeUninit::uninit();
        let knew_none = self.endpoint.usable() == 0;
        self.endpoint.obtain(stride::<I>(), deadline)?;
        self.take(knew_none, &mut item);
        // SAFETY: `take` has written all bytes, and any bytes are an `I`.
        Ok(unsafe { item.assume_init() })
    }

    /// Receives one item into `item`; blocks until there is one. Large items are copied once less
    /// than by [`pop`](Self::pop).
    ///
    /// # Errors
    ///
    /// Those of [`pop`](Self::pop); `item` is as it was.
    #[inline(always)]
    pub fn pop_into(&mut self, item: &mut I) -> Result<(), Error> {
        self.pop_into_until(item, Deadline::Never)
    }

    /// Like [`pop_into`](Self::pop_into),
    /// but returns [`Error::WouldBlock`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], and those of [`pop_into`](Self::pop_into).
    #[inline(always)]
    pub fn try_pop_into(&mut self, item: &mut I) -> Result<(), Error> {
        let knew_none = self.endpoint.usable() == 0;
        self.endpoint.ask(stride::<I>())?;
        self.take(knew_none, as_uninit(item));
        Ok(())
    }

    /// Like [`pop_into`](Self::pop_into),
    /// but gives up at `deadline` with [`Error::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], and those of [`pop_into`](Self::pop_into).
    #[inline(always)]
    pub fn pop_into_until(&mut self, item: &mut I, deadline: Deadline) -> Result<(), Error> {
        let knew_none = self.endpoint.usable() == 0;
        self.endpoint.obtain(stride::<I>(), deadline)?;
        self.take(knew_none, as_uninit(item));
        Ok(())
    }

    /// Receives as many items as there are, at most `items.len()`, and releases
    /// them in one step; returns how many. Blocks until there is one.
    ///
    /// # Errors
    ///
    /// Those of [`pop`](Self::pop).
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
        let count = agree(&mut self.endpoint, 0, items.len(), stride::<I>(), patience)?;
        if count > 0 {
            self.get_all(0, items.get_mut(..count).unwrap_or_default());
            self.endpoint.advance(count * stride::<I>());
        }
        Ok(count)
    }

    /// Begins a batch: items received one by one and released in one step.
    pub fn batch(&mut self) -> Batch<'_, I, W> {
        Batch {
            consumer: self,
            count: 0,
        }
    }

    /// Receives the next item, which is published, and releases it; `knew_none` says
    /// whether it was published after the last look but one. All of `item` is written.
    #[inline(always)]
    fn take(&mut self, knew_none: bool, item: &mut MaybeUninit<I>) {
        let newest =
            if beside::is_possible::<I>() && knew_none && self.endpoint.usable() == stride::<I>() {
                self.endpoint.newest().and_then(beside::unpack)
            } else {
                None
            };
        match newest {
            Some(newest) => {
                item.write(newest);
            }
            None => self.get(0, item),
        }
        self.endpoint.advance(stride::<I>());
    }

    /// The position of the item `index` items ahead.
    #[inline(always)]
    fn place(&self, index: usize) -> u64 {
        let ahead = (index * stride::<I>()) as u64;
        self.endpoint.position().wrapping_add(ahead)
    }

    /// Copies the item `index` items ahead, which is published. All of `item` is written.
    #[inline(always)]
    fn get(&self, index: usize, item: &mut MaybeUninit<I>) {
        let read = self.endpoint.data().read_item(self.place(index), item);
        if read.is_none() {
            // An item is never longer than the data, which opening has seen.
            item.write(I::new_zeroed());
        }
    }

    /// Copies the items from `index` items ahead on, which are published.
    fn get_all(&self, index: usize, items: &mut [I]) {
        if is_dense::<I>() {
            // Never longer than the data, as all of it is usable.
            let (place, bytes) = (self.place(index), items.as_mut_bytes());
            let _ = self.endpoint.data().read(place, bytes);
        } else {
            for (offset, item) in items.iter_mut().enumerate() {
                self.get(index + offset, as_uninit(item));
            }
        }
    }
}

/// An item to be written over.
#[inline(always)]
fn as_uninit<I>(item: &mut I) -> &mut MaybeUninit<I> {
    // SAFETY: of the same layout; and here whole items are written, or nothing.
    unsafe { &mut *core::ptr::from_mut(item).cast() }
}

/// Items that are received one by one and released together.
///
/// Dropped unreleased, all of them stay.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc::items::Ring;
///
/// let ring: Ring<u64> = Ring::create(64)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.push_slice(&[1, 2, 3])?;
///
/// let mut batch = consumer.batch();
/// let mut sum = 0;
/// while let Ok(number) = batch.pop() {
///     sum += number;
/// }
/// batch.release()?; // the producer has their room again
/// assert_eq!(sum, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch is received by `release`"]
pub struct Batch<'a, I: Item, W: Waiting = SpinThenFutex> {
    consumer: &'a mut Consumer<I, W>,
    count: usize,
}

impl<I: Item, W: Waiting> Batch<'_, I, W> {
    /// Copies the next item; does not wait.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`], [`Error::Closed`] or [`Error::PeerDied`] when there is no further
    /// one.
    #[inline(always)]
    pub fn pop(&mut self) -> Result<I, Error> {
        let all = (self.count + 1) * stride::<I>();
        self.consumer.endpoint.ask(all)?;
        let mut item = MaybeUninit::uninit();
        self.consumer.get(self.count, &mut item);
        self.count += 1;
        // SAFETY: `get` has written all bytes, and any bytes are an `I`.
        Ok(unsafe { item.assume_init() })
    }

    /// Copies as many items as there are, at most `items.len()`; returns how many. Does not wait.
    ///
    /// # Errors
    ///
    /// Those of [`pop`](Self::pop), where there is none.
    pub fn pop_slice(&mut self, items: &mut [I]) -> Result<usize, Error> {
        let endpoint = &mut self.consumer.endpoint;
        let all = agree(endpoint, self.count, items.len(), stride::<I>(), Try)?;
        let some = items.get_mut(..all).unwrap_or_default();
        self.consumer.get_all(self.count, some);
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

    /// Gives the room of all of them back to the producer, in one step.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn release(self) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        self.consumer.endpoint.attached()?;
        self.consumer.endpoint.advance(self.count * stride::<I>());
        Ok(())
    }
}
