//! Waiting for a tracee, interrupting it and killing it.
#![forbid(unsafe_code)]

use linux_raw_sys::general::{__WALL, __WNOTHREAD, WEXITED, WNOHANG};

use super::error::{Error, Refused};
use super::stop::Stop;
use super::tracee::{Begin, Ended, Report, Running, Stopped};
use crate::signal::child::State;
use crate::sys::process::{ChildInfo, WaitId, waitid};
use crate::sys::trace as sys;
use crate::{Errno, Pid, Result, Signal};

/// What every wait asks for. A traced stop is reported without being asked for;
/// children of this thread that nobody traces, and which stop, are not.
const HOW: u32 = WEXITED | __WALL | __WNOTHREAD;

/// What a wait said, with these flags besides.
pub(super) fn waited(who: WaitId<'_>, how: u32) -> Result<Option<(Pid, State)>> {
    Ok(waitid(who, HOW | how)?
        .and_then(|info: ChildInfo| Some((info.pid, State::decode(info.code, info.status)?))))
}

impl Running {
    /// Blocks until it has stopped or ended: `waitid(2)`.
    ///
    /// A tracee that is stopped is reported once; that it was killed while it did so,
    /// the next call says. The end is reported to the tracer first, and only then to the
    /// parent, if that is another. The kernel offers no deadline for this: let another
    /// thread [kill](crate::process::Pidfd::send_signal) the tracee, or
    /// [interrupt](Self::interrupt) it by a signal, when it has run long enough.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::INTR`]: it was [interrupted](crate#interruptions).
    /// [`Errno::CHILD`]: there is
    /// no such tracee any more: an untraced wait took its end, or it was a thread and
    /// another has executed a program. What setting the options for the first stop is
    /// refused by: [`Errno::INVAL`] or [`Errno::PERM`]; the tracee then is stopped, and
    /// is best killed.
    #[doc(alias = "waitid")]
    #[doc(alias = "waitpid")]
    #[inline]
    pub fn wait(self) -> Result<Report, Refused<Self>> {
        self.wait_with(0)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::AGAIN`]: it has neither stopped nor ended. The others
    /// are as of [`wait`](Self::wait).
    #[doc(alias = "WNOHANG")]
    pub fn try_wait(self) -> Result<Report, Refused<Self>> {
        self.wait_with(WNOHANG)
    }

    fn wait_with(self, how: u32) -> Result<Report, Refused<Self>> {
        let tid = self.tid;
        loop {
            let state = match waited(WaitId::Pid(tid), how) {
                Ok(Some((_, state))) => state,
                Ok(None) => return Err(self.refused(Errno::AGAIN)),
                Err(errno) => return Err(self.refused(errno)),
            };
            match report(tid, state, self.begin) {
                Ok(Some(report)) => return Ok(report),
                // Killed while it was looked at, or nothing that a tracer is told.
                Ok(None) => {}
                Err(errno) => return Err(self.refused(errno)),
            }
        }
    }

    fn refused(self, errno: Errno) -> Refused<Self> {
        Refused {
            tracee: self,
            errno,
        }
    }

    /// Stops the tracee, at [`Stop::Interrupt`]: `PTRACE_INTERRUPT`. The stop is to be waited
    /// for; if it stops for another reason first, it does not stop again for this one.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]: it has ended. [`Errno::IO`]: it was not seized.
    #[doc(alias = "PTRACE_INTERRUPT")]
    pub fn interrupt(&self) -> Result<(), Error> {
        Ok(sys::interrupt(self.tid)?)
    }

    /// Kills its process with all threads: `SIGKILL`, which works in every state. The end is to
    /// be waited for ([`wait_end`](Self::wait_end)).
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]: it has ended.
    #[doc(alias = "PTRACE_KILL")]
    pub fn kill(&self) -> Result<(), Error> {
        Ok(crate::sys::signal::kill_process(self.tid, Signal::KILL)?)
    }

    /// Blocks until it has ended, resuming it at every stop without the signals that come
    /// meanwhile: for one that was [killed](Self::kill) or is of no further interest.
    ///
    /// Of a process with several traced threads the first one's end is only reported
    /// when the others' have been waited for: see
    /// [`Tracer::kill_all`](super::Tracer::kill_all).
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait), of which [`Errno::INTR`] is not one: it goes on.
    pub fn wait_end(self) -> Result<Ended, Refused<Self>> {
        let mut running = self;
        loop {
            running = match running.wait() {
                Ok(Report::Ended(ended)) => return Ok(ended),
                Ok(Report::Stopped(stopped)) => match stopped.cont(None) {
                    Ok(running) => running,
                    Err(Refused { tracee, errno }) => {
                        return Err(Self::new(tracee.tid(), Begin::Done).refused(errno));
                    }
                },
                Err(Refused {
                    tracee,
                    errno: Errno::INTR,
                }) => tracee,
                Err(refused) => return Err(refused),
            };
        }
    }
}

/// What a wait's word means. `None`: it stopped, and was killed while it was looked at,
/// so that the next wait says more.
pub(super) fn report(tid: Pid, state: State, begin: Begin) -> Result<Option<Report>> {
    let trap = match state {
        State::Trapped(trap) => trap,
        state if state.is_end() => return Ok(Some(Report::Ended(Ended { tid, state }))),
        _ => return Ok(None),
    };
    let stop = begin
        .carry_out(tid)
        .map_err(Error::from)
        .and_then(|()| Stop::decode(tid, trap));
    match stop {
        Ok(stop) => Ok(Some(Report::Stopped(Stopped::new(tid, stop)))),
        Err(Error::Gone) => Ok(None),
        Err(Error::Errno(errno)) => Err(errno),
    }
}
