//! A peer writes what it likes over what is done once while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::Deadline;
use rawipc::members::Region;
use rawipc::sync::{Once, OnceCell};

#[derive(Arbitrary, Debug)]
struct Input {
    /// The words to write, in order: whether that of the cell, whose number, and its bits.
    words: Vec<(bool, u8, u32)>,
    calls: Vec<u8>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let (Ok(one), Ok(two)) = (region.join(), region.join()) else {
        return;
    };
    let users = region.map().expect("mapped");
    let once = users.object::<Once>(0).expect("room");
    let cell = users.object::<OnceCell<[u64; 4]>>(64).expect("room");
    let raw = region.map().expect("mapped");
    let words: [&AtomicU32; 3] = [0, 64, 72].map(|at| raw.object(at).expect("room"));
    let owners = [0, one.number(), two.number(), 77, (1 << 30) - 1];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(is_cell, owner, bits) in &input.words {
                    let owner = owners[usize::from(owner) % owners.len()];
                    words[usize::from(is_cell)].store(bits & 3 << 30 | owner, Ordering::Relaxed);
                    words[2].store(bits, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        for &call in &input.calls {
            let me = if call & 1 == 0 { &one } else { &two };
            let moment = Deadline::after(Duration::from_micros(20));
            match call >> 1 & 7 {
                0 | 1 => {
                    let begun = match call & 2 {
                        0 => once.try_begin(me),
                        _ => once.begin_until(me, moment),
                    };
                    if let Ok(Some(run)) = begun
                        && call & 32 != 0
                    {
                        run.finish();
                    }
                }
                2 => drop(cell.try_get_or_init(me, || [1; 4])),
                3 => drop(cell.get_or_init_until(me, || [2; 4], moment)),
                _ => drop(cell.get()),
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
