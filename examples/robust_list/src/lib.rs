//! Robust mutexes of this crate, for a C program that has those of its libc beside them.
#![no_std]

use core::cell::UnsafeCell;

use rawipc::sync::robust::{Mutex, PiMutex, PiThread, Thread};
use rawipc::sync::{LockError, MutexGuard, MutexHolder};

/// How many locks a program has at most.
const LOCKS: usize = 16;

/// The program's one thread, and the locks that it holds.
struct State {
    thread: Option<Thread>,
    guards: Guards<Thread>,
    inheriting: Guards<PiThread>,
}

type Guards<H> = [Option<MutexGuard<'static, u64, H>>; LOCKS];

struct OneThread(UnsafeCell<State>);

// SAFETY: the program has one thread.
unsafe impl Sync for OneThread {}

static STATE: OneThread = OneThread(UnsafeCell::new(State {
    thread: None,
    guards: [const { None }; LOCKS],
    inheriting: [const { None }; LOCKS],
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
    keep(guard, mutex.try_lock(thread))
}

/// Like [`ours_lock`], of a mutex with priority inheritance.
///
/// # Safety
///
/// As for [`ours_lock`].
#[unsafe(no_mangle)]
unsafe extern "C" fn ours_lock_pi(index: usize, mutex: *const PiMutex<u64>) -> i32 {
    let state = state();
    // SAFETY: the caller's promise.
    let mutex = unsafe { &*mutex };
    let (Some(thread), Some(guard)) = (&state.thread, state.inheriting.get_mut(index)) else {
        return 2;
    };
    keep(guard, mutex.try_lock(thread))
}

type Taken<H> = Result<MutexGuard<'static, u64, H>, LockError<MutexGuard<'static, u64, H>>>;

fn keep<H: MutexHolder>(place: &mut Option<MutexGuard<'static, u64, H>>, taken: Taken<H>) -> i32 {
    let (guard, said) = match taken {
        Ok(guard) => (guard, 0),
        Err(LockError::OwnerDied(guard)) => (guard, 1),
        Err(_) => return 2,
    };
    *place = Some(guard);
    said
}

/// Gives lock number `index` back.
#[unsafe(no_mangle)]
extern "C" fn ours_unlock(index: usize) {
    if let Some(guard) = state().guards.get_mut(index) {
        *guard = None;
    }
}

/// Gives lock number `index` of those with priority inheritance back.
#[unsafe(no_mangle)]
extern "C" fn ours_unlock_pi(index: usize) {
    if let Some(guard) = state().inheriting.get_mut(index) {
        *guard = None;
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    rawipc::process::exit(101)
}
