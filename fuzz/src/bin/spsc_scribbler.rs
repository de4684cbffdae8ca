//! A peer writes what it likes over the ring's memory while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::spsc::{self, items};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, BorrowedFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    spin: bool,
    items: bool,
    /// Where, and what.
    writes: Vec<(u16, u64)>,
    lens: Vec<u16>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    match (input.items, input.spin) {
        (false, false) => records::<SpinThenFutex>(&input),
        (false, true) => records::<Spin>(&input),
        (true, false) => items::<SpinThenFutex>(&input),
        (true, true) => items::<Spin>(&input),
    }
});

/// Runs the calls while the memory is written to.
fn beside_scribbler(input: &Input, ring: BorrowedFd<'_>, calls: impl FnOnce()) {
    let memory = MapOptions::shared(2 * PAGE).map(ring).expect("mapped");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    let at = usize::from(at) % (2 * PAGE - 8);
                    // Half of them into the words.
                    let at = if value % 2 == 0 { at % 384 } else { at };
                    memory.write(at, &value).expect("in the memory");
                }
                std::hint::spin_loop();
            }
        });
        calls();
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
}

fn moment() -> Deadline {
    Deadline::after(Duration::from_micros(20))
}

fn records<W: Waiting>(input: &Input) {
    let ring = spsc::Ring::<W>::create(PAGE).expect("a ring");
    let (mut producer, mut consumer) = (ring.producer().ok(), ring.consumer().ok());
    beside_scribbler(input, ring.as_fd(), || {
        let mut buffer = [0; PAGE];
        for &len in &input.lens {
            if let (Some(producer), Some(consumer)) = (&mut producer, &mut consumer) {
                let _ = producer.send_until(&buffer[..usize::from(len) % PAGE], moment());
                let _ = consumer.recv_until(&mut buffer, moment());
                let _ = consumer.batch().recv(&mut buffer);
                let _ = (producer.peer(), consumer.peer());
                let _ = (producer.statistics(), consumer.statistics());
            }
            if len % 8 == 0 {
                drop((producer.take(), consumer.take()));
                producer = ring.producer_until(moment()).ok();
                consumer = ring.consumer_until(moment()).ok();
            }
        }
    });
}

fn items<W: Waiting>(input: &Input) {
    let ring = items::Ring::<u64, W>::create(PAGE / 8).expect("a ring");
    let (mut producer, mut consumer) = (ring.producer().ok(), ring.consumer().ok());
    beside_scribbler(input, ring.as_fd(), || {
        let mut some = [0; 64];
        for &len in &input.lens {
            if let (Some(producer), Some(consumer)) = (&mut producer, &mut consumer) {
                let _ = producer.push_until(&u64::from(len), moment());
                let _ = consumer.pop_until(moment());
                let _ = producer.push_slice_until(&some[..usize::from(len) % 64], moment());
                let _ = consumer.pop_slice_until(&mut some, moment());
                let _ = consumer.batch().pop();
                let _ = (producer.peer(), consumer.peer());
                let _ = (producer.statistics(), consumer.statistics());
            }
            if len % 8 == 0 {
                drop((producer.take(), consumer.take()));
                producer = ring.producer_until(moment()).ok();
                consumer = ring.consumer_until(moment()).ok();
            }
        }
    });
}
