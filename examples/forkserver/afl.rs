//! The fuzzer's side of AFL++'s fork server: any program that afl-fuzz runs, and C programs
//! with `target.h`.
//!
//! Four bytes on the descriptor 198 ask for an execution; the child's number and then its wait
//! status come on 199. The coverage map is System V shared memory, the input is the standard
//! input, or shared memory if the program asks for it. In persistent mode a child stops after an input instead of ending.

use core::cell::Cell;
use core::sync::atomic::AtomicU64;
use core::time::Duration;
use std::ffi::{CString, OsStr};
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;

use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::memory::Mapping;
use rawipc::memory::memfd::{self, Memfd, MemfdFlags};
use rawipc::pipe::{self, PipeFlags, Reader, Writer};
use rawipc::process::{
    self, Command, FdMapping, Resource, Spawned, Tree, WaitFlags, kill_tree, pidfd,
};
use rawipc::signal::{self, Target};
use rawipc::sysv::memory::{self as segment, AttachFlags, SegmentFlags};
use rawipc::sysv::{Create, Key};
use rawipc::trace::{self, Options};
use rawipc::{AsFd, Deadline, Errno, Pid, RawFd, Signal};
use rustix::fs::{SeekFrom, seek};
use rustix::process::getsid;

use crate::client::{Failure, LOOK, Program, at_most, list, strings};
use crate::memory::{Answer, INPUT_MAX, MAP_SIZE};
use crate::triage::{Scene, follow};

/// Where the program finds the pipes.
const CONTROL: RawFd = 198;
const STATUS: RawFd = 199;
/// The environment variables with the numbers of the coverage map, and of the memory for inputs.
const MAP: &str = "__AFL_SHM_ID";
const INPUTS: &str = "__AFL_SHM_FUZZ_ID";

/// The marks in programs compiled for AFL++, each with the variable that must be set for it: persistent mode,
/// and a fork server that begins where the program says instead of before `main`.
const SIGNATURES: [(&[u8], &str); 2] = [
    (b"##SIG_AFL_PERSISTENT##", "__AFL_PERSISTENT=1"),
    (b"##SIG_AFL_DEFER_FORKSRV##", "__AFL_DEFER_FORKSRV=1"),
];

/// In what a fork server says first: whether there are options in it, or an error.
const OPTIONS: u32 = 0x8000_0001;
const ERROR: u32 = 0xf800_008f;
/// It has a dictionary for us, which it would wait to be rid of.
const DICTIONARY: u32 = 0x1000_0000;
/// It takes inputs from shared memory, and waits to be told that it gets them there.
const INPUTS_SHARED: u32 = 0x0100_0000;
/// It says the size of the map.
const SIZE_SAID: u32 = 0x4000_0000;

/// A fork server that was started. Dropped, it is ended with all its children.
pub(crate) struct Afl<'p> {
    program: &'p Program,
    process: Spawned,
    /// How long it may say nothing, beyond the time of an execution.
    patience: Duration,
    control: Writer,
    status: Reader,
    map: Mapping,
    /// How much of the map the program uses.
    used: usize,
    /// The length of an input and the input, if the program takes it from there.
    shared: Option<Mapping>,
    /// The program's standard input, whose position it shares.
    input: Memfd,
    /// The length of the input in it.
    len: Cell<usize>,
    /// A word that was read from the pipe ahead of time.
    ahead: Cell<Option<i32>>,
    /// True if the last child was killed: the fork server is told so.
    killed: Cell<bool>,
}

impl<'p> Afl<'p> {
    /// Starts `program` and waits until its fork server is ready; where it says nothing for the
    /// time of `patience`, now or later, it is [`Failure::Silent`].
    pub(crate) fn start(program: &'p Program, patience: Duration) -> Result<Self, Failure> {
        let (map, map_named) = segment(MAP, MAP_SIZE)?;
        let (shared, shared_named) = segment(INPUTS, size_of::<u32>() + INPUT_MAX)?;
        let input = memfd::create("input", MemfdFlags::empty())?;
        let (theirs, control) = pipe::create(PipeFlags::empty())?;
        let (status, their_status) = pipe::create(PipeFlags::empty())?;
        // As AFL++ does: else every child binds libc's functions anew.
        let mut variables = vec![CString::from(c"LD_BIND_NOW=1"), map_named, shared_named];
        variables.extend(signed(program));
        let variables: Vec<&CString> = variables.iter().collect();
        let descriptors = [
            FdMapping::new(&theirs, CONTROL),
            FdMapping::new(&their_status, STATUS),
        ];
        let process = program.started(&variables, Some(input.as_fd()), &descriptors)?;
        let mut afl = Self {
            program,
            process,
            patience,
            control,
            status,
            map,
            used: MAP_SIZE,
            shared: None,
            input,
            len: Cell::new(0),
            ahead: Cell::new(None),
            killed: Cell::new(false),
        };
        drop((theirs, their_status));
        let hello = afl.heard(Deadline::after(patience))?.cast_unsigned();
        if hello & ERROR == ERROR {
            return Err(Failure::Nonsense(hello));
        }
        if hello & OPTIONS == OPTIONS {
            afl.agree(hello, shared)?;
        }
        Ok(afl)
    }

    /// Does as the options say.
    fn agree(&mut self, options: u32, offered: Mapping) -> Result<(), Failure> {
        let size = (options >> 1 & 0x7f_ffff) as usize + 1;
        if options & DICTIONARY != 0 || options & SIZE_SAID != 0 && size > MAP_SIZE {
            return Err(Failure::Nonsense(options));
        }
        if options & SIZE_SAID != 0 {
            // As words, and at least one.
            self.used = size.next_multiple_of(8);
        }
        if options & INPUTS_SHARED != 0 {
            self.shared = Some(offered);
            let answer = OPTIONS | INPUTS_SHARED;
            let _ = self.control.write_all(&answer.to_ne_bytes());
        }
        Ok(())
    }

    /// The coverage map, eight edges a word.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        self.map.objects(0, self.used / 8).expect("as long as it")
    }

    /// Runs the input in a child, which is killed after `limit`.
    pub(crate) fn run(&self, input: &[u8], limit: Duration) -> Result<Answer, Failure> {
        match &self.shared {
            Some(shared) => lay_shared(shared, input),
            None => self.lay(input)?,
        }
        let killed = u32::from(self.killed.take());
        // A fork server that has ended is noticed where there is no answer.
        let _ = self.control.write_all(&killed.to_ne_bytes());
        let deadline = Deadline::after(limit);
        let number = self.heard(Deadline::after(self.patience))?;
        let child = Pid::from_raw(number.max(0)).ok_or(Failure::Nonsense(number as u32))?;
        let status = match self.heard(deadline) {
            Err(Failure::Silent) => {
                self.killed.set(true);
                self.kill(child);
                self.heard(Deadline::after(self.patience))?
            }
            status => status?,
        };
        let how = status.cast_unsigned();
        match how & 0xff {
            0 => Ok(Answer::Exited((how >> 8) as u8)),
            // Stopped: ready for the next one.
            0x7f => Ok(Answer::Exited(0)),
            9 if self.killed.get() => Ok(Answer::Hung),
            signal => {
                let signal = signal::from_number((signal & 0x7f) as i32);
                signal.map(Answer::Killed).ok_or(Failure::Nonsense(how))
            }
        }
    }

    /// Kills `child`, which the fork server may have waited for by now; unless it is another's: what a
    /// program says is not to be believed.
    fn kill(&self, child: Pid) {
        let Ok(pidfd) = pidfd::open(child) else {
            return;
        };
        let is_its = match pidfd.info() {
            Ok(info) => {
                let parent = info.numbers.and_then(|numbers| numbers.parent);
                parent == Some(self.process.pid)
            }
            // Before Linux 6.13 none is told; the fork server leads a session of its own.
            Err(_) => getsid(Some(child)) == Ok(self.process.pid),
        };
        if is_its {
            let _ = pidfd.send_signal(Signal::KILL);
        }
    }

    /// Has the program read `input`.
    fn lay(&self, input: &[u8]) -> Result<(), Failure> {
        let input = &input[..input.len().min(INPUT_MAX)];
        rustix::io::pwrite(&self.input, input, 0)?;
        if self.len.replace(input.len()) != input.len() {
            self.input.set_size(input.len() as u64)?;
        }
        seek(&self.input, SeekFrom::Start(0))?;
        Ok(())
    }

    /// Waits for the next word of the fork server; [`Failure::Silent`] after the deadline.
    fn heard(&self, deadline: Deadline) -> Result<i32, Failure> {
        if let Some(word) = self.ahead.take() {
            return Ok(word);
        }
        let mut words = [0; 8];
        let mut len = 0;
        while len % 4 != 0 || len == 0 {
            let look = Deadline::after(LOOK).min(deadline);
            // There is nothing yet, as a rule: a read first would be in vain.
            let mut word = [PollFd::new(&self.status, Readiness::IN)];
            let read =
                poll::wait_until(&mut word, look).and_then(|_| self.status.read(&mut words[len..]));
            match read {
                Ok(0) => {
                    let end = process::wait(&self.process, WaitFlags::EXITED | WaitFlags::PEEK)?;
                    return Err(Failure::Ended(end.state));
                }
                Ok(some) => len += some,
                Err(Errno::TIMEDOUT | Errno::INTR) => {
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
                Err(errno) => return Err(errno.into()),
            }
        }
        let [a, b, c, d, e, f, g, h] = words;
        if len == 8 {
            self.ahead.set(Some(i32::from_ne_bytes([e, f, g, h])));
        }
        Ok(i32::from_ne_bytes([a, b, c, d]))
    }

    /// Runs `input` in a program of its own, without a fork server, traced.
    pub(crate) fn scene(&self, input: &[u8], limit: Duration) -> Result<Option<Scene>, Failure> {
        self.lay(input)?;
        let args = list(self.program.words.iter());
        let env = list(self.program.env.iter());
        let nowhere = OpenOptions::new().write(true).open("/dev/null");
        let nowhere = nowhere.map_err(|_| Failure::Kernel(Errno::NOENT))?;
        let descriptors = [
            FdMapping::new(&self.input, 0),
            FdMapping::new(&nowhere, 1),
            FdMapping::new(&nowhere, 2),
        ];
        let limits = [
            (Resource::Core, at_most(0)),
            (Resource::Cpu, at_most(limit.as_secs() + 1)),
        ];
        let path = &self.program.words[0];
        let process = Command::path(path, strings(&args), strings(&env))
            .inherit(&descriptors)
            .close_others()
            .new_session()
            .parent_death_signal(Signal::KILL)
            .reset_signals()
            .limits(&limits)
            .traced()
            .spawn()
            .map_err(Failure::Start)?;
        let scene = follow(trace::adopt(process.pid, Options::KILL_ON_EXIT))?;
        // What it has started itself.
        let _ = kill_tree(Tree::Group(process.pid));
        Ok(scene)
    }
}

/// The variables that the program's [`SIGNATURES`] ask for.
fn signed(program: &Program) -> Vec<CString> {
    let path = program.words.first().map(|path| path.to_bytes());
    let path = OsStr::from_bytes(path.unwrap_or_default());
    // What cannot be read cannot be executed either, as a rule; that is said then.
    let file = std::fs::read(path).unwrap_or_default();
    let has = |signature: &[u8]| file.windows(signature.len()).any(|some| some == signature);
    let variables = SIGNATURES.iter().filter(|(signature, _)| has(signature));
    variables
        .map(|&(_, variable)| CString::new(variable).expect("no NUL"))
        .collect()
}

/// Memory that a program finds by a number in its environment, and that variable.
fn segment(variable: &str, size: usize) -> Result<(Mapping, CString), Failure> {
    let segment = segment::create(Key::PRIVATE, size, SegmentFlags::empty(), Create::NEW)?;
    let mapping = segment.attach(AttachFlags::empty());
    let named = CString::new(format!("{variable}={}", segment.id())).expect("no NUL");
    // It can still be attached by its number, and ends with the last who has it.
    segment.remove()?;
    Ok((mapping?, named))
}

/// Has the program find `input` in shared memory.
fn lay_shared(shared: &Mapping, input: &[u8]) {
    let input = &input[..input.len().min(INPUT_MAX)];
    let len = input.len() as u32;
    shared.write_at(0, &len.to_ne_bytes()).expect("it fits");
    shared.write_at(size_of::<u32>(), input).expect("it fits");
}

impl Drop for Afl<'_> {
    fn drop(&mut self) {
        // Its group first, while its number is its own: what its children started too.
        let _ = signal::send(Target::Group(self.process.pid), Signal::KILL);
        let _ = self.process.pidfd.send_signal(Signal::KILL);
        let _ = process::wait(&self.process, WaitFlags::EXITED);
    }
}
