//! A peer writes what it likes over the memory of a ring of many producers while calls run and
//! producers come and go.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::{Spin, SpinThenFutex, Waiting, mpsc};
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    spin: bool,
    /// Where, and what.
    writes: Vec<(u16, u64)>,
    lens: Vec<u16>,
}

const PAGE: usize = 4096;
const LANES: usize = 3;
const SIZE: usize = (2 + LANES) * PAGE;

fuzz_target!(|input: Input| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input) {
    let ring = mpsc::Ring::<W>::create(LANES, PAGE).expect("a ring");
    let memory = MapOptions::shared(SIZE).map(ring.as_fd()).expect("mapped");
    let mut producers = [(); 2].map(|()| ring.producer().expect("an end"));
    let mut consumer = ring.consumer().expect("an end");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    // Not over what the ring says of itself: that has been read.
                    let at = 64 + usize::from(at) % (SIZE - 72);
                    memory.write(at, &value).expect("in the memory");
                }
                std::hint::spin_loop();
            }
        });
        let mut buffer = [0; PAGE];
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(20));
            for producer in &mut producers {
                let _ = producer.send_until(&buffer[..usize::from(len) % PAGE], moment);
            }
            let _ = consumer.recv_until(&mut buffer, moment);
            let _ = consumer.batch().recv(&mut buffer);
            let _ = (producers[0].peer(), consumer.producers());
            // One comes and goes.
            if let Ok(mut third) = ring.producer() {
                let _ = third.try_send(b"x");
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
}
