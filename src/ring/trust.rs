//! Whom an endpoint trusts: in the type, so that references into shared memory exist only where
//! somebody has vouched for the other end.

use core::fmt;

/// Says whether an endpoint trusts its peer: [`Untrusted`], or [`Trusted`], which alone gives
/// references into the ring.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, SpinThenFutex, Trust, spsc};
///
/// /// Sends a line, whoever is at the other end.
/// fn send_line<T: Trust>(
///     producer: &mut spsc::Producer<SpinThenFutex, T>,
///     line: &str,
/// ) -> Result<(), Error> {
///     producer.send(line.as_bytes())
/// }
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// send_line(&mut ring.producer()?, "hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Trust: sealed::Trust + fmt::Debug + 'static {}

/// Marks an endpoint whose peer may be hostile or broken: bytes are copied in and out.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{SpinThenFutex, Untrusted, spsc};
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// ring.producer()?.send(b"from anyone")?;
/// // What every end is at first: it copies.
/// let mut consumer: spsc::Consumer<SpinThenFutex, Untrusted> = ring.consumer()?;
/// let record = consumer.peek()?;
/// let mut bytes = [0; 11];
/// record.copy_to(&mut bytes)?;
/// assert_eq!(&bytes, b"from anyone");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Untrusted;

/// Marks an endpoint whose peer, and whoever else can write to the memory, keeps the protocol:
/// records can be read and written where they lie.
///
/// # Examples
///
/// ```
/// use rawipc::ring::spsc;
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// ring.producer()?.send(b"from a process of our own")?;
/// // SAFETY: nobody but this program can write to the ring.
/// let mut consumer = unsafe { ring.consumer()?.assume_trusted() };
/// let record = consumer.peek()?;
/// assert_eq!(record.as_slice(), b"from a process of our own"); // not copied
/// record.release()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Trusted;

mod sealed {
    pub trait Trust {}
}
impl sealed::Trust for Untrusted {}
impl Trust for Untrusted {}
impl sealed::Trust for Trusted {}
impl Trust for Trusted {}
