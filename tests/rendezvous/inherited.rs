//! Regions from who started the program.

use std::os::fd::{AsRawFd, RawFd};

use rawipc::Errno;
use rawipc::process::{Command, FdMapping, State, WaitFlags, exec, wait};
use rawipc::rendezvous::{self, Seat};
use rawipc::ring::doorbell::{self, Bells};
use rawipc::ring::{AttachError, spsc};

use super::{Ring, create};
use crate::support::{LeakCheck, Peer, PeerArgs};

/// Whether the number is that of a descriptor that is kept on exec; `None` if of none.
fn is_kept(number: RawFd) -> Option<bool> {
    // SAFETY: no memory is involved.
    match unsafe { libc::fcntl(number, libc::F_GETFD) } {
        -1 => None,
        flags => Some(flags & libc::FD_CLOEXEC == 0),
    }
}

const BAD: AttachError = AttachError::Kernel(Errno::BADF);

#[test]
fn inherited_region_is_taken_once_and_kept_from_further_programs() {
    if let Some(mut args) = PeerArgs::role("child") {
        let number: RawFd = args.channel.hear().parse().unwrap();
        let other: RawFd = args.channel.hear().parse().unwrap();
        // What is none stays as it is.
        let wrong = Ring::from_inherited(other);
        assert_eq!(wrong.err(), Some(AttachError::WrongKind));
        assert_eq!(is_kept(other), Some(true));
        assert_eq!(Ring::from_inherited(1 << 20).err(), Some(BAD));
        assert_eq!(Ring::from_inherited(-1).err(), Some(BAD));
        let own = create().unwrap();
        let not_given = Ring::from_inherited(own.as_raw_fd());
        assert_eq!(not_given.err(), Some(BAD));
        let ring = Ring::from_inherited(number).unwrap();
        assert_eq!(is_kept(number), Some(false));
        assert_eq!(Ring::from_inherited(number).err(), Some(BAD));
        ring.producer().unwrap().send(b"inherited").unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let ring = create().unwrap();
    let items = spsc::items::Ring::<u64>::create(4).unwrap();
    let (number, other) = (ring.as_raw_fd(), items.as_raw_fd());
    let mut peer = Peer::start(test_name!(), "child", &[number, other]);
    peer.say(&number.to_string());
    peer.say(&other.to_string());
    assert_eq!(ring.consumer().unwrap().recv(&mut [0; 16]), Ok(9));
    peer.finish();
}

/// The program's own executable, started by [`Command`].
#[test]
fn command_gives_a_program_a_region_and_a_seat() {
    const TEST: &str = "inherited::command_gives_a_program_a_region_and_a_seat";
    if std::env::var_os("RAWIPC_TEST_INHERITS").is_some() {
        let ring: Ring = rendezvous::from_inherited(30).unwrap();
        let seat = Seat::from_inherited(31).unwrap();
        assert_eq!(Seat::from_inherited(31).err(), Some(Errno::BADF));
        ring.producer_by(seat).unwrap().send(b"started").unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let ring = create().unwrap();
    let seat = Seat::new(&ring).unwrap();
    let name = std::ffi::CString::new(TEST).unwrap();
    let args = exec::List::of([c"test", name.as_c_str(), c"--exact", c"--test-threads=1"]);
    let env = exec::List::of([c"RAWIPC_TEST_INHERITS=1", c"RAWIPC_TEST_BEGUN=1"]);
    let child = Command::path(c"/proc/self/exe", &args, &env)
        .inherit(&[FdMapping::new(&ring, 30), FdMapping::new(&seat, 31)])
        .spawn()
        .unwrap();
    drop(seat);
    assert_eq!(ring.consumer().unwrap().recv(&mut [0; 16]), Ok(7));
    let ended = wait(&child, WaitFlags::EXITED).unwrap();
    assert_eq!(ended.state, State::Exited(0));
}

#[test]
fn inherited_doorbell_ring_brings_its_bells() {
    if let Some(mut args) = PeerArgs::role("child") {
        let numbers = [(); 3].map(|()| args.channel.hear().parse().unwrap());
        let [memory, data, _] = numbers;
        let mixed = doorbell::Ring::from_inherited([memory, data, 1 << 20]);
        assert_eq!(mixed.err(), Some(BAD));
        let wrong = doorbell::Ring::from_inherited([data; 3]).err();
        assert!(wrong.is_some(), "an event for the memory");
        assert_eq!(numbers.map(is_kept), [Some(true); 3]);
        let ring = doorbell::Ring::from_inherited(numbers).unwrap();
        assert_eq!(numbers.map(is_kept), [Some(false); 3]);
        ring.producer().unwrap().send(b"inherited").unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let ring = doorbell::Ring::create(1, Bells::Event).unwrap();
    let numbers = ring.descriptors().map(|fd| fd.as_raw_fd());
    let mut peer = Peer::start(test_name!(), "child", &numbers);
    for number in numbers {
        peer.say(&number.to_string());
    }
    assert_eq!(ring.consumer().unwrap().recv(&mut [0; 16]), Ok(9));
    peer.finish();
}

#[test]
fn inherited_duplex_brings_both_rings() {
    if let Some(mut args) = PeerArgs::role("child") {
        let numbers = [(); 6].map(|()| args.channel.hear().parse().unwrap());
        let [a, b, c, d, e, _] = numbers;
        let half = doorbell::Duplex::from_inherited([a, b, c, d, e, 1 << 20]);
        assert_eq!(half.err(), Some(BAD));
        assert_eq!(numbers.map(is_kept), [Some(true); 6]);
        let mut duplex = doorbell::Duplex::from_inherited(numbers).unwrap();
        assert_eq!(numbers.map(is_kept), [Some(false); 6]);
        let mut ends = duplex.attach().unwrap();
        let len = ends.consumer.recv(&mut [0; 16]).unwrap();
        ends.producer.send(&[0; 16][..len]).unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let mut duplex = doorbell::Duplex::create(1, Bells::Event).unwrap();
    let numbers = duplex.descriptors().map(|fd| fd.as_raw_fd());
    let mut peer = Peer::start(test_name!(), "child", &numbers);
    for number in numbers {
        peer.say(&number.to_string());
    }
    let mut ends = duplex.attach().unwrap();
    ends.producer.send(b"inherited").unwrap();
    assert_eq!(ends.consumer.recv(&mut [0; 16]), Ok(9));
    peer.finish();
}
