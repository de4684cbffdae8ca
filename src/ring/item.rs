//! [`Item`]: what can be a message without a length.
#![forbid(unsafe_code)]

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A type whose values are plain bytes, and valid for any bytes.
///
/// Implemented for every type that zerocopy's derives say this of. An item should
/// also mean the same in every process: no descriptor, no address.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, Item, spsc::items};
///
/// /// Sends all of these, whatever they are, as fast as the consumer takes them.
/// fn send_all<I: Item>(producer: &mut items::Producer<I>, mut items: &[I]) -> Result<(), Error> {
///     while !items.is_empty() {
///         let sent = producer.push_slice(items)?;
///         items = &items[sent..];
///     }
///     Ok(())
/// }
/// let ring: items::Ring<[u16; 2]> = items::Ring::create(64)?;
/// send_all(&mut ring.producer()?, &[[1, 2], [3, 4]])?;
/// assert_eq!(ring.consumer()?.pop()?, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Item: FromBytes + IntoBytes + Immutable {}

impl<I: FromBytes + IntoBytes + Immutable> Item for I {}
