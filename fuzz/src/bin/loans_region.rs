//! Arbitrary bytes as the memory of a broadcast ring of loans: opened, attached and used, they cause
//! errors and nothing else.
#![no_main]

use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::broadcast::loans::{Class, Ring};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline, OwnedFd};

#[derive(Arbitrary, Debug)]
struct Input {
    spin: bool,
    /// The words to write, and their places in the head, and over slots, handles and chunks' words.
    writes: Vec<(u16, u64)>,
}

const PAGE: usize = 4096;

/// The head, three pages of words, one of chunks.
const PAGES: usize = 5;

fuzz_target!(|input: Input| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input) {
    let class = Class {
        size: 64,
        count: 12,
    };
    let ring = Ring::<W>::create(&[class], 8).expect("a ring");
    let memory = MapOptions::shared(PAGES * PAGE)
        .map(ring.as_fd())
        .expect("mapped");
    for &(at, value) in &input.writes {
        let at = usize::from(at) % (PAGES * PAGE - 8);
        memory.write(at, &value).expect("in the memory");
    }
    let fd = ring.as_fd().try_clone_to_owned().expect("a copy");
    let Ok(ring) = Ring::<W>::open(OwnedFd::from(fd)) else {
        return;
    };
    let moment = Deadline::after(Duration::from_micros(50));
    let mut buffer = [0; 64];
    for reader in [ring.reader(), ring.reader_from_oldest()] {
        let Ok(reader) = reader else { continue };
        let kept: Vec<_> = (0..16).filter_map(|_| reader.try_recv().ok()).collect();
        for message in &kept {
            let _ = message.copy_to(&mut buffer);
            let _ = message.read_at(message.len() / 2, &mut buffer[..7]);
        }
        drop(kept);
        let _ = reader.recv_until(moment).map(drop);
        let _ = (reader.peer(), reader.position(), reader.statistics());
    }
    let Ok(writer) = ring.writer() else { return };
    for len in [0, 1, 8, 63, 64, 65] {
        let Ok(mut loan) = writer.try_loan(len) else {
            continue;
        };
        let _ = loan.write_at(0, &buffer[..len]);
        let _ = loan.read_at(0, &mut buffer);
        let _ = loan.send();
    }
    // Until what the dead have is looked for.
    let mut kept = Vec::new();
    for _ in 0..1100 {
        kept.extend(writer.try_loan(1).ok());
    }
    let _ = (writer.statistics(), writer.reclaimed());
}
