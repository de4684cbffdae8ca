//! `share FILE`: has two processes send a file to two others through one ring, each what it
//! comes to, and says whether all of it arrived.
//!
//! No std, no libc, no allocator, and nothing dynamic: what runs is this and rawipc.
#![no_std]
#![no_main]

mod say;

use core::ffi::CStr;
use core::fmt::Display;
use core::mem::MaybeUninit;

use rawipc::event::timerfd::Clock;
use rawipc::process::{self, Fork};
use rawipc::ring::{Error, mpmc};
use rawipc::start::Start;
use rawipc::{Deadline, OwnedFd, RawFd, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::process::WaitOptions;

use say::{Decimal, say};

const OUT: RawFd = 1;
const ERR: RawFd = 2;

/// The exit status if not all arrived.
const FAILED: i32 = 1;
/// The exit status for a call or a file that there is nothing to be done with.
const UNUSABLE: i32 = 2;

/// How many processes send, and how many receive.
const SIDES: u64 = 2;

/// The file goes in pieces of this size.
const PIECE: usize = 2048;

/// How long a process waits for the others before it gives up.
const PATIENCE: i64 = 10;

rawipc::entry!(main, small);
rawipc::panic_handler!(silent);
rawipc::memory_functions!(small);

fn main(start: Start) -> i32 {
    let mut args = start.args().iter();
    let _share = args.next();
    let (Some(path), None) = (args.next(), args.next()) else {
        say!(ERR, b"share: usage: share FILE\n");
        return UNUSABLE;
    };
    let Ok((file, sent)) = read(path) else {
        say!(ERR, b"share: ", path.to_bytes(), b": cannot be read\n");
        return UNUSABLE;
    };
    let mut arrived = [0; 2];
    let is_all = share(&file, &mut arrived).is_ok() && arrived == sent;
    let bytes = Decimal::new(arrived[0]);
    let outcome: &[u8] = if is_all {
        b" bytes ok\n"
    } else {
        b" bytes FAILED\n"
    };
    say!(OUT, bytes.as_bytes(), outcome);
    if is_all { 0 } else { FAILED }
}

/// The error of every function here: the program only says that it failed.
struct Failed;

type Result<T = (), E = Failed> = core::result::Result<T, E>;

impl<E: Display> From<E> for Failed {
    fn from(_: E) -> Self {
        Self
    }
}

/// How many bytes there were, and a checksum, to which each piece adds whenever it comes.
type Sum = [u64; 2];

/// The bytes of a sum.
const SUM: usize = 16;

fn from_bytes(bytes: [u8; SUM]) -> Sum {
    let sum = u128::from_ne_bytes(bytes);
    [(sum >> 64) as u64, sum as u64]
}

fn add(to: &mut Sum, more: Sum) {
    for (to, more) in to.iter_mut().zip(more) {
        *to = to.wrapping_add(more);
    }
}

/// The sum of one piece: FNV-1a.
fn sum(piece: &[u8]) -> Sum {
    let hash = piece.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3_u64)
    });
    [piece.len() as u64, hash]
}

fn read(path: &CStr) -> Result<(OwnedFd, Sum)> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut all = [0; 2];
    pieces(&file, 0, 1, &mut |piece| {
        add(&mut all, sum(piece));
        Ok(())
    })?;
    Ok((file, all))
}

/// Gives every `step`th piece of the file to `give`, from the one of number `first` on.
fn pieces(file: &OwnedFd, first: u64, step: u64, give: &mut dyn FnMut(&[u8]) -> Result) -> Result {
    let mut buffer = [MaybeUninit::uninit(); PIECE];
    let mut number = first;
    loop {
        let (piece, _) = rustix::io::pread(file, &mut buffer, number * PIECE as u64)?;
        if piece.is_empty() {
            return Ok(());
        }
        give(piece)?;
        number += step;
    }
}

/// Starts a process that does `run` and ends.
fn start(run: &mut dyn FnMut() -> Result) -> Result {
    // SAFETY: this process has one thread and no libc.
    if let Fork::Child = unsafe { process::fork() }? {
        process::exit(run().is_err().into())
    }
    Ok(())
}

fn share(file: &OwnedFd, arrived: &mut Sum) -> Result {
    let ring: mpmc::Ring = mpmc::Ring::create(16, PIECE)?;
    let sums: mpmc::Ring = mpmc::Ring::create(SIDES as usize, SUM)?;
    // While there is this end the ring is not closed, even if one process is done before the
    // other begins.
    let producer = ring.producer()?;
    let mut consumer = sums.consumer()?;
    for number in 0..SIDES {
        start(&mut || send(&ring, file, number))?;
    }
    for _ in 0..SIDES {
        start(&mut || receive(&ring, &sums))?;
    }
    // Those that receive go on until the ring is closed: by the last one that sends, or here.
    let first = wait(SIDES);
    drop(producer);
    wait(SIDES).and(first)?;
    for _ in 0..SIDES {
        let mut buffer = [0; SUM];
        consumer.recv_until(&mut buffer, patience())?;
        add(arrived, from_bytes(buffer));
    }
    Ok(())
}

/// Waits until so many processes have ended, and says whether each did what it had to.
fn wait(count: u64) -> Result {
    let mut result = Ok(());
    for _ in 0..count {
        let end = rustix::process::wait(WaitOptions::empty())?;
        if end.and_then(|(_, status)| status.exit_status()) != Some(0) {
            result = Err(Failed);
        }
    }
    result
}

/// Sends every piece whose turn it is, of the first process or the second.
fn send(ring: &mpmc::Ring, file: &OwnedFd, number: u64) -> Result {
    let mut producer = ring.producer()?;
    pieces(file, number, SIDES, &mut |piece| {
        Ok(producer.send_until(piece, patience())?)
    })
}

/// Receives what there is, and tells the sum of it.
fn receive(ring: &mpmc::Ring, sums: &mpmc::Ring) -> Result {
    let mut consumer = ring.consumer()?;
    let mut buffer = [0; PIECE];
    let mut all = [0; 2];
    loop {
        match consumer.recv_until(&mut buffer, patience()) {
            Ok(len) => add(&mut all, sum(buffer.get(..len).unwrap_or_default())),
            Err(Error::Closed) => break,
            Err(_) => return Err(Failed),
        }
    }
    let sum = u128::from(all[0]) << 64 | u128::from(all[1]);
    Ok(sums
        .producer()?
        .send_until(&sum.to_ne_bytes(), patience())?)
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
