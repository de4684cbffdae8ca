//! Software breakpoints: an instruction put into a tracee's code.
#![forbid(unsafe_code)]

use super::error::{Error, Refused};
use super::hidden::HiddenStep;
use super::memory::Memory;
use super::stop::{Event, Stop};
use super::tracee::{Report, Stopped};
use super::trap::Trap;
use crate::arch::trace::{BREAKPOINT, BREAKPOINT_LENGTH};
use crate::{Errno, Result};

/// A software breakpoint in a tracee's code, with the bytes that it replaced. [`Stopped::read`]
/// shows the breakpoint, not those.
///
/// It is in the memory of the process, for all its threads, until it is
/// [removed](Self::remove); a child by `fork` has a copy. It stops every traced thread that
/// reaches it; one that is not traced is killed by `SIGTRAP`.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State};
/// use rawipc::trace::{self, Breakpoint, Options, Report, Stop};
/// use rawipc::Signal;
///
/// #[inline(never)]
/// extern "C" fn visited() {
///     core::hint::black_box(());
/// }
///
/// // SAFETY: the child only uses this crate and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         let ready = trace::traceme().and_then(|()| rawipc::signal::raise(Signal::STOP));
///         for _ in 0..3 {
///             core::hint::black_box(visited as extern "C" fn())();
///         }
///         process::exit(if ready.is_ok() { 0 } else { 1 })
///     }
///     Fork::Parent(child) => child,
/// };
/// let Report::Stopped(mut stopped) = trace::adopt(child, Options::KILL_ON_EXIT).wait()?
///     else { panic!("it has ended") };
/// let breakpoint = Breakpoint::insert(&stopped, visited as *const () as usize)?;
/// let mut visits = 0;
/// let state = loop {
///     stopped = match stopped.cont(None)?.wait()? {
///         Report::Stopped(stopped) => stopped,
///         Report::Ended(ended) => break ended.state,
///     };
///     if breakpoint.is_hit(&stopped)? {
///         visits += 1;
///         stopped = breakpoint.step_over(stopped)?.stopped().expect("it lives");
///         assert_eq!(stopped.stop(), Stop::Trap);
///     }
/// };
/// assert_eq!((visits, state), (3, State::Exited(0)));
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breakpoint {
    address: usize,
    before: [u8; BREAKPOINT.len()],
}

impl Breakpoint {
    /// Inserts a breakpoint at `address`, where an instruction must begin.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: no memory there, or a file's that is mapped shared
    /// and may not be written.
    pub fn insert(stopped: &Stopped, address: usize) -> Result<Self, Error> {
        let mut before = [0; BREAKPOINT.len()];
        whole(stopped.read(address, &mut before)?, before.len())?;
        whole(stopped.write(address, &BREAKPOINT)?, BREAKPOINT.len())?;
        Ok(Self { address, before })
    }

    /// Returns the address of the breakpoint.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// Returns whether the tracee has stopped because it reached this breakpoint. Its program
    /// counter is then at the breakpoint or behind it, depending on the machine:
    /// [`rewind`](Self::rewind) and [`step_over`](Self::step_over) know which.
    ///
    /// # Errors
    ///
    /// Those of [`Stopped::registers`].
    pub fn is_hit(&self, stopped: &Stopped) -> Result<bool, Error> {
        if stopped.stop() != Stop::Trap {
            return Ok(false);
        }
        let pc = stopped.pc()?;
        Ok(pc == self.address.wrapping_add(BREAKPOINT_LENGTH)
            && stopped.trap()? == Some(Trap::Breakpoint))
    }

    /// Moves the tracee's program counter back to the breakpoint, where the replaced
    /// instruction is still to be executed.
    ///
    /// # Errors
    ///
    /// Those of [`Stopped::registers`].
    pub fn rewind(&self, stopped: &Stopped) -> Result<(), Error> {
        if BREAKPOINT_LENGTH > 0 {
            stopped.set_pc(self.address)?;
        }
        Ok(())
    }

    /// Executes the replaced instruction: removes the breakpoint, makes a single step, and
    /// inserts it again.
    ///
    /// The report is that of the step, mostly a [`Stop::Trap`]. If a signal comes first, it is
    /// that of the signal, and the tracee will hit the breakpoint once more.
    ///
    /// The program sees nothing of the step, as of [`Stopped::step_hidden`]. Other threads of
    /// the process that run meanwhile can come by unseen.
    ///
    /// # Errors
    ///
    /// With the handle: [`Errno::IO`]: the memory is gone, or the machine has no single
    /// steps (riscv64).
    pub fn step_over(&self, stopped: Stopped) -> Result<Report, Refused<Stopped>> {
        let prepared = self.rewind(&stopped).and_then(|()| self.remove(&stopped));
        match prepared {
            // One that was killed is resumed to its end.
            Ok(()) | Err(Error::Gone) => {}
            Err(Error::Errno(errno)) => {
                return Err(Refused {
                    tracee: stopped,
                    errno,
                });
            }
        }
        let memory = Memory::open(&stopped);
        let report = HiddenStep::prepare(&stopped).make(stopped, None)?;
        if let Report::Stopped(stopped) = &report {
            // Of one that was killed the report to come says so. Another program has other
            // memory.
            match memory {
                Some(memory) => drop(memory.write(self.address, &BREAKPOINT)),
                None if self.is_as_before(stopped) => {
                    let _ = stopped.write(self.address, &BREAKPOINT);
                }
                None => {}
            }
        }
        Ok(report)
    }

    /// Whether the tracee executes the program that it did, as far as can be seen in it.
    fn is_as_before(&self, stopped: &Stopped) -> bool {
        let mut now = [0; BREAKPOINT.len()];
        !matches!(stopped.event(), Some(Event::Exec { .. }))
            && stopped.read(self.address, &mut now) == Ok(now.len())
            && now == self.before
    }

    /// Removes the breakpoint and restores the replaced bytes. [`insert`](Self::insert) makes a
    /// new one. A tracee that hit it and was not [rewound](Self::rewind) has not executed the
    /// instruction.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`]. [`Errno::IO`]: the memory is gone, as after an `exec`.
    pub fn remove(&self, stopped: &Stopped) -> Result<(), Error> {
        whole(
            stopped.write(self.address, &self.before)?,
            self.before.len(),
        )
    }
}

/// All of it, or nothing there.
fn whole(done: usize, wanted: usize) -> Result<(), Error> {
    if done == wanted {
        Ok(())
    } else {
        Err(Error::Errno(Errno::IO))
    }
}
