//! A peer writes what it likes over a condition variable and its mutex while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::Deadline;
use rawipc::members::Region;
use rawipc::sync::{Condvar, Mutex};

#[derive(Arbitrary, Debug)]
struct Input {
    /// The values to write: to the word of the mutex if `true`, else to that of the condition variable.
    words: Vec<(bool, u32)>,
    calls: Vec<u8>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let users = region.map().expect("mapped");
    let me = region.join().expect("a member");
    let mutex = users.object::<Mutex<u64>>(0).expect("room");
    let changed = users.object::<Condvar>(64).expect("room");
    let raw = region.map().expect("mapped");
    let lock: &AtomicU32 = raw.object(0).expect("room");
    let word: &AtomicU32 = raw.object(64).expect("room");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(is_lock, bits) in &input.words {
                    let (word, bits) = match is_lock {
                        // Of nobody, mostly, or the calls would not come far.
                        true => (lock, bits & (3 << 30 | 1)),
                        false => (word, bits),
                    };
                    word.store(bits, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        for &call in &input.calls {
            let moment = Deadline::after(Duration::from_micros(20));
            let guard = match mutex.lock_until(&me, moment) {
                Ok(guard) => Some(guard),
                Err(error) => error.into_guard(),
            };
            if let Some(mut guard) = guard {
                guard.set(&u64::from(call & 1));
                let _ = match call >> 1 & 1 {
                    0 => changed.wait_until(guard, moment).map(drop),
                    _ => changed
                        .wait_while_until(guard, |value| *value == 0, moment)
                        .map(drop),
                };
            }
            changed.notify_one();
            changed.notify_all();
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
