//! TCP, UDP and vsock, within one machine; and the options of sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::time::Duration;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use rawipc::socket::address::{self, Address, Family};
use rawipc::socket::many::Slot;
use rawipc::socket::message::{Credentials, Gid, Incoming, Outgoing};
use rawipc::socket::option::{KeepAlive, Kind};
use rawipc::socket::vsock::{self, VsockAddress};
use rawipc::socket::{
    BindOptions, Datagram, Listener, RecvError, Shutdown, Stream, UnixAddress, datagram, option,
    seqpacket, stream,
};
use rawipc::{Deadline, Errno, IoSlice, IoSliceMut};
use support::peer::{quiet, start_quietly};
use support::{LeakCheck, PeerArgs, limit, soon};

const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

/// The loopback addresses that this machine has.
fn loopbacks() -> Vec<SocketAddr> {
    [V4, V6]
        .into_iter()
        .filter(|address| match datagram::bind(address) {
            Ok(_) => true,
            Err(errno) => {
                skipped!("no {address} here: {errno}");
                false
            }
        })
        .collect()
}

#[test]
fn inet_addresses_round_trip() {
    let v4 = SocketAddrV4::new(Ipv4Addr::new(1, 2, 3, 4), 0x1234);
    let raw = v4.to_raw();
    assert_eq!(raw.as_bytes()[2..8], [0x12, 0x34, 1, 2, 3, 4]);
    assert_eq!(raw.as_bytes().len(), 16);
    assert_eq!(SocketAddrV4::from_raw(&raw), Ok(v4));
    assert_eq!(SocketAddr::from_raw(&raw), Ok(v4.into()));
    assert_eq!(SocketAddrV6::from_raw(&raw), Err(Errno::AFNOSUPPORT));
    let v6 = SocketAddrV6::new(Ipv6Addr::new(1, 2, 3, 4, 5, 6, 7, 8), 0x1234, 9, 10);
    let raw = v6.to_raw();
    assert_eq!(raw.as_bytes().len(), 28);
    assert_eq!(SocketAddrV6::from_raw(&raw), Ok(v6));
    assert_eq!(SocketAddr::from_raw(&raw), Ok(v6.into()));
    assert_eq!(SocketAddrV4::from_raw(&raw), Err(Errno::AFNOSUPPORT));
    assert_eq!(UnixAddress::from_raw(&raw), Err(Errno::AFNOSUPPORT));
    // Cut.
    let cut = rawipc::socket::address::Raw::new(&raw.as_bytes()[..27]).unwrap();
    assert_eq!(SocketAddrV6::from_raw(&cut), Err(Errno::AFNOSUPPORT));
    assert_eq!(
        SocketAddr::from_raw(&rawipc::socket::address::Raw::NONE),
        Err(Errno::AFNOSUPPORT)
    );
}

#[test]
fn streams_are_tcp() {
    let _check = LeakCheck::begin();
    for any in loopbacks() {
        let listener = stream::listen(&any).unwrap();
        let at = listener.address().unwrap();
        assert_ne!(at.port(), 0);
        assert_eq!(listener.try_accept().unwrap_err(), Errno::AGAIN);
        assert_eq!(listener.accept_until(soon()).unwrap_err(), Errno::TIMEDOUT);
        let clients = [
            stream::connect(&at).unwrap(),
            stream::try_connect(&at).unwrap(),
            stream::connect_until(&at, limit()).unwrap(),
            stream::connect_until(&at, Deadline::Never).unwrap(),
            stream::connect_from(&any, &at, limit()).unwrap(),
        ];
        for client in clients {
            let (server, from) = listener.accept().unwrap();
            assert_eq!(address::local(&client), Ok(from));
            assert_eq!(address::peer(&client), Ok(at));
            client.send_all(b"hello").unwrap();
            server.recv_exact(&mut [0; 5]).unwrap();
            assert_eq!(client.try_recv(&mut [0; 1]), Err(Errno::AGAIN));
            // Both block.
            for socket in [&client, &server] {
                let flags = rustix::fs::fcntl_getfl(socket).unwrap();
                assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
            }
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| client.recv(&mut [0; 8]));
                server.send_all(b"x").unwrap();
                assert_eq!(waiting.join().unwrap(), Ok(1));
            });
            server.shutdown(Shutdown::Write).unwrap();
            assert_eq!(client.recv(&mut [0; 8]), Ok(0));
        }
        // Somebody has the port, so that nobody else takes it, and does not listen.
        let family = option::family(&listener).unwrap();
        let held = rustix::net::socket(family, rustix::net::SocketType::STREAM, None).unwrap();
        rustix::net::bind(&held, &any).unwrap();
        let at: SocketAddr = address::local(&held).unwrap();
        assert_eq!(stream::connect(&at).unwrap_err(), Errno::CONNREFUSED);
        assert_eq!(stream::try_connect(&at).unwrap_err(), Errno::CONNREFUSED);
        assert_eq!(
            stream::connect_until(&at, limit()).unwrap_err(),
            Errno::CONNREFUSED
        );
    }
}

#[test]
fn restarted_tcp_server_gets_its_address() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    // An address of this process's, whose ports nobody else takes.
    let [_, _, a, b] = std::process::id().to_be_bytes();
    let any: SocketAddr = (Ipv4Addr::new(127, 1, a, b), 0).into();
    let listener = stream::listen(&any).unwrap();
    let at = listener.address().unwrap();
    let client = stream::connect(&at).unwrap();
    // Who closes first has the connection linger.
    drop(listener.accept().unwrap());
    drop(client);
    drop(listener);
    let _again = stream::listen(&at).unwrap();
    assert_eq!(stream::listen(&at).unwrap_err(), Errno::ADDRINUSE);
}

#[test]
fn connect_without_answer_ends_at_deadline() {
    let _check = LeakCheck::begin();
    let listener = BindOptions::new().backlog(0).listen_stream(&V4).unwrap();
    let at = listener.address().unwrap();
    // The kernel does not answer when the backlog is full.
    let mut clients = Vec::new();
    let errno = loop {
        match stream::try_connect(&at) {
            Ok(client) => clients.push(client),
            Err(errno) => break errno,
        }
        assert!(clients.len() < 100);
    };
    assert_eq!(errno, Errno::AGAIN);
    assert_eq!(
        stream::connect_until(&at, soon()).unwrap_err(),
        Errno::TIMEDOUT
    );
    assert_eq!(
        stream::connect_until(&at, Deadline::NOW).unwrap_err(),
        Errno::TIMEDOUT
    );
}

#[test]
fn descriptors_over_other_families_are_refused() {
    let _check = LeakCheck::begin();
    let listener = stream::listen(&V4).unwrap();
    let client = stream::connect(&listener.address().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let descriptors = [listener.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    let bytes = [IoSlice::new(b"hello")];
    assert_eq!(
        client.send_message(&bytes, &outgoing),
        Err(Errno::OPNOTSUPP)
    );
    let outgoing = Outgoing::new().credentials(Credentials::own());
    assert_eq!(
        client.send_message(&bytes, &outgoing),
        Err(Errno::OPNOTSUPP)
    );
    assert_eq!(client.send_message(&bytes, &Outgoing::new()), Ok(5));
    let mut buffer = [0; 8];
    let mut incoming = Incoming::<1>::new();
    assert_eq!(
        server.recv_message(&mut [IoSliceMut::new(&mut buffer)], &mut incoming),
        Ok(5)
    );
}

#[test]
fn killed_peer_ends_tcp_stream() {
    let _check = LeakCheck::begin();
    if let Some(mut half) = PeerArgs::role("client") {
        let at: SocketAddr = half.channel.hear().parse().unwrap();
        let client = stream::connect(&at).unwrap();
        client.send_all(b"last words").unwrap();
        half.channel.say("sent");
        half.channel.hear();
        return;
    }
    for unread in [false, true] {
        let listener = stream::listen(&V4).unwrap();
        let mut peer = start_quietly(test_name!(), "client");
        peer.say(&listener.address().unwrap().to_string());
        peer.expect("sent");
        let (server, _) = listener.accept().unwrap();
        let mut buffer = [0; 16];
        server.recv_exact(&mut buffer[..10]).unwrap();
        if unread {
            server.send_all(b"never received").unwrap();
        }
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| server.recv_until(&mut [0; 8], limit()));
            peer.kill();
            let end = if unread { Err(Errno::CONNRESET) } else { Ok(0) };
            assert_eq!(waiting.join().unwrap(), end);
        });
        // Without a signal.
        while server.send(&buffer).is_ok() {}
        assert_eq!(server.send(&buffer), Err(Errno::PIPE));
    }
}

#[test]
fn closed_tcp_peer_is_error_without_signal() {
    if PeerArgs::role("sends").is_some() {
        // Rust's runtime ignores SIGPIPE; without that it would end the process.
        // SAFETY: sets the default action.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let listener = stream::listen(&V4).unwrap();
        let client = stream::connect(&listener.address().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        // The first that arrive are answered with a reset.
        while client.send(b"x").is_ok() {}
        assert_eq!(client.send(b"x"), Err(Errno::PIPE));
        assert_eq!(client.try_send(b"x"), Err(Errno::PIPE));
        assert_eq!(client.send_until(b"x", limit()), Err(Errno::PIPE));
        assert_eq!(client.send_oob(b'x'), Err(Errno::PIPE));
        return;
    }
    let _check = LeakCheck::begin();
    start_quietly(test_name!(), "sends").finish();
}

#[test]
fn byte_out_of_band_goes_by_tcp() {
    let _check = LeakCheck::begin();
    let listener = stream::listen(&V4).unwrap();
    let client = stream::connect(&listener.address().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    assert_eq!(server.recv_oob(), Err(Errno::INVAL));
    client.send_all(b"before").unwrap();
    client.send_oob(b'!').unwrap();
    client.send_all(b"after").unwrap();
    let mut fds = [rustix::event::PollFd::new(
        &server,
        rustix::event::PollFlags::PRI,
    )];
    rustix::event::poll(&mut fds, None).unwrap();
    assert_eq!(server.recv_oob(), Ok(b'!'));
    let mut buffer = [0; 16];
    server.recv_exact(&mut buffer[..6]).unwrap();
    assert_eq!(server.at_oob_mark(), Ok(true));
    server.recv_exact(&mut buffer[..5]).unwrap();
    assert_eq!(&buffer[..5], b"after");
    let (one, _other) = rawipc::socket::seqpacket::pair().unwrap();
    let not_a_stream = Stream::from(std::os::fd::OwnedFd::from(one));
    assert_eq!(not_a_stream.send_oob(b'!'), Err(Errno::OPNOTSUPP));
}

#[test]
fn datagrams_are_udp() {
    let _check = LeakCheck::begin();
    for any in loopbacks() {
        let server = datagram::bind(&any).unwrap();
        let at: SocketAddr = address::local(&server).unwrap();
        assert_eq!(datagram::bind(&at).unwrap_err(), Errno::ADDRINUSE);
        let client = datagram::connect(&at).unwrap();
        let own: SocketAddr = address::local(&client).unwrap();
        let mut buffer = [0; 64];
        client.send(b"hello").unwrap();
        client.send(b"").unwrap();
        assert_eq!(server.recv_from(&mut buffer), Ok((5, own)));
        assert_eq!(server.recv_from_until(&mut buffer, limit()), Ok((0, own)));
        server.send_to(b"answer", &own).unwrap();
        server.try_send_to(b"answer", &own).unwrap();
        server.send_to_until(b"answer", &own, limit()).unwrap();
        for _ in 0..3 {
            assert_eq!(client.recv(&mut buffer), Ok(6));
        }
        assert_eq!(
            server.try_recv_from::<SocketAddr>(&mut buffer),
            Err(Errno::AGAIN.into())
        );
        assert_eq!(
            server.recv_from_until::<SocketAddr>(&mut buffer, soon()),
            Err(Errno::TIMEDOUT.into())
        );
        // Cut, and the real length told.
        client.send(&[7; 100]).unwrap();
        assert_eq!(
            server.recv(&mut buffer),
            Err(RecvError::Truncated { len: 100 })
        );
        assert_eq!(client.send(&[7; 100_000]), Err(Errno::MSGSIZE));
        // Of another family: refused by the kernel, or nothing that it names.
        client.send(b"x").unwrap();
        assert_eq!(
            server.recv_from::<UnixAddress>(&mut buffer),
            Err(Errno::AFNOSUPPORT.into())
        );
        // Several.
        let messages = [IoSlice::new(b"one"), IoSlice::new(b"two")];
        assert_eq!(client.send_many(&messages), Ok(2));
        assert_eq!(client.send_many_to(&messages, &at), Ok(2));
        let (mut a, mut b, mut c, mut d) = ([0; 8], [0; 8], [0; 8], [0; 8]);
        let mut slots = [&mut a, &mut b, &mut c, &mut d].map(|buffer| Slot::new(buffer));
        assert_eq!(server.recv_many(&mut slots), Ok(4));
        for (slot, message) in slots.iter().zip([b"one", b"two", b"one", b"two"]) {
            assert_eq!(slot.message(), Ok(&message[..]));
            assert_eq!(slot.sender(), Ok(own));
        }
        // Nobody there is told afterwards: who has the port talks to itself only.
        server.connect(&at).unwrap();
        client.send(b"x").unwrap();
        assert_eq!(
            client.recv_until(&mut buffer, limit()),
            Err(Errno::CONNREFUSED.into())
        );
        // Nobody waits for who was shut down.
        client.shutdown(Shutdown::Read).unwrap();
        assert_eq!(client.recv_until(&mut buffer, limit()), Ok(0));
    }
}

#[test]
fn addresses_are_shared_only_on_request() {
    let _check = LeakCheck::begin();
    let first = BindOptions::new()
        .reuse_port(true)
        .listen_stream(&V4)
        .unwrap();
    let at = first.address().unwrap();
    assert!(option::reuse_port(&first).unwrap());
    assert!(option::reuse_address(&first).unwrap());
    assert_eq!(stream::listen(&at).unwrap_err(), Errno::ADDRINUSE);
    let _second = BindOptions::new()
        .reuse_port(true)
        .listen_stream(&at)
        .unwrap();

    let first = BindOptions::new()
        .reuse_address(true)
        .bind_datagram(&V4)
        .unwrap();
    let at: SocketAddr = address::local(&first).unwrap();
    assert_eq!(datagram::bind(&at).unwrap_err(), Errno::ADDRINUSE);
    let _second = BindOptions::new()
        .reuse_address(true)
        .bind_datagram(&at)
        .unwrap();
    let strict = BindOptions::new()
        .reuse_address(false)
        .listen_stream(&V4)
        .unwrap();
    assert!(!option::reuse_address(&strict).unwrap());

    if !loopbacks().contains(&V6) {
        return;
    }
    let any: SocketAddr = (Ipv6Addr::UNSPECIFIED, 0).into();
    for only in [false, true] {
        let listener = BindOptions::new()
            .only_v6(only)
            .listen_stream(&any)
            .unwrap();
        assert_eq!(option::only_v6(&listener), Ok(only));
        let port = listener.address().unwrap().port();
        let v4: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
        match stream::connect(&v4) {
            Ok(_) => {
                assert!(!only);
                let (_, from) = listener.accept().unwrap();
                let IpAddr::V6(from) = from.ip() else {
                    panic!("an IPv6 socket has IPv6 addresses");
                };
                assert_eq!(from.to_ipv4_mapped(), Some(Ipv4Addr::LOCALHOST));
            }
            Err(errno) => assert_eq!((only, errno), (true, Errno::CONNREFUSED)),
        }
    }
    assert_eq!(
        BindOptions::new()
            .only_v6(true)
            .listen_stream(&V4)
            .unwrap_err(),
        Errno::NOPROTOOPT
    );
}

#[test]
fn inet_sockets_convert_with_std_both_ways() {
    let _check = LeakCheck::begin();
    let listener: stream::Listener<SocketAddr> = stream::listen(&V4).unwrap();
    let at = listener.address().unwrap();
    let listener = TcpListener::from(listener);
    let client = TcpStream::connect(at).unwrap();
    let (server, _) = listener.accept().unwrap();
    let (client, server) = (Stream::from(client), Stream::from(server));
    client.send_all(b"hello").unwrap();
    server.recv_exact(&mut [0; 5]).unwrap();
    let client = TcpStream::try_from(client).unwrap();
    assert_eq!(client.peer_addr().unwrap(), at);
    let listener = Listener::<SocketAddr, Stream>::from(listener);
    assert_eq!(listener.try_accept().unwrap_err(), Errno::AGAIN);

    let socket = datagram::bind(&V4).unwrap();
    let socket = UdpSocket::try_from(socket).unwrap();
    let socket = Datagram::from(socket);
    assert_eq!(option::family(&socket), Ok(Family::INET));
    // A UNIX socket is none.
    let (one, other) = stream::pair().unwrap();
    assert_eq!(TcpStream::try_from(one).unwrap_err(), Errno::AFNOSUPPORT);
    assert_eq!(other.recv(&mut [0; 1]), Ok(0));
    let (one, _other) = datagram::pair().unwrap();
    assert_eq!(UdpSocket::try_from(one).unwrap_err(), Errno::AFNOSUPPORT);
}

// Options.

#[test]
fn socket_reports_its_type() {
    let _check = LeakCheck::begin();
    let (stream, _a) = stream::pair().unwrap();
    let (datagram, _b) = datagram::pair().unwrap();
    let (seqpacket, _c) = seqpacket::pair().unwrap();
    let tcp = stream::listen(&V4).unwrap();
    let udp = datagram::bind(&V4).unwrap();
    assert_eq!(option::kind(&stream), Ok(Kind::Stream));
    assert_eq!(option::kind(&datagram), Ok(Kind::Datagram));
    assert_eq!(option::kind(&seqpacket), Ok(Kind::Seqpacket));
    assert_eq!(option::kind(&tcp), Ok(Kind::Stream));
    assert_eq!(option::family(&stream), Ok(Family::UNIX));
    assert_eq!(option::family(&tcp), Ok(Family::INET));
    assert_eq!(option::protocol(&stream), Ok(0));
    assert_eq!(option::protocol(&tcp), Ok(6));
    assert_eq!(option::protocol(&udp), Ok(17));
    assert_eq!(option::is_listening(&tcp), Ok(true));
    assert_eq!(option::is_listening(&stream), Ok(false));
    assert_eq!(option::take_error(&stream), Ok(None));
    let (one, other) = (option::cookie(&stream), option::cookie(&datagram));
    assert_ne!(one.unwrap(), other.unwrap());
    let (pipe, _) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    assert_eq!(option::kind(&pipe), Err(Errno::NOTSOCK));
    assert_eq!(option::take_error(&pipe), Err(Errno::NOTSOCK));
    assert_eq!(option::peer_groups(&pipe, &mut []), Err(Errno::NOTSOCK));
}

#[test]
fn error_is_taken_once() {
    let _check = LeakCheck::begin();
    let gone = datagram::bind(&V4).unwrap();
    let at: SocketAddr = address::local(&gone).unwrap();
    let client = datagram::connect(&at).unwrap();
    // It has the port, and talks to itself only.
    gone.connect(&at).unwrap();
    client.send(b"x").unwrap();
    let mut fds = [rustix::event::PollFd::new(
        &client,
        rustix::event::PollFlags::IN,
    )];
    rustix::event::poll(&mut fds, None).unwrap();
    assert_eq!(option::take_error(&client), Ok(Some(Errno::CONNREFUSED)));
    assert_eq!(option::take_error(&client), Ok(None));
}

#[test]
fn options_are_as_set() {
    let _check = LeakCheck::begin();
    let listener = stream::listen(&V4).unwrap();
    let client = stream::connect(&listener.address().unwrap()).unwrap();
    for on in [true, false] {
        option::set_no_delay(&client, on).unwrap();
        assert_eq!(option::no_delay(&client), Ok(on));
        option::set_keep_alive(&client, on).unwrap();
        assert_eq!(option::keep_alive(&client), Ok(on));
        option::set_reuse_address(&client, on).unwrap();
        assert_eq!(option::reuse_address(&client), Ok(on));
        option::set_reuse_port(&client, on).unwrap();
        assert_eq!(option::reuse_port(&client), Ok(on));
        option::set_inherited(&client, on).unwrap();
        let flags = rustix::io::fcntl_getfd(&client).unwrap();
        assert_eq!(flags.contains(rustix::io::FdFlags::CLOEXEC), !on);
    }
    let timing = KeepAlive {
        idle: 7,
        interval: 8,
        count: 9,
    };
    option::set_keep_alive_timing(&client, timing).unwrap();
    assert_eq!(option::keep_alive_timing(&client), Ok(timing));
    let wrong = KeepAlive {
        count: 1000,
        ..timing
    };
    assert_eq!(
        option::set_keep_alive_timing(&client, wrong),
        Err(Errno::INVAL)
    );
    assert_eq!(option::user_timeout(&client), Ok(None));
    let timeout = Some(Duration::from_millis(1500));
    option::set_user_timeout(&client, timeout).unwrap();
    assert_eq!(option::user_timeout(&client), Ok(timeout));
    option::set_user_timeout(&client, Some(Duration::ZERO)).unwrap();
    assert_eq!(
        option::user_timeout(&client),
        Ok(Some(Duration::from_millis(1)))
    );
    option::set_user_timeout(&client, None).unwrap();
    assert_eq!(option::user_timeout(&client), Ok(None));
    assert_eq!(option::linger(&client), Ok(None));
    option::set_linger(&client, Some(Duration::from_millis(1500))).unwrap();
    assert_eq!(option::linger(&client), Ok(Some(Duration::from_secs(2))));
    option::set_linger(&client, None).unwrap();
    assert_eq!(option::linger(&client), Ok(None));

    let (unix, _other) = stream::pair().unwrap();
    assert_eq!(option::set_no_delay(&unix, true), Err(Errno::OPNOTSUPP));
    assert_eq!(option::no_delay(&unix), Err(Errno::OPNOTSUPP));
    option::set_reuse_address(&unix, true).unwrap();
}

#[test]
fn close_without_linger_resets() {
    let _check = LeakCheck::begin();
    let listener = stream::listen(&V4).unwrap();
    let client = stream::connect(&listener.address().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    option::set_linger(&client, Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(
        server.recv_until(&mut [0; 1], limit()),
        Err(Errno::CONNRESET)
    );
}

#[test]
fn buffers_can_be_forced() {
    let _check = LeakCheck::begin();
    let (one, _other) = stream::pair().unwrap();
    let read = |name: &str| -> usize {
        let text = std::fs::read_to_string(format!("/proc/sys/net/core/{name}")).unwrap();
        text.trim().parse().unwrap()
    };
    let beyond = 2 * read("wmem_max").max(read("rmem_max"));
    match option::force_send_buffer(&one, beyond) {
        Err(Errno::PERM) => skipped!("needs CAP_NET_ADMIN"),
        result => {
            result.unwrap();
            assert_eq!(option::send_buffer(&one), Ok(2 * beyond));
            option::force_receive_buffer(&one, beyond).unwrap();
            assert_eq!(option::receive_buffer(&one), Ok(2 * beyond));
        }
    }
    option::set_send_buffer(&one, usize::MAX).unwrap();
    assert_eq!(option::send_buffer(&one), Ok(2 * read("wmem_max")));
}

#[test]
fn peek_begins_at_offset() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    let mut buffer = [0; 8];
    assert_eq!(option::peek_offset(&other), Ok(None));
    one.send(b"abcdef").unwrap();
    option::set_peek_offset(&other, Some(2)).unwrap();
    assert_eq!(option::peek_offset(&other), Ok(Some(2)));
    assert_eq!(other.peek(&mut buffer[..2]), Ok(2));
    assert_eq!(&buffer[..2], b"cd");
    assert_eq!(option::peek_offset(&other), Ok(Some(4)));
    assert_eq!(other.recv(&mut buffer[..3]), Ok(3));
    assert_eq!(option::peek_offset(&other), Ok(Some(1)));
    assert_eq!(
        option::set_peek_offset(&other, Some(u32::MAX)),
        Err(Errno::INVAL)
    );
    option::set_peek_offset(&other, None).unwrap();
    assert_eq!(other.peek(&mut buffer), Ok(3));
}

#[test]
fn peer_groups_are_reported() {
    let _check = LeakCheck::begin();
    if let Some(mut half) = PeerArgs::role("groups") {
        let groups: Vec<_> = (100..200).map(Gid::from_raw).collect();
        rustix::thread::set_thread_groups(&groups).unwrap();
        let name = half.channel.hear();
        let at = UnixAddress::abstract_name(name.as_bytes()).unwrap();
        let _client = stream::connect(&at).unwrap();
        half.channel.hear();
        return;
    }
    if !rustix::process::geteuid().is_root() {
        skipped!("only root can change groups");
        return;
    }
    let name = format!("rawipc-test-{}-groups", std::process::id());
    let at = UnixAddress::abstract_name(name.as_bytes()).unwrap();
    let listener = stream::listen(&at).unwrap();
    let mut peer = start_quietly(test_name!(), "groups");
    peer.say(&name);
    let (server, _) = listener.accept_until(limit()).unwrap();
    let mut groups = vec![Gid::ROOT; 150];
    assert_eq!(option::peer_groups(&server, &mut groups), Ok(100));
    assert!(groups[..100].iter().map(|g| g.as_raw()).eq(100..200));
    // Too short: nothing but the number.
    let mut short = [Gid::ROOT; 99];
    assert_eq!(option::peer_groups(&server, &mut short), Ok(100));
    assert_eq!(short, [Gid::ROOT; 99]);
    let alone = datagram::unbound(Family::UNIX).unwrap();
    assert_eq!(option::peer_groups(&alone, &mut []), Err(Errno::NODATA));
    peer.say("done");
    peer.finish();
}

#[test]
fn receiver_can_refuse_descriptors() {
    let _check = LeakCheck::begin();
    let (one, other) = stream::pair().unwrap();
    match option::set_pass_rights(&other, false) {
        Err(Errno::NOPROTOOPT) => {
            skipped!("the kernel has no SO_PASSRIGHTS");
            return;
        }
        result => result.unwrap(),
    }
    let descriptors = [other.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    let bytes = [IoSlice::new(b"x")];
    assert_eq!(one.send_message(&bytes, &outgoing), Err(Errno::PERM));
    option::set_pass_rights(&other, true).unwrap();
    assert_eq!(one.send_message(&bytes, &outgoing), Ok(1));
}

#[test]
fn labels_come_where_system_has_them() {
    let _check = LeakCheck::begin();
    let (one, other) = datagram::pair().unwrap();
    let mut buffer = [0; 8];
    let mut label = [0; 256];
    let peer = option::peer_label(&other, &mut label);
    match option::set_pass_label(&other, true) {
        Err(Errno::NOPROTOOPT | Errno::OPNOTSUPP) => println!("no labels: switched off"),
        result => result.unwrap(),
    }
    one.send(b"hello").unwrap();
    let mut incoming = Incoming::<0, 256>::new();
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    assert_eq!(other.recv_message(bytes, &mut incoming), Ok(5));
    match peer {
        Err(errno) => {
            assert_eq!(errno, Errno::NOPROTOOPT);
            skipped!("no security module labels");
            assert_eq!(incoming.label(), None);
        }
        Ok(len) => {
            let peer = &label[..len];
            let peer = peer.strip_suffix(b"\0").unwrap_or(peer);
            assert_eq!(incoming.label(), Some(peer));
            // Without room for it.
            one.send(b"hello").unwrap();
            let mut incoming = Incoming::<0>::new();
            let bytes = &mut [IoSliceMut::new(&mut buffer)];
            assert_eq!(
                other.recv_message(bytes, &mut incoming),
                Err(RecvError::ControlTruncated { len: 5 })
            );
        }
    }
}

// vsock.

#[test]
fn vsock_addresses_round_trip() {
    let address = VsockAddress {
        cid: 0x0102_0304,
        port: 0x0506_0708,
        flags: 1,
    };
    let raw = address.to_raw();
    assert_eq!(raw.as_bytes().len(), 16);
    assert_eq!(VsockAddress::from_raw(&raw), Ok(address));
    assert_eq!(UnixAddress::from_raw(&raw), Err(Errno::AFNOSUPPORT));
    assert_eq!(VsockAddress::new(2, 3).flags, 0);
}

#[test]
fn streams_go_by_vsock() {
    let _check = LeakCheck::begin();
    let any = VsockAddress::new(VsockAddress::ANY, VsockAddress::ANY_PORT);
    let listener = match stream::listen(&any) {
        Err(errno @ (Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::SOCKTNOSUPPORT)) => {
            skipped!("no vsock here: {errno}");
            return;
        }
        listener => listener.unwrap(),
    };
    let at = listener.address().unwrap();
    assert_eq!(at.cid, VsockAddress::ANY);
    assert_ne!(at.port, VsockAddress::ANY_PORT);
    assert_eq!(listener.try_accept().unwrap_err(), Errno::AGAIN);
    assert_eq!(listener.accept_until(soon()).unwrap_err(), Errno::TIMEDOUT);
    match vsock::local_cid() {
        Ok(cid) => println!("this machine is {cid}"),
        Err(errno) => println!("this machine is not known: {errno}"),
    }
    // Without loopback a connection to this machine would go to its host.
    let local = VsockAddress::new(VsockAddress::LOCAL, VsockAddress::ANY_PORT);
    if let Err(errno) = stream::listen(&local) {
        assert_eq!(errno, Errno::ADDRNOTAVAIL);
        skipped!("no vsock loopback here: {errno}");
        return;
    }
    let local = VsockAddress::new(VsockAddress::LOCAL, at.port);
    let client = stream::connect_until(&local, limit()).unwrap();
    let (server, from) = listener.accept_until(limit()).unwrap();
    assert_eq!(from.cid, VsockAddress::LOCAL);
    client.send_all(b"hello").unwrap();
    let mut buffer = [0; 5];
    server.recv_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"hello");
    drop(client);
    assert_eq!(server.recv_until(&mut buffer, limit()), Ok(0));
    drop(listener);
    assert_eq!(
        stream::connect_until(&local, limit()).unwrap_err(),
        Errno::CONNRESET
    );
    match seqpacket::listen(&any) {
        Err(errno) => skipped!("no seqpacket of vsock here: {errno}"),
        Ok(listener) => {
            let local = VsockAddress::new(VsockAddress::LOCAL, listener.address().unwrap().port);
            let client = seqpacket::connect_until(&local, limit()).unwrap();
            let (server, _) = listener.accept_until(limit()).unwrap();
            client.send(b"hello").unwrap();
            assert_eq!(server.recv(&mut [0; 8]), Ok(Some(5)));
        }
    }
}
