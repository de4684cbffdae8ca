//! Attaching by a seat, where there is no `/proc`.

use std::os::fd::{AsFd, OwnedFd};

use rawipc::Errno;
use rawipc::rendezvous::Seat;
use rawipc::ring::{AttachError, spsc};

use super::{Ring, create};
use crate::support::{Child, End, LeakCheck, limit};

fn seat(ring: &Ring) -> Seat {
    Seat::new(ring).unwrap()
}

#[test]
fn ends_attached_by_seats_are_ends_like_others() {
    let _check = LeakCheck::begin();
    let ring = create().unwrap();
    let mut producer = ring.producer_by(seat(&ring)).unwrap();
    let mut consumer = ring.consumer_by(seat(&ring)).unwrap();
    producer.send(b"seated").unwrap();
    assert_eq!(consumer.recv(&mut [0; 8]), Ok(6));
    // Held, as the others see, and those see the death of.
    let occupied = Some(AttachError::Occupied);
    assert_eq!(ring.producer().err(), occupied);
    assert_eq!(ring.producer_by(seat(&ring)).err(), occupied);
    producer.detach();
    let mut child = Child::fork(|| {
        let Ok(mut end) = ring.producer_by(seat(&ring)) else {
            return 1;
        };
        let sent = end.send(b"last").is_ok();
        core::mem::forget(end);
        i32::from(!sent)
    });
    assert_eq!(consumer.recv_until(&mut [0; 8], limit()), Ok(4));
    assert_eq!(child.wait(), End::Exited(0));
    let died = consumer.recv_until(&mut [0; 8], limit());
    assert_eq!(died, Err(rawipc::ring::Error::PeerDied));
    let items = spsc::items::Ring::<u64>::create(4).unwrap();
    let mut producer = items.producer_by(Seat::new(&items).unwrap()).unwrap();
    let mut consumer = items.consumer_by(Seat::new(&items).unwrap()).unwrap();
    producer.push(&7).unwrap();
    assert_eq!(consumer.pop(), Ok(7));
}

/// A lock through the description by which others ask is one that they do not see.
#[test]
fn seat_that_is_the_rings_own_description_is_refused() {
    let _check = LeakCheck::begin();
    let ring = create().unwrap();
    let copy = ring.as_fd().try_clone_to_owned().unwrap();
    let own = ring.producer_by(Seat::from(copy));
    assert_eq!(own.err(), Some(AttachError::Corrupt));
    let other = seat(&create().unwrap());
    let other = ring.producer_by(other);
    assert_eq!(other.err(), Some(AttachError::Kernel(Errno::BADF)));
    let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let file = ring.consumer_by(Seat::from(file));
    assert_eq!(file.err(), Some(AttachError::Kernel(Errno::BADF)));
    assert!(ring.producer().is_ok());
}

/// In a mount namespace of its own, with something else in the place of `/proc`.
#[test]
fn end_is_attached_by_a_seat_where_there_is_no_proc() {
    if !crate::support::needs::root() {
        return;
    }
    let _check = LeakCheck::begin();
    let ring = create().unwrap();
    let (one, other) = (seat(&ring), seat(&ring));
    let mut child = Child::fork(|| {
        let none = core::ptr::null();
        let kind = c"tmpfs".as_ptr();
        // SAFETY: no memory is involved.
        let apart = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0;
        let private = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: the strings are constants.
        let apart =
            apart && unsafe { libc::mount(none, c"/".as_ptr(), none, private, none.cast()) } == 0;
        // SAFETY: the strings are constants.
        let apart =
            apart && unsafe { libc::mount(kind, c"/proc".as_ptr(), kind, 0, none.cast()) } == 0;
        if !apart {
            return 77;
        }
        if ring.producer().err() != Some(AttachError::NoProc)
            || Seat::new(&ring).err() != Some(AttachError::NoProc)
        {
            return 1;
        }
        let (Ok(mut producer), Ok(mut consumer)) = (ring.producer_by(one), ring.consumer_by(other))
        else {
            return 2;
        };
        let through = producer.send(b"x").is_ok() && consumer.recv(&mut [0; 4]) == Ok(1);
        // A region with a name needs no seat, but where its name is given by /proc.
        i32::from(!through)
    });
    match child.wait() {
        End::Exited(77) => crate::skipped!("no namespaces"),
        end => assert_eq!(end, End::Exited(0)),
    }
}
