//! Ending this process.
#![forbid(unsafe_code)]

use crate::sys;

/// Terminates this process with all its threads: `exit_group(2)`.
///
/// The parent sees the low 8 bits of `status` as
/// [`State::Exited`](super::State::Exited). Nothing of the program runs any more:
/// no destructor, no `atexit` function, no flush of a buffered standard output.
/// That is what the child of a [`fork`](super::fork()) wants, whose copies of those
/// belong to the parent. Descriptors are closed and mappings unmapped by the
/// kernel.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Fork, State, WaitFlags};
///
/// // SAFETY: the child only exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => process::exit(256 + 7),
///     Fork::Parent(child) => {
///         let change = process::wait(child, WaitFlags::EXITED)?;
///         assert_eq!(change.state, State::Exited(7));
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "_exit")]
#[doc(alias = "exit_group")]
pub fn exit(status: i32) -> ! {
    sys::process::exit_group(status)
}
