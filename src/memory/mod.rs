//! Memory that processes share: memfds, mappings, and what may be read and
//! written in them while others do the same.

pub(crate) mod member;
pub mod memfd;
mod options;

pub use crate::mapping::{AccessError, Advice, Lock, Mapping, Protection, Shared, SyncMode};
pub use options::{MapFlags, MapOptions};
