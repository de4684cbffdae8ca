//! [`Joined`]: existing namespaces that a program enters.

use crate::process::clone::CloneFlags;
use crate::{AsFd, BorrowedFd, Errno, Result, sys};

/// A namespace for a program to enter, or several of a process:
/// [`Command::join`](crate::process::Command::join).
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::process::{self, CloneFlags, Command, Joined, WaitFlags, exec};
///
/// # let pid = std::process::id();
/// let namespace = std::fs::File::open(format!("/proc/{pid}/ns/uts"))?; // of any process
/// let joined = [Joined::new(&namespace, CloneFlags::NEWUTS)];
/// let args = exec::List::of([c"true"]);
/// let command = Command::path(c"/bin/true", &args, exec::Strings::EMPTY).join(&joined);
/// match command.spawn() {
///     Ok(child) => assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success()),
///     Err(error) if error.errno == Errno::PERM => println!("needs CAP_SYS_ADMIN"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Joined<'fd> {
    fd: BorrowedFd<'fd>,
    kinds: CloneFlags,
}

impl<'fd> Joined<'fd> {
    /// Names the namespace of `fd`, an open `/proc/PID/ns/NAME`, which must be of this kind
    /// ([`CloneFlags::empty`]: of any); or, if `fd` is a [`Pidfd`](crate::process::Pidfd), the
    /// namespaces of these kinds that the process is in (Linux 5.8).
    #[must_use]
    #[doc(alias = "setns")]
    pub fn new(fd: &'fd impl AsFd, kinds: CloneFlags) -> Self {
        let fd = fd.as_fd();
        Self { fd, kinds }
    }

    pub(super) fn enter(&self) -> Result<()> {
        if !CloneFlags::NAMESPACES.contains(self.kinds) {
            return Err(Errno::INVAL);
        }
        // Of 32 bits, all of them.
        sys::namespace::setns(self.fd, self.kinds.bits() as u32)
    }
}
