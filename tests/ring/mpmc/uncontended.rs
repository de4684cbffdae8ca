//! While nobody waits and nobody sleeps, MPMC rings make no system call.

use core::mem::ManuallyDrop;

use rawipc::ring::mpmc::{self, items};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};

use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn records_make_no_system_call() {
    fn pass<W: Waiting>() {
        let ring = mpmc::Ring::<W>::create(8, 256).expect("a ring");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut second = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            for number in 0..TIMES {
                let record = &number.to_ne_bytes();
                get!(producer.send(record));
                get!(second.try_send(record));
                get!(producer.send_until(&buffer, deadline));
                hold!(consumer.recv(&mut buffer) == Ok(8));
                hold!(consumer.try_recv(&mut buffer) == Ok(8));
                hold!(buffer[..8] == *record);
                hold!(consumer.recv_until(&mut buffer, deadline) == Ok(256));
            }
            Ok(())
        });
    }
    alone(test_name!(), || {
        pass::<Spin>();
        pass::<SpinThenFutex>();
    });
}

#[test]
fn items_make_no_system_call() {
    fn pass<const N: usize, W: Waiting>() {
        let ring = items::Ring::<[u8; N], W>::create(64).expect("a ring");
        let deadline = limit();
        holds(|| {
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            let mut second = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut items = [[0; N]; 20];
            for number in 0..TIMES {
                let item = [number as u8; N];
                get!(producer.push(&item));
                get!(producer.try_push(&item));
                get!(producer.push_until(&item, deadline));
                // In two steps.
                hold!(producer.push_slice(&items) == Ok(20));
                hold!(consumer.pop() == Ok(item));
                hold!(second.try_pop() == Ok(item));
                hold!(consumer.pop_until(deadline) == Ok(item));
                hold!(second.pop_slice(&mut items) == Ok(20));
            }
            Ok(())
        });
    }
    alone(test_name!(), || {
        pass::<8, Spin>();
        pass::<64, Spin>();
        pass::<8, SpinThenFutex>();
        pass::<64, SpinThenFutex>();
    });
}

#[test]
fn empty_and_full_ring_make_no_system_call() {
    alone(test_name!(), || {
        let ring = mpmc::Ring::<SpinThenFutex>::create(16, 64).expect("a ring");
        holds(|| {
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 64];
            for _ in 0..1000 {
                hold!(consumer.try_recv(&mut buffer).is_err());
                while producer.try_send(&buffer).is_ok() {}
                while consumer.try_recv(&mut buffer).is_ok() {}
            }
            Ok(())
        });
    });
}
