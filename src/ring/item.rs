//! [`Item`]: what can be a message without a length.
#![forbid(unsafe_code)]

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A type whose values are plain bytes, and valid for any bytes.
///
/// Implemented for every type that zerocopy's derives say this of. An item should
/// also mean the same in every process: no descriptor, no address.
pub trait Item: FromBytes + IntoBytes + Immutable {}

impl<I: FromBytes + IntoBytes + Immutable> Item for I {}
