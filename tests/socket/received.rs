//! What a receiver holds, and what it is told, when something is not as it hoped: errors
//! after a message came, empty messages before the end, empty buffers, too many slices.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use core::net::SocketAddrV4;
use std::io::{IoSlice, IoSliceMut, Read};
use std::os::fd::{AsFd, OwnedFd};

use rawipc::Errno;
use rawipc::pipe::{self, PipeFlags, WriteFlags};
use rawipc::socket::address::{self, UnixAddress};
use rawipc::socket::many::Slot;
use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::{Datagram, RecvError, Shutdown, Stream, datagram, option, seqpacket, stream};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::Timespec;
use support::{Child, End, LeakCheck, limit, soon};

/// More slices than the kernel takes in one call.
const TOO_MANY: usize = 1025;

/// A descriptor whose last copy's end is seen: the write end of a pipe.
fn witness() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
}

/// Asserts that nobody holds the other end of the pipe any more.
#[track_caller]
fn assert_closed(read: &OwnedFd) {
    let mut fds = [PollFd::new(read, PollFlags::IN)];
    let at_once = Timespec::default();
    assert_eq!(
        poll(&mut fds, Some(&at_once)),
        Ok(1),
        "a descriptor is held"
    );
    assert_eq!(rustix::io::read(read, &mut [0; 1]), Ok(0));
}

/// Sends `bytes` with one descriptor, of which no other copy is left.
fn send_with_descriptor(socket: &Stream, bytes: &[u8], write: OwnedFd) {
    let descriptors = [write.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    let sent = socket.send_message(&[IoSlice::new(bytes)], &outgoing);
    assert_eq!(sent, Ok(bytes.len()));
}

// --- After an error nothing is held ---

/// An address type that takes none, as one of the caller's may.
#[derive(Debug)]
struct Refusing;

impl address::Address for Refusing {
    fn to_raw(&self) -> address::Raw {
        address::Raw::NONE
    }

    fn from_raw(_: &address::Raw) -> Result<Self, Errno> {
        Err(Errno::PROTO)
    }
}

#[test]
fn descriptors_from_sender_of_other_family_are_closed() {
    fn check<A: address::Address + core::fmt::Debug>(errno: Errno) {
        type Take<A> =
            fn(&Datagram, &mut [IoSliceMut<'_>], &mut Incoming<2>) -> Result<(usize, A), RecvError>;
        let ways: [Take<A>; 3] = [
            |socket, bytes, incoming| socket.recv_message_from(bytes, incoming),
            |socket, bytes, incoming| socket.try_recv_message_from(bytes, incoming),
            |socket, bytes, incoming| socket.recv_message_from_until(bytes, incoming, limit()),
        ];
        for take in ways {
            let server = datagram::bind(&UnixAddress::UNNAMED).unwrap();
            let at: UnixAddress = address::local(&server).unwrap();
            let client = datagram::bind(&UnixAddress::UNNAMED).unwrap();
            let (read, write) = witness();
            {
                let descriptors = [write.as_fd()];
                let outgoing = Outgoing::new().descriptors(&descriptors);
                let bytes = [IoSlice::new(b"x")];
                client.send_message_to(&bytes, &outgoing, &at).unwrap();
            }
            drop(write);
            let mut incoming = Incoming::<2>::new();
            let mut buffer = [0; 4];
            let bytes = &mut [IoSliceMut::new(&mut buffer)];
            let refused = take(&server, bytes, &mut incoming).map(|(len, _)| len);
            assert_eq!(refused, Err(RecvError::Refused(errno)));
            assert_eq!(incoming.descriptors().len(), 0);
            assert_closed(&read);
        }
    }
    let _check = LeakCheck::begin();
    check::<SocketAddrV4>(Errno::AFNOSUPPORT);
    check::<Refusing>(Errno::PROTO);
}

#[test]
fn descriptors_of_earlier_message_are_closed_by_every_outcome() {
    type Attempt = fn(&Stream, &mut [IoSliceMut<'_>], &mut Incoming<1>) -> Result<usize, RecvError>;
    let outcomes: [(&str, Attempt, Result<usize, RecvError>); 4] = [
        (
            "nothing there",
            |socket, bytes, incoming| socket.try_recv_message(bytes, incoming),
            Err(RecvError::Refused(Errno::AGAIN)),
        ),
        (
            "too late",
            |socket, bytes, incoming| socket.recv_message_until(bytes, incoming, soon()),
            Err(RecvError::Refused(Errno::TIMEDOUT)),
        ),
        (
            "no room",
            |socket, _, incoming| socket.recv_message_until(&mut [], incoming, soon()),
            Ok(0),
        ),
        (
            "the end",
            |socket, bytes, incoming| {
                socket.shutdown(Shutdown::Read).unwrap();
                socket.recv_message(bytes, incoming)
            },
            Ok(0),
        ),
    ];
    let _check = LeakCheck::begin();
    for (name, attempt, outcome) in outcomes {
        let (one, other) = stream::pair().unwrap();
        let (read, write) = witness();
        send_with_descriptor(&one, b"x", write);
        let mut incoming = Incoming::<1>::new();
        let mut buffer = [0; 4];
        let bytes = &mut [IoSliceMut::new(&mut buffer)];
        assert_eq!(other.recv_message(bytes, &mut incoming), Ok(1));
        assert_eq!(incoming.descriptors().len(), 1);
        assert_eq!(attempt(&other, bytes, &mut incoming), outcome, "{name}");
        assert_eq!(incoming.descriptors().len(), 0, "{name}");
        assert_closed(&read);
    }
}

#[test]
fn slots_hold_nothing_of_earlier_call() {
    let _check = LeakCheck::begin();
    macro_rules! check {
        ($pair:expr) => {
            let (one, other) = $pair.unwrap();
            let (mut first, mut second) = ([0; 8], [0; 8]);
            let mut slots = [Slot::new(&mut first), Slot::new(&mut second)];
            one.send(b"first").unwrap();
            one.send(b"longer than its slot").unwrap();
            assert_eq!(other.recv_many(&mut slots), Ok(2));
            assert_eq!(slots[0].message(), Ok(&b"first"[..]));
            assert!(slots[1].message().is_err());

            one.send(b"third").unwrap();
            assert_eq!(other.recv_many(&mut slots), Ok(1));
            assert_eq!(slots[0].message(), Ok(&b"third"[..]));
            assert_eq!(slots[1].message(), Ok(&b""[..]));

            assert_eq!(other.try_recv_many(&mut slots), Err(Errno::AGAIN));
            assert_eq!(slots[0].message(), Ok(&b""[..]));
        };
    }
    check!(datagram::pair());
    check!(seqpacket::pair());
}

// --- Empty messages and the end ---

#[test]
fn empty_datagrams_before_shutdown_are_counted() {
    type Take = fn(&Datagram, &mut [Slot<'_>]) -> Result<usize, Errno>;
    let ways: [(Take, Result<usize, Errno>); 3] = [
        (|socket, slots| socket.recv_many(slots), Ok(0)),
        (
            |socket, slots| socket.recv_many_until(slots, limit()),
            Ok(0),
        ),
        (
            |socket, slots| socket.try_recv_many(slots),
            Err(Errno::AGAIN),
        ),
    ];
    let _check = LeakCheck::begin();
    for count in [1, 2, 5] {
        for (take, none) in ways {
            let (one, other) = datagram::pair().unwrap();
            for _ in 0..count {
                one.send(b"").unwrap();
            }
            other.shutdown(Shutdown::Read).unwrap();
            let mut buffers = [[0; 1]; 8];
            let mut slots = buffers.each_mut().map(|buffer| Slot::new(buffer));
            assert_eq!(take(&other, &mut slots), Ok(count));
            assert_eq!(take(&other, &mut slots), none);
            assert_eq!(take(&other, &mut slots), none);
        }
    }
}

#[test]
fn recv_many_asleep_ends_at_shutdown() {
    let _check = LeakCheck::begin();
    let (_one, other) = datagram::pair().unwrap();
    let mut waiting =
        Child::fork(|| i32::from(other.recv_many(&mut [Slot::new(&mut [0; 1])]) != Ok(0)));
    waiting.await_sleep();
    other.shutdown(Shutdown::Read).unwrap();
    assert_eq!(waiting.wait(), End::Exited(0));
    let (_one, other) = datagram::pair().unwrap();
    option::set_nonblocking(&other, true).unwrap();
    let none = other.recv_many(&mut [Slot::new(&mut [0; 1])]);
    assert_eq!(none, Err(Errno::AGAIN));
}

#[test]
fn empty_messages_of_named_sender_are_not_the_end() {
    let _check = LeakCheck::begin();
    let listener = seqpacket::listen(&UnixAddress::UNNAMED).unwrap();
    let client = seqpacket::connect(&listener.address().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for _ in 0..8 {
        server.send(b"").unwrap();
    }
    drop(server);
    let mut buffer = [0; 4];
    assert_eq!(client.next_len(), Ok(Some(0)));
    assert_eq!(client.peek(&mut buffer), Ok(Some(0)));
    assert_eq!(client.recv(&mut buffer), Ok(Some(0)));
    assert_eq!(client.try_recv(&mut buffer), Ok(Some(0)));
    assert_eq!(client.recv_until(&mut buffer, limit()), Ok(Some(0)));
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    let message = client.recv_message(bytes, &mut Incoming::<0>::new());
    assert_eq!(message, Ok(Some(0)));
    let mut buffers = [[0; 1]; 8];
    let mut slots = buffers.each_mut().map(|buffer| Slot::new(buffer));
    assert_eq!(client.recv_many(&mut slots), Ok(4));
    assert_eq!(client.recv_many(&mut slots), Ok(0));
    assert_eq!(client.next_len(), Ok(None));
    assert_eq!(client.recv(&mut [0; 4]), Ok(None));
}

#[test]
fn several_empty_messages_with_credentials_are_not_the_end() {
    let _check = LeakCheck::begin();
    let (one, other) = seqpacket::pair().unwrap();
    option::set_pass_credentials(&other, true).unwrap();
    for message in [&b""[..], b"x", b"", b""] {
        one.send(message).unwrap();
    }
    drop(one);
    let mut buffers = [[0; 1]; 8];
    let mut slots = buffers.each_mut().map(|buffer| Slot::new(buffer));
    assert_eq!(other.recv_many(&mut slots), Ok(4));
    assert_eq!(slots[1].message(), Ok(&b"x"[..]));
    assert_eq!(other.recv_many(&mut slots), Ok(0));
}

// --- Empty buffers ---

#[test]
fn empty_buffer_takes_nothing_from_stream() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    // It does not wait.
    assert_eq!(other.try_recv(&mut []), Ok(0));
    assert_eq!(other.recv_until(&mut [], soon()), Ok(0));
    assert_eq!(other.try_peek(&mut []), Ok(0));
    assert_eq!(other.recv(&mut []), Ok(0));
    assert_eq!((&other).read_vectored(&mut []).unwrap(), 0);

    // Nor does it close what waits.
    let (read, write) = witness();
    send_with_descriptor(&one, b"x", write);
    let mut incoming = Incoming::<1>::new();
    assert_eq!(other.recv(&mut []), Ok(0));
    assert_eq!(other.recv_exact(&mut []), Ok(()));
    let nothing = &mut [IoSliceMut::new(&mut [])];
    assert_eq!((&other).read_vectored(nothing).unwrap(), 0);
    assert_eq!(other.recv_message(nothing, &mut incoming), Ok(0));
    assert_eq!(incoming.descriptors().len(), 0);
    let mut buffer = [0; 4];
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    assert_eq!(other.recv_message(bytes, &mut incoming), Ok(1));
    assert_eq!(incoming.descriptors().len(), 1);
    drop(incoming);
    assert_closed(&read);
}

#[test]
fn empty_buffer_truncates_message() {
    let _check = LeakCheck::begin();
    macro_rules! check {
        ($pair:expr, |$len:ident| $empty:expr) => {
            let (one, other) = $pair.unwrap();
            let cut = RecvError::Truncated { len: 4 };
            for _ in 0..4 {
                one.send(b"four").unwrap();
            }
            assert_eq!(other.peek(&mut []), Err(cut));
            assert_eq!(other.recv(&mut []), Err(cut));
            assert_eq!(other.try_recv(&mut []), Err(cut));
            let message = other.recv_message(&mut [], &mut Incoming::<0>::new());
            assert_eq!(message, Err(cut));
            let mut slots = [Slot::new(&mut [])];
            assert_eq!(other.recv_many(&mut slots), Ok(1));
            assert_eq!(slots[0].message(), Err(cut));
            assert_eq!(other.try_recv(&mut []), Err(Errno::AGAIN.into()));
            one.send(b"").unwrap();
            let $len = 0;
            assert_eq!(other.recv(&mut []), Ok($empty));
        };
    }
    check!(datagram::pair(), |len| len);
    check!(seqpacket::pair(), |len| Some(len));
}

#[test]
fn empty_buffer_takes_nothing_from_pipe() {
    let _check = LeakCheck::begin();
    for flags in [PipeFlags::empty(), PipeFlags::PACKET] {
        let (reader, writer) = pipe::create(flags).unwrap();
        assert_eq!(reader.read(&mut []), Ok(0));
        assert_eq!(reader.try_read(&mut []), Ok(0));
        assert_eq!(reader.read_until(&mut [], limit()), Ok(0));
        writer.write(b"four").unwrap();
        assert_eq!(reader.read(&mut []), Ok(0));
        assert_eq!(reader.read_full(&mut []), Ok(0));
        assert_eq!(reader.readv(&mut [IoSliceMut::new(&mut [])]), Ok(0));
        assert_eq!(reader.read(&mut [0; 8]), Ok(4));
    }
}

// --- More slices than the kernel takes ---

#[test]
fn too_many_slices_go_in_part_through_stream() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    let many = vec![IoSlice::new(b"a"); TOO_MANY];
    assert_eq!(one.send_message(&many, &Outgoing::new()), Ok(1024));
    assert_eq!(one.try_send_message(&many[1024..], &Outgoing::new()), Ok(1));
    let mut buffer = [0; TOO_MANY];
    let mut slices: Vec<_> = buffer.chunks_mut(1).map(IoSliceMut::new).collect();
    let mut incoming = Incoming::<0>::new();
    assert_eq!(other.recv_message(&mut slices, &mut incoming), Ok(1024));
    assert_eq!(other.try_recv_message(&mut slices, &mut incoming), Ok(1));

    // Empty ones at the beginning are not the end of a stream.
    let mut many = vec![IoSlice::new(b""); TOO_MANY];
    many.push(IoSlice::new(b"four"));
    assert_eq!(one.send_message(&many, &Outgoing::new()), Ok(4));
    let mut buffer = [0; 8];
    let mut slices: Vec<_> = (0..TOO_MANY).map(|_| IoSliceMut::new(&mut [])).collect();
    slices.push(IoSliceMut::new(&mut buffer));
    assert_eq!(other.recv_message(&mut slices, &mut incoming), Ok(4));
    assert_eq!(&buffer[..4], b"four");

    let (read, write) = witness();
    {
        let descriptors = [write.as_fd()];
        let outgoing = Outgoing::new().descriptors(&descriptors);
        assert_eq!(one.send_message(&many, &outgoing), Ok(4));
    }
    drop((write, one, other));
    assert_closed(&read);
}

#[test]
fn too_many_slices_are_refused_as_one_message() {
    let _check = LeakCheck::begin();
    macro_rules! check {
        ($pair:expr, |$len:ident| $whole:expr) => {
            let (one, other) = $pair.unwrap();
            let many = vec![IoSlice::new(b"a"); TOO_MANY];
            let none = Outgoing::new();
            assert_eq!(one.send_message(&many, &none), Err(Errno::MSGSIZE));
            assert_eq!(one.try_send_message(&many, &none), Err(Errno::MSGSIZE));
            assert_eq!(one.send_message(&many[..1024], &none), Ok(()));

            let mut buffer = [0; TOO_MANY];
            let mut slices: Vec<_> = buffer.chunks_mut(1).map(IoSliceMut::new).collect();
            let mut incoming = Incoming::<0>::new();
            let refused = other.recv_message(&mut slices, &mut incoming);
            assert_eq!(refused, Err(RecvError::Refused(Errno::MSGSIZE)));
            let $len = 1024;
            let whole = other.recv_message(&mut slices[..1024], &mut incoming);
            assert_eq!(whole, Ok($whole));
        };
    }
    check!(datagram::pair(), |len| len);
    check!(seqpacket::pair(), |len| Some(len));
}

#[test]
fn too_many_slices_go_in_part_through_pipe() {
    let _check = LeakCheck::begin();
    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    let many = vec![IoSlice::new(b"a"); TOO_MANY];
    assert_eq!(writer.writev(&many, WriteFlags::empty()), Ok(1024));
    let mut buffer = [0; TOO_MANY];
    let mut slices: Vec<_> = buffer.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(reader.readv(&mut slices), Ok(1024));

    let mut many = vec![IoSlice::new(b""); TOO_MANY];
    many.push(IoSlice::new(b"four"));
    let mut buffer = [0; 8];
    let mut slices: Vec<_> = (0..TOO_MANY).map(|_| IoSliceMut::new(&mut [])).collect();
    slices.push(IoSliceMut::new(&mut buffer));
    assert_eq!(writer.writev(&many, WriteFlags::empty()), Ok(4));
    assert_eq!(reader.readv(&mut slices), Ok(4));
    assert_eq!(writer.try_writev(&many, WriteFlags::empty()), Ok(4));
    assert_eq!(reader.try_readv(&mut slices), Ok(4));
    assert_eq!(
        writer.writev_until(&many, WriteFlags::empty(), limit()),
        Ok(4)
    );
    assert_eq!(reader.readv_until(&mut slices, limit()), Ok(4));
    // SAFETY: the bytes are constants.
    let lent = unsafe { writer.vmsplice(&many, pipe::VmspliceFlags::empty()) };
    assert_eq!(lent, Ok(4));
    assert_eq!(reader.vmsplice(&mut slices), Ok(4));
}

// --- Which bytes of a stream descriptors came with ---

/// How many descriptors come with at most `room` bytes, and how many bytes those are.
fn take(socket: &Stream, room: usize) -> (usize, usize) {
    let mut buffer = [0; 64];
    let mut incoming = Incoming::<4>::new();
    let bytes = &mut [IoSliceMut::new(&mut buffer[..room])];
    let len = socket.recv_message(bytes, &mut incoming).unwrap();
    (len, incoming.descriptors().len())
}

#[test]
fn receiver_of_single_messages_gets_descriptors_with_their_own() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    let send = || {
        one.send_all(b"plain").unwrap();
        send_with_descriptor(&one, b"carries", witness().1);
        send_with_descriptor(&one, b"too", witness().1);
        one.send_all(b"plain").unwrap();
    };

    // In parts, the first of which has them.
    send();
    let parts = [(5, 0), (3, 1), (4, 0), (3, 1), (5, 0)];
    for (len, descriptors) in parts {
        assert_eq!(take(&other, len), (len, descriptors));
    }

    // For all that there is: bytes from before come with them, never from after.
    send();
    assert_eq!(take(&other, 64), (12, 1));
    assert_eq!(take(&other, 64), (3, 1));
    assert_eq!(take(&other, 64), (5, 0));
}
