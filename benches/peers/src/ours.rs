//! rawipc's own.

use std::hint::{black_box, spin_loop};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rawipc::memory::{MapOptions, Mapping};
use rawipc::ring::spsc;
use rawipc::ring::{Waiting, broadcast, mpmc, pool};

use crate::way::{Receiver, Sender, Way};

/// Items of `N` words through a ring of the module `$ring`.
macro_rules! items {
    ($new:ident, $way:ident, $sender:ident, $receiver:ident, $ring:ident) => {
        pub struct $way<W: Waiting, const N: usize>($ring::items::Ring<[u64; N], W>);
        pub struct $sender<W: Waiting, const N: usize>(
            $ring::items::Producer<[u64; N], W>,
            [u64; N],
        );
        pub struct $receiver<W: Waiting, const N: usize>($ring::items::Consumer<[u64; N], W>);

        pub fn $new<W: Waiting, const N: usize>(room: usize) -> $way<W, N> {
            $way($ring::items::Ring::create(room).expect("a ring"))
        }

        impl<W: Waiting, const N: usize> Way for $way<W, N> {
            type Sender = $sender<W, N>;
            type Receiver = $receiver<W, N>;

            fn sender(&self) -> $sender<W, N> {
                $sender(self.0.producer().expect("an end"), [0; N])
            }

            fn receiver(&self) -> $receiver<W, N> {
                $receiver(self.0.consumer().expect("an end"))
            }
        }

        impl<W: Waiting, const N: usize> Sender for $sender<W, N> {
            #[inline]
            fn send(&mut self, number: u64) {
                self.1[0] = number;
                self.0.push(black_box(&self.1)).expect("room");
            }
        }

        impl<W: Waiting, const N: usize> Receiver for $receiver<W, N> {
            #[inline]
            fn recv(&mut self) -> u64 {
                black_box(self.0.pop().expect("an item"))[0]
            }
        }
    };
}

items!(spsc_items, SpscItems, SpscItemTx, SpscItemRx, spsc);
items!(mpmc_items, MpmcItems, MpmcItemTx, MpmcItemRx, mpmc);

/// Items that are popped into memory that the consumer has.
pub struct InPlace<W: Waiting, const N: usize>(SpscItems<W, N>);
pub struct InPlaceRx<W: Waiting, const N: usize>(spsc::items::Consumer<[u64; N], W>, [u64; N]);

pub fn in_place<W: Waiting, const N: usize>(room: usize) -> InPlace<W, N> {
    InPlace(spsc_items(room))
}

impl<W: Waiting, const N: usize> Way for InPlace<W, N> {
    type Sender = SpscItemTx<W, N>;
    type Receiver = InPlaceRx<W, N>;

    fn sender(&self) -> SpscItemTx<W, N> {
        self.0.sender()
    }

    fn receiver(&self) -> InPlaceRx<W, N> {
        InPlaceRx(self.0.receiver().0, [0; N])
    }
}

impl<W: Waiting, const N: usize> Receiver for InPlaceRx<W, N> {
    #[inline]
    fn recv(&mut self) -> u64 {
        self.0.pop_into(&mut self.1).expect("an item");
        black_box(&self.1)[0]
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

/// Loans of a pool, the bytes of which nobody touches: they are counted by who receives them.
pub struct Loans<W: Waiting>(pool::Pool<W>, usize);

pub struct LoanTx<W: Waiting>(pool::Producer<W>, usize);
pub struct LoanRx<W: Waiting>(pool::Consumer<W>, u64);

/// With a chunk for each of `room` messages under way, and as many for the hands of both sides.
pub fn loans<W: Waiting>(size: usize, room: usize) -> Loans<W> {
    let count = 2 * room;
    let pool = pool::Pool::create(&[pool::Class { size, count }], room);
    Loans(pool.expect("a pool"), size)
}

impl<W: Waiting> Way for Loans<W> {
    type Sender = LoanTx<W>;
    type Receiver = LoanRx<W>;

    fn sender(&self) -> LoanTx<W> {
        LoanTx(self.0.producer().expect("an end"), self.1)
    }

    fn receiver(&self) -> LoanRx<W> {
        LoanRx(self.0.consumer().expect("an end"), 0)
    }
}

impl<W: Waiting> Sender for LoanTx<W> {
    #[inline]
    fn send(&mut self, _number: u64) {
        let loan = black_box(self.0.loan(self.1).expect("a chunk"));
        loan.send().map_err(|unsent| unsent.error).expect("room");
    }
}

impl<W: Waiting> Receiver for LoanRx<W> {
    #[inline]
    fn recv(&mut self) -> u64 {
        drop(black_box(self.0.recv().expect("a message")));
        self.1 += 1;
        self.1 - 1
    }
}

/// Items of `N` words through a ring that every reader receives from. Its writer waits for nobody; so
/// that all is received, as it is where the sender waits, readers say how far they are.
pub struct Broadcast<W: Waiting, const N: usize> {
    ring: broadcast::items::Ring<[u64; N], W>,
    room: u64,
    places: Places,
    readers: AtomicUsize,
}

/// How far each reader is, on a line of its own.
#[derive(Clone)]
struct Places(Arc<Mapping>);

impl Places {
    fn of(&self, reader: usize) -> &AtomicU64 {
        self.0.object(128 * reader).expect("a word")
    }

    /// How far the last one is.
    fn least(&self) -> u64 {
        let places = (0..READERS).map(|reader| self.of(reader).load(Ordering::Acquire));
        places.min().expect("a reader")
    }
}

/// How many readers there are.
pub const READERS: usize = 3;

pub struct BroadcastTx<W: Waiting, const N: usize> {
    writer: broadcast::items::Writer<[u64; N], W>,
    item: [u64; N],
    places: Places,
    room: u64,
    /// The messages that all readers have received.
    received: u64,
}

pub struct BroadcastRx<W: Waiting, const N: usize> {
    reader: broadcast::items::Reader<[u64; N], W>,
    number: usize,
    places: Places,
    room: u64,
}

pub fn broadcast_items<W: Waiting, const N: usize>(room: usize) -> Broadcast<W, N> {
    let ring = broadcast::items::Ring::create(room).expect("a ring");
    let places = MapOptions::shared(4096).map_anonymous().expect("memory");
    Broadcast {
        ring,
        room: room as u64,
        places: Places(Arc::new(places)),
        readers: AtomicUsize::new(0),
    }
}

impl<W: Waiting, const N: usize> Way for Broadcast<W, N> {
    type Sender = BroadcastTx<W, N>;
    type Receiver = BroadcastRx<W, N>;

    fn sender(&self) -> BroadcastTx<W, N> {
        BroadcastTx {
            writer: self.ring.sole_writer().expect("an end"),
            item: [0; N],
            places: self.places.clone(),
            room: self.room,
            received: 0,
        }
    }

    fn receiver(&self) -> BroadcastRx<W, N> {
        BroadcastRx {
            reader: self.ring.reader_from_oldest().expect("an end"),
            number: self.readers.fetch_add(1, Ordering::Relaxed),
            places: self.places.clone(),
            room: self.room,
        }
    }
}

impl<W: Waiting, const N: usize> Sender for BroadcastTx<W, N> {
    #[inline]
    fn send(&mut self, number: u64) {
        while number - self.received == self.room {
            self.received = self.places.least();
            spin_loop();
        }
        self.item[0] = number;
        self.writer.push(black_box(&self.item)).expect("a slot");
    }
}

impl<W: Waiting, const N: usize> Receiver for BroadcastRx<W, N> {
    #[inline]
    fn recv(&mut self) -> u64 {
        let number = black_box(self.reader.pop().expect("an item"))[0];
        if (number + 1) % (self.room / 4) == 0 {
            let place = self.places.of(self.number);
            place.store(number + 1, Ordering::Release);
        }
        number
    }
}

/// Creates a ring, hands it over, attaches both ends and takes all of it down again.
pub fn set_up_and_tear_down() {
    let ring: spsc::items::Ring<u64> = spsc::items::Ring::create(8).expect("a ring");
    let producer = ring.producer().expect("an end");
    let other = std::os::fd::AsFd::as_fd(&ring).try_clone_to_owned();
    let other: spsc::items::Ring<u64> =
        spsc::items::Ring::open(other.expect("a copy")).expect("the ring");
    let consumer = other.consumer().expect("an end");
    drop((producer, consumer));
}
