//! The rings between two processes: against rtrb between two threads, against a
//! bare cache line, against a pipe.

mod support;

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{Read, Write};

use rawipc::memory::MapOptions;
use rawipc::ring::spsc::{self, items};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use support::{Demand, contest, contestant, two_processes, two_threads};

/// Room for as many items in both rings.
const ITEMS: usize = 1024;

fn rtrb<const N: usize>(count: u64) -> f64 {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u64; N]>::new(ITEMS);
    two_threads(
        count,
        move || {
            let mut item = [0; N];
            for number in 0..count {
                item[0] = number;
                while producer.push(black_box(item)).is_err() {
                    core::hint::spin_loop();
                }
            }
        },
        move || {
            for number in 0..count {
                let item = loop {
                    match consumer.pop() {
                        Ok(item) => break item,
                        Err(_) => core::hint::spin_loop(),
                    }
                };
                assert_eq!(black_box(item)[0], number);
            }
        },
    )
}

fn items<W: Waiting, const N: usize>(count: u64) -> f64 {
    let ring = items::Ring::<[u64; N], W>::create(ITEMS).expect("a ring");
    two_processes(
        count,
        || {
            let mut producer = ring.producer().expect("the producer's end");
            let mut item = [0; N];
            for number in 0..count {
                item[0] = number;
                producer.push(black_box(&item)).expect("room");
            }
        },
        || {
            let mut consumer = ring.consumer().expect("the consumer's end");
            for number in 0..count {
                assert_eq!(black_box(consumer.pop().expect("an item"))[0], number);
            }
        },
    )
}

fn item_slices<W: Waiting>(count: u64) -> f64 {
    let ring = items::Ring::<u64, W>::create(ITEMS).expect("a ring");
    two_processes(
        count,
        || {
            let mut producer = ring.producer().expect("the producer's end");
            let items = [7; 64];
            let mut left = count as usize;
            while left > 0 {
                let some = &items[..left.min(64)];
                left -= producer.push_slice(black_box(some)).expect("room");
            }
        },
        || {
            let mut consumer = ring.consumer().expect("the consumer's end");
            let mut items = [0; 64];
            let mut left = count as usize;
            while left > 0 {
                left -= consumer.pop_slice(black_box(&mut items)).expect("items");
            }
        },
    )
}

/// What the machine allows: two processes that answer each other by one word on
/// one cache line.
fn bare_round_trip(count: u64) -> f64 {
    let memory = MapOptions::shared(4096).map_anonymous().expect("memory");
    let word: &AtomicU64 = memory.object(0).expect("a word");
    two_processes(
        count,
        || {
            for number in 0..count {
                while word.load(Ordering::Acquire) != 2 * number + 1 {
                    core::hint::spin_loop();
                }
                word.store(2 * number + 2, Ordering::Release);
            }
        },
        || {
            for number in 0..count {
                word.store(2 * number + 1, Ordering::Release);
                while word.load(Ordering::Acquire) != 2 * number + 2 {
                    core::hint::spin_loop();
                }
            }
        },
    )
}

/// The same by a word for each direction, each on a cache line of its own: the least that
/// two queues can do. A line that both write migrates to its reader, who then owns it; a
/// line that only one writes is taken from its reader before every write.
fn two_line_round_trip(count: u64) -> f64 {
    let memory = MapOptions::shared(4096).map_anonymous().expect("memory");
    let there: &AtomicU64 = memory.object(0).expect("a word");
    let back: &AtomicU64 = memory.object(256).expect("a word");
    let wait = |word: &AtomicU64, number| {
        while word.load(Ordering::Acquire) != number {
            core::hint::spin_loop();
        }
    };
    two_processes(
        count,
        || {
            for number in 1..=count {
                wait(there, number);
                back.store(number, Ordering::Release);
            }
        },
        || {
            for number in 1..=count {
                there.store(number, Ordering::Release);
                wait(back, number);
            }
        },
    )
}

fn ring_round_trip<W: Waiting>(count: u64) -> f64 {
    let there = items::Ring::<u64, W>::create(512).expect("a ring");
    let back = items::Ring::<u64, W>::create(512).expect("a ring");
    two_processes(
        count,
        || {
            let mut receiver = there.consumer().expect("an end");
            let mut sender = back.producer().expect("an end");
            for _ in 0..count {
                let item = receiver.pop().expect("an item");
                sender.push(&item).expect("room");
            }
        },
        || {
            let mut sender = there.producer().expect("an end");
            let mut receiver = back.consumer().expect("an end");
            for number in 0..count {
                sender.push(&number).expect("room");
                assert_eq!(receiver.pop().expect("an item"), number);
            }
        },
    )
}

fn pipe(size: usize, count: u64) -> f64 {
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    two_processes(
        count,
        || {
            let message = vec![1; size];
            for _ in 0..count {
                writer.write_all(black_box(&message)).expect("a reader");
            }
        },
        || {
            let mut message = vec![0; size];
            for _ in 0..count {
                reader
                    .read_exact(black_box(&mut message))
                    .expect("a writer");
            }
        },
    )
}

fn records<W: Waiting>(size: usize, count: u64) -> f64 {
    // The pipe's own room.
    let ring = spsc::Ring::<W>::create((1 << 16).max(4 * size)).expect("a ring");
    two_processes(
        count,
        || {
            let mut producer = ring.producer().expect("the producer's end");
            let message = vec![1; size];
            for _ in 0..count {
                producer.send(black_box(&message)).expect("room");
            }
        },
        || {
            let mut consumer = ring.consumer().expect("the consumer's end");
            let mut message = vec![0; size];
            for _ in 0..count {
                consumer.recv(black_box(&mut message)).expect("a record");
            }
        },
    )
}

fn main() {
    let mut met = true;
    met &= contest(
        "8 bytes, rtrb between threads and items between processes",
        &Demand::AtLeast(0.5),
        vec![
            contestant("rtrb", || rtrb::<1>(3_000_000)),
            contestant("spsc items, spinning", || items::<Spin, 1>(3_000_000)),
            contestant("spsc items, may sleep", || {
                items::<SpinThenFutex, 1>(500_000)
            }),
            contestant("spsc items, may sleep, by 64", || {
                item_slices::<SpinThenFutex>(3_000_000)
            }),
        ],
    );
    met &= contest(
        "1 KiB, rtrb between threads and items between processes",
        &Demand::AtLeast(0.9),
        vec![
            contestant("rtrb", || rtrb::<128>(100_000)),
            contestant("spsc items, spinning", || items::<Spin, 128>(100_000)),
            contestant("spsc items, may sleep", || {
                items::<SpinThenFutex, 128>(100_000)
            }),
        ],
    );
    met &= contest(
        "round trip of 8 bytes",
        &Demand::AtMost(1.3),
        vec![
            contestant("a bare cache line", || bare_round_trip(50_000)),
            contestant("spsc items, spinning", || ring_round_trip::<Spin>(50_000)),
            contestant("spsc items, may sleep", || {
                ring_round_trip::<SpinThenFutex>(50_000)
            }),
            contestant("two bare cache lines", || two_line_round_trip(50_000)),
        ],
    );
    for (size, count) in [
        (8, 100_000),
        (64, 100_000),
        (512, 50_000),
        (4 << 10, 20_000),
        (32 << 10, 3_000),
        (256 << 10, 400),
        (1 << 20, 100),
    ] {
        met &= contest(
            &format!("records of {size} bytes, pipe and ring between processes"),
            &Demand::AtLeast(1.0),
            vec![
                contestant("pipe", || pipe(size, count)),
                contestant("spsc records, may sleep", || {
                    records::<SpinThenFutex>(size, count)
                }),
                contestant("spsc records, spinning", || records::<Spin>(size, count)),
            ],
        );
    }
    println!(
        "\n{}",
        if met {
            "all demands met"
        } else {
            "some demands MISSED"
        }
    );
}
