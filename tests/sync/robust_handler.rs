//! A signal handler that locks after each instruction with which its thread takes and gives back locks.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicPtr, AtomicU32};

use rawipc::sync::robust::{Mutex, Thread};

use crate::in_handler::stepped;
use crate::robust::{memory, thread};
use crate::support::alone::alone;

static THREAD: AtomicPtr<Thread> = AtomicPtr::new(core::ptr::null_mut());
static THIRD: AtomicPtr<Mutex<u64>> = AtomicPtr::new(core::ptr::null_mut());
static COUNT: AtomicU32 = AtomicU32::new(0);

extern "C" fn handler(_: i32) {
    let (me, third) = (THREAD.load(Relaxed), THIRD.load(Relaxed));
    // SAFETY: it stays until the last instruction was stepped over.
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
fn locks_interrupted_by_handler_that_locks_stay_in_list() {
    alone(test_name!(), || {
        let memory = memory();
        let [one, two, third]: [&Mutex<u64>; 3] = [0, 64, 128].map(|at| memory.object(at).unwrap());
        let me = thread();
        THREAD.store((&raw const me).cast_mut(), Relaxed);
        THIRD.store((&raw const *third).cast_mut(), Relaxed);
        // SAFETY: a handler that only locks.
        unsafe { libc::signal(libc::SIGTRAP, handler as *const () as usize) };
        for is_first_given_back_first in [true, false] {
            let first = stepped(|| one.lock(&me).unwrap());
            assert_eq!(entries(), 1);
            let second = stepped(|| two.lock(&me).unwrap());
            assert_eq!(entries(), 2);
            let (sooner, later) = match is_first_given_back_first {
                true => (first, second),
                false => (second, first),
            };
            stepped(|| drop(sooner));
            assert_eq!(entries(), 1);
            stepped(|| drop(later));
            assert_eq!(entries(), 0);
        }
        let count = COUNT.load(Relaxed);
        assert!(count > 100, "the handler ran {count} times");
    });
}
