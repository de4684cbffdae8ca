//! Robust mutexes of this crate, for a C program that has those of its libc beside them.
#![no_std]

use core::cell::UnsafeCell;

use rawipc::sync::robust::{Mutex, Thread};
use rawipc::sync::{LockError, MutexGuard};

/// How many locks a program has at most.
const LOCKS: usize = 16;

/// The program's one thread, and the locks that it holds.
struct State {
    thread: Option<Thread>,
    guards: [Option<MutexGuard<'static, u64, Thread>>; LOCKS],
}

struct OneThread(UnsafeCell<State>);

// SAFETY: the program has one thread.
unsafe impl Sync for OneThread {}

static STATE: OneThread = OneThread(UnsafeCell::new(State {
    thread: None,
    guards: [const { None }; LOCKS],
}));

fn state() -> &'static mut State {
    // SAFETY: the program has one thread, and no function here keeps the reference.
    unsafe { &mut *STATE.0.get() }
}

/// Enters the list of the program's libc; 0, or the number of an error.
#[unsafe(no_mangle)]
extern "C" fn ours_enter() -> i32 {
    // SAFETY: the program's libc has the list, and the memory of the locks stays.
    match unsafe { Thread::with_libc() } {
        Ok(thread) => {
            state().thread = Some(thread);
            0
        }
        Err(errno) => errno.raw_os_error(),
    }
}

/// Locks `mutex` as lock number `index`: 0, 1 if its holder died, 2 for any error.
///
/// # Safety
///
/// There must be a mutex, for as long as the program runs.
#[unsafe(no_mangle)]
unsafe extern "C" fn ours_lock(index: usize, mutex: *const Mutex<u64>) -> i32 {
    let state = state();
    // SAFETY: the caller's promise.
    let mutex = unsafe { &*mutex };
    let (Some(thread), Some(guard)) = (&state.thread, state.guards.get_mut(index)) else {
        return 2;
    };
    match mutex.try_lock(thread) {
        Ok(held) => *guard = Some(held),
        Err(LockError::OwnerDied(held)) => {
            *guard = Some(held);
            return 1;
        }
        Err(_) => return 2,
    }
    0
}

/// Gives lock number `index` back.
#[unsafe(no_mangle)]
extern "C" fn ours_unlock(index: usize) {
    if let Some(guard) = state().guards.get_mut(index) {
        *guard = None;
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    rawipc::process::exit(101)
}
