//! [`CloneFlags`]: what a new process shares with its parent, and what is its own.
#![forbid(unsafe_code)]

use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// Flags for creating a process: what it shares with its parent, and what is its own:
    /// `clone(2)`.
    ///
    /// # Examples
    ///
    /// A child without this process's signal handlers, known by a descriptor from the start:
    ///
    /// ```
    /// use rawipc::process::{self, CloneFlags, CloneOptions, Cloned, WaitFlags};
    ///
    /// let flags = CloneFlags::PIDFD | CloneFlags::CLEAR_SIGHAND;
    /// // SAFETY: the child only exits.
    /// match unsafe { CloneOptions::new().flags(flags).fork()? } {
    ///     Cloned::Child => process::exit(0),
    ///     Cloned::Parent { pidfd, .. } => {
    ///         let pidfd = pidfd.ok_or("it was asked for")?;
    ///         assert!(process::wait(&pidfd, WaitFlags::EXITED)?.state.is_success());
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CloneFlags: u64 {
        /// Creates a [`Pidfd`](crate::process::Pidfd) of the child in the same step: no other
        /// process can have got its number in between. (Where neither `clone3(2)` nor this flag
        /// of `clone(2)` is known, before Linux 5.2 or in a sandbox, it is opened afterwards.)
        #[doc(alias = "CLONE_PIDFD")]
        const PIDFD = raw::CLONE_PIDFD as u64;
        /// Shares the table of descriptors.
        #[doc(alias = "CLONE_FILES")]
        const FILES = raw::CLONE_FILES as u64;
        /// Shares the working directory, the root directory and the umask.
        #[doc(alias = "CLONE_FS")]
        const FS = raw::CLONE_FS as u64;
        /// Shares the I/O context.
        #[doc(alias = "CLONE_IO")]
        const IO = raw::CLONE_IO as u64;
        /// Shares the System V semaphore undo list, which is applied when the last process with
        /// it ends.
        #[doc(alias = "CLONE_SYSVSEM")]
        const SYSVSEM = raw::CLONE_SYSVSEM as u64;
        /// Makes the child a sibling: its parent, who learns of its end, is the caller's
        /// parent.
        #[doc(alias = "CLONE_PARENT")]
        const PARENT = raw::CLONE_PARENT as u64;
        /// Lets the caller's tracer, if there is one, trace the child too.
        #[doc(alias = "CLONE_PTRACE")]
        const PTRACE = raw::CLONE_PTRACE as u64;
        /// Prevents the caller's tracer from tracing the child.
        #[doc(alias = "CLONE_UNTRACED")]
        const UNTRACED = raw::CLONE_UNTRACED as u64;
        /// Suspends the caller until the child executes a program or terminates. The caller
        /// cannot trace the child: at the first signal each would wait for the other.
        #[doc(alias = "CLONE_VFORK")]
        const VFORK = raw::CLONE_VFORK as u64;
        /// Resets handled signals to their default action in the child; ignored ones stay
        /// ignored. Linux 5.5.
        #[doc(alias = "CLONE_CLEAR_SIGHAND")]
        const CLEAR_SIGHAND = raw::CLONE_CLEAR_SIGHAND;
        /// A new cgroup namespace: `cgroup_namespaces(7)`.
        #[doc(alias = "CLONE_NEWCGROUP")]
        const NEWCGROUP = raw::CLONE_NEWCGROUP as u64;
        /// A new IPC namespace, of System V objects and POSIX message queues:
        /// `ipc_namespaces(7)`.
        #[doc(alias = "CLONE_NEWIPC")]
        const NEWIPC = raw::CLONE_NEWIPC as u64;
        /// A new network namespace: `network_namespaces(7)`.
        #[doc(alias = "CLONE_NEWNET")]
        const NEWNET = raw::CLONE_NEWNET as u64;
        /// A new mount namespace: `mount_namespaces(7)`.
        #[doc(alias = "CLONE_NEWNS")]
        const NEWNS = raw::CLONE_NEWNS as u64;
        /// A new PID namespace, in which the child is process 1, with whom all others in it
        /// end: `pid_namespaces(7)`.
        #[doc(alias = "CLONE_NEWPID")]
        const NEWPID = raw::CLONE_NEWPID as u64;
        /// A new time namespace, of the monotonic and boot-time clocks: `time_namespaces(7)`.
        #[doc(alias = "CLONE_NEWTIME")]
        const NEWTIME = raw::CLONE_NEWTIME as u64;
        /// A new user namespace, in which the child has all privileges; the only one that needs
        /// none to be created: `user_namespaces(7)`.
        #[doc(alias = "CLONE_NEWUSER")]
        const NEWUSER = raw::CLONE_NEWUSER as u64;
        /// A new UTS namespace, of the host and domain name: `uts_namespaces(7)`.
        #[doc(alias = "CLONE_NEWUTS")]
        const NEWUTS = raw::CLONE_NEWUTS as u64;
        const _ = !0;
    }
}

impl CloneFlags {
    /// All that make a namespace.
    pub(in crate::process) const NAMESPACES: Self = Self::NEWCGROUP
        .union(Self::NEWIPC)
        .union(Self::NEWNET)
        .union(Self::NEWNS)
        .union(Self::NEWPID)
        .union(Self::NEWTIME)
        .union(Self::NEWUSER)
        .union(Self::NEWUTS);

    /// What the functions here set themselves, or what would need memory that they do
    /// not set up: threads, and processes that run in one memory at the same time.
    pub(super) const NOT_FLAGS: u64 = (raw::CLONE_VM
        | raw::CLONE_SIGHAND
        | raw::CLONE_THREAD
        | raw::CLONE_SETTLS
        | raw::CLONE_PARENT_SETTID
        | raw::CLONE_CHILD_SETTID
        | raw::CLONE_CHILD_CLEARTID
        | raw::CLONE_DETACHED) as u64
        | raw::CLONE_INTO_CGROUP;
}
