//! A peer writes what it likes over a lock for readers and writers, what it guards and the list of
//! members while calls run.
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::members::{Member, Region};
use rawipc::memory::MapOptions;
use rawipc::sync::{PreferReaders, PreferWriters, Preference, RwLock};
use rawipc::{AsFd, Deadline};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Which word of the lock and of its slots is to be what, one after the other; and whose.
    words: Vec<(u8, u8, u32)>,
    /// Where in the head, and what.
    head: Vec<(u16, u32)>,
    calls: Vec<u8>,
}

const PAGE: usize = 4096;

/// Where the words are: the lock's own, the number of slots in use, three slots.
const WORDS: [usize; 5] = [0, 4, 64, 128, 192];

fn call<P: Preference>(lock: &RwLock<[u64; 4], P, 8>, me: &Member, call: u8) {
    let moment = Deadline::after(Duration::from_micros(20));
    if call & 2 == 0 {
        let locked = match call & 4 {
            0 => lock.try_read(me),
            _ => lock.read_until(me, moment),
        };
        let _ = match locked {
            Ok(guard) => Some(guard.get()),
            Err(error) => error.into_guard().map(|guard| guard.get()),
        };
        return;
    }
    let locked = match call & 4 {
        0 => lock.try_write(me),
        _ => lock.write_until(me, moment),
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

fuzz_target!(|input: Input| {
    let region = Region::create(PAGE).expect("a region");
    let (Ok(one), Ok(two)) = (region.join(), region.join()) else {
        return;
    };
    let users = region.map().expect("mapped");
    let whole = MapOptions::shared(2 * PAGE)
        .map(region.as_fd())
        .expect("mapped");
    let raw = region.map().expect("mapped");
    let owners = [0, one.number(), two.number(), 77, (1 << 30) - 2];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for &(at, owner, bits) in &input.words {
                    let at = WORDS[usize::from(at) % WORDS.len()];
                    let word: &AtomicU32 = raw.object(at).expect("room");
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
        for &byte in &input.calls {
            let me = if byte & 1 == 0 { &one } else { &two };
            match byte & 8 {
                0 => call::<PreferWriters>(users.object(0).expect("room"), me, byte),
                _ => call::<PreferReaders>(users.object(0).expect("room"), me, byte),
            }
        }
        done.store(true, Ordering::Relaxed);
        // The end of the scope awaits the thread's work alone, and what the thread still has
        // then looks like a leak.
        scribbler.join().expect("it writes until it is told");
    });
});
