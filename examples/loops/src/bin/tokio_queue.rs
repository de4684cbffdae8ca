//! A POSIX message queue in tokio.

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rawipc::posix::Name;
use rawipc::posix::message::{self, Capacity, CreateOptions, Queue};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A queue, and the runtime's view of it: a duplicate of its descriptor, which stays open.
struct Watched(Queue, AsyncFd<OwnedFd>);

impl Watched {
    fn new(queue: Queue) -> io::Result<Self> {
        let fd = queue.as_fd().try_clone_to_owned()?;
        let both = Interest::READABLE | Interest::WRITABLE;
        // SAFETY: what is owned stays open.
        let watched = unsafe { AsyncFd::register_with_interest(fd, both) }?;
        Ok(Self(queue, watched))
    }

    async fn send(&self, message: &[u8], priority: u32) -> io::Result<()> {
        let send = |_: &OwnedFd| Ok(self.0.try_send(message, priority)?);
        self.1.async_io(Interest::WRITABLE, send).await
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let receive = |_: &OwnedFd| Ok(self.0.try_receive(buffer)?.len);
        self.1.async_io(Interest::READABLE, receive).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = Name::new(format!("/recipe-{}", std::process::id()))?;
    let capacity = Capacity {
        messages: 4,
        message_size: 8,
    };
    let queue = CreateOptions::new().capacity(capacity).create(&name)?;
    message::unlink(&name)?;
    let queue = Watched::new(queue)?;
    // The sender waits for room again and again, the receiver for messages.
    let sends = async {
        for number in 0..1000_u64 {
            queue.send(&number.to_ne_bytes(), 0).await?;
        }
        io::Result::Ok(())
    };
    let receives = async {
        for number in 0..1000_u64 {
            let mut buffer = [0; 8];
            assert_eq!(queue.receive(&mut buffer).await?, 8);
            assert_eq!(u64::from_ne_bytes(buffer), number);
        }
        io::Result::Ok(())
    };
    let (sent, received) = tokio::join!(sends, receives);
    sent?;
    received?;
    Ok(())
}
