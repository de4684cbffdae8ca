//! The errors that the documentation of broadcast rings of loans names.

use std::os::fd::OwnedFd;

use rawipc::Deadline;
use rawipc::ring::Spin;
use rawipc::ring::broadcast::loans::Ring;

use super::{chunk_at, class, memory, send, slot_at, small};
use crate::support::documented::{Table, without_room};
use crate::support::{Child, End};

pub(crate) fn rows(table: &mut Table) {
    creations(table);
    calls(table);
    lies(table);
    deaths(table);
}

#[rustfmt::skip]
fn creations(table: &mut Table) {
    let invalid: [Result<Ring, _>; 4] = [
        Ring::create(&[], 2),
        Ring::create(&[class(64, 4)], 4),
        Ring::create(&[class(128, 9), class(64, 9)], 2),
        Ring::create(&[class(64, 9)], 1 << 24),
    ];
    for refused in invalid {
        row!(table, "ring::broadcast::loans::create", INVAL, "no such ring", refused);
    }
    let fd = OwnedFd::from(small(5, 4));
    own_row!(table, "ring::broadcast::loans::open_at_most", TooLarge, "larger", Ring::<Spin>::open_at_most(fd, 1));
    let ring = small(3, 2);
    let held = ring.writer().unwrap();
    own_row!(table, "ring::broadcast::loans::writer", Occupied, "half of the slots", ring.writer());
    drop(held);
    let all: Vec<_> = (0..64).map(|_| ring.reader().unwrap()).collect();
    own_row!(table, "ring::broadcast::loans::reader", Occupied, "64 attached", ring.reader());
    drop(all);
    without_room(|| {
        own_row!(table, "ring::broadcast::loans::writer", Kernel, "no descriptor left", ring.writer());
        own_row!(table, "ring::broadcast::loans::reader", Kernel, "no descriptor left", ring.reader());
    });
}

#[rustfmt::skip]
fn calls(table: &mut Table) {
    let ring = small(4, 2);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    let now = Deadline::NOW;
    own_row!(table, "ring::broadcast::loans::reader::try_recv", WouldBlock, "nothing", reader.try_recv().map_err(super::ring_error));
    own_row!(table, "ring::broadcast::loans::reader::recv_until", TimedOut, "nothing", reader.recv_until(now).map_err(super::ring_error));
    own_row!(table, "ring::broadcast::loans::writer::try_loan", TooLong, "longer than a chunk", writer.try_loan(65));
    for _ in 0..3 {
        send(&writer, b"1234").unwrap();
    }
    own_row!(table, "ring::broadcast::loans::reader::recv", Lagged, "overtaken", reader.recv());
    let _held = [writer.try_loan(1).unwrap(), writer.try_loan(1).unwrap()];
    own_row!(table, "ring::broadcast::loans::writer::try_loan", WouldBlock, "no chunk", writer.try_loan(1));
    let ring = small(4, 2);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    drop(writer);
    own_row!(table, "ring::broadcast::loans::reader::recv", Closed, "no writer", reader.recv().map_err(super::ring_error));
}

/// One that keeps no rule writes to the memory.
#[rustfmt::skip]
fn lies(table: &mut Table) {
    let ring = small(8, 4);
    let words = memory(&ring);
    let (writer, reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    send(&writer, b"1").unwrap();
    // A handle of a chunk that there is not.
    words.write(slot_at(&words, 1), &u64::MAX).unwrap();
    own_row!(table, "ring::broadcast::loans::reader::recv", Corrupt, "no such chunk", reader.recv().map_err(super::ring_error));
    let loan = writer.try_loan(1).unwrap();
    words.write(chunk_at(&words, 1), &0_u64).unwrap();
    own_row!(table, "ring::pool::borrowed::release", Corrupt, "its own word", loan.release());
    // Every slot's word is of a lap that was long ago.
    for slot in 0..4 {
        words.write(slot_at(&words, 0) + 8 * slot, &(u64::from(u32::MAX) << 32 | 2 << 30)).unwrap();
    }
    own_row!(table, "ring::broadcast::loans::writer", Corrupt, "laps of long ago", Ring::writer(&ring));
    own_row!(table, "ring::broadcast::loans::reader", Corrupt, "laps of long ago", Ring::reader(&ring));
    let unsent = writer.try_loan(1).unwrap().send().unwrap_err();
    own_row!(table, "ring::broadcast::loans::writer::send", Corrupt, "laps of long ago", Err::<(), _>(unsent.error));
}

#[rustfmt::skip]
fn deaths(table: &mut Table) {
    let ring = small(4, 2);
    let reader = ring.reader().unwrap();
    let mut child = Child::fork(|| {
        core::mem::forget(ring.writer());
        0
    });
    assert_eq!(child.wait(), End::Exited(0));
    own_row!(table, "ring::broadcast::loans::reader::recv", PeerDied, "a death", reader.recv().map_err(super::ring_error));
    // The only slots are in the hands of one who lives and stands still.
    let ring = small(8, 4);
    let words = memory(&ring);
    let (writer, _stopped) = (ring.writer().unwrap(), ring.writer().unwrap());
    let number: u32 = words.read(64).unwrap();
    for slot in 0..4 {
        let held = u64::from(number) << 42 | 1 << 30 | 1;
        words.write(slot_at(&words, 0) + 8 * slot, &held).unwrap();
    }
    words.write(super::TAIL, &4_u64).unwrap();
    let unsent = writer.try_loan(1).unwrap().send().unwrap_err();
    own_row!(table, "ring::broadcast::loans::writer::send", WouldBlock, "all slots are held", Err::<(), _>(unsent.error));
}
