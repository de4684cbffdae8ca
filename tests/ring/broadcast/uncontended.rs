//! While nobody waits and nobody sleeps, broadcast rings make no system call.

use core::mem::ManuallyDrop;

use rawipc::ring::broadcast::{self, RecvError, items};
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};

use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn records_make_no_system_call() {
    fn pass<W: Waiting>() {
        let ring = broadcast::Ring::<W>::create(64, 256).expect("a ring");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let mut writer = ManuallyDrop::new(get!(ring.writer()));
            let mut other = ManuallyDrop::new(get!(ring.writer()));
            let mut reader = ManuallyDrop::new(get!(ring.reader()));
            let mut late = ManuallyDrop::new(get!(ring.reader()));
            get!(forbid_calls());
            let mut buffer = [0; 256];
            for number in 0..TIMES {
                let record = &number.to_ne_bytes();
                get!(writer.send(record));
                get!(other.send(record));
                get!(writer.send(&buffer));
                hold!(reader.recv(&mut buffer) == Ok(8));
                hold!(buffer[..8] == *record);
                hold!(reader.try_recv(&mut buffer) == Ok(8));
                hold!(reader.recv_until(&mut buffer, deadline) == Ok(256));
            }
            hold!(matches!(late.recv(&mut buffer), Err(RecvError::Lagged(_))));
            hold!(late.recv(&mut buffer).is_ok());
            for _ in 0..1000 {
                hold!(reader.try_recv(&mut buffer) == Err(Error::WouldBlock.into()));
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
            let mut writer = ManuallyDrop::new(get!(ring.sole_writer()));
            let mut reader = ManuallyDrop::new(get!(ring.reader()));
            get!(forbid_calls());
            for number in 0..TIMES {
                let item = [number as u8; N];
                for _ in 0..3 {
                    get!(writer.push(&item));
                }
                hold!(reader.pop() == Ok(item));
                hold!(reader.try_pop() == Ok(item));
                hold!(reader.pop_until(deadline) == Ok(item));
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
