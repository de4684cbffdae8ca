//! Regions handed over by a socket.

use std::os::fd::{AsFd, OwnedFd};

use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::rendezvous::{Error, Listener, Options, Users};
use rawipc::ring::doorbell::{self, Bells};
use rawipc::ring::{AttachError, spsc};
use rawipc::socket::address::UnixAddress;
use rawipc::socket::message::Outgoing;
use rawipc::socket::{option, seqpacket};
use rawipc::{Deadline, Errno, IoSlice, Mode};

use super::{Ring, create};
use crate::support::{Child, End, Folder, LeakCheck, Peer, PeerArgs, limit};

#[test]
fn region_handed_over_by_socket_is_used_by_both() {
    if let Some(mut args) = PeerArgs::role("client") {
        let ring = Ring::connect(args.channel.hear()).unwrap();
        ring.producer().unwrap().send(b"by socket").unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("handed");
    let listener = Listener::bind(folder.at("socket")).unwrap();
    let mut peer = Peer::start(test_name!(), "client", &[]);
    peer.say(folder.at("socket").to_str().unwrap());
    let ring = create().unwrap();
    let connection = listener.accept(&ring).unwrap();
    let id = connection.peer().pid.map(rawipc::Pid::as_raw_nonzero);
    assert_eq!(id.map(|id| id.get() as u32), Some(peer.id()));
    let mut buffer = [0; 16];
    assert_eq!(ring.consumer().unwrap().recv(&mut buffer), Ok(9));
    peer.finish();
    // The connection tells of its end.
    assert_eq!(connection.into_socket().recv(&mut buffer), Ok(None));
}

/// Forks a client of the listener at `path`, which exits with 0 if it is told so.
fn client(path: &std::path::Path, told: impl FnOnce(Result<Ring, Error>) -> bool) -> Child {
    Child::fork(|| i32::from(!told(Ring::connect_until(path, limit()))))
}

#[test]
fn client_that_comes_first_waits_for_the_listener() {
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("first");
    let path = folder.at("socket");
    assert_eq!(
        Ring::connect(&path).err(),
        Some(Error::Kernel(Errno::NOENT))
    );
    let mut child = client(&path, |ring| ring.is_ok());
    child.await_sleep();
    let listener = Listener::bind(&path).unwrap();
    listener.accept_until(&create().unwrap(), limit()).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(
        listener.try_accept(&create().unwrap()).err(),
        Some(Error::Kernel(Errno::AGAIN))
    );
    drop(listener);
    assert_eq!(
        Ring::connect(&path).err(),
        Some(Error::Kernel(Errno::NOENT))
    );
}

#[test]
fn path_of_a_killed_listener_is_replaced_and_of_a_living_one_is_not() {
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("killed");
    let path = folder.at("socket");
    for _ in 0..20 {
        let mut child = Child::fork(|| {
            let Ok(_listener) = Listener::bind(&path) else {
                return 1;
            };
            crate::support::alone::sleep_for_ever()
        });
        while Ring::connect_until(&path, Deadline::NOW).err() == Some(Error::Kernel(Errno::NOENT))
            || !path.exists()
        {
            std::thread::yield_now();
        }
        child.kill();
        child.wait();
        assert!(path.exists());
    }
    let listener = Listener::bind(&path).unwrap();
    assert_eq!(
        Listener::bind(&path).err(),
        Some(Error::Kernel(Errno::ADDRINUSE))
    );
    drop(listener);
}

#[test]
fn user_who_is_not_let_in_is_turned_away() {
    if !crate::support::needs::root() {
        return;
    }
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("foreign");
    let path = folder.at("socket");
    let all = Mode::from_raw_mode(0o666);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&*folder, open).unwrap();
    let ring = create().unwrap();
    let nobody = |told: fn(Result<Ring, Error>) -> bool| {
        Child::fork(|| {
            if !crate::support::child::become_nobody() {
                return 2;
            }
            i32::from(!told(Ring::connect_until(&path, limit())))
        })
    };
    // The umask is 022.
    // SAFETY: no memory is involved.
    let before = unsafe { libc::umask(0) };
    let strict = Options::new().mode(all).listen(&path).unwrap();
    let mut child = nobody(|ring| ring.err() == Some(Error::NotListener));
    let refused = strict.accept_until(&ring, limit());
    let user = rawipc::process::Uid::from_raw(65534);
    assert_eq!(refused.err(), Some(Error::Foreign { user }));
    assert_eq!(child.wait(), End::Exited(0));
    drop(strict);
    // Who is let in uses the seat: the memory's mode does not let him open it.
    let lenient = Options::new()
        .mode(all)
        .users(Users::And(user))
        .listen(&path)
        .unwrap();
    // SAFETY: no memory is involved.
    unsafe { libc::umask(before) };
    let mut child = Child::fork(|| {
        if !crate::support::child::become_nobody() {
            return 2;
        }
        let Ok(received) = Options::new().connect_until::<Ring>(&path, limit()) else {
            return 3;
        };
        if received.region.producer().err() != Some(AttachError::Kernel(Errno::ACCESS)) {
            return 4;
        }
        let Some(seat) = received.seat else {
            return 5;
        };
        let sent = received
            .region
            .producer_by(seat)
            .map(|mut end| end.send(b"x"));
        i32::from(sent != Ok(Ok(())))
    });
    lenient.accept_until(&ring, limit()).unwrap();
    assert_eq!(
        ring.consumer().unwrap().recv_until(&mut [0; 4], limit()),
        Ok(1)
    );
    assert_eq!(child.wait(), End::Exited(0));
}

/// A path in a folder where everybody may put one.
#[test]
fn listener_of_another_user_is_refused_unless_asked_for() {
    if !crate::support::needs::root() {
        return;
    }
    let _check = LeakCheck::begin();
    let folder = Folder::new("squatted");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&*folder, open).unwrap();
    let path = folder.at("socket");
    let ring = create().unwrap();
    let mut child = Child::fork(|| {
        if !crate::support::child::become_nobody() {
            return 2;
        }
        let Ok(listener) = Listener::bind(&path) else {
            return 3;
        };
        loop {
            let _ = listener.accept(&ring);
        }
    });
    let user = rawipc::process::Uid::from_raw(65534);
    let refused = Ring::connect_until(&path, limit());
    assert_eq!(refused.err(), Some(Error::Foreign { user }));
    let asked = Options::new().users(Users::Any);
    assert!(asked.connect_until::<Ring>(&path, limit()).is_ok());
    child.kill();
    child.wait();
}

/// A hostile or foolish listener: what is sent is not believed.
#[test]
fn what_is_no_region_of_the_kind_is_refused() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("hostile");
    let path = folder.at("socket");
    let address = UnixAddress::pathname(&path).unwrap();
    let listener = seqpacket::listen(&address).unwrap();
    let words = |magic: &[u8; 8], version: u64, count: u64| -> Vec<u8> {
        [*magic, version.to_ne_bytes(), count.to_ne_bytes()].concat()
    };
    let ring = OwnedFd::from(create().unwrap());
    let unsealed = OwnedFd::from(memfd::create("unsealed", MemfdFlags::empty()).unwrap());
    let items = OwnedFd::from(spsc::items::Ring::<u64>::create(4).unwrap());
    let large = OwnedFd::from(Ring::create(1 << 28).unwrap());
    let good = b"rawipcH\n";
    let not = Error::NotListener;
    let cases: [(Vec<u8>, Vec<&OwnedFd>, Error); 12] = [
        (vec![], vec![], not),
        (vec![1], vec![&ring], not),
        (words(good, 1, 1), vec![], not),
        (words(good, 1, 0), vec![], not),
        (words(b"rawipcX\n", 1, 1), vec![&ring], not),
        (words(good, 2, 1), vec![&ring], not),
        (words(good, 1, 2), vec![&ring], not),
        (words(good, 1, 3), vec![&ring, &ring, &ring], not),
        ([words(good, 1, 1), vec![0]].concat(), vec![&ring], not),
        (
            words(good, 1, 1),
            vec![&unsealed],
            Error::Refused(AttachError::NotSealed),
        ),
        (
            words(good, 1, 1),
            vec![&items],
            Error::Refused(AttachError::WrongKind),
        ),
        (
            words(good, 1, 1),
            vec![&large],
            Error::Refused(AttachError::TooLarge {
                size: (1 << 28) + 4096,
            }),
        ),
    ];
    for (bytes, descriptors, expected) in cases {
        let mut child = client(&path, |ring| ring.err() == Some(expected));
        let (socket, _) = listener.accept().unwrap();
        if !bytes.is_empty() {
            let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            let outgoing = Outgoing::new().descriptors(&descriptors);
            socket
                .send_message(&[IoSlice::new(&bytes)], &outgoing)
                .unwrap();
        }
        drop(socket);
        assert_eq!(child.wait(), End::Exited(0), "{expected:?}");
    }
    // As large as is asked for.
    let mut child = Child::fork(|| {
        let lenient = Options::new().limit(1 << 28);
        i32::from(lenient.connect_until::<Ring>(&path, limit()).is_err())
    });
    let (socket, _) = listener.accept().unwrap();
    let outgoing = [large.as_fd()];
    let outgoing = Outgoing::new().descriptors(&outgoing);
    let bytes = words(good, 1, 1);
    socket
        .send_message(&[IoSlice::new(&bytes)], &outgoing)
        .unwrap();
    assert_eq!(child.wait(), End::Exited(0));
}

/// Who connects and goes, or never receives, keeps nobody waiting.
#[test]
fn client_that_is_gone_is_told_and_the_next_is_served() {
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("gone");
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let ring = create().unwrap();
    let address = UnixAddress::pathname(&path).unwrap();
    drop(seqpacket::connect(&address).unwrap());
    let gone = listener.accept_until(&ring, limit());
    assert_eq!(gone.err(), Some(Error::Kernel(Errno::PIPE)));
    let silent = seqpacket::connect(&address).unwrap();
    let connection = listener.accept_until(&ring, limit()).unwrap();
    let mut child = client(&path, |ring| ring.is_ok());
    listener.accept_until(&ring, limit()).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    drop((silent, connection));
}

/// Three descriptors go over; of untrusted processes only timers are taken for bells.
#[test]
fn doorbell_ring_is_handed_over_with_its_bells() {
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("bells");
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let mut child = Child::fork(|| {
        let ring = doorbell::Ring::connect_until(&path, limit()).unwrap();
        ring.producer().unwrap().send(b"by socket").unwrap();
        let blocking = doorbell::Ring::connect(&path).err();
        assert_eq!(blocking, Some(Error::Refused(AttachError::WrongBell)));
        let other = doorbell::Ring::connect(&path).err();
        assert_eq!(other, Some(Error::Refused(AttachError::WrongKind)));
        let other = Ring::connect(&path).err();
        assert_eq!(other, Some(Error::Refused(AttachError::WrongKind)));
        0
    });
    let ring = doorbell::Ring::create(1, Bells::Timer).unwrap();
    listener.accept_until(&ring, limit()).unwrap();
    assert_eq!(ring.consumer().unwrap().recv(&mut [0; 16]), Ok(9));
    let blocking = doorbell::Ring::create(1, Bells::Event).unwrap();
    listener.accept_until(&blocking, limit()).unwrap();
    listener.accept_until(&create().unwrap(), limit()).unwrap();
    listener.accept_until(&ring, limit()).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
}

/// Who closes a connection closes what lies in it unread, and the closing of some descriptors waits.
#[test]
fn client_that_sends_descriptors_to_a_listener_is_refused() {
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("unasked");
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let address = UnixAddress::pathname(&path).unwrap();
    let client = seqpacket::connect(&address).unwrap();
    let ring = create().unwrap();
    let descriptors = [ring.as_fd()];
    let outgoing = Outgoing::new().descriptors(&descriptors);
    let sent = || client.send_message(&[IoSlice::new(b"unasked")], &outgoing);
    if sent().is_ok() {
        return skipped!("kernels before 6.16 have no SO_PASSRIGHTS");
    }
    assert_eq!(sent(), Err(Errno::PERM));
    let connection = listener.accept(&ring).unwrap();
    assert_eq!(sent(), Err(Errno::PERM));
    let _socket = connection.into_socket();
    assert!(sent().is_ok(), "asked for");
}

/// The closing of a socket with unsent data waits as long as its `SO_LINGER` says, in who closes it
/// last: whoever is sent one puts that off, whatever it came with.
#[test]
fn lingering_sockets_that_a_listener_sends_are_closed_at_once() {
    let _check = LeakCheck::begin();
    let folder = Folder::new("lingering");
    let path = folder.at("socket");
    let address = UnixAddress::pathname(&path).unwrap();
    let listener = seqpacket::listen(&address).unwrap();
    let long = core::time::Duration::from_secs(60);
    let words = |count: u64| -> Vec<u8> {
        [*b"rawipcH\n", 1_u64.to_ne_bytes(), count.to_ne_bytes()].concat()
    };
    // As it should be, too long, too short, nothing, and with more descriptors than belong to any region.
    let cases = [
        (words(1), 1),
        (vec![0; 4096], 1),
        (vec![1], 1),
        (vec![], 1),
        (words(9), 9),
        (words(253), 253),
    ];
    for (bytes, count) in cases {
        let sockets = (0..count).map(|_| std::os::unix::net::UnixDatagram::unbound().unwrap());
        let sockets: Vec<_> = sockets.collect();
        for socket in &sockets {
            option::set_linger(socket, Some(long)).unwrap();
        }
        let mut child = client(&path, |ring| ring.is_err());
        let (connection, _) = listener.accept().unwrap();
        let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let outgoing = Outgoing::new().descriptors(&descriptors);
        let message = [IoSlice::new(&bytes)];
        connection.send_message(&message, &outgoing).unwrap();
        assert_eq!(child.wait(), End::Exited(0));
        for socket in &sockets {
            let linger = option::linger(socket);
            assert_eq!(linger, Ok(None), "{count} with {} bytes", bytes.len());
        }
    }
}
