//! Arbitrary bytes as a pool's memory: opened, attached and used, they cause errors and nothing
//! else.
#![no_main]

use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::memfd::{self, MemfdFlags, Seals};
use rawipc::ring::pool::{Class, Pool};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Keeps the head acceptable if set, so that the rest is reached.
    genuine: bool,
    spin: bool,
    /// What is written over the pool's words, the first slots and the first chunks' words.
    words: [u8; 512],
    slots: [u64; 8],
    chunks: [u64; 4],
    head: &'a [u8],
}

const PAGE: usize = 4096;
const WORDS_AT: u64 = 128;
const CHUNK: u64 = 64;

fuzz_target!(|input: Input<'_>| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input<'_>) {
    let class = |size, count| Class { size, count };
    let genuine = Pool::<W>::create(&[class(64, 3), class(256, 1)], 4).expect("a pool");
    let mut head = [0; 128];
    pread(&genuine, &mut head);
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    memfd.set_size(5 * PAGE as u64).expect("a size");
    let write = |at: u64, bytes: &[u8]| {
        memfd.write_at(at, bytes).expect("written");
    };
    if input.genuine {
        write(0, &head);
    } else {
        write(0, &input.head[..input.head.len().min(PAGE)]);
    }
    write(WORDS_AT, &input.words);
    for (index, word) in (0..).zip(&input.slots) {
        write(PAGE as u64 + 8 * index, &word.to_ne_bytes());
    }
    for (index, word) in (0..).zip(&input.chunks) {
        write(2 * PAGE as u64 + CHUNK * index, &word.to_ne_bytes());
    }
    memfd.seal(Seals::SHRINK).expect("sealed");
    let Ok(pool) = Pool::<W>::open(OwnedFd::from(memfd)) else {
        assert!(!input.genuine, "a genuine head is accepted");
        return;
    };
    let moment = || Deadline::after(Duration::from_micros(50));
    let mut buffer = [0; 256];
    if let Ok(consumer) = pool.consumer() {
        for _ in 0..8 {
            if let Ok(message) = consumer.try_recv() {
                let _ = message.copy_to(&mut buffer);
                let _ = message.read_at(63, &mut buffer[..2]);
            }
        }
        let _ = consumer.recv_until(moment());
        let _ = (consumer.peer(), consumer.reclaimed());
    }
    if let Ok(producer) = pool.producer() {
        for len in [0, 1, 64, 65, 256, 257, usize::MAX] {
            if let Ok(mut loan) = producer.try_loan(len) {
                let _ = loan.write_at(len / 2, &buffer[..8]);
                let _ = loan.try_send();
            }
        }
        let _ = producer
            .loan_until(1, moment())
            .map(|loan| loan.send_until(moment()));
        let _ = (producer.peer(), producer.reclaimed());
    }
}

fn pread(pool: &impl AsFd, head: &mut [u8]) {
    let file = std::fs::File::from(pool.as_fd().try_clone_to_owned().expect("a copy"));
    std::os::unix::fs::FileExt::read_exact_at(&file, head, 0).expect("the head");
}
