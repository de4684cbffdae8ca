//! Measures what eight bytes cost by each structure of `ring`, between two processes that may
//! sleep: one way where a sender can be held back, and there and back.
//!
//! `cargo bench --bench structures`: the medians of some rounds, in turn.

mod support;

use rawipc::ring::broadcast::loans;
use rawipc::ring::pool::{Class, Pool};
use rawipc::ring::{broadcast, call, doorbell, latest, mpmc, mpsc, spsc};
use support::two_processes_prepared;

const ROUNDS: usize = 5;
const STREAM: u64 = 1_000_000;
const ROUND_TRIPS: u64 = 200_000;

/// How many messages are under way at most.
const ROOM: usize = 1024;

/// Two ways, of which each process has one end each.
macro_rules! measures {
    ($name:literal, $way:expr, $sender:ident, $receiver:ident, $send:expr, $recv:expr) => {
        Structure {
            name: $name,
            one_way: Some(|| {
                let way = $way;
                two_processes_prepared(
                    STREAM,
                    || way.$sender().expect("an end"),
                    |sender| (0..STREAM).for_each(|number| $send(sender, number)),
                    || way.$receiver().expect("an end"),
                    |receiver| (0..STREAM).for_each(|number| assert_eq!($recv(receiver), number)),
                )
            }),
            ..measures!(back $name, $way, $sender, $receiver, $send, $recv)
        }
    };
    (back $name:literal, $way:expr, $sender:ident, $receiver:ident, $send:expr, $recv:expr) => {
        Structure {
            name: $name,
            one_way: None,
            there_and_back: || {
                let (there, back) = ($way, $way);
                let ends = || (there.$receiver().expect("an end"), back.$sender().expect("an end"));
                two_processes_prepared(
                    ROUND_TRIPS,
                    ends,
                    |(receiver, sender)| {
                        for _ in 0..ROUND_TRIPS {
                            let number = $recv(receiver);
                            $send(sender, number);
                        }
                    },
                    || (there.$sender().expect("an end"), back.$receiver().expect("an end")),
                    |(sender, receiver)| {
                        for number in 0..ROUND_TRIPS {
                            $send(sender, number);
                            assert_eq!($recv(receiver), number);
                        }
                    },
                )
            },
        }
    };
}

struct Structure {
    name: &'static str,
    one_way: Option<fn() -> f64>,
    there_and_back: fn() -> f64,
}

/// The number of a record.
fn number<E: core::fmt::Debug>(recv: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> u64 {
    let mut bytes = [0; 8];
    assert_eq!(recv(&mut bytes).expect("a record"), 8);
    u64::from_ne_bytes(bytes)
}

fn event(consumer: &mut mpsc::Consumer) -> u64 {
    number(|bytes| match consumer.recv(bytes)? {
        mpsc::Event::Record { len, .. } => Ok(len),
        mpsc::Event::Gone { .. } => Err(rawipc::ring::Error::Closed),
    })
}

fn pool() -> Pool {
    let class = Class {
        size: 8,
        count: 2 * ROOM,
    };
    Pool::create(&[class], ROOM).expect("a pool")
}

fn lend(producer: &rawipc::ring::pool::Producer, number: u64) {
    let mut loan = producer.loan(8).expect("a chunk");
    loan.write_at(0, &number.to_ne_bytes()).expect("room");
    loan.send().expect("a slot");
}

/// A ring of loans for messages of this size, of which each reader reads the number alone.
fn loans(size: usize) -> loans::Ring {
    const SLOTS: usize = 16;
    let class = Class {
        size,
        count: 2 * SLOTS,
    };
    loans::Ring::create(&[class], SLOTS).expect("a ring")
}

fn lend_to_all(writer: &loans::Writer, size: usize, number: u64) {
    let mut loan = writer.try_loan(size).expect("a chunk");
    loan.write_at(0, &number.to_ne_bytes()).expect("room");
    loan.send().expect("a slot");
}

fn borrow(reader: &loans::Reader) -> u64 {
    let message = reader.recv().expect("a message");
    number(|bytes| message.read_at(0, bytes).map(|()| 8))
}

const MEBIBYTE: usize = 1 << 20;

/// There is nothing one way: a call has a response.
fn calls() -> f64 {
    let service = call::Service::create(1, 8, 8).expect("a service");
    let service: &call::Service = &service;
    two_processes_prepared(
        ROUND_TRIPS,
        || service.server().expect("an end"),
        |server| {
            for _ in 0..ROUND_TRIPS {
                let request = server.recv().expect("a request");
                let mut bytes = [0; 8];
                request.copy_to(&mut bytes).expect("eight");
                request.respond(&bytes).expect("room");
            }
        },
        || service.client().expect("an end"),
        |client| {
            for number in 0..ROUND_TRIPS {
                let mut bytes = [0; 8];
                let len = client.call(&number.to_ne_bytes(), &mut bytes);
                assert_eq!(len.expect("a response"), 8);
                assert_eq!(u64::from_ne_bytes(bytes), number);
            }
        },
    )
}

fn structures() -> [Structure; 10] {
    [
        measures!(
            "spsc",
            spsc::Ring::create(16 * ROOM)
                .map(|it: spsc::Ring| it)
                .expect("a ring"),
            producer,
            consumer,
            |it: &mut spsc::Producer, n: u64| it.send(&n.to_ne_bytes()).expect("room"),
            |it: &mut spsc::Consumer| number(|bytes| it.recv(bytes))
        ),
        measures!(
            "doorbell",
            doorbell::Ring::create(16 * ROOM, doorbell::Bells::Event).expect("a ring"),
            producer,
            consumer,
            |it: &mut doorbell::Producer, n: u64| it.send(&n.to_ne_bytes()).expect("room"),
            |it: &mut doorbell::Consumer| number(|bytes| it.recv(bytes))
        ),
        measures!(
            "mpsc",
            mpsc::Ring::create(1, 16 * ROOM)
                .map(|it: mpsc::Ring| it)
                .expect("a ring"),
            producer,
            consumer,
            |it: &mut mpsc::Producer, n: u64| it.send(&n.to_ne_bytes()).expect("room"),
            event
        ),
        measures!(
            "mpmc",
            mpmc::Ring::create(ROOM, 8)
                .map(|it: mpmc::Ring| it)
                .expect("a ring"),
            producer,
            consumer,
            |it: &mut mpmc::Producer, n: u64| it.send(&n.to_ne_bytes()).expect("room"),
            |it: &mut mpmc::Consumer| number(|bytes| it.recv(bytes))
        ),
        measures!(
            back "broadcast",
            broadcast::Ring::create(ROOM, 8).map(|it: broadcast::Ring| it).expect("a ring"),
            writer,
            reader_from_oldest,
            |it: &mut broadcast::Writer, n: u64| it.send(&n.to_ne_bytes()).expect("a slot"),
            |it: &mut broadcast::Reader| number(|bytes| it.recv(bytes))
        ),
        measures!(
            back "broadcast::loans",
            loans(8),
            writer,
            reader_from_oldest,
            |it: &mut loans::Writer, n: u64| lend_to_all(it, 8, n),
            |it: &mut loans::Reader| borrow(it)
        ),
        measures!(
            back "broadcast::loans, of a mebibyte",
            loans(MEBIBYTE),
            writer,
            reader_from_oldest,
            |it: &mut loans::Writer, n: u64| lend_to_all(it, MEBIBYTE, n),
            |it: &mut loans::Reader| borrow(it)
        ),
        measures!(
            "pool",
            pool(),
            producer,
            consumer,
            |it: &mut rawipc::ring::pool::Producer, n: u64| lend(it, n),
            |it: &mut rawipc::ring::pool::Consumer| {
                let message = it.recv().expect("a message");
                number(|bytes| message.read_at(0, bytes).map(|()| 8))
            }
        ),
        measures!(
            back "latest",
            latest::Value::<u64>::create(1).expect("a value"),
            writer,
            reader,
            |it: &mut latest::Writer<u64>, n: u64| it.write(&n).expect("written"),
            |it: &mut latest::Reader<u64>| it.read_newer().expect("a value")
        ),
        Structure {
            name: "call",
            one_way: None,
            there_and_back: calls,
        },
    ]
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let structures = structures();
    let mut times = structures.each_ref().map(|_| (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        for (structure, (one_way, back)) in structures.iter().zip(&mut times) {
            one_way.extend(structure.one_way.map(|run| run()));
            back.push((structure.there_and_back)());
        }
    }
    println!("| 8 bytes, ns | one way | there and back |");
    println!("|---|---|---|");
    for (structure, (one_way, back)) in structures.iter().zip(times) {
        let one_way = match one_way.is_empty() {
            true => String::new(),
            false => format!("{:.0}", median(one_way)),
        };
        println!("| {} | {one_way} | {:.0} |", structure.name, median(back));
    }
}
