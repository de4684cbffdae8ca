//! The crate's own errors as those of std's streams.
//!
//! What is nothing but a refusal of the kernel keeps the kernel's number. The rest is kept as
//! it is, within an error of the nearest kind, which has no number: a program that asks for
//! one would take it for the refusal of another call.

use std::io::{Error as IoError, ErrorKind};

use crate::{memory, process, rendezvous, ring, seccomp, sync, trace};

/// Errors that are nothing but a number with circumstances, which are lost.
macro_rules! numbered {
    ($($Error:ty),* $(,)?) => {
        $(
            /// With the error's number alone.
            impl From<$Error> for IoError {
                fn from(error: $Error) -> Self {
                    crate::Errno::from(error).into()
                }
            }
        )*
    };
}

numbered! {
    crate::errno::Described,
    process::memory::TransferError,
    seccomp::notify::Error,
    trace::Error,
}

/// Of the kind that its number has, with the whole error within: the number alone does not
/// say what was not found, or not permitted.
impl From<process::SpawnError> for IoError {
    fn from(error: process::SpawnError) -> Self {
        Self::new(Self::from(error.errno).kind(), error)
    }
}

impl From<process::memory::StringError> for IoError {
    fn from(error: process::memory::StringError) -> Self {
        match error {
            process::memory::StringError::Transfer(error) => error.into(),
            error => Self::new(ErrorKind::InvalidData, error),
        }
    }
}

impl From<seccomp::InstallError> for IoError {
    fn from(error: seccomp::InstallError) -> Self {
        match error {
            seccomp::InstallError::Errno(errno) => errno.into(),
            error => Self::new(ErrorKind::ResourceBusy, error),
        }
    }
}

/// With the error's number alone; the tracee stays traced, and as it is.
impl<T> From<trace::Refused<T>> for IoError {
    fn from(refused: trace::Refused<T>) -> Self {
        refused.errno.into()
    }
}

impl From<process::exec::Full> for IoError {
    fn from(full: process::exec::Full) -> Self {
        Self::new(ErrorKind::OutOfMemory, full)
    }
}

impl From<seccomp::Full> for IoError {
    fn from(full: seccomp::Full) -> Self {
        Self::new(ErrorKind::OutOfMemory, full)
    }
}

impl From<process::maps::Malformed> for IoError {
    fn from(malformed: process::maps::Malformed) -> Self {
        Self::new(ErrorKind::InvalidData, malformed)
    }
}

impl From<memory::AccessError> for IoError {
    fn from(error: memory::AccessError) -> Self {
        let kind = match error {
            memory::AccessError::Protected => ErrorKind::PermissionDenied,
            _ => ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

impl From<memory::memfd::VerifyError> for IoError {
    fn from(unfit: memory::memfd::VerifyError) -> Self {
        match unfit {
            memory::memfd::VerifyError::Refused(errno) => errno.into(),
            unfit => Self::new(ErrorKind::InvalidData, unfit),
        }
    }
}

impl From<ring::broadcast::RecvError> for IoError {
    fn from(error: ring::broadcast::RecvError) -> Self {
        match error {
            ring::broadcast::RecvError::Ring(error) => error.into(),
            lagged => Self::other(lagged),
        }
    }
}

impl From<ring::AttachError> for IoError {
    fn from(error: ring::AttachError) -> Self {
        let kind = match error {
            ring::AttachError::Kernel(errno) => return errno.into(),
            ring::AttachError::Occupied | ring::AttachError::Leased => ErrorKind::ResourceBusy,
            ring::AttachError::NoProc => ErrorKind::Unsupported,
            _ => ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl From<ring::call::CallError> for IoError {
    fn from(error: ring::call::CallError) -> Self {
        let kind = match error.error() {
            Some(ring::Error::Kernel(errno)) => return errno.into(),
            Some(ring::Error::TimedOut) => ErrorKind::TimedOut,
            Some(ring::Error::Corrupt) => ErrorKind::InvalidData,
            Some(ring::Error::TooLong { .. }) => ErrorKind::InvalidInput,
            _ => ErrorKind::BrokenPipe,
        };
        Self::new(kind, error)
    }
}

impl From<rendezvous::Error> for IoError {
    fn from(error: rendezvous::Error) -> Self {
        let kind = match error {
            rendezvous::Error::Kernel(errno) => return errno.into(),
            rendezvous::Error::Refused(error) => return error.into(),
            rendezvous::Error::Foreign { .. } | rendezvous::Error::WrongMode { .. } => {
                ErrorKind::PermissionDenied
            }
            rendezvous::Error::InUse => ErrorKind::ResourceBusy,
            _ => ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl From<sync::PostError> for IoError {
    fn from(error: sync::PostError) -> Self {
        Self::new(ErrorKind::QuotaExceeded, error)
    }
}

/// With its number alone: a guard that it holds is dropped.
impl<G> From<sync::LockError<G>> for IoError {
    fn from(error: sync::LockError<G>) -> Self {
        crate::Errno::from(error).into()
    }
}

/// With its number alone, but for deaths.
impl From<sync::WaitGroupError> for IoError {
    fn from(error: sync::WaitGroupError) -> Self {
        match error {
            sync::WaitGroupError::Died(_) => Self::other(error),
            _ => crate::Errno::from(error).into(),
        }
    }
}
