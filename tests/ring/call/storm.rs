//! The calls of services that wait, in a storm of signals.

use core::cell::RefCell;

use rawipc::ring::Error;
use rawipc::ring::call::CallError;

use super::{call_until, small};
use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, decode, keeps_its_deadline};

#[test]
fn of_calls() {
    let _check = LeakCheck::begin();
    let service = small(1);
    let (client, server) = (service.client().unwrap(), service.server().unwrap());
    keeps_its_deadline("ring::call::server::recv", GoesOn, |deadline| {
        server.recv_until(deadline).map(drop)
    });
    let ring = |error: CallError| error.error().unwrap_or(Error::Corrupt);
    keeps_its_deadline("ring::call::client::call", GoesOn, |deadline| {
        call_until(&client, 1, deadline).map(drop).map_err(ring)
    });
    let response = RefCell::new([0; 8]);
    all_arrive(
        "ring::call::client::call and server::recv",
        GoesOn,
        move |n| {
            let mut to = response.borrow_mut();
            let request = n.to_ne_bytes();
            in_turn!(n, || client.call(&request, &mut *to).map_err(ring)?, |d| {
                client.call_until(&request, &mut *to, d).map_err(ring)?
            });
            Ok::<_, Error>(())
        },
        move |n| {
            let request = in_turn!(n, || server.recv()?, |d| server.recv_until(d)?);
            let mut bytes = [0; 4];
            request.copy_to(&mut bytes)?;
            request.respond(&bytes)?;
            Ok::<_, Error>(decode(bytes))
        },
    );
}
