//! `heir COUNT`: has so many processes, one after the other, take a lock, change half of what it
//! guards, and be killed; each inherits the lock from the one before, and repairs what that one left.
//!
//! No std, no libc, no allocator, and nothing dynamic: what runs is this and rawipc.
#![no_std]
#![no_main]

mod say;

use core::ffi::CStr;
use core::fmt::Display;

use rawipc::members::{Member, Region};
use rawipc::memory::Mapping;
use rawipc::process::{self, Fork};
use rawipc::start::Start;
use rawipc::sync::{LockError, Mutex, MutexGuard};
use rawipc::{RawFd, Signal};
use rustix::process::WaitOptions;

use say::{Decimal, say};

const OUT: RawFd = 1;
const ERR: RawFd = 2;

/// The exit status if a lock was lost, or what it guards.
const FAILED: i32 = 1;
/// The exit status for a call that there is nothing to be done with.
const UNUSABLE: i32 = 2;

rawipc::entry!(main, small);
rawipc::panic_handler!(silent);
rawipc::memory_functions!();

fn main(start: Start) -> i32 {
    let mut args = start.args().iter();
    let _heir = args.next();
    let (Some(count), None) = (args.next().and_then(number), args.next()) else {
        say!(ERR, b"heir: usage: heir COUNT\n");
        return UNUSABLE;
    };
    let Ok(inherited) = inherit(count) else {
        say!(OUT, b"heir: FAILED\n");
        return FAILED;
    };
    let inherited = Decimal::new(inherited);
    say!(OUT, inherited.as_bytes(), b" locks inherited ok\n");
    0
}

/// The number that a text of digits means.
fn number(text: &CStr) -> Option<u64> {
    let digits = text.to_bytes();
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        Some(10 * number + u64::from(digit))
    })
}

/// The error of every function here: the program only says that it failed.
struct Failed;

type Result<T = (), E = Failed> = core::result::Result<T, E>;

impl<E: Display> From<E> for Failed {
    fn from(_: E) -> Self {
        Self
    }
}

/// Two counts that agree whenever nobody holds the lock: what is done, and what is known to be.
type Account = [u64; 2];

fn inherit(count: u64) -> Result<u64> {
    // The account, at the beginning of memory that all join.
    let region = Region::create(size_of::<Mutex<Account>>())?;
    let memory = region.map()?;
    for _ in 0..count {
        // SAFETY: this process has one thread and no libc.
        if let Fork::Child = unsafe { process::fork() }? {
            let _ = die(&region, &memory);
            process::exit(FAILED)
        }
        let end = rustix::process::wait(WaitOptions::empty())?;
        let signal = end.and_then(|(_, status)| status.terminating_signal());
        if signal != Some(Signal::KILL.as_raw()) {
            return Err(Failed);
        }
    }
    let me = region.join()?;
    let [done, known] = lock(&memory, &me)?.get();
    if (done, known) == (count, count) {
        Ok(done)
    } else {
        Err(Failed)
    }
}

/// Takes the lock, does half of what is to be done, and dies.
fn die(region: &Region, memory: &Mapping) -> Result {
    let me = region.join()?;
    let mut account = lock(memory, &me)?;
    account.update(|[done, _]| *done += 1);
    rustix::process::kill_process(rustix::process::getpid(), Signal::KILL)?;
    Ok(())
}

/// Takes the lock, and repairs what one who died with it has left.
fn lock<'a>(memory: &'a Mapping, me: &'a Member) -> Result<MutexGuard<'a, Account, Member>> {
    match memory.object::<Mutex<Account>>(0)?.lock(me) {
        Ok(account) => Ok(account),
        Err(LockError::OwnerDied(mut account)) => {
            account.update(|[done, known]| *known = *done);
            account.make_consistent();
            Ok(account)
        }
        Err(_) => Err(Failed),
    }
}
