//! A peer writes what it likes over the memory of a broadcast ring of loans while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::broadcast::loans::{Class, Ring};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    spin: bool,
    /// Where, and what.
    writes: Vec<(u16, u64)>,
    lens: Vec<u8>,
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
    let (writer, reader) = (
        ring.writer().expect("a writer"),
        ring.reader().expect("a reader"),
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    // Not over what the head says once and for all.
                    let at = 64 + usize::from(at) % (PAGES * PAGE - 72);
                    memory.write(at, &value).expect("in the memory");
                }
                std::hint::spin_loop();
            }
        });
        let mut buffer = [0; 64];
        let mut kept = None;
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(20));
            if let Ok(mut loan) = writer.try_loan(len.into()) {
                let _ = loan.write_at(0, &[2; 64][..usize::from(len).min(64)]);
                let _ = loan.send();
            }
            let message = reader.recv_until(moment).ok();
            if let Some(message) = &message {
                let _ = message.copy_to(&mut buffer);
            }
            kept = message;
            let _ = (ring.reader().is_ok(), ring.writer().is_ok(), reader.peer());
        }
        drop(kept);
        done.store(true, Ordering::Relaxed);
        scribbler.join().expect("it writes until it is told");
    });
}
