//! Waiting for a blocked signal, or until a handler has run: `rt_sigtimedwait(2)`,
//! `rt_sigsuspend(2)`.
#![forbid(unsafe_code)]

use super::{Info, Set};
use crate::wait::patience::Patience::{self, Blocking, Try, Until};
use crate::wait::ready;
use crate::{Deadline, Errno, Result, Timespec, sys};

/// A timeout of no time.
const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Blocks until a signal of `set` is pending, takes it, and returns its information:
/// `rt_sigtimedwait(2)`.
///
/// The set should be [blocked](super::block), by all threads if it is sent to the process: an
/// unblocked signal is handled by its action. Of several pending signals the lowest number
/// comes first. Of several waiting threads, one gets it. `SIGKILL` and `SIGSTOP` in the set are
/// silently ignored.
///
/// A signal that is ignored, even by default (`SIGCHLD`, `SIGURG`, `SIGWINCH`), is not
/// discarded while it is blocked.
///
/// # Errors
///
/// [`Errno::INTR`]: it was [interrupted](crate#interruptions), by the handler of
/// another signal
/// mostly.
///
/// # Examples
///
/// ```
/// use rawipc::signal::{self, Cause, Payload};
/// use rawipc::process;
///
/// let number = signal::real_time(3).unwrap();
/// signal::block(number)?;
/// let me = rustix::process::getpid();
/// signal::queue(me, number, Payload::from_int(42))?;
/// let info = signal::wait(number)?;
/// let Cause::Queue { sender, payload } = info.cause() else { panic!("{info:?}") };
/// assert_eq!((sender.pid, payload.int()), (Some(me), 42));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "sigwaitinfo")]
#[doc(alias = "sigwait")]
#[doc(alias = "rt_sigtimedwait")]
pub fn wait(set: impl Into<Set>) -> Result<Info> {
    wait_with(set.into(), Blocking)
}

/// Like [`wait`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// [`Errno::AGAIN`]: none is.
#[doc(alias = "sigtimedwait")]
pub fn try_wait(set: impl Into<Set>) -> Result<Info> {
    wait_with(set.into(), Try)
}

/// Like [`wait`], but gives up at `deadline` with [`Errno::TIMEDOUT`].
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: the deadline passed.
#[doc(alias = "sigtimedwait")]
pub fn wait_until(set: impl Into<Set>, deadline: Deadline) -> Result<Info> {
    wait_with(set.into(), Until(deadline))
}

fn wait_with(set: Set, patience: Patience) -> Result<Info> {
    let take = |timeout: Option<&Timespec>| {
        sys::signal::rt_sigtimedwait(set.bits(), timeout).map(Info::from_kernel)
    };
    match patience {
        Blocking => take(None),
        Try => ready::uninterrupted(|| take(Some(&NO_TIME))),
        Until(deadline) => {
            let taken = ready::until(deadline, || take(deadline.timeout().as_ref()));
            taken.map_err(|errno| match errno {
                Errno::AGAIN => Errno::TIMEDOUT,
                errno => errno,
            })
        }
    }
}

/// Replaces the signal mask by `mask`, blocks until a handler has run, and restores the mask:
/// `rt_sigsuspend(2)`.
///
/// Block a signal, check whether there is reason to wait for it, and then suspend with a mask
/// without it: no signal is lost in between, unlike with unblocking and then waiting.
///
/// # Errors
///
/// None but those of a seccomp filter: that a handler ran is success.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicBool, Ordering};
/// use rawipc::Signal;
/// use rawipc::signal::{self, action::{self, Action}};
///
/// static CAME: AtomicBool = AtomicBool::new(false);
///
/// extern "C" fn came(_: Signal) {
///     CAME.store(true, Ordering::Relaxed);
/// }
///
/// // SAFETY: the handler only stores into an atomic.
/// action::set(Signal::USR1, unsafe { Action::handler(came) })?;
/// let before = signal::block(Signal::USR1)?;
/// signal::raise(Signal::USR1)?;
/// while !CAME.load(Ordering::Relaxed) {
///     signal::suspend(before)?;
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "sigsuspend")]
#[doc(alias = "pause")]
pub fn suspend(mask: impl Into<Set>) -> Result<()> {
    suspend_with(mask.into(), Blocking)
}

/// Like [`suspend`], but returns [`Errno::AGAIN`] instead of blocking: `ppoll(2)` without
/// descriptors.
///
/// # Errors
///
/// [`Errno::AGAIN`]: none is.
pub fn try_suspend(mask: impl Into<Set>) -> Result<()> {
    suspend_with(mask.into(), Try)
}

/// Like [`suspend`], but gives up at `deadline` with [`Errno::TIMEDOUT`]: `ppoll(2)` without
/// descriptors.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`]: the deadline passed.
pub fn suspend_until(mask: impl Into<Set>, deadline: Deadline) -> Result<()> {
    suspend_with(mask.into(), Until(deadline))
}

fn suspend_with(mask: Set, patience: Patience) -> Result<()> {
    let (timeout, late) = match patience {
        Blocking => {
            return match sys::signal::rt_sigsuspend(mask.bits()) {
                Errno::INTR => Ok(()),
                errno => Err(errno),
            };
        }
        Try => (Some(NO_TIME), Errno::AGAIN),
        Until(deadline) => (deadline.timeout(), Errno::TIMEDOUT),
    };
    match sys::signal::ppoll(mask.bits(), timeout.as_ref()) {
        Err(Errno::INTR) => Ok(()),
        Ok(_) => Err(late),
        Err(errno) => Err(errno),
    }
}
