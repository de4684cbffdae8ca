//! The pools' calls that wait, in a storm of signals.

use rawipc::ring::Error;

use super::{send, small};
use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, decode, keeps_its_deadline};

#[test]
fn of_loans() {
    let _check = LeakCheck::begin();
    let pool = small(3, 2);
    let (producer, consumer) = (pool.producer().unwrap(), pool.consumer().unwrap());
    keeps_its_deadline("ring::pool::consumer::recv", GoesOn, |deadline| {
        consumer.recv_until(deadline).map(drop)
    });
    send(&producer, b"1").unwrap();
    send(&producer, b"2").unwrap();
    let mut kept = Some(producer.loan(1).unwrap());
    keeps_its_deadline("ring::pool::producer::loan", GoesOn, |deadline| {
        producer.loan_until(1, deadline).map(drop)
    });
    keeps_its_deadline("ring::pool::producer::send", GoesOn, |deadline| {
        let loan = kept.take().expect("it comes back");
        loan.send_until(deadline).map_err(|unsent| {
            kept = Some(unsent.loan);
            unsent.error
        })
    });
    drop(kept);
    drop((consumer.recv().unwrap(), consumer.recv().unwrap()));
    all_arrive(
        "ring::pool::producer::send and consumer::recv",
        GoesOn,
        move |n| {
            let mut loan = in_turn!(n, || producer.loan(4)?, |d| producer.loan_until(4, d)?);
            loan.write_at(0, &n.to_ne_bytes())?;
            in_turn!(n, || loan.send()?, |d| loan.send_until(d)?);
            Ok::<_, Error>(())
        },
        move |n| {
            let message = in_turn!(n, || consumer.recv()?, |d| consumer.recv_until(d)?);
            let mut bytes = [0; 4];
            message.copy_to(&mut bytes)?;
            Ok::<_, Error>(decode(bytes))
        },
    );
}
