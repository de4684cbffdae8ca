//! Memory that processes share: memfds, mappings, and what may be read and
//! written in them while others do the same.

mod advice;
mod mapping;
pub(crate) mod member;
pub mod memfd;
mod options;

pub use crate::shared::Shared;
pub use advice::Advice;
pub use mapping::{AccessError, Lock, Mapping, SyncMode};
pub use options::{MapFlags, MapOptions, Protection};
