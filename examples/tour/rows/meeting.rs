//! Rings at which the halves meet, neither having started the other.

use std::fs::File;
use std::os::fd::AsRawFd;

use rawipc::rendezvous::Listener;
use rawipc::ring::{Error, spsc};
use rawipc::{AsFd, BorrowedFd};

use super::PIECE;
use crate::half::{Half, Outcome, Receiver};

const CAPACITY: usize = 1 << 20;

/// However deep the folder is: its own name may be too long for an address.
fn within(folder: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}/ring", folder.as_raw_fd())
}

/// Each half opens the ring by its name: the first makes it.
pub(crate) fn by_name(half: &mut Half) -> Outcome {
    let open = |folder| -> Outcome<spsc::Ring> {
        let create = || spsc::Ring::create(CAPACITY);
        Ok(spsc::Ring::open_or_create(within(folder), create)?)
    };
    match half {
        Half::Sender(sender) => {
            let folder = File::open(sender.scratch()?)?;
            sender.link.give(&[folder.as_fd()])?;
            let mut producer = open(folder.as_fd())?.producer()?;
            sender.pieces(PIECE, |piece| Ok(producer.send(piece)?))
        }
        Half::Receiver(receiver) => {
            let [folder] = receiver.link.take()?;
            drain(receiver, &open(folder.as_fd())?)
        }
    }
}

/// The ring is handed over by a socket, at which its owner listens.
pub(crate) fn by_socket(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let folder = File::open(sender.scratch()?)?;
            let listener = Listener::bind(within(folder.as_fd()))?;
            sender.link.give(&[folder.as_fd()])?;
            let ring: spsc::Ring = spsc::Ring::create(CAPACITY)?;
            let mut producer = ring.producer()?;
            let _connection = listener.accept(&ring)?;
            sender.pieces(PIECE, |piece| Ok(producer.send(piece)?))
        }
        Half::Receiver(receiver) => {
            let [folder] = receiver.link.take()?;
            drain(receiver, &spsc::Ring::connect(within(folder.as_fd()))?)
        }
    }
}

fn drain(receiver: &mut Receiver, ring: &spsc::Ring) -> Outcome {
    let mut consumer = ring.consumer()?;
    let mut buffer = vec![0; PIECE];
    loop {
        match consumer.recv(&mut buffer) {
            Ok(len) => receiver.message(&buffer[..len])?,
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
