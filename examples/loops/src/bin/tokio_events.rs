//! Eventfd and timerfd in tokio.

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::event::timerfd::{self, Clock, Expiry, Schedule, TimerFdFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime watch a descriptor: a duplicate, which stays open as long as it is watched.
fn watch(fd: &impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: what is owned stays open.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let jobs = eventfd::create(0, EventFdFlags::empty())?;
    let bell = watch(&jobs)?;
    let (count, added) = tokio::join!(
        bell.async_io(Interest::READABLE, |_| Ok(jobs.try_wait()?)),
        async { jobs.add(3) }, // in another process, usually
    );
    added?;
    assert_eq!(count?, 3);

    let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
    timer.set(Schedule::every(Duration::from_millis(1)))?;
    let bell = watch(&timer)?;
    let mut ticks = 0;
    while ticks < 5 {
        let expiry = bell.async_io(Interest::READABLE, |_| Ok(timer.try_wait()?));
        match expiry.await? {
            Expiry::Ticks(missed_too) => ticks += missed_too,
            Expiry::ClockSet => {} // only where it was asked for
        }
    }
    Ok(())
}
