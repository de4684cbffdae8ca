//! One of the two processes that play a row, seen from the one that watches.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rawipc::process::{self, Children, WaitFlags};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, kill_process_group,
    set_parent_process_death_signal, setrlimit,
};

use crate::control::{Control, Report, Word};
use crate::half::{Failure, Half};
use crate::link::Link;
use crate::options::{Part, Role};

const STDERR: RawFd = 2;

/// Killed and reaped when dropped, with every process that it started.
pub(crate) struct Actor {
    pub(crate) role: Role,
    pub(crate) state: State,
    pub(crate) control: Control,
    /// It has closed its end of `control`.
    pub(crate) gone: bool,
    child: Child,
    /// And reaped: its number may be another's.
    ended: bool,
}

pub(crate) enum State {
    Playing,
    Done(Report),
    Failed(Failure),
    /// Killed while it played, for what the other did: its own failure says nothing.
    Stopped,
}

impl Actor {
    /// Starts this executable again to play `part`, which inherits `keep`.
    pub(crate) fn start(part: &Part, control: Control, keep: [RawFd; 3]) -> io::Result<Self> {
        let parent = getpid();
        let mut command = Command::new("/proc/self/exe");
        command
            .args(part.to_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // What it starts ends with it.
            .process_group(0);
        let prepare = move || {
            for fd in keep {
                // SAFETY: the caller holds them until the child has started.
                let fd = unsafe { BorrowedFd::borrow_raw(fd) };
                fcntl_setfd(fd, FdFlags::empty())?;
            }
            // One that crashes must not leave a file either.
            let none = Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            setrlimit(Resource::Core, none)?;
            // Whoever kills the tour ends the actors, too.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            match getppid() == Some(parent) {
                true => Ok(()),
                false => Err(Errno::SRCH.into()),
            }
        };
        // SAFETY: between fork and exec the closure only makes system calls, and
        // does not allocate.
        unsafe { command.pre_exec(prepare) };
        Ok(Self {
            role: part.role,
            state: State::Playing,
            control,
            gone: false,
            child: command.spawn()?,
            ended: false,
        })
    }

    /// Takes note of the next word. What the process that watches has to know.
    pub(crate) fn listen(&mut self) -> Option<Word> {
        let word = match self.control.hear() {
            Ok(word) => word,
            Err(error) => Some(Word::Failed(error.into())),
        };
        match word {
            None => {
                self.gone = true;
                if matches!(self.state, State::Playing) {
                    self.state = State::Failed(self.end());
                }
                None
            }
            Some(Word::Done(report)) => {
                self.state = State::Done(report);
                None
            }
            Some(Word::Failed(failure)) => {
                self.state = State::Failed(failure);
                None
            }
            other => other,
        }
    }

    /// How a process ended that did not say so.
    fn end(&self) -> Failure {
        let Some(pid) = self.pid() else {
            return Failure::of("has no number");
        };
        // It stays a zombie, which keeps its number and its group's.
        match process::wait(pid, WaitFlags::EXITED | WaitFlags::PEEK) {
            Ok(change) => Failure::of(&match change.state {
                process::State::Exited(status) => format!("exit status {status}"),
                process::State::Signalled { signal, .. } => {
                    format!("killed by signal {}", signal.as_raw())
                }
                state => format!("{state:?}"),
            }),
            Err(errno) => errno.into(),
        }
    }

    /// Kills and reaps it, with every process that it started.
    pub(crate) fn end_now(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.child.wait();
            // Orphans of its group have become children of the tour.
            while process::wait(Children::Group(pid), WaitFlags::EXITED).is_ok() {}
        }
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.end_now();
    }
}

/// Plays `part` in this process. Whether it went well.
pub(crate) fn play(part: Part) -> bool {
    let half = || {
        let control = Control::from_fd(inherited(part.control)?);
        let link = Link::from_fd(inherited(part.link)?);
        let file = File::from(inherited(part.file)?);
        Ok::<_, Errno>(match part.role {
            Role::Sender => Half::sender(control, link, file, part.size, part.scratch),
            Role::Receiver => Half::receiver(control, link, part.scratch),
        })
    };
    half().is_ok_and(|half| half.play(part.mechanism.row))
}

/// Takes a descriptor that this process was started with.
fn inherited(fd: RawFd) -> rawipc::Result<OwnedFd> {
    if fd <= STDERR {
        return Err(Errno::BADF);
    }
    // SAFETY: only for the call, which refuses a number that is no descriptor's.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and nobody else here knows of it: std opens nothing
    // before main, and each number of a part is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
