//! Every interleaving, and every value that the memory model lets a load return,
//! of the shipped semaphore and SPSC ring: no lost wake, no race, no torn or
//! repeated message, across wrap-around.
//!
//! `RUSTFLAGS="--cfg rawipc_loom" cargo test --release --test loom`
#![cfg(rawipc_loom)]

mod support;

use std::process::Command;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting, spsc};
use rawipc::sync::Semaphore;

/// Preemptions explored: enough for every bug planted here, few enough to finish.
fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(f);
}

/// A unit hands over what was written before it was posted.
#[test]
fn semaphore_hands_over() {
    model(3, || {
        struct Shared {
            semaphore: Semaphore,
            value: UnsafeCell<u32>,
        }
        // SAFETY: the semaphore orders the accesses, as the model checks.
        unsafe impl Sync for Shared {}
        let shared = Arc::new(Shared {
            semaphore: Semaphore::new(0),
            value: UnsafeCell::new(0),
        });
        let taker = thread::spawn({
            let shared = shared.clone();
            move || {
                shared.semaphore.wait().unwrap();
                // SAFETY: as above.
                assert_eq!(shared.value.with(|value| unsafe { *value }), 7);
            }
        });
        // SAFETY: as above.
        shared.value.with_mut(|value| unsafe { *value = 7 });
        shared.semaphore.post().unwrap();
        taker.join().unwrap();
        assert_eq!(shared.semaphore.value(), 0);
    });
}

/// Two posts let two sleepers go, whatever the order.
#[test]
fn semaphore_strands_nobody() {
    model(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let semaphore = semaphore.clone();
                thread::spawn(move || semaphore.wait().unwrap())
            })
            .collect();
        semaphore.post().unwrap();
        semaphore.post().unwrap();
        for taker in takers {
            taker.join().unwrap();
        }
        assert_eq!(semaphore.value(), 0);
    });
}

/// Two posters, one of them of several units, and takers that compete.
#[test]
fn semaphore_posts_many() {
    model(2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let taker = thread::spawn({
            let semaphore = semaphore.clone();
            move || {
                semaphore.wait().unwrap();
                semaphore.wait().unwrap();
            }
        });
        let poster = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.post_many(2).unwrap()
        });
        semaphore.post().unwrap();
        semaphore.wait().unwrap();
        poster.join().unwrap();
        taker.join().unwrap();
        assert_eq!(semaphore.value(), 0);
    });
}

/// The modelled ring has room for four items and begins just before its wraps.
fn items<W: Waiting>(count: u64, preemptions: usize) {
    model(preemptions, move || {
        let ring = spsc::typed::Ring::<u64, W>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = thread::spawn(move || {
            for item in 1..=count {
                producer.push(&item).unwrap();
            }
        });
        for item in 1..=count {
            assert_eq!(consumer.pop().unwrap(), item);
        }
        assert_eq!(consumer.pop(), Err(Error::Closed));
        sender.join().unwrap();
    });
}

#[test]
fn spsc_items_sleeping() {
    items::<SpinThenFutex>(5, 1);
}

#[test]
fn spsc_items_sleeping_with_more_preemptions() {
    items::<SpinThenFutex>(2, 3);
}

#[test]
fn spsc_items_spinning() {
    items::<Spin>(3, 2);
}

/// Both ends sleep: the ring is full and empty in turn.
#[test]
fn spsc_records() {
    model(2, || {
        let ring = spsc::Ring::<SpinThenFutex>::create(32).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = thread::spawn(move || {
            producer.send(b"first").unwrap();
            producer.send(b"the second, longer").unwrap();
            producer.send(b"").unwrap();
        });
        let mut buffer = [0; 24];
        for record in [b"first".as_slice(), b"the second, longer", b""] {
            let len = consumer.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], record);
        }
        assert_eq!(consumer.recv(&mut buffer), Err(Error::Closed));
        sender.join().unwrap();
    });
}

/// A batch appears whole, and a batch is released whole.
#[test]
fn spsc_batches() {
    model(2, || {
        let ring = spsc::typed::Ring::<u64, SpinThenFutex>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        let sender = thread::spawn(move || {
            assert_eq!(producer.push_slice(&[1, 2, 3]).unwrap(), 3);
            producer.push(&4).unwrap();
            producer.push(&5).unwrap();
        });
        let mut items = [0; 4];
        let first = consumer.pop_slice(&mut items).unwrap();
        assert!(first >= 3, "a batch of three was seen as {first}");
        for item in first as u64 + 1..=5 {
            assert_eq!(consumer.pop().unwrap(), item);
        }
        sender.join().unwrap();
    });
}

/// A successor on either side continues where its predecessor left off.
#[test]
fn spsc_successor() {
    model(2, || {
        let ring = spsc::typed::Ring::<u64, SpinThenFutex>::create(4).unwrap();
        let mut producer = ring.producer().unwrap();
        let mut consumer = ring.consumer().unwrap();
        producer.push(&1).unwrap();
        let receiver = thread::spawn(move || {
            assert_eq!(consumer.pop().unwrap(), 1);
            assert_eq!(consumer.pop().unwrap(), 2);
        });
        producer.detach();
        ring.producer().unwrap().push(&2).unwrap();
        receiver.join().unwrap();
    });
}

/// A model that cannot fail proves nothing: each planted bug must be found by the
/// models it breaks. In a process of its own, as loom ends one that deadlocks.
#[test]
fn planted_bugs_are_found() {
    let broken = [
        ("no wake", "semaphore_hands_over"),
        ("no wake", "spsc_items_sleeping_with_more_preemptions"),
        ("wake one", "semaphore_strands_nobody"),
        ("sleep without looking", "semaphore_hands_over"),
        ("sleep without looking", "spsc_records"),
        ("publish without release", "semaphore_hands_over"),
        ("publish without release", "spsc_items_sleeping"),
        ("load without acquire", "spsc_items_sleeping"),
        ("two steps instead of one", "spsc_items_spinning"),
    ];
    for (bug, test) in broken {
        let status = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
            .env("RAWIPC_PLANTED_BUG", bug)
            .output()
            .unwrap()
            .status;
        assert!(!status.success(), "{test} does not notice {bug:?}");
        println!("{test} notices {bug:?}");
    }
}
