//! Rings in io_uring: polls of the bells are submitted, each for one ring of it.

use std::error::Error;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};

use io_uring::{IoUring, opcode, types};
use rawipc::ring;
use rawipc_loops::{COUNT, Other, expect, is_other};

const ROOM: u64 = 0;
const DATA: u64 = 1;
/// A death rings nothing: the process has a descriptor as well.
const DEATH: u64 = 2;

/// Asks for a completion when the descriptor becomes readable.
fn watch(uring: &mut IoUring, fd: RawFd, name: u64) -> io::Result<()> {
    let poll = opcode::PollAdd::new(types::Fd(fd), libc::POLLIN as u32)
        .build()
        .user_data(name);
    // SAFETY: a poll names no memory.
    unsafe { uring.submission().push(&poll) }.map_err(io::Error::other)
}

fn main() -> Result<(), Box<dyn Error>> {
    if is_other()? {
        return Ok(());
    }
    let mut other = Other::start()?;
    let mut uring = match IoUring::new(8) {
        Err(error) if is_refused(&error) => {
            println!("skipped: io_uring: {error}");
            return other.end();
        }
        uring => uring?,
    };
    watch(&mut uring, other.process.as_raw_fd(), DEATH)?;
    let (mut sent, mut received) = (0, 0);
    // For which bells a poll has been submitted.
    let mut watched = [false; 2];
    let mut record = [0; 8];
    while received < COUNT {
        while sent < COUNT {
            match other.there.try_send(&u64::to_ne_bytes(sent)) {
                Ok(()) => sent += 1,
                Err(ring::Error::WouldBlock) if other.there.arm()? => {
                    if !std::mem::replace(&mut watched[ROOM as usize], true) {
                        watch(&mut uring, other.there.as_raw_fd(), ROOM)?;
                    }
                    break;
                }
                Err(ring::Error::WouldBlock) => {}
                Err(error) => return Err(error.into()),
            }
        }
        while received < COUNT {
            match other.back.try_recv(&mut record) {
                Ok(len) => received = expect(&record[..len], received)? + 1,
                Err(ring::Error::WouldBlock) if other.back.arm()? => {
                    if !std::mem::replace(&mut watched[DATA as usize], true) {
                        watch(&mut uring, other.back.as_raw_fd(), DATA)?;
                    }
                    uring.submit_and_wait(1)?;
                    break;
                }
                Err(ring::Error::WouldBlock) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for completion in uring.completion() {
            match completion.user_data() {
                DEATH => return Err(io::Error::other("the other process has ended").into()),
                bell => watched[bell as usize] = false,
            }
        }
    }
    other.end()?;
    println!("io_uring: {COUNT} numbers there and back");
    Ok(())
}

/// A sandbox, or the system's administrator, may refuse it.
fn is_refused(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES)
    )
}
