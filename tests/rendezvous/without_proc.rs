//! Structures received by a socket and used by processes that have no `/proc`, and are killed there:
//! a seat comes with each.

use core::convert::Infallible;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use rawipc::members::Region;
use rawipc::rendezvous::{Listener, Options, Seat, Transfer};
use rawipc::ring::call::{self, CallError};
use rawipc::ring::pool::{Class, Pool};
use rawipc::ring::{AttachError, Error, Peer, broadcast, doorbell, latest, mpmc, mpsc, spsc};
use rawipc::sync::Mutex;

use crate::support::{Child, End, Folder, LeakCheck, limit};

/// Has something else in the place of `/proc`, in a mount namespace of this process's own.
pub(crate) fn hide_proc() -> bool {
    let none = core::ptr::null::<libc::c_char>();
    let kind = c"tmpfs".as_ptr();
    // SAFETY: no memory is involved.
    let apart = |flags| unsafe { libc::unshare(flags) == 0 };
    if !apart(libc::CLONE_NEWNS) && !apart(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) {
        return false;
    }
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let mount = |what, at: &core::ffi::CStr, flags| {
        // SAFETY: the strings are constants.
        unsafe { libc::mount(what, at.as_ptr(), what, flags, none.cast()) == 0 }
    };
    mount(none, c"/", private) && mount(kind, c"/proc", 0)
}

/// Whether [`hide_proc`] can do that. If not, says that the test is skipped.
pub(crate) fn proc_can_be_hidden() -> bool {
    let can = Child::fork(|| i32::from(!hide_proc())).wait() == End::Exited(0);
    if !can {
        skipped!("no namespaces");
    }
    can
}

/// Waits for what a death makes true. A process that another test has forked meanwhile may have a copy
/// of the seat, and with it the lock, for a moment longer.
fn comes_true(what: impl Fn() -> bool) {
    let limit = limit();
    while !what() {
        assert!(!limit.has_passed());
        std::thread::yield_now();
    }
}

/// Hands `region` over to a process without `/proc`, which does `work` with the seat that came with
/// it, and ends by [`die`] when all went well.
fn handed<R: Transfer>(region: &R, work: impl FnOnce(&R, Seat) -> Option<Infallible>) -> Child {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = Folder::to_be_emptied(&format!("apart-{}", COUNT.fetch_add(1, Relaxed)));
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let child = Child::fork(|| {
        if !hide_proc() {
            return 1;
        }
        let Ok(received) = Options::new().connect_until::<R>(&path, limit()) else {
            return 2;
        };
        let Some(seat) = received.seat else {
            return 3;
        };
        match work(&received.region, seat) {
            None => 4,
        }
    });
    listener.accept_until(region, limit()).unwrap();
    child
}

/// Kills the process, with what it has in its hands.
fn die() -> ! {
    loop {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(libc::SIGKILL) };
    }
}

const KILLED: End = End::Killed(libc::SIGKILL);

/// `$attach` of a structure is refused without `/proc`, and what the seat is good for.
macro_rules! by_seat {
    ($region:ident, $seat:ident, $plain:ident, $by:ident) => {
        match ($region.$plain(), $region.$by($seat)) {
            (Err(AttachError::NoProc), Ok(end)) => end,
            _ => return None,
        }
    };
}

#[test]
fn spsc_ring_is_used_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let ring: spsc::Ring = spsc::Ring::create(1).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, producer, producer_by);
        end.send(b"apart").ok()?;
        die()
    });
    assert_eq!(consumer.recv_until(&mut [0; 8], limit()), Ok(5));
    assert_eq!(
        consumer.recv_until(&mut [0; 8], limit()),
        Err(Error::PeerDied)
    );
    assert_eq!(child.wait(), KILLED);
    let ring: spsc::items::Ring<u64> = spsc::items::Ring::create(1).unwrap();
    let mut producer = ring.producer().unwrap();
    producer.push(&7).unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, consumer, consumer_by);
        (end.pop() == Ok(7)).then(|| die())
    });
    assert_eq!(child.wait(), KILLED);
    comes_true(|| producer.peer() == Peer::Dead);
}

#[test]
fn mpmc_ring_is_used_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let ring: mpmc::Ring = mpmc::Ring::create(1, 8).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, producer, producer_by);
        end.send(b"apart").ok()?;
        die()
    });
    assert_eq!(consumer.recv_until(&mut [0; 8], limit()), Ok(5));
    assert_eq!(
        consumer.recv_until(&mut [0; 8], limit()),
        Err(Error::PeerDied)
    );
    assert_eq!(child.wait(), KILLED);
    let mut producer = ring.producer().unwrap();
    consumer.detach();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, consumer, consumer_by);
        (end.recv(&mut [0; 8]) == Ok(4)).then(|| die())
    });
    producer.send(b"here").unwrap();
    assert_eq!(child.wait(), KILLED);
    comes_true(|| producer.peer() == Peer::Dead);

    let ring: mpmc::items::Ring<u64> = mpmc::items::Ring::create(1).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, producer, producer_by);
        end.push(&7).ok()?;
        die()
    });
    assert_eq!(consumer.pop_until(limit()), Ok(7));
    assert_eq!(consumer.pop_until(limit()), Err(Error::PeerDied));
    assert_eq!(child.wait(), KILLED);
    let mut producer = ring.producer().unwrap();
    consumer.detach();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, consumer, consumer_by);
        (end.pop() == Ok(8)).then(|| die())
    });
    producer.push(&8).unwrap();
    assert_eq!(child.wait(), KILLED);
    comes_true(|| producer.peer() == Peer::Dead);
}

#[test]
fn mpsc_ring_is_used_without_proc_until_death() {
    use mpsc::{Departure, Event};
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let ring: mpsc::Ring = mpsc::Ring::create(2, 1).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, producer, producer_by);
        end.send(b"apart").ok()?;
        die()
    });
    let mut recv = || consumer.recv_until(&mut [0; 8], limit()).unwrap();
    assert!(matches!(recv(), Event::Record { len: 5, .. }));
    let gone = recv();
    assert!(
        matches!(
            gone,
            Event::Gone {
                why: Departure::Died,
                ..
            }
        ),
        "{gone:?}"
    );
    assert_eq!(child.wait(), KILLED);
    consumer.detach();
    let mut producer = ring.producer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, consumer, consumer_by);
        matches!(end.recv(&mut [0; 8]), Ok(Event::Record { len: 4, .. })).then(|| die())
    });
    producer.send(b"here").unwrap();
    assert_eq!(child.wait(), KILLED);
    comes_true(|| producer.peer() == Peer::Dead);
}

#[test]
fn broadcast_ring_is_written_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let ring: broadcast::Ring = broadcast::Ring::create(4, 8).unwrap();
    let mut reader = ring.reader().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, writer, writer_by);
        end.send(b"beside").ok()?;
        die()
    });
    assert_eq!(reader.recv_until(&mut [0; 8], limit()), Ok(6));
    let died = Err(broadcast::RecvError::from(Error::PeerDied));
    assert_eq!(reader.recv_until(&mut [0; 8], limit()), died);
    assert_eq!(child.wait(), KILLED);
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, sole_writer, sole_writer_by);
        end.send(b"alone").ok()?;
        die()
    });
    assert_eq!(reader.recv_until(&mut [0; 8], limit()), Ok(5));
    assert_eq!(child.wait(), KILLED);
    comes_true(|| reader.peer() == Peer::Dead);

    let ring: broadcast::items::Ring<u64> = broadcast::items::Ring::create(4).unwrap();
    let mut reader = ring.reader().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, writer, writer_by);
        end.push(&7).ok()?;
        die()
    });
    assert_eq!(reader.pop_until(limit()), Ok(7));
    assert_eq!(child.wait(), KILLED);
    comes_true(|| reader.peer() == Peer::Dead);
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, sole_writer, sole_writer_by);
        end.push(&8).ok()?;
        die()
    });
    assert_eq!(reader.pop_until(limit()), Ok(8));
    assert_eq!(child.wait(), KILLED);
    assert_eq!(reader.pop_until(limit()), Err(Error::PeerDied.into()));
}

/// A seat is open to write.
#[test]
fn loans_reach_readers_without_proc() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let class = Class { size: 64, count: 5 };
    let ring: broadcast::loans::Ring = broadcast::loans::Ring::create(&[class], 4).unwrap();
    let writer = ring.writer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let end = by_seat!(ring, seat, reader, reader_by);
        let message = end.recv_until(limit()).ok()?;
        match message.len() {
            3 => die(),
            _ => None,
        }
    });
    // When the child has attached, it waits.
    child.await_sleep();
    let loan = writer.try_loan(3).unwrap();
    loan.send().map_err(Error::from).unwrap();
    assert_eq!(child.wait(), KILLED);
}

#[test]
fn memory_handed_over_to_read_brings_no_seat() {
    let _check = LeakCheck::begin();
    let ring: broadcast::Ring = broadcast::Ring::create(4, 8).unwrap();
    let readable: broadcast::Ring =
        broadcast::Ring::open(ring.try_clone_to_read().unwrap()).unwrap();
    let refused = Seat::new(&readable);
    assert_eq!(refused.err(), Some(AttachError::ReadOnly));
    let folder = Folder::to_be_emptied("to-read");
    let path = folder.at("socket");
    let listener = Listener::bind(&path).unwrap();
    let mut child =
        Child::fork(
            || match Options::new().connect_until::<broadcast::Ring>(&path, limit()) {
                Ok(received) if received.seat.is_none() => {
                    let writer = received.region.writer().err();
                    i32::from(writer != Some(AttachError::ReadOnly))
                }
                _ => 2,
            },
        );
    listener.accept_until(&readable, limit()).unwrap();
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn pool_is_used_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let pool: Pool = Pool::create(&[Class { size: 8, count: 1 }], 1).unwrap();
    let consumer = pool.consumer().unwrap();
    let mut child = handed(&pool, |pool, seat| {
        let end = by_seat!(pool, seat, producer, producer_by);
        let mut loan = end.loan(8).ok()?;
        loan.write_at(0, b"apart").ok()?;
        loan.send().ok()?;
        die()
    });
    let message = consumer.recv_until(limit()).unwrap();
    let mut bytes = [0; 5];
    message.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"apart");
    drop(message);
    assert_eq!(child.wait(), KILLED);
    assert_eq!(consumer.recv_until(limit()).err(), Some(Error::PeerDied));
    consumer.detach();
    // With the only chunk in its hands.
    let producer = pool.producer().unwrap();
    let mut child = handed(&pool, |pool, seat| {
        let end = by_seat!(pool, seat, consumer, consumer_by);
        let _in_hand = end.recv().ok()?;
        die()
    });
    producer.loan(8).unwrap().send().unwrap();
    assert_eq!(child.wait(), KILLED);
    comes_true(|| producer.peer() == Peer::Dead);
    assert!(producer.loan_until(8, limit()).is_ok());
    assert_eq!(producer.reclaimed().chunks, 1);
}

#[test]
fn latest_value_is_used_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let value: latest::Value<u64> = latest::Value::create(1).unwrap();
    let mut child = handed(&value, |value, seat| {
        let mut end = by_seat!(value, seat, writer, writer_by);
        end.write(&7).ok()?;
        die()
    });
    assert_eq!(child.wait(), KILLED);
    let mut reader = value.reader().unwrap();
    assert_eq!(reader.read(), Ok(7));
    comes_true(|| reader.peer() == Peer::Dead);
    drop(reader);
    let mut child = handed(&value, |value, seat| {
        let mut end = by_seat!(value, seat, reader, reader_by);
        (end.has_seat() && end.read() == Ok(7)).then(|| die())
    });
    assert_eq!(child.wait(), KILLED);
    // The only place of a reader is that of the dead one.
    comes_true(|| value.reader().unwrap().has_seat());

    let value = latest::bytes::Value::create(1, 8).unwrap();
    let mut child = handed(&value, |value, seat| {
        let mut end = by_seat!(value, seat, writer, writer_by);
        end.write(b"apart").ok()?;
        die()
    });
    assert_eq!(child.wait(), KILLED);
    let mut reader = value.reader().unwrap();
    assert_eq!(reader.read(&mut [0; 8]), Ok(5));
    comes_true(|| reader.peer() == Peer::Dead);
    drop(reader);
    let mut child = handed(&value, |value, seat| {
        let mut end = by_seat!(value, seat, reader, reader_by);
        (end.has_seat() && end.read(&mut [0; 8]) == Ok(5)).then(|| die())
    });
    assert_eq!(child.wait(), KILLED);
    comes_true(|| value.reader().unwrap().has_seat());
}

#[test]
fn service_is_used_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let service = call::Service::create(1, 8, 8).unwrap();
    let client = service.client().unwrap();
    // It has the request in its hands.
    let mut child = handed(&service, |service, seat| {
        let end = by_seat!(service, seat, server, server_by);
        let _in_hand = end.recv().ok()?;
        die()
    });
    let died = client.call_until(b"request", &mut [0; 8], limit());
    assert_eq!(died, Err(CallError::PerhapsExecuted(Error::PeerDied)));
    assert_eq!(child.wait(), KILLED);
    client.detach();
    let server = service.server().unwrap();
    let mut child = handed(&service, |service, seat| {
        let end = by_seat!(service, seat, client, client_by);
        (end.call(b"request", &mut [0; 8]) == Ok(8)).then(|| die())
    });
    let request = server.recv_until(limit()).unwrap();
    request.respond(b"response").unwrap();
    assert_eq!(child.wait(), KILLED);
    assert_eq!(server.recv_until(limit()).err(), Some(Error::PeerDied));
}

#[test]
fn doorbell_ring_is_used_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let ring = doorbell::Ring::create(1, doorbell::Bells::Timer).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, producer, producer_by);
        end.send(b"apart").ok()?;
        die()
    });
    assert_eq!(consumer.recv_until(&mut [0; 8], limit()), Ok(5));
    assert_eq!(
        consumer.recv_until(&mut [0; 8], limit()),
        Err(Error::PeerDied)
    );
    assert_eq!(child.wait(), KILLED);
    consumer.detach();
    let mut producer = ring.producer().unwrap();
    let mut child = handed(&ring, |ring, seat| {
        let mut end = by_seat!(ring, seat, consumer, consumer_by);
        (end.recv(&mut [0; 8]) == Ok(4)).then(|| die())
    });
    producer.send(b"here").unwrap();
    assert_eq!(child.wait(), KILLED);
    comes_true(|| producer.peer() == Peer::Dead);
}

#[test]
fn mutex_is_locked_without_proc_until_death() {
    if !proc_can_be_hidden() {
        return;
    }
    let _check = LeakCheck::begin();
    let region = Region::create(1).unwrap();
    let memory = region.map().unwrap();
    let mutex = memory.object::<Mutex<u64>>(0).unwrap();
    let me = region.join().unwrap();
    let mut child = handed(&region, |region, seat| {
        let me = by_seat!(region, seat, join, join_by);
        let memory = region.map().ok()?;
        let mut guard = memory.object::<Mutex<u64>>(0).ok()?.lock(&me).ok()?;
        guard.set(&7);
        die()
    });
    assert_eq!(child.wait(), KILLED);
    let guard = mutex.lock(&me).unwrap_err().into_guard().unwrap();
    assert_eq!(guard.get(), 7);
}
