//! The calls of broadcast rings of loans that wait, in a storm of signals.

use rawipc::ring::Error;
use rawipc::ring::broadcast::RecvError;

use super::small;
use crate::support::LeakCheck;
use crate::support::interrupted::When::GoesOn;
use crate::support::interrupted::{all_arrive, decode, keeps_its_deadline};

#[test]
fn of_loans_to_all() {
    let _check = LeakCheck::begin();
    let ring = small(300, 256);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    keeps_its_deadline("ring::broadcast::loans::reader::recv", GoesOn, |deadline| {
        reader.recv_until(deadline).map(drop)
    });
    all_arrive(
        "ring::broadcast::loans::writer::send and reader::recv",
        GoesOn,
        move |n| {
            let mut loan = writer.try_loan(4)?;
            loan.write_at(0, &n.to_ne_bytes())?;
            Ok::<_, Error>(loan.send()?)
        },
        move |n| {
            let message = in_turn!(n, || reader.recv()?, |d| reader.recv_until(d)?);
            let mut bytes = [0; 4];
            message.copy_to(&mut bytes).map_err(RecvError::from)?;
            Ok::<_, RecvError>(decode(bytes))
        },
    );
}
