//! Arbitrary bytes as the memory of a ring of many: opened, attached and used, they cause
//! errors and nothing else.
#![no_main]

use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::memfd::{self, MemfdFlags, Seals};
use rawipc::ring::mpmc;
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Keeps the head acceptable if set, so that the rest is reached.
    genuine: bool,
    spin: bool,
    capacity: u8,
    /// What is written over the ring's words: hints, who is attached, counts.
    words: &'a [u8],
    slots: &'a [u8],
    head: &'a [u8],
}

const PAGE: usize = 4096;
const WORDS_AT: u64 = 128;
const LONGEST: usize = 48;

fuzz_target!(|input: Input<'_>| {
    if input.spin {
        records::<Spin>(&input);
        items::<Spin>(&input);
    } else {
        records::<SpinThenFutex>(&input);
        items::<SpinThenFutex>(&input);
    }
});

/// A memory that begins as that of `genuine`, or as the input says, and then is what that says.
fn forged(genuine: impl AsFd, input: &Input<'_>) -> OwnedFd {
    let file = std::fs::File::from(genuine.as_fd().try_clone_to_owned().expect("a copy"));
    let size = file.metadata().expect("a size").len();
    let mut head = [0; 64];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut head, 0).expect("the head");
    let memfd = memfd::create("fuzz", MemfdFlags::empty()).expect("a memfd");
    memfd.set_size(size).expect("a size");
    let write = |at: u64, bytes: &[u8]| {
        memfd.write_at(at, bytes).expect("written");
    };
    if input.genuine {
        write(0, &head);
    } else {
        write(0, &input.head[..input.head.len().min(PAGE)]);
    }
    write(WORDS_AT, &input.words[..input.words.len().min(PAGE - 128)]);
    write(PAGE as u64, &input.slots[..input.slots.len().min(PAGE)]);
    memfd.seal(Seals::SHRINK).expect("sealed");
    memfd.into()
}

fn capacity(input: &Input<'_>) -> usize {
    usize::from(input.capacity % 32)
}

fn moment() -> Deadline {
    Deadline::after(Duration::from_micros(50))
}

fn records<W: Waiting>(input: &Input<'_>) {
    let genuine = mpmc::Ring::<W>::create(capacity(input), LONGEST).expect("a ring");
    let Ok(ring) = mpmc::Ring::<W>::open(forged(genuine, input)) else {
        assert!(!input.genuine, "a genuine head is accepted");
        return;
    };
    let mut buffer = [0; LONGEST];
    if let Ok(mut consumer) = ring.consumer() {
        for _ in 0..4 {
            let _ = consumer.try_recv(&mut buffer);
            let _ = consumer.try_recv(&mut buffer[..3]);
        }
        let _ = consumer.recv_until(&mut buffer, moment());
        let _ = (consumer.peer(), consumer.statistics());
    }
    if let Ok(mut producer) = ring.producer() {
        for len in [0, 1, 8, LONGEST] {
            let _ = producer.try_send(&buffer[..len]);
        }
        let _ = producer.send_until(&buffer, moment());
        let _ = (producer.peer(), producer.statistics());
    }
}

fn items<W: Waiting>(input: &Input<'_>) {
    type Item = [u64; 3];
    let genuine = mpmc::items::Ring::<Item, W>::create(capacity(input)).expect("a ring");
    let Ok(ring) = mpmc::items::Ring::<Item, W>::open(forged(genuine, input)) else {
        assert!(!input.genuine, "a genuine head is accepted");
        return;
    };
    let mut buffer = [[0; 3]; 20];
    if let Ok(mut producer) = ring.producer() {
        let _ = producer.try_push(&[1; 3]);
        let _ = producer.try_push_slice(&buffer);
        let _ = producer.push_slice_until(&buffer, moment());
    }
    if let Ok(mut consumer) = ring.consumer() {
        let _ = consumer.try_pop();
        let _ = consumer.try_pop_slice(&mut buffer);
        let _ = consumer.pop_slice_until(&mut buffer, moment());
    }
}
