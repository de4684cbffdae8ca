//! Ways for processes to get at the same structure in shared memory: by a UNIX socket, by a file
//! name, or inherited from the process that started the program.
//!
//! | how | who creates the region | for whom | what stays after a kill |
//! |---|---|---|---|
//! | [`Listener`] and `connect`, by a UNIX socket | who listens | processes that need not trust each other | the socket's file, which the next listener replaces |
//! | [`Options::open_or_create`], by a name in `/dev/shm` or any directory | who comes first | processes whose users trust each other | the region, for a successor or [`remove_stale`] |
//! | [`Command::inherit`](crate::process::Command::inherit) and [`from_inherited`]; with feature `std` also by name, `adapters::command` | the parent | a program and who started it | nothing |
//!
//! All three work with every structure of [`ring`](crate::ring), except that a
//! [`doorbell::Ring`](crate::ring::doorbell::Ring) or a [`doorbell::Duplex`](crate::ring::doorbell::Duplex)
//! cannot have a name, as its bells are in no directory. Each structure also has these functions itself, for example
//! [`spsc::Ring::connect`](crate::ring::spsc::Ring::connect). What is handed over is a descriptor;
//! the receiver checks its kind, version and size, and attaches.
//!
//! # By a name
//!
//! The name is that of a file, which it gets when it is complete: nobody ever finds a half of one.
//! Of all who create it at once, one does, and the others open that. **Whoever may write to the
//! file may make it shorter**, and who touches what is not there any more ends by SIGBUS; it
//! cannot be sealed against that. So only files of this user are opened, unless asked otherwise,
//! and of no other mode than asked for, 0600; and users who do not trust each other meet by a socket.
//!
//! A region outlives its processes: what dead ones left in it is there for their successors, as
//! every structure bears. It is *in use* as long as a process lives that has its descriptor or is
//! attached (a forked child that executes no program has copies of both), and *stale* then:
//! [`remove_stale`] and [`Options::replace_stale`] take its name away, and never that of one
//! which somebody has, or is about to open. [`list()`](list()) says which there are.
//!
//! The directory's file system must have files without a name (`O_TMPFILE`) and take memory when
//! asked (`fallocate`): a tmpfs as `/dev/shm` is, ext4, XFS, Btrfs.
//!
//! # By a socket
//!
//! Who listens hands a region over to each process that connects: the same to all, or a new one to
//! each. Both look at the other's user first ([`Users`]). The region is a memfd that its receiver
//! finds sealed, so that a hostile process harms nothing but the conversation.
//!
//! # Without `/proc`
//!
//! Attaching needs an open file description that nobody else has; of a memfd, only `/proc` gives
//! one. A [`Seat`] is one that another process made: a listener sends one along with each region if
//! it can, and an end attaches by it
//! ([`producer_by`](crate::ring::spsc::Ring::producer_by), for example), also as a user whom the
//! memory's mode, 0600, does not let open it. A named region needs nobody's help: its name, opened
//! once more, gives a descriptor that becomes a [`Seat`] (`Seat::from`).

mod connect;
mod error;
mod handover;
mod inherited;
mod list;
mod listener;
mod named;
mod options;
mod place;
mod region;
mod structures;

pub use crate::region::Seat;
pub use connect::Received;
pub use error::Error;
pub use handover::Connection;
pub use inherited::from_inherited;
pub use list::{Entries, Entry, list};
pub use listener::Listener;
pub use named::{remove, remove_stale};
pub use options::{Options, Users};
pub use region::{Region, Transfer};
