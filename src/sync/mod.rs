//! Synchronization on words of memory that processes may share.
//!
//! # Which one?
//!
//! | | for | who may die | who may lie | who goes first | in a signal handler | costs |
//! |---|---|---|---|---|---|---|
//! | [`Mutex`] | one at a time | anybody: the next holder is told | others can hold it, and garble what it guards | whoever comes when it is free | no | one atomic operation, and a plain store to give it back; system calls only to sleep, and to wake who does or did |
//! | [`robust::Mutex`] | one at a time, by threads of one PID namespace that trust each other | anybody: the kernel tells the next holder at once | nobody | as the mutex | to lock and give back | as the mutex; an entry in the thread's list |
//! | [`robust::PiMutex`] | the same, where urgent threads wait: its holder inherits their priority | as above | nobody | the most urgent who waits | to lock and give back | as above; where somebody waits, a system call to take it and one to give it back |
//! | [`RwLock`] | many readers at a time, or one writer | anybody: a dead reader keeps nobody out, of a dead writer all are told | as the mutex | readers or writers, by its type | no | one atomic operation and a plain store; a reader touches a line of its own, a writer one of each reader there ever was |
//! | [`SeqLock`] | a value that is often read, and written by one at a time | anybody: the last value stays, and nobody is kept out | others can garble the value, and keep writers out | readers at any time; writers as the mutex | to read | to read: two looks and a copy; to write: as the mutex, and a copy |
//! | [`Once`], [`OnceCell`] | what is to be done, or a value to be made, once | anybody: the next one begins anew | others can say that it is done, and garble the value | whoever comes | no | one look where it is done; else as the mutex |
//! | [`Condvar`] | waiting until what a mutex guards has changed | anybody: who waits looks again | others can notify, and keep notifications away | who has slept longest is woken | no | to notify where nobody waits: one look |
//! | [`Barrier`] | waiting for each other, a fixed number | anybody: the others go on if it had arrived, and are told if not | others can say that somebody has arrived, or died | all together | no | one atomic operation, and a look at each seat; as the mutex |
//! | [`AutoResetEvent`] | that something happened: one is let go | anybody; a set that it had taken is gone | others can set and clear it | whoever comes when it is set | to set | one atomic operation each; as the mutex |
//! | [`ManualResetEvent`] | the same, and all are let go until it is cleared | anybody | others can set and clear it | all together | to set and reset | a look where it is set; as the mutex |
//! | [`Latch`] | waiting until so many have counted down | anybody; who has not counted down keeps it closed | others can open and close it | all together | to count down | one atomic operation to count down; as the mutex |
//! | [`WaitGroup`] | waiting until all who are in it have left | anybody: who waits is told how many died | others can stay in it, and invent deaths | all together | no | two atomic operations to enter and leave; to wait, a look at each place there ever was one in |
//! | [`Semaphore`] | units to be taken | anybody; a unit that it had is gone | others can post and take units | whoever comes when there is a unit | to post | one atomic operation each; as the mutex |
//! | [`HandOverSemaphore`] | units for which many wait: a post wakes as many as it has units for | anybody; a unit that it had is gone, and one that it was woken for is found 100 ms later at most | others can post and take units | the same; who has slept longest is woken | to post | one atomic operation each; as the mutex |
//! | [`wait_any`] | the first of several semaphores, events, latches and what is done once | anybody | as each of them | as each of them | no | a look at each; one system call to sleep |
//! | [`futex`] | algorithms of one's own | what they are made for | what they are made for | who has slept longest, or by priority | anything but to sleep | a system call each |
//!
//! # How fast?
//!
//! Nanoseconds beside those of glibc that processes share, and those of `parking_lot` and `std` for threads; medians
//! of turns in one run on two virtual processors, all else quiet (`cargo run --release -- locks` in `benches/peers`):
//!
//! | | here | glibc | `parking_lot` | `std` |
//! |---|---|---|---|---|
//! | mutex, nobody else | 6.3; by thread 9.9 | 13.3; robust 17.7 | 12.9 | 12.4 |
//! | mutex with priority inheritance, nobody else | 14.7 | 16.8 | | |
//! | mutex, two who want it all the time | 16.1; by thread 24.4 | 38.1; robust 47.8 | 62 | 87 |
//! | the same with priority inheritance | 2,087 | 2,389 | | |
//! | read lock, nobody else | 6.2 | 15.2 | 13.4 | 13.2 |
//! | read lock, four processes | 4.5 | 84 | | |
//! | notify where nobody waits | 0.2 | 1.2 | 0.2 | 112 |
//! | post and take a unit | 13.2 | 15.5 | | |
//! | set an event and take it | 9.7 | | | |
//! | barrier, two who come again and again | 349 | 30,418 | | |
//!
//! To wake another processor and be woken takes 60,000 to 70,000 there, whatever is used: an event and a semaphore 1.06
//! times a bare futex, glibc's semaphore 1.05. The rest is the time-out of each sleep, after which a sleeper looks
//! again.
//!
//! Who gives a lock back passes no fence, as who goes to sleep has every processor pass one that runs a
//! process with members: `membarrier(2)`, for which the process registers with its first member. A kernel older than
//! 4.16 or a sandbox that refuses it costs a fence each time; where it lets one process register and refuses another one
//! the barrier, that one can miss a wake, and goes on within [`RECHECK`].
//!
//! Of who slept when its holder, or another one that it waited for, was killed, each went on within the 100 ms of
//! [`RECHECK`] on an idle machine, at mutexes by thread within 1 ms (`cargo bench --bench locks -- recovery`).
//!
//! A filter of system calls that ends the process for others lets locks do what they do with `futex`,
//! `membarrier`, `fcntl` (to ask who lives) and, for locks by thread, `futex_waitv`:
//! [`seccomp::sets`](crate::seccomp::sets) `BASE`, `THREADS` and `FILES` have all of these.

mod any;
mod barrier;
mod condvar;
mod error;
mod event;
pub mod futex;
pub(crate) mod glibc_semaphore;
mod guess;
mod handover;
mod latch;
pub(crate) mod lock;
mod mutex;
mod once;
pub(crate) mod owner;
pub mod robust;
mod rwlock;
mod semaphore;
mod seqlock;
mod sleepers;
mod slot;
mod waitgroup;
pub(crate) mod wake;

pub use any::{Waitable, try_wait_any, wait_any, wait_any_until};
pub use barrier::{Barrier, BarrierSeat};
pub use condvar::Condvar;
pub use error::LockError;
pub use event::{AutoResetEvent, ManualResetEvent};
pub use handover::HandOverSemaphore;
pub use latch::Latch;
pub use lock::RECHECK;
pub use mutex::{Mutex, MutexGuard, MutexHolder};
pub use once::{Once, OnceCell, OnceRun};
pub use owner::Holder;
pub use rwlock::{
    PreferReaders, PreferWriters, Preference, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{PostError, Semaphore};
pub use seqlock::{SeqLock, SeqLockWriteGuard};
pub use waitgroup::{WaitGroup, WaitGroupEntry, WaitGroupError};
