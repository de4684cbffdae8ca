//! A peer writes what it likes over the words of a mutex with priority inheritance and what it guards, while
//! calls run. It leaves alone what the holder's list is made of: who may write that is trusted.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::Deadline;
use rawipc::memory::MapOptions;
use rawipc::sync::robust::{PiMutex, Thread};

#[derive(Arbitrary, Debug)]
struct Input {
    /// The values to write into the words and the value, one after the other.
    words: Vec<(u8, u32, u32)>,
    calls: Vec<u8>,
}

/// From the mutex to its value.
const VALUE: usize = 48;

fuzz_target!(|input: Input| {
    let memory = MapOptions::shared(4096).map_anonymous().expect("mapped");
    let mutex = memory.object::<PiMutex<[u64; 4]>>(0).expect("room");
    // SAFETY: libc has the list, and nobody else writes its entries in the memory, which stays.
    let Ok(me) = (unsafe { Thread::with_libc() }) else {
        return;
    };
    // SAFETY: the first words, which are atomics.
    let [word, state] = [0, 1]
        .map(|at| unsafe { AtomicU32::from_ptr(memory.as_ptr().cast::<u32>().wrapping_add(at)) });
    let number = me.number();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            let other = rawipc::process::thread_id().as_raw_pid().unsigned_abs();
            let owners = [0, number, other, 1, 2, 0x3fff_fffe, 0x3fff_ffff];
            while !done.load(Ordering::Relaxed) {
                for &(owner, bits, told) in &input.words {
                    let owner = owners[usize::from(owner) % owners.len()];
                    word.store(bits & 3 << 30 | owner, Ordering::Relaxed);
                    state.store(told, Ordering::Relaxed);
                    let at = VALUE + (bits & 24) as usize;
                    memory.write(at, &told).expect("within");
                }
                std::hint::spin_loop();
            }
        });
        for &call in &input.calls {
            let moment = Deadline::after(Duration::from_micros(20));
            let locked = match call >> 1 & 1 {
                0 => mutex.try_lock(&me),
                _ => mutex.lock_until(&me, moment),
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
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
