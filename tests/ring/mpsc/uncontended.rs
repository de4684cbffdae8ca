//! While nobody waits and nobody sleeps, no system call is made.

use core::mem::ManuallyDrop;

use rawipc::ring::mpsc::{self, Event, Next};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};

use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn records_make_no_system_call() {
    fn pass<W: Waiting>() {
        let ring = mpsc::Ring::<W>::create(4, 1 << 16).expect("a ring");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let mut one = ManuallyDrop::new(get!(ring.producer()));
            let mut two = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            let (first, second) = (one.id(), two.id());
            for number in 0..TIMES {
                let record = &number.to_ne_bytes();
                get!(one.send(record));
                get!(one.try_send(record));
                get!(two.send_until(&buffer, deadline));
                let mut reservation = get!(two.reserve(8));
                get!(reservation.write(record));
                get!(reservation.commit());
                let mut batch = two.batch();
                get!(batch.send(b"one"));
                get!(batch.commit());
                for _ in 0..5 {
                    match get!(consumer.recv_until(&mut buffer, deadline)) {
                        Event::Record { from, len: 8 } => {
                            hold!(from == first || from == second);
                            hold!(buffer[..8] == *record);
                        }
                        Event::Record { from, .. } => hold!(from == second),
                        Event::Gone { .. } => return Err(5),
                    }
                }
                get!(one.send(record));
                if let Next::Record(record) = get!(consumer.peek()) {
                    get!(record.release());
                }
                get!(two.send(record));
                let mut batch = consumer.batch();
                hold!(
                    batch.recv(&mut buffer)
                        == Ok(Event::Record {
                            from: second,
                            len: 8
                        })
                );
                get!(batch.release());
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
fn empty_and_full_lane_make_no_system_call() {
    alone(test_name!(), || {
        let ring = mpsc::Ring::<SpinThenFutex>::create(4, 4096).expect("a ring");
        holds(|| {
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            for _ in 0..500 {
                hold!(consumer.try_recv(&mut buffer).is_err());
                while producer.try_send(&buffer).is_ok() {}
                while consumer.try_recv(&mut buffer).is_ok() {}
            }
            Ok(())
        });
    });
}
