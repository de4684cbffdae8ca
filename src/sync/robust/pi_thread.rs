//! [`PiThread`]: the calling thread, as who holds locks that the kernel passes on.

use super::super::lock::{Halt, Left};
use super::super::mutex::MutexHolder;
use super::super::mutex::holder::sealed;
use super::list::ThreadList;
use super::pi_word::PiWord;
use crate::primitive::{Linked, List};
use crate::{Deadline, Result};

/// A [`Thread`](super::Thread), as who holds mutexes with priority inheritance: what their guards name
/// (`MutexGuard<'_, T, PiThread>`).
///
/// A program does not make one: a [`PiMutex`](super::PiMutex) is locked by a [`Thread`](super::Thread).
///
/// # Examples
///
/// ```
/// use rawipc::sync::MutexGuard;
/// use rawipc::sync::robust::{PiMutex, PiThread, Thread};
///
/// fn add(guard: &mut MutexGuard<'_, u64, PiThread>) {
///     guard.update(|count| *count += 1);
/// }
///
/// // SAFETY: this program's libc has the list; nobody else has the memory, which stays.
/// let me = unsafe { Thread::with_libc()? };
/// let count = PiMutex::new(0);
/// let mut guard = count.lock(&me).unwrap();
/// add(&mut guard);
/// assert_eq!(guard.get(), 1);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
pub struct PiThread(ThreadList);

impl PiThread {
    pub(super) fn of(list: List) -> Self {
        Self(ThreadList::of(list))
    }

    #[inline(always)]
    pub(super) fn list(&self) -> &ThreadList {
        &self.0
    }
}

impl MutexHolder for PiThread {}

impl sealed::MutexHolder for PiThread {
    type Lock = Linked<PiWord>;

    #[inline(always)]
    fn is_copy(&self) -> bool {
        self.0.is_copy()
    }

    #[inline(always)]
    fn lock(&self, lock: &Linked<PiWord>, deadline: Deadline) -> Result<Left, Halt> {
        self.0.take(lock, |word| word.lock(self.0.number, deadline))
    }

    #[inline(always)]
    fn unlock(&self, lock: &Linked<PiWord>, left: Left) {
        self.0
            .release(lock, |word| word.unlock(self.0.number, left));
    }

    fn condemn(&self, lock: &Linked<PiWord>) {
        self.0.release(lock, |word| word.condemn(self.0.number));
    }
}
