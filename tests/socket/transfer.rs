//! UNIX sockets: transfer, the end of a peer, truncation, and what travels beside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use core::time::Duration;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Instant;

use rawipc::socket::message::{
    Content, Credentials, Incoming, MAX_DESCRIPTORS, Message, Messages, Outgoing,
};
use rawipc::socket::{
    Datagram, RecvError, Seqpacket, Shutdown, Stream, datagram, option, seqpacket, stream,
};
use rawipc::{Deadline, Errno, Short};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::MemfdFlags;
use rustix::io::FdFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::Timespec;
use support::{LeakCheck, Peer, PeerArgs, Storm, limit, pattern, soon};

fn raw(fd: &impl AsFd) -> RawFd {
    fd.as_fd().as_raw_fd()
}

/// The three kinds behind one face, for what they have in common.
trait Kind: AsFd + From<OwnedFd> + Sized {
    fn pair() -> (Self, Self);
    fn put(&self, bytes: &[u8], outgoing: &Outgoing<'_>) -> Result<(), Errno>;
    fn take<const FDS: usize>(
        &self,
        buffer: &mut [u8],
        incoming: &mut Incoming<FDS>,
    ) -> Result<usize, RecvError>;
    fn take_bytes(&self, buffer: &mut [u8]) -> Result<usize, RecvError>;
    fn try_take(&self) -> Result<usize, RecvError>;
}

macro_rules! kind {
    ($kind:ty, $module:ident, |$value:ident| $len:expr) => {
        impl Kind for $kind {
            fn pair() -> (Self, Self) {
                $module::pair().unwrap()
            }
            fn put(&self, bytes: &[u8], outgoing: &Outgoing<'_>) -> Result<(), Errno> {
                let bytes = [IoSlice::new(bytes)];
                self.send_message_until(&bytes, outgoing, limit()).map(drop)
            }
            fn take<const FDS: usize>(
                &self,
                buffer: &mut [u8],
                incoming: &mut Incoming<FDS>,
            ) -> Result<usize, RecvError> {
                let bytes = &mut [IoSliceMut::new(buffer)];
                let $value = self.recv_message_until(bytes, incoming, limit())?;
                Ok($len)
            }
            fn take_bytes(&self, buffer: &mut [u8]) -> Result<usize, RecvError> {
                let $value = self.recv_until(buffer, limit())?;
                Ok($len)
            }
            fn try_take(&self) -> Result<usize, RecvError> {
                let mut incoming = Incoming::<1>::new();
                let mut buffer = [0; 64];
                let bytes = &mut [IoSliceMut::new(&mut buffer)];
                let $value = self.try_recv_message(bytes, &mut incoming)?;
                Ok($len)
            }
        }
    };
}
kind!(Stream, stream, |len| len);
kind!(Datagram, datagram, |len| len);
kind!(Seqpacket, seqpacket, |len| len.expect("not the end"));

/// A descriptor whose last copy's end is seen: the write end of a pipe.
struct Witness {
    read: OwnedFd,
}

impl Witness {
    fn new() -> (Self, OwnedFd) {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        (Self { read }, write)
    }

    /// Asserts that no process has a copy any more.
    #[track_caller]
    fn assert_closed(&self) {
        let mut fds = [PollFd::new(&self.read, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        let ready = poll(&mut fds, Some(&limit)).unwrap();
        assert_eq!(ready, 1, "a descriptor is left open");
        assert_eq!(rustix::io::read(&self.read, &mut [0; 1]), Ok(0));
    }

    #[track_caller]
    fn assert_open(&self) {
        let mut fds = [PollFd::new(&self.read, PollFlags::IN)];
        let ready = poll(&mut fds, Some(&Timespec::default())).unwrap();
        assert_eq!(ready, 0, "the descriptor is closed");
    }
}

fn is_cloexec(fd: impl AsFd) -> bool {
    rustix::io::fcntl_getfd(fd)
        .unwrap()
        .contains(FdFlags::CLOEXEC)
}

// Bytes and messages.

#[test]
fn pairs_work_in_both_directions_and_are_close_on_exec() {
    let _check = LeakCheck::begin();
    fn check<K: Kind>() {
        let (one, other) = K::pair();
        assert!(is_cloexec(&one) && is_cloexec(&other));
        let mut buffer = [0; 16];
        for (from, to, bytes) in [(&one, &other, b"there"), (&other, &one, b"again")] {
            from.put(bytes, &Outgoing::new()).unwrap();
            assert_eq!(to.take_bytes(&mut buffer), Ok(5));
            assert_eq!(&buffer[..5], bytes);
        }
    }
    check::<Stream>();
    check::<Datagram>();
    check::<Seqpacket>();
}

#[test]
fn stream_has_no_boundaries_and_messages_have() {
    let _check = LeakCheck::begin();
    let mut buffer = [0; 16];

    let (one, other) = stream::pair().unwrap();
    assert_eq!(one.send(b"abc"), Ok(3));
    assert_eq!(one.send(b"def"), Ok(3));
    assert_eq!(other.bytes_waiting(), Ok(6));
    assert_eq!(other.recv(&mut buffer[..4]), Ok(4));
    assert_eq!(other.recv(&mut buffer[4..]), Ok(2));
    assert_eq!(&buffer[..6], b"abcdef");

    let (one, other) = datagram::pair().unwrap();
    one.send(b"abc").unwrap();
    one.send(b"").unwrap();
    one.send(b"defg").unwrap();
    assert_eq!(other.recv(&mut buffer), Ok(3));
    assert_eq!(other.recv(&mut buffer), Ok(0));
    assert_eq!(other.recv(&mut buffer), Ok(4));

    let (one, other) = seqpacket::pair().unwrap();
    one.send(b"abc").unwrap();
    one.send(b"").unwrap();
    one.send(b"defg").unwrap();
    assert_eq!(other.recv(&mut buffer), Ok(Some(3)));
    assert_eq!(other.recv(&mut buffer), Ok(Some(0)));
    assert_eq!(other.recv(&mut buffer), Ok(Some(4)));
}

#[test]
fn several_slices_are_one_message() {
    let _check = LeakCheck::begin();
    let (one, other) = seqpacket::pair().unwrap();
    let slices = [IoSlice::new(b"he"), IoSlice::new(b""), IoSlice::new(b"llo")];
    one.send_message(&slices, &Outgoing::new()).unwrap();
    let (mut head, mut tail) = ([0; 1], [0; 8]);
    let mut slices = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
    let len = other.recv_message(&mut slices, &mut Incoming::<0>::new());
    assert_eq!(len, Ok(Some(5)));
    assert_eq!((&head, &tail[..4]), (b"h", &b"ello"[..]));
}

#[test]
fn peek_leaves_what_it_sees() {
    let _check = LeakCheck::begin();
    let mut buffer = [0; 16];

    let (one, other) = stream::pair().unwrap();
    assert_eq!(other.try_peek(&mut buffer), Err(Errno::AGAIN));
    assert_eq!(other.peek_until(&mut buffer, soon()), Err(Errno::TIMEDOUT));
    one.send(b"hello").unwrap();
    assert_eq!(other.peek(&mut buffer[..2]), Ok(2));
    assert_eq!(other.try_peek(&mut buffer), Ok(5));
    assert_eq!(other.peek_until(&mut buffer, limit()), Ok(5));
    assert_eq!(other.recv(&mut buffer), Ok(5));

    let (one, other) = datagram::pair().unwrap();
    assert_eq!(other.try_peek(&mut buffer), Err(Errno::AGAIN.into()));
    assert_eq!(other.try_next_len(), Err(Errno::AGAIN));
    assert_eq!(other.next_len_until(soon()), Err(Errno::TIMEDOUT));
    one.send(b"hello").unwrap();
    let cut = Err(RecvError::Truncated { len: 5 });
    assert_eq!(other.peek(&mut buffer[..2]), cut);
    assert_eq!(&buffer[..2], b"he");
    assert_eq!(other.try_peek(&mut buffer), Ok(5));
    assert_eq!(other.peek_until(&mut buffer, limit()), Ok(5));
    assert_eq!(other.next_len(), Ok(5));
    assert_eq!(other.recv(&mut buffer), Ok(5));

    let (one, other) = seqpacket::pair().unwrap();
    assert_eq!(other.try_peek(&mut buffer), Err(Errno::AGAIN.into()));
    assert_eq!(other.try_next_len(), Err(Errno::AGAIN));
    assert_eq!(other.next_len_until(soon()), Err(Errno::TIMEDOUT));
    one.send(b"hello").unwrap();
    let cut = Err(RecvError::Truncated { len: 5 });
    assert_eq!(other.peek(&mut buffer[..2]), cut);
    assert_eq!(other.try_peek(&mut buffer), Ok(Some(5)));
    assert_eq!(other.peek_until(&mut buffer, limit()), Ok(Some(5)));
    assert_eq!(other.next_len(), Ok(Some(5)));
    assert_eq!(other.recv(&mut buffer), Ok(Some(5)));
    drop(one);
    assert_eq!(other.next_len(), Ok(None));
    assert_eq!(other.peek(&mut buffer), Ok(None));
}

#[test]
fn truncated_message_is_error_with_its_length() {
    let _check = LeakCheck::begin();
    fn check<K: Kind>() {
        let (one, other) = K::pair();
        let message = pattern(1000, 1);
        let mut buffer = [0; 100];
        let cut = Err(RecvError::Truncated { len: 1000 });

        one.put(&message, &Outgoing::new()).unwrap();
        assert_eq!(other.take_bytes(&mut buffer), cut);
        assert_eq!(buffer, message[..100]);
        // The descriptors of such a message are not kept either.
        let (witness, write) = Witness::new();
        one.put(&message, &Outgoing::new().descriptors(&[write.as_fd()]))
            .unwrap();
        drop(write);
        let mut incoming = Incoming::<1>::new();
        assert_eq!(other.take(&mut buffer, &mut incoming), cut);
        assert_eq!(incoming.descriptors().len(), 0);
        witness.assert_closed();
        // Nothing of it stands before the next; an exact fit is no cut.
        one.put(&message[..100], &Outgoing::new()).unwrap();
        assert_eq!(other.take_bytes(&mut buffer), Ok(100));
        one.put(b"x", &Outgoing::new()).unwrap();
        let cut = Err(RecvError::Truncated { len: 1 });
        assert_eq!(other.take_bytes(&mut []), cut);
    }
    check::<Datagram>();
    check::<Seqpacket>();
    assert_eq!(Errno::from(RecvError::Truncated { len: 1 }), Errno::MSGSIZE);
}

#[test]
fn errors_display_what_is_wrong() {
    for (error, text, errno) in [
        (
            RecvError::Truncated { len: 9 },
            "the message of 9 bytes",
            Errno::MSGSIZE,
        ),
        (
            RecvError::ControlTruncated { len: 9 },
            "than there was room for",
            Errno::MSGSIZE,
        ),
        (
            RecvError::DescriptorRefused { len: 9 },
            "could not be given",
            Errno::MFILE,
        ),
        (
            RecvError::from(Errno::CONNRESET),
            "reset by peer",
            Errno::CONNRESET,
        ),
    ] {
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(Errno::from(error), errno);
        let _: Box<dyn core::error::Error> = error.into();
    }
}

#[test]
fn message_longer_than_send_buffer_is_refused() {
    let _check = LeakCheck::begin();
    let (one, other) = seqpacket::pair().unwrap();
    option::set_send_buffer(&one, 4096).unwrap();
    let size = option::send_buffer(&one).unwrap();
    assert_eq!(size, 8192);
    assert_eq!(one.send(&vec![0; size]), Err(Errno::MSGSIZE));
    assert_eq!(other.try_recv(&mut [0; 1]), Err(Errno::AGAIN.into()));
    assert!(option::set_send_buffer(&one, usize::MAX).is_ok());
    option::set_receive_buffer(&one, 4096).unwrap();
    assert_eq!(option::receive_buffer(&one), Ok(8192));
}

#[test]
fn empty_message_is_not_the_end() {
    let _check = LeakCheck::begin();
    let mut buffer = [0; 8];

    // While the peer is there, and when more follows.
    let (one, other) = seqpacket::pair().unwrap();
    one.send(b"").unwrap();
    assert_eq!(other.next_len(), Ok(Some(0)));
    assert_eq!(other.recv(&mut buffer), Ok(Some(0)));
    one.send(b"").unwrap();
    one.send(b"x").unwrap();
    drop(one);
    assert_eq!(other.recv(&mut buffer), Ok(Some(0)));
    assert_eq!(other.recv(&mut buffer), Ok(Some(1)));
    assert_eq!(other.recv(&mut buffer), Ok(None));
    assert_eq!(other.try_recv(&mut buffer), Ok(None));
    assert_eq!(other.recv_until(&mut buffer, limit()), Ok(None));

    // The last one counts as the end, as the documentation says.
    let (one, other) = seqpacket::pair().unwrap();
    one.send(b"").unwrap();
    drop(one);
    assert_eq!(other.recv(&mut buffer), Ok(None));

    // Unless something is beside it: asked for, or sent.
    let (one, other) = seqpacket::pair().unwrap();
    option::set_pass_credentials(&other, true).unwrap();
    for _ in 0..4 {
        one.send(b"").unwrap();
    }
    drop(one);
    assert_eq!(other.next_len(), Ok(Some(0)));
    assert_eq!(other.recv(&mut buffer), Ok(Some(0)));
    assert_eq!(other.try_recv(&mut buffer), Ok(Some(0)));
    let mut incoming = Incoming::<0>::new();
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    assert_eq!(other.recv_message(bytes, &mut incoming), Ok(Some(0)));
    assert_eq!(other.try_recv_message(bytes, &mut incoming), Ok(Some(0)));
    assert_eq!(other.recv_message(bytes, &mut incoming), Ok(None));
    assert_eq!(incoming.credentials(), None);
    assert_eq!(other.recv(&mut buffer), Ok(None));

    let (one, other) = seqpacket::pair().unwrap();
    let descriptors = [one.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    one.send_message(&[], &outgoing).unwrap();
    one.shutdown(Shutdown::Write).unwrap();
    let mut incoming = Incoming::<1>::new();
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    assert_eq!(other.recv_message(bytes, &mut incoming), Ok(Some(0)));
    assert_eq!(incoming.descriptors().len(), 1);
    assert_eq!(other.recv_message(bytes, &mut incoming), Ok(None));
}

// Waiting.

#[test]
fn try_and_until_report_nothing_to_receive_and_no_room() {
    let _check = LeakCheck::begin();
    macro_rules! check {
        ($module:ident) => {{
            let (one, other) = $module::pair().unwrap();
            option::set_send_buffer(&one, 8192).unwrap();
            let mut buffer = [0; 512];
            let mut incoming = Incoming::<1>::new();
            let bytes = &mut [IoSliceMut::new(&mut buffer)];

            let begin = Instant::now();
            assert_eq!(other.try_recv(&mut [0; 8]), Err(Errno::AGAIN.into()));
            assert_eq!(
                other.try_recv_message(bytes, &mut incoming),
                Err(Errno::AGAIN.into())
            );
            assert_eq!(
                other.recv_until(&mut [0; 8], Deadline::NOW),
                Err(Errno::TIMEDOUT.into())
            );
            assert_eq!(
                other.recv_until(&mut [0; 8], soon()),
                Err(Errno::TIMEDOUT.into())
            );
            assert_eq!(
                other.recv_message_until(bytes, &mut incoming, soon()),
                Err(Errno::TIMEDOUT.into())
            );
            assert!(begin.elapsed() >= Duration::from_millis(40));

            let mut sent = 0;
            while one.try_send(&[7; 512]).is_ok() {
                sent += 1;
            }
            assert!(sent > 0);
            let begin = Instant::now();
            let bytes = [IoSlice::new(&[7; 512])];
            let nothing = Outgoing::new();
            assert_eq!(one.try_send(&[7; 512]), Err(Errno::AGAIN));
            assert_eq!(one.try_send_message(&bytes, &nothing), Err(Errno::AGAIN));
            assert_eq!(one.send_until(&[7; 512], soon()), Err(Errno::TIMEDOUT));
            assert_eq!(
                one.send_message_until(&bytes, &nothing, soon()),
                Err(Errno::TIMEDOUT)
            );
            assert!(begin.elapsed() >= Duration::from_millis(40));

            // A deadline does not matter when there is no need to wait.
            let mut buffer = [0; 512];
            assert!(other.recv_until(&mut buffer, Deadline::NOW).is_ok());
            assert_eq!(buffer, [7; 512]);
        }};
    }
    check!(stream);
    check!(datagram);
    check!(seqpacket);
}

#[test]
fn sleepers_are_woken_by_what_they_wait_for() {
    let _check = LeakCheck::begin();
    macro_rules! check {
        ($module:ident) => {{
            let (one, other) = $module::pair().unwrap();
            option::set_send_buffer(&one, 8192).unwrap();
            // Far more than fits: either side must sleep, whichever way.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for round in 0..200_u8 {
                        let message = [round; 512];
                        match round % 3 {
                            0 => one.send(&message).map(drop).unwrap(),
                            1 => one.send_until(&message, limit()).map(drop).unwrap(),
                            _ => {
                                let bytes = [IoSlice::new(&message)];
                                let nothing = Outgoing::new();
                                one.send_message_until(&bytes, &nothing, limit())
                                    .map(drop)
                                    .unwrap();
                            }
                        }
                    }
                });
                for round in 0..200_u8 {
                    let mut buffer = [0; 512];
                    match round % 3 {
                        0 => other.recv(&mut buffer).map(drop).unwrap(),
                        1 => other.recv_until(&mut buffer, limit()).map(drop).unwrap(),
                        _ => {
                            let bytes = &mut [IoSliceMut::new(&mut buffer)];
                            let mut incoming = Incoming::<0>::new();
                            other
                                .recv_message_until(bytes, &mut incoming, limit())
                                .unwrap();
                        }
                    }
                    assert_eq!(buffer, [round; 512]);
                }
            });
        }};
    }
    check!(datagram);
    check!(seqpacket);

    // A stream's pieces need not be as they were sent.
    let (one, other) = stream::pair().unwrap();
    option::set_send_buffer(&one, 8192).unwrap();
    let data = pattern(3_000_000, 7);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            one.send_all(&data[..1_000_000]).unwrap();
            one.send_all_until(&data[1_000_000..2_000_000], limit())
                .unwrap();
            option::set_nonblocking(&one, true).unwrap();
            one.send_all(&data[2_000_000..]).unwrap();
        });
        let mut received = vec![0; data.len()];
        other.recv_exact(&mut received[..1_500_000]).unwrap();
        other
            .recv_exact_until(&mut received[1_500_000..], limit())
            .unwrap();
        assert!(received == data);
    });
}

#[test]
fn plain_calls_on_nonblocking_socket_do_not_block() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    option::set_nonblocking(&other, true).unwrap();
    assert_eq!(other.recv(&mut [0; 8]), Err(Errno::AGAIN));
    assert_eq!(other.recv_until(&mut [0; 8], soon()), Err(Errno::TIMEDOUT));
    std::thread::scope(|scope| {
        scope.spawn(|| other.recv_exact(&mut [0; 5]).unwrap());
        one.send(b"hello").unwrap();
    });
    option::set_nonblocking(&other, false).unwrap();
    assert_eq!(other.recv_until(&mut [0; 8], soon()), Err(Errno::TIMEDOUT));
}

#[test]
fn whole_message_calls_report_how_far_they_came() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    let data = pattern(10_000_000, 3);
    let error = Errno::TIMEDOUT;
    let short = one.send_all_until(&data, soon()).unwrap_err();
    let done = short.done;
    assert!(done > 0);
    assert_eq!(short, Short { done, error });
    assert_eq!(other.bytes_waiting(), Ok(done));
    let mut received = vec![0; data.len()];
    let short = other.recv_exact_until(&mut received, soon());
    assert_eq!(short, Err(Short { done, error }));
    assert!(received[..done] == data[..done]);

    one.send(b"four").unwrap();
    drop(one);
    let error = Errno::PIPE;
    let short = other.recv_exact(&mut received);
    assert_eq!(short, Err(Short { done: 4, error }));
    assert_eq!(other.recv_exact(&mut []), Ok(()));
    assert_eq!(other.send_all(b"x"), Err(Short { done: 0, error }));
    assert_eq!(other.send_all(b""), Ok(()));
}

#[test]
fn whole_message_calls_interrupted_continue_until_deadline() {
    const LEN: usize = 4_000_000;
    if let Some(mut half) = PeerArgs::role("echo") {
        let socket = Stream::from(half.descriptor(0));
        let (silent, _other) = stream::pair().unwrap();
        let storm = Storm::begin();
        let mut data = vec![0; LEN];
        socket.recv_exact_until(&mut data, limit()).unwrap();
        socket.send_all_until(&data, limit()).unwrap();
        socket.recv_exact(&mut data).unwrap();
        socket.send_all(&data).unwrap();

        let begin = Instant::now();
        let patience = Duration::from_millis(200);
        let result = silent.recv_exact_until(&mut [0; 1], Deadline::after(patience));
        let error = Errno::TIMEDOUT;
        assert_eq!(result, Err(Short { done: 0, error }));
        assert!(begin.elapsed() >= patience);

        // The plain thin calls say when they were interrupted, those with a deadline go on.
        for _ in 0..3 {
            assert_eq!(silent.recv(&mut [0; 1]), Err(Errno::INTR));
            let soon = Deadline::after(Duration::from_millis(10));
            assert_eq!(silent.recv_until(&mut [0; 1], soon), Err(Errno::TIMEDOUT));
        }
        assert!(storm.handled() > 100);
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    let (ours, theirs) = stream::pair().unwrap();
    let mut peer = Peer::start(test_name!(), "echo", &[raw(&theirs)]);
    drop(theirs);
    let data = pattern(LEN, 11);
    let mut echoed = vec![0; LEN];
    for _ in 0..2 {
        ours.send_all(&data).unwrap();
        ours.recv_exact_until(&mut echoed, limit()).unwrap();
        assert!(echoed == data);
        echoed.fill(0);
    }
    peer.expect("done");
    peer.finish();
}

// The end of the peer.

#[test]
fn closed_peer_is_error_without_signal() {
    if PeerArgs::role("sends").is_some() {
        // Rust's runtime ignores SIGPIPE; without that it would end the process.
        // SAFETY: sets the default action.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let bytes = [IoSlice::new(b"x")];
        let nothing = Outgoing::new();

        let (mut one, other) = stream::pair().unwrap();
        drop(other);
        assert_eq!(one.send(b"x"), Err(Errno::PIPE));
        assert_eq!(one.try_send(b"x"), Err(Errno::PIPE));
        assert_eq!(one.send_until(b"x", limit()), Err(Errno::PIPE));
        assert_eq!(one.send_message(&bytes, &nothing), Err(Errno::PIPE));
        assert_eq!(one.try_send_message(&bytes, &nothing), Err(Errno::PIPE));
        let short = Err(Short {
            done: 0,
            error: Errno::PIPE,
        });
        assert_eq!(one.send_all(b"x"), short);
        assert_eq!(one.send_all_until(b"x", limit()), short);
        assert_eq!(one.send_oob(b'x'), Err(Errno::PIPE));
        let error = one.write(b"x").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        assert!(one.write_vectored(&bytes).is_err());

        let (one, other) = seqpacket::pair().unwrap();
        drop(other);
        assert_eq!(one.send(b"x"), Err(Errno::PIPE));
        assert_eq!(one.try_send(b"x"), Err(Errno::PIPE));
        assert_eq!(one.send_until(b"x", limit()), Err(Errno::PIPE));
        assert_eq!(one.send_message(&bytes, &nothing), Err(Errno::PIPE));
        assert_eq!(one.send_many(&bytes), Err(Errno::PIPE));
        assert_eq!(one.try_send_many(&bytes), Err(Errno::PIPE));
        assert_eq!(one.send_many_until(&bytes, limit()), Err(Errno::PIPE));

        let (one, other) = datagram::pair().unwrap();
        one.shutdown(Shutdown::Write).unwrap();
        assert_eq!(one.send(b"x"), Err(Errno::PIPE));
        assert_eq!(one.send_message(&bytes, &nothing), Err(Errno::PIPE));
        assert_eq!(one.send_many(&bytes), Err(Errno::PIPE));
        drop(other);

        let (one, other) = datagram::pair().unwrap();
        drop(other);
        assert_eq!(one.send(b"x"), Err(Errno::CONNREFUSED));
        assert_eq!(one.try_send(b"x"), Err(Errno::NOTCONN));
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "sends", &[]).finish();
}

#[test]
fn killed_peer_ends_stream() {
    if let Some(mut half) = PeerArgs::role("dies") {
        let socket = Stream::from(half.descriptor(0));
        socket.send_all(b"last words").unwrap();
        half.channel.say("ready");
        half.channel.hear();
        unreachable!("it is killed");
    }
    let _check = LeakCheck::begin();
    let (ours, theirs) = stream::pair().unwrap();
    let mut peer = Peer::start(test_name!(), "dies", &[raw(&theirs)]);
    drop(theirs);
    peer.expect("ready");
    let mut buffer = [0; 16];
    assert_eq!(ours.recv(&mut buffer), Ok(10));
    assert_eq!(ours.try_recv(&mut buffer), Err(Errno::AGAIN));
    std::thread::scope(|scope| {
        // Asleep, or about to be, when the peer dies: woken either way.
        let sleeper = scope.spawn(|| ours.recv(&mut [0; 16]));
        let other = scope.spawn(|| ours.recv_until(&mut [0; 16], limit()));
        peer.kill();
        assert_eq!(sleeper.join().unwrap(), Ok(0));
        assert_eq!(other.join().unwrap(), Ok(0));
    });
    assert_eq!(ours.send(b"x"), Err(Errno::PIPE));
    let nothing = Incoming::<1>::new().descriptors().next();
    assert!(nothing.is_none());
}

#[test]
fn killed_peer_ends_seqpacket_connection() {
    if let Some(mut half) = PeerArgs::role("dies") {
        let socket = Seqpacket::from(half.descriptor(0));
        socket.send(b"last words").unwrap();
        half.channel.say("ready");
        half.channel.hear();
        unreachable!("it is killed");
    }
    let _check = LeakCheck::begin();
    let (ours, theirs) = seqpacket::pair().unwrap();
    let mut peer = Peer::start(test_name!(), "dies", &[raw(&theirs)]);
    drop(theirs);
    peer.expect("ready");
    let mut buffer = [0; 16];
    assert_eq!(ours.recv(&mut buffer), Ok(Some(10)));
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| ours.recv(&mut [0; 16]));
        let other = scope.spawn(|| ours.recv_until(&mut [0; 16], limit()));
        peer.kill();
        assert_eq!(sleeper.join().unwrap(), Ok(None));
        assert_eq!(other.join().unwrap(), Ok(None));
    });
    assert_eq!(ours.send(b"x"), Err(Errno::PIPE));
}

#[test]
fn killed_peer_with_unread_bytes_is_reset() {
    if let Some(mut half) = PeerArgs::role("dies") {
        let stream = Stream::from(half.descriptor(0));
        let seqpacket = Seqpacket::from(half.descriptor(1));
        stream.send_all(b"before").unwrap();
        seqpacket.send(b"before").unwrap();
        half.channel.say("ready");
        half.channel.hear();
        unreachable!("it is killed");
    }
    let _check = LeakCheck::begin();
    let (ours, theirs) = stream::pair().unwrap();
    let (our_packets, their_packets) = seqpacket::pair().unwrap();
    let inherited = [raw(&theirs), raw(&their_packets)];
    let mut peer = Peer::start(test_name!(), "dies", &inherited);
    drop((theirs, their_packets));
    peer.expect("ready");
    ours.send(b"unread").unwrap();
    our_packets.send(b"unread").unwrap();
    peer.kill();

    let mut buffer = [0; 16];
    assert_eq!(ours.recv(&mut buffer), Ok(6));
    assert_eq!(ours.recv(&mut buffer), Err(Errno::CONNRESET));
    assert_eq!(ours.recv(&mut buffer), Ok(0));
    let reset = Err(Errno::CONNRESET.into());
    assert_eq!(our_packets.recv(&mut buffer), reset);
    assert_eq!(our_packets.recv(&mut buffer), Ok(Some(6)));
    assert_eq!(our_packets.recv(&mut buffer), Ok(None));
}

#[test]
fn datagram_receiver_does_not_learn_of_killed_peer() {
    if let Some(mut half) = PeerArgs::role("dies") {
        half.channel.say("ready");
        half.channel.hear();
        unreachable!("it is killed");
    }
    let _check = LeakCheck::begin();
    let (ours, theirs) = datagram::pair().unwrap();
    let mut peer = Peer::start(test_name!(), "dies", &[raw(&theirs)]);
    drop(theirs);
    peer.expect("ready");
    ours.send(b"unread").unwrap();
    peer.kill();
    let mut buffer = [0; 16];
    assert_eq!(ours.try_recv(&mut buffer), Err(Errno::AGAIN.into()));
    let late = Err(Errno::TIMEDOUT.into());
    assert_eq!(ours.recv_until(&mut buffer, soon()), late);
    assert_eq!(ours.send(b"x"), Err(Errno::CONNREFUSED));
    assert_eq!(ours.send(b"x"), Err(Errno::NOTCONN));
}

#[test]
fn shutdown_ends_one_direction() {
    let _check = LeakCheck::begin();
    let mut buffer = [0; 8];

    let (one, other) = stream::pair().unwrap();
    one.send(b"x").unwrap();
    one.shutdown(Shutdown::Write).unwrap();
    assert_eq!(one.send(b"x"), Err(Errno::PIPE));
    assert_eq!(other.recv(&mut buffer), Ok(1));
    assert_eq!(other.recv(&mut buffer), Ok(0));
    assert_eq!(other.try_recv(&mut buffer), Ok(0));
    assert_eq!(other.recv_until(&mut buffer, limit()), Ok(0));
    assert_eq!(other.send(b"y"), Ok(1));
    one.shutdown(Shutdown::Read).unwrap();
    assert_eq!(other.send(b"y"), Err(Errno::PIPE));
    assert_eq!(one.recv(&mut buffer), Ok(1));

    let (one, other) = seqpacket::pair().unwrap();
    one.shutdown(Shutdown::Both).unwrap();
    assert_eq!(other.recv(&mut buffer), Ok(None));
    assert_eq!(other.recv_until(&mut buffer, limit()), Ok(None));
    assert_eq!(other.send(b"y"), Err(Errno::PIPE));

    // A datagram socket that will never receive again does not spin, or sleep.
    let (one, other) = datagram::pair().unwrap();
    one.send(b"x").unwrap();
    other.shutdown(Shutdown::Read).unwrap();
    assert_eq!(one.send(b"y"), Err(Errno::PIPE));
    assert_eq!(other.recv_until(&mut buffer, Deadline::Never), Ok(1));
    assert_eq!(other.recv(&mut buffer), Ok(0));
    assert_eq!(other.recv_until(&mut buffer, Deadline::Never), Ok(0));
    assert_eq!(other.next_len_until(Deadline::Never), Ok(0));
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    let mut incoming = Incoming::<1>::new();
    let len = other.recv_message_until(bytes, &mut incoming, Deadline::Never);
    assert_eq!(len, Ok(0));
}

#[test]
fn other_descriptors_are_refused() {
    let _check = LeakCheck::begin();
    let file = std::fs::File::open("/dev/null").unwrap();
    let file = Seqpacket::from(OwnedFd::from(file));
    assert_eq!(file.send(b"x"), Err(Errno::NOTSOCK));
    assert_eq!(file.recv(&mut [0; 1]), Err(Errno::NOTSOCK.into()));
    assert_eq!(file.next_len(), Err(Errno::NOTSOCK));
    assert_eq!(option::peer_credentials(&file), Err(Errno::NOTSOCK));
}

// Descriptors.

fn descriptors_cross_between_processes<K: Kind>(test: &str) {
    if let Some(half) = PeerArgs::role("works with them") {
        let socket = K::from(half.descriptor(0));
        let mut buffer = [0; 64];
        let mut incoming = Incoming::<4>::new();
        assert_eq!(socket.take(&mut buffer, &mut incoming), Ok(5));
        assert_eq!(&buffer[..5], b"three");
        let descriptors: Vec<OwnedFd> = incoming.descriptors().collect();
        assert!(descriptors.iter().all(is_cloexec));
        let [memory, pipe, event] = &descriptors[..] else {
            panic!("three descriptors");
        };
        let mut content = [0; 5];
        rustix::io::pread(memory, &mut content, 0).unwrap();
        assert_eq!(&content, b"to it");
        rustix::io::pwrite(memory, b"from it", 0).unwrap();
        rustix::io::write(pipe, b"into the pipe").unwrap();
        rustix::io::write(event, &7_u64.to_ne_bytes()).unwrap();

        // And some of its own, the other way.
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        rustix::io::write(&write, b"out of the pipe").unwrap();
        let own = [read.as_fd()];
        socket
            .put(b"one", &Outgoing::new().descriptors(&own))
            .unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let (ours, theirs) = K::pair();
    let peer = Peer::start(test, "works with them", &[raw(&theirs)]);
    drop(theirs);

    let memory = rustix::fs::memfd_create("rawipc", MemfdFlags::CLOEXEC).unwrap();
    rustix::io::pwrite(&memory, b"to it", 0).unwrap();
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let event = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
    let descriptors = [memory.as_fd(), write.as_fd(), event.as_fd()];
    ours.put(b"three", &Outgoing::new().descriptors(&descriptors))
        .unwrap();
    drop(write);

    let mut buffer = [0; 64];
    let mut incoming = Incoming::<1>::new();
    assert_eq!(ours.take(&mut buffer, &mut incoming), Ok(3));
    let theirs = incoming.descriptors().next().unwrap();
    assert!(is_cloexec(&theirs));
    peer.finish();
    // What it left is there although it has ended.
    assert_eq!(rustix::io::read(&theirs, &mut buffer), Ok(15));
    assert_eq!(&buffer[..15], b"out of the pipe");
    assert_eq!(rustix::io::read(&theirs, &mut buffer), Ok(0));
    assert_eq!(rustix::io::pread(&memory, &mut buffer, 0), Ok(7));
    assert_eq!(&buffer[..7], b"from it");
    assert_eq!(rustix::io::read(&read, &mut buffer), Ok(13));
    assert_eq!(rustix::io::read(&read, &mut buffer), Ok(0));
    assert_eq!(rustix::io::read(&event, &mut buffer), Ok(8));
    assert_eq!(buffer[..8], 7_u64.to_ne_bytes());
}

#[test]
fn descriptors_cross_between_processes_on_stream() {
    descriptors_cross_between_processes::<Stream>(test_name!());
}

#[test]
fn descriptors_cross_between_processes_in_datagrams() {
    descriptors_cross_between_processes::<Datagram>(test_name!());
}

#[test]
fn descriptors_cross_between_processes_in_seqpackets() {
    descriptors_cross_between_processes::<Seqpacket>(test_name!());
}

/// Sends `count` copies of one descriptor into room for `FDS`.
#[track_caller]
fn overflow<K: Kind, const FDS: usize>(count: usize) {
    let (one, other) = K::pair();
    let (witness, write) = Witness::new();
    let descriptors = vec![write.as_fd(); count];
    one.put(b"bytes", &Outgoing::new().descriptors(&descriptors))
        .unwrap();
    drop(write);
    witness.assert_open();
    let mut incoming = Incoming::<FDS>::new();
    let mut buffer = [0; 8];
    let result = other.take(&mut buffer, &mut incoming);
    assert_eq!(result, Err(RecvError::ControlTruncated { len: 5 }));
    assert_eq!(&buffer[..5], b"bytes");
    assert_eq!(incoming.descriptors().len(), 0);
    // Closed, while the socket and the room for them still exist.
    witness.assert_closed();
    // The socket works on.
    one.put(b"more", &Outgoing::new()).unwrap();
    assert_eq!(other.take(&mut buffer, &mut incoming), Ok(4));
}

#[test]
fn descriptors_that_do_not_fit_are_error_and_closed() {
    let _check = LeakCheck::begin();
    fn check<K: Kind>() {
        overflow::<K, 0>(1);
        overflow::<K, 0>(10);
        overflow::<K, 0>(MAX_DESCRIPTORS);
        // The padding of one leaves room for two, and that of others more.
        overflow::<K, 1>(2);
        overflow::<K, 3>(4);
        for count in 5..40 {
            overflow::<K, 4>(count);
        }
        overflow::<K, 4>(MAX_DESCRIPTORS);
        overflow::<K, 252>(MAX_DESCRIPTORS);
    }
    check::<Stream>();
    check::<Datagram>();
    check::<Seqpacket>();
}

#[test]
fn maximum_of_descriptors_is_sent_and_more_is_refused() {
    let _check = LeakCheck::begin();
    fn check<K: Kind>() {
        let (one, other) = K::pair();
        let (witness, write) = Witness::new();
        let mut buffer = [0; 8];

        let too_many = vec![write.as_fd(); MAX_DESCRIPTORS + 1];
        let outgoing = Outgoing::new().descriptors(&too_many);
        assert_eq!(one.put(b"x", &outgoing), Err(Errno::INVAL));
        assert_eq!(other.try_take(), Err(Errno::AGAIN.into()));

        let own = Credentials::own();
        let most = vec![write.as_fd(); MAX_DESCRIPTORS];
        option::set_pass_credentials(&other, true).unwrap();
        one.put(b"x", &Outgoing::new().descriptors(&most).credentials(own))
            .unwrap();
        drop(write);
        let mut incoming = Incoming::<MAX_DESCRIPTORS>::new();
        assert_eq!(other.take(&mut buffer, &mut incoming), Ok(1));
        assert_eq!(incoming.credentials(), Some(own));
        assert_eq!(incoming.descriptors().len(), MAX_DESCRIPTORS);
        let taken: Vec<OwnedFd> = incoming.descriptors().take(100).collect();
        assert_eq!(incoming.descriptors().len(), MAX_DESCRIPTORS - 100);
        drop(taken);
        witness.assert_open();
        // Receiving again closes what was not taken.
        one.put(b"y", &Outgoing::new()).unwrap();
        assert_eq!(other.take(&mut buffer, &mut incoming), Ok(1));
        assert_eq!(incoming.descriptors().len(), 0);
        witness.assert_closed();
    }
    check::<Stream>();
    check::<Datagram>();
    check::<Seqpacket>();
}

#[test]
fn untaken_descriptors_are_closed() {
    let _check = LeakCheck::begin();
    fn check<K: Kind>() {
        let mut buffer = [0; 8];
        let send = |socket: &K| {
            let (witness, write) = Witness::new();
            let descriptors = [write.as_fd()];
            socket
                .put(b"x", &Outgoing::new().descriptors(&descriptors))
                .unwrap();
            witness
        };
        let (one, other) = K::pair();
        // Received without them.
        let witness = send(&one);
        assert_eq!(other.take_bytes(&mut buffer), Ok(1));
        witness.assert_closed();
        // Received, and dropped or cleared.
        let witness = send(&one);
        let mut incoming = Incoming::<2>::default();
        assert_eq!(other.take(&mut buffer, &mut incoming), Ok(1));
        witness.assert_open();
        drop(incoming);
        witness.assert_closed();
        let witness = send(&one);
        let mut incoming = Incoming::<2>::new();
        assert_eq!(other.take(&mut buffer, &mut incoming), Ok(1));
        incoming.clear();
        witness.assert_closed();
        // Given away before the next is received: not touched.
        let witness = send(&one);
        assert_eq!(other.take(&mut buffer, &mut incoming), Ok(1));
        let kept = incoming.descriptors().next();
        let second = send(&one);
        assert_eq!(other.take(&mut buffer, &mut incoming), Ok(1));
        witness.assert_open();
        drop(kept);
        witness.assert_closed();
        second.assert_open();
        assert!(incoming.descriptors().next().is_some());
        second.assert_closed();
        // Never received.
        let witness = send(&one);
        witness.assert_open();
        drop(other);
        witness.assert_closed();
    }
    check::<Stream>();
    check::<Datagram>();
    check::<Seqpacket>();
}

#[test]
fn stream_keeps_descriptors_with_their_bytes() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    let (first, first_write) = Witness::new();
    let (second, second_write) = Witness::new();
    one.send(b"plain").unwrap();
    for write in [&first_write, &second_write] {
        let descriptors = [write.as_fd()];
        let outgoing = Outgoing::new().descriptors(&descriptors);
        let sent = one.send_message(&[IoSlice::new(b"with")], &outgoing);
        assert_eq!(sent, Ok(4));
    }
    drop((first_write, second_write));

    let mut incoming = Incoming::<2>::new();
    let mut received = 0;
    let mut buffer = [0; 64];
    let mut witnesses = [&first, &second].into_iter();
    while received < 13 {
        let bytes = &mut [IoSliceMut::new(&mut buffer)];
        received += other.recv_message(bytes, &mut incoming).unwrap();
        assert!(incoming.descriptors().len() <= 1, "never two at once");
        if let Some(descriptor) = incoming.descriptors().next() {
            let witness = witnesses.next().expect("two were sent");
            witness.assert_open();
            drop(descriptor);
            witness.assert_closed();
        }
    }
    assert_eq!(witnesses.count(), 0);

    // Without a byte they would vanish.
    let descriptors = [one.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    assert_eq!(one.send_message(&[], &outgoing), Err(Errno::INVAL));
    let empty = [IoSlice::new(b""), IoSlice::new(b"")];
    assert_eq!(one.try_send_message(&empty, &outgoing), Err(Errno::INVAL));
    assert_eq!(one.send_message(&empty, &Outgoing::new()), Ok(0));
}

/// Leaves this process `left` descriptors, and tells what holds the rest.
fn exhaust(left: usize) -> (Rlimit, Vec<std::fs::File>) {
    let before = getrlimit(Resource::Nofile);
    let highest = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u64>().ok())
        .max()
        .unwrap();
    let limit = Rlimit {
        current: Some(highest + 32),
        maximum: before.maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    held.truncate(held.len() - left);
    (before, held)
}

fn count_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn receive_without_descriptors_left_leaks_none() {
    fn check<K: Kind>(socket: &K) {
        let mut buffer = [0; 8];
        let mut incoming = Incoming::<4>::new();
        let before_all = count_descriptors();
        for left in 0..4 {
            let (before, held) = exhaust(left);
            let result = socket.take(&mut buffer, &mut incoming);
            assert_eq!(result, Err(RecvError::DescriptorRefused { len: 5 }));
            assert_eq!(Errno::from(result.unwrap_err()), Errno::MFILE);
            assert_eq!(incoming.descriptors().len(), 0);
            // All that there was is there again.
            let again: Vec<_> =
                core::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
            assert_eq!(again.len(), left);
            drop((again, held));
            setrlimit(Resource::Nofile, before).unwrap();
            assert_eq!(count_descriptors(), before_all);
        }
        let (before, held) = exhaust(4);
        assert_eq!(socket.take(&mut buffer, &mut incoming), Ok(5));
        assert_eq!(incoming.descriptors().len(), 4);
        incoming.clear();
        drop(held);
        setrlimit(Resource::Nofile, before).unwrap();
        assert_eq!(count_descriptors(), before_all);
    }
    if let Some(half) = PeerArgs::role("poor") {
        let stream = half.descriptor(0).into();
        let datagram = half.descriptor(1).into();
        let seqpacket = half.descriptor(2).into();
        check::<Stream>(&stream);
        check::<Datagram>(&datagram);
        check::<Seqpacket>(&seqpacket);
        return;
    }
    let _check = LeakCheck::begin();
    let (stream, their_stream) = Stream::pair();
    let (datagram, their_datagram) = Datagram::pair();
    let (seqpacket, their_seqpacket) = Seqpacket::pair();
    let inherited = [
        raw(&their_stream),
        raw(&their_datagram),
        raw(&their_seqpacket),
    ];
    let (witness, write) = Witness::new();
    let descriptors = [write.as_fd(); 4];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    for _ in 0..5 {
        stream.put(b"bytes", &outgoing).unwrap();
        datagram.put(b"bytes", &outgoing).unwrap();
        seqpacket.put(b"bytes", &outgoing).unwrap();
    }
    drop(write);
    let peer = Peer::start(test_name!(), "poor", &inherited);
    peer.finish();
    drop((their_stream, their_datagram, their_seqpacket));
    witness.assert_closed();
}

/// More than [`Incoming`] knows of takes the room: time stamps, which are switched
/// on by other means than this crate.
#[test]
fn room_taken_by_others_is_no_lack_of_descriptors() {
    fn check<K: Kind>() {
        let (one, other) = K::pair();
        option::set_pass_credentials(&other, true).unwrap();
        let on = 1_i32;
        // SAFETY: reads a number.
        let set = unsafe {
            libc::setsockopt(
                raw(&other),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMP,
                (&raw const on).cast(),
                4,
            )
        };
        assert_eq!(set, 0);
        for pidfd in [false, true] {
            match option::set_pass_pidfd(&other, pidfd) {
                Err(Errno::NOPROTOOPT) => continue,
                result => result.unwrap(),
            }
            let before = count_descriptors();
            // Sends itself: as many of them as come must be closed again.
            let descriptors = [one.as_fd(); 3];
            one.put(b"bytes", &Outgoing::new().descriptors(&descriptors))
                .unwrap();
            let mut incoming = Incoming::<3>::new();
            let mut buffer = [0; 8];
            let result = other.take(&mut buffer, &mut incoming);
            assert_eq!(result, Err(RecvError::ControlTruncated { len: 5 }));
            assert!(incoming.credentials().is_none() && incoming.pidfd().is_none());
            assert_eq!(count_descriptors(), before);
        }
    }
    // In a process of its own, where nobody else opens any.
    if PeerArgs::role("alone").is_some() {
        check::<Datagram>();
        check::<Seqpacket>();
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "alone", &[]).finish();
}

/// Who sent a message is told by a descriptor, for which there may be no room.
#[test]
fn receive_without_descriptors_left_reports_missing_pidfd() {
    if PeerArgs::role("poor").is_some() {
        let (one, other) = datagram::pair().unwrap();
        match option::set_pass_pidfd(&other, true) {
            Err(Errno::NOPROTOOPT) => {
                skipped!("this kernel has no SO_PASSPIDFD");
                return;
            }
            result => result.unwrap(),
        }
        one.send(b"x").unwrap();
        one.send(b"y").unwrap();
        let before_all = count_descriptors();
        let mut incoming = Incoming::<0>::new();
        let (before, held) = exhaust(0);
        assert_eq!(other.take(&mut [0; 1], &mut incoming), Ok(1));
        assert_eq!(incoming.pidfd().unwrap().unwrap_err(), Errno::MFILE);
        drop(held);
        setrlimit(Resource::Nofile, before).unwrap();
        assert_eq!(count_descriptors(), before_all);
        assert_eq!(other.take(&mut [0; 1], &mut incoming), Ok(1));
        assert!(incoming.pidfd().unwrap().is_ok());
        assert_eq!(count_descriptors(), before_all);
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "poor", &[]).finish();
}

// Credentials.

#[test]
fn messages_carry_credentials_of_sender() {
    fn send<K: Kind>(socket: &K) {
        socket.put(b"x", &Outgoing::new()).unwrap();
        socket
            .put(b"y", &Outgoing::new().credentials(Credentials::own()))
            .unwrap();
    }
    if let Some(mut half) = PeerArgs::role("sends") {
        send::<Stream>(&half.descriptor(0).into());
        send::<Datagram>(&half.descriptor(1).into());
        send::<Seqpacket>(&half.descriptor(2).into());
        half.channel.say("sent");
        half.channel.hear();
        unreachable!("it is killed");
    }
    let _check = LeakCheck::begin();
    fn make<K: Kind>() -> (K, K) {
        let pair = K::pair();
        option::set_pass_credentials(&pair.0, true).unwrap();
        pair
    }
    let (stream, their_stream) = make::<Stream>();
    let (datagram, their_datagram) = make::<Datagram>();
    let (seqpacket, their_seqpacket) = make::<Seqpacket>();
    let has_pidfd = match option::set_pass_pidfd(&datagram, true) {
        Err(Errno::NOPROTOOPT) => false,
        result => result.map(|()| true).unwrap(),
    };
    let inherited = [
        raw(&their_stream),
        raw(&their_datagram),
        raw(&their_seqpacket),
    ];
    let mut peer = Peer::start(test_name!(), "sends", &inherited);
    drop((their_stream, their_datagram, their_seqpacket));
    peer.expect("sent");

    fn check<K: Kind>(socket: &K, pid: u32) -> Incoming<0> {
        let mut buffer = [0; 1];
        let mut incoming = Incoming::<0>::new();
        for _ in 0..2 {
            assert_eq!(socket.take(&mut buffer, &mut incoming), Ok(1));
            let credentials = incoming.credentials().unwrap();
            let number = credentials.pid.unwrap().as_raw_nonzero().get();
            assert_eq!(number.cast_unsigned(), pid);
            assert_eq!(credentials.uid, rustix::process::getuid());
            assert_eq!(credentials.gid, rustix::process::getgid());
        }
        incoming
    }
    assert!(check(&stream, peer.id()).pidfd().is_none());
    assert!(check(&seqpacket, peer.id()).pidfd().is_none());
    let mut incoming = check(&datagram, peer.id());
    if !has_pidfd {
        skipped!("this kernel has no SO_PASSPIDFD");
        return;
    }
    let pidfd = incoming.pidfd().unwrap().unwrap();
    assert!(is_cloexec(&pidfd));
    assert!(incoming.pidfd().is_none(), "it was taken");
    let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&Timespec::default())), Ok(0));
    peer.kill();
    assert_eq!(poll(&mut fds, Some(&Timespec::default())), Ok(1));
}

#[test]
fn pair_reports_who_created_it() {
    let _check = LeakCheck::begin();
    let (one, _other) = datagram::pair().unwrap();
    assert_eq!(option::peer_credentials(&one), Ok(Credentials::own()));
    match option::peer_pidfd(&one) {
        Ok(pidfd) => assert!(is_cloexec(pidfd)),
        Err(Errno::NOPROTOOPT) => skipped!("this kernel has no SO_PEERPIDFD"),
        Err(errno) => panic!("{errno}"),
    }
}

#[test]
fn socket_can_refuse_descriptors() {
    let _check = LeakCheck::begin();
    let (one, other) = seqpacket::pair().unwrap();
    if option::set_pass_rights(&other, false) == Err(Errno::NOPROTOOPT) {
        skipped!("this kernel has no SO_PASSRIGHTS");
        return;
    }
    let descriptors = [one.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    let bytes = [IoSlice::new(b"x")];
    assert_eq!(one.send_message(&bytes, &outgoing), Err(Errno::PERM));
    option::set_pass_rights(&other, true).unwrap();
    assert_eq!(one.send_message(&bytes, &outgoing), Ok(()));
}

// Control messages as bytes.

const SOL_SOCKET: u32 = 1;

/// A second reader of control messages, as simple as can be, to compare with.
fn read_simply(bytes: &[u8]) -> Vec<(u32, u32, Vec<u8>)> {
    let mut messages = Vec::new();
    let mut at = 0_u128;
    let end = bytes.len() as u128;
    while at + 16 <= end {
        let here = &bytes[at as usize..];
        let len = u128::from(u64::from_ne_bytes(here[..8].try_into().unwrap()));
        if len < 16 || at + len > end {
            break;
        }
        messages.push((
            u32::from_ne_bytes(here[8..12].try_into().unwrap()),
            u32::from_ne_bytes(here[12..16].try_into().unwrap()),
            here[16..len as usize].to_vec(),
        ));
        at += len.div_ceil(8) * 8;
    }
    messages
}

#[track_caller]
fn compare(bytes: &[u8]) {
    let expected = read_simply(bytes);
    let read: Vec<Message<'_>> = Messages::new(bytes).collect();
    assert_eq!(read.len(), expected.len());
    for (message, (level, kind, body)) in read.into_iter().zip(expected) {
        assert_eq!(
            (message.level, message.kind, message.body),
            (level, kind, &body[..])
        );
        let number = |at: usize| {
            let bytes = body.get(4 * at..4 * at + 4)?;
            Some(i32::from_ne_bytes(bytes.try_into().unwrap()))
        };
        match (message.content(), kind) {
            (Content::Descriptors(numbers), 1) => {
                let all: Vec<i32> = (0..).map_while(number).collect();
                assert_eq!(numbers.len(), all.len());
                assert_eq!(numbers.collect::<Vec<_>>(), all);
            }
            (Content::Credentials(credentials), 2) => {
                let pid = credentials.pid.map(|pid| pid.as_raw_nonzero().get());
                assert_eq!(pid, number(0).filter(|&pid| pid > 0));
                assert_eq!(Some(credentials.uid.as_raw().cast_signed()), number(1));
                assert_eq!(Some(credentials.gid.as_raw().cast_signed()), number(2));
            }
            (Content::Label(label), 3) => assert_eq!(label, body),
            (Content::Pidfd(Ok(pidfd)), 4) => {
                assert!(pidfd >= 0);
                assert_eq!(Some(pidfd), number(0));
            }
            (Content::Pidfd(Err(errno)), 4) => {
                assert_eq!(Some(-errno.raw_os_error()), number(0));
            }
            (Content::Other, 2) => assert!(level != SOL_SOCKET || body.len() < 12),
            (Content::Other, 4) => {
                let impossible = number(0).is_none_or(|number| number < -4095);
                assert!(level != SOL_SOCKET || impossible);
            }
            (Content::Other, _) => assert!(level != SOL_SOCKET || !(1..=4).contains(&kind)),
            (content, kind) => panic!("kind {kind} read as {content:?}"),
        }
        if level != SOL_SOCKET {
            assert!(matches!(message.content(), Content::Other));
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_control_bytes_are_parsed(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
    ) {
        compare(&bytes);
    }

    #[test]
    fn malformed_control_messages_are_parsed(
        messages in proptest::collection::vec(
            (
                proptest::prop_oneof![8 => 0_u64..80, 1 => proptest::num::u64::ANY,
                    1 => (u64::MAX - 20)..=u64::MAX],
                0_u32..3,
                0_u32..6,
                proptest::collection::vec(
                    proptest::prop_oneof![(-5000_i32)..5000, proptest::num::i32::ANY], 0..14),
                // Whether the length is the right one.
                proptest::bool::weighted(0.8),
            ),
            0..6,
        ),
        cut in 0_usize..40,
    ) {
        let mut bytes = Vec::new();
        for (len, level, kind, body, right) in messages {
            let right_len = 16 + 4 * body.len() as u64;
            bytes.extend(if right { right_len } else { len }.to_ne_bytes());
            bytes.extend(level.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            for number in body {
                bytes.extend(number.to_ne_bytes());
            }
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        compare(&bytes);
    }

    #[test]
    fn encoded_control_messages_round_trip(
        count in 0_usize..=MAX_DESCRIPTORS,
        own in proptest::bool::ANY,
        cut in 0_usize..64,
    ) {
        let stdin = std::io::stdin();
        let stderr = std::io::stderr();
        let descriptors: Vec<BorrowedFd<'_>> = (0..count)
            .map(|at| if at % 3 == 0 { stderr.as_fd() } else { stdin.as_fd() })
            .collect();
        let mut outgoing = Outgoing::new().descriptors(&descriptors);
        if own {
            outgoing = outgoing.credentials(Credentials::own());
        }
        let encoded = outgoing.encode().unwrap();
        let bytes = encoded.as_bytes();
        let listed: Vec<_> = Messages::new(bytes).collect();
        assert_eq!(format!("{encoded:?}"), format!("{listed:?}"));
        compare(bytes);
        compare(&bytes[..bytes.len().saturating_sub(cut)]);
        let mut messages = Messages::new(bytes);
        if own {
            let message = messages.next().unwrap();
            assert!(matches!(message.content(),
                Content::Credentials(credentials) if credentials == Credentials::own()));
        }
        if count > 0 {
            let Content::Descriptors(numbers) = messages.next().unwrap().content() else {
                panic!("descriptors");
            };
            let expected: Vec<i32> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
            assert_eq!(numbers.collect::<Vec<_>>(), expected);
        }
        assert_eq!(messages.next(), None);
    }
}

#[test]
fn control_lengths_at_edges_end_list() {
    for len in [0, 1, 15, 17, 32, 33, u64::MAX, u64::MAX - 7, 1 << 63] {
        for level in [SOL_SOCKET, 0, u32::MAX] {
            let mut bytes = len.to_ne_bytes().to_vec();
            bytes.extend(level.to_ne_bytes());
            bytes.extend(1_u32.to_ne_bytes());
            for room in 0..32 {
                bytes.resize(16 + room, 0xff);
                compare(&bytes);
                // As the kernel says where a buffer may begin at any address.
                compare(&bytes[1..]);
            }
        }
    }
    // An empty message, and then another.
    let mut bytes = Vec::new();
    for _ in 0..2 {
        bytes.extend(16_u64.to_ne_bytes());
        bytes.extend([0; 8]);
    }
    assert_eq!(Messages::new(&bytes).count(), 2);
}

// With std.

#[test]
fn streams_read_and_write_as_std() {
    let _check = LeakCheck::begin();
    let (mut one, mut other) = stream::pair().unwrap();
    let data = pattern(500_000, 5);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            one.write_all(&data).unwrap();
            (&one).write_all(b"tail").unwrap();
            (&one).flush().unwrap();
            let parts = [IoSlice::new(b"in "), IoSlice::new(b"parts")];
            assert_eq!(one.write_vectored(&parts).unwrap(), 8);
            one.flush().unwrap();
            one.shutdown(Shutdown::Write).unwrap();
        });
        let mut head = vec![0; 500_000];
        other.read_exact(&mut head).unwrap();
        assert!(head == data);
        let (mut a, mut b) = ([0; 2], [0; 2]);
        let mut slices = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(other.read_vectored(&mut slices).unwrap(), 4);
        assert_eq!((&a, &b), (b"ta", b"il"));
        let mut rest = String::new();
        (&other).read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "in parts");
    });
    // What std drops in silence, this does too.
    let (one, mut other) = stream::pair().unwrap();
    let (witness, write) = Witness::new();
    let descriptors = [write.as_fd()];
    one.put(b"x", &Outgoing::new().descriptors(&descriptors))
        .unwrap();
    drop(write);
    let mut buffer = [0; 2];
    let mut slices = [IoSliceMut::new(&mut buffer)];
    assert_eq!(other.read_vectored(&mut slices).unwrap(), 1);
    witness.assert_closed();
}

#[test]
fn sockets_convert_with_std() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    let mut one = UnixStream::from(one);
    one.write_all(b"hello").unwrap();
    let mut buffer = [0; 8];
    assert_eq!(other.recv(&mut buffer), Ok(5));
    assert_eq!(Stream::from(one).send(b"x"), Ok(1));

    let (one, other) = UnixDatagram::pair().unwrap();
    let one = Datagram::from(one);
    one.send(b"hello").unwrap();
    assert_eq!(other.recv(&mut buffer).unwrap(), 5);
    drop(UnixDatagram::from(one));

    let error = std::io::Error::from(RecvError::Truncated { len: 9 });
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(
        error.to_string(),
        "the message of 9 bytes is longer than the buffer"
    );
    let error = std::io::Error::from(RecvError::from(Errno::AGAIN));
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}
