//! rawipc's own.

use std::hint::black_box;

use rawipc::ring::Waiting;
use rawipc::ring::spsc::{self, items};

use crate::way::{Receiver, Sender, Way};

/// Items of `N` words through a ring for one producer and one consumer.
pub struct Items<W: Waiting, const N: usize>(items::Ring<[u64; N], W>);

pub struct ItemTx<W: Waiting, const N: usize>(items::Producer<[u64; N], W>, [u64; N]);
pub struct ItemRx<W: Waiting, const N: usize>(items::Consumer<[u64; N], W>);

pub fn spsc_items<W: Waiting, const N: usize>(room: usize) -> Items<W, N> {
    Items(items::Ring::create(room).expect("a ring"))
}

impl<W: Waiting, const N: usize> Way for Items<W, N> {
    type Sender = ItemTx<W, N>;
    type Receiver = ItemRx<W, N>;

    fn sender(&self) -> ItemTx<W, N> {
        ItemTx(self.0.producer().expect("an end"), [0; N])
    }

    fn receiver(&self) -> ItemRx<W, N> {
        ItemRx(self.0.consumer().expect("an end"))
    }
}

impl<W: Waiting, const N: usize> Sender for ItemTx<W, N> {
    #[inline]
    fn send(&mut self, number: u64) {
        self.1[0] = number;
        self.0.push(black_box(&self.1)).expect("room");
    }
}

impl<W: Waiting, const N: usize> Receiver for ItemRx<W, N> {
    #[inline]
    fn recv(&mut self) -> u64 {
        black_box(self.0.pop().expect("an item"))[0]
    }
}

/// Records through a ring for one producer and one consumer.
pub struct Records<W: Waiting>(spsc::Ring<W>, usize);

pub struct RecordTx<W: Waiting>(spsc::Producer<W>, Vec<u8>);
pub struct RecordRx<W: Waiting>(spsc::Consumer<W>, Vec<u8>);

pub fn spsc_records<W: Waiting>(size: usize, room: usize) -> Records<W> {
    Records(spsc::Ring::create(room).expect("a ring"), size)
}

impl<W: Waiting> Way for Records<W> {
    type Sender = RecordTx<W>;
    type Receiver = RecordRx<W>;

    fn sender(&self) -> RecordTx<W> {
        RecordTx(self.0.producer().expect("an end"), vec![0; self.1])
    }

    fn receiver(&self) -> RecordRx<W> {
        RecordRx(self.0.consumer().expect("an end"), vec![0; self.1])
    }
}

impl<W: Waiting> Sender for RecordTx<W> {
    #[inline]
    fn send(&mut self, number: u64) {
        self.1[..8].copy_from_slice(&number.to_ne_bytes());
        self.0.send(black_box(&self.1)).expect("room");
    }
}

impl<W: Waiting> Receiver for RecordRx<W> {
    #[inline]
    fn recv(&mut self) -> u64 {
        self.0.recv(black_box(&mut self.1)).expect("a record");
        u64::from_ne_bytes(self.1[..8].try_into().expect("eight"))
    }
}

/// Creates a ring, hands it over, attaches both ends and takes all of it down again.
pub fn set_up_and_tear_down() {
    let ring: items::Ring<u64> = items::Ring::create(8).expect("a ring");
    let producer = ring.producer().expect("an end");
    let other = std::os::fd::AsFd::as_fd(&ring).try_clone_to_owned();
    let other: items::Ring<u64> = items::Ring::open(other.expect("a copy")).expect("the ring");
    let consumer = other.consumer().expect("an end");
    drop((producer, consumer));
}
