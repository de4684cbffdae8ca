//! Arbitrary bytes as a ring's memory: opened, attached and used, they cause
//! errors and nothing else.
#![no_main]

use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::memfd::{self, MemfdFlags, Seals};
use rawipc::ring::{Spin, SpinThenFutex, Waiting, spsc};
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Keeps the head acceptable if set, so that the rest is reached.
    genuine: bool,
    spin: bool,
    /// What is written over the ring's words, and at the beginning of the data.
    words: [u8; 256],
    data: &'a [u8],
    head: &'a [u8],
}

const PAGE: usize = 4096;
const WORDS_AT: u64 = 128;

fuzz_target!(|input: Input<'_>| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input<'_>) {
    let genuine = spsc::Ring::<W>::create(PAGE).expect("a ring");
    let mut head = [0; 128];
    rustix_pread(&genuine, &mut head);
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    memfd.set_size(2 * PAGE as u64).expect("a size");
    let write = |at: u64, bytes: &[u8]| {
        memfd.write_at(at, bytes).expect("written");
    };
    if input.genuine {
        write(0, &head);
    } else {
        write(0, &input.head[..input.head.len().min(PAGE)]);
    }
    write(WORDS_AT, &input.words);
    write(PAGE as u64, &input.data[..input.data.len().min(PAGE)]);
    memfd.seal(Seals::SHRINK).expect("sealed");
    let Ok(ring) = spsc::Ring::<W>::open(OwnedFd::from(memfd)) else {
        assert!(!input.genuine, "a genuine head is accepted");
        return;
    };
    let moment = Deadline::after(Duration::from_micros(50));
    let mut buffer = [0; PAGE];
    if let Ok(mut consumer) = ring.consumer() {
        for _ in 0..8 {
            let _ = consumer.try_recv(&mut buffer);
            let _ = consumer.batch().recv(&mut buffer);
        }
        let _ = consumer.recv_until(&mut buffer, moment);
        let _ = consumer.as_bytes().read_until(&mut buffer[..7], moment);
        let _ = consumer.peer();
    }
    if let Ok(mut producer) = ring.producer() {
        for len in [0, 1, 8, 1000, PAGE - 8, PAGE] {
            let _ = producer.try_send(&buffer[..len]);
        }
        let _ = producer.send_until(&buffer, moment);
        let _ = producer.batch().send(b"batch");
        let _ = producer.peer();
    }
}

fn rustix_pread(ring: &impl AsFd, head: &mut [u8]) {
    let file = std::fs::File::from(ring.as_fd().try_clone_to_owned().expect("a copy"));
    std::os::unix::fs::FileExt::read_exact_at(&file, head, 0).expect("the head");
}
