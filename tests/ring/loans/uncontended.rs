//! While nobody waits and nobody sleeps, broadcast rings of loans make no system call.

use core::mem::ManuallyDrop;

use rawipc::ring::broadcast::RecvError;
use rawipc::ring::broadcast::loans::Ring;
use rawipc::ring::{Error, Spin, SpinThenFutex, Waiting};

use super::class;
use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn loans_to_all_make_no_system_call() {
    fn pass<W: Waiting>() {
        let ring = Ring::<W>::create(&[class(64, 9), class(4096, 9)], 4).expect("a ring");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let writer = ManuallyDrop::new(get!(ring.writer()));
            let other = ManuallyDrop::new(get!(ring.writer()));
            let reader = ManuallyDrop::new(get!(ring.reader()));
            let late = ManuallyDrop::new(get!(ring.reader()));
            get!(forbid_calls());
            let mut buffer = [0; 4096];
            for number in 0..TIMES {
                let mut loan = get!(writer.try_loan(4096));
                get!(loan.write_at(0, &number.to_ne_bytes()));
                get!(loan.send().map_err(|unsent| unsent.error));
                let loan = get!(other.try_loan(8));
                get!(loan.send().map_err(|unsent| unsent.error));
                get!(
                    get!(other.try_loan(8))
                        .send()
                        .map_err(|unsent| unsent.error)
                );
                drop(get!(writer.try_loan(1)));
                let message = get!(reader.recv());
                hold!(message.copy_to(&mut buffer) == Ok(4096));
                hold!(buffer[..8] == number.to_ne_bytes());
                let next = get!(reader.try_recv());
                get!(message.release());
                get!(next.release());
                drop(get!(reader.recv_until(deadline)));
            }
            hold!(matches!(late.recv().err(), Some(RecvError::Lagged(_))));
            hold!(late.recv().is_ok());
            for _ in 0..1000 {
                let nothing = reader.try_recv().err();
                hold!(nothing == Some(Error::WouldBlock.into()));
            }
            Ok(())
        });
    }
    alone(test_name!(), || {
        pass::<Spin>();
        pass::<SpinThenFutex>();
    });
}
