//! What keeps a wake from arriving: calls that are refused, and strangers at the word.

use core::sync::atomic::{AtomicU32, Ordering};

use super::Child;
use super::filter::Refusal;

/// How sandboxes refuse a call; the last one as the kernel refuses what it has begun.
pub(crate) const REFUSALS: [i32; 4] = [libc::EPERM, libc::ENOSYS, libc::EACCES, libc::EINVAL];

/// A futex call of this operation is refused.
pub(crate) fn no_futex(operation: i32, errno: i32) -> Refusal {
    Refusal {
        number: libc::SYS_futex,
        argument: 1,
        mask: 0x7f,
        value: operation as u32,
        errno,
    }
}

/// Every futex call is refused.
pub(crate) fn no_futex_at_all(errno: i32) -> Refusal {
    Refusal {
        mask: 0,
        ..no_futex(0, errno)
    }
}

/// Has a child wait for the word as for a lock with priority inheritance, before all who come
/// to sleep there, and leaves the word as it was.
///
/// The kernel wakes nobody there from then on: it adds, finds this one and says EINVAL.
pub(crate) fn wait_for_lock_at(word: &AtomicU32) -> Child {
    let before = word.load(Ordering::Relaxed);
    // Somebody who lives, and is not the child.
    word.store(std::process::id(), Ordering::Relaxed);
    let stranger = Child::fork(|| {
        let none = core::ptr::null::<libc::timespec>();
        // SAFETY: a word of shared memory, and no time limit.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_LOCK_PI, 0, none) };
        1
    });
    let marked = std::process::id() | libc::FUTEX_WAITERS;
    while word.load(Ordering::Relaxed) != marked {
        std::thread::yield_now();
    }
    stranger.await_sleep();
    word.store(before, Ordering::Relaxed);
    stranger
}

/// Moves whoever sleeps at `word` to `elsewhere`; returns how many.
pub(crate) fn move_sleepers(word: &AtomicU32, elsewhere: &AtomicU32) -> i64 {
    // SAFETY: two words of shared memory; wakes none, moves all.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_REQUEUE,
            0,
            i32::MAX,
            elsewhere.as_ptr(),
        )
    }
}
