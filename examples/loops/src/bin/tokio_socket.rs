//! A socket that keeps messages apart, in tokio; and a wait that is cancelled.

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rawipc::socket::{Seqpacket, seqpacket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

/// A socket, and the runtime's view of it: a duplicate of its descriptor, which stays open.
struct Watched(Seqpacket, AsyncFd<OwnedFd>);

impl Watched {
    fn new(socket: Seqpacket) -> io::Result<Self> {
        let fd = socket.as_fd().try_clone_to_owned()?;
        let both = Interest::READABLE | Interest::WRITABLE;
        // SAFETY: what is owned stays open.
        let watched = unsafe { AsyncFd::register_with_interest(fd, both) }?;
        Ok(Self(socket, watched))
    }

    async fn send(&self, message: &[u8]) -> io::Result<()> {
        let send = |_: &OwnedFd| Ok(self.0.try_send(message)?);
        self.1.async_io(Interest::WRITABLE, send).await
    }

    /// Receives a message; `None` is the end.
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let recv = |_: &OwnedFd| Ok(self.0.try_recv(buffer)?);
        self.1.async_io(Interest::READABLE, recv).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (ours, theirs) = seqpacket::pair()?; // `theirs` for another process, usually
    let (ours, theirs) = (Watched::new(ours)?, Watched::new(theirs)?);
    let mut buffer = [0; 64];
    // A message is taken by the last step of the future, or not at all: nothing is lost with one
    // that is dropped.
    let late = timeout(Duration::from_millis(1), ours.recv(&mut buffer)).await;
    assert!(late.is_err());
    theirs.send(b"hello").await?;
    assert_eq!(ours.recv(&mut buffer).await?, Some(5));
    // The duplicate goes as well, or there is no end.
    drop(theirs);
    assert_eq!(ours.recv(&mut buffer).await?, None);
    Ok(())
}
