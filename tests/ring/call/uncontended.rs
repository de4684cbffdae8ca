//! While its clients are awake, a server makes no system call, nor while nobody asks.

use core::mem::ManuallyDrop;

use rawipc::ring::Error;

use super::{PAGE, memory, small};
use crate::support::alone::alone;
use crate::support::limit;
use crate::support::uncontended::{TIMES, forbid_calls, holds};

/// The word of a slot in which a member of this number asks, who does not sleep.
fn asked(member: u64, lap: u64) -> u64 {
    member << 42 | 1 << 30 | lap
}

#[test]
fn requests_of_who_is_awake_make_no_system_call() {
    alone(test_name!(), || {
        let service = small(2);
        let memory = memory(&service);
        let deadline = limit();
        holds(|| {
            // To be detached it would have to make calls.
            let server = ManuallyDrop::new(get!(service.server()));
            let _client = ManuallyDrop::new(get!(service.client()));
            get!(forbid_calls());
            for lap in 0..TIMES {
                hold!(server.try_recv().err() == Some(Error::WouldBlock));
                // What a client does in another process.
                get!(memory.write(2 * PAGE, &lap));
                get!(memory.write(PAGE + 12, &8_u32));
                get!(memory.write(PAGE, &asked(2, lap)));
                let request = match lap % 3 {
                    0 => get!(server.recv()),
                    1 => get!(server.try_recv()),
                    _ => get!(server.recv_until(deadline)),
                };
                let mut bytes = [0; 8];
                get!(request.copy_to(&mut bytes));
                hold!(bytes == lap.to_ne_bytes());
                get!(request.respond(&(!lap).to_ne_bytes()));
                let response: u64 = get!(memory.read(2 * PAGE + 64));
                hold!(response == !lap);
            }
            Ok(())
        });
    });
}
