//! A peer writes what it likes over the memory of a ring of many while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::mpmc;
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    spin: bool,
    capacity: u8,
    /// Where, and what.
    writes: Vec<(u16, u64)>,
    lens: Vec<u8>,
}

const PAGE: usize = 4096;
const LONGEST: usize = 48;

fuzz_target!(|input: Input| {
    if input.spin {
        run::<Spin>(&input);
    } else {
        run::<SpinThenFutex>(&input);
    }
});

fn run<W: Waiting>(input: &Input) {
    let capacity = usize::from(input.capacity % 32);
    let records = mpmc::Ring::<W>::create(capacity, LONGEST).expect("a ring");
    let items = mpmc::items::Ring::<u64, W>::create(capacity).expect("a ring");
    let memories = [records.as_fd(), items.as_fd()]
        .map(|fd| MapOptions::shared(2 * PAGE).map(fd).expect("mapped"));
    let (mut sender, mut receiver) = (
        records.producer().expect("an end"),
        records.consumer().expect("an end"),
    );
    let (mut pusher, mut popper) = (
        items.producer().expect("an end"),
        items.consumer().expect("an end"),
    );
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    let at = usize::from(at) % (2 * PAGE - 8);
                    for memory in &memories {
                        memory.write(at, &value).expect("in the memory");
                    }
                }
                std::hint::spin_loop();
            }
        });
        let (mut buffer, mut some) = ([0; LONGEST], [0; 20]);
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(20));
            let _ = sender.send_until(&buffer[..usize::from(len) % LONGEST], moment);
            let _ = receiver.recv_until(&mut buffer, moment);
            let _ = pusher.push_slice_until(&some[..usize::from(len) % 20], moment);
            let _ = popper.pop_slice_until(&mut some, moment);
            let _ = (sender.peer(), popper.peer(), popper.statistics());
            // Newcomers find what was written to the lists and hints.
            if let Ok(mut newcomer) = items.producer() {
                let _ = newcomer.try_push(&1);
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
}
