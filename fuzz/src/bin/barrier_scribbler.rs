//! A peer writes what it likes over a barrier while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::Deadline;
use rawipc::members::Region;
use rawipc::sync::Barrier;

#[derive(Arbitrary, Debug)]
struct Input {
    /// The words to write, in order: which one, whose number or none, and its bits.
    words: Vec<(u8, u8, u32)>,
    calls: Vec<u8>,
}

const PAGE: usize = 4096;
const WORDS: usize = 1 + 2 * 3;

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let (Ok(one), Ok(two)) = (region.join(), region.join()) else {
        return;
    };
    let users = region.map().expect("mapped");
    let barrier = users.object::<Barrier<3>>(0).expect("room");
    let raw = region.map().expect("mapped");
    let words = raw.objects::<AtomicU32>(0, WORDS).expect("room");
    let owners = [0, one.number(), two.number(), 77];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(word, owner, bits) in &input.words {
                    let owner = owners.get(usize::from(owner));
                    let value = owner.copied().unwrap_or(bits);
                    words[usize::from(word) % WORDS].store(value, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        let mut seats = [None, None];
        for &call in &input.calls {
            let which = usize::from(call & 1);
            let me = [&one, &two][which];
            let seat = &mut seats[which];
            match (call >> 1 & 7, seat.as_mut()) {
                (0..=3, None) => *seat = barrier.join(me).ok(),
                (0 | 1, Some(seat)) => _ = seat.try_wait(),
                (2 | 3, Some(seat)) => {
                    let moment = Deadline::after(Duration::from_micros(20));
                    _ = seat.wait_until(moment);
                }
                (4, _) => _ = barrier.reset(),
                (5, _) => *seat = None,
                _ => _ = barrier.is_broken(),
            }
        }
        drop(seats);
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
