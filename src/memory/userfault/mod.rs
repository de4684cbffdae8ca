//! Page faults as messages: `userfaultfd(2)`, `ioctl_userfaultfd(2)`.
//!
//! Whoever touches a page of registered memory that is not there yet sleeps until
//! somebody with the descriptor has put it there: the *handler*, another thread of the
//! process or another process that was given the descriptor. It decides what the page
//! has, and so pages over a network, restores a snapshot or counts accesses. With
//! [`Mode::WRITE_PROTECT`] and [`Mode::MINOR`] it also hears of writes, and of pages
//! that only are not mapped yet.
//!
//! A descriptor is of one process's memory, wherever it is used: that of the process that
//! created it, or of the child in an [`Event::Fork`]. All addresses are that process's.
//! A mapping tells its own by [`Mapping::address_range`].
//!
//! # What to keep in mind
//!
//! - A handler touches no page that it serves, and locks nothing that who sleeps may
//!   hold. Nor does a system call that it makes: the kernel faults as well, in a `read` into
//!   such memory for instance.
//! - **If the handler dies**, what happens depends on who else has the descriptor. If
//!   nobody has, the kernel closes it for the dead: all registrations end, and who sleeps
//!   finds zeros, or what the file has. If somebody has, **who sleeps does so until that
//!   one serves, or is killed** (signals are handled meanwhile): so a process that gives
//!   its faults to another closes its own descriptor, or watches the handler by its
//!   [pidfd](crate::process::pidfd). Who takes over from it does not hear of what the dead
//!   one had read: it [wakes](Userfault::wake) all, and who still needs a page asks again.
//! - **If the process dies** whose memory it is, the handler hears nothing, and its
//!   operations fail with [`Errno::SRCH`].
//! - With [`Features::FORK`], [`Features::MOVED`], [`Features::REMOVED`] or
//!   [`Features::UNMAPPED`] the one who forks, moves, discards or unmaps sleeps until
//!   that event is read, [`Mapping`]'s drop too. Without them nobody is told, moved pages
//!   are not registered any more, and a child's never were.
//! - Not every kernel has it, not for everybody: see [`create`].

mod descriptor;
mod event;
mod flags;
mod open;
mod pages;

pub use descriptor::Userfault;
pub use event::{Event, Fault};
pub use flags::{Features, Mode, Operations, Place, UserfaultFlags};
pub use open::{DEVICE, create, create_by, features, open_device};

#[cfg(doc)]
use crate::Errno;
#[cfg(doc)]
use crate::memory::Mapping;
