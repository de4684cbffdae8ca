//! What types with a descriptor, and errors, convert to. The types stand in some `conversions.rs` of
//! tests/, beside the other tests of what they belong to; `tests/house/conversions.rs` holds that
//! none is left out.

use std::io;
use std::os::fd;

/// Files of `src/` and the types in them, each held to the bounds by the compiler.
#[macro_export]
macro_rules! listed {
    ($check:ident: $($file:literal $Type:ty),* $(,)?) => {
        const _: fn() = || { $($crate::support::conversions::$check::<$Type>();)* };
    };
}

/// std's types of descriptors are all of this; `TryFrom` where it looks what it is given.
pub(crate) fn whole<T>()
where
    T: fd::AsFd + fd::AsRawFd + fd::IntoRawFd + Into<fd::OwnedFd> + TryFrom<fd::OwnedFd>,
{
}

/// What comes with more than a descriptor, and cannot be made of one.
pub(crate) fn given_up<T: fd::AsFd + fd::AsRawFd + fd::IntoRawFd + Into<fd::OwnedFd>>() {}

/// What has a descriptor or another thing.
pub(crate) fn perhaps<T: From<fd::OwnedFd>>()
where
    fd::OwnedFd: TryFrom<T>,
{
}

/// What keeps its descriptor.
pub(crate) fn lent<T: fd::AsFd + fd::AsRawFd>() {}

/// Errors become those of std.
pub(crate) fn becomes_std<T>()
where
    io::Error: From<T>,
{
}
