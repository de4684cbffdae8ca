//! Single steps that are hidden from the program.
#![forbid(unsafe_code)]

use super::error::{Error, Refused};
use super::stop::Stop;
use super::tracee::{Report, Stopped};
use crate::arch::trace::{PLACES, TRAP_FLAG, shows_step};
use crate::arch::{Places, Shows};
use crate::sys::trace as sys;
use crate::{Errno, Result, Signal};

impl Stopped {
    /// Like [`step`](Self::step), but waits for the result, and hides the trap flag from the
    /// program.
    ///
    /// Together with the wait a step is four system calls, and a few more for an
    /// instruction that saves or loads the flags. On machines where a program cannot see
    /// that it is stepped (aarch64) it is two.
    ///
    /// x86_64: What `pushf` and `syscall` save is corrected after the step. A trap flag that
    /// the program loads by `popf` or `iret` stays. Not corrected are the register `r11` of a
    /// thread or process that the step creates, and the flags of the interrupted program
    /// where `signal` is delivered before a `popf` or `iret`.
    ///
    /// # Errors
    ///
    /// With the handle: those of [`step`](Self::step), and [`Errno::CHILD`] as
    /// [`Running::wait`](super::Running::wait), of which [`Errno::INTR`] is not one: it goes on.
    pub fn step_hidden(self, signal: Option<Signal>) -> Result<Report, Refused<Self>> {
        HiddenStep::prepare(&self).make(self, signal)
    }
}

/// A step of which the program does not learn: an instruction that saves the flags would
/// save the one too by which the processor is told to step.
pub(super) struct HiddenStep {
    /// What has to be seen to, if anything.
    care: Option<Care>,
}

struct Care {
    shows: Shows,
    places: Places,
    /// Where the instruction is, and where the one behind it.
    from: usize,
    behind: usize,
}

impl HiddenStep {
    /// Looks at the instruction where the tracee stands. What cannot be found out, as the
    /// tracee was killed or its code cannot be read, has nothing to hide either.
    pub(super) fn prepare(stopped: &Stopped) -> Self {
        let care = match PLACES {
            Some(places) => Care::look(stopped, places).unwrap_or(None),
            None => None,
        };
        Self { care }
    }

    /// Makes it, and waits for what comes of it.
    pub(super) fn make(
        self,
        stopped: Stopped,
        signal: Option<Signal>,
    ) -> Result<Report, Refused<Stopped>> {
        let mut running = match &self.care {
            Some(care) if care.steps_itself(&stopped, signal) => {
                stopped.cont(None).inspect_err(|refused| {
                    let _ = clear(&refused.tracee, care.places.flags);
                })?
            }
            _ => stopped.step(signal)?,
        };
        let report = loop {
            match running.wait() {
                Ok(report) => break report,
                // A step is soon made.
                Err(Refused {
                    tracee,
                    errno: Errno::INTR,
                }) => running = tracee,
                // Its end was taken by another wait: it is gone, whatever it is asked.
                Err(Refused { tracee, errno }) => {
                    return Err(Refused {
                        tracee: Stopped::new(tracee.tid(), Stop::Trap),
                        errno,
                    });
                }
            }
        };
        if let (Some(care), Report::Stopped(stopped)) = (self.care, &report) {
            // What a tracee that was killed has saved does not matter.
            let _ = care.hide(stopped);
        }
        Ok(report)
    }
}

impl Care {
    fn look(stopped: &Stopped, places: Places) -> Result<Option<Self>, Error> {
        let from = sys::peekuser(stopped.tid(), places.pc)?;
        let mut code = [0; size_of::<usize>()];
        let len = match stopped.peek(from) {
            Ok(word) => {
                code = word.to_ne_bytes();
                code.len()
            }
            // At the end of what is mapped.
            Err(_) => stopped.read(from, &mut code)?,
        };
        let (shows, length) = shows_step(code.get(..len).unwrap_or_default());
        if shows == Shows::Nothing {
            return Ok(None);
        }
        let flags = sys::peekuser(stopped.tid(), places.flags)?;
        // A program that steps itself is to see that.
        Ok((flags & TRAP_FLAG == 0).then_some(Self {
            shows,
            places,
            from,
            behind: from.wrapping_add(length as usize),
        }))
    }

    /// Sets the trap flag as if the program had done so, where the instruction takes it
    /// away again. Told to step over such an instruction the kernel takes the flag for the
    /// program's from then on, also in the steps to come, and leaves it there.
    fn steps_itself(&self, stopped: &Stopped, signal: Option<Signal>) -> bool {
        // A system call may be still to be carried out, or a handler to be called.
        let is_next = !matches!(stopped.stop(), Stop::Syscall(_) | Stop::Event(_));
        self.shows == Shows::Loads
            && signal.is_none()
            && is_next
            && sys::peekuser(stopped.tid(), self.places.flags)
                .and_then(|flags| {
                    sys::pokeuser(stopped.tid(), self.places.flags, flags | TRAP_FLAG)
                })
                .is_ok()
    }

    fn hide(self, stopped: &Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let places = self.places;
        // Elsewhere it is after an exec, a return from a handler or the call of one; and in
        // code of 32 bits, where what looked like a prefix was an instruction.
        let place = match self.shows {
            Shows::Loads => self.from,
            _ => self.behind,
        };
        if sys::peekuser(tid, places.pc)? != place {
            return Ok(());
        }
        match self.shows {
            Shows::Nothing => {}
            Shows::OnStack => {
                let top = sys::peekuser(tid, places.sp)?;
                // The flag is in the lower half of the smallest form.
                let mut saved = [0; 2];
                if stopped.read(top, &mut saved)? == saved.len() {
                    let flags = u16::from_le_bytes(saved) & !(TRAP_FLAG as u16);
                    stopped.write(top, &flags.to_le_bytes())?;
                }
            }
            Shows::InRegister => clear(stopped, places.saved_flags)?,
            // It was not executed: a signal came first.
            Shows::Loads => clear(stopped, places.flags)?,
        }
        Ok(())
    }
}

/// Takes the trap flag from a register.
fn clear(stopped: &Stopped, place: usize) -> Result<(), Error> {
    let flags = sys::peekuser(stopped.tid(), place)?;
    if flags & TRAP_FLAG != 0 {
        sys::pokeuser(stopped.tid(), place, flags & !TRAP_FLAG)?;
    }
    Ok(())
}
