//! Attaching by a seat, where there is no `/proc`.

use std::os::fd::{AsFd, OwnedFd};

use rawipc::Errno;
use rawipc::rendezvous::Seat;
use rawipc::ring::{
    AttachError, SpinThenFutex, broadcast, call, doorbell, latest, mpmc, mpsc, pool, spsc,
};

use super::without_proc::{hide_proc, proc_can_be_hidden};
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

#[test]
fn end_is_attached_by_a_seat_where_there_is_no_proc() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let ring = create().unwrap();
    let (one, other) = (seat(&ring), seat(&ring));
    let mut child = Child::fork(|| {
        if !hide_proc()
            || ring.producer().err() != Some(AttachError::NoProc)
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
    assert_eq!(child.wait(), End::Exited(0));
}

/// Tries what is no seat of `$region` by each of these functions.
macro_rules! refuse {
    ($region:expr, $($attach:ident),+) => {{
        let region = $region;
        $(
            let own = region.as_fd().try_clone_to_owned().unwrap();
            let refused = region.$attach(Seat::from(own)).err();
            assert_eq!(refused, Some(AttachError::Corrupt), stringify!($attach of $region));
            let other = OwnedFd::from(create().unwrap());
            let refused = region.$attach(Seat::from(other)).err();
            let bad = AttachError::Kernel(Errno::BADF);
            assert_eq!(refused, Some(bad), stringify!($attach of $region));
            let attached = region.$attach(Seat::new(&region).unwrap());
            assert!(attached.is_ok(), stringify!($attach of $region));
            drop(attached);
        )+
    }};
}

#[test]
fn what_is_no_seat_is_refused_by_every_structure() {
    let _check = LeakCheck::begin();
    refuse!(
        spsc::Ring::<SpinThenFutex>::create(1).unwrap(),
        producer_by,
        consumer_by
    );
    refuse!(
        spsc::items::Ring::<u64>::create(1).unwrap(),
        producer_by,
        consumer_by
    );
    refuse!(
        mpmc::Ring::<SpinThenFutex>::create(1, 8).unwrap(),
        producer_by,
        consumer_by
    );
    refuse!(
        mpmc::items::Ring::<u64>::create(1).unwrap(),
        producer_by,
        consumer_by
    );
    refuse!(
        mpsc::Ring::<SpinThenFutex>::create(1, 8).unwrap(),
        producer_by,
        consumer_by
    );
    refuse!(
        broadcast::Ring::<SpinThenFutex>::create(4, 8).unwrap(),
        writer_by,
        sole_writer_by
    );
    refuse!(
        broadcast::items::Ring::<u64>::create(4).unwrap(),
        writer_by,
        sole_writer_by
    );
    let classes = [pool::Class { size: 8, count: 5 }];
    refuse!(
        broadcast::loans::Ring::<SpinThenFutex>::create(&classes, 4).unwrap(),
        writer_by,
        reader_by
    );
    refuse!(
        pool::Pool::<SpinThenFutex>::create(&classes, 1).unwrap(),
        producer_by,
        consumer_by
    );
    refuse!(
        latest::Value::<u64>::create(1).unwrap(),
        writer_by,
        reader_by
    );
    refuse!(
        latest::bytes::Value::create(1, 8).unwrap(),
        writer_by,
        reader_by
    );
    refuse!(
        call::Service::create(1, 8, 8).unwrap(),
        client_by,
        server_by
    );
}

#[test]
fn what_is_no_seat_is_refused_by_a_doorbell_ring() {
    let _check = LeakCheck::begin();
    let ring = doorbell::Ring::create(1, doorbell::Bells::Timer).unwrap();
    let [memory, ..] = ring.descriptors();
    let own = || Seat::from(memory.try_clone_to_owned().unwrap());
    let other = || Seat::from(OwnedFd::from(create().unwrap()));
    let refused = [ring.producer_by(own()).err(), ring.consumer_by(own()).err()];
    assert_eq!(refused, [Some(AttachError::Corrupt); 2]);
    let refused = [
        ring.producer_by(other()).err(),
        ring.consumer_by(other()).err(),
    ];
    assert_eq!(refused, [Some(AttachError::Kernel(Errno::BADF)); 2]);
}
