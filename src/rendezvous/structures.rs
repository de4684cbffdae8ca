//! The structures of [`ring`](crate::ring) that processes can meet at, a line each.
#![forbid(unsafe_code)]

use super::Error;
use super::options::Options;
use super::region::sealed::Accept;
use crate::members;
use crate::region::{AttachError, Found};
use crate::ring::{Item, Waiting, broadcast, call, doorbell, latest, mpmc, mpsc, pool, spsc};
use crate::{Arg, Deadline, RawFd, Result, sys};

/// Lets a structure be met at: `structure!(Type<P>, P: Bound)`. It has a function `open_found`, as
/// [`Accept::accept`].
macro_rules! structure {
    ($Type:ty $(, $($parameters:tt)*)?) => {
        impl $(<$($parameters)*>)? Accept for $Type {
            fn accept(found: Found, capacity: Option<usize>) -> Result<Self, AttachError> {
                Self::open_found(found, capacity)
            }
        }

        impl $(<$($parameters)*>)? $Type {
            /// Connects to a [`Listener`](crate::rendezvous::Listener) of this user's, and returns
            /// what it hands over: [`Options::connect`]. The connection is closed: by that function it
            /// stays, for a listener that watches it to learn of this process's end.
            ///
            /// # Errors
            ///
            /// Those of [`Options::connect`].
            pub fn connect(path: impl Arg) -> Result<Self, Error> {
                Ok(Options::new().connect(path)?.region)
            }

            /// Like [`connect`](Self::connect), but waits for who will listen, too, and gives up at
            /// `deadline` with [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
            ///
            /// # Errors
            ///
            /// Those of [`Options::connect_until`].
            pub fn connect_until(path: impl Arg, deadline: Deadline) -> Result<Self, Error> {
                Ok(Options::new().connect_until(path, deadline)?.region)
            }

            /// Takes what this program was given by who started it:
            /// [`from_inherited`](crate::rendezvous::from_inherited).
            ///
            /// # Errors
            ///
            /// Those of [`from_inherited`](crate::rendezvous::from_inherited).
            pub fn from_inherited(number: RawFd) -> Result<Self, AttachError> {
                super::from_inherited(number)
            }

            /// Opens the one of this name, for processes of this user: [`Options::open`].
            ///
            /// # Errors
            ///
            /// Those of [`Options::open`].
            pub fn open_named(path: impl Arg) -> Result<Self, Error> {
                Options::new().open(path)
            }

            /// Opens the one of this name, or else gives the name to a new one, for processes of
            /// this user: [`Options::open_or_create`].
            ///
            /// # Errors
            ///
            /// Those of [`Options::open_or_create`].
            pub fn open_or_create(
                path: impl Arg,
                create: impl FnOnce() -> Result<Self>,
            ) -> Result<Self, Error> {
                Options::new().open_or_create(path, create)
            }
        }
    };
}

structure!(spsc::Ring<W>, W: Waiting);
structure!(spsc::items::Ring<I, W>, I: Item, W: Waiting);
structure!(mpsc::Ring<W>, W: Waiting);
structure!(mpmc::Ring<W>, W: Waiting);
structure!(mpmc::items::Ring<I, W>, I: Item, W: Waiting);
structure!(pool::Pool<W>, W: Waiting);
structure!(latest::Value<I>, I: Item);
structure!(latest::bytes::Value);
structure!(call::Service);
structure!(broadcast::Ring<W>, W: Waiting);
structure!(broadcast::items::Ring<I, W>, I: Item, W: Waiting);
structure!(broadcast::loans::Ring<W>, W: Waiting);
structure!(members::Region);

impl doorbell::Ring {
    /// Connects to a [`Listener`](crate::rendezvous::Listener) of this user's, and returns the ring
    /// that it hands over, whose bells must be [timers](doorbell::Bells::Timer):
    /// [`Options::connect`]. The connection is closed: by that function it stays, for a listener that
    /// watches it to learn of this process's end.
    ///
    /// # Errors
    ///
    /// Those of [`Options::connect`].
    pub fn connect(path: impl Arg) -> Result<Self, Error> {
        Ok(Options::new().connect(path)?.region)
    }

    /// Like [`connect`](Self::connect), but waits for who will listen, too, and gives up at
    /// `deadline` with [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
    ///
    /// # Errors
    ///
    /// Those of [`Options::connect_until`].
    pub fn connect_until(path: impl Arg, deadline: Deadline) -> Result<Self, Error> {
        Ok(Options::new().connect_until(path, deadline)?.region)
    }

    /// Takes the ring that this program was given by who started it, whose bells may be of any
    /// kind: its memory, the consumer's bell and the producer's, under these numbers, as
    /// [`descriptors`](Self::descriptors) returns them.
    ///
    /// # Errors
    ///
    /// Those of [`from_inherited`](crate::rendezvous::from_inherited).
    pub fn from_inherited(numbers: [RawFd; 3]) -> Result<Self, AttachError> {
        let ring = with_bells(numbers)?;
        keep(&numbers)?;
        Ok(ring)
    }
}

/// The ring that was given under these numbers, which stay as they are.
fn with_bells(numbers: [RawFd; 3]) -> Result<doorbell::Ring, AttachError> {
    let [memory, data, room] = numbers;
    let descriptors = [
        sys::descriptor::inherited(memory)?,
        sys::descriptor::inherited(data)?,
        sys::descriptor::inherited(room)?,
    ];
    doorbell::Ring::open_at_most(descriptors, doorbell::Bells::Event, usize::MAX)
}

/// Keeps from further programs what has been taken.
fn keep(numbers: &[RawFd]) -> Result<()> {
    let mut numbers = numbers.iter();
    numbers.try_for_each(|&number| sys::descriptor::close_on_exec(number))
}

impl doorbell::Duplex {
    /// Connects to a [`Listener`](crate::rendezvous::Listener) of this user's, and returns what it
    /// hands over, whose bells must be [timers](doorbell::Bells::Timer): [`Options::connect`]. The
    /// connection is closed: by that function it stays, for a listener that watches it to learn of
    /// this process's end.
    ///
    /// # Errors
    ///
    /// Those of [`Options::connect`].
    pub fn connect(path: impl Arg) -> Result<Self, Error> {
        Ok(Options::new().connect(path)?.region)
    }

    /// Like [`connect`](Self::connect), but waits for who will listen, too, and gives up at
    /// `deadline` with [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
    ///
    /// # Errors
    ///
    /// Those of [`Options::connect_until`].
    pub fn connect_until(path: impl Arg, deadline: Deadline) -> Result<Self, Error> {
        Ok(Options::new().connect_until(path, deadline)?.region)
    }

    /// Takes what this program was given by who started it, whose bells may be of any kind, under
    /// the numbers of what [`descriptors`](Self::descriptors) returns.
    ///
    /// # Errors
    ///
    /// Those of [`from_inherited`](crate::rendezvous::from_inherited).
    pub fn from_inherited(numbers: [RawFd; 6]) -> Result<Self, AttachError> {
        let [a, b, c, d, e, f] = numbers;
        let rings = [with_bells([a, b, c])?, with_bells([d, e, f])?];
        keep(&numbers)?;
        Ok(Self::received(rings))
    }
}
