//! [`Preference`]: who goes first where readers and writers wait for a lock.

/// The preference of a [`RwLock`](super::RwLock), who goes first: [`PreferWriters`] or
/// [`PreferReaders`].
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::sync::{Holder, Preference, RwLock};
///
/// /// Doubles the value of a lock, whoever goes first at it.
/// fn double<P: Preference, H: Holder>(lock: &RwLock<u64, P>, me: &H) -> Result<u64, Errno> {
///     let mut guard = lock.write(me).map_err(Errno::from)?;
///     Ok(guard.update(|value| {
///         *value *= 2;
///         *value
///     }))
/// }
/// # let region = rawipc::members::Region::create(4096)?;
/// # let memory = region.map()?;
/// # let me = region.join()?;
/// assert_eq!(double(memory.object::<RwLock<u64>>(0)?, &me)?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Preference: sealed::Preference {}

/// Lets no further reader in once a writer waits.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::members::Region;
/// use rawipc::sync::{PreferWriters, RwLock};
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let me = region.join()?;
/// // A value that is read all the time, and whose writers shall get through.
/// let config = memory.object::<RwLock<u64, PreferWriters>>(0)?;
/// config.write(&me).map_err(Errno::from)?.set(&1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum PreferWriters {}

/// Lets readers in as long as nobody writes, also while a writer waits: a stream of them keeps it
/// out for ever.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::members::Region;
/// use rawipc::sync::{PreferReaders, RwLock};
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let (me, other) = (region.join()?, region.join()?);
/// // A value whose readers shall not wait for a writer that only waits itself.
/// let value = memory.object::<RwLock<u64, PreferReaders>>(0)?;
/// let first = value.read(&me).map_err(Errno::from)?;
/// let second = value.read(&other).map_err(Errno::from)?;
/// assert_eq!(first.get(), second.get());
/// # drop((first, second));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum PreferReaders {}

mod sealed {
    /// What a lock asks of it.
    pub trait Preference {
        const READERS_FIRST: bool;
    }
}

impl sealed::Preference for PreferWriters {
    const READERS_FIRST: bool = false;
}

impl sealed::Preference for PreferReaders {
    const READERS_FIRST: bool = true;
}

impl Preference for PreferWriters {}
impl Preference for PreferReaders {}
