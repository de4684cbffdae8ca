//! Other crates' traits for what is here, a feature each, and nothing else.

#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub mod command;
#[cfg(feature = "embedded-io")]
#[cfg_attr(docsrs, doc(cfg(feature = "embedded-io")))]
pub mod embedded_io;
#[cfg(feature = "lock_api")]
#[cfg_attr(docsrs, doc(cfg(feature = "lock_api")))]
pub mod lock_api;
#[cfg(feature = "std")]
mod std;
#[cfg(feature = "std")]
pub use self::std::ErrorContext;
