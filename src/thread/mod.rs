//! Threads for programs without libc: stack with guard page, thread-local variables, name,
//! processors, alternate signal stack. Feature `start`.
//!
//! ```
//! use rawipc::start::Start;
//! use rawipc::thread;
//!
//! fn sum(start: Start) -> rawipc::Result<u64> {
//!     let adder = thread::Builder::new(start).name("adder");
//!     let thread = adder.spawn(|| (1..=100).sum())?;
//!     thread.join()
//! }
//! ```
//!
//! A thread's closure, its result, its stack and its block of thread-local variables lie in one
//! mapping, so that no allocator is needed; who [joins](JoinHandle::join) the thread unmaps it, or the
//! thread itself as its last act if nobody will.
//!
//! # Beside a libc
//!
//! there is no use of it: what a libc's functions keep for each thread (`errno` first of all) would be
//! missing in a thread that it has not made. So a [`Builder`] takes a [`Start`](crate::start::Start),
//! which only [`entry!`](crate::entry) gives.
//!
//! # What a thread finds
//!
//! - Thread-local variables of C (`__thread`) and of `#[thread_local]`, as the linker laid them out:
//!   the first thread has them, too. On x86_64 the word of C's stack protector is there; in the first thread,
//!   only of a program that has such variables.
//! - The signal mask of who spawned it. An alternate signal stack only if
//!   [asked for](Builder::signal_stack).
//! - No list of robust mutexes:
//!   [`robust::Thread::without_libc`](crate::sync::robust::Thread::without_libc) gives it one, and to
//!   end with such a mutex held, in whatever way, is told to the next one who locks it.
//! - A page below its stack that nothing may access: who goes beyond the stack is ended by
//!   `SIGSEGV` with the whole process.
//!
//! # The end
//!
//! A panic ends the process, as nothing unwinds, and so does
//! [`process::exit`](crate::process::exit()). When the first thread returns from `main`, all end. A
//! thread that a seccomp filter kills alone, or that calls [`exit`], has no result:
//! [`join`](JoinHandle::join) says so.

mod builder;
mod control;
mod handle;
mod memory;

pub use builder::{Builder, STACK_SIZE};
pub use handle::JoinHandle;

/// Ends the calling thread at once and alone: `exit(2)`.
///
/// Nothing on its stack is dropped: locks stay locked, as after a death. Who [joins](JoinHandle::join) the thread
/// is told [`Errno::OWNERDEAD`](crate::Errno::OWNERDEAD), and unmaps its memory; that of a thread that nobody joins
/// stays mapped. Called by the first thread it ends that one, and the process goes on until all others have ended.
/// To return from the thread's closure is the way that needs no `unsafe`.
///
/// # Safety
///
/// No libc runs in the program, which would not know of it. Nothing on the thread's stack is pinned or is used by
/// others afterwards.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::start::Start;
/// use rawipc::thread::{self, Builder};
///
/// fn begin(start: Start) -> rawipc::Result<()> {
///     // SAFETY: there is no libc, and nobody else has anything of the thread's stack.
///     let thread = Builder::new(start).spawn(|| unsafe { thread::exit() })?;
///     assert_eq!(thread.join(), Err::<(), _>(Errno::OWNERDEAD));
///     Ok(())
/// }
/// ```
#[doc(alias = "pthread_exit")]
pub unsafe fn exit() -> ! {
    crate::sys::thread::exit()
}
