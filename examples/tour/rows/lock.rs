//! Locks on a file, which holds the number that both halves count up.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use rawipc::errno::Described;
use rawipc::lock::{Kind, flock as whole, lease as leases, ofd as range, process as by_process};
use rawipc::signal::io::{self, Owner};
use rawipc::{AsFd, AsRawFd, Errno, process, signal};

use super::absent;
use crate::half::{Failure, Half, Outcome};

const LOCKINGS: u64 = 10_000;
const LEASES: u64 = 2_000;
const NUMBER: core::ops::Range<u64> = 0..8;

/// The whole file is locked.
pub(crate) fn flock(half: &mut Half) -> Outcome {
    count(half, |file| {
        let guard = whole::lock(file, Kind::Exclusive)?;
        increment(file)?;
        Ok(guard.unlock()?)
    })
}

/// Some bytes of it are locked by the open file.
pub(crate) fn record(half: &mut Half) -> Outcome {
    count(half, |file| {
        let guard = range::lock(file, NUMBER, Kind::Exclusive)?;
        increment(file)?;
        Ok(guard.unlock()?)
    })
}

/// Some bytes of it are locked by the process.
pub(crate) fn of_process(half: &mut Half) -> Outcome {
    count(half, |file| {
        let guard = by_process::lock(file, NUMBER, Kind::Exclusive)?;
        increment(file)?;
        Ok(guard.unlock()?)
    })
}

/// The receiver opens a file that the sender has a lease on: it waits in that call until
/// the sender, which is asked by a signal, has given the lease back.
pub(crate) fn lease(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let number = super::signal::real_time()?;
            signal::block(number)?;
            let file = nameless()?;
            sender.link.give(&[file.as_fd()])?;
            for _ in 0..LEASES {
                // Forgotten when a lease is given back.
                io::set_owner(&file, Some(Owner::Thread(process::thread_id())))?;
                io::set_signal(&file, Some(number))?;
                let lease = leases::take(&file, Kind::Exclusive)?;
                sender.link.say(0)?;
                signal::wait(number)?;
                lease.give_back()?;
                sender.events(1)?;
                // It is closed again.
                sender.link.hear()?;
            }
        }
        Half::Receiver(receiver) => {
            let [file] = receiver.link.take()?;
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            for _ in 0..LEASES {
                receiver.link.hear()?;
                drop(File::open(&path)?);
                receiver.events(1)?;
                receiver.link.say(0)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn has_leases() -> Result<(), String> {
    let file = nameless().map_err(|error| error.to_string())?;
    match leases::take(&file, Kind::Exclusive).and_then(leases::Guard::give_back) {
        // Switched off, or not of such files.
        Err(errno @ Errno::INVAL) => Err(Described(errno).to_string()),
        attempt => absent(attempt),
    }
}

/// A file among the temporary ones that has no name.
fn nameless() -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(libc::O_TMPFILE);
    options.open(std::env::temp_dir())
}

/// Both halves open one file, count as `locked` does, and the receiver looks at the sum.
fn count(half: &mut Half, locked: impl Fn(&File) -> Outcome) -> Outcome {
    let file = match half {
        Half::Sender(sender) => {
            let path = sender.scratch()?.join("number");
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)?;
            file.write_all_at(&0_u64.to_ne_bytes(), 0)?;
            sender.link.give(&[file.as_fd()])?;
            // It needs no name once both have opened it.
            sender.link.hear()?;
            std::fs::remove_file(&path)?;
            file
        }
        Half::Receiver(receiver) => {
            // A description of its own: the locks of one are no hindrance to itself.
            let [file] = receiver.link.take()?;
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            receiver.link.say(0)?;
            file
        }
    };
    for _ in 0..LOCKINGS {
        locked(&file)?;
        half.events(1)?;
    }
    match half {
        Half::Sender(sender) => sender.link.say(0),
        Half::Receiver(receiver) => {
            receiver.link.hear()?;
            match number(&file)? {
                number if number == 2 * LOCKINGS => Ok(()),
                number => Err(Failure::of(&format!("counted to {number}"))),
            }
        }
    }
}

/// In two steps: whoever comes in between is not counted.
fn increment(file: &File) -> Outcome {
    let number = number(file)?;
    Ok(file.write_all_at(&(number + 1).to_ne_bytes(), 0)?)
}

fn number(file: &File) -> Outcome<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(u64::from_ne_bytes(bytes))
}
