//! Signals and ends of processes in tokio: signalfd and pidfd.

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;

use rawipc::process::pidfd;
use rawipc::signal::{self, fd::SignalFdFlags};
use rawipc::{Pid, Signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime watch a descriptor: a duplicate, which stays open as long as it is watched.
fn watch(fd: &impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: what is owned stays open.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

/// Waits until a process has ended, child or not.
async fn ended(process: &AsyncFd<OwnedFd>) -> io::Result<()> {
    // There is nothing to read, and it stays readable: as often as it is asked.
    process.readable().await?.retain_ready();
    Ok(())
}

async fn talk() -> Result<(), Box<dyn Error>> {
    let signals = signal::fd::create(Signal::TERM, SignalFdFlags::empty())?;
    let bell = watch(&signals)?;
    // To the process: what is sent to one thread is seen by that thread's reads alone.
    signal::send(
        Pid::from_raw(std::process::id().cast_signed()).ok_or("a process")?,
        Signal::TERM,
    )?;
    let record = bell
        .async_io(Interest::READABLE, |_| Ok(signals.try_wait()?))
        .await?;
    assert_eq!(record.signal(), Some(Signal::TERM));

    let mut child = Command::new("sleep").arg("1000").spawn()?;
    // Before it is waited for: its number cannot be another's until then.
    let process = pidfd::open(Pid::from_child(&child))?;
    process.send_signal(Signal::KILL)?;
    let watched = watch(&process)?;
    ended(&watched).await?;
    ended(&watched).await?;
    child.wait()?; // does not block any more
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    // While there is one thread: those that are started later inherit it.
    signal::block(Signal::TERM)?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_io().build()?.block_on(talk())
}
