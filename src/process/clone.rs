//! Making a process with more to say than [`fork`](super::fork()): what it shares,
//! where it is put, how its end is told. `clone3(2)`.
//!
//! [`CloneOptions`] says what is asked; [`CloneOptions::fork`] makes a copy of this
//! process that goes on from where it is, [`CloneOptions::vfork`] one that runs a
//! function *in the caller's memory*, which takes no time however much memory there
//! is. To start a program, [`Command`](super::Command) does all of it.

use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr;

use linux_raw_sys::general as raw;
use rustix::fd::{AsRawFd, FromRawFd};

use super::wait::change;
use super::{Pidfd, exit, pidfd};
use crate::sys::clone::{Entry, NO_ARGS};
use crate::sys::process::WaitId;
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Pid, Result, Signal, ready, sys};

bitflags::bitflags! {
    /// What a new process shares with its parent, and what it has for itself.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CloneFlags: u64 {
        /// A [`Pidfd`] of the child is made in the same step: no other process can
        /// have got its number meanwhile. (Where neither `clone3(2)` nor this flag of
        /// `clone(2)` is known, before Linux 5.2 or in a sandbox, it is opened afterwards.)
        #[doc(alias = "CLONE_PIDFD")]
        const PIDFD = raw::CLONE_PIDFD as u64;
        /// One table of descriptors for both: what one opens or closes, so does the
        /// other.
        #[doc(alias = "CLONE_FILES")]
        const FILES = raw::CLONE_FILES as u64;
        /// One working directory, root directory and umask for both.
        #[doc(alias = "CLONE_FS")]
        const FS = raw::CLONE_FS as u64;
        /// One queue to the disks for both.
        #[doc(alias = "CLONE_IO")]
        const IO = raw::CLONE_IO as u64;
        /// One list of what System V semaphores undo, when the last of them ends.
        #[doc(alias = "CLONE_SYSVSEM")]
        const SYSVSEM = raw::CLONE_SYSVSEM as u64;
        /// The child is not the caller's but its parent's, which is told of the
        /// child's end as it is of the caller's.
        #[doc(alias = "CLONE_PARENT")]
        const PARENT = raw::CLONE_PARENT as u64;
        /// If the caller is traced, so is the child, by the same process.
        #[doc(alias = "CLONE_PTRACE")]
        const PTRACE = raw::CLONE_PTRACE as u64;
        /// A process that traces the caller cannot have the child traced too.
        #[doc(alias = "CLONE_UNTRACED")]
        const UNTRACED = raw::CLONE_UNTRACED as u64;
        /// The caller waits until the child executes a program or ends. It cannot trace
        /// the child meanwhile: at the first signal each would wait for the other.
        #[doc(alias = "CLONE_VFORK")]
        const VFORK = raw::CLONE_VFORK as u64;
        /// Signals that the caller handles have their default action in the child;
        /// ignored ones stay so. Linux 5.5.
        #[doc(alias = "CLONE_CLEAR_SIGHAND")]
        const CLEAR_SIGHAND = raw::CLONE_CLEAR_SIGHAND;
        /// A new cgroup namespace: `cgroup_namespaces(7)`.
        #[doc(alias = "CLONE_NEWCGROUP")]
        const NEWCGROUP = raw::CLONE_NEWCGROUP as u64;
        /// A new namespace of System V objects and POSIX queues: `ipc_namespaces(7)`.
        #[doc(alias = "CLONE_NEWIPC")]
        const NEWIPC = raw::CLONE_NEWIPC as u64;
        /// A new network namespace: `network_namespaces(7)`.
        #[doc(alias = "CLONE_NEWNET")]
        const NEWNET = raw::CLONE_NEWNET as u64;
        /// A new mount namespace: `mount_namespaces(7)`.
        #[doc(alias = "CLONE_NEWNS")]
        const NEWNS = raw::CLONE_NEWNS as u64;
        /// A new namespace of process numbers, in which the child is 1, and with
        /// which all in it end: `pid_namespaces(7)`.
        #[doc(alias = "CLONE_NEWPID")]
        const NEWPID = raw::CLONE_NEWPID as u64;
        /// A new namespace of the monotonic clocks: `time_namespaces(7)`.
        #[doc(alias = "CLONE_NEWTIME")]
        const NEWTIME = raw::CLONE_NEWTIME as u64;
        /// A new namespace of users, in which the child has all privileges, and which
        /// is the one that needs none to be made: `user_namespaces(7)`.
        #[doc(alias = "CLONE_NEWUSER")]
        const NEWUSER = raw::CLONE_NEWUSER as u64;
        /// A new namespace of the machine's names: `uts_namespaces(7)`.
        #[doc(alias = "CLONE_NEWUTS")]
        const NEWUTS = raw::CLONE_NEWUTS as u64;
        const _ = !0;
    }
}

impl CloneFlags {
    /// All that make a namespace.
    pub(super) const NAMESPACES: Self = Self::NEWCGROUP
        .union(Self::NEWIPC)
        .union(Self::NEWNET)
        .union(Self::NEWNS)
        .union(Self::NEWPID)
        .union(Self::NEWTIME)
        .union(Self::NEWUSER)
        .union(Self::NEWUTS);

    /// What the functions here set themselves, or what would need memory that they do
    /// not set up: threads, and processes that run in one memory at the same time.
    const NOT_FLAGS: u64 = (raw::CLONE_VM
        | raw::CLONE_SIGHAND
        | raw::CLONE_THREAD
        | raw::CLONE_SETTLS
        | raw::CLONE_PARENT_SETTID
        | raw::CLONE_CHILD_SETTID
        | raw::CLONE_CHILD_CLEARTID
        | raw::CLONE_DETACHED) as u64
        | raw::CLONE_INTO_CGROUP;
}

/// How a process is made: `clone3(2)`.
///
/// A copy of this one whose end is told by `SIGCHLD`, unless asked otherwise.
///
/// Where the kernel or a sandbox has no `clone3`, what `clone(2)` can say is asked of
/// that.
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

/// Which of the two processes returned from [`CloneOptions::fork`].
#[derive(Debug)]
#[must_use = "both processes go on from here: ask which one this is"]
pub enum Cloned {
    /// This is the process that called.
    Parent {
        /// The child's number.
        pid: Pid,
        /// The child, if [`CloneFlags::PIDFD`] was asked for.
        pidfd: Option<Pidfd>,
    },
    /// This is the new process.
    Child,
}

impl<'a> CloneOptions<'a> {
    /// A copy of this process, as [`fork`](super::fork()) makes it.
    pub const fn new() -> Self {
        Self {
            flags: CloneFlags::empty(),
            exit_signal: Some(Signal::CHILD),
            cgroup: None,
            numbers: &[],
        }
    }

    /// What is shared and what is new.
    pub const fn flags(mut self, flags: CloneFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The signal that tells the parent of the child's end; none with `None`.
    ///
    /// Unless it is `SIGCHLD`, only a wait with [`WaitFlags::ALL`](super::WaitFlags::ALL)
    /// or [`WaitFlags::CLONE`](super::WaitFlags::CLONE) sees the child. It becomes
    /// `SIGCHLD` when the child executes a program. With [`CloneFlags::PARENT`] it is
    /// that of the caller.
    pub const fn exit_signal(mut self, signal: Option<Signal>) -> Self {
        self.exit_signal = signal;
        self
    }

    /// The child begins in the control group whose directory (of the second version)
    /// `directory` is, without ever having been in that of the caller: `O_PATH` will
    /// do. Linux 5.7.
    #[doc(alias = "CLONE_INTO_CGROUP")]
    pub fn cgroup(mut self, directory: &'a impl AsFd) -> Self {
        self.cgroup = Some(directory.as_fd());
        self
    }

    pub(super) const fn cgroup_opt(mut self, directory: Option<BorrowedFd<'a>>) -> Self {
        self.cgroup = directory;
        self
    }

    /// The child's numbers: the first in the innermost namespace of process numbers,
    /// the next in the one around it, and so on; those beyond the list are the
    /// kernel's choice. Linux 5.5; as checkpoints are restored.
    #[doc(alias = "set_tid")]
    pub const fn numbers(mut self, numbers: &'a [Pid]) -> Self {
        self.numbers = numbers;
        self
    }

    /// Makes a copy of this process that returns from here too: `clone3(2)`.
    ///
    /// As [`fork`](super::fork()), whose rules hold. With [`CloneFlags::VFORK`] the
    /// caller waits for the child's program or end, and the memory is copied
    /// nevertheless.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`] and [`Errno::NOMEM`]: as [`fork`](super::fork()).
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
    /// As [`fork`](super::fork()). With [`CloneFlags::FILES`] moreover, what both
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

    /// Makes a process that runs `run` on `stack` in the memory of this one, and waits
    /// until it executes a program or ends: `clone3(2)` with `CLONE_VM` and
    /// `CLONE_VFORK`. What `run` returns is what the child exits with.
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
    /// As [`fork`](Self::fork); [`Errno::INVAL`] also: the stack has less than 1 KiB.
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
    /// [`Command::traced`](super::Command::traced) starts a program to be traced; a
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
    /// As [`vfork`](Self::vfork) with what `entry` does with `argument`. Unless this
    /// waits, the caller must, before it gives up what the child uses.
    pub(super) unsafe fn child(
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
    /// As [`child`](Self::child).
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
pub(super) enum Memory {
    Shared,
    Copied,
}

/// How a child comes to its program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) memory: Memory,
    /// Whether the parent is asleep until then, and sees nothing of it.
    pub(super) sleeps: bool,
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

/// Where a child's stack begins and how long it is, its end aligned as machines want
/// it.
struct Stack<'s> {
    bottom: usize,
    size: usize,
    borrowed: PhantomData<&'s mut [MaybeUninit<u8>]>,
}

impl<'s> Stack<'s> {
    const MINIMUM: usize = 1024;
    const ALIGNMENT: usize = 16;

    fn of(memory: &'s mut [MaybeUninit<u8>]) -> Option<Self> {
        let len = memory.len();
        let bottom = memory.as_mut_ptr().expose_provenance();
        let size = len.checked_sub((bottom + len) % Self::ALIGNMENT)?;
        (size >= Self::MINIMUM).then_some(Self {
            bottom,
            size,
            borrowed: PhantomData,
        })
    }
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
