//! The message in which a region is handed over, by a socket whose ends have seen each other's
//! credentials.
#![forbid(unsafe_code)]

use zerocopy::IntoBytes;

use super::region::Transfer;
use super::region::sealed::{DESCRIPTORS_MAX, SEATS_MAX};
use super::{Error, Seat, Users};
use crate::socket::message::{Credentials, Outgoing};
use crate::socket::{Seqpacket, option, recv_untrusted};
use crate::sys::socket::MessageFlags;
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Deadline, Errno, IoSlice, Result, sys};

/// What is sent beside the descriptors, of the region and of a seat at each of its memories if there are
/// any: magic, version, and how many they are. In the machine's own byte order.
type Message = [u64; 3];

/// The most descriptors of a message.
const ALL_MAX: usize = DESCRIPTORS_MAX + SEATS_MAX;

const MAGIC: u64 = u64::from_ne_bytes(*b"rawipcH\n");

/// Changes whenever the message's meaning does; what a region is it says itself.
const VERSION: u64 = 1;

/// A connection by which a region was handed over. It tells of the other process's end: it is
/// ready to be read then, and has nothing.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous::{Listener, Options, Received};
/// use rawipc::ring::spsc;
///
/// # let unique = format!("rawipc-doc-connection-{}", std::process::id());
/// # let path = std::env::temp_dir().join(unique);
/// let listener = Listener::bind(&path)?;
/// let client = std::thread::spawn(move || {
///     // In another process, usually.
///     let received: Received<spsc::Ring> = Options::new().connect(&path).unwrap();
///     received.connection.into_socket().send(b"ready").unwrap();
/// });
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let connection = listener.accept(&ring)?;
/// println!("process {:?}, user {:?}", connection.peer().pid, connection.peer().uid);
/// let socket = connection.into_socket(); // for what else is to be said
/// assert_eq!(socket.recv(&mut [0; 16])?, Some(5));
/// client.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    socket: Seqpacket,
    peer: Credentials,
}

impl Connection {
    /// Makes sure who is at the other end.
    pub(super) fn new(socket: Seqpacket, users: Users) -> Result<Self, Error> {
        let peer = option::peer_credentials(&socket)?;
        users.check(peer.uid)?;
        Ok(Self { socket, peer })
    }

    /// Returns which process is at the other end: who connected, or who listened first.
    #[must_use]
    pub const fn peer(&self) -> Credentials {
        self.peer
    }

    /// Returns the socket, for what else is to be said, descriptors among it.
    #[must_use]
    pub fn into_socket(self) -> Seqpacket {
        let _ = sys::socket::allow_descriptors(self.socket.as_fd(), true);
        self.socket
    }

    /// Hands a region over, with a seat at each of its memories where they can be made.
    pub(super) fn send<R: Transfer>(&self, region: &R) -> Result<(), Error> {
        let lent = region.lend();
        let [memory, ..] = lent;
        let memories = R::MEMORIES.iter().filter_map(|&at| lent.get(at));
        let mut seats = [const { None }; SEATS_MAX];
        for (seat, memory) in seats.iter_mut().zip(memories) {
            *seat = Seat::new(memory).ok();
        }
        let are_there = seats.iter().flatten().count() == R::MEMORIES.len();
        let seats = seats.iter().flatten().filter(|_| are_there);
        let mut count = 0;
        let mut all = [memory; ALL_MAX];
        let descriptors = region.lent().chain(seats.map(Seat::as_fd));
        for (place, descriptor) in all.iter_mut().zip(descriptors) {
            *place = descriptor;
            count += 1;
        }
        let descriptors: &[BorrowedFd<'_>] = all.get(..count).unwrap_or(&all);
        let message: Message = [MAGIC, VERSION, descriptors.len() as u64];
        let outgoing = Outgoing::new().descriptors(descriptors);
        // There is room: it is the first.
        self.socket
            .try_send_message(&[IoSlice::new(message.as_bytes())], &outgoing)?;
        Ok(())
    }

    /// Receives what [`send`](Self::send) sends.
    pub(super) fn receive<R: Transfer>(
        &self,
        limit: Option<usize>,
        deadline: Deadline,
    ) -> Result<(R, Option<Seat>), Error> {
        let mut message: Message = [0; 3];
        let mut received = [const { None }; ALL_MAX];
        let mut count = 0;
        let came = ready::uninterrupted(|| {
            recv_untrusted(
                self.socket.as_fd(),
                message.as_mut_bytes(),
                deadline,
                |fd| {
                    if let Some(place) = received.get_mut(count) {
                        *place = Some(fd);
                    }
                    count += 1;
                },
            )
        });
        let came = came.map_err(|errno| match errno {
            Errno::CONNRESET => Error::NotListener,
            errno => Error::Kernel(errno),
        })?;
        let Some(came) = came else {
            return Err(Error::NotListener);
        };
        if came.flags.contains(MessageFlags::CONTROL_TRUNCATED) {
            // There was room for as many as can be sent.
            return Err(Error::Kernel(Errno::MFILE));
        }
        let is_one = came.len == size_of::<Message>()
            && message == [MAGIC, VERSION, count as u64]
            && count <= received.len();
        let mut descriptors = received.into_iter().flatten();
        let Some(memory) = descriptors.next().filter(|_| is_one) else {
            return Err(Error::NotListener);
        };
        let region = R::take(memory, || descriptors.next(), limit)?;
        let seat = descriptors.next();
        match descriptors.next() {
            Some(_) => Err(Error::NotListener),
            None => Ok((region, seat.map(Seat::from))),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

crate::sys::fd_number::number!(Connection);
