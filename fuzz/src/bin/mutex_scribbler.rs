//! A peer writes what it likes over a mutex, what it guards and the list of members while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::members::Region;
use rawipc::memory::MapOptions;
use rawipc::sync::Mutex;
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    /// The values to write into words, one after the other.
    words: Vec<(u8, u32)>,
    /// Where in the head, and what.
    head: Vec<(u16, u32)>,
    calls: Vec<u8>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let (Ok(one), Ok(two)) = (region.join(), region.join()) else {
        return;
    };
    let users = region.map().expect("mapped");
    let mutex = users.object::<Mutex<[u64; 4]>>(0).expect("room");
    let whole = MapOptions::shared(2 * PAGE)
        .map(region.as_fd())
        .expect("mapped");
    let raw = region.map().expect("mapped");
    let word: &AtomicU32 = raw.object(0).expect("room");
    let owners = [0, one.number(), two.number(), 77, (1 << 30) - 2];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(owner, bits) in &input.words {
                    let owner = owners[usize::from(owner) % owners.len()];
                    word.store(bits & 3 << 30 | owner, Ordering::Relaxed);
                    whole.write(PAGE + 8, &bits).expect("within");
                }
                for &(at, number) in &input.head {
                    let at = 64 + usize::from(at) % (PAGE / 4);
                    whole.write(at, &number).expect("within");
                }
                std::hint::spin_loop();
            }
        });
        for &call in &input.calls {
            let me = if call & 1 == 0 { &one } else { &two };
            let moment = Deadline::after(Duration::from_micros(20));
            let locked = match call >> 1 & 1 {
                0 => mutex.try_lock(me),
                _ => mutex.lock_until(me, moment),
            };
            let guard = match locked {
                Ok(guard) => Some(guard),
                Err(error) => error.into_guard(),
            };
            if let Some(mut guard) = guard {
                guard.update(|value| {
                    let number = &mut value[usize::from(call) % 4];
                    *number = number.wrapping_add(1);
                });
                if call & 16 != 0 {
                    guard.make_consistent();
                }
                if call & 224 == 224 {
                    guard.make_unrecoverable();
                }
            }
            if call & 8 != 0 {
                let _ = region.join().map(drop);
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
