//! A peer writes what it likes over a value that is read without waiting while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::Deadline;
use rawipc::members::Region;
use rawipc::sync::SeqLock;

#[derive(Arbitrary, Debug)]
struct Input {
    /// The words to write, in order: whose turn it is, and what was published.
    words: Vec<(u8, u32, u64)>,
    calls: Vec<u8>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let (Ok(one), Ok(two)) = (region.join(), region.join()) else {
        return;
    };
    let users = region.map().expect("mapped");
    let lock = users.object::<SeqLock<[u64; 9]>>(0).expect("room");
    let raw = region.map().expect("mapped");
    let turn: &AtomicU32 = raw.object(0).expect("room");
    let numbers: &[AtomicU64] = raw.objects(8, 19).expect("room");
    let owners = [0, one.number(), two.number(), 77, (1 << 30) - 1];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(owner, bits, number) in &input.words {
                    let at = usize::from(owner);
                    turn.store(
                        bits & 3 << 30 | owners[at % owners.len()],
                        Ordering::Relaxed,
                    );
                    numbers[0].store(number, Ordering::Relaxed);
                    numbers[at % numbers.len()].store(number, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        for &call in &input.calls {
            let me = if call & 1 == 0 { &one } else { &two };
            let moment = Deadline::after(Duration::from_micros(20));
            let written = match call >> 1 & 3 {
                0 => lock.try_write(me),
                1 => lock.write_until(me, moment),
                _ => {
                    let _ = lock.try_read();
                    continue;
                }
            };
            if let Ok(mut turn) = written {
                turn.update(|value| {
                    let number = &mut value[usize::from(call) % 9];
                    *number = number.wrapping_add(1);
                });
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
