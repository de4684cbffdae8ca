//! Who made something of which a forked child has a copy.
//!
//! A fork copies every owner, but not always what it owns: locks and leases belong to an
//! open file description that both processes have, a file has one name, a netlink socket
//! one subscription. A number, as of a timer, may even mean something else to the child.
//! What such an owner does when it is dropped is the maker's to do: the copy does nothing.
//!
//! Every `Drop` of the crate that speaks to the kernel is of one of three kinds:
//!
//! - It gives back what fork copies: memory is unmapped or detached, a thread's own signal
//!   mask or alternate stack put back. The copy does this too, for its own process.
//! - It closes a descriptor. The child has descriptors of its own.
//! - It asks its [`Maker`] first: the guards of locks and leases, timers, names that are
//!   removed, subscriptions.
//!
//! The endpoints of rings, whose memory fork leaves out, ask a page that fork wipes
//! instead: they are there for long, and it tells a child with any number.
#![forbid(unsafe_code)]

use rustix::process::{PidfdFlags, getpid, pidfd_open};

use crate::Pid;

/// The process that made something.
///
/// Known by its number, which is one system call. The descendants that a fork gives a
/// copy to have other numbers while it lives, except in PID namespaces of their own.
/// There one number is sure to come again, that of the first process: so that one is
/// told apart by its pidfd as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    number: Pid,
    /// Of a namespace's first process the inode of its pidfd, which Linux 6.9 and later
    /// use once only; else 0.
    first: u64,
}

impl Maker {
    /// The calling process.
    pub(crate) fn current() -> Self {
        let number = getpid();
        Self {
            number,
            first: if number == Pid::INIT { inode() } else { 0 },
        }
    }

    /// Whether the calling process is the one that made it, and not a forked child.
    pub(crate) fn is_current(self) -> bool {
        let now = Self::current();
        // Unknown is no difference.
        let same_first = self.first == now.first || self.first == 0 || now.first == 0;
        self.number == now.number && same_first
    }
}

/// That of the pidfd of this process, a namespace's first. 0 if there is none to be had
/// now, for want of a descriptor for instance: then all first processes are taken for one,
/// as the maker must be able to release what it made.
#[cold]
fn inode() -> u64 {
    pidfd_open(Pid::INIT, PidfdFlags::empty())
        .and_then(rustix::fs::fstat)
        .map_or(0, |stat| stat.st_ino)
}
