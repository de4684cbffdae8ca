//! Breakpoints made of an instruction.
#![forbid(unsafe_code)]

use super::error::{Error, Refused};
use super::hidden::HiddenStep;
use super::memory::Memory;
use super::stop::{Event, Stop};
use super::tracee::{Report, Stopped};
use super::trap::Trap;
use crate::arch::trace::{BREAKPOINT, BREAKPOINT_LENGTH};
use crate::{Errno, Result};

/// An instruction in a tracee's code that stops every thread that comes to it, and what
/// stood there before. Not in the way of reads: [`Stopped::read`] sees it.
///
/// It is in the memory of the process, for all its threads, and stays there until it is
/// [removed](Self::remove); a child by `fork` has a copy. A thread that comes to it and
/// is not traced is killed by `SIGTRAP`.
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
    /// Puts a breakpoint where the instruction at `address` begins; in the middle of one
    /// it makes another instruction of it.
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

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// Whether the tracee has stopped because it came here. It then stands at the
    /// breakpoint, or behind it, as the machine has it: [`rewind`](Self::rewind) and
    /// [`step_over`](Self::step_over) know.
    ///
    /// # Errors
    ///
    /// As [`Stopped::registers`].
    pub fn is_hit(&self, stopped: &Stopped) -> Result<bool, Error> {
        if stopped.stop() != Stop::Trap {
            return Ok(false);
        }
        let pc = stopped.pc()?;
        Ok(pc == self.address as u64 + BREAKPOINT_LENGTH
            && stopped.trap()? == Some(Trap::Breakpoint))
    }

    /// Has a tracee that hit it stand at its address, where the instruction that was
    /// there is still to be executed.
    ///
    /// # Errors
    ///
    /// As [`Stopped::registers`].
    pub fn rewind(&self, stopped: &Stopped) -> Result<(), Error> {
        if BREAKPOINT_LENGTH > 0 {
            stopped.set_pc(self.address as u64)?;
        }
        Ok(())
    }

    /// Lets a tracee that hit it execute the instruction that was there: takes the
    /// breakpoint out, makes a step, and puts it in again. The report is the step's:
    /// mostly a [`Stop::Trap`]. If a signal comes first, then that, with the step not
    /// made: the tracee will hit the breakpoint once more.
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

    /// Puts back what stood there. The breakpoint can be put in again by
    /// [`insert`](Self::insert). A tracee that hit it and was not
    /// [rewound](Self::rewind) has not executed the instruction.
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
