//! A peer writes what it likes over the memory of a latest value while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::ring::latest::bytes;
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Where, and what.
    writes: Vec<(u16, u32)>,
    lens: Vec<u8>,
}

const PAGE: usize = 4096;
const LIMIT: usize = 100;

fuzz_target!(|input: Input| {
    let value = bytes::Value::create(2, LIMIT).expect("a value");
    let memory = MapOptions::shared(4 * PAGE)
        .map(value.as_fd())
        .expect("mapped");
    let mut writer = value.writer().expect("an end");
    // One of them without a seat.
    let mut readers = [(); 3].map(|()| value.reader().expect("an end"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, number) in &input.writes {
                    // The beginning of each page is what matters.
                    let at = usize::from(at) % (4 * PAGE - 4);
                    let at = at / PAGE * PAGE + at % 512;
                    memory.write(at, &number).expect("in the memory");
                }
                std::hint::spin_loop();
            }
        });
        let mut buffer = [0; 2 * LIMIT];
        for &len in &input.lens {
            let moment = Deadline::after(Duration::from_micros(20));
            let _ = writer.write(&buffer[..usize::from(len) % (LIMIT + 2)]);
            for reader in &mut readers {
                let _ = reader.read(&mut buffer);
                let _ = reader.try_read_newer(&mut buffer);
                let _ = reader.read_newer_until(&mut buffer, moment);
                let _ = (reader.peer(), reader.version());
            }
            if let Ok(mut another) = value.reader_until(moment) {
                let _ = another.read(&mut buffer);
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
