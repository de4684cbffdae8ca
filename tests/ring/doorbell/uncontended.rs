//! While nobody has armed, a ring with bells makes no system call.

use core::mem::ManuallyDrop;

use rawipc::ring::Error;
use rawipc::ring::doorbell::{Bells, Ring};

use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn records_make_no_system_call() {
    alone(test_name!(), || {
        let ring = Ring::create(1 << 16, Bells::Timer).expect("a ring");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let mut producer = ManuallyDrop::new(get!(ring.producer()));
            let mut consumer = ManuallyDrop::new(get!(ring.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            for number in 0..TIMES {
                let record = &number.to_ne_bytes();
                get!(producer.send(record));
                get!(producer.try_send(record));
                get!(producer.send_until(&buffer, deadline));
                hold!(consumer.arm() == Ok(false));
                hold!(consumer.recv(&mut buffer) == Ok(8));
                hold!(consumer.try_recv(&mut buffer) == Ok(8));
                hold!(buffer[..8] == *record);
                hold!(consumer.recv_until(&mut buffer, deadline) == Ok(256));
            }
            for _ in 0..500 {
                hold!(consumer.try_recv(&mut buffer) == Err(Error::WouldBlock));
                while producer.try_send(&buffer).is_ok() {}
                while consumer.try_recv(&mut buffer).is_ok() {}
            }
            Ok(())
        });
    });
}
