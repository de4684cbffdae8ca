//! Rings in tokio: `AsyncFd` waits for the bells.

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rawipc::ring::{self, doorbell};
use rawipc_loops::{COUNT, Other, expect, is_other};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::select;

/// Has the runtime watch a descriptor.
fn watch(fd: &impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: what is owned stays open.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

/// Sends a record, and waits for room meanwhile.
async fn send(
    to: &mut doorbell::Producer,
    bell: &AsyncFd<OwnedFd>,
    record: &[u8],
) -> io::Result<()> {
    loop {
        match to.try_send(record) {
            Err(ring::Error::WouldBlock) => {
                if to.arm().map_err(io::Error::other)? {
                    bell.readable().await?.clear_ready();
                }
            }
            result => return result.map_err(io::Error::other),
        }
    }
}

/// Receives a record, and waits for it meanwhile.
async fn recv(
    from: &mut doorbell::Consumer,
    bell: &AsyncFd<OwnedFd>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    loop {
        match from.try_recv(buffer) {
            Err(ring::Error::WouldBlock) => {
                if from.arm().map_err(io::Error::other)? {
                    bell.readable().await?.clear_ready();
                }
            }
            result => return result.map_err(io::Error::other),
        }
    }
}

async fn talk(other: &mut Other) -> io::Result<()> {
    let Other {
        there,
        back,
        process,
    } = other;
    let (room, data) = (watch(there)?, watch(back)?);
    // A death rings nothing: the process has a descriptor as well.
    let death = watch(process)?;
    let sends = async {
        for number in 0..COUNT {
            send(there, &room, &number.to_ne_bytes()).await?;
        }
        io::Result::Ok(())
    };
    let receives = async {
        let mut record = [0; 8];
        for number in 0..COUNT {
            let len = recv(back, &data, &mut record).await?;
            expect(&record[..len], number)?;
        }
        io::Result::Ok(())
    };
    let both = async {
        // One task has both directions; two tasks could as well have one each.
        let (mut sends, mut receives) = (std::pin::pin!(sends), std::pin::pin!(receives));
        select! {
            result = &mut sends => { result?; receives.await }
            result = &mut receives => { result?; sends.await }
        }
    };
    select! {
        result = both => result,
        _ = death.readable() => Err(io::Error::other("the other process has ended")),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if is_other()? {
        return Ok(());
    }
    let mut other = Other::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(talk(&mut other))?;
    other.end()?;
    println!("tokio: {COUNT} numbers there and back");
    Ok(())
}
