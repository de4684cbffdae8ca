//! Queues between threads of one process: what they carry never leaves it.

use std::hint::{black_box, spin_loop};
use std::sync::{Arc, mpsc};

use crossbeam::channel;
use crossbeam::queue::ArrayQueue;

use crate::way::{Ends, Receiver, Sender};

/// An item of `N` words, the first of which is its number.
type Item<const N: usize> = [u64; N];

macro_rules! ends {
    ($name:ident, $sender:ty, $receiver:ty, |$s:ident, $item:ident| $send:expr, |$r:ident| $recv:expr) => {
        pub mod $name {
            use super::*;

            pub struct Tx<const N: usize>(pub(super) $sender, pub(super) Item<N>);
            pub struct Rx<const N: usize>(pub(super) $receiver);

            impl<const N: usize> Sender for Tx<N> {
                #[inline]
                fn send(&mut self, number: u64) {
                    self.1[0] = number;
                    let ($s, $item) = (&mut self.0, black_box(&self.1));
                    $send
                }
            }

            impl<const N: usize> Receiver for Rx<N> {
                #[inline]
                fn recv(&mut self) -> u64 {
                    let $r = &mut self.0;
                    black_box($recv)[0]
                }
            }
        }
    };
}

ends!(
    rtrb_,
    rtrb::Producer<Item<N>>,
    rtrb::Consumer<Item<N>>,
    |sender, item| while sender.push(*item).is_err() {
        spin_loop();
    },
    |receiver| loop {
        match receiver.pop() {
            Ok(item) => break item,
            Err(_) => spin_loop(),
        }
    }
);

ends!(
    array_queue_,
    Arc<ArrayQueue<Item<N>>>,
    Arc<ArrayQueue<Item<N>>>,
    |sender, item| while sender.push(*item).is_err() {
        spin_loop();
    },
    |receiver| loop {
        match receiver.pop() {
            Some(item) => break item,
            None => spin_loop(),
        }
    }
);

ends!(
    channel_,
    channel::Sender<Item<N>>,
    channel::Receiver<Item<N>>,
    |sender, item| sender.send(*item).expect("a receiver"),
    |receiver| receiver.recv().expect("a sender")
);

ends!(
    std_,
    mpsc::SyncSender<Item<N>>,
    mpsc::Receiver<Item<N>>,
    |sender, item| sender.send(*item).expect("a receiver"),
    |receiver| receiver.recv().expect("a sender")
);

pub fn rtrb<const N: usize>(room: usize) -> Ends<rtrb_::Tx<N>, rtrb_::Rx<N>> {
    let (sender, receiver) = rtrb::RingBuffer::new(room);
    Ends::new((rtrb_::Tx(sender, [0; N]), rtrb_::Rx(receiver)))
}

pub fn array_queue<const N: usize>(room: usize) -> Ends<array_queue_::Tx<N>, array_queue_::Rx<N>> {
    let queue = Arc::new(ArrayQueue::new(room));
    Ends::new((
        array_queue_::Tx(queue.clone(), [0; N]),
        array_queue_::Rx(queue),
    ))
}

pub fn channel<const N: usize>(room: usize) -> Ends<channel_::Tx<N>, channel_::Rx<N>> {
    let (sender, receiver) = channel::bounded(room);
    Ends::new((channel_::Tx(sender, [0; N]), channel_::Rx(receiver)))
}

pub fn std_mpsc<const N: usize>(room: usize) -> Ends<std_::Tx<N>, std_::Rx<N>> {
    let (sender, receiver) = mpsc::sync_channel(room);
    Ends::new((std_::Tx(sender, [0; N]), std_::Rx(receiver)))
}

/// Bytes through rtrb's chunks: a ring without anything but its `memcpy`.
pub struct ChunkTx(rtrb::Producer<u8>, Vec<u8>);
pub struct ChunkRx(rtrb::Consumer<u8>, Vec<u8>);

impl Sender for ChunkTx {
    fn send(&mut self, number: u64) {
        self.1[..8].copy_from_slice(&number.to_ne_bytes());
        let mut chunk = loop {
            match self.0.write_chunk(self.1.len()) {
                Ok(chunk) => break chunk,
                Err(_) => spin_loop(),
            }
        };
        let (first, second) = chunk.as_mut_slices();
        let (from, rest) = black_box(&self.1).split_at(first.len());
        first.copy_from_slice(from);
        second.copy_from_slice(rest);
        chunk.commit_all();
    }
}

impl Receiver for ChunkRx {
    fn recv(&mut self) -> u64 {
        let chunk = loop {
            match self.0.read_chunk(self.1.len()) {
                Ok(chunk) => break chunk,
                Err(_) => spin_loop(),
            }
        };
        let (first, second) = chunk.as_slices();
        let (to, rest) = self.1.split_at_mut(first.len());
        to.copy_from_slice(first);
        rest.copy_from_slice(second);
        chunk.commit_all();
        let bytes = black_box(&self.1)[..8].try_into().expect("eight");
        u64::from_ne_bytes(bytes)
    }
}

pub fn chunks(size: usize, room: usize) -> Ends<ChunkTx, ChunkRx> {
    let (sender, receiver) = rtrb::RingBuffer::new(room);
    Ends::new((
        ChunkTx(sender, vec![0; size]),
        ChunkRx(receiver, vec![0; size]),
    ))
}
