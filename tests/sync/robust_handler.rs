//! A signal handler that locks while its thread takes or gives back locks.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};

use rawipc::sync::robust::{Mutex, Thread};

use crate::robust::{memory, thread};
use crate::support::LeakCheck;

static THREAD: AtomicPtr<Thread> = AtomicPtr::new(core::ptr::null_mut());
static THIRD: AtomicPtr<Mutex<u64>> = AtomicPtr::new(core::ptr::null_mut());
static COUNT: AtomicU32 = AtomicU32::new(0);

extern "C" fn handler(_: i32) {
    let (me, third) = (THREAD.load(Relaxed), THIRD.load(Relaxed));
    // SAFETY: it stays as long as signals are sent.
    let me = unsafe { &*me };
    // SAFETY: as above.
    let third = unsafe { &*third };
    drop(third.lock(me).unwrap());
    COUNT.fetch_add(1, Relaxed);
}

/// How many entries the calling thread's list has; it is cut after ten or where it is torn.
fn entries() -> usize {
    let (mut head, mut len) = (0_usize, 0_usize);
    // SAFETY: both are written to, and borrowed.
    unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut len) };
    // SAFETY: the thread's own list, of locks that are there.
    let next = |at: usize| unsafe { *core::ptr::with_exposed_provenance::<usize>(at) };
    let (mut at, mut count) = (next(head), 0);
    while at != head && at != 0 && count < 10 {
        count += 1;
        at = next(at);
    }
    count
}

#[test]
fn lock_interrupted_by_handler_that_locks_stays_in_list() {
    let _check = LeakCheck::begin();
    let memory = memory();
    let [one, two, third]: [&Mutex<u64>; 3] = [0, 64, 128].map(|at| memory.object(at).unwrap());
    let me = thread();
    THREAD.store((&raw const me).cast_mut(), Relaxed);
    THIRD.store((&raw const *third).cast_mut(), Relaxed);
    // SAFETY: a handler that only locks.
    let before = unsafe { libc::signal(libc::SIGUSR1, handler as *const () as usize) };
    let stop = AtomicBool::new(false);
    // SAFETY: asks for the thread's own handle.
    let target = unsafe { libc::pthread_self() };
    let mut bad = None;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut pauses = 0_u32;
            while !stop.load(Relaxed) {
                let seen = COUNT.load(Relaxed);
                // SAFETY: the thread lives.
                unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
                while COUNT.load(Relaxed) == seen && !stop.load(Relaxed) {
                    core::hint::spin_loop();
                }
                pauses = pauses.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (0..pauses >> 22).for_each(|_| core::hint::spin_loop());
            }
        });
        for round in 0..200_000_u32 {
            let first = one.lock(&me).unwrap();
            let second = two.lock(&me).unwrap();
            drop(first);
            let count = entries();
            drop(second);
            let left = entries();
            if (count, left) != (1, 0) {
                bad = Some((round, count, left));
                break;
            }
        }
        stop.store(true, Relaxed);
    });
    // SAFETY: as it was.
    unsafe { libc::signal(libc::SIGUSR1, before) };
    println!("{} signals", COUNT.load(Relaxed));
    assert_eq!(bad, None);
}
