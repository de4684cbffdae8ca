//! A peer writes what it likes over a broadcast ring's memory while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::broadcast::Ring;
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

fuzz_target!(|input: Input| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input) {
    let ring = Ring::<W>::create(8, 64).expect("a ring");
    let memory = MapOptions::shared(3 * PAGE)
        .map(ring.as_fd())
        .expect("mapped");
    let mut writer = ring.writer().expect("a writer");
    let mut reader = ring.reader().expect("a reader");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    // Not over what the head says once and for all.
                    let at = 64 + usize::from(at) % (3 * PAGE - 72);
                    memory.write(at, &value).expect("in the memory");
                }
                std::hint::spin_loop();
            }
        });
        let mut buffer = [0; 64];
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(20));
            let _ = writer.send(&[2; 256][..len.into()]);
            let _ = reader.recv_until(&mut buffer, moment);
            let _ = (ring.reader().is_ok(), ring.writer().is_ok(), reader.peer());
        }
        done.store(true, Ordering::Relaxed);
        scribbler.join().expect("it writes until it is told");
    });
}
