//! Answering other threads' system calls: `seccomp_unotify(2)`.
//!
//! A thread whose filter decides [`Action::Notify`](super::Action::Notify) blocks in the call
//! until the owner of the filter's [`Listener`] answers: with a [result](Listener::respond), an
//! [error](Listener::refuse), a [descriptor](Listener::respond_with_descriptor), or by letting
//! it [go on](Listener::proceed).
//!
//! | | then |
//! |---|---|
//! | the caller dies, or a signal handler interrupts its call | what is answered is [`Error::Gone`]; a call that is begun again comes as another notification |
//! | all threads under the filter have ended | receiving is [`Error::Gone`] |
//! | the last process that has the listener dies | calls that wait, and all later ones, fail with `ENOSYS` |
//!
//! What the arguments of a call point to is read from the caller's memory. By then the caller
//! may have run on, or its number may be another's: ask [`Listener::is_waiting`] *after*
//! reading, and before using what was read. Even then the caller's other threads may be
//! changing it.
//!
//! # Examples
//!
//! ```
//! use rawipc::process::{self, Fork, State, WaitFlags};
//! use rawipc::seccomp::notify::{Error, Listener};
//! use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall};
//! use rawipc::socket::message::{Incoming, Outgoing};
//! use rawipc::socket::seqpacket;
//! use rawipc::{AsFd, IoSlice, IoSliceMut, Result};
//!
//! let (ours, theirs) = seqpacket::pair()?;
//! let under_filter = move || -> Result<i32> {
//!     let mut filter = Filter::<16>::new(Action::Allow);
//!     let _room = filter.call(Syscall::GETPRIORITY, Action::Notify);
//!     seccomp::set_no_new_privs()?;
//!     // SAFETY: nothing depends on the priority.
//!     let listener = unsafe { seccomp::install_with_listener(&filter, InstallFlags::empty())? };
//!     let descriptors = [listener.as_fd()];
//!     theirs.send_message(&[IoSlice::new(b"x")], &Outgoing::new().descriptors(&descriptors))?;
//!     drop(listener);
//!     rustix::process::getpriority_process(None)
//! };
//! // SAFETY: the child only uses this crate and exits.
//! let Fork::Parent(child) = (unsafe { process::fork()? }) else {
//!     process::exit(i32::from(under_filter() != Ok(7)))
//! };
//!
//! let mut incoming = Incoming::<1>::new();
//! ours.recv_message(&mut [IoSliceMut::new(&mut [0])], &mut incoming)?;
//! let listener = Listener::from(incoming.descriptors().next().unwrap());
//! let notification = listener.receive()?;
//! assert_eq!(notification.thread, Some(child));
//! assert_eq!(notification.call.number, Syscall::GETPRIORITY.number());
//! listener.respond(notification.cookie, 20 - 7)?; // the kernel's way to say 7
//!
//! assert_eq!(process::wait(child, WaitFlags::EXITED)?.state, State::Exited(0));
//! assert_eq!(listener.receive(), Err(Error::Gone));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod descriptor;
mod error;
mod listener;

pub use descriptor::AddFlags;
pub use error::Error;
pub use listener::{Cookie, Listener, ListenerFlags, Notification};
