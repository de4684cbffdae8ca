//! Members of a region: which number an attachment has, who holds an end, and what a forked
//! child's copy of one does.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use rawipc::ring::spsc::{Peer, items};
use rawipc::ring::{AttachError, Error, Spin, SpinThenFutex, Waiting};
use rawipc_model::{Model, in_child, process};

type Ring<W> = items::Ring<u64, W>;

fn ring<W: Waiting>() -> Arc<Ring<W>> {
    Arc::new(Ring::create(4).unwrap())
}

/// The numbers are about to wrap around: each attachment has another, and none has the one that
/// means nobody.
#[test]
fn numbers_that_wrap_around_are_somebodys() {
    Model::new(1).check(|| {
        let ring = ring::<SpinThenFutex>();
        let ends = (ring.producer().unwrap(), ring.consumer().unwrap());
        for _ in 0..2 {
            assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
            assert_eq!(ring.consumer().err(), Some(AttachError::Occupied));
        }
        assert_eq!(
            (ends.0.peer(), ends.1.peer()),
            (Peer::Attached, Peer::Attached)
        );
    });
}

/// Two processes attach to one end at the same time: one of them has it, and it alone.
#[test]
fn end_wanted_by_two_is_held_by_one() {
    Model::new(3).check(|| {
        let ring = ring::<SpinThenFutex>();
        let attach = |number| {
            let ring = ring.clone();
            process(number, move || ring.producer())
        };
        let both = [attach(0), attach(1)].map(|process| process.join().unwrap());
        let held = both.iter().filter(|end| end.is_ok()).count();
        assert_eq!(held, 1);
        assert!(
            both.iter()
                .all(|end| end.is_ok() || matches!(end, Err(AttachError::Occupied)))
        );
    });
}

/// A copy, as a forked child has it.
fn copy<T>(owner: &T) -> ManuallyDrop<T> {
    // SAFETY: what is shared is that of the original, which outlives the copy; its destructor
    // runs as that of a child's copy alone.
    ManuallyDrop::new(unsafe { std::ptr::from_ref(owner).read() })
}

/// While the parent goes on, its child uses its copies of both ends and drops them: nothing
/// comes of it.
fn child_changes_nothing<W: Waiting>() {
    Model::new(1).memory(16).check(|| {
        let ring = ring::<W>();
        let (mut producer, mut consumer) = (ring.producer().unwrap(), ring.consumer().unwrap());
        producer.push(&1).unwrap();
        let (mut pusher, mut popper) = (copy(&producer), copy(&consumer));
        let child = process(0, move || {
            in_child(|| {
                assert_eq!(pusher.push(&101), Err(Error::Forked));
                assert_eq!(pusher.try_push(&101), Err(Error::Forked));
                assert_eq!(pusher.try_push_slice(&[101]), Err(Error::Forked));
                assert_eq!(popper.try_pop(), Err(Error::Forked));
                assert_eq!(popper.pop(), Err(Error::Forked));
                drop(ManuallyDrop::into_inner(pusher));
                drop(ManuallyDrop::into_inner(popper));
            });
        });
        producer.push(&2).unwrap();
        assert_eq!((consumer.pop(), consumer.try_pop()), (Ok(1), Ok(2)));
        child.join();
        assert_eq!(ring.producer().err(), Some(AttachError::Occupied));
        producer.push(&3).unwrap();
        drop(producer);
        assert_eq!(
            (consumer.pop(), consumer.pop()),
            (Ok(3), Err(Error::Closed))
        );
    });
}

#[test]
fn child_changes_nothing_where_sides_sleep() {
    child_changes_nothing::<SpinThenFutex>();
}

#[test]
fn child_changes_nothing_where_sides_spin() {
    child_changes_nothing::<Spin>();
}
