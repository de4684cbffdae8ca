//! Rings both ways, handed over as one.

use std::os::fd::OwnedFd;

use rawipc::Errno;
use rawipc::event::Readiness;
use rawipc::event::poll::{self, PollFd};
use rawipc::rendezvous::{Error, Listener, Options};
use rawipc::ring::doorbell::{self, Bells, Duplex};
use rawipc::ring::{self, AttachError, Peer};

use super::create;
use super::without_proc::{hide_proc, proc_can_be_hidden};
use crate::support::{Child, End, Folder, LeakCheck, limit};

fn duplex(bells: Bells) -> Duplex {
    Duplex::create(1, bells).unwrap()
}

/// Killed, with what it has in its hands.
const KILLED: End = End::Killed(libc::SIGKILL);

fn die() -> ! {
    loop {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGKILL) };
    }
}

/// What an end says that cannot be there.
fn not_there<T>(_: T) -> i32 {
    1
}

#[test]
fn death_of_a_client_is_told_by_both_rings_and_the_connection() {
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("duplex");
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let mut child = Child::fork(|| {
        let ends = Duplex::connect_until(&path, limit()).map(|mut duplex| duplex.attach());
        let Ok(Ok(mut ends)) = ends else { return 2 };
        let mut buffer = [0; 16];
        let Ok(len) = ends.consumer.recv_until(&mut buffer, limit()) else {
            return 3;
        };
        ends.producer
            .send(&buffer[..len])
            .map_or_else(not_there, |()| die())
    });
    let mut duplex = duplex(Bells::Timer);
    let connection = listener.accept_until(&duplex, limit()).unwrap();
    let mut ends = duplex.attach().unwrap();
    drop(duplex);
    ends.producer.send(b"there").unwrap();
    let mut buffer = [0; 16];
    let len = ends.consumer.recv_until(&mut buffer, limit()).unwrap();
    assert_eq!(&buffer[..len], b"there");
    assert_eq!(child.wait(), KILLED);
    poll::wait_until(&mut [PollFd::new(&connection, Readiness::IN)], limit()).unwrap();
    let told = ends.consumer.recv_until(&mut buffer, limit());
    assert_eq!(told, Err(ring::Error::PeerDied));
    while ends.producer.try_send(&[0; 512]).is_ok() {}
    let told = ends.producer.send_until(&[0; 512], limit());
    assert_eq!(told, Err(ring::Error::PeerDied));
}

/// By the seats that come with it, one at each ring.
#[test]
fn duplex_is_used_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("duplex-apart");
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let mut child = Child::fork(|| {
        if !hide_proc() {
            return 1;
        }
        let received = Options::new().connect_until::<Duplex>(&path, limit());
        let Ok(mut received) = received else { return 2 };
        let Ok(mut ends) = received.region.attach() else {
            return 3;
        };
        // Each seat is good for one.
        if received.region.attach().err() != Some(AttachError::NoProc) {
            return 4;
        }
        let Ok(len) = ends.consumer.recv_until(&mut [0; 16], limit()) else {
            return 5;
        };
        ends.producer
            .send(&[0; 16][..len])
            .map_or_else(not_there, |()| die())
    });
    let mut duplex = duplex(Bells::Timer);
    listener.accept_until(&duplex, limit()).unwrap();
    let mut ends = duplex.attach().unwrap();
    ends.producer.send(b"apart").unwrap();
    assert_eq!(ends.consumer.recv_until(&mut [0; 16], limit()), Ok(5));
    let told = ends.consumer.recv_until(&mut [0; 16], limit());
    assert_eq!(told, Err(ring::Error::PeerDied));
    assert_eq!(child.wait(), KILLED);
}

#[test]
fn attach_that_fails_half_way_closes_nothing() {
    let _check = LeakCheck::begin();
    let mut ours = duplex(Bells::Timer);
    let own = |duplex: &Duplex| {
        let descriptors = duplex.descriptors();
        descriptors.map(|fd| fd.try_clone_to_owned().unwrap())
    };
    let mut theirs = Duplex::open(own(&ours), Bells::Timer).unwrap();
    let mut client = theirs.attach().unwrap();
    // Somebody else has the place of the producer.
    let [_, _, _, memory, data, room] = own(&ours);
    let from = doorbell::Ring::open([memory, data, room], Bells::Timer).unwrap();
    let squatter = from.producer().unwrap();
    assert_eq!(ours.attach().err(), Some(AttachError::Occupied));
    assert_ne!(client.producer.peer(), Peer::Closed);
    squatter.detach();
    let mut server = ours.attach().unwrap();
    client.producer.send(b"to").unwrap();
    assert_eq!(server.consumer.recv(&mut [0; 8]), Ok(2));
    server.producer.send(b"from").unwrap();
    assert_eq!(client.consumer.recv(&mut [0; 8]), Ok(4));
}

#[test]
fn what_is_no_duplex_is_refused() {
    let _check = LeakCheck::begin();
    let folder = Folder::to_be_emptied("no-duplex");
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let mut child = Child::fork(|| {
        let refused = |error| Some(Error::Refused(error));
        let wrong_kind = refused(AttachError::WrongKind);
        let said = [(); 3].map(|()| Duplex::connect_until(&path, limit()).err());
        let expected = [wrong_kind, wrong_kind, refused(AttachError::WrongBell)];
        let ring = doorbell::Ring::connect_until(&path, limit()).err();
        i32::from(said != expected || ring != Some(Error::NotListener))
    });
    listener.accept_until(&create().unwrap(), limit()).unwrap();
    let ring = doorbell::Ring::create(1, Bells::Timer).unwrap();
    listener.accept_until(&ring, limit()).unwrap();
    let events = duplex(Bells::Event);
    listener.accept_until(&events, limit()).unwrap();
    listener
        .accept_until(&duplex(Bells::Timer), limit())
        .unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    let descriptors = <[OwnedFd; 6]>::from(events);
    let opened = Duplex::open(descriptors, Bells::Timer);
    assert_eq!(opened.err(), Some(AttachError::WrongBell));
    let large = <[OwnedFd; 6]>::from(Duplex::create(1 << 20, Bells::Timer).unwrap());
    let opened = Duplex::open_at_most(large, Bells::Timer, 1);
    assert!(matches!(opened.err(), Some(AttachError::TooLarge { .. })));
    let created = Duplex::create(1 << 40, Bells::Timer);
    assert_eq!(created.err(), Some(Errno::INVAL));
}
