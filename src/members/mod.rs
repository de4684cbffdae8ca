//! Members of a region: who of those that share memory lives, for locks that survive a death.
//!
//! A [`Region`] is memory, and the list of who has joined it. A [`Member`] is one who has: the
//! [locks](crate::sync) know who holds them by it, and the others whether that one lives. Nobody has
//! to say that it is alive: a member holds a lock of the kernel's on a byte of the region's file,
//! which goes however its process ends.
//!
//! What is locked lies in the region's own memory ([`Region::map`]), or in any other that the same
//! processes share: a System V segment, a POSIX shared memory, a file, a mapping that was there
//! before a fork. All who use one lock are members of one region.
//!
//! Memory that outlives its region, as a file does, is to be zeroed before it is used with another one: the
//! numbers of the members of that begin anew, and a lock that was held names one of the old.
//!
//! # Without `/proc`
//!
//! Joining needs `/proc`, or a [`Seat`](crate::rendezvous::Seat) that a process made which has it.
//!
//! # When a process forks
//!
//! A child that is forked while another thread joins, and that executes no program, can keep the member alive
//! to others for as long as it lives: join first, where a program with threads forks.
//!
//! The child is no member: locking with its copy of one is
//! [`LockError::Forked`](crate::sync::LockError::Forked), and dropping that does nothing. It can join by
//! its copy of the region.

pub(crate) mod describe;
mod member;
mod region;
mod words;

pub use member::Member;
pub use region::Region;
