//! Sockets: UNIX, TCP, UDP and vsock, and the kernel's list of them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::fs::File;
use std::os::unix::fs::FileExt;

use rawipc::errno::Described;
use rawipc::socket::address::{self, RemoveOnDrop, UnixAddress};
use rawipc::socket::many::Slot;
use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::netlink::diag::{Diag, Show, States};
use rawipc::socket::vsock::VsockAddress;
use rawipc::socket::{Datagram, Seqpacket, Stream, datagram, option, seqpacket, stream};
use rawipc::{AsFd, AsRawFd, BorrowedFd, Errno, IoSlice, IoSliceMut};

use super::{PIECE, absent};
use crate::half::{Failure, Half, Outcome, Receiver};

/// One of the network has 65,507 bytes at most.
pub(super) const UDP_DATAGRAM: usize = 1 << 15;
const INTRODUCTIONS: u64 = 20_000;
const LISTED: u64 = 1_000;

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
            sender.pieces(PIECE, |piece| Ok(ours.send(piece)?))?;
            Ok(ours.send(&[])?)
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let socket = Datagram::from(fd);
            let mut buffer = vec![0; PIECE];
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
    connection(half, Ipv4Addr::LOCALHOST.into())
}

/// The same of version 6.
pub(crate) fn tcp_v6(half: &mut Half) -> Outcome {
    connection(half, Ipv6Addr::LOCALHOST.into())
}

pub(crate) fn has_v6() -> Result<(), String> {
    let any = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0);
    absent(stream::listen(&any).map(drop))
}

fn connection(half: &mut Half, loopback: IpAddr) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let listener = stream::listen(&SocketAddr::new(loopback, 0))?;
            sender.link.say(listener.address()?.port().into())?;
            let (socket, _) = listener.accept()?;
            sender.pieces(PIECE, |piece| Ok(socket.send_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let port = u16::try_from(receiver.link.hear()?)?;
            let socket = stream::connect(&SocketAddr::new(loopback, port))?;
            drain(receiver, &socket)
        }
    }
}

/// Datagrams of the network, within the machine. They would be lost if there were
/// no room: so each is answered, and only a few are on their way. An empty one says
/// that there are no more.
pub(crate) fn udp(half: &mut Half) -> Outcome {
    /// Sent and not yet answered.
    const AHEAD: u64 = 2;
    match half {
        Half::Sender(sender) => {
            let socket = datagram::bind(&loopback(0))?;
            let address: SocketAddrV4 = address::local(&socket)?;
            sender.link.say(address.port().into())?;
            let (_, receiver): (_, SocketAddrV4) = socket.recv_from(&mut [])?;
            socket.connect(&receiver)?;
            let mut ahead = 0;
            sender.pieces(UDP_DATAGRAM, |piece| {
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
            let mut buffer = vec![0; UDP_DATAGRAM];
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

/// Datagrams that are sent, and taken, several by one call. An empty one says that there
/// are no more.
pub(crate) fn several(half: &mut Half) -> Outcome {
    const SEVERAL: usize = 8;
    match half {
        Half::Sender(sender) => {
            let (ours, theirs) = datagram::pair()?;
            sender.link.give(&[theirs.as_fd()])?;
            let mut buffers = vec![vec![0; PIECE]; SEVERAL];
            let mut lens = [PIECE; SEVERAL];
            while lens[SEVERAL - 1] > 0 {
                for (buffer, len) in buffers.iter_mut().zip(&mut lens) {
                    *len = sender.read(buffer)?;
                }
                // The last one may be empty, and no other.
                let count = lens.iter().take_while(|&&len| len > 0).count();
                let pieces = buffers.iter().zip(lens).take(count.max(1));
                let pieces: Vec<_> = pieces
                    .map(|(buffer, len)| IoSlice::new(&buffer[..len]))
                    .collect();
                let mut sent = 0;
                while sent < count {
                    sent += ours.send_many(&pieces[sent..])?;
                }
            }
            Ok(ours.send(&[])?)
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let socket = Datagram::from(fd);
            let mut buffers = vec![vec![0; PIECE]; SEVERAL];
            loop {
                let mut slots: Vec<_> =
                    buffers.iter_mut().map(|buffer| Slot::new(buffer)).collect();
                let count = socket.recv_many(&mut slots)?;
                for slot in &slots[..count] {
                    match slot.message()? {
                        [] => return Ok(()),
                        message => receiver.message(message)?,
                    }
                }
            }
        }
    }
}

/// A connection to another machine of the same host, which is this one.
pub(crate) fn vsock(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let listener = stream::listen(&local(VsockAddress::ANY_PORT))?;
            sender.link.say(listener.address()?.port.into())?;
            let (socket, _) = listener.accept()?;
            sender.pieces(PIECE, |piece| Ok(socket.send_all(piece)?))
        }
        Half::Receiver(receiver) => {
            let port = u32::try_from(receiver.link.hear()?)?;
            let socket = stream::connect(&local(port))?;
            drain(receiver, &socket)
        }
    }
}

/// Without loopback a connection to this machine would go to its host.
pub(crate) fn has_vsock() -> Result<(), String> {
    absent(stream::listen(&local(VsockAddress::ANY_PORT)).map(drop))
}

fn local(port: u32) -> VsockAddress {
    VsockAddress::new(VsockAddress::LOCAL, port)
}

/// Messages of which the kernel says who sent them.
pub(crate) fn credentials(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            let (ours, theirs) = seqpacket::pair()?;
            option::set_pass_credentials(&theirs, true)?;
            sender.link.give(&[theirs.as_fd()])?;
            sender.link.say(std::process::id().into())?;
            for number in 0..INTRODUCTIONS {
                ours.send(&number.to_ne_bytes())?;
                sender.events(1)?;
            }
        }
        Half::Receiver(receiver) => {
            let [fd] = receiver.link.take()?;
            let socket = Seqpacket::from(fd);
            let sender = i32::try_from(receiver.link.hear()?)?;
            let mut text = [0; 8];
            let mut beside = Incoming::<0>::new();
            for number in 0..INTRODUCTIONS {
                socket.recv_message(&mut [IoSliceMut::new(&mut text)], &mut beside)?;
                let who = beside.credentials();
                let pid = who.and_then(|who| who.pid).map(|pid| pid.as_raw_pid());
                if pid != Some(sender) || text != number.to_ne_bytes() {
                    return Err(Failure::of(&format!(
                        "{text:?} of {who:?} and not {number}"
                    )));
                }
                receiver.events(1)?;
            }
        }
    }
    Ok(())
}

/// The sender's listeners, one after the other, are in the kernel's list, by their names.
pub(crate) fn list(half: &mut Half) -> Outcome {
    let named = |number: u64, of: u64| {
        UnixAddress::abstract_name(format!("rawipc-tour-{of}-{number}").as_bytes())
    };
    match half {
        Half::Sender(sender) => {
            let of = std::process::id().into();
            sender.link.say(of)?;
            for number in 0..LISTED {
                let listener = stream::listen(&named(number, of)?)?;
                sender.link.say(option::cookie(&listener)?)?;
                sender.events(1)?;
                sender.link.hear()?;
            }
        }
        Half::Receiver(receiver) => {
            let diag = Diag::open()?;
            let mut buffer = [0; 8192];
            let of = receiver.link.hear()?;
            for number in 0..LISTED {
                let cookie = receiver.link.hear()?;
                let mut list = diag.list(States::LISTENING, Show::NAME, &mut buffer)?;
                let name = loop {
                    match list.next()? {
                        Some(record) if record.cookie == cookie => break record.name(),
                        Some(_) => {}
                        None => return Err(Failure::of("a listener is not in the list")),
                    }
                };
                if name != Some(named(number, of)?) {
                    return Err(Failure::of(&format!("{name:?} of listener {number}")));
                }
                drop(list);
                receiver.events(1)?;
                receiver.link.say(number)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn has_list() -> Result<(), String> {
    let mut buffer = [0; 8192];
    let attempt = Diag::open().and_then(|diag| {
        let mut list = diag.list(States::LISTENING, Show::empty(), &mut buffer)?;
        list.next().map(drop)
    });
    // A kernel whose UNIX sockets have no list.
    match attempt {
        Err(errno @ Errno::NOENT) => Err(Described(errno).to_string()),
        attempt => absent(attempt),
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
