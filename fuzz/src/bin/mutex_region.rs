//! Arbitrary bytes as a region of members, and as a mutex.
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::members::Region;
use rawipc::memory::{MapOptions, memfd};
use rawipc::sync::{LockError, Mutex};
use rawipc::{AsFd, Deadline, OwnedFd, inspect};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// The beginning of the memory, behind a head that is right.
    words: &'a [u8],
    /// Changes of the head.
    head: Vec<(u8, u8)>,
    locks: Vec<(u32, u64)>,
}

const PAGE: usize = 4096;

fuzz_target!(|input: Input<'_>| {
    let made = Region::create(PAGE).expect("a region");
    let memory = MapOptions::shared(2 * PAGE)
        .map(made.as_fd())
        .expect("mapped");
    let len = input.words.len().min(PAGE - 64);
    memory.write_at(64, &input.words[..len]).expect("within");
    // What is sealed, and is no region perhaps.
    let other = memfd::create("region", memfd::MemfdFlags::empty()).expect("a memfd");
    other.set_size(2 * PAGE as u64).expect("a size");
    let mut bytes = vec![0; 2 * PAGE];
    memory.read_at(0, &mut bytes).expect("within");
    for &(at, byte) in &input.head {
        bytes[usize::from(at)] = byte;
    }
    let mapped = MapOptions::shared(2 * PAGE).map(&other).expect("mapped");
    mapped.write_at(0, &bytes).expect("within");
    other.seal(memfd::Seals::SHRINK).expect("sealed");
    let _ = inspect::look(&other).map(|seen| format!("{seen:?}"));
    if let Ok(region) = Region::open(OwnedFd::from(other)) {
        let _ = (region.join().map(drop), region.map().map(drop));
    }
    let Ok(me) = made.join() else { return };
    let Ok(other) = made.join() else { return };
    let users = made.map().expect("mapped");
    let mutex = users.object::<Mutex<u64>>(0).expect("room");
    let raw = made.map().expect("mapped");
    let word: &AtomicU32 = raw.object(0).expect("room");
    for &(bits, number) in &input.locks {
        word.store(bits, Ordering::Relaxed);
        let moment = Deadline::after(Duration::from_micros(50));
        for member in [&me, &other, &me] {
            let (guard, died) = match mutex.lock_until(member, moment) {
                Ok(guard) => (Some(guard), false),
                Err(LockError::OwnerDied(guard)) => (Some(guard), true),
                Err(_) => (None, false),
            };
            if let Some(mut guard) = guard {
                guard.set(&number);
                assert_eq!(guard.get(), number);
                if died && number % 3 == 0 {
                    guard.make_consistent();
                } else if number % 7 == 0 {
                    guard.make_unrecoverable();
                }
            }
            let _ = mutex.try_lock(member).map(drop);
        }
    }
});
