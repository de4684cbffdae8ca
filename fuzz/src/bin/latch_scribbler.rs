//! A peer writes what it likes over a latch and a group while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::members::Region;
use rawipc::sync::{Latch, WaitGroup};
use rawipc::{Deadline, Errno};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Which word is to be what, one after the other: and who in it.
    words: Vec<(u8, u8, u32)>,
    calls: Vec<u8>,
}

const PAGE: usize = 4096;

/// Where the words are: the latch's, the number of slots in use, three slots.
const WORDS: [usize; 5] = [2048, 0, 64, 128, 192];

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let (Ok(one), Ok(two)) = (region.join(), region.join()) else {
        return;
    };
    let users = region.map().expect("mapped");
    let group = users.object::<WaitGroup<8>>(0).expect("room");
    let latch = users.object::<Latch>(2048).expect("room");
    let raw = region.map().expect("mapped");
    let members = [0, one.number(), two.number(), 77];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, member, bits) in &input.words {
                    let at = WORDS[usize::from(at) % WORDS.len()];
                    let word: &AtomicU32 = raw.object(at).expect("room");
                    let value = match usize::from(member) {
                        // Any at all.
                        member if member >= 2 * members.len() => bits,
                        member => bits & !0 << 22 | members[member % members.len()],
                    };
                    word.store(value, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        for &call in &input.calls {
            let me = if call & 1 == 0 { &one } else { &two };
            let moment = Deadline::after(Duration::from_micros(20));
            let waited = match call >> 1 & 7 {
                0 => latch.wait_until(moment),
                1 => latch.try_wait(),
                2 => {
                    latch.count_down();
                    Ok(())
                }
                3 => {
                    let _ = latch.add(u32::from(call));
                    Ok(())
                }
                4 => {
                    drop(group.try_wait(me));
                    Ok(())
                }
                5 => {
                    drop(group.wait_until(me, moment));
                    Ok(())
                }
                6 => {
                    group.forget_deaths();
                    Ok(())
                }
                _ => {
                    drop(group.enter(me));
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
