//! [`backtrace`]: who called, by the chain of frame pointers.
#![forbid(unsafe_code)]

use core::iter::FusedIterator;

use super::error::Error;
use super::tracee::Stopped;
use crate::arch::trace::FRAME_BELOW;

/// The maximum number of frames of one [`Backtrace`].
pub const MAX_FRAMES: usize = 1024;

const WORD: usize = size_of::<usize>();

/// One function of a [`Backtrace`].
///
/// # Examples
///
/// ```
/// use rawipc::process::{Command, exec};
/// use rawipc::trace::{self, Options, Report};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).traced().spawn()?;
/// let running = trace::adopt(child.pid, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
///
/// // Before its first instruction: nobody has called.
/// let frame = trace::backtrace(&stopped)?.next().ok_or("no function")?;
/// println!("at {:#x}, frame pointer {:#x}", frame.pc, frame.fp);
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it is: of the innermost the next instruction, of all others that after the call.
    pub pc: usize,
    /// Its frame pointer, above those of all that it has called; 0 where it has none that can
    /// be, which makes it the last.
    pub fp: usize,
}

/// The functions that a stopped tracee is in, from the innermost outwards; see [`backtrace`].
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork};
/// use rawipc::signal;
/// use rawipc::trace::{self, Options, Report};
/// use rawipc::Signal;
///
/// // SAFETY: the child only uses this crate and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         let ready = trace::traceme().and_then(|()| signal::raise(Signal::STOP));
///         process::exit(i32::from(ready.is_err()))
///     }
///     Fork::Parent(child) => child,
/// };
/// let running = trace::adopt(child, Options::KILL_ON_EXIT);
/// let Report::Stopped(stopped) = running.wait()? else { return Err("it has ended".into()) };
/// for (depth, frame) in trace::backtrace(&stopped)?.enumerate() {
///     println!("{depth}: {:#x}", frame.pc);
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Backtrace<'s> {
    stopped: &'s Stopped,
    next: Option<Frame>,
    left: usize,
}

/// Returns the functions that the tracee is in, from the innermost outwards, by the frame
/// pointers on its stack.
///
/// The first frame is where it stands, from its registers; each further one is a read of two
/// words of its memory. The program must have been compiled with frame pointers
/// (`-fno-omit-frame-pointer`, `-C force-frame-pointers=yes`); of one that was not there is
/// mostly the first frame alone. A function that keeps no frame, or has not set it up yet, hides
/// its caller.
///
/// Whatever is on the stack, this is a list of bounded length: each frame must lie above the one before, be aligned,
/// and be memory of the tracee; and there are [`MAX_FRAMES`] at most. What a hostile program left
/// there is still what is returned: the addresses need not be of code. On aarch64 return
/// addresses have the authentication codes with which the program signed them.
///
/// # Errors
///
/// Those of [`Stopped::registers`].
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork};
/// use rawipc::trace::{self, Options, Report};
/// use rawipc::Signal;
///
/// // SAFETY: the child only uses this crate and exits.
/// let child = match unsafe { process::fork()? } {
///     Fork::Child => {
///         let ready = trace::traceme().and_then(|()| rawipc::signal::raise(Signal::STOP));
///         process::exit(i32::from(ready.is_err()))
///     }
///     Fork::Parent(child) => child,
/// };
/// let Report::Stopped(stopped) = trace::adopt(child, Options::KILL_ON_EXIT).wait()?
///     else { panic!("it has ended") };
/// let pc = stopped.registers()?.pc();
/// let mut frames = trace::backtrace(&stopped)?.take(32);
/// assert_eq!(frames.next().map(|frame| frame.pc), Some(pc));
/// for caller in frames {
///     println!("called from {:#x}", caller.pc);
/// }
/// stopped.kill().wait_end()?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
pub fn backtrace(stopped: &Stopped) -> Result<Backtrace<'_>, Error> {
    let registers = stopped.registers()?;
    let (pc, fp) = (registers.pc(), registers.fp());
    Ok(Backtrace {
        stopped,
        next: Some(Frame { pc, fp }),
        left: MAX_FRAMES,
    })
}

impl Backtrace<'_> {
    /// The frame of who called the function of this one.
    fn caller(&self, of: Frame) -> Option<Frame> {
        let at = of.fp.checked_sub(FRAME_BELOW)?;
        // No machine has frames elsewhere: this is no frame pointer.
        if at == 0 || at % WORD != 0 {
            return None;
        }
        let mut words = [0; 2 * WORD];
        if self.stopped.read(at, &mut words) != Ok(words.len()) {
            return None;
        }
        let (fp, pc) = words.split_at(WORD);
        let word = |bytes: &[u8]| bytes.try_into().ok().map(usize::from_ne_bytes);
        let (fp, pc) = (word(fp)?, word(pc)?);
        // The outermost has nothing to return to.
        (pc != 0).then_some(Frame { pc, fp })
    }
}

impl Iterator for Backtrace<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let frame = self.next.take()?;
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            // The last one's pointer may be 0, or anything where its function was not
            // compiled to have one: that one is not gone on from.
            self.next = self.caller(frame).map(|caller| match caller.fp > frame.fp {
                true => caller,
                false => Frame { fp: 0, ..caller },
            });
        }
        Some(frame)
    }
}

impl FusedIterator for Backtrace<'_> {}
