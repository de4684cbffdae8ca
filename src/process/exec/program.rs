//! Replacing this process's program: by a path, by one below a directory, by an open file.

use core::ffi::CStr;

use super::strings::Strings;
use crate::{AsFd, Errno, sys};

/// Replaces this process's program by the file `path`: `execve(2)`. Returns only if that fails,
/// with the error.
///
/// `path` is relative to the working directory, and `PATH` is not searched. The
/// new program gets exactly `args`, whose first is by custom its own name, and
/// exactly `env` (`NAME=value` each). A file that begins with `#!` runs its
/// interpreter.
///
/// In a process with several threads the others end at once, and the program goes
/// on under the number of the first.
///
/// # Errors
///
/// [`Errno::NOENT`]: no such file, or its interpreter is missing.
/// [`Errno::ACCESS`]: not a file with permission to execute, or on a file system
/// mounted `noexec`. [`Errno::NOEXEC`]: of no known format; a shell would now
/// take it for a script. [`Errno::TOOBIG`]: arguments and environment exceed a
/// quarter of the stack limit, or one of them 128 KiB.
/// [`Errno::TXTBSY`]: somebody has it open for writing.
/// [`Errno::NOTDIR`], [`Errno::LOOP`], [`Errno::NAMETOOLONG`]: the path leads nowhere.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, exec, Fork, State, WaitFlags};
///
/// let args = exec::List::of([c"sh", c"-c", c"exit $code"]);
/// let env = exec::List::of([c"code=7"]);
/// // SAFETY: the child only uses this crate, then executes or exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => {
///         let _why = exec::path(c"/bin/sh", &args, &env);
///         process::exit(127)
///     }
///     Fork::Parent(child) => {
///         let change = process::wait(child, WaitFlags::EXITED)?;
///         assert_eq!(change.state, State::Exited(7));
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "execve")]
pub fn path<'a>(path: &CStr, args: impl Into<Strings<'a>>, env: impl Into<Strings<'a>>) -> Errno {
    // SAFETY: a `Strings` is such a list.
    unsafe { sys::process::execve(path, args.into().as_ptr(), env.into().as_ptr()) }
}

/// Replaces this process's program by the file `path`, relative to `directory`: `execveat(2)`.
/// Returns only if that fails, with the error.
///
/// An absolute `path` ignores `directory`, and an empty one is [`Errno::NOENT`]. Otherwise like
/// [`path`](path()). A script is opened again by its interpreter, as `/dev/fd/N/PATH`, which is
/// gone by then if the directory is close-on-exec.
///
/// # Errors
///
/// Those of [`path`](path()), and [`Errno::NOTDIR`]: `directory` is none; [`Errno::NOENT`] also for a
/// script whose directory is close-on-exec.
///
/// # Examples
///
/// ```
/// use rawipc::process::exec;
/// use rawipc::Errno;
///
/// # #[cfg(feature = "std")] {
/// let folder = std::fs::File::open("/bin").unwrap();
/// let args = exec::List::of([c"nothing"]);
/// let why = exec::at(&folder, c"nothing of this name", &args, exec::Strings::EMPTY);
/// assert_eq!(why, Errno::NOENT);
/// # }
/// ```
#[doc(alias = "execveat")]
pub fn at<'a>(
    directory: impl AsFd,
    path: &CStr,
    args: impl Into<Strings<'a>>,
    env: impl Into<Strings<'a>>,
) -> Errno {
    let (args, env) = (args.into().as_ptr(), env.into().as_ptr());
    // SAFETY: a `Strings` is such a list.
    unsafe { sys::process::execveat(directory.as_fd(), path, args, env) }
}

/// Replaces this process's program by the open file `fd`: `execveat(2)` with `AT_EMPTY_PATH`,
/// `fexecve(3)`. Returns only if that fails, with the error.
///
/// The file may have no name any more, or never have had one (a memfd). It must have permission
/// to execute; the descriptor may be of any kind, `O_PATH` too. Otherwise like [`path`].
///
/// A script is opened again by its interpreter, as `/dev/fd/N`: for a descriptor
/// that is close-on-exec that file is gone by then.
///
/// # Errors
///
/// Those of [`path`], and [`Errno::NOENT`] for a script whose descriptor is
/// close-on-exec.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, exec, Fork, State, WaitFlags};
///
/// # #[cfg(feature = "std")] {
/// let program = std::fs::File::open("/bin/sh").unwrap();
/// let args = exec::List::of([c"sh", c"-c", c"exit 9"]);
/// // SAFETY: the child only uses this crate, then executes or exits.
/// match unsafe { process::fork()? } {
///     Fork::Child => {
///         let _why = exec::descriptor(&program, &args, exec::Strings::EMPTY);
///         process::exit(127)
///     }
///     Fork::Parent(child) => {
///         let change = process::wait(child, WaitFlags::EXITED)?;
///         assert_eq!(change.state, State::Exited(9));
///     }
/// }
/// # }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "execveat")]
#[doc(alias = "fexecve")]
pub fn descriptor<'a>(
    fd: impl AsFd,
    args: impl Into<Strings<'a>>,
    env: impl Into<Strings<'a>>,
) -> Errno {
    // SAFETY: a `Strings` is such a list.
    unsafe { sys::process::fexecve(fd.as_fd(), args.into().as_ptr(), env.into().as_ptr()) }
}
