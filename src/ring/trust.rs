//! Whom an endpoint trusts: in the type, so that references into shared memory exist only where
//! somebody has vouched for the other end.

use core::fmt;

/// Whether an endpoint trusts its peer, [`Untrusted`] or [`Trusted`]: decides if references
/// into the ring exist.
pub trait Trust: sealed::Trust + fmt::Debug + 'static {}

/// The peer may be hostile or broken: bytes are copied in and out.
#[derive(Clone, Copy, Debug)]
pub struct Untrusted;

/// The peer, and whoever else can write to the memory, keeps the protocol:
/// records can be read and written where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Trusted;

mod sealed {
    pub trait Trust {}
}
impl sealed::Trust for Untrusted {}
impl Trust for Untrusted {}
impl sealed::Trust for Trusted {}
impl Trust for Trusted {}
