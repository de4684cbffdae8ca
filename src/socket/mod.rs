//! Sockets: `unix(7)`, `ip(7)`, `ipv6(7)`, `vsock(7)`, `netlink(7)`.
//!
//! | | keeps messages apart | reports the end | module |
//! |---|---|---|---|
//! | [`Stream`] | no | yes | [`stream`] |
//! | [`Datagram`] | yes | no | [`datagram`] |
//! | [`Seqpacket`] | yes | yes | [`seqpacket`] |
//!
//! UNIX sockets of all three kinds are reliable, keep the order, work in both
//! directions and carry descriptors and credentials beside the bytes ([`message`]).
//! They are made in connected pairs, or meet at an address: see [`address`] for
//! pathnames and abstract names. [`BindOptions`] say who may connect and what becomes
//! of a file that a dead server left.
//!
//! The same kinds serve other families, which the type of the address says: streams are TCP and
//! datagrams UDP for the addresses of `core::net`, and [`vsock`] leads to virtual machines.
//! [`netlink`] has sockets of its own, by which the kernel reports on processes and sockets.
//!
//! ```
//! use rawipc::socket::{address::UnixAddress, stream};
//!
//! // An abstract name that the kernel chooses.
//! let listener = stream::listen(&UnixAddress::UNNAMED)?;
//! let client = stream::connect(&listener.address()?)?;
//! let (server, _) = listener.accept()?;
//!
//! client.send_all(b"hello")?;
//! let mut buffer = [0; 5];
//! server.recv_exact(&mut buffer)?;
//! assert_eq!(&buffer, b"hello");
//! # Ok::<(), rawipc::Errno>(())
//! ```
//!
//! # Calls
//!
//! A peer that is gone is an error ([`Errno::PIPE`] and others, see each kind),
//! never a `SIGPIPE`. Any number of threads may use one socket at once.
//!
//! The plain calls return [`Errno::INTR`] when they were
//! [interrupted](crate#interruptions) before anything was transferred; those with a
//! deadline, [`Stream::send_all`] and [`Stream::recv_exact`] go on.
//!
//! The plain calls block unless [`option::set_nonblocking`] was called for the
//! socket, in this process or in another that has it; the others do not depend
//! on that.
//!
//! # Left out
//!
//! - `MSG_EOR`: UNIX sockets ignore it. `MSG_MORE`: several slices are sent as one.
//! - `MSG_WAITALL`: [`Stream::recv_exact`] waits for all, whatever interrupts it.
//! - `MSG_ERRQUEUE`, `MSG_CONFIRM`, `MSG_DONTROUTE`, `MSG_FASTOPEN`, `MSG_PROBE`: for
//!   networks. `MSG_ZEROCOPY`, `MSG_SPLICE_PAGES`: between processes the kernel copies
//!   all the same; [`memory`](crate::memory) and [`pipe`](crate::pipe)'s splicing do
//!   not.
//! - `SIOCOUTQ`: of UNIX sockets it counts the kernel's overhead too.
//!   `SIOCUNIXFILE`: it opens the file of a socket only as `O_PATH`.
//! - Sockets of families without an address type here: [`address::Address`] may be
//!   implemented for others; what rustix makes, the kinds here take.
#![forbid(unsafe_code)]

// Each uses only those before it in this order: error, address, message, option, open,
// transfer, bind, listener, many, sending; the kinds, which also have what BindOptions makes of
// them; vsock, netlink.
pub mod address;
mod bind;
pub mod datagram;
mod error;
mod listener;
pub mod many;
pub mod message;
pub mod netlink;
mod open;
pub mod option;
mod sending;
pub mod seqpacket;
pub mod stream;
mod transfer;
pub mod vsock;

#[cfg(doc)]
use crate::Errno;

pub use address::{Address, UnixAddress};
pub use bind::{BACKLOG, BindOptions};
pub use datagram::Datagram;
pub use error::RecvError;
pub use listener::{Kind, Listener};
/// Which directions of a connection [`shutdown`](Stream::shutdown) ends.
#[doc(inline)]
pub use rustix::net::Shutdown;
pub use seqpacket::Seqpacket;
pub use stream::Stream;
pub(crate) use transfer::recv_untrusted;
