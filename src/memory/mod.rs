//! Memory that processes share: memfds, mappings, and what may be read and
//! written in them while others do the same.

mod all;
pub(crate) mod mapping;
pub mod memfd;
mod options;
mod remote;
pub mod secret;
pub mod userfault;

pub use crate::primitive::Shared;
pub use all::{LockAllFlags, lock_all, unlock_all};
pub use mapping::{
    AccessError, Address, AddressRange, Advice, Lock, Mapping, Protection, SyncMode,
};
pub use options::{MapFlags, MapOptions};
pub use remote::{RemoteAdvice, advise_process};
