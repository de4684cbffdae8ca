//! The fork server: what a program that is to be fuzzed contains. It starts once, up to
//! where inputs are read, and forks a child for each input from there.
//!
//! ```text
//! let memory = server::open(memfd)?;
//! Link::new(&memory)?.serve(|input| { parse(input); 0 })
//! ```
//!
//! Neither std nor an allocator is needed here, so that a program without them can be
//! fuzzed too; and as it is small, its forks are the fastest.
//!
//! What makes an execution fast, the largest part first: few mappings, as each is copied
//! and removed again (a program without libc has a third of them); the bare `fork`,
//! without a libc's handlers and without what libc writes in the child, a page copied each
//! time; a child that leaves by `exit_group` at once. The channel counts for little: pipes
//! are as fast as these words in shared memory, which a child cannot touch, however.

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use rawipc::memory::Protection;
use rawipc::memory::memfd::{Memfd, VerifyError};
use rawipc::process::{self, Fork, State, WaitFlags};
use rawipc::signal::action::{self, Action, ActionFlags};
use rawipc::signal::{self, Set};
use rawipc::{Deadline, Errno, Pid, Result, Signal};
use rustix::process::getpid;

use crate::memory::{Answer, HELLO, HOLD, Memory, RUN};

/// What the fork server exits with when it is asked for what it does not know, and a
/// child that cannot begin.
const CONFUSED: i32 = 2;

/// The fuzzer that started this program.
pub(crate) struct Link<'m> {
    memory: &'m Memory,
    /// What the children block: what this program did.
    mask: Set,
    own: Pid,
}

/// The memory behind the descriptor whose number is in
/// [`VARIABLE`](crate::memory::VARIABLE). The descriptor is closed: the children have no
/// way to the channel.
pub(crate) fn open(memfd: Memfd) -> Result<Memory, VerifyError> {
    Memory::open(&memfd, Protection::READ)
}

impl<'m> Link<'m> {
    /// Prepares this process.
    pub(crate) fn new(memory: &'m Memory) -> Result<Self> {
        // A fault shall end a child as the kernel reports it: std's handler would make an
        // abort of a stack overflow.
        for signal in [Signal::SEGV, Signal::BUS] {
            action::set(signal, Action::DEFAULT)?;
        }
        // Blocked, so that it can be waited for with a deadline.
        action::set(
            Signal::CHILD,
            Action::DEFAULT.with_flags(ActionFlags::NOCLDSTOP),
        )?;
        let mask = signal::block(Signal::CHILD)?;
        Ok(Self {
            memory,
            mask,
            own: getpid(),
        })
    }

    /// Runs `target` on every input that the fuzzer gives, each time in a child of its
    /// own that exits with what it returns, until the fuzzer ends this process.
    ///
    /// This program may have no other thread, as the children have none of them: see
    /// [`process::fork`].
    pub(crate) fn serve(&self, target: impl Fn(&[u8]) -> i32) -> ! {
        let control = self.memory.control();
        self.answer(HELLO);
        loop {
            if control.ask.wait().is_err() {
                process::exit(CONFUSED);
            }
            let command = control.command.load(Relaxed);
            if !matches!(command, RUN | HOLD) {
                process::exit(CONFUSED);
            }
            let deadline = Deadline::after(Duration::from_nanos(control.limit.load(Relaxed)));
            let len = control.len.load(Relaxed) as usize;
            // SAFETY: there is one thread, and the child runs the target and leaves; it
            // does not return from here.
            let answer = match unsafe { process::fork() } {
                Ok(Fork::Child) => self.run(&target, len, command == HOLD),
                Ok(Fork::Parent(child)) => {
                    if command == HOLD {
                        control.child.store(child.as_raw_pid(), Relaxed);
                        let _ = control.done.post();
                    }
                    end_of(child, deadline).unwrap_or_else(Answer::Failed)
                }
                Err(errno) => Answer::Failed(errno),
            };
            self.answer(answer.to_number());
        }
    }

    fn answer(&self, number: u32) {
        let control = self.memory.control();
        control.answer.store(number, Relaxed);
        if control.done.post().is_err() {
            process::exit(CONFUSED);
        }
    }

    /// The child: from here on in a process of its own, in which the channel is not
    /// mapped.
    fn run(&self, target: &impl Fn(&[u8]) -> i32, len: usize, hold: bool) -> ! {
        let ready = signal::set_mask(self.mask)
            .and_then(|_| process::set_parent_death_signal(Some(Signal::KILL)));
        // It may have died before it was said that this shall follow.
        if ready.is_err() || process::parent_id() != Some(self.own) {
            process::exit(CONFUSED);
        }
        if hold && self.memory.notes().gate.wait().is_err() {
            process::exit(CONFUSED);
        }
        // SAFETY: the fuzzer writes the next input when this one's answer is there, and
        // here it is mapped for reading.
        let input = unsafe { self.memory.input().as_slice() }.unwrap_or_default();
        let input = input.get(..len).unwrap_or_default();
        process::exit(target(input))
    }
}

/// Waits until `child` has ended, which it has by the deadline: then it is killed.
fn end_of(child: Pid, deadline: Deadline) -> Result<Answer> {
    let mut hung = false;
    let state = loop {
        // The signal says that there is something to wait for. It is one system call with
        // a deadline, where a pidfd takes three.
        match signal::wait_until(Signal::CHILD, deadline) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::TIMEDOUT) => {
                // Not waited for yet: the number is still this child's.
                signal::send(child, Signal::KILL)?;
                hung = true;
                break process::wait(child, WaitFlags::EXITED)?.state;
            }
            Err(errno) => return Err(errno),
        }
        match process::try_wait(child, WaitFlags::EXITED) {
            Ok(change) => break change.state,
            Err(Errno::AGAIN) => {}
            Err(errno) => return Err(errno),
        }
    };
    Ok(match state {
        State::Exited(status) => Answer::Exited(status),
        State::Signalled {
            signal: Signal::KILL,
            ..
        } if hung => Answer::Hung,
        State::Signalled { signal, .. } => Answer::Killed(signal),
        _ => return Err(Errno::CHILD),
    })
}
