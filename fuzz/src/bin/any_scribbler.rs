//! A peer writes what it likes over what is waited for together, while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::members::Region;
use rawipc::sync::{
    AutoResetEvent, Latch, ManualResetEvent, Once, OnceCell, Semaphore, Waitable, try_wait_any,
    wait_any_until,
};
use rawipc::{Deadline, Errno};

#[derive(Arbitrary, Debug)]
struct Input {
    /// The words to write, in order: whose, and its bits.
    words: Vec<(u8, u32)>,
    /// How each call waits, and for which: the first that it names comes first, some may be there twice.
    calls: Vec<(bool, Vec<u8>)>,
}

const PAGE: usize = 4096;

/// Where each lies, in a line of its own.
const PLACES: [usize; 6] = [0, 64, 128, 192, 256, 320];

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let Ok(me) = region.join() else {
        return;
    };
    let users = region.map().expect("mapped");
    let semaphore: &Semaphore = users.object(PLACES[0]).expect("room");
    let auto: &AutoResetEvent = users.object(PLACES[1]).expect("room");
    let manual: &ManualResetEvent = users.object(PLACES[2]).expect("room");
    let latch: &Latch = users.object(PLACES[3]).expect("room");
    let once: &Once = users.object(PLACES[4]).expect("room");
    let cell: &OnceCell<u64> = users.object(PLACES[5]).expect("room");
    let all: [&dyn Waitable; 6] = [semaphore, auto, manual, latch, once, cell];
    let raw = region.map().expect("mapped");
    let words: [&AtomicU32; 6] = PLACES.map(|at| raw.object(at).expect("room"));
    let number = me.number();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, bits) in &input.words {
                    let bits = if bits & 31 == 0 { number } else { bits };
                    words[usize::from(at) % words.len()].store(bits, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        for (waits, which) in &input.calls {
            let list: Vec<_> = (which.iter())
                .map(|&at| all[usize::from(at) % all.len()])
                .collect();
            let waited = match waits {
                true => wait_any_until(&list, Deadline::after(Duration::from_micros(20))),
                false => try_wait_any(&list),
            };
            match waited {
                Ok(index) => assert!(index < list.len()),
                Err(Errno::INVAL) => assert!(list.is_empty() || list.len() > 128),
                Err(errno) => assert!(matches!(errno, Errno::AGAIN | Errno::TIMEDOUT), "{errno}"),
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
