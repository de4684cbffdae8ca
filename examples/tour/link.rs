//! The link between the two halves of a row, over which they agree and pass each
//! other what a mechanism is made of: descriptors and numbers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::{RecvError, Seqpacket, Shutdown, seqpacket};
use rawipc::{IoSlice, IoSliceMut};

use crate::half::{Failure, Outcome};

pub(crate) struct Link(Seqpacket);

impl Link {
    pub(crate) fn pair() -> rawipc::Result<(Self, Self)> {
        let (one, other) = seqpacket::pair()?;
        Ok((Self(one), Self(other)))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self(fd.into())
    }

    /// Waits until the other half has done its part too: who closes with words
    /// unheard takes from the other what it has not heard yet.
    pub(crate) fn leave(&self) -> Outcome {
        self.0.shutdown(Shutdown::Write)?;
        // Descriptors that nobody takes any more are closed.
        while matches!(
            self.0.recv(&mut [0; 8]),
            Ok(Some(_)) | Err(RecvError::ControlTruncated { .. })
        ) {}
        Ok(())
    }

    /// Passes descriptors to the other half, which takes them.
    pub(crate) fn give(&self, fds: &[BorrowedFd<'_>]) -> Outcome {
        let text = [IoSlice::new(&[0; 8])];
        let beside = Outgoing::new().descriptors(fds);
        Ok(self.0.send_message(&text, &beside)?)
    }

    /// Takes the descriptors that the other half gives.
    pub(crate) fn take<const N: usize>(&self) -> Outcome<[OwnedFd; N]> {
        let mut text = [0; 8];
        let mut beside = Incoming::<N>::new();
        self.0
            .recv_message(&mut [IoSliceMut::new(&mut text)], &mut beside)?;
        let fds: Vec<OwnedFd> = beside.descriptors().collect();
        fds.try_into()
            .map_err(|_| Failure::of("the other half gave something else"))
    }

    /// Tells the other half a number; what was written before is visible to it.
    pub(crate) fn say(&self, number: u64) -> Outcome {
        Ok(self.0.send(&number.to_ne_bytes())?)
    }

    /// Hears the number that the other half says.
    pub(crate) fn hear(&self) -> Outcome<u64> {
        let mut number = [0; 8];
        match self.0.recv(&mut number)? {
            Some(8) => Ok(u64::from_ne_bytes(number)),
            _ => Err(Failure::of("the other half has gone")),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
