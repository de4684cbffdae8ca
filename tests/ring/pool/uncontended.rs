//! While nobody waits and nobody sleeps, pools make no system call.

use core::mem::ManuallyDrop;

use rawipc::ring::pool::Pool;
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};

use super::class;
use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn loans_make_no_system_call() {
    fn pass<W: Waiting>() {
        let pool = Pool::<W>::create(&[class(64, 6), class(4096, 3)], 4).expect("a pool");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let producer = ManuallyDrop::new(get!(pool.producer()));
            let consumer = ManuallyDrop::new(get!(pool.consumer()));
            get!(forbid_calls());
            let mut buffer = [0; 4096];
            for number in 0..TIMES {
                let mut loan = get!(producer.loan(4096));
                get!(loan.write_at(0, &number.to_ne_bytes()));
                get!(loan.send().map_err(|unsent| unsent.error));
                let loan = get!(producer.try_loan(8));
                get!(loan.try_send().map_err(|unsent| unsent.error));
                let loan = get!(producer.loan_until(8, deadline));
                get!(loan.send_until(deadline).map_err(|unsent| unsent.error));
                drop(get!(producer.loan(1)));
                let message = get!(consumer.recv());
                hold!(message.copy_to(&mut buffer) == Ok(4096));
                hold!(buffer[..8] == number.to_ne_bytes());
                let other = get!(consumer.try_recv());
                get!(message.release());
                get!(other.release());
                drop(get!(consumer.recv_until(deadline)));
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
fn empty_and_full_pool_make_no_system_call() {
    alone(test_name!(), || {
        let pool = Pool::<SpinThenFutex>::create(&[class(64, 4)], 2).expect("a pool");
        holds(|| {
            let producer = ManuallyDrop::new(get!(pool.producer()));
            let consumer = ManuallyDrop::new(get!(pool.consumer()));
            get!(forbid_calls());
            for _ in 0..1000 {
                hold!(consumer.try_recv().err() == Some(Error::WouldBlock));
                while get!(producer.try_loan(1)).try_send().is_ok() {}
                let all = [producer.try_loan(1), producer.try_loan(1)];
                hold!(producer.try_loan(1).err() == Some(Error::WouldBlock));
                drop(all);
                while consumer.try_recv().is_ok() {}
            }
            Ok(())
        });
    });
}
