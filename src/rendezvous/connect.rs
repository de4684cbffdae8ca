//! Connecting to who hands regions over.
#![forbid(unsafe_code)]

use core::time::Duration;

use super::handover::Connection;
use super::options::Options;
use super::region::Transfer;
use super::{Error, Seat};

use crate::socket::address::UnixAddress;
use crate::socket::seqpacket;
use crate::wait::backoff::Backoff;
use crate::wait::ready;
use crate::{Arg, Deadline, Errno, Result};

/// How long the first pause is before it is looked again whether somebody listens, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// A region that another process handed over, and what came with it.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous::{Listener, Options, Received};
/// use rawipc::ring::spsc;
///
/// # let unique = format!("rawipc-doc-connect-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let listener = Listener::bind(&path)?;
/// let client = std::thread::spawn(move || {
///     // In another process, usually.
///     let received: Received<spsc::Ring> = Options::new().connect(&path).unwrap();
///     let ring = received.region;
///     let mut producer = match received.seat {
///         Some(seat) => ring.producer_by(seat).unwrap(), // needs no /proc
///         None => ring.producer().unwrap(),
///     };
///     producer.send(b"hello").unwrap();
/// });
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// listener.accept(&ring)?;
/// assert_eq!(ring.consumer()?.recv(&mut [0; 8])?, 5);
/// client.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Received<R> {
    /// The region.
    pub region: R,
    /// To attach to it once without `/proc`, or as another user than who made it; `None` if the
    /// other process could make none, or handed the memory over to be read alone, or if the region
    /// keeps those that came with it itself, as a
    /// [`doorbell::Duplex`](crate::ring::doorbell::Duplex) does.
    pub seat: Option<Seat>,
    /// To the process that handed it over.
    pub connection: Connection,
}

impl Options {
    /// Connects to the [`Listener`](super::Listener) at a path, and returns the region that it hands
    /// over. Blocks until it does.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`]: another user listens. [`Error::NotListener`]: the other process sent
    /// something else, or nothing. [`Error::Refused`]: it sent something else than such a region.
    /// [`Error::Kernel`]: as [`stream::connect`](crate::socket::stream::connect) has them, among
    /// them [`Errno::NOENT`] and [`Errno::CONNREFUSED`]: nobody listens.
    pub fn connect<R: Transfer>(&self, path: impl Arg) -> Result<Received<R>, Error> {
        let address = UnixAddress::pathname(path)?;
        let never = Deadline::Never;
        let socket = ready::uninterrupted(|| seqpacket::connect_until(&address, never))?;
        self.receive(socket, never)
    }

    /// Like [`connect`](Self::connect), but waits for who will listen, too, and gives up at
    /// `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect) except that nobody listens, and [`Errno::TIMEDOUT`].
    pub fn connect_until<R: Transfer>(
        &self,
        path: impl Arg,
        deadline: Deadline,
    ) -> Result<Received<R>, Error> {
        let address = UnixAddress::pathname(path)?;
        let mut pauses = Backoff::new(PAUSES.0, PAUSES.1, deadline);
        let socket = loop {
            match ready::uninterrupted(|| seqpacket::connect_until(&address, deadline)) {
                Err(Errno::NOENT | Errno::CONNREFUSED) => pauses.pause()?,
                result => break result?,
            }
        };
        self.receive(socket, deadline)
    }

    fn receive<R: Transfer>(
        &self,
        socket: crate::socket::Seqpacket,
        deadline: Deadline,
    ) -> Result<Received<R>, Error> {
        let connection = Connection::new(socket, self.users)?;
        let (region, seat) = connection.receive(self.limit, deadline)?;
        Ok(Received {
            region,
            seat,
            connection,
        })
    }
}
