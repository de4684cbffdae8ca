//! Sockets, by what the calls are about.

mod ioctl;
mod many;
mod message;
mod option;

pub(crate) use ioctl::{sockatmark, vsock_local_cid};
pub use many::Slot;
pub(crate) use many::{SEVERAL, recvmmsg, sendmmsg};
pub(crate) use message::*;
pub(crate) use option::*;
