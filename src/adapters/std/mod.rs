//! Conversions and conveniences for programs that use std, and nothing else.

pub(super) mod command;
mod context;
mod deadline;
mod errors;
mod event;
mod file;

mod memory;
mod pipe;
mod posix;
mod ring;
mod socket;
mod whole;

pub use context::ErrorContext;

/// Conversions by way of the descriptor.
macro_rules! convert {
    ($($From:ty => $To:ty),* $(,)?) => {
        $(impl From<$From> for $To {
            fn from(from: $From) -> Self {
                Self::from(std::os::fd::OwnedFd::from(from))
            }
        })*
    };
}
use convert;
