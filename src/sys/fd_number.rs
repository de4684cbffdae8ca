//! The number of what has a descriptor, in one place for all types.
#![forbid(unsafe_code)]

/// Lets the descriptor's number be seen, of a type that lends its descriptor.
///
/// `number!(Type)`, or `number!(Type<P>, P: Bound)`.
macro_rules! number {
    ($Type:ty $(, $($parameters:tt)*)?) => {
        impl $(<$($parameters)*>)? $crate::AsRawFd for $Type {
            fn as_raw_fd(&self) -> $crate::RawFd {
                $crate::AsRawFd::as_raw_fd(&$crate::AsFd::as_fd(self))
            }
        }
    };
}
pub(crate) use number;

/// As [`number`], and lets it be taken out as a number, of a type that gives its descriptor up.
macro_rules! numbers {
    ($Type:ty $(, $($parameters:tt)*)?) => {
        $crate::sys::fd_number::number!($Type $(, $($parameters)*)?);

        impl $(<$($parameters)*>)? $crate::IntoRawFd for $Type {
            fn into_raw_fd(self) -> $crate::RawFd {
                $crate::IntoRawFd::into_raw_fd($crate::OwnedFd::from(self))
            }
        }
    };
}
pub(crate) use numbers;
