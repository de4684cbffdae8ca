//! Arbitrary bytes as the memory of a ring of many producers: opened, attached and used, they cause
//! errors and nothing else.
#![no_main]

use core::time::Duration;
use std::os::unix::fs::FileExt;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::memfd::{self, MemfdFlags, Seals};
use rawipc::ring::mpsc::{self, Next};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Keeps the head acceptable if set, so that the rest is reached.
    genuine: bool,
    spin: bool,
    lanes: u8,
    /// What is written over the ring's words, over those of lanes, and at the beginning of the data.
    words: [u8; 64],
    cells: [[u8; 256]; 3],
    data: &'a [u8],
    head: &'a [u8],
}

const PAGE: usize = 4096;
const WORDS_AT: u64 = 64;

fuzz_target!(|input: Input<'_>| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input<'_>) {
    let lanes = 1 + usize::from(input.lanes) % 4;
    let genuine = mpsc::Ring::<W>::create(lanes, PAGE).expect("a ring");
    let mut head = [0; 64];
    let file = std::fs::File::from(genuine.as_fd().try_clone_to_owned().expect("a copy"));
    file.read_exact_at(&mut head, 0).expect("the head");
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    memfd.set_size(((2 + lanes) * PAGE) as u64).expect("a size");
    let write = |at: usize, bytes: &[u8]| {
        memfd.write_at(at as u64, bytes).expect("written");
    };
    if input.genuine {
        write(0, &head);
    } else {
        write(0, &input.head[..input.head.len().min(PAGE)]);
    }
    memfd.write_at(WORDS_AT, &input.words).expect("written");
    for (index, cell) in input.cells.iter().enumerate() {
        write(PAGE + 256 * index, cell);
    }
    for lane in 0..lanes {
        write((2 + lane) * PAGE, &input.data[..input.data.len().min(PAGE)]);
    }
    memfd.seal(Seals::SHRINK).expect("sealed");
    let Ok(ring) = mpsc::Ring::<W>::open(OwnedFd::from(memfd)) else {
        assert!(!input.genuine, "a genuine head is accepted");
        return;
    };
    let moment = Deadline::after(Duration::from_micros(50));
    let mut buffer = [0; PAGE];
    let producers: Vec<_> = (0..2).map_while(|_| ring.producer().ok()).collect();
    if let Ok(mut consumer) = ring.consumer() {
        for _ in 0..8 {
            let _ = consumer.try_recv(&mut buffer);
            let _ = consumer.batch().recv(&mut buffer);
            if let Ok(Next::Gone(parting)) = consumer.try_peek() {
                let _ = parting.release();
            }
        }
        let _ = consumer.recv_until(&mut buffer, moment);
        let _ = consumer.wait_for_producer_until(moment);
        let _ = consumer.producers();
    }
    for mut producer in producers {
        for len in [0, 1, 8, 1000, PAGE - 8, PAGE] {
            let _ = producer.try_send(&buffer[..len]);
        }
        let _ = producer.send_until(&buffer, moment);
        let _ = producer.batch().send(b"batch");
        let _ = producer.peer();
    }
    let _ = ring.producer_until(moment);
    if let Ok(mut consumer) = ring.consumer() {
        for _ in 0..40 {
            let _ = consumer.try_recv(&mut buffer);
        }
    }
}
