//! UNIX sockets.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::{Datagram, Seqpacket, Stream, datagram, seqpacket, stream};
use rawipc::{AsFd, IoSlice, IoSliceMut};

use crate::half::{Failure, Half, Outcome};

const PIECE: usize = 1 << 16;
/// Several fit into a socket's buffer.
const DATAGRAM: usize = 1 << 15;

/// A stream of bytes.
pub(crate) fn stream(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let (ours, theirs) = stream::pair()?;
            sender.link.give(&[theirs.as_fd()])?;
            drop(theirs);
            sender.pieces(PIECE, |piece| Ok(ours.send_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let socket = Stream::from(fd);
            let mut buffer = vec![0; PIECE];
            loop {
                match socket.recv(&mut buffer)? {
                    0 => return Ok(()),
                    len => receiver.bytes(&buffer[..len])?,
                }
            }
        }
    }
}

/// Messages; an empty one says that there are no more.
pub(crate) fn datagram(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let (ours, theirs) = datagram::pair()?;
            sender.link.give(&[theirs.as_fd()])?;
            sender.pieces(DATAGRAM, |piece| Ok(ours.send(piece)?))?;
            Ok(ours.send(&[])?)
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let socket = Datagram::from(fd);
            let mut buffer = vec![0; DATAGRAM];
            loop {
                match socket.recv(&mut buffer)? {
                    0 => return Ok(()),
                    len => receiver.message(&buffer[..len])?,
                }
            }
        }
    }
}

/// Messages, and the end of the connection is noticed.
pub(crate) fn seqpacket(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let (ours, theirs) = seqpacket::pair()?;
            sender.link.give(&[theirs.as_fd()])?;
            drop(theirs);
            sender.pieces(PIECE, |piece| Ok(ours.send(piece)?))
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let socket = Seqpacket::from(fd);
            let mut buffer = vec![0; PIECE];
            while let Some(len) = socket.recv(&mut buffer)? {
                receiver.message(&buffer[..len])?;
            }
            Ok(())
        }
    }
}

/// FILE itself is sent: its descriptor beside a message (`SCM_RIGHTS`).
pub(crate) fn descriptor(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let (ours, theirs) = seqpacket::pair()?;
            sender.link.give(&[theirs.as_fd()])?;
            sender.everything()?;
            let file = [sender.file()];
            let beside = Outgoing::new().descriptors(&file);
            Ok(ours.send_message(&[IoSlice::new(b"FILE")], &beside)?)
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let socket = Seqpacket::from(fd);
            let mut text = [0; 16];
            let mut beside = Incoming::<1>::new();
            socket.recv_message(&mut [IoSliceMut::new(&mut text)], &mut beside)?;
            let file = beside.descriptors().next();
            let file = File::from(file.ok_or_else(|| Failure::of("no descriptor came"))?);
            let mut buffer = vec![0; PIECE];
            let mut offset = 0;
            loop {
                match file.read_at(&mut buffer, offset)? {
                    0 => return Ok(()),
                    len => {
                        receiver.bytes(&buffer[..len])?;
                        offset += len as u64;
                    }
                }
            }
        }
    }
}
