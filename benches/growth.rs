//! Measures costs as members, slots, messages and regions grow, and says where one grows faster
//! than its work.
//!
//! A row has the time per unit of work, beside the first row's; and what the memory is that was
//! touched for it. `cargo bench --bench growth`.

mod support;

use core::hint::black_box;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

use rawipc::AsFd;
use rawipc::ring::{mpmc, spsc};

/// How many times a measurement is made; the median counts.
const ROUNDS: usize = 9;

/// Nanoseconds per unit of work, of so many units that `run` does.
fn measure(units: f64, mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            run();
            begin.elapsed().as_secs_f64() * 1e9 / units
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// The bytes of the file behind `fd` that have memory.
fn memory(fd: &impl AsFd) -> u64 {
    let file = std::fs::File::from(fd.as_fd().try_clone_to_owned().expect("a copy"));
    file.metadata().expect("a file").blocks() * 512
}

struct Table {
    unit: &'static str,
    first: Option<f64>,
    /// How many times the first row's time per unit a row may have.
    most: f64,
    met: bool,
}

impl Table {
    fn new(title: &str, unit: &'static str, most: f64) -> Self {
        println!("\n{title}\n");
        println!(
            "| {:>16} | ns {unit} | beside the first | memory |",
            "how many"
        );
        println!("|---|---|---|---|");
        Self {
            unit,
            first: None,
            most,
            met: true,
        }
    }

    fn row(&mut self, count: &str, time: f64, memory: u64) {
        let first = *self.first.get_or_insert(time);
        let ratio = time / first;
        println!(
            "| {count:>16} | {time:.2} | {ratio:.2} | {} KiB |",
            memory >> 10
        );
        self.met &= ratio <= self.most;
    }

    fn end(self) -> bool {
        let Self {
            unit, most, met, ..
        } = self;
        let said = if met { "met" } else { "MISSED" };
        println!("\n{said}: at most {most} x the first row's time {unit}");
        met
    }
}

/// A message through a ring that many have attached to, by two of them.
fn members() -> bool {
    let mut table = Table::new("Members of one mpmc ring: a message", "a message", 1.5);
    for pairs in [1, 2, 4, 8, 16, 32] {
        let ring: mpmc::items::Ring<u64> = mpmc::items::Ring::create(1024).expect("a ring");
        let mut producers: Vec<_> = (0..pairs)
            .map(|_| ring.producer().expect("a producer"))
            .collect();
        let mut consumers: Vec<_> = (0..pairs)
            .map(|_| ring.consumer().expect("a consumer"))
            .collect();
        let time = measure(100_000.0, || {
            for number in 0..100_000_usize {
                let producer = &mut producers[number % pairs];
                producer.push(black_box(&7)).expect("room");
                black_box(consumers[number % pairs].pop().expect("an item"));
            }
        });
        table.row(&format!("{} members", 2 * pairs), time, memory(&ring));
    }
    table.end()
}

/// Attaching to a ring that so many have attached to: the kernel looks through their locks, and each
/// is asked for whether it lives.
fn attaching() -> bool {
    let mut table = Table::new(
        "Members of one mpmc ring: attaching one more, and leaving",
        "an attachment, per member",
        1.5,
    );
    for members in [2_usize, 8, 16, 32, 64] {
        let ring: mpmc::items::Ring<u64> = mpmc::items::Ring::create(16).expect("a ring");
        let held: Vec<_> = (0..members)
            .map(|_| ring.producer().expect("a producer"))
            .collect();
        let time = measure(100.0 * members as f64, || {
            for _ in 0..100 {
                drop(ring.producer().expect("a producer"));
            }
        });
        table.row(&format!("{members} members"), time, memory(&ring));
        drop(held);
    }
    table.end()
}

/// A message through rings with so many slots, one at a time and each slot in turn.
fn slots() -> bool {
    let mut table = Table::new("Slots of an mpmc ring: a message", "a message", 3.0);
    // The first ones fit into the caches, the last ones are memory that is touched first.
    for power in [4, 8, 12, 16, 20, 24] {
        let capacity = 1 << power;
        let ring: mpmc::items::Ring<u64> = mpmc::items::Ring::create(capacity).expect("a ring");
        let mut producer = ring.producer().expect("a producer");
        let mut consumer = ring.consumer().expect("a consumer");
        let count = capacity.max(1 << 16);
        let mut one_round = || {
            for _ in 0..count {
                producer.push(black_box(&7)).expect("room");
                black_box(consumer.pop().expect("an item"));
            }
        };
        // Memory is taken where it is touched.
        one_round();
        let begin = Instant::now();
        one_round();
        let time = begin.elapsed().as_secs_f64() * 1e9 / count as f64;
        table.row(&format!("2^{power} slots"), time, memory(&ring));
    }
    table.end()
}

/// Records through a ring of four times their length.
fn lengths() -> bool {
    let mut table = Table::new("Records of an spsc ring: a byte", "a byte", 1.5);
    for size in [8, 64, 1 << 10, 32 << 10, 1 << 20, 16 << 20, 64 << 20] {
        let ring: spsc::Ring = spsc::Ring::create(4 * size).expect("a ring");
        let mut producer = ring.producer().expect("a producer");
        let mut consumer = ring.consumer().expect("a consumer");
        let record = vec![1; size];
        let mut buffer = vec![0; size];
        let count = ((64 << 20) / size).clamp(2, 100_000);
        let mut run = || {
            for _ in 0..count {
                producer.send(black_box(&record)).expect("room");
                consumer.recv(black_box(&mut buffer)).expect("a record");
            }
        };
        run();
        let time = measure((count * size) as f64, run);
        table.row(&format!("{size} bytes"), time, memory(&ring));
    }
    table.end()
}

/// Regions of one process: making one more, with both ends, and using all of them.
fn regions() -> bool {
    let mut table = Table::new(
        "Rings of one process: create, attach both ends, send, receive, tear down",
        "a ring",
        2.0,
    );
    for count in [1, 10, 100, 1_000] {
        let mut last = 0;
        let time = measure(f64::from(count), || {
            let mut all: Vec<_> = (0..count)
                .map(|_| {
                    let ring: spsc::Ring = spsc::Ring::create(4096).expect("a ring");
                    let ends = (
                        ring.producer().expect("an end"),
                        ring.consumer().expect("an end"),
                    );
                    (ring, ends)
                })
                .collect();
            let mut buffer = [0; 64];
            for (_, (producer, consumer)) in &mut all {
                producer.send(b"a message").expect("room");
                consumer.recv(&mut buffer).expect("a record");
            }
            last = all.iter().map(|(ring, _)| memory(ring)).sum();
        });
        table.row(&format!("{count} rings"), time, last);
    }
    table.end()
}

fn main() {
    support::pin(0);
    // Three descriptors for each of a thousand rings.
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: Some(8192),
            maximum: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
        },
    );
    let met = [members(), attaching(), slots(), lengths(), regions()];
    let met = met.iter().all(|&met| met);
    println!(
        "\n{}",
        if met {
            "all demands met"
        } else {
            "some demands MISSED"
        }
    );
}
