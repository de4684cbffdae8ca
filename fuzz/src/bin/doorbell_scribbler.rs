//! A peer writes what it likes over the memory of a ring with bells, and rings and empties them,
//! while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::Deadline;
use rawipc::event::timerfd::TimerFd;
use rawipc::memory::MapOptions;
use rawipc::ring::doorbell::{Bells, Ring};
use rawipc::ring::{Choice, select};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Where, and what.
    writes: Vec<(u16, u64)>,
    lens: Vec<u16>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    let ring = Ring::create(PAGE, Bells::Timer).expect("a ring");
    let [memory, data, room] = ring.descriptors();
    let memory = MapOptions::shared(2 * PAGE).map(memory).expect("mapped");
    let bells = [data, room].map(|bell| TimerFd::from(bell.try_clone_to_owned().expect("a copy")));
    let mut producer = ring.producer().expect("an end");
    let mut consumer = ring.consumer().expect("an end");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    let at = usize::from(at) % (2 * PAGE - 8);
                    memory.write(at, &value).expect("in the memory");
                    let [data, room] = &bells;
                    let bell = if value % 2 == 0 { data } else { room };
                    let _ = bell.try_wait();
                }
                std::hint::spin_loop();
            }
        });
        let mut buffer = [0; PAGE];
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(20));
            let _ = producer.send_until(&buffer[..usize::from(len) % PAGE], moment);
            let _ = consumer.recv_until(&mut buffer, moment);
            let _ = (consumer.arm(), producer.arm());
            let mut choices = [Choice::Recv(&mut consumer), Choice::Send(&mut producer)];
            let _ = select(&mut choices, moment);
            let _ = (producer.peer(), consumer.peer());
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
