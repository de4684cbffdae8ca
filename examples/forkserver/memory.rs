//! What the fuzzer and a target share: one memfd in three parts, and who may touch what.
//!
//! | part | fuzzer | fork server | its children |
//! |---|---|---|---|
//! | [`Control`], the command channel | writes | writes | have it not |
//! | [`Notes`] and the coverage map | reads, clears | | write |
//! | the input | writes | | read |
//!
//! A child that runs wild can spoil its own notes and coverage, and nothing else.

use core::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64};

use rawipc::memory::memfd::{self, Memfd, MemfdFlags, Seals, VerifyError};
use rawipc::memory::{Advice, MapOptions, Mapping, Protection, Shared};
use rawipc::sync::Semaphore;
use rawipc::{Errno, Signal};

/// How many edges the coverage map counts, a byte each, as AFL's does.
pub(crate) const MAP_SIZE: usize = 1 << 16;
/// The longest input.
pub(crate) const INPUT_MAX: usize = 1 << 16;
/// A multiple of every page size, in which the parts are.
const PART: usize = 1 << 16;

/// The environment variable with the number of the memfd.
pub(crate) const VARIABLE: &str = "RAWIPC_FORKSERVER";

/// What the fork server says when it is ready.
pub(crate) const HELLO: u32 = 0xf0_0001;

/// The command channel: each side posts when the other has something to read.
#[repr(C)]
pub(crate) struct Control {
    /// The fuzzer posts: there is a command.
    pub(crate) ask: Semaphore,
    /// The fork server posts: there is an answer.
    pub(crate) done: Semaphore,
    pub(crate) command: AtomicU32,
    /// Of [`RUN`] and [`HOLD`]: the length of the input, and how long the child may take,
    /// in nanoseconds.
    pub(crate) len: AtomicU32,
    pub(crate) limit: AtomicU64,
    /// The answer to [`HOLD`]: the child's number.
    pub(crate) child: AtomicI32,
    /// The answer: [`Answer`] as a number.
    pub(crate) answer: AtomicU32,
}

/// Run the input, and answer when the child has ended.
pub(crate) const RUN: u32 = 1;
/// The same, but the child waits at the [gate](Notes::gate) first, and its number is an
/// answer before.
pub(crate) const HOLD: u32 = 2;

/// What a child may write, beside the coverage map.
#[repr(C)]
pub(crate) struct Notes {
    /// Where a child that was asked for with [`HOLD`] waits.
    pub(crate) gate: Semaphore,
    /// The size of the memory that the child did not get, if there was such.
    pub(crate) refused: AtomicU64,
}

// SAFETY: every field is Shared.
unsafe impl Shared for Control {}
// SAFETY: every field is Shared.
unsafe impl Shared for Notes {}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Exited(u8),
    Killed(Signal),
    /// The fork server killed it after the limit.
    Hung,
    /// There was no child, or at the start no fork server.
    Failed(Errno),
}

impl Answer {
    pub(crate) fn to_number(self) -> u32 {
        match self {
            Self::Exited(status) => status.into(),
            Self::Killed(signal) => 0x100 | signal.as_raw() as u32,
            Self::Hung => 0x200,
            Self::Failed(errno) => 0x1_0000 | errno.raw_os_error() as u32,
        }
    }

    /// `None` for what no fork server answers.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        let low = number & 0xff;
        Some(match number {
            0..=0xff => Self::Exited(low as u8),
            0x101..=0x140 => Self::Killed(rawipc::signal::from_number(low as i32)?),
            0x200 => Self::Hung,
            0x1_0001..=0x1_0fff => Self::Failed(Errno::from_raw_os_error((number & 0xfff) as i32)),
            _ => return None,
        })
    }
}

/// All three parts, mapped.
pub(crate) struct Memory {
    control: Mapping,
    child: Mapping,
    input: Mapping,
}

impl Memory {
    /// New memory: for the fuzzer, which hands on the memfd.
    pub(crate) fn create() -> Result<(Memfd, Self), VerifyError> {
        let make = || {
            let memfd = memfd::create("forkserver", MemfdFlags::empty())?;
            memfd.set_size(4 * PART as u64)?;
            memfd.seal(Seals::SHRINK | Seals::GROW | Seals::SEAL)?;
            Ok(memfd)
        };
        let memfd = make().map_err(VerifyError::Refused)?;
        let memory = Self::open(&memfd, Protection::READ | Protection::WRITE)?;
        Ok((memfd, memory))
    }

    /// What the fuzzer made: `input` says what may be done with the input.
    pub(crate) fn open(memfd: &Memfd, input: Protection) -> Result<Self, VerifyError> {
        let part = |offset: usize, len, protection| {
            MapOptions::shared(len)
                .offset(offset as u64)
                .protection(protection)
                .map_sealed(memfd, Seals::empty())
        };
        let both = Protection::READ | Protection::WRITE;
        let memory = Self {
            control: part(0, PART, both)?,
            child: part(PART, PART + MAP_SIZE, both)?,
            input: part(PART + PART + MAP_SIZE, INPUT_MAX, input)?,
        };
        let channel = memory.control.advise(.., Advice::DontFork);
        channel.map_err(VerifyError::Refused)?;
        Ok(memory)
    }

    pub(crate) fn control(&self) -> &Control {
        self.control.object(0).expect("as long as a part")
    }

    pub(crate) fn notes(&self) -> &Notes {
        self.child.object(0).expect("as long as a part")
    }

    /// The coverage map, a byte an edge.
    pub(crate) fn edges(&self) -> &[AtomicU8] {
        self.child
            .objects(PART, MAP_SIZE)
            .expect("behind the notes")
    }

    /// The same, eight edges a word.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        self.child.objects(PART, MAP_SIZE / 8).expect("the same")
    }

    pub(crate) fn input(&self) -> &Mapping {
        &self.input
    }
}
