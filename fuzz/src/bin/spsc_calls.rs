//! Any sequence of calls on both ends does what a queue does.
#![no_main]

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::ring::{Error, spsc};

#[derive(Arbitrary, Debug)]
enum Call {
    Send(u16),
    Reserve {
        len: u16,
        truncate: u16,
        commit: bool,
    },
    SendBatch {
        lens: [u8; 5],
        commit: bool,
    },
    Receive {
        room: u16,
    },
    Peek,
    ReceiveBatch {
        count: u8,
        release: bool,
    },
    NewProducer {
        close: bool,
    },
    NewConsumer {
        close: bool,
    },
}

fn record(len: usize, number: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 3 + number) as u8).collect()
}

fuzz_target!(|calls: Vec<Call>| {
    let ring: spsc::Ring = spsc::Ring::create(4096).expect("a ring");
    let capacity = ring.capacity();
    let mut producer = ring.producer().expect("an end");
    let mut consumer = ring.consumer().expect("an end");
    let mut model = VecDeque::<Vec<u8>>::new();
    let size = |len: usize| 8 + len.next_multiple_of(8);
    let mut number = 0;
    let mut buffer = vec![0; 1 << 16];
    for call in calls {
        number += 1;
        let used: usize = model.iter().map(|record| size(record.len())).sum();
        let fits = |len: usize| used + size(len) <= capacity;
        match call {
            Call::Send(len) => {
                let record = record(usize::from(len), number);
                match producer.try_send(&record) {
                    Ok(()) => {
                        assert!(fits(record.len()));
                        model.push_back(record);
                    }
                    Err(Error::TooLong { .. }) => assert!(record.len() > capacity - 8),
                    Err(error) => {
                        assert_eq!(error, Error::WouldBlock);
                        assert!(!fits(record.len()));
                    }
                }
            }
            Call::Reserve {
                len,
                truncate,
                commit,
            } => {
                let mut bytes = record(usize::from(len), number);
                if let Ok(mut reservation) = producer.try_reserve(bytes.len()) {
                    let (first, second) = bytes.split_at(bytes.len() / 3);
                    reservation.write(first).expect("room");
                    reservation.write(second).expect("room");
                    reservation.truncate(usize::from(truncate));
                    bytes.truncate(usize::from(truncate));
                    if commit {
                        reservation.commit().expect("committed");
                        model.push_back(bytes);
                    }
                }
            }
            Call::SendBatch { lens, commit } => {
                let mut batch = producer.batch();
                let mut sent = Vec::new();
                for len in lens {
                    let record = record(usize::from(len), number);
                    if batch.send(&record).is_ok() {
                        sent.push(record);
                    }
                }
                if commit {
                    batch.commit().expect("committed");
                    model.extend(sent);
                }
            }
            Call::Receive { room } => {
                let room = usize::from(room);
                match (consumer.try_recv(&mut buffer[..room]), model.front()) {
                    (Ok(len), Some(record)) => {
                        assert!(buffer[..len] == **record);
                        model.pop_front();
                    }
                    (Err(Error::TooLong { len, limit }), Some(record)) => {
                        assert_eq!((len, limit), (record.len(), room));
                        assert!(len > room);
                    }
                    (Err(Error::WouldBlock), None) => {}
                    (result, front) => panic!("{result:?} with {front:?}"),
                }
            }
            Call::Peek => match (consumer.try_peek(), model.front()) {
                (Ok(peeked), Some(record)) => {
                    assert_eq!(peeked.len(), record.len());
                    let half = record.len() / 2;
                    peeked
                        .read_at(half, &mut buffer[..record.len() - half])
                        .expect("in the record");
                    assert!(buffer[..record.len() - half] == record[half..]);
                }
                (Err(Error::WouldBlock), None) => {}
                (result, front) => panic!("{result:?} with {front:?}"),
            },
            Call::ReceiveBatch { count, release } => {
                let mut batch = consumer.batch();
                let mut received = 0;
                for record in model.iter().take(usize::from(count)) {
                    let len = batch.recv(&mut buffer).expect("a record");
                    assert!(buffer[..len] == **record);
                    received += 1;
                }
                if release {
                    batch.release().expect("released");
                    model.drain(..received);
                }
            }
            Call::NewProducer { close } => {
                if close {
                    drop(producer);
                } else {
                    producer.detach();
                }
                producer = ring.producer().expect("an end");
            }
            Call::NewConsumer { close } => {
                if close {
                    drop(consumer);
                } else {
                    consumer.detach();
                }
                consumer = ring.consumer().expect("an end");
            }
        }
    }
    for record in model {
        assert_eq!(consumer.try_recv(&mut buffer), Ok(record.len()));
        assert!(buffer[..record.len()] == *record);
    }
    assert_eq!(consumer.try_recv(&mut buffer), Err(Error::WouldBlock));
});
