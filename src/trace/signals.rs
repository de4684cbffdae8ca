//! A tracee's signals: the one at which it is stopped, those that are pending, the mask.
#![forbid(unsafe_code)]

use super::error::Error;
use super::tracee::Stopped;
use crate::Result;
use crate::signal::info::Info;
use crate::signal::set::Set;
use crate::sys::signal::Siginfo;
use crate::sys::trace as sys;

/// The pending signals that [`Stopped::pending`] looks at.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::process::{Command, exec};
/// use rawipc::signal::{Info, Payload};
/// use rawipc::trace::{self, Options, Pending, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// child.pidfd.send_signal(Signal::USR1)?;
///
/// let mut infos = [Info::queued(Signal::USR1, Payload::default()); 8]; // to be overwritten
/// let count = stopped.pending(Pending::OfProcess, 0, &mut infos)?;
/// let pending: Vec<_> = infos[..count].iter().filter_map(Info::signal).collect();
/// assert_eq!(pending, [Signal::USR1]);
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// The signals sent to the thread.
    OfThread,
    /// The signals sent to its process, which any of its threads may take.
    #[doc(alias = "PTRACE_PEEKSIGINFO_SHARED")]
    OfProcess,
}

/// How many pending signals are asked for in one call.
const PENDING_AT_ONCE: usize = 4;

impl Stopped {
    /// Returns the information about the signal that is about to be delivered, or about the
    /// stop: `PTRACE_GETSIGINFO`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::INVAL`](crate::Errno::INVAL): a [`Stop::Group`](super::Stop::Group) of one that was not seized,
    /// which is no signal.
    #[doc(alias = "PTRACE_GETSIGINFO")]
    pub fn info(&self) -> Result<Info, Error> {
        Ok(Info::from_kernel(sys::getsiginfo(self.tid)?))
    }

    /// Replaces the information about the signal that is about to be delivered. If the tracee
    /// is resumed with a different signal, that one appears to be sent by the tracer.
    ///
    /// # Errors
    ///
    /// Those of [`info`](Self::info).
    #[doc(alias = "PTRACE_SETSIGINFO")]
    pub fn set_info(&self, info: &Info) -> Result<(), Error> {
        Ok(sys::setsiginfo(self.tid, info.kernel())?)
    }

    /// Copies the information about pending signals, from index `from` on, to `infos`, and
    /// returns how many there were: `PTRACE_PEEKSIGINFO`. They stay pending. A signal of which
    /// the kernel kept only the number is not among them.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    #[doc(alias = "PTRACE_PEEKSIGINFO")]
    pub fn pending(&self, whose: Pending, from: u64, infos: &mut [Info]) -> Result<usize, Error> {
        let mut count = 0;
        for chunk in infos.chunks_mut(PENDING_AT_ONCE) {
            let mut raw = [Siginfo::EMPTY; PENDING_AT_ONCE];
            let wanted = raw.get_mut(..chunk.len()).unwrap_or_default();
            let of_process = whose == Pending::OfProcess;
            let got = sys::peeksiginfo(self.tid, of_process, from + count as u64, wanted)?;
            for (info, raw) in chunk.iter_mut().zip(raw).take(got) {
                *info = Info::from_kernel(raw);
            }
            count += got;
            if got < chunk.len() {
                break;
            }
        }
        Ok(count)
    }

    /// Returns the signals that it blocks: `PTRACE_GETSIGMASK`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    #[doc(alias = "PTRACE_GETSIGMASK")]
    pub fn mask(&self) -> Result<Set, Error> {
        Ok(Set::from_bits_with_reserved(sys::getsigmask(self.tid)?))
    }

    /// Sets the signals that it blocks: `PTRACE_SETSIGMASK`. `SIGKILL` and `SIGSTOP` are left
    /// out silently.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    #[doc(alias = "PTRACE_SETSIGMASK")]
    pub fn set_mask(&self, mask: Set) -> Result<(), Error> {
        Ok(sys::setsigmask(self.tid, mask.bits())?)
    }
}
