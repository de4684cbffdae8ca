//! Neither the writer nor readers make a system call while nobody waits.

use core::mem::ManuallyDrop;

use rawipc::ring::latest::{self, bytes};

use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

#[test]
fn values_make_no_system_call() {
    alone(test_name!(), || {
        let value = latest::Value::<[u64; 16]>::create(1).expect("a value");
        let deadline = limit();
        holds(|| {
            // To be detached they would have to make calls.
            let mut writer = ManuallyDrop::new(get!(value.writer()));
            let mut reader = ManuallyDrop::new(get!(value.reader()));
            let mut unseated = ManuallyDrop::new(get!(value.reader()));
            get!(forbid_calls());
            for number in 1..TIMES {
                get!(writer.write(&[number; 16]));
                hold!(reader.read() == Ok([number; 16]));
                hold!(reader.read() == Ok([number; 16]));
                hold!(unseated.read_newer() == Ok([number; 16]));
                get!(writer.write(&[number; 16]));
                hold!(reader.read_newer_until(deadline).is_ok());
                hold!(unseated.try_read_newer().is_ok());
            }
            // Nor does looking in vain.
            for _ in 0..1000 {
                hold!(reader.try_read_newer().is_err());
            }
            Ok(())
        });
    });
}

#[test]
fn bytes_make_no_system_call() {
    alone(test_name!(), || {
        let value = bytes::Value::create(1, 300).expect("a value");
        holds(|| {
            let mut writer = ManuallyDrop::new(get!(value.writer()));
            let mut reader = ManuallyDrop::new(get!(value.reader()));
            get!(forbid_calls());
            let mut buffer = [0; 300];
            for number in 1..TIMES {
                let len = number as usize % 300;
                get!(writer.write(&buffer[..len]));
                hold!(reader.read(&mut buffer) == Ok(len));
                let mut next = get!(writer.reserve(8));
                get!(next.write_at(0, &number.to_ne_bytes()));
                get!(next.commit());
                hold!(reader.read_newer(&mut buffer) == Ok(8));
                hold!(buffer[..8] == number.to_ne_bytes());
            }
            Ok(())
        });
    });
}
