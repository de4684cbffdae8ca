//! A peer writes what it likes over events while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::memory::MapOptions;
use rawipc::sync::{AutoResetEvent, ManualResetEvent};
use rawipc::{Deadline, Errno};

#[derive(Arbitrary, Debug)]
struct Input {
    /// The words to write, in order: whether that of the event that is cleared by a wait, and its bits.
    words: Vec<(bool, u32)>,
    calls: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let memory = MapOptions::shared(4096).map_anonymous().expect("mapped");
    let auto = memory.object::<AutoResetEvent>(0).expect("room");
    let manual = memory.object::<ManualResetEvent>(64).expect("room");
    let [one, two] = [0, 64].map(|at| memory.object::<AtomicU32>(at).expect("room"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(is_auto, bits) in &input.words {
                    let word = if is_auto { one } else { two };
                    word.store(bits, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        for &call in &input.calls {
            let moment = Deadline::after(Duration::from_micros(20));
            let waited = match call & 7 {
                0 => auto.wait_until(moment),
                1 => manual.wait_until(moment),
                2 => auto.try_wait(),
                3 => manual.try_wait(),
                4 => {
                    auto.set();
                    Ok(())
                }
                5 => {
                    manual.set();
                    Ok(())
                }
                _ => {
                    manual.reset();
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
