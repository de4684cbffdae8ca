//! UNIX sockets that meet at an address: names, listening, connecting, stale files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::support;

use core::time::Duration;
use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;
use rawipc::socket::address::{self, Address, Name, Raw, RemoveOnDrop};
use rawipc::socket::many::Slot;
use rawipc::socket::message::{Incoming, Outgoing};
use rawipc::socket::{
    BindOptions, Datagram, Listener, RecvError, Seqpacket, Shutdown, Stream, UnixAddress, datagram,
    option, seqpacket, stream,
};
use rawipc::{Deadline, Errno, IoSlice, IoSliceMut, Mode};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::Timespec;
use support::peer::{quiet, start_quietly};
use support::{Folder, LeakCheck, PeerArgs, cpu_time, limit, soon};

/// An abstract name of this process's, that no other test has.
fn abstract_name(name: &str) -> UnixAddress {
    let name = format!("rawipc-test-{}-{name}", std::process::id());
    UnixAddress::abstract_name(name.as_bytes()).unwrap()
}

fn address_in(folder: &Folder, name: &str) -> UnixAddress {
    UnixAddress::pathname(folder.at(name)).unwrap()
}

fn is_cloexec(fd: impl AsFd) -> bool {
    rustix::io::fcntl_getfd(fd)
        .unwrap()
        .contains(rustix::io::FdFlags::CLOEXEC)
}

fn blocks(fd: impl AsFd) -> bool {
    !rustix::fs::fcntl_getfl(fd)
        .unwrap()
        .contains(rustix::fs::OFlags::NONBLOCK)
}

// Names.

#[test]
fn names_are_validated() {
    let long = |len| "x".repeat(len);
    assert_eq!(UnixAddress::pathname(""), Err(Errno::NOENT));
    assert_eq!(UnixAddress::pathname("a\0"), Err(Errno::INVAL));
    assert_eq!(UnixAddress::pathname("\0a"), Err(Errno::INVAL));
    assert_eq!(UnixAddress::pathname(long(109)), Err(Errno::NAMETOOLONG));
    assert_eq!(UnixAddress::pathname(long(5000)), Err(Errno::NAMETOOLONG));
    for len in [1, 107, 108] {
        let path = long(len);
        let address = UnixAddress::pathname(&path).unwrap();
        assert_eq!(address.name(), Name::Pathname(path.as_bytes()));
        // The NUL counts where there is room for it.
        let bytes = address.to_raw();
        assert_eq!(bytes.as_bytes().len(), 2 + (len + 1).min(108));
    }
    assert_eq!(
        UnixAddress::abstract_name(&[0; 108]),
        Err(Errno::NAMETOOLONG)
    );
    for name in [&b""[..], b"\0", b"a\0b", &[255; 107]] {
        let address = UnixAddress::abstract_name(name).unwrap();
        assert_eq!(address.name(), Name::Abstract(name));
        assert_eq!(address.to_raw().as_bytes().len(), 3 + name.len());
    }
    assert_eq!(UnixAddress::UNNAMED.name(), Name::Unnamed);
    assert_eq!(UnixAddress::UNNAMED.to_raw().as_bytes().len(), 2);
    // An abstract name of nothing is one.
    assert_ne!(
        UnixAddress::abstract_name(b"").unwrap(),
        UnixAddress::UNNAMED
    );
}

#[test]
fn names_are_printed_as_text() {
    let path = UnixAddress::pathname("/run/a b\n.socket").unwrap();
    assert_eq!(path.to_string(), "/run/a b\\n.socket");
    let name = UnixAddress::abstract_name(b"a\0\xffb").unwrap();
    assert_eq!(name.to_string(), "@a\\u{0}\\xffb");
    assert_eq!(UnixAddress::UNNAMED.to_string(), "(unnamed)");
    assert_eq!(format!("{name:?}"), "Abstract(\"a\\u{0}\\xffb\")");
    assert_eq!(format!("{:?}", UnixAddress::UNNAMED), "Unnamed");
    let raw = UnixAddress::UNNAMED.to_raw();
    assert_eq!(format!("{raw:?}"), format!("Raw({:?})", raw.as_bytes()));
    assert_eq!(
        format!("{:?}", path.name()),
        "Pathname(\"/run/a b\\n.socket\")"
    );
    let set: HashSet<_> = [path, path, name].into();
    assert_eq!(set.len(), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_an_address_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..140)) {
        match Raw::new(&bytes) {
            Err(errno) => {
                prop_assert_eq!(errno, Errno::INVAL);
                prop_assert!(bytes.len() > 128);
            }
            Ok(raw) => {
                prop_assert_eq!(raw.as_bytes(), &bytes[..]);
                let _ = UnixAddress::from_raw(&raw);
                let _ = core::net::SocketAddr::from_raw(&raw);
                let _ = rawipc::socket::vsock::VsockAddress::from_raw(&raw);
                let _ = rawipc::socket::netlink::NetlinkAddress::from_raw(&raw);
            }
        }
    }

    #[test]
    fn any_name_of_unix_address_round_trips(body in proptest::collection::vec(any::<u8>(), 0..126)) {
        let bytes: Vec<u8> = 1_u16.to_ne_bytes().into_iter().chain(body.clone()).collect();
        let raw = Raw::new(&bytes).unwrap();
        if let Ok(address) = UnixAddress::from_raw(&raw) {
            let again = UnixAddress::from_raw(&address.to_raw()).unwrap();
            prop_assert_eq!(again, address);
        } else {
            prop_assert!(body.len() > 108);
        }
    }
}

#[test]
fn address_of_other_family_is_refused() {
    let _check = LeakCheck::begin();
    let (one, _other) = stream::pair().unwrap();
    let address = address::local::<core::net::SocketAddr>(&one);
    assert_eq!(address, Err(Errno::AFNOSUPPORT));
    assert_eq!(address::local(&one), Ok(UnixAddress::UNNAMED));
    assert_eq!(address::peer(&one), Ok(UnixAddress::UNNAMED));
    let alone = datagram::unbound(address::Family::UNIX).unwrap();
    assert_eq!(
        address::peer::<UnixAddress>(&alone).unwrap_err(),
        Errno::NOTCONN
    );
}

// Meeting.

#[test]
fn listener_at_each_kind_of_address_accepts() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("kinds");
    let addresses = [
        address_in(&directory, "socket"),
        abstract_name("kinds"),
        UnixAddress::UNNAMED,
    ];
    for address in addresses {
        let listener = stream::listen(&address).unwrap();
        assert!(is_cloexec(&listener));
        assert!(option::is_listening(&listener).unwrap());
        let at = listener.address().unwrap();
        match address.name() {
            // Chosen by the kernel.
            Name::Unnamed => assert!(matches!(at.name(), Name::Abstract([_, _, _, _, _]))),
            _ => assert_eq!(at, address),
        }
        let client = stream::connect(&at).unwrap();
        let (server, from) = listener.accept().unwrap();
        assert_eq!(from, UnixAddress::UNNAMED);
        assert!(is_cloexec(&client) && is_cloexec(&server));
        assert!(blocks(&client) && blocks(&server));
        assert_eq!(address::peer(&client), Ok(at));
        assert_eq!(address::local(&server), Ok(at));
        client.send_all(b"hello").unwrap();
        server.recv_exact(&mut [0; 5]).unwrap();

        drop((listener, client, server));
        let _ = std::fs::remove_file(directory.at("socket"));
        let listener = seqpacket::listen(&address).unwrap();
        let at = listener.address().unwrap();
        // An abstract name is of one kind of socket only.
        let other_kind = match address.name() {
            Name::Pathname(_) => Errno::PROTOTYPE,
            _ => Errno::CONNREFUSED,
        };
        assert_eq!(stream::connect(&at).unwrap_err(), other_kind);
        let client = seqpacket::connect(&at).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.send(b"hello").unwrap();
        assert_eq!(server.recv(&mut [0; 8]), Ok(Some(5)));
    }
}

#[test]
fn longest_path_works_both_ways() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("long");
    let rest = 108 - directory.as_os_str().len() - 1;
    let path = directory.at(&"x".repeat(rest));
    assert_eq!(path.as_os_str().len(), 108);
    let address = UnixAddress::pathname(&path).unwrap();
    let listener = stream::listen(&address).unwrap();
    assert_eq!(listener.address(), Ok(address));
    let client = stream::connect(&address).unwrap();
    assert_eq!(address::peer(&client), Ok(address));
    let (_server, _) = listener.accept().unwrap();

    let socket = datagram::bind(&address_in(&directory, "short")).unwrap();
    drop(listener);
    std::fs::remove_file(&path).unwrap();
    let from = datagram::bind(&address).unwrap();
    from.send_to(b"x", &address::local::<UnixAddress>(&socket).unwrap())
        .unwrap();
    let (_, sender) = socket.recv_from::<UnixAddress>(&mut [0; 8]).unwrap();
    assert_eq!(sender, address);
}

#[test]
fn connect_without_listener_is_refused() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("nobody");
    let refused: [(UnixAddress, Errno); 4] = [
        (address_in(&directory, "none"), Errno::NOENT),
        (abstract_name("nobody"), Errno::CONNREFUSED),
        (address_in(&directory, "file"), Errno::CONNREFUSED),
        (address_in(&directory, "file/"), Errno::NOTDIR),
    ];
    std::fs::write(directory.at("file"), b"").unwrap();
    for (address, errno) in refused {
        assert_eq!(stream::connect(&address).unwrap_err(), errno);
        assert_eq!(stream::try_connect(&address).unwrap_err(), errno);
        assert_eq!(stream::connect_until(&address, limit()).unwrap_err(), errno);
        assert_eq!(
            stream::connect_until(&address, Deadline::Never).unwrap_err(),
            errno
        );
        assert_eq!(seqpacket::try_connect(&address).unwrap_err(), errno);
        assert_eq!(
            seqpacket::connect_until(&address, limit()).unwrap_err(),
            errno
        );
        assert_eq!(datagram::connect(&address).unwrap_err(), errno);
    }
    assert_eq!(
        stream::listen(&address_in(&directory, "no/such")).unwrap_err(),
        Errno::NOENT
    );
    assert_eq!(
        stream::listen(&address_in(&directory, "file/x")).unwrap_err(),
        Errno::NOTDIR
    );
    assert_eq!(
        stream::listen(&address_in(&directory, "slash/")).unwrap_err(),
        Errno::NOENT
    );
    let listener = stream::listen(&abstract_name("nobody")).unwrap();
    assert_eq!(
        stream::listen(&abstract_name("nobody")).unwrap_err(),
        Errno::ADDRINUSE
    );
    drop(listener);
    // The name went with it.
    stream::listen(&abstract_name("nobody")).unwrap();
}

#[test]
fn accept_waits_as_requested() {
    let _check = LeakCheck::begin();
    let address = abstract_name("accept");
    let listener = stream::listen(&address).unwrap();
    assert_eq!(listener.try_accept().unwrap_err(), Errno::AGAIN);
    assert_eq!(listener.accept_until(soon()).unwrap_err(), Errno::TIMEDOUT);
    assert_eq!(
        listener.accept_until(Deadline::NOW).unwrap_err(),
        Errno::TIMEDOUT
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| listener.accept().unwrap());
        let _client = stream::connect(&address).unwrap();
        waiting.join().unwrap();
        let waiting = scope.spawn(|| listener.accept_until(limit()).unwrap());
        let _client = stream::connect(&address).unwrap();
        waiting.join().unwrap();
    });
    let _client = stream::connect(&address).unwrap();
    listener.try_accept().unwrap();
}

#[test]
fn connect_to_full_backlog_waits_for_room() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    fn check<K: AsFd + Send>(
        name: &str,
        listener: impl Fn() -> Result<(), Errno> + Sync,
        connect: impl Fn(Option<Deadline>) -> Result<K, Errno> + Sync,
    ) {
        // One more than the backlog of 0.
        let _first = connect(None).unwrap();
        assert_eq!(connect(None).map(drop), Err(Errno::AGAIN), "{name}");
        let begin = Instant::now();
        let late = connect(Some(Deadline::after(Duration::from_millis(50))));
        assert_eq!(late.map(drop), Err(Errno::TIMEDOUT));
        assert!(begin.elapsed() >= Duration::from_millis(50));
        let late = connect(Some(Deadline::NOW));
        assert_eq!(late.map(drop), Err(Errno::TIMEDOUT));
        for deadline in [Deadline::Never, limit()] {
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| connect(Some(deadline)).unwrap());
                listener().unwrap();
                let socket = waiting.join().unwrap();
                // Nothing is left of how it waited.
                assert!(blocks(&socket));
                let timeout = rustix::net::sockopt::socket_timeout(
                    &socket,
                    rustix::net::sockopt::Timeout::Send,
                );
                assert_eq!(timeout, Ok(None));
            });
        }
    }
    let address = abstract_name("backlog");
    let listener = BindOptions::new()
        .backlog(0)
        .listen_stream(&address)
        .unwrap();
    check::<Stream>(
        "stream",
        || listener.accept().map(drop),
        |deadline| match deadline {
            None => stream::try_connect(&address),
            Some(deadline) => stream::connect_until(&address, deadline),
        },
    );
    drop(listener);
    let listener = BindOptions::new()
        .backlog(0)
        .listen_seqpacket(&address)
        .unwrap();
    check::<Seqpacket>(
        "seqpacket",
        || listener.accept().map(drop),
        |deadline| match deadline {
            None => seqpacket::try_connect(&address),
            Some(Deadline::Never) => seqpacket::connect(&address),
            Some(deadline) => seqpacket::connect_until(&address, deadline),
        },
    );
}

#[test]
fn connect_waiting_for_closed_listener_fails() {
    let _check = LeakCheck::begin();
    let address = abstract_name("gone");
    if let Some(mut half) = PeerArgs::role("listen") {
        let name = half.channel.hear();
        let address = UnixAddress::abstract_name(name.as_bytes()).unwrap();
        let _listener = BindOptions::new()
            .backlog(0)
            .listen_stream(&address)
            .unwrap();
        half.channel.say("listening");
        half.channel.hear();
        return;
    }
    let mut peer = start_quietly(test_name!(), "listen");
    let Name::Abstract(name) = address.name() else {
        unreachable!();
    };
    peer.say(core::str::from_utf8(name).unwrap());
    peer.expect("listening");
    let first = stream::connect(&address).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stream::connect_until(&address, limit()));
        peer.kill();
        assert_eq!(waiting.join().unwrap().unwrap_err(), Errno::CONNREFUSED);
    });
    // It had connected, and was never accepted.
    let result = first.recv_until(&mut [0; 8], limit());
    assert_eq!(result, Err(Errno::CONNRESET));
}

#[test]
fn killed_client_is_accepted_and_its_bytes_received() {
    let _check = LeakCheck::begin();
    if let Some(mut half) = PeerArgs::role("client") {
        let name = half.channel.hear();
        let address = UnixAddress::abstract_name(name.as_bytes()).unwrap();
        let client = stream::connect(&address).unwrap();
        client.send_all(b"last words").unwrap();
        half.channel.say("sent");
        half.channel.hear();
        return;
    }
    let address = abstract_name("client");
    let listener = stream::listen(&address).unwrap();
    let mut peer = start_quietly(test_name!(), "client");
    let Name::Abstract(name) = address.name() else {
        unreachable!();
    };
    peer.say(core::str::from_utf8(name).unwrap());
    peer.expect("sent");
    let pid = peer.id();
    peer.kill();
    let (server, _) = listener.try_accept().unwrap();
    let credentials = option::peer_credentials(&server).unwrap();
    assert_eq!(
        credentials.pid.map(|pid| pid.as_raw_nonzero().get()),
        i32::try_from(pid).ok()
    );
    let mut buffer = [0; 16];
    assert_eq!(server.recv(&mut buffer), Ok(10));
    assert_eq!(server.recv(&mut buffer), Ok(0));
}

#[test]
fn client_may_have_address() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let (own, address) = (abstract_name("own"), abstract_name("from"));
    let listener = stream::listen(&address).unwrap();
    let client = stream::connect_from(&own, &address, limit()).unwrap();
    let (_server, from) = listener.accept().unwrap();
    assert_eq!(from, own);
    assert_eq!(
        stream::connect_from(&own, &address, limit()).unwrap_err(),
        Errno::ADDRINUSE
    );
    drop((client, listener));
    let listener = seqpacket::listen(&address).unwrap();
    let _client = seqpacket::connect_from(&own, &address, Deadline::Never).unwrap();
    assert_eq!(listener.accept().unwrap().1, own);
}

#[test]
fn accept_without_descriptors_left_keeps_connection() {
    if PeerArgs::role("poor").is_some() {
        let listener = stream::listen(&UnixAddress::UNNAMED).unwrap();
        let client = stream::connect(&listener.address().unwrap()).unwrap();
        let all: Vec<_> = {
            let limit = rustix::process::Rlimit {
                current: Some(64),
                maximum: Some(64),
            };
            rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
            core::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect()
        };
        assert_eq!(listener.accept().unwrap_err(), Errno::MFILE);
        assert_eq!(listener.try_accept().unwrap_err(), Errno::MFILE);
        assert_eq!(
            stream::connect(&listener.address().unwrap()).unwrap_err(),
            Errno::MFILE
        );
        drop(all);
        let (server, _) = listener.try_accept().unwrap();
        client.send_all(b"hello").unwrap();
        server.recv_exact(&mut [0; 5]).unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    start_quietly(test_name!(), "poor").finish();
}

// Files.

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path)
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn socket_file_is_private_from_first_moment() {
    // The umask is the whole process's.
    if let Some(half) = PeerArgs::role("umask") {
        drop(half);
        let directory = Folder::new("mode");
        rustix::process::umask(Mode::empty());
        let path = directory.at("socket");
        let address = address_in(&directory, "socket");
        let _listener = stream::listen(&address).unwrap();
        assert_eq!(mode(&path), 0o600);
        std::fs::remove_file(&path).unwrap();
        let _socket = datagram::bind(&address).unwrap();
        assert_eq!(mode(&path), 0o600);
        std::fs::remove_file(&path).unwrap();
        let all = Mode::from_raw_mode(0o666);
        let _listener = BindOptions::new()
            .mode(all)
            .listen_seqpacket(&address)
            .unwrap();
        assert_eq!(mode(&path), 0o666);
        std::fs::remove_file(&path).unwrap();
        rustix::process::umask(Mode::from_raw_mode(0o022));
        let _listener = BindOptions::new()
            .mode(all)
            .listen_stream(&address)
            .unwrap();
        assert_eq!(mode(&path), 0o644);
        return;
    }
    let _check = LeakCheck::begin();
    start_quietly(test_name!(), "umask").finish();
}

#[test]
fn connect_without_write_permission_is_refused() {
    if PeerArgs::role("other").is_some() {
        let directory = Folder::new("access");
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)).unwrap();
        let address = address_in(&directory, "socket");
        let listener = stream::listen(&address).unwrap();
        // Another user, of this thread only; the name of the directory stays ours.
        let other = rustix::process::Uid::from_raw(65534);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // SAFETY: no memory is involved; raw, so that it is this thread's only.
                let set = unsafe { libc::syscall(libc::SYS_setuid, other.as_raw()) };
                assert_eq!(set, 0);
                assert_eq!(stream::connect(&address).unwrap_err(), Errno::ACCESS);
                assert_eq!(
                    stream::listen(&UnixAddress::pathname("/rawipc-test").unwrap()).unwrap_err(),
                    Errno::ACCESS
                );
            });
        });
        drop(listener);
        return;
    }
    if !support::needs::root() {
        return;
    }
    let _check = LeakCheck::begin();
    start_quietly(test_name!(), "other").finish();
}

#[test]
fn guard_removes_only_its_own_file() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("remove");
    let (path, address) = (directory.at("socket"), address_in(&directory, "socket"));
    assert_eq!(RemoveOnDrop::new(&address).unwrap_err(), Errno::NOENT);
    assert_eq!(
        RemoveOnDrop::new(&abstract_name("remove")).unwrap_err(),
        Errno::INVAL
    );
    std::fs::write(&path, b"").unwrap();
    assert_eq!(RemoveOnDrop::new(&address).unwrap_err(), Errno::NOTSOCK);
    std::fs::remove_file(&path).unwrap();

    let listener = stream::listen(&address).unwrap();
    drop(RemoveOnDrop::new(&address).unwrap());
    assert!(!path.exists());
    // Connections that were made stay.
    drop(listener);

    let listener = stream::listen(&address).unwrap();
    RemoveOnDrop::new(&address).unwrap().keep();
    assert!(path.exists());

    // Another has the name by then. The first inode must not be taken again.
    let guard = RemoveOnDrop::new(&address).unwrap();
    let other = stream::listen(&address_in(&directory, "other")).unwrap();
    std::fs::rename(directory.at("other"), &path).unwrap();
    drop(guard);
    assert!(path.exists());
    stream::connect(&address).unwrap();
    let guard = RemoveOnDrop::new(&address).unwrap();
    std::fs::remove_file(&path).unwrap();
    drop(guard);
    drop((listener, other));
}

#[test]
fn guard_in_forked_child_removes_nothing() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("forked");
    let (path, address) = (directory.at("socket"), address_in(&directory, "socket"));
    let _listener = stream::listen(&address).unwrap();
    let mut guard = Some(RemoveOnDrop::new(&address).unwrap());
    let mut child = support::Child::fork(|| {
        drop(guard.take());
        0
    });
    assert_eq!(child.wait(), support::End::Exited(0));
    assert!(path.exists());
    drop(guard);
    assert!(!path.exists());
}

#[test]
fn stale_file_is_replaced_and_live_one_is_not() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("stale");
    let (path, address) = (directory.at("socket"), address_in(&directory, "socket"));
    let replacing = BindOptions::new().replace_stale(true);

    // Nothing there.
    let first = replacing.listen_stream(&address).unwrap();
    // Somebody listens, whatever kind is to be bound.
    assert_eq!(
        replacing.listen_stream(&address).unwrap_err(),
        Errno::ADDRINUSE
    );
    assert_eq!(
        replacing.listen_seqpacket(&address).unwrap_err(),
        Errno::PROTOTYPE
    );
    assert_eq!(
        replacing.bind_datagram(&address).unwrap_err(),
        Errno::PROTOTYPE
    );
    // The attempt is seen as a client that is gone.
    let (server, _) = first.try_accept().unwrap();
    assert_eq!(server.recv(&mut [0; 1]), Ok(0));
    drop(server);
    stream::connect(&address).unwrap();

    // Nobody listens any more, and all kinds take it.
    drop(first);
    let inode = std::fs::symlink_metadata(&path).unwrap().ino();
    assert_eq!(stream::listen(&address).unwrap_err(), Errno::ADDRINUSE);
    assert_eq!(std::fs::symlink_metadata(&path).unwrap().ino(), inode);
    let second = replacing.listen_seqpacket(&address).unwrap();
    drop(second);
    let third = replacing.bind_datagram(&address).unwrap();
    // A datagram socket that is bound is not stale, and not of those that listen.
    assert_eq!(
        replacing.bind_datagram(&address).unwrap_err(),
        Errno::ADDRINUSE
    );
    drop(third);
    let fourth = replacing.listen_stream(&address).unwrap();
    stream::connect(&address).unwrap();
    drop(fourth);

    // What is no socket stays; so does what a link leads to.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"precious").unwrap();
    assert_eq!(
        replacing.listen_stream(&address).unwrap_err(),
        Errno::NOTSOCK
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
    drop(stream::listen(&address_in(&directory, "stale")).unwrap());
    std::os::unix::fs::symlink(directory.at("stale"), &path).unwrap();
    assert_eq!(
        replacing.listen_stream(&address).unwrap_err(),
        Errno::NOTSOCK
    );
    assert!(directory.at("stale").exists());

    // It means nothing elsewhere.
    replacing.listen_stream(&abstract_name("stale")).unwrap();
    // A full backlog is somebody.
    std::fs::remove_file(&path).unwrap();
    let full = BindOptions::new()
        .backlog(0)
        .listen_stream(&address)
        .unwrap();
    let _client = stream::connect(&address).unwrap();
    assert_eq!(
        replacing.listen_stream(&address).unwrap_err(),
        Errno::ADDRINUSE
    );
    drop(full);
}

#[test]
fn relative_stale_file_is_replaced() {
    if PeerArgs::role("elsewhere").is_some() {
        let directory = Folder::new("relative");
        std::env::set_current_dir(&directory).unwrap();
        let replacing = BindOptions::default().replace_stale(true);
        for path in ["socket", "./socket"] {
            let address = UnixAddress::pathname(path).unwrap();
            drop(replacing.listen_stream(&address).unwrap());
            drop(replacing.listen_stream(&address).unwrap());
        }
        // The root directory is one, too: nothing can be listened at there.
        let root = UnixAddress::pathname("/").unwrap();
        assert_eq!(replacing.listen_stream(&root).unwrap_err(), Errno::NOTSOCK);
        return;
    }
    let _check = LeakCheck::begin();
    start_quietly(test_name!(), "elsewhere").finish();
}

#[test]
fn file_of_killed_server_is_stale_at_once() {
    if let Some(mut half) = PeerArgs::role("server") {
        let address = UnixAddress::pathname(half.channel.hear()).unwrap();
        let replacing = BindOptions::new().replace_stale(true);
        let _listener = replacing.listen_stream(&address).unwrap();
        half.channel.say("listening");
        half.channel.hear();
        return;
    }
    let _check = LeakCheck::begin();
    let directory = Folder::new("killed");
    let address = address_in(&directory, "socket");
    for _ in 0..3 {
        let mut peer = start_quietly(test_name!(), "server");
        peer.say(directory.at("socket").to_str().unwrap());
        peer.expect("listening");
        stream::connect(&address).unwrap();
        peer.kill();
        assert_eq!(stream::connect(&address).unwrap_err(), Errno::CONNREFUSED);
    }
}

#[test]
fn many_that_replace_at_once_leave_one_listener() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("many");
    let address = address_in(&directory, "socket");
    for _ in 0..50 {
        // Stale, but for the first.
        let start = std::sync::Barrier::new(4);
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        BindOptions::new()
                            .replace_stale(true)
                            .listen_stream(&address)
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let listening = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(listening, 1);
        for result in &results {
            if let Err(errno) = result {
                assert_eq!(*errno, Errno::ADDRINUSE);
            }
        }
        // And it is the one that is found.
        stream::connect(&address).unwrap();
    }
}

#[test]
fn replace_in_locked_directory_gives_up() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let directory = Folder::new("locked");
    let file = std::fs::File::open(&directory).unwrap();
    file.lock().unwrap();
    let replacing = BindOptions::new().replace_stale(true);
    assert_eq!(
        replacing
            .listen_stream(&address_in(&directory, "socket"))
            .unwrap_err(),
        Errno::BUSY
    );
    stream::listen(&address_in(&directory, "socket")).unwrap();
}

// Datagrams.

#[test]
fn datagrams_to_address_carry_sender() {
    let _check = LeakCheck::begin();
    let at = abstract_name("datagrams");
    let server = datagram::bind(&at).unwrap();
    let client = datagram::bind(&UnixAddress::UNNAMED).unwrap();
    let own: UnixAddress = address::local(&client).unwrap();
    let nameless = datagram::unbound(address::Family::UNIX).unwrap();
    let mut buffer = [0; 16];

    assert_eq!(
        server
            .try_recv_from::<UnixAddress>(&mut buffer)
            .unwrap_err(),
        Errno::AGAIN.into()
    );
    assert_eq!(
        server
            .recv_from_until::<UnixAddress>(&mut buffer, soon())
            .unwrap_err(),
        Errno::TIMEDOUT.into()
    );
    client.send_to(b"one", &at).unwrap();
    client.try_send_to(b"two", &at).unwrap();
    client.send_to_until(b"", &at, limit()).unwrap();
    nameless.send_to(b"four", &at).unwrap();
    assert_eq!(server.recv_from(&mut buffer), Ok((3, own)));
    assert_eq!(server.try_recv_from(&mut buffer), Ok((3, own)));
    assert_eq!(server.recv_from_until(&mut buffer, limit()), Ok((0, own)));
    assert_eq!(server.recv_from(&mut buffer), Ok((4, UnixAddress::UNNAMED)));

    // Cut.
    client.send_to(b"hello", &at).unwrap();
    assert_eq!(
        server
            .recv_from::<UnixAddress>(&mut buffer[..2])
            .unwrap_err(),
        RecvError::Truncated { len: 5 }
    );
    // Nobody there.
    let nobody = abstract_name("datagrams-nobody");
    assert_eq!(client.send_to(b"x", &nobody), Err(Errno::CONNREFUSED));
    assert_eq!(
        client.send_to_until(b"x", &nobody, limit()),
        Err(Errno::CONNREFUSED)
    );
    let directory = Folder::new("datagrams");
    let _listener = stream::listen(&address_in(&directory, "socket")).unwrap();
    let stream = address_in(&directory, "socket");
    assert_eq!(client.send_to(b"x", &stream), Err(Errno::PROTOTYPE));

    // Connected, and no more.
    client.connect(&at).unwrap();
    assert_eq!(address::peer(&client), Ok(at));
    client.send(b"connected").unwrap();
    assert_eq!(server.recv_from(&mut buffer), Ok((9, own)));
    let third = datagram::connect(&own).unwrap_err();
    assert_eq!(third, Errno::PERM);
    client.disconnect().unwrap();
    assert_eq!(client.send(b"x"), Err(Errno::NOTCONN));
    // Shut down: no message, and no sender.
    server.shutdown(Shutdown::Read).unwrap();
    assert_eq!(
        server.recv_from_until(&mut buffer, limit()),
        Ok((0, UnixAddress::UNNAMED))
    );
}

#[test]
fn messages_with_descriptors_go_to_address() {
    let _check = LeakCheck::begin();
    let at = abstract_name("messages");
    let server = datagram::bind(&at).unwrap();
    let client = datagram::bind(&UnixAddress::UNNAMED).unwrap();
    let own: UnixAddress = address::local(&client).unwrap();
    let (one, other) = stream::pair().unwrap();
    let descriptors = [one.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    let bytes = [IoSlice::new(b"take "), IoSlice::new(b"this")];
    client.send_message_to(&bytes, &outgoing, &at).unwrap();
    client.try_send_message_to(&bytes, &outgoing, &at).unwrap();
    client
        .send_message_to_until(&bytes, &outgoing, &at, limit())
        .unwrap();
    drop(one);
    let mut incoming = Incoming::<1>::new();
    let mut buffer = [0; 16];
    let mut received = Vec::new();
    for turn in 0..3 {
        let bytes = &mut [IoSliceMut::new(&mut buffer)];
        let result = match turn {
            0 => server.recv_message_from(bytes, &mut incoming),
            1 => server.try_recv_message_from(bytes, &mut incoming),
            _ => server.recv_message_from_until(bytes, &mut incoming, limit()),
        };
        assert_eq!(result, Ok((9, own)));
        received.push(Stream::from(incoming.descriptors().next().unwrap()));
    }
    let bytes = &mut [IoSliceMut::new(&mut buffer)];
    let empty: Result<(usize, UnixAddress), _> = server.try_recv_message_from(bytes, &mut incoming);
    assert_eq!(empty, Err(Errno::AGAIN.into()));
    received[2].send_all(b"works").unwrap();
    assert_eq!(other.recv(&mut buffer), Ok(5));
}

#[test]
fn send_to_full_address_waits_for_room() {
    let _check = LeakCheck::begin();
    let at = abstract_name("room");
    let server = datagram::bind(&at).unwrap();
    let client = datagram::unbound(address::Family::UNIX).unwrap();
    let mut sent = 0_u32;
    let full = loop {
        match client.try_send_to(&sent.to_ne_bytes(), &at) {
            Ok(()) => sent += 1,
            Err(errno) => break errno,
        }
    };
    assert_eq!(full, Errno::AGAIN);
    let begin = Instant::now();
    let before = cpu_time();
    let result = client.send_to_until(b"late", &at, Deadline::after(Duration::from_millis(100)));
    assert_eq!(result, Err(Errno::TIMEDOUT));
    assert!(begin.elapsed() >= Duration::from_millis(100));
    // Asleep, not trying again and again.
    assert!(cpu_time() - before < Duration::from_millis(50));
    let many = [IoSlice::new(b"many"); 3];
    assert_eq!(client.try_send_many_to(&many, &at), Err(Errno::AGAIN));
    assert_eq!(
        client.send_many_to_until(&many, &at, soon()),
        Err(Errno::TIMEDOUT)
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.send_to_until(b"done", &at, limit()));
        let mut buffer = [0; 8];
        for number in 0..sent {
            assert_eq!(server.recv(&mut buffer), Ok(4));
            assert_eq!(buffer[..4], number.to_ne_bytes());
        }
        assert_eq!(waiting.join().unwrap(), Ok(()));
        assert_eq!(server.recv(&mut buffer), Ok(4));
        assert_eq!(&buffer[..4], b"done");
    });
    // Who waits learns that the other is gone.
    while client.try_send_to(b"again", &at).is_ok() {}
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.send_to_until(b"late", &at, limit()));
        drop(server);
        assert_eq!(waiting.join().unwrap(), Err(Errno::CONNREFUSED));
    });
}

// Several messages.

#[test]
fn several_messages_go_in_one_call() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let (one, other) = datagram::pair().unwrap();
    let mut buffers = [[0_u8; 4]; 4];
    let mut slots: Vec<_> = buffers.iter_mut().map(|b| Slot::new(b)).collect();
    assert_eq!(other.try_recv_many(&mut slots), Err(Errno::AGAIN));
    assert_eq!(
        other.recv_many_until(&mut slots, soon()),
        Err(Errno::TIMEDOUT)
    );
    let messages = [b"a".as_slice(), b"", b"too long"].map(IoSlice::new);
    assert_eq!(one.send_many(&messages), Ok(3));
    assert_eq!(other.recv_many(&mut slots), Ok(3));
    assert_eq!(slots[0].message(), Ok(&b"a"[..]));
    assert_eq!(slots[1].message(), Ok(&b""[..]));
    assert_eq!(slots[2].message(), Err(RecvError::Truncated { len: 8 }));
    assert_eq!(slots[0].sender(), Ok(UnixAddress::UNNAMED));
    assert_eq!(one.try_send_many(&messages[..1]), Ok(1));
    assert_eq!(one.send_many_until(&messages[..1], limit()), Ok(1));
    assert_eq!(other.try_recv_many(&mut slots[..1]), Ok(1));
    assert_eq!(other.recv_many_until(&mut slots, limit()), Ok(1));
    assert_eq!(one.send_many(&[]), Ok(0));
    assert_eq!(other.try_recv_many(&mut []), Ok(0));
    // Waiting is for the first only.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| other.recv_many(&mut slots));
        one.send(b"x").unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(1));
    });
    // The other is gone.
    drop(one);
    other.send_many(&messages).unwrap_err();
}

#[test]
fn more_messages_than_one_call_takes_are_sent_in_order() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let (one, other) = seqpacket::pair().unwrap();
    let bodies: Vec<_> = (0..100_u32).map(u32::to_ne_bytes).collect();
    let messages: Vec<_> = bodies.iter().map(|body| IoSlice::new(body)).collect();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sent = 0;
            while sent < messages.len() {
                sent += one.send_many(&messages[sent..]).unwrap();
            }
        });
        let mut next = 0_u32;
        while next < 100 {
            let mut buffers = [[0_u8; 8]; 50];
            let mut slots: Vec<_> = buffers.iter_mut().map(|b| Slot::new(b)).collect();
            let came = other.recv_many_until(&mut slots, limit()).unwrap();
            assert!((1..=32).contains(&came));
            for slot in &slots[..came] {
                assert_eq!(slot.message(), Ok(&next.to_ne_bytes()[..]));
                next += 1;
            }
        }
        sending.join().unwrap();
    });
    // The end.
    one.send(b"last").unwrap();
    drop(one);
    let mut buffers = [[0_u8; 8]; 4];
    let mut slots: Vec<_> = buffers.iter_mut().map(|b| Slot::new(b)).collect();
    assert_eq!(other.recv_many(&mut slots), Ok(1));
    assert_eq!(other.recv_many(&mut slots), Ok(0));
    assert_eq!(other.try_recv_many(&mut slots), Ok(0));
    assert_eq!(
        other.send_many(&messages),
        Err(Errno::PIPE),
        "and no signal"
    );
    assert_eq!(other.try_send_many(&messages), Err(Errno::PIPE));
    assert_eq!(other.send_many_until(&messages, limit()), Err(Errno::PIPE));
}

#[test]
fn several_messages_carry_their_senders() {
    let _check = LeakCheck::begin();
    let at = abstract_name("several");
    let server = datagram::bind(&at).unwrap();
    let clients: Vec<Datagram> = (0..2)
        .map(|_| datagram::bind(&UnixAddress::UNNAMED).unwrap())
        .collect();
    let messages = [IoSlice::new(b"one"), IoSlice::new(b"two")];
    assert_eq!(clients[0].send_many_to(&messages, &at), Ok(2));
    assert_eq!(clients[1].try_send_many_to(&messages, &at), Ok(2));
    assert_eq!(
        clients[1].send_many_to_until(&messages, &at, limit()),
        Ok(2)
    );
    let mut buffers = [[0_u8; 8]; 8];
    let mut slots: Vec<_> = buffers.iter_mut().map(|b| Slot::new(b)).collect();
    assert_eq!(server.recv_many(&mut slots), Ok(6));
    for (slot, client) in slots.iter().zip([0, 0, 1, 1, 1, 1]) {
        assert_eq!(
            slot.sender::<UnixAddress>(),
            address::local(&clients[client])
        );
        assert_eq!(
            slot.sender::<core::net::SocketAddrV4>(),
            Err(Errno::AFNOSUPPORT)
        );
    }
    // Shut down.
    server.shutdown(Shutdown::Read).unwrap();
    assert_eq!(server.recv_many_until(&mut slots, limit()), Ok(0));
}

/// There is no room for them in a call for several.
#[test]
fn descriptors_among_several_messages_are_closed() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let (one, other) = datagram::pair().unwrap();
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let descriptors = [write.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    one.send_message(&[IoSlice::new(b"with")], &outgoing)
        .unwrap();
    one.send(b"without").unwrap();
    drop(write);
    let mut buffers = [[0_u8; 8]; 2];
    let mut slots: Vec<_> = buffers.iter_mut().map(|b| Slot::new(b)).collect();
    assert_eq!(other.recv_many(&mut slots), Ok(2));
    assert_eq!(slots[0].message(), Ok(&b"with"[..]));
    assert_eq!(slots[1].message(), Ok(&b"without"[..]));
    // Nobody has the other end any more.
    assert_eq!(rustix::io::read(&read, &mut [0; 1]), Ok(0));
}

// Out of band.

#[test]
fn byte_goes_out_of_band() {
    let _check = LeakCheck::begin();
    let _quiet = quiet();
    let (one, other) = stream::pair().unwrap();
    match one.send_oob(b'!') {
        Err(Errno::OPNOTSUPP) => {
            skipped!("this kernel has no MSG_OOB of UNIX sockets");
            return;
        }
        result => result.unwrap(),
    }
    let urgent = |socket: &Stream| {
        let mut fds = [PollFd::new(socket, PollFlags::PRI)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() > 0
    };
    assert!(urgent(&other));
    assert_eq!(other.recv_oob(), Ok(b'!'));
    assert!(!urgent(&other));
    assert_eq!(other.recv_oob(), Err(Errno::INVAL));
    one.send(b"before").unwrap();
    one.try_send_oob(b'?').unwrap();
    one.send(b"after").unwrap();
    let mut buffer = [0; 16];
    // Not past the mark.
    assert_eq!(other.recv(&mut buffer), Ok(6));
    assert!(other.at_oob_mark().unwrap());
    assert_eq!(other.recv_oob(), Ok(b'?'));
    assert_eq!(other.recv(&mut buffer), Ok(5));
    assert!(!other.at_oob_mark().unwrap());
    // Among the others.
    option::set_oob_inline(&other, true).unwrap();
    assert!(option::oob_inline(&other).unwrap());
    one.send_oob_until(b'#', limit()).unwrap();
    assert_eq!(other.recv_oob(), Err(Errno::INVAL));
    assert_eq!(other.recv(&mut buffer), Ok(1));
    assert_eq!(buffer[0], b'#');
    drop(other);
    assert_eq!(one.send_oob(b'!'), Err(Errno::PIPE));
    let (one, _other) = stream::pair().unwrap();
    while one.try_send(&[0; 4096]).is_ok() {}
    assert_eq!(one.try_send_oob(b'!'), Err(Errno::AGAIN));
    assert_eq!(one.send_oob_until(b'!', soon()), Err(Errno::TIMEDOUT));
}

// std.

#[test]
fn unix_sockets_convert_with_std_both_ways() {
    let _check = LeakCheck::begin();
    let listener: stream::Listener = stream::listen(&UnixAddress::UNNAMED).unwrap();
    let address = listener.address().unwrap();
    let theirs = std::os::unix::net::SocketAddr::try_from(&address).unwrap();
    assert_eq!(UnixAddress::try_from(&theirs), Ok(address));
    let listener = UnixListener::from(listener);
    assert!(blocks(&listener));
    let client = UnixStream::connect_addr(&theirs).unwrap();
    let (server, from) = listener.accept().unwrap();
    assert_eq!(UnixAddress::try_from(&from), Ok(UnixAddress::UNNAMED));
    let (client, server) = (Stream::from(client), Stream::from(server));
    client.send_all(b"hello").unwrap();
    server.recv_exact(&mut [0; 5]).unwrap();
    let listener = Listener::<UnixAddress, Stream>::from(listener);
    assert!(!blocks(&listener));
    assert_eq!(listener.try_accept().unwrap_err(), Errno::AGAIN);
    assert_eq!(
        std::io::Error::from(
            server
                .recv_exact_until(&mut [0; 5], Deadline::NOW)
                .unwrap_err()
        )
        .raw_os_error(),
        Some(Errno::TIMEDOUT.raw_os_error())
    );
    // A path.
    let directory = Folder::new("std");
    let address = address_in(&directory, "socket");
    let theirs = std::os::unix::net::SocketAddr::try_from(&address).unwrap();
    assert_eq!(UnixAddress::try_from(&theirs), Ok(address));
    let socket = UnixDatagram::bind_addr(&theirs).unwrap();
    let ours = datagram::connect(&address).unwrap();
    ours.send(b"hello").unwrap();
    assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 5);
    std::os::unix::net::SocketAddr::try_from(&UnixAddress::UNNAMED).unwrap_err();
    // By its descriptor.
    let fd = OwnedFd::from(listener);
    let listener = Listener::<core::net::SocketAddr, Seqpacket>::from(fd);
    assert_eq!(listener.address(), Err(Errno::AFNOSUPPORT));
    assert!(format!("{listener:?}").starts_with("Listener("));
    // What is no socket says so.
    let (pipe, _) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let listener = stream::Listener::<UnixAddress>::from(pipe);
    assert_eq!(listener.try_accept().map(drop), Err(Errno::NOTSOCK));
}
