//! Sockets: UNIX, TCP and UDP.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::fs::File;
use std::os::unix::fs::FileExt;

use rawipc::socket::address::{self, RemoveOnDrop, UnixAddress};
use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::{Datagram, Seqpacket, Stream, datagram, seqpacket, stream};
use rawipc::{AsFd, AsRawFd, BorrowedFd, IoSlice, IoSliceMut};

use crate::half::{Failure, Half, Outcome, Receiver};

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
            drain(receiver, &Stream::from(fd))
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

/// The halves meet at a socket with a name in the file system.
pub(crate) fn path(half: &mut Half) -> Outcome {
    // However deep the folder is: its own name may be too long for an address.
    let address = |folder: BorrowedFd<'_>| {
        let path = format!("/proc/self/fd/{}/socket", folder.as_raw_fd());
        UnixAddress::pathname(path)
    };
    match half {
        Half::Sender(sender) => {
            let folder = File::open(sender.scratch()?)?;
            let address = address(folder.as_fd())?;
            let listener = stream::listen(&address)?;
            let file = RemoveOnDrop::new(&address)?;
            sender.link.give(&[folder.as_fd()])?;
            let (socket, _) = listener.accept()?;
            drop(file);
            sender.pieces(PIECE, |piece| Ok(socket.send_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let [folder] = receiver.link.take()?;
            let socket = stream::connect(&address(folder.as_fd())?)?;
            drain(receiver, &socket)
        }
    }
}

/// The halves meet at a socket with a name in no file system.
pub(crate) fn abstract_name(half: &mut Half) -> Outcome {
    // The sender's number is in it.
    let address = |number| UnixAddress::abstract_name(format!("rawipc-tour-{number}").as_bytes());
    match half {
        Half::Sender(sender) => {
            let number = std::process::id().into();
            let listener = stream::listen(&address(number)?)?;
            sender.link.say(number)?;
            let (socket, _) = listener.accept()?;
            sender.pieces(PIECE, |piece| Ok(socket.send_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let socket = stream::connect(&address(receiver.link.hear()?)?)?;
            drain(receiver, &socket)
        }
    }
}

/// A connection of the network, within the machine.
pub(crate) fn tcp(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let listener = stream::listen(&loopback(0))?;
            sender.link.say(listener.address()?.port().into())?;
            let (socket, _) = listener.accept()?;
            sender.pieces(PIECE, |piece| Ok(socket.send_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let port = u16::try_from(receiver.link.hear()?)?;
            let socket = stream::connect(&loopback(port))?;
            drain(receiver, &socket)
        }
    }
}

/// Datagrams of the network, within the machine. They would be lost if there were
/// no room: so each is answered, and only a few are on their way. An empty one says
/// that there are no more.
pub(crate) fn udp(half: &mut Half) -> Outcome {
    /// Sent and not yet answered.
    const AHEAD: u64 = 4;
    const DATAGRAM: usize = 1 << 13;
    match half {
        Half::Sender(sender) => {
            let socket = datagram::bind(&loopback(0))?;
            let address: SocketAddrV4 = address::local(&socket)?;
            sender.link.say(address.port().into())?;
            let (_, receiver): (_, SocketAddrV4) = socket.recv_from(&mut [])?;
            socket.connect(&receiver)?;
            let mut ahead = 0;
            sender.pieces(DATAGRAM, |piece| {
                socket.send(piece)?;
                match ahead {
                    AHEAD => {
                        socket.recv(&mut [])?;
                    }
                    _ => ahead += 1,
                }
                Ok(())
            })?;
            // Answers to a socket that is closed would be refused.
            for _ in 0..ahead {
                socket.recv(&mut [])?;
            }
            Ok(socket.send(&[])?)
        }
        Half::Receiver(receiver) => {
            let port = u16::try_from(receiver.link.hear()?)?;
            let socket = datagram::connect(&loopback(port))?;
            socket.send(&[])?;
            let mut buffer = [0; DATAGRAM];
            loop {
                match socket.recv(&mut buffer)? {
                    0 => return Ok(()),
                    len => receiver.message(&buffer[..len])?,
                }
                socket.send(&[])?;
            }
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

fn drain(receiver: &mut Receiver, socket: &Stream) -> Outcome {
    let mut buffer = vec![0; PIECE];
    loop {
        match socket.recv(&mut buffer)? {
            0 => return Ok(()),
            len => receiver.bytes(&buffer[..len])?,
        }
    }
}

/// A port of this machine that no other reaches; 0: any that is free.
fn loopback(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}
