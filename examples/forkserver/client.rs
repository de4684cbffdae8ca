//! The fuzzer's side of the fork server: starts it, has it run inputs, ends it.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::ffi::CString;
use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, OwnedFd};

use rawipc::memory::memfd::Unfit;
use rawipc::process::{self, Fork, Pidfd, State, WaitFlags, exec, pidfd};
use rawipc::signal::{self, Set, Target};
use rawipc::{Deadline, Errno, Pid, Signal};
use rustix::process::{
    Resource, Rlimit, getpid, getppid, set_parent_process_death_signal, setrlimit, setsid,
};

use crate::memory::{Answer, HELLO, HOLD, INPUT_MAX, Memory, RUN, VARIABLE};

/// How long a program may take until it is ready, and a fork server to answer beyond the
/// time of the execution itself.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often to look whether the fork server is still there, and this process wanted: no
/// death and no blocked signal wakes anybody.
const LOOK: Duration = Duration::from_millis(100);
/// The exit status of a process that could not become the program.
const NOT_EXECUTED: i32 = 127;

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
    pid: Pid,
    process: Pidfd,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The program could not be executed.
    Start(Errno),
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

impl Client {
    /// Starts `program` and waits until it is ready. This process may have one thread
    /// only.
    pub(crate) fn start(program: &Program) -> Result<Self, Failure> {
        let (memfd, memory) = Memory::create().map_err(|unfit| match unfit {
            Unfit::Refused(errno) => Failure::Kernel(errno),
            _ => Failure::Kernel(Errno::INVAL),
        })?;
        let memfd = OwnedFd::from(memfd);
        let own = CString::new(format!("{VARIABLE}={}", memfd.as_raw_fd())).expect("no NUL");
        let env = program.env.iter().chain([&own]);
        let args = list(program.words.iter());
        let env = list(env);
        let (args, env) = (strings(&args), strings(&env));
        let path = program.words.first().ok_or(Failure::Start(Errno::NOENT))?;
        let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null");
        let nowhere = nowhere.map_err(|_| Failure::Kernel(Errno::NOENT))?;
        let fuzzer = getpid();
        // The channel is not inherited by a fork, and this is to be said before the exec.
        let refusal = rawipc::memory::MapOptions::shared(4096).map_anonymous()?;
        let refusal: &core::sync::atomic::AtomicU32 = refusal.object(0).expect("a word");

        // SAFETY: there is one thread; the child uses this crate and bare system calls,
        // and becomes another program or exits.
        let pid = match unsafe { process::fork()? } {
            Fork::Parent(pid) => pid,
            Fork::Child => {
                let prepared = prepare(program, fuzzer, &nowhere);
                let errno = match prepared {
                    Ok(()) => exec::path(path, args, env),
                    Err(errno) => errno,
                };
                refusal.store(errno.raw_os_error() as u32, Relaxed);
                process::exit(NOT_EXECUTED)
            }
        };
        drop(memfd);
        let client = Self {
            memory,
            pid,
            process: pidfd::open(pid)?,
        };
        match client.heard(PATIENCE) {
            Ok(HELLO) => Ok(client),
            Ok(other) => Err(Failure::Nonsense(other)),
            Err(Failure::Ended(_)) if refusal.load(Relaxed) != 0 => {
                let errno = Errno::from_raw_os_error(refusal.load(Relaxed) as i32);
                Err(Failure::Start(errno))
            }
            Err(failure) => Err(failure),
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
        while self.memory.notes().gate.try_wait() {}
        self.ask(HOLD, input, limit)?;
        self.wait(PATIENCE)?;
        let child = self.memory.control().child.load(Relaxed);
        match Pid::from_raw(child) {
            Some(child) if child != self.pid => Ok(child),
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
            if let Some(change) = process::try_wait(&self.process, flags)? {
                return Err(Failure::Ended(change.state));
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

/// What the child does before it becomes the program.
fn prepare(program: &Program, fuzzer: Pid, nowhere: &std::fs::File) -> rawipc::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(fuzzer) {
        return Err(Errno::SRCH);
    }
    // What the terminal sends is for the fuzzer; and all that the program starts can be
    // signalled as one group.
    setsid()?;
    signal::set_mask(Set::EMPTY)?;
    for stream in [
        rustix::stdio::dup2_stdin,
        rustix::stdio::dup2_stdout,
        rustix::stdio::dup2_stderr,
    ] {
        stream(nowhere)?;
    }
    let limit = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    // A core dump takes far longer than an execution.
    setrlimit(Resource::Core, limit(0))?;
    if let Some(memory) = program.memory {
        setrlimit(Resource::As, limit(memory))?;
    }
    Ok(())
}

fn list<'s>(words: impl Iterator<Item = &'s CString>) -> Vec<Option<exec::StringRef<'s>>> {
    let words = words.map(|word| Some(exec::StringRef::new(word)));
    words.chain([None]).collect()
}

fn strings<'a>(list: &'a [Option<exec::StringRef<'a>>]) -> exec::Strings<'a> {
    exec::Strings::new(list).expect("it ends with None")
}

impl Drop for Client {
    fn drop(&mut self) {
        // Its group first, while its number is its own: what its children started too.
        let _ = signal::send(Target::Group(self.pid), Signal::KILL);
        let _ = self.process.send_signal(Signal::KILL);
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
            Self::Start(errno) => write!(f, "cannot be started: {errno}"),
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
            Self::Kernel(errno) => write!(f, "the kernel refused: {errno}"),
        }
    }
}

impl core::error::Error for Failure {}
