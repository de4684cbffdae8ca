//! The fuzzer's side of AFL++'s fork server: any program that afl-fuzz runs, and C programs
//! with `target.h`.
//!
//! Four bytes on the descriptor 198 ask for an execution; the child's number and then its wait
//! status come on 199. The coverage map is System V shared memory, the input is the standard
//! input. In persistent mode a child stops after an input instead of ending.

use core::cell::Cell;
use core::sync::atomic::AtomicU64;
use core::time::Duration;
use std::ffi::CString;
use std::fs::OpenOptions;

use rawipc::memory::Mapping;
use rawipc::memory::memfd::{self, Memfd, MemfdFlags};
use rawipc::pipe::{self, PipeFlags, Reader, Writer};
use rawipc::process::{self, Command, FdMapping, Resource, Spawned, Tree, WaitFlags, kill_tree};
use rawipc::signal::{self, Target};
use rawipc::sysv::memory::{self as segment, AttachFlags, SegmentFlags};
use rawipc::sysv::{Create, Key};
use rawipc::trace::{self, Options};
use rawipc::{AsFd, Deadline, Errno, Pid, RawFd, Signal};
use rustix::fs::{SeekFrom, seek};

use crate::client::{Failure, LOOK, PATIENCE, Program, at_most, list, strings};
use crate::memory::{Answer, INPUT_MAX, MAP_SIZE};
use crate::triage::{Scene, follow};

/// Where the program finds the pipes.
const CONTROL: RawFd = 198;
const STATUS: RawFd = 199;
/// The environment variable with the number of the coverage map.
const MAP: &str = "__AFL_SHM_ID";

/// In what a fork server says first: whether there are options in it, and which of them want
/// an answer (a dictionary, inputs in shared memory) or say an error.
const OPTIONS: u32 = 0x8000_0001;
const WANT_ANSWER: u32 = 0x1000_0000 | 0x0100_0000;
const ERROR: u32 = 0xf800_008f;
/// Where they say the size of the map.
const SIZE_SAID: u32 = 0x4000_0000;

/// A fork server that was started. Dropped, it is ended with all its children.
pub(crate) struct Afl<'p> {
    program: &'p Program,
    process: Spawned,
    control: Writer,
    status: Reader,
    map: Mapping,
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
    /// Starts `program` and waits until its fork server is ready, or says nothing for the
    /// time of `patience`.
    pub(crate) fn start(program: &'p Program, patience: Duration) -> Result<Self, Failure> {
        let segment = segment::create(Key::PRIVATE, MAP_SIZE, SegmentFlags::empty(), Create::NEW)?;
        let map = segment.attach(AttachFlags::empty());
        let own = CString::new(format!("{MAP}={}", segment.id())).expect("no NUL");
        // It can still be attached by its number, and ends with the last who has it.
        segment.remove()?;
        let map = map?;
        let input = memfd::create("input", MemfdFlags::empty())?;
        let (theirs, control) = pipe::create(PipeFlags::empty())?;
        let (status, their_status) = pipe::create(PipeFlags::empty())?;
        // As AFL++ does: else every child binds libc's functions anew.
        let bind = CString::new("LD_BIND_NOW=1").expect("no NUL");
        let descriptors = [
            FdMapping::new(&theirs, CONTROL),
            FdMapping::new(&their_status, STATUS),
        ];
        let process = program.started(&[&own, &bind], Some(input.as_fd()), &descriptors)?;
        let afl = Self {
            program,
            process,
            control,
            status,
            map,
            input,
            len: Cell::new(0),
            ahead: Cell::new(None),
            killed: Cell::new(false),
        };
        drop((theirs, their_status));
        let hello = afl.heard(Deadline::after(patience))?.cast_unsigned();
        let has_options = hello & OPTIONS == OPTIONS;
        let size = (hello >> 1 & 0x7f_ffff) as usize + 1;
        if hello & ERROR == ERROR
            || has_options
                && (hello & WANT_ANSWER != 0 || hello & SIZE_SAID != 0 && size > MAP_SIZE)
        {
            return Err(Failure::Nonsense(hello));
        }
        Ok(afl)
    }

    /// The coverage map, eight edges a word.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        self.map.objects(0, MAP_SIZE / 8).expect("as long as it")
    }

    /// Runs the input in a child, which is killed after `limit`.
    pub(crate) fn run(&self, input: &[u8], limit: Duration) -> Result<Answer, Failure> {
        self.lay(input)?;
        let killed = u32::from(self.killed.take());
        // A fork server that has ended is noticed where there is no answer.
        let _ = self.control.write_all(&killed.to_ne_bytes());
        let deadline = Deadline::after(limit);
        let number = self.heard(Deadline::after(PATIENCE))?;
        let child = Pid::from_raw(number.max(0)).ok_or(Failure::Nonsense(number as u32))?;
        let status = match self.heard(deadline) {
            Err(Failure::Silent) => {
                self.killed.set(true);
                // The fork server may have waited for it by now, as AFL++'s may.
                let _ = signal::send(child, Signal::KILL);
                self.heard(Deadline::after(PATIENCE))?
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
            match self.status.read_until(&mut words[len..], look) {
                Ok(0) => {
                    let end = process::wait(&self.process, WaitFlags::EXITED | WaitFlags::PEEK)?;
                    return Err(Failure::Ended(end.state));
                }
                Ok(some) => len += some,
                Err(Errno::TIMEDOUT) => {
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

impl Drop for Afl<'_> {
    fn drop(&mut self) {
        // Its group first, while its number is its own: what its children started too.
        let _ = signal::send(Target::Group(self.process.pid), Signal::KILL);
        let _ = self.process.pidfd.send_signal(Signal::KILL);
        let _ = process::wait(&self.process, WaitFlags::EXITED);
    }
}
