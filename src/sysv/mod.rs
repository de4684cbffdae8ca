//! System V message queues, semaphore sets and shared memory: `sysvipc(7)`.
//!
//! All three are objects of the kernel that no process owns: they are found by a
//! [`Key`] or by the identifier that the kernel gave them, and stay until somebody
//! *removes* them or the system ends. The values of this crate ([`message::Queue`],
//! [`semaphore::Set`], [`memory::Segment`]) are nothing but such identifiers, to be copied
//! and sent to others at will; dropping one does nothing. They are not descriptors: `epoll`
//! cannot watch them and `exec` does not close them.
//!
//! # Who may do what
//!
//! Each has an owner, a group and a [`Mode`] ([`Permissions`]). Reading (receiving,
//! looking at values, waiting for zero, attaching at all) needs the mode's bit to read,
//! changing (sending, changing values, attaching for writing) that to write; that to
//! execute only means something to [`memory::AttachFlags::EXECUTE`]. Only the owner and the creator may change permissions or
//! remove. Without the permission the error is [`Errno::ACCESS`], or [`Errno::PERM`] for
//! those last two.
//!
//! # When others die or remove
//!
//! A process that dies leaves everything as it is, but that its attached memory is
//! detached and that what it did to semaphores with
//! [`OperationFlags::UNDO`](semaphore::OperationFlags::UNDO) is undone. Nobody is told
//! of its death.
//!
//! Who removes a queue or a set ends all waiting for it with [`Errno::IDRM`]; who comes
//! later gets [`Errno::INVAL`] or [`Errno::IDRM`]. An identifier is used again after its
//! place in the kernel's table had some 65,000 other objects, which takes a determined
//! process a second: it names an object, but proves nothing.

mod create;
mod key;
mod list;
pub mod memory;
pub mod message;
mod permissions;
mod polled;
pub mod semaphore;

pub use create::Create;
pub use key::Key;
pub use list::List;
pub use permissions::{Access, Permissions};

#[cfg(doc)]
use crate::{Errno, Mode};
