//! A peer writes what it likes over a pool's memory while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::pool::{Class, Pool};
use rawipc::ring::{Spin, SpinThenFutex, Waiting};
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    spin: bool,
    /// Where, and what.
    writes: Vec<(u16, u64)>,
    lens: Vec<u16>,
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
    let class = |size, count| Class { size, count };
    let pool = Pool::<W>::create(&[class(64, 3), class(1024, 2)], 4).expect("a pool");
    let size = 5 * PAGE;
    let memory = MapOptions::shared(size).map(pool.as_fd()).expect("mapped");
    let producer = pool.producer().expect("an end");
    let consumer = pool.consumer().expect("an end");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    // Most of it where words are.
                    let at = match at % 4 {
                        0 => PAGE + 8 * (usize::from(at / 4) % 8),
                        1 => 2 * PAGE + 64 * (usize::from(at / 4) % 5),
                        _ => usize::from(at) % (size - 8),
                    };
                    memory.write(at, &value).expect("in the memory");
                }
                std::hint::spin_loop();
            }
        });
        let mut buffer = [0; 1024];
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(20));
            let len = usize::from(len) % 1024;
            if let Ok(mut loan) = producer.loan_until(len, moment) {
                let _ = loan.write_at(0, &buffer[..len]);
                let _ = loan.send_until(moment);
            }
            if let Ok(message) = consumer.recv_until(moment) {
                let _ = message.copy_to(&mut buffer);
                let _ = message.release();
            }
            let _ = producer.try_loan(len).map(|loan| loan.try_send().is_ok());
            let _ = (producer.peer(), consumer.peer());
            // Attaching, too.
            drop((pool.producer(), pool.consumer()));
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
}
