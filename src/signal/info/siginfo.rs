//! [`Info`]: the information about a signal as a whole.
#![forbid(unsafe_code)]

use core::fmt;

use linux_raw_sys::general as raw;

use super::cause::Cause;
use super::decode::decode;
use super::payload::{Payload, join};
use crate::Signal;
use crate::signal::number;
use crate::sys::signal::Siginfo;

/// The information about a signal: `siginfo_t`.
///
/// A process that may signal this one can claim anything in a *queued* signal: the kernel
/// checks only that it does not claim to be the kernel, or [`Cause::User`]. In the causes
/// [`Queue`](Cause::Queue), [`Timer`](Cause::Timer), [`MessageQueue`](Cause::MessageQueue),
/// [`AsyncIo`](Cause::AsyncIo) and [`Other`](Cause::Other) the sender is therefore as untrusted
/// as the payload.
///
/// # Examples
///
/// ```
/// use rawipc::signal::{self, Cause, Info};
/// use rawipc::{Signal, process};
///
/// signal::block(Signal::USR1)?;
/// signal::raise(Signal::USR1)?;
/// let info: Info = signal::wait(Signal::USR1)?;
/// assert_eq!(info.signal(), Some(Signal::USR1));
/// assert!(matches!(info.cause(), Cause::Thread(sender) if sender.pid == Some(process::id())));
/// // Saved, and read again elsewhere.
/// assert_eq!(Info::from_bytes(info.to_bytes()), info);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "siginfo_t")]
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Info(Siginfo);

impl Info {
    pub(crate) fn from_kernel(info: Siginfo) -> Self {
        Self(info)
    }

    pub(crate) fn kernel(&self) -> &Siginfo {
        &self.0
    }

    /// Creates what [`queue`](crate::signal::queue) sends: `signal` with a payload, from this
    /// process and its real user.
    #[must_use]
    pub fn queued(signal: Signal, payload: Payload) -> Self {
        let mut info = Siginfo::new(signal, raw::SI_QUEUE);
        info.fields[0] = join([
            rustix::process::getpid().as_raw_nonzero().get() as u32,
            rustix::process::getuid().as_raw(),
        ]);
        info.fields[1] = payload.word();
        Self(info)
    }

    /// Replaces the code (`si_code`), for [`forward`](crate::signal::forward).
    #[must_use]
    pub fn with_code(mut self, code: i32) -> Self {
        self.0.si_code = code;
        self
    }

    /// Creates the information from a `siginfo_t` of elsewhere: a tracer, a file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 128]) -> Self {
        Self(Siginfo::from_bytes(bytes))
    }

    /// Returns the `siginfo_t` as it is.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 128] {
        self.0.to_bytes()
    }

    /// Returns the signal. `None` for a [reserved](crate::signal::Reserved) one, whose
    /// [`number`](Self::number) is known, and for an invalid number of elsewhere.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        number::from_number(self.0.si_signo)
    }

    /// Returns the number of the signal: `si_signo`.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.0.si_signo
    }

    /// Returns the kernel's code, which [`cause`](Self::cause) decodes: `si_code`.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.0.si_code
    }

    /// Returns an error number, mostly 0: `si_errno`. For [`Cause::Syscall`] the seccomp filter
    /// chooses it.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.0.si_errno
    }

    /// Returns who sent the signal, and why.
    #[must_use]
    pub fn cause(&self) -> Cause {
        decode(&self.0)
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info")
            .field("number", &self.number())
            .field("code", &self.code())
            .field("errno", &self.errno())
            .field("cause", &self.cause())
            .finish()
    }
}
