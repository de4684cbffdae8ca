//! A peer writes what it likes over semaphores while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::sync::{HandOverSemaphore, PostError, Semaphore};
use rawipc::{Deadline, Errno};

#[derive(Arbitrary, Debug)]
struct Input {
    /// The words to write, in order: which one, and its bits.
    words: Vec<(u8, u32)>,
    /// The call to make, and its number of units.
    calls: Vec<(u8, u32)>,
}

/// Where the words are: that of a semaphore, and the two of one that hands over.
const WORDS: [usize; 3] = [0, 64, 68];

fuzz_target!(|input: Input| {
    let memory = MapOptions::shared(4096).map_anonymous().expect("mapped");
    let plain = memory.object::<Semaphore>(0).expect("room");
    let handing = memory.object::<HandOverSemaphore>(64).expect("room");
    let words = WORDS.map(|at| memory.object::<AtomicU32>(at).expect("room"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, bits) in &input.words {
                    // What is a state of an honest semaphore comes more often than by chance.
                    let bits = if at & 0x80 == 0 { bits } else { bits & 3 };
                    words[usize::from(at) % words.len()].store(bits, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        for &(call, count) in &input.calls {
            let moment = Deadline::after(Duration::from_micros(20));
            // Few units as often as many.
            let count = count >> (call >> 3);
            let waited = match call & 7 {
                0 => plain.wait_until(moment),
                1 => plain.try_wait(),
                2 | 3 => handing.wait_until(moment),
                4 => handing.try_wait(),
                call => {
                    let posted = match call {
                        5 => plain.post_many(count),
                        6 => handing.post_many(count),
                        _ => handing.post(),
                    };
                    if let Err(PostError::Overflow { posted }) = posted {
                        assert!(posted < count.max(1));
                    }
                    Ok(())
                }
            };
            assert!(matches!(
                waited,
                Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT)
            ));
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
