//! Starting, replacing, ending, awaiting and signalling processes, without the
//! libc that usually stands between: `fork(2)`, `execve(2)`, `waitid(2)`,
//! `pidfd_open(2)`.
//!
//! A child runs from [`fork`] to [`exit`] or to another program ([`exec`]). Its
//! parent learns of its end by [`wait`], which also takes it from the process
//! table: until then it is a *zombie* and its number cannot be reused. A
//! [`Pidfd`] stands for one process whatever becomes of its number, and can be
//! polled. The numbers of the caller itself are [`id`], [`thread_id`] and
//! [`parent_id`].
//!
//! | | blocks | at once | by a deadline |
//! |---|---|---|---|
//! | a change of a child, reaping it | [`wait`] | [`try_wait`] | [`wait_until`] |
//! | the end of any process | [`Pidfd::await_end`] | [`Pidfd::has_ended`] | [`Pidfd::await_end_until`] |

pub mod exec;
mod exit;
mod fork;
mod identity;
pub mod pidfd;
mod wait;

pub use exit::exit;
pub use fork::{Fork, fork};
pub use identity::{id, parent_id, thread_id};
pub use pidfd::Pidfd;
pub use wait::{Change, Child, Children, WaitFlags, try_wait, wait, wait_until};

pub use crate::child::{State, Trap};
