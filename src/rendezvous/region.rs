//! [`Region`], [`Transfer`]: the structures that processes meet at, and those that are handed over.
#![forbid(unsafe_code)]

use crate::region::{AttachError, Found, Seat};
use crate::ring::doorbell;
use crate::{AsFd, BorrowedFd, OwnedFd, RawFd, sys};

/// A structure in shared memory as a descriptor, from which its ends are attached: a ring, for
/// example. It is implemented for those of [`ring`](crate::ring), and nothing else can be.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous::{Options, Region};
/// use rawipc::ring::{latest, spsc};
///
/// /// Opens any kind of ring that has a name, unless it is of another user's.
/// fn open<R: Region>(name: &str) -> Result<R, rawipc::rendezvous::Error> {
///     Options::new().open(format!("/dev/shm/{name}"))
/// }
/// assert!(open::<spsc::Ring>("rawipc-doc-no-queue").is_err());
/// assert!(open::<latest::Value<u64>>("rawipc-doc-no-state").is_err());
/// ```
pub trait Region: AsFd + Into<OwnedFd> + sealed::Accept {}

impl<R: AsFd + Into<OwnedFd> + sealed::Accept> Region for R {}

/// A structure that a [`Listener`](super::Listener) hands over: a [`Region`], or a
/// [`doorbell::Ring`] or [`doorbell::Duplex`], which have descriptors beside their memory and therefore
/// no name in a directory.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous::{Connection, Error, Listener, Transfer};
/// use rawipc::ring::spsc;
///
/// /// Hands a region of any kind over to as many clients as are wanted.
/// fn serve(listener: &Listener, region: &impl Transfer, count: usize) -> Result<(), Error> {
///     (0..count).try_for_each(|_| listener.accept(region).map(drop))
/// }
/// # let unique = format!("rawipc-doc-transfer-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let listener = Listener::bind(&path)?;
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let client = std::thread::spawn(move || <spsc::Ring>::connect(&path).is_ok());
/// serve(&listener, &ring, 1)?;
/// assert!(client.join().unwrap());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Transfer: sealed::Descriptors {}

impl<T: sealed::Descriptors> Transfer for T {}

pub(super) mod sealed {
    use super::{AttachError, BorrowedFd, Found, OwnedFd};
    use crate::RawFd;

    pub trait Accept: Sized {
        /// Takes what was found, if it is such a region, and at most so large; `None`: as `open`
        /// does.
        fn accept(found: Found, capacity: Option<usize>) -> Result<Self, AttachError>;
    }

    /// The most descriptors that a structure is.
    pub(crate) const DESCRIPTORS_MAX: usize = 6;

    /// The most memories that it has, with a seat at each.
    pub(crate) const SEATS_MAX: usize = 2;

    pub trait Descriptors: Sized {
        /// How many descriptors it is.
        const COUNT: usize;

        /// Which of them are memories, with a seat at each.
        const MEMORIES: &'static [usize] = &[0];

        /// Its descriptors, a memory first, and anything after the last.
        fn lend(&self) -> [BorrowedFd<'_>; DESCRIPTORS_MAX];

        /// Its descriptors alone.
        fn lent(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
            self.lend().into_iter().take(Self::COUNT)
        }

        /// Takes what came, in that order, as [`Accept::accept`] does. Seats come last: it may keep
        /// them.
        fn take(
            memory: OwnedFd,
            next: impl FnMut() -> Option<OwnedFd>,
            capacity: Option<usize>,
        ) -> Result<Self, AttachError>;

        /// Takes what this program was given under these numbers, as many as they are to be.
        fn from_numbers(numbers: &[RawFd]) -> Result<Self, AttachError>;
    }
}

use sealed::{DESCRIPTORS_MAX, Descriptors};

impl<R: Region> Descriptors for R {
    const COUNT: usize = 1;

    fn lend(&self) -> [BorrowedFd<'_>; DESCRIPTORS_MAX] {
        [self.as_fd(); DESCRIPTORS_MAX]
    }

    fn take(
        memory: OwnedFd,
        _next: impl FnMut() -> Option<OwnedFd>,
        capacity: Option<usize>,
    ) -> Result<Self, AttachError> {
        Self::accept(Found::from(memory), capacity)
    }

    fn from_numbers(numbers: &[RawFd]) -> Result<Self, AttachError> {
        let [number] = *numbers else {
            return Err(AttachError::WrongKind);
        };
        let fd = sys::descriptor::inherited(number)?;
        let region = Self::accept(Found::from(fd), Some(usize::MAX))?;
        sys::descriptor::close_on_exec(number)?;
        Ok(region)
    }
}

/// Its bells must be timers: the other process may be hostile.
impl Descriptors for doorbell::Ring {
    const COUNT: usize = 3;

    fn lend(&self) -> [BorrowedFd<'_>; DESCRIPTORS_MAX] {
        let [memory, data, room] = self.descriptors();
        [memory, data, room, room, room, room]
    }

    fn take(
        memory: OwnedFd,
        mut next: impl FnMut() -> Option<OwnedFd>,
        capacity: Option<usize>,
    ) -> Result<Self, AttachError> {
        let (Some(data), Some(room)) = (next(), next()) else {
            return Err(AttachError::WrongKind);
        };
        let capacity = capacity.unwrap_or(doorbell::OPEN_LIMIT);
        Self::open_at_most([memory, data, room], doorbell::Bells::Timer, capacity)
    }

    fn from_numbers(numbers: &[RawFd]) -> Result<Self, AttachError> {
        let numbers = numbers.try_into().map_err(|_| AttachError::WrongKind)?;
        Self::from_inherited(numbers)
    }
}

/// As of its rings, with a seat at each.
impl Descriptors for doorbell::Duplex {
    const COUNT: usize = 6;

    const MEMORIES: &'static [usize] = &[0, 3];

    fn lend(&self) -> [BorrowedFd<'_>; DESCRIPTORS_MAX] {
        self.descriptors()
    }

    fn take(
        memory: OwnedFd,
        mut next: impl FnMut() -> Option<OwnedFd>,
        capacity: Option<usize>,
    ) -> Result<Self, AttachError> {
        let to = doorbell::Ring::take(memory, &mut next, capacity)?;
        let memory = next().ok_or(AttachError::WrongKind)?;
        let from = doorbell::Ring::take(memory, &mut next, capacity)?;
        let seats = [next(), next()].map(|seat| seat.map(Seat::from));
        Ok(Self::received([to, from]).with_seats(seats))
    }

    fn from_numbers(numbers: &[RawFd]) -> Result<Self, AttachError> {
        let numbers = numbers.try_into().map_err(|_| AttachError::WrongKind)?;
        Self::from_inherited(numbers)
    }
}
