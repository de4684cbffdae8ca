//! A mutex of which the kernel tells the death of who holds it, at once: a robust futex.
//!
//! The kernel walks a list of the locks that a [`Thread`] holds when the thread ends, however it ends, and
//! marks them. So there is no region to join and nobody is asked who lives, but there are more
//! conditions than for [`sync::Mutex`](super::Mutex), by members of a region:
//!
//! | | [`sync::Mutex`](super::Mutex) | [`robust::Mutex`](Mutex) |
//! |---|---|---|
//! | who locks | a member of a region, in one thread at a time | a thread |
//! | whoever can write to the memory | is trusted with what the value means | is trusted: the kernel and who unlocks follow addresses in it |
//! | PID namespaces | any | one for all |
//! | a death is told | to who comes later at once, to who sleeps already within 100 ms | at once; before Linux 5.16, to who sleeps already within 100 ms |
//! | bytes beside the value | 8 | 48 |
//! | locks held at a time | any number | 2,048 a thread |
//!
//! [`PiMutex`] is the same with priority inheritance: while somebody waits, its holder is as urgent as that
//! one, and the kernel passes the lock on. [`Mutex`] is the faster one where several want it all the time.
//!
//! The list is one and the same for robust mutexes of a libc in the same program, which are told of deaths as
//! before: see [`Thread::with_libc`].
//!
//! # When a thread dies
//!
//! At any instruction within any call: nobody waits for it. To die is also to end, by an exit or by executing
//! another program, while a lock is held. If it held the lock, the kernel wakes one that sleeps (at a [`Mutex`] by `futex_waitv(2)`: where that is refused it looks within [`RECHECK`](super::RECHECK)), who
//! gets the lock as [`LockError::OwnerDied`](super::LockError::OwnerDied). Of a [`Mutex`], one that was woken and dies before it takes the lock can take
//! the wake along; who sleeps looks again every [`RECHECK`](super::RECHECK), as the kernel does not make up for
//! all of those.
//!
//! # Signal handlers
//!
//! may lock, if they give back what they took before they return, and if they have not interrupted a call of
//! libc's on a robust mutex. What their own thread holds is
//! [`LockError::Deadlock`](super::LockError::Deadlock). A death within a handler that has interrupted a call of
//! this module leaves that call's lock untold.
//!
//! # Examples
//!
//! ```
//! use rawipc::memory::MapOptions;
//! use rawipc::sync::LockError;
//! use rawipc::sync::robust::{Mutex, Thread};
//!
//! let memory = MapOptions::shared(4096).map_anonymous()?;
//! let count = memory.object::<Mutex<u64>>(0)?; // zeroed memory is an unlocked mutex
//! // SAFETY: this program's libc has the list; only it and its children have the memory, which stays.
//! let me = unsafe { Thread::with_libc()? };
//! match count.lock(&me) {
//!     Ok(mut guard) => guard.update(|count| *count += 1),
//!     Err(LockError::OwnerDied(mut guard)) => {
//!         guard.set(&0); // repaired
//!         guard.make_consistent();
//!     }
//!     Err(error) => return Err(rawipc::Errno::from(error).into()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod list;
mod mutex;
mod pi_mutex;
mod pi_thread;
mod pi_word;
mod thread;

pub use mutex::Mutex;
pub use pi_mutex::PiMutex;
pub use pi_thread::PiThread;
pub use thread::Thread;
