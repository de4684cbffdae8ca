//! A peer writes what it likes over a service's memory while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::call::Service;
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Where, and what.
    writes: Vec<(u16, u64)>,
    lens: Vec<u16>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    let service = Service::create(2, 1024, 1024).expect("a service");
    let size = 3 * PAGE;
    let memory = MapOptions::shared(size)
        .map(service.as_fd())
        .expect("mapped");
    let client = service.client().expect("an end");
    let server = service.server().expect("an end");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, value) in &input.writes {
                    // Most of it where words are.
                    let at = match at % 3 {
                        0 => PAGE + 8 * (usize::from(at / 4) % 16),
                        _ => usize::from(at) % (size - 8),
                    };
                    memory.write(at, &value).expect("in the memory");
                }
                std::hint::spin_loop();
            }
        });
        let serving = scope.spawn(|| {
            let mut buffer = [0; 1024];
            let server = server;
            while !done.load(Ordering::Relaxed) {
                if let Ok(request) = server.recv_until(Deadline::after(Duration::from_micros(20))) {
                    let len = request.copy_to(&mut buffer).unwrap_or(0);
                    let _ = request.respond(&buffer[..len]);
                }
            }
        });
        let mut buffer = [0; 1024];
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(40));
            let len = usize::from(len) % 1024;
            let _ = client.call_until(&[7; 1024][..len], &mut buffer, moment);
            let _ = client.peer();
            // Attaching, too.
            drop((service.client(), service.server()));
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the threads' work alone, and what a thread still has then
        // looks like a leak.
        scribbler.join().expect("it writes until it is told");
        serving.join().expect("it serves until it is told");
    });
});
