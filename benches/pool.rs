//! Messages of a mebibyte that are lent, beside short ones that are, and beside copies.

mod support;

use core::hint::black_box;

use rawipc::ring::pool::{Class, Pool, Trusted};
use rawipc::ring::{Spin, SpinThenFutex, Waiting, pool, spsc};
use support::{Contestant, Demand, contest, contestant, two_processes};

const MEBIBYTE: usize = 1 << 20;

/// How many messages are under way at most, and how many more chunks there are for the hands of
/// both sides.
const SLOTS: usize = 8;
const CHUNKS: usize = 2 * SLOTS;

/// What is done with a message.
#[derive(Clone, Copy, PartialEq)]
enum Touch {
    Nothing,
    FirstWord,
}

fn pool<W: Waiting>(size: usize) -> Pool<W> {
    let class = Class {
        size,
        count: CHUNKS,
    };
    Pool::create(&[class], SLOTS).expect("a pool")
}

type Producer<W> = pool::Producer<W, Trusted>;
type Consumer<W> = pool::Consumer<W, Trusted>;

fn producer<W: Waiting>(pool: &Pool<W>) -> Producer<W> {
    let producer = pool.producer().expect("an end");
    // SAFETY: both processes are of this program, and keep the protocol.
    unsafe { producer.assume_trusted() }
}

fn consumer<W: Waiting>(pool: &Pool<W>) -> Consumer<W> {
    let consumer = pool.consumer().expect("an end");
    // SAFETY: as above.
    unsafe { consumer.assume_trusted() }
}

fn send<W: Waiting>(producer: &Producer<W>, size: usize, number: u64, touch: Touch) {
    let mut loan = producer.loan(size).expect("a chunk");
    if touch == Touch::FirstWord {
        loan.as_mut_slice()[..8].copy_from_slice(&number.to_ne_bytes());
    }
    loan.send().expect("room");
}

fn recv<W: Waiting>(consumer: &Consumer<W>, number: u64, touch: Touch) {
    let message = consumer.recv().expect("a message");
    if touch == Touch::FirstWord {
        assert_eq!(message.as_slice()[..8], number.to_ne_bytes());
    } else {
        black_box(message.len());
    }
}

fn stream<W: Waiting>(size: usize, touch: Touch, count: u64) -> f64 {
    let pool = pool::<W>(size);
    two_processes(
        count,
        || {
            let producer = producer(&pool);
            for number in 0..count {
                send(&producer, size, number, touch);
            }
        },
        || {
            let consumer = consumer(&pool);
            for number in 0..count {
                recv(&consumer, number, touch);
            }
        },
    )
}

fn round_trip<W: Waiting>(size: usize, touch: Touch, count: u64) -> f64 {
    let (there, back) = (pool::<W>(size), pool::<W>(size));
    two_processes(
        count,
        || {
            let (receiver, sender) = (consumer(&there), producer(&back));
            for number in 0..count {
                recv(&receiver, number, touch);
                send(&sender, size, number, touch);
            }
        },
        || {
            let (sender, receiver) = (producer(&there), consumer(&back));
            for number in 0..count {
                send(&sender, size, number, touch);
                recv(&receiver, number, touch);
            }
        },
    )
}

fn copied(count: u64) -> f64 {
    let ring: spsc::Ring = spsc::Ring::create(4 * MEBIBYTE).expect("a ring");
    two_processes(
        count,
        || {
            let mut producer = ring.producer().expect("an end");
            let message = vec![1; MEBIBYTE];
            for _ in 0..count {
                producer.send(black_box(&message)).expect("room");
            }
        },
        || {
            let mut consumer = ring.consumer().expect("an end");
            let mut message = vec![0; MEBIBYTE];
            for _ in 0..count {
                consumer.recv(black_box(&mut message)).expect("a record");
            }
        },
    )
}

fn copied_round_trip(count: u64) -> f64 {
    let ring = || spsc::Ring::<SpinThenFutex>::create(4 * MEBIBYTE).expect("a ring");
    let (there, back) = (ring(), ring());
    two_processes(
        count,
        || {
            let mut receiver = there.consumer().expect("an end");
            let mut sender = back.producer().expect("an end");
            let mut message = vec![0; MEBIBYTE];
            for _ in 0..count {
                receiver.recv(black_box(&mut message)).expect("a record");
                sender.send(black_box(&message)).expect("room");
            }
        },
        || {
            let mut sender = there.producer().expect("an end");
            let mut receiver = back.consumer().expect("an end");
            let mut message = vec![0; MEBIBYTE];
            for _ in 0..count {
                sender.send(black_box(&message)).expect("room");
                receiver.recv(black_box(&mut message)).expect("a record");
            }
        },
    )
}

type Run = fn(usize, Touch, u64) -> f64;

/// Loans of both sizes, by both strategies, untouched and not.
fn loans<'a>(sleeping: Run, spinning: Run, count: u64) -> Vec<Contestant<'a>> {
    use Touch::{FirstWord, Nothing};
    vec![
        contestant("loan of 1 MiB, first word", move || {
            sleeping(MEBIBYTE, FirstWord, count)
        }),
        contestant("loan of 1 MiB, untouched", move || {
            sleeping(MEBIBYTE, Nothing, count)
        }),
        contestant("loan of 8 B, first word", move || {
            sleeping(8, FirstWord, count)
        }),
        contestant("spinning, 1 MiB, first word", move || {
            spinning(MEBIBYTE, FirstWord, count)
        }),
        contestant("spinning, 1 MiB, untouched", move || {
            spinning(MEBIBYTE, Nothing, count)
        }),
    ]
}

fn main() {
    let mut met = true;
    let mut contestants = vec![contestant("copy of 1 MiB, spsc records", || copied(100))];
    contestants.extend(loans(stream::<SpinThenFutex>, stream::<Spin>, 500_000));
    met &= contest("messages one way", &Demand::AtLeast(100.0), contestants);

    let copies = || copied_round_trip(50);
    let mut contestants = vec![contestant("copy of 1 MiB, spsc records", copies)];
    contestants.extend(loans(
        round_trip::<SpinThenFutex>,
        round_trip::<Spin>,
        50_000,
    ));
    met &= contest(
        "messages there and back",
        &Demand::AtLeast(100.0),
        contestants,
    );
    println!(
        "\n{}",
        if met {
            "all demands met"
        } else {
            "some demands MISSED"
        }
    );
}
