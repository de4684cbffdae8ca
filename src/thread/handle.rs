//! [`JoinHandle`]: a thread that was spawned, for who waits for its end.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use super::control::Control;
use crate::{Deadline, Errno, Pid, Result, process};

/// A thread that was spawned: [`join`](Self::join) waits for its end and returns what its closure has
/// returned. Dropping the handle detaches the thread, which then frees its memory itself.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use rawipc::start::Start;
/// use rawipc::{Deadline, thread};
///
/// fn wait_a_second_at_most(start: Start) -> rawipc::Result<u32> {
///     let thread = thread::Builder::new(start).spawn(|| 7_u32)?;
///     thread.wait_until(Deadline::after(Duration::from_secs(1)))?;
///     thread.join()
/// }
/// ```
#[doc(alias = "pthread_t")]
#[must_use = "a thread whose handle is dropped is detached"]
pub struct JoinHandle<T> {
    control: NonNull<Control>,
    result: NonNull<MaybeUninit<T>>,
    /// The process that the thread is of, which a forked child is not.
    process: Pid,
    owned: PhantomData<T>,
}

// SAFETY: what it leads to are atomics, and the result, which goes to one who has the handle.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: as above; by reference nobody gets at the result.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// Both must be in the packet of a thread that was spawned just now, of which nobody else has a handle.
    pub(super) unsafe fn new(control: NonNull<Control>, result: NonNull<MaybeUninit<T>>) -> Self {
        Self {
            control,
            result,
            process: process::id(),
            owned: PhantomData,
        }
    }

    fn control(&self) -> &Control {
        // SAFETY: there until this handle frees it, or leaves that to the thread.
        unsafe { self.control.as_ref() }
    }

    /// Waits until the thread has ended, and returns what its closure has returned.
    ///
    /// It goes on when it is interrupted.
    ///
    /// # Errors
    ///
    /// [`Errno::OWNERDEAD`]: the thread has ended without a result, killed by a seccomp filter.
    /// [`Errno::DEADLK`]: it is the calling thread. [`Errno::SRCH`]: this is a forked child, in which the
    /// thread is not (a child with its parent's number in a PID namespace of its own is not told). What a filter of
    /// system calls says to `futex(2)`. With the last three the thread is detached.
    #[doc(alias = "pthread_join")]
    pub fn join(self) -> Result<T> {
        self.wait_until(Deadline::Never)?;
        let this = ManuallyDrop::new(self);
        let finished = this.control().is_finished();
        let result = finished.then(|| {
            // SAFETY: in the thread's memory, which is there still, and nobody else takes it.
            let result = unsafe { this.result.read() };
            // SAFETY: the thread has put it there.
            unsafe { result.assume_init() }
        });
        // SAFETY: the thread has ended, and this handle is gone.
        unsafe { Control::free(this.control) };
        result.ok_or(Errno::OWNERDEAD)
    }

    /// Waits until the thread has ended, so that [`join`](Self::join) does not block, but gives up at
    /// `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// It goes on when it is interrupted.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]; [`Errno::DEADLK`] and [`Errno::SRCH`] as for [`join`](Self::join).
    #[doc(alias = "pthread_timedjoin_np")]
    pub fn wait_until(&self, deadline: Deadline) -> Result<()> {
        if self.control().has_ended() {
            return Ok(());
        }
        if self.process != process::id() {
            return Err(Errno::SRCH);
        }
        self.control().wait(deadline)
    }

    /// Returns whether the thread's closure has returned. To join it hardly takes longer than that then.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.control().is_finished() || self.control().has_ended()
    }

    /// Returns the thread's number, by which signals and processors are set for it. `None` if it has
    /// ended: the number may be another's then.
    #[must_use]
    pub fn id(&self) -> Option<Pid> {
        self.control().id()
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.control().has_ended() {
            if self.control().detach() {
                return;
            }
            // It is at its end.
            if self.wait_until(Deadline::Never).is_err() {
                return;
            }
        }
        if self.control().is_finished() {
            // SAFETY: in the thread's memory, and nobody else takes it.
            let result = unsafe { self.result.as_mut() };
            // SAFETY: the thread has put it there.
            unsafe { result.assume_init_drop() };
        }
        // SAFETY: the thread has ended, and this handle is gone.
        unsafe { Control::free(self.control) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
