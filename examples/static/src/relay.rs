//! `relay FILE`: sends a file from one process to another in each of three ways, and
//! says whether it arrived.
//!
//! No std, no libc, no allocator, and nothing dynamic: what runs is this and rawipc.
#![no_std]
#![no_main]

mod say;

use core::ffi::CStr;
use core::fmt::Display;
use core::mem::ManuallyDrop;
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use rawipc::event::timerfd::Clock;
use rawipc::memory::{MapOptions, Mapping, Shared};
use rawipc::pipe::{self, PipeFlags};
use rawipc::process::{self, Fork};
use rawipc::ring::spsc;
use rawipc::start::Start;
use rawipc::sync::Semaphore;
use rawipc::{Deadline, OwnedFd, Pid, RawFd, Signal, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::process::WaitOptions;

use say::{Decimal, say};

const OUT: RawFd = 1;
const ERR: RawFd = 2;

const ALL_ARRIVED: i32 = 0;
const NOT_ALL_ARRIVED: i32 = 1;
/// The exit status for a call or a file that there is nothing to be done with.
const UNUSABLE: i32 = 2;

/// The file goes in pieces of this size.
const PIECE: usize = 2048;

/// How long one process waits for the other before it gives up.
const PATIENCE: i64 = 10;

rawipc::entry!(main, small);
rawipc::panic_handler!(silent);
rawipc::memory_functions!(small);

fn main(start: Start) -> i32 {
    let mut args = start.args().iter();
    let _relay = args.next();
    let (Some(path), None) = (args.next(), args.next()) else {
        say!(ERR, b"relay: usage: relay FILE\n");
        return UNUSABLE;
    };
    let Ok((file, sent)) = read(path) else {
        say!(ERR, b"relay: ", path.to_bytes(), b": cannot be read\n");
        return UNUSABLE;
    };
    let mut status = ALL_ARRIVED;
    let mut attempt = |name: &[u8], way: Way| {
        let mut arrived = Sum::NOTHING;
        let outcome: &[u8] = if way(&file, &mut arrived).is_ok() && arrived == sent {
            b" bytes ok\n"
        } else {
            status = NOT_ALL_ARRIVED;
            b" bytes FAILED\n"
        };
        let bytes = Decimal::new(arrived.bytes);
        say!(OUT, name, bytes.as_bytes(), outcome);
    };
    attempt(b"pipe ", by_pipe);
    attempt(b"ring ", by_ring);
    attempt(b"semaphore ", by_semaphore);
    status
}

/// That something failed. What, is said by where.
struct Failed;

type Result<T = (), E = Failed> = core::result::Result<T, E>;

impl<E: Display> From<E> for Failed {
    fn from(_: E) -> Self {
        Self
    }
}

fn read(path: &CStr) -> Result<(OwnedFd, Sum)> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut sum = Sum::NOTHING;
    pieces(&file, &mut |piece| {
        sum.add(piece);
        Ok(())
    })?;
    Ok((file, sum))
}

/// How many bytes there were, and a checksum of them and their order: FNV-1a.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sum {
    bytes: u64,
    hash: u64,
}

impl Sum {
    const NOTHING: Self = Self {
        bytes: 0,
        hash: 0xcbf2_9ce4_8422_2325,
    };

    fn add(&mut self, piece: &[u8]) {
        for &byte in piece {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        self.bytes += piece.len() as u64;
    }
}

/// Gives the file piece after piece to `give`, and at its end an empty piece.
fn pieces(file: &OwnedFd, give: &mut dyn FnMut(&[u8]) -> Result) -> Result {
    let mut buffer = [MaybeUninit::uninit(); PIECE];
    let mut at = 0;
    loop {
        let (piece, _) = rustix::io::pread(file, &mut buffer, at)?;
        give(piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        at += piece.len() as u64;
    }
}

/// Sends the file from a process of its own and counts what arrives in this one.
type Way = fn(&OwnedFd, &mut Sum) -> Result;

fn fork() -> Result<Fork> {
    // SAFETY: this process has one thread and no libc.
    Ok(unsafe { process::fork() }?)
}

/// Ends the process that sends.
fn sent(result: Result) -> ! {
    process::exit(result.is_err().into())
}

/// Adds what `take` puts into the buffer until that is nothing, and waits for the
/// end of the process that sends.
fn receive(
    sender: Pid,
    arrived: &mut Sum,
    take: &mut dyn FnMut(&mut [u8; PIECE]) -> Result<usize>,
) -> Result {
    let mut buffer = [0; PIECE];
    let result = loop {
        match take(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(len) => arrived.add(buffer.get(..len).unwrap_or_default()),
            Err(Failed) => break Err(Failed),
        }
    };
    if result.is_err() {
        // It may be waiting for this process. Perhaps it has ended by itself.
        let _ = rustix::process::kill_process(sender, Signal::KILL);
    }
    match rustix::process::waitpid(Some(sender), WaitOptions::empty())? {
        Some((_, end)) if end.exit_status() == Some(0) => result,
        _ => Err(Failed),
    }
}

fn by_pipe(file: &OwnedFd, arrived: &mut Sum) -> Result {
    // Each is written whole or not at all.
    const { assert!(PIECE <= pipe::ATOMIC_SIZE) }

    let (reader, writer) = pipe::create(PipeFlags::empty())?;
    let Fork::Parent(sender) = fork()? else {
        drop(reader);
        sent(pieces(file, &mut |piece| {
            Ok(writer.write(piece).map(drop)?)
        }))
    };
    drop(writer);
    receive(sender, arrived, &mut |buffer| Ok(reader.read(buffer)?))
}

/// Through a ring in a memfd. Either process attaches its end for itself.
fn by_ring(file: &OwnedFd, arrived: &mut Sum) -> Result {
    let ring: spsc::Ring = spsc::Ring::create(16 * PIECE)?;
    let mut consumer = ring.consumer()?;
    let Fork::Parent(sender) = fork()? else {
        sent(send_by_ring(&ring, file))
    };
    receive(sender, arrived, &mut |buffer| {
        Ok(consumer.recv_until(buffer, patience())?)
    })
}

fn send_by_ring(ring: &spsc::Ring, file: &OwnedFd) -> Result {
    let mut producer = ring.producer()?;
    pieces(file, &mut |piece| Ok(producer.send(piece)?))
}

/// Through one place in shared memory, handed over by two semaphores.
fn by_semaphore(file: &OwnedFd, arrived: &mut Sum) -> Result {
    // All zeroes, which is a semaphore without units.
    // Unmapped when the process ends.
    let memory = ManuallyDrop::new(MapOptions::shared(size_of::<Place>() + PIECE).map_anonymous()?);
    // Without the account that `object` keeps of the sizes it has handed out.
    // SAFETY: at the beginning of the mapping, which is longer, writable and aligned; made of
    // atomics, and everybody accesses it as nothing else.
    let place = unsafe { &*memory.as_ptr().cast::<Place>() };
    place.free.post()?;
    let Fork::Parent(sender) = fork()? else {
        sent(pieces(file, &mut |piece| place.put(&memory, piece)))
    };
    receive(sender, arrived, &mut |buffer| place.take(&memory, buffer))
}

/// The end of [`PATIENCE`]. The clock is asked by its system call: the way without one is
/// larger than this program.
#[inline(never)]
fn patience() -> Deadline {
    let now = Clock::Monotonic.now();
    Deadline::At(Timespec {
        tv_sec: now.tv_sec + PATIENCE,
        ..now
    })
}

/// Precedes the piece.
#[repr(C)]
struct Place {
    /// 1 while the place is free.
    free: Semaphore,
    /// 1 while a piece is in the place.
    full: Semaphore,
    /// The length of the piece, 0 at the end of the file.
    len: AtomicUsize,
}

// SAFETY: every field is Shared.
unsafe impl Shared for Place {}

impl Place {
    fn put(&self, memory: &Mapping, piece: &[u8]) -> Result {
        self.free.wait_until(patience())?;
        // Relaxed: the semaphores order it.
        self.len.store(piece.len(), Relaxed);
        memory.write_at(size_of::<Self>(), piece)?;
        Ok(self.full.post()?)
    }

    fn take(&self, memory: &Mapping, buffer: &mut [u8; PIECE]) -> Result<usize> {
        self.full.wait_until(patience())?;
        let len = self.len.load(Relaxed);
        let piece = buffer.get_mut(..len).ok_or(Failed)?;
        memory.read_at(size_of::<Self>(), piece)?;
        self.free.post()?;
        Ok(len)
    }
}
