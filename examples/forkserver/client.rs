//! The fuzzer's side of the fork server: starts it, has it run inputs, ends it.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::ffi::CString;
use std::fs::OpenOptions;

use rawipc::errno::Described;
use rawipc::memory::memfd::VerifyError;
use rawipc::process::{
    self, Command, FdMapping, Resource, Rlimit, SpawnError, Spawned, State, WaitFlags, exec,
};
use rawipc::signal::{self, Target};
use rawipc::{BorrowedFd, Deadline, Errno, Pid, RawFd, Signal};

use crate::memory::{Answer, HELLO, HOLD, INPUT_MAX, Memory, RUN, VARIABLE};

/// How long a program may take until it is ready, and a fork server to answer beyond the
/// time of the execution itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How often to look whether the fork server is still there, and this process wanted: no
/// death and no blocked signal wakes anybody.
pub(crate) const LOOK: Duration = Duration::from_millis(100);
/// Under which number the program has the memory.
const DESCRIPTOR: RawFd = 198;

/// What to start, and how.
pub(crate) struct Program {
    /// The path, and after it the arguments.
    pub(crate) words: Vec<CString>,
    /// Its environment, `NAME=value`, to which the fork server's is added.
    pub(crate) env: Vec<CString>,
    /// How many bytes of addresses it may have (`RLIMIT_AS`).
    pub(crate) memory: Option<u64>,
}

/// A fork server that was started. Dropped, it is ended with all its children.
pub(crate) struct Client {
    memory: Memory,
    process: Spawned,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The program could not be executed.
    Start(SpawnError),
    /// It ended.
    Ended(State),
    /// It says nothing: it is perhaps no fork server.
    Silent,
    /// It says what no fork server says.
    Nonsense(u32),
    /// This process was asked to end: `SIGINT` or `SIGTERM` is blocked and pending.
    Interrupted,
    /// The kernel refused something.
    Kernel(Errno),
}

impl Program {
    /// Starts the program with `more` in its environment, and with `input` and these descriptors.
    pub(crate) fn started(
        &self,
        more: &[&CString],
        input: Option<BorrowedFd<'_>>,
        descriptors: &[FdMapping<'_>],
    ) -> Result<Spawned, Failure> {
        let path = self.words.first().ok_or(Failure::Kernel(Errno::NOENT))?;
        let args = list(self.words.iter());
        let env = list(self.env.iter().chain(more.iter().copied()));
        let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null");
        let nowhere = nowhere.map_err(|_| Failure::Kernel(Errno::NOENT))?;
        let mut inherited = vec![
            FdMapping::new(&nowhere, 0),
            FdMapping::new(&nowhere, 1),
            FdMapping::new(&nowhere, 2),
        ];
        if let Some(input) = &input {
            inherited[0] = FdMapping::new(input, 0);
        }
        inherited.extend_from_slice(descriptors);
        // A core dump takes far longer than an execution.
        let mut limits = vec![(Resource::Core, at_most(0))];
        limits.extend(self.memory.map(|memory| (Resource::As, at_most(memory))));
        Command::path(path, strings(&args), strings(&env))
            .inherit(&inherited)
            .close_others()
            // What the terminal sends is for the fuzzer; and all that the program starts
            // can be signalled as one group.
            .new_session()
            .parent_death_signal(Signal::KILL)
            .reset_signals()
            .limits(&limits)
            .spawn()
            .map_err(Failure::Start)
    }
}

impl Client {
    /// Starts `program` and waits until it is ready.
    pub(crate) fn start(program: &Program) -> Result<Self, Failure> {
        let (memfd, memory) = Memory::create().map_err(|unfit| match unfit {
            VerifyError::Refused(errno) => Failure::Kernel(errno),
            _ => Failure::Kernel(Errno::INVAL),
        })?;
        let own = CString::new(format!("{VARIABLE}={DESCRIPTOR}")).expect("no NUL");
        let descriptors = [FdMapping::new(&memfd, DESCRIPTOR)];
        let process = program.started(&[&own], None, &descriptors)?;
        let client = Self { memory, process };
        match client.heard(PATIENCE)? {
            HELLO => Ok(client),
            other => Err(Failure::Nonsense(other)),
        }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Runs the input in a child, which is killed after `limit`.
    pub(crate) fn run(&self, input: &[u8], limit: Duration) -> Result<Answer, Failure> {
        self.ask(RUN, input, limit)?;
        self.answer(limit)
    }

    /// Makes a child that waits to be [let go](Self::let_go) before it runs the input,
    /// and returns its number. What became of it, [`answer`](Self::answer) says.
    pub(crate) fn hold(&self, input: &[u8], limit: Duration) -> Result<Pid, Failure> {
        while self.memory.notes().gate.try_wait().is_ok() {}
        self.ask(HOLD, input, limit)?;
        self.wait(PATIENCE)?;
        let child = self.memory.control().child.load(Relaxed);
        match Pid::from_raw(child) {
            Some(child) if child != self.process.pid => Ok(child),
            _ => Err(Failure::Nonsense(child as u32)),
        }
    }

    pub(crate) fn let_go(&self) {
        // A child that has spoilt its gate stays there until its time is over.
        let _ = self.memory.notes().gate.post();
    }

    /// What became of the child.
    pub(crate) fn answer(&self, limit: Duration) -> Result<Answer, Failure> {
        let number = self.heard(limit + PATIENCE)?;
        Answer::from_number(number).ok_or(Failure::Nonsense(number))
    }

    fn ask(&self, command: u32, input: &[u8], limit: Duration) -> Result<(), Failure> {
        let input = &input[..input.len().min(INPUT_MAX)];
        let control = self.memory.control();
        self.memory.input().write_at(0, input).expect("it fits");
        control.len.store(input.len() as u32, Relaxed);
        control.limit.store(limit.as_nanos() as u64, Relaxed);
        control.command.store(command, Relaxed);
        // The post makes what was stored before visible to whoever takes the unit.
        control.ask.post().map_err(|_| Failure::Silent)
    }

    fn heard(&self, patience: Duration) -> Result<u32, Failure> {
        self.wait(patience)?;
        Ok(self.memory.control().answer.load(Relaxed))
    }

    /// Waits until the fork server says something.
    fn wait(&self, patience: Duration) -> Result<(), Failure> {
        let deadline = Deadline::after(patience);
        loop {
            let look = Deadline::after(LOOK).min(deadline);
            match self.memory.control().done.wait_until(look) {
                Ok(()) => return Ok(()),
                Err(Errno::TIMEDOUT) => {}
                Err(errno) => return Err(errno.into()),
            }
            let flags = WaitFlags::EXITED | WaitFlags::PEEK;
            match process::try_wait(&self.process, flags) {
                Ok(change) => return Err(Failure::Ended(change.state)),
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
            let pending = signal::pending()?;
            if [Signal::INT, Signal::TERM]
                .into_iter()
                .any(|end| pending.contains(end))
            {
                return Err(Failure::Interrupted);
            }
            if deadline.has_passed() {
                return Err(Failure::Silent);
            }
        }
    }
}

pub(crate) fn at_most(limit: u64) -> Rlimit {
    Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    }
}

pub(crate) fn list<'s>(
    words: impl Iterator<Item = &'s CString>,
) -> Vec<Option<exec::StringRef<'s>>> {
    let words = words.map(|word| Some(exec::StringRef::new(word)));
    words.chain([None]).collect()
}

pub(crate) fn strings<'a>(list: &'a [Option<exec::StringRef<'a>>]) -> exec::Strings<'a> {
    exec::Strings::new(list).expect("it ends with None")
}

impl Drop for Client {
    fn drop(&mut self) {
        // Its group first, while its number is its own: what its children started too.
        let _ = signal::send(Target::Group(self.process.pid), Signal::KILL);
        let _ = self.process.pidfd.send_signal(Signal::KILL);
        let _ = process::wait(&self.process, WaitFlags::EXITED);
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Kernel(errno)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "cannot be started: {error}"),
            Self::Ended(State::Exited(status)) => {
                write!(f, "ended with status {status} and not as a fork server")
            }
            Self::Ended(State::Signalled { signal, .. }) => {
                write!(f, "was ended by signal {}", signal.as_raw())
            }
            Self::Ended(state) => write!(f, "ended: {state:?}"),
            Self::Silent => f.write_str("does not answer: it is perhaps no fork server"),
            Self::Nonsense(number) => write!(f, "answers {number:#x}, which means nothing"),
            Self::Interrupted => f.write_str("is not needed any more"),
            Self::Kernel(errno) => write!(f, "the kernel refused: {}", Described(*errno)),
        }
    }
}

impl core::error::Error for Failure {}
