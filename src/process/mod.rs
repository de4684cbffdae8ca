//! Processes: starting, replacing, terminating, waiting and signalling, without libc:
//! `fork(2)`, `execve(2)`, `waitid(2)`, `pidfd_open(2)`.
//!
//! A child runs from [`fork`] to [`exit`] or to another program ([`exec`]). Its parent learns
//! of its termination by [`wait`], which also removes it from the process table: until then it
//! is a *zombie* and its number cannot be reused. A [`Pidfd`] means one process whatever
//! becomes of its number, can be polled, and returns [information](Pidfd::info) about it. The
//! numbers of the caller itself are [`id`], [`thread_id`] and [`parent_id`].
//!
//! | to start | |
//! |---|---|
//! | a program, with all that is to be different for it | [`Command`] |
//! | a copy of this process | [`fork`], or with more to say [`CloneOptions::fork`] |
//! | a function in this process's memory, while this one waits | [`CloneOptions::vfork`] |
//!
//! [`kill_tree`] kills a process with all that it has started.
//!
//! The [`memory`] of another process can be read and written and its [regions](maps) listed,
//! its resources [compared](compare), and its descriptors [duplicated](Pidfd::get_fd);
//! [`permission`] explains refusals.
//!
//! | | blocks | at once | by a deadline |
//! |---|---|---|---|
//! | a change of a child, reaping it | [`wait`] | [`try_wait`] | [`wait_until`] |
//! | the end of any process | [`Pidfd::wait_exit`] | [`Pidfd::has_exited`] | [`Pidfd::wait_exit_until`] |

mod clone;
mod command;
pub mod compare;
mod descriptors;
pub mod exec;
mod exit;
mod fork;
mod identity;
mod info;
pub mod maps;
pub mod memory;
mod parent;
pub mod permission;
pub mod pidfd;
mod process_ref;
mod tree;
mod wait;

pub use clone::{CloneFlags, CloneOptions, Cloned};
pub use command::{
    Command, FdMapping, IdMap, Joined, STACK_SIZE, Scheduling, SpawnError, Spawned, Step,
};
pub use descriptors::{CloseFlags, close_range, close_range_on_exec, inherited};
pub use exit::exit;
pub use fork::{Fork, fork};
pub use identity::{id, parent_id, thread_id};
pub use info::{Core, CoreFlags, Credentials, Info, Numbers};
pub use parent::{is_subreaper, parent_death_signal, set_parent_death_signal, set_subreaper};
pub use pidfd::Pidfd;
pub use process_ref::ProcessRef;
pub use tree::{Tree, kill_tree};
pub use wait::{Change, Children, WaitFlags, try_wait, wait, wait_until};

/// A resource that can be limited: see `getrlimit(2)`.
#[doc(inline)]
pub use rustix::process::Resource;
/// The soft and the hard limit of a resource. `None` is no limit.
#[doc(inline)]
pub use rustix::process::Rlimit;
/// The number of a group or a user.
#[doc(inline)]
pub use rustix::process::{Gid, Uid};
/// A set of capabilities, the parts of root's privileges: see `capabilities(7)`.
#[doc(inline)]
pub use rustix::thread::CapabilitySet;
/// A set of processors for a thread to run on.
#[doc(inline)]
pub use rustix::thread::CpuSet;

pub use crate::signal::child::{State, Trap};
