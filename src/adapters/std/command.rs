//! Descriptors for programs that std's `Command` starts: their numbers are in the environment.

use std::ffi::OsStr;
use std::format;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::string::{String, ToString};
use std::vec::Vec;

use rustix::io::fcntl_dupfd_cloexec;

use crate::rendezvous::Transfer;
use crate::{AsFd, AsRawFd, BorrowedFd, Errno, OwnedFd, RawFd, process, sys};

/// The lowest number that is no standard stream's, which std redirects in the child.
const FIRST: RawFd = 3;

/// Gives a program that [`Command`] starts rings and descriptors, each by a name.
///
/// The command keeps a descriptor of its own of each until it is dropped: a reader of a pipe, for example,
/// sees no end before. Programs that it starts several times all get the same. Call
/// [`Command::env_clear`] before, not after.
///
/// # Examples
///
/// ```
/// use rawipc::adapters::command::Inherit;
/// use rawipc::pipe::{self, PipeFlags};
/// use std::io::Read;
/// use std::process::Command;
///
/// let (mut reader, writer) = pipe::create(PipeFlags::empty())?;
/// let status = Command::new("/bin/sh")
///     .args(["-c", "echo hello > /proc/self/fd/$RAWIPC_FD_out"])
///     .inherit_fd("out", writer)?
///     .status()?;
/// assert!(status.success());
/// let mut said = String::new();
/// reader.read_to_string(&mut said)?;
/// assert_eq!(said, "hello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Inherit: CommandExt {
    /// Gives the program a ring, or another structure of [`ring`](crate::ring) or
    /// [`members`](crate::members), which it takes by [`inherited`].
    ///
    /// # Errors
    ///
    /// Of the kind [`InvalidInput`](ErrorKind::InvalidInput): the name is empty, has a `=` or a zero
    /// byte in it, or was given already. [`Errno::MFILE`], [`Errno::NFILE`]: no descriptor left.
    fn inherit(&mut self, name: &str, region: &impl Transfer) -> io::Result<&mut Self>;

    /// Gives the program a descriptor, which it takes by [`inherited_fd`].
    ///
    /// # Errors
    ///
    /// Those of [`inherit`](Self::inherit).
    fn inherit_fd(&mut self, name: &str, fd: impl AsFd) -> io::Result<&mut Self>;
}

impl Inherit for Command {
    fn inherit(&mut self, name: &str, region: &impl Transfer) -> io::Result<&mut Self> {
        give(self, name, region.lent())
    }

    fn inherit_fd(&mut self, name: &str, fd: impl AsFd) -> io::Result<&mut Self> {
        give(self, name, [fd.as_fd()].into_iter())
    }
}

fn give<'c, 'fd>(
    command: &'c mut Command,
    name: &str,
    lent: impl Iterator<Item = BorrowedFd<'fd>>,
) -> io::Result<&'c mut Command> {
    let variable = variable(name);
    let is_given =
        |(name, value): (&OsStr, Option<&OsStr>)| name == variable.as_str() && value.is_some();
    if name.is_empty() || name.contains(['=', '\0']) || command.get_envs().any(is_given) {
        return Err(Errno::INVAL.into());
    }
    let own = lent.map(|fd| fcntl_dupfd_cloexec(fd, FIRST));
    let own = own.collect::<Result<Vec<OwnedFd>, Errno>>()?;
    let numbers = own.iter().map(|fd| fd.as_raw_fd().to_string());
    command.env(variable, numbers.collect::<Vec<_>>().join(","));
    // The numbers stay what they are in the child: they are taken, so that nothing of std's has one.
    let keep = move || {
        let mut own = own.iter();
        Ok(own.try_for_each(|fd| sys::descriptor::keep_on_exec(fd.as_raw_fd()))?)
    };
    // SAFETY: between fork and exec the closure only makes system calls.
    Ok(unsafe { command.pre_exec(keep) })
}

/// Takes the ring, or another structure, that this program was given by this name.
///
/// It can be taken once, and is not passed on to further programs.
///
/// # Errors
///
/// Of the kind [`NotFound`](ErrorKind::NotFound): nothing was given by this name.
/// [`InvalidData`](ErrorKind::InvalidData): what was given is something else. Else as
/// [`from_inherited`](crate::rendezvous::from_inherited).
pub fn inherited<R: Transfer>(name: &str) -> io::Result<R> {
    Ok(R::from_numbers(&numbers(name)?)?)
}

/// Takes the descriptor that this program was given by this name.
///
/// It can be taken once, and is not passed on to further programs. The number under which it was given
/// stays open beside it: what it is the last writer of, for example, has no end before this program has.
///
/// # Errors
///
/// Those of [`inherited`].
pub fn inherited_fd(name: &str) -> io::Result<OwnedFd> {
    match *numbers(name)? {
        [number] => Ok(process::inherited(number)?),
        _ => Err(io::Error::new(
            ErrorKind::InvalidData,
            "it is several descriptors",
        )),
    }
}

fn variable(name: &str) -> String {
    format!("RAWIPC_FD_{name}")
}

fn numbers(name: &str) -> io::Result<Vec<RawFd>> {
    let said = std::env::var(variable(name)).map_err(|_| {
        let words = format!("no descriptor was given by the name {name:?}");
        io::Error::new(ErrorKind::NotFound, words)
    })?;
    let numbers = said.split(',').map(str::parse);
    numbers.collect::<Result<_, _>>().map_err(|_| {
        let words = format!("{:?} is no list of descriptors", said);
        io::Error::new(ErrorKind::InvalidData, words)
    })
}
