//! [`Duplex`]: two rings between two processes, one each way.
#![forbid(unsafe_code)]

use super::{Bells, Consumer, OPEN_LIMIT, Producer, Ring};
use crate::region::Seat;
use crate::ring::AttachError;
use crate::{BorrowedFd, OwnedFd};

/// A pair of [`Ring`]s between two processes, one each way: for requests and responses, or for what
/// both send of themselves.
///
/// Who creates it hands it over as one thing: a [`Listener`](crate::rendezvous::Listener) does, in one
/// message, with a [`Seat`] at each ring; the other calls [`connect`](Self::connect), or
/// [`Options::connect`](crate::rendezvous::Options::connect) to keep the connection as well. Each of them
/// then [attaches](Self::attach) its ends. If one is killed, the other is told by each of its two ends,
/// as [the module](super) says.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous::{Listener, Options};
/// use rawipc::ring::doorbell::{Bells, Duplex};
///
/// let path = std::env::temp_dir().join(format!("rawipc-doc-duplex-{}", std::process::id()));
/// let listener = Listener::bind(&path)?;
/// let client = std::thread::spawn(move || {
///     // In another process, usually.
///     let mut received = Options::new().connect::<Duplex>(&path).unwrap();
///     let mut ends = received.region.attach().unwrap();
///     ends.producer.send(b"ping").unwrap();
///     let mut buffer = [0; 64];
///     let len = ends.consumer.recv(&mut buffer).unwrap();
///     assert_eq!(&buffer[..len], b"PING");
/// });
///
/// let mut duplex = Duplex::create(1 << 16, Bells::Timer)?;
/// let connection = listener.accept(&duplex)?; // tells of the client's end
/// let mut ends = duplex.attach()?;
/// let mut buffer = [0; 64];
/// let len = ends.consumer.recv(&mut buffer)?;
/// buffer[..len].make_ascii_uppercase();
/// ends.producer.send(&buffer[..len])?;
/// # drop(connection);
/// # client.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Duplex {
    /// To who created it, and from there.
    rings: [Ring; 2],
    seats: [Option<Seat>; 2],
    is_creator: bool,
}

/// One process's ends of a [`Duplex`]: the producer of one of its rings and the consumer of the other.
///
/// # Examples
///
/// ```
/// use rawipc::ring::doorbell::{Bells, Duplex, Ends};
///
/// let mut duplex = Duplex::create(1 << 16, Bells::Timer)?;
/// let Ends { producer, consumer } = duplex.attach()?; // each may go to a thread of its own
/// # drop((producer, consumer));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ends {
    /// Sends to the other process.
    pub producer: Producer,
    /// Receives what the other process has sent.
    pub consumer: Consumer,
}

impl Duplex {
    /// Creates two rings, each as [`Ring::create`] does, with room for `capacity` bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Ring::create`].
    pub fn create(capacity: usize, bells: Bells) -> crate::Result<Self> {
        Ok(Self {
            rings: [
                Ring::create(capacity, bells)?,
                Ring::create(capacity, bells)?,
            ],
            seats: [None, None],
            is_creator: true,
        })
    }

    /// Opens what another process has created, from its [descriptors](Self::descriptors), with rings as
    /// [`Ring::open`] accepts them.
    ///
    /// # Errors
    ///
    /// Those of [`Ring::open`].
    pub fn open(descriptors: [OwnedFd; 6], accepted: Bells) -> Result<Self, AttachError> {
        Self::open_at_most(descriptors, accepted, OPEN_LIMIT)
    }

    /// Like [`open`](Self::open), but accepts rings as large as [`create`](Self::create) makes them
    /// for `capacity` bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Ring::open_at_most`].
    pub fn open_at_most(
        descriptors: [OwnedFd; 6],
        accepted: Bells,
        capacity: usize,
    ) -> Result<Self, AttachError> {
        let [a, b, c, d, e, f] = descriptors;
        Ok(Self::received([
            Ring::open_at_most([a, b, c], accepted, capacity)?,
            Ring::open_at_most([d, e, f], accepted, capacity)?,
        ]))
    }

    /// As the process has it that did not create it.
    pub(crate) fn received(rings: [Ring; 2]) -> Self {
        Self {
            rings,
            seats: [None, None],
            is_creator: false,
        }
    }

    /// The same, to be attached by these.
    pub(crate) fn with_seats(self, seats: [Option<Seat>; 2]) -> Self {
        Self { seats, ..self }
    }

    /// Returns the descriptors that another process [opens](Self::open) it by: those of the ring to
    /// who created it, then those of the other ring.
    #[must_use]
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 6] {
        let [[a, b, c], [d, e, f]] = self.rings.each_ref().map(Ring::descriptors);
        [a, b, c, d, e, f]
    }

    /// Attaches this process's ends: those of who created it, or the opposite ones where it was
    /// opened, received or inherited. By the seats that came with it, once, else as
    /// [`Ring::consumer`] and [`Ring::producer`] do.
    ///
    /// If it fails, no end is closed, and it can be tried again; not by the seats, which are used up, and so not
    /// without `/proc`. Where one end is held and the other one had been closed, that one is open again
    /// afterwards: let go of both before attaching anew.
    ///
    /// # Errors
    ///
    /// Those of [`Ring::consumer`] and [`Ring::consumer_by`].
    pub fn attach(&mut self) -> Result<Ends, AttachError> {
        let [to, from] = &self.rings;
        let [seat_to, seat_from] = &mut self.seats;
        let (receives, sends) = match self.is_creator {
            true => ((to, seat_to), (from, seat_from)),
            false => ((from, seat_from), (to, seat_to)),
        };
        let consumer = match receives.1.take() {
            Some(seat) => receives.0.consumer_by(seat)?,
            None => receives.0.consumer()?,
        };
        let producer = match sends.1.take() {
            Some(seat) => sends.0.producer_by(seat),
            None => sends.0.producer(),
        };
        match producer {
            Ok(producer) => Ok(Ends { producer, consumer }),
            Err(error) => {
                consumer.detach();
                Err(error)
            }
        }
    }
}

/// Those of [`Duplex::descriptors`].
impl From<Duplex> for [OwnedFd; 6] {
    fn from(duplex: Duplex) -> Self {
        let [[a, b, c], [d, e, f]] = duplex.rings.map(<[OwnedFd; 3]>::from);
        [a, b, c, d, e, f]
    }
}
