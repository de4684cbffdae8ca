//! [`CloneOptions`]: creating a process with more options than
//! [`fork`](crate::process::fork()).

use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr;

use linux_raw_sys::general as raw;
use rustix::fd::{AsRawFd, FromRawFd};

use super::flags::CloneFlags;
use super::stack::Stack;
use crate::process::exit::exit;
use crate::process::pidfd::{self, Pidfd};
use crate::process::wait::change;
use crate::sys::clone::{Entry, NO_ARGS};
use crate::sys::process::WaitId;
use crate::wait::ready;
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Pid, Result, Signal, sys};

/// Options for creating a process: `clone3(2)`.
///
/// By default a copy of this process whose termination sends `SIGCHLD`.
///
/// Where the kernel or a sandbox has no `clone3`, `clone(2)` is used for what it can do.
///
/// # Examples
///
/// A child with a [`Pidfd`] from the start:
///
/// ```
/// use rawipc::process::{self, CloneFlags, CloneOptions, Cloned, State, WaitFlags};
///
/// let options = CloneOptions::new().flags(CloneFlags::PIDFD | CloneFlags::CLEAR_SIGHAND);
/// // SAFETY: the child only exits.
/// match unsafe { options.fork()? } {
///     Cloned::Child => process::exit(4),
///     Cloned::Parent { pid, pidfd } => {
///         let change = process::wait(&pidfd.unwrap(), WaitFlags::EXITED)?;
///         assert_eq!((change.pid, change.state), (pid, State::Exited(4)));
///     }
/// }
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "no process is made until one of the fork functions is called"]
pub struct CloneOptions<'a> {
    flags: CloneFlags,
    exit_signal: Option<Signal>,
    cgroup: Option<BorrowedFd<'a>>,
    numbers: &'a [Pid],
}

/// The result of [`CloneOptions::fork`]: which of the two processes this is.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, CloneOptions, Cloned, State, WaitFlags};
///
/// // SAFETY: the child only exits.
/// match unsafe { CloneOptions::new().fork()? } {
///     Cloned::Child => process::exit(3),
///     Cloned::Parent { pid, pidfd } => {
///         assert!(pidfd.is_none()); // CloneFlags::PIDFD asks for one
///         assert_eq!(process::wait(pid, WaitFlags::EXITED)?.state, State::Exited(3));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "both processes go on from here: ask which one this is"]
pub enum Cloned {
    /// This is the parent.
    Parent {
        /// The child's number.
        pid: Pid,
        /// The child, if [`CloneFlags::PIDFD`] was asked for.
        pidfd: Option<Pidfd>,
    },
    /// This is the child.
    Child,
}

impl<'a> CloneOptions<'a> {
    /// Creates the options of a plain [`fork`](crate::process::fork()).
    pub const fn new() -> Self {
        Self {
            flags: CloneFlags::empty(),
            exit_signal: Some(Signal::CHILD),
            cgroup: None,
            numbers: &[],
        }
    }

    /// Sets what is shared and what is new.
    pub const fn flags(mut self, flags: CloneFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets the signal that tells the parent of the child's termination; `None` is none.
    ///
    /// Unless it is `SIGCHLD`, only a wait with [`WaitFlags::ALL`](crate::process::WaitFlags::ALL)
    /// or [`WaitFlags::CLONE`](crate::process::WaitFlags::CLONE) sees the child. It becomes
    /// `SIGCHLD` when the child executes a program. With [`CloneFlags::PARENT`] it is
    /// that of the caller.
    pub const fn exit_signal(mut self, signal: Option<Signal>) -> Self {
        self.exit_signal = signal;
        self
    }

    /// Creates the child in a control group of version 2, by its open directory (`O_PATH` is
    /// enough). Linux 5.7.
    #[doc(alias = "CLONE_INTO_CGROUP")]
    pub fn cgroup(mut self, directory: &'a impl AsFd) -> Self {
        self.cgroup = Some(directory.as_fd());
        self
    }

    pub(in crate::process) const fn cgroup_opt(
        mut self,
        directory: Option<BorrowedFd<'a>>,
    ) -> Self {
        self.cgroup = directory;
        self
    }

    /// Chooses the child's numbers: the first in the innermost PID namespace, the next in the
    /// one around it, and so on; the kernel chooses those beyond the list. For restoring
    /// checkpoints; Linux 5.5.
    #[doc(alias = "set_tid")]
    pub const fn numbers(mut self, numbers: &'a [Pid]) -> Self {
        self.numbers = numbers;
        self
    }

    /// Creates a copy of this process, which returns from this call too: `clone3(2)`.
    ///
    /// The rules of [`fork`](crate::process::fork()) hold. With [`CloneFlags::VFORK`] the
    /// caller waits for the child's program or end, and the memory is copied nevertheless.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`] and [`Errno::NOMEM`]: as [`fork`](crate::process::fork()).
    /// [`Errno::INVAL`]: flags that contradict each other ([`CloneFlags::FS`] and a
    /// namespace of mounts or users), that make a thread or need memory, or that the
    /// kernel does not know; a list of numbers that is longer than there are
    /// namespaces. [`Errno::EXIST`]: a number is taken. [`Errno::PERM`]: a namespace
    /// other than that of users needs `CAP_SYS_ADMIN`, a list of numbers
    /// `CAP_CHECKPOINT_RESTORE`; or sandboxes forbid it. [`Errno::NOSPC`]: too many
    /// namespaces, or too deep in each other (`/proc/sys/user/max_*_namespaces`).
    /// [`Errno::USERS`]: of namespaces of users that, before Linux 4.9.
    /// For a [`cgroup`](Self::cgroup): [`Errno::BADF`]: no directory of a control
    /// group; [`Errno::ACCESS`]: no permission to put processes there;
    /// [`Errno::OPNOTSUPP`]: a domain that is invalid; [`Errno::BUSY`]: it hands
    /// resources on to groups beneath it. [`Errno::TOOBIG`]: the kernel is older than
    /// what is asked for, a list of numbers or a group. [`Errno::NOSYS`] (or what a
    /// sandbox says): there is no `clone3`, and more is asked for than `clone(2)` can say;
    /// or a [`Pidfd`] was, of which the kernel knows nothing: then the child has been
    /// killed.
    ///
    /// # Safety
    ///
    /// The same as for [`fork`](crate::process::fork()). With [`CloneFlags::FILES`] moreover, what both
    /// processes own of descriptors is one and the same: only one of them may close
    /// it.
    #[doc(alias = "clone3")]
    #[doc(alias = "clone")]
    pub unsafe fn fork(self) -> Result<Cloned> {
        self.check()?;
        let mut pidfd = NO_DESCRIPTOR;
        let args = self.args(&mut pidfd);
        // SAFETY: nothing makes the child share memory, as checked; the pointers are
        // to what is borrowed here; the rest is the caller's promise.
        let child = match unsafe { sys::clone::clone3(&args) } {
            Err(errno) if sys::is_absent(errno) => {
                let flags = old_flags(&args).ok_or(errno)?;
                // SAFETY: as above.
                unsafe { sys::clone::clone(flags, args.pidfd) }
            }
            result => result,
        }?;
        Ok(match child {
            Some(pid) => Cloned::Parent {
                pid,
                // SAFETY: what the kernel has just opened is for us alone.
                pidfd: unsafe { self.own(pid, pidfd) }?,
            },
            None => Cloned::Child,
        })
    }

    /// Creates a process that runs `run` on `stack` in this process's memory, and blocks until
    /// it executes a program or terminates: `clone3(2)` with `CLONE_VM` and `CLONE_VFORK`. The
    /// child exits with what `run` returns.
    ///
    /// No memory is copied, not even the tables of where it is: this is the fastest
    /// way to another program. What the child writes is written in this process, which
    /// is how it can tell why it failed. While it runs, the calling thread does not,
    /// but all others do.
    ///
    /// The descriptors, the working directory and so on are the child's own, unless
    /// asked otherwise. What `run` owns is dropped by the child: memory is given back
    /// once, but a descriptor is closed in the child alone.
    ///
    /// # Errors
    ///
    /// Those of [`fork`](Self::fork), and [`Errno::INVAL`]: the stack has less than 1 KiB.
    ///
    /// # Safety
    ///
    /// - `stack` must be enough for what `run` does. There is nothing at its end that
    ///   would stop it: what lies there is overwritten. 16 KiB do for system calls.
    /// - `run` must not use what belongs to a thread or process, as it is the parent's
    ///   that it would see and change: thread-local variables, `errno`, a libc's idea
    ///   of which process this is. It must not panic, allocate or lock. System calls, which
    ///   is to say this crate, are well.
    /// - A handler of a signal must not run in the child, for the same reasons: block
    ///   all signals around the call, with [`CloneFlags::CLEAR_SIGHAND`] until then.
    /// - The child must not change whose it is (`setuid`), as others of that user
    ///   could write to it, and thereby to this process.
    ///
    /// Nor can the child have itself traced ([`traceme`](crate::trace::traceme) says
    /// [`Errno::DEADLK`]): any signal would stop it, and `SIGSTOP` cannot be blocked, until
    /// this thread lets it go on, which sleeps until the child does.
    /// [`Command::traced`](crate::process::Command::traced) starts a program to be traced; a
    /// [`fork`](Self::fork) can be traced.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use rawipc::process::{self, CloneOptions, State, WaitFlags};
    ///
    /// let mut stack = [MaybeUninit::uninit(); 16 << 10];
    /// let mut written = 0;
    /// // SAFETY: it writes to one variable, and no signal is handled here.
    /// let child = unsafe {
    ///     CloneOptions::new().vfork(&mut stack, || {
    ///         written = 42;
    ///         7
    ///     })?
    /// };
    /// assert_eq!(written, 42);
    /// assert_eq!(process::wait(child.0, WaitFlags::EXITED)?.state, State::Exited(7));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[doc(alias = "CLONE_VM")]
    pub unsafe fn vfork<F: FnOnce() -> i32>(
        self,
        stack: &mut [MaybeUninit<u8>],
        run: F,
    ) -> Result<(Pid, Option<Pidfd>)> {
        let mut run = ManuallyDrop::new(run);
        // SAFETY: the caller's promise; `run` is taken once, by the child.
        let made = unsafe { self.begin(Way::SLEEPING, stack, entry::<F>, from_mut(&mut run)) };
        if made.is_err() {
            // SAFETY: there was no child to take it.
            unsafe { ManuallyDrop::drop(&mut run) };
        }
        let (pid, pidfd) = made?;
        // SAFETY: what the kernel has just opened is for us alone.
        Ok((pid, unsafe { self.own(pid, pidfd) }?))
    }

    /// Makes a process that calls `entry` with `argument` on `stack`, and waits until
    /// it executes a program or ends, if that is the [`Way`].
    ///
    /// # Safety
    ///
    /// The same as for [`vfork`](Self::vfork) with what `entry` does with `argument`. Unless this
    /// waits, the caller must, before it gives up what the child uses.
    pub(in crate::process) unsafe fn child(
        self,
        way: Way,
        stack: &mut [MaybeUninit<u8>],
        entry: Entry,
        argument: *mut (),
    ) -> Result<(Pid, Option<Pidfd>)> {
        // SAFETY: the caller's promise.
        let (pid, pidfd) = unsafe { self.begin(way, stack, entry, argument) }?;
        // SAFETY: what the kernel has just opened is for us alone.
        Ok((pid, unsafe { self.own(pid, pidfd) }?))
    }

    /// As [`child`](Self::child); with the descriptor as the kernel wrote it, for
    /// [`own`](Self::own). An error means that there was no child.
    ///
    /// # Safety
    ///
    /// The same as for [`child`](Self::child).
    unsafe fn begin(
        &self,
        way: Way,
        stack: &mut [MaybeUninit<u8>],
        entry: Entry,
        argument: *mut (),
    ) -> Result<(Pid, i32)> {
        self.check()?;
        let stack = Stack::of(stack).ok_or(Errno::INVAL)?;
        let mut pidfd = NO_DESCRIPTOR;
        let mut args = self.args(&mut pidfd);
        if way.sleeps {
            args.flags |= u64::from(raw::CLONE_VFORK);
        }
        if way.memory == Memory::Shared {
            args.flags |= u64::from(raw::CLONE_VM);
        }
        args.stack = stack.bottom as u64;
        args.stack_size = stack.size as u64;
        // SAFETY: the stack's end is aligned, and the stack borrowed until the child
        // has done with it; the pointers are to what is borrowed here; the rest is the
        // caller's promise.
        let child = match unsafe { sys::clone::clone3_child(&args, entry, argument) } {
            Err(errno) if sys::is_absent(errno) => {
                let flags = old_flags(&args).ok_or(errno)?;
                let end = args.stack + args.stack_size;
                // SAFETY: as above.
                unsafe { sys::clone::clone_child(flags, end, args.pidfd, entry, argument) }
            }
            result => result,
        }?;
        // The child does not return.
        let pid = child.ok_or(Errno::NOSYS)?;
        Ok((pid, pidfd))
    }

    fn check(&self) -> Result<()> {
        if self.flags.bits() & CloneFlags::NOT_FLAGS != 0 {
            return Err(Errno::INVAL);
        }
        Ok(())
    }

    fn args(&self, pidfd: &mut i32) -> raw::clone_args {
        let mut args = NO_ARGS;
        args.flags = self.flags.bits();
        if self.flags.contains(CloneFlags::PIDFD) {
            args.pidfd = ptr::from_mut(pidfd).expose_provenance() as u64;
        }
        if !self.flags.contains(CloneFlags::PARENT) {
            args.exit_signal = self.exit_signal.map_or(0, |signal| signal.as_raw() as u64);
        }
        if let Some(cgroup) = self.cgroup {
            args.flags |= raw::CLONE_INTO_CGROUP;
            args.cgroup = cgroup.as_raw_fd() as u64;
        }
        if !self.numbers.is_empty() {
            args.set_tid = self.numbers.as_ptr().expose_provenance() as u64;
            args.set_tid_size = self.numbers.len() as u64;
        }
        args
    }

    /// The descriptor of the child `pid`, if one was asked for. `fd` is what the kernel
    /// has written, or [`NO_DESCRIPTOR`] where it does not know that it was asked: then
    /// one is opened now, or the child is killed, as nobody would learn of it.
    ///
    /// # Safety
    ///
    /// Nobody may own `fd`.
    unsafe fn own(&self, pid: Pid, fd: i32) -> Result<Option<Pidfd>> {
        if !self.flags.contains(CloneFlags::PIDFD) {
            return Ok(None);
        }
        if fd != NO_DESCRIPTOR {
            // SAFETY: the caller's promise.
            return Ok(Some(Pidfd::from(unsafe { OwnedFd::from_raw_fd(fd) })));
        }
        pidfd::open(pid).map(Some).map_err(|errno| {
            let _ = sys::signal::kill_process(pid, Signal::KILL);
            // A child of the parent's is not ours to wait for.
            let wait = || change(WaitId::Pid(pid), raw::WEXITED | raw::__WALL);
            let _ = ready::uninterrupted(wait);
            if sys::is_absent(errno) {
                Errno::NOSYS
            } else {
                errno
            }
        })
    }
}

impl Default for CloneOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// What stands where the kernel writes a descriptor, until it does: 0 would be one.
const NO_DESCRIPTOR: i32 = -1;

/// Whether a child has the memory of its parent or a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) enum Memory {
    Shared,
    Copied,
}

/// How a child comes to its program.
#[derive(Clone, Copy, Debug)]
pub(in crate::process) struct Way {
    pub(in crate::process) memory: Memory,
    /// Whether the parent is asleep until then, and sees nothing of it.
    pub(in crate::process) sleeps: bool,
}

impl Way {
    const SLEEPING: Self = Self {
        memory: Memory::Shared,
        sleeps: true,
    };
}

/// What `clone(2)` is given to do the same.
///
/// `None`: there is more than it can say.
fn old_flags(args: &raw::clone_args) -> Option<u32> {
    let new = u64::from(raw::CLONE_NEWTIME) | !u64::from(u32::MAX);
    if args.flags & new != 0 || args.set_tid_size != 0 {
        return None;
    }
    // Both fit: the flags as just seen, and a signal, which is at most 64.
    Some(args.flags as u32 | args.exit_signal as u32)
}

fn from_mut<T>(value: &mut T) -> *mut () {
    ptr::from_mut(value).cast()
}

/// What the child of [`CloneOptions::vfork`] calls.
unsafe extern "C" fn entry<F: FnOnce() -> i32>(run: *mut ()) -> ! {
    // SAFETY: points to one that the parent has given away, in memory that it keeps
    // until this process is another.
    let run = unsafe { run.cast::<F>().read() };
    exit(run())
}
