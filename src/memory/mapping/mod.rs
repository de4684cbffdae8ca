//! [`Mapping`]: memory as other processes see and change it.
//!
//! No safe function gives a `&[u8]` or `&mut [u8]` of mapped memory: the compiler
//! assumes that what these point to does not change by itself, and here it does.
//! Bytes are copied in and out; what several processes work on is atomic
//! ([`Shared`]).
//!
//! Here rather than in [`memory`](crate::memory), where it is made of descriptors and of
//! nothing, as System V segments are attached as the same thing.

mod advice;
mod bytes;
mod error;
mod mapped;
mod object;
mod pages;
mod protection;
mod raw;
mod resize;
mod sizes;

pub use crate::sys::remote::{Address, AddressRange};
pub use advice::Advice;
pub use error::AccessError;
pub use mapped::Mapping;
pub(crate) use mapped::{Release, whole_pages};
pub use pages::{Lock, SyncMode};
pub use protection::Protection;
