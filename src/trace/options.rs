//! What a tracee is to stop at, and what becomes of it.
#![forbid(unsafe_code)]

use linux_raw_sys::ptrace as raw;

bitflags::bitflags! {
    /// At which events a tracee stops, and what becomes of it without its tracer. A
    /// tracee's children that are traced have its options.
    ///
    /// That stops at system calls are told from signals (`PTRACE_O_TRACESYSGOOD`) is
    /// no option here: it is always so.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Options: u32 {
        /// It stops at [`Event::Fork`](super::Event::Fork), and the child is traced.
        #[doc(alias = "PTRACE_O_TRACEFORK")]
        const FORK = raw::PTRACE_O_TRACEFORK;
        /// It stops at [`Event::Vfork`](super::Event::Vfork), and the child is traced.
        #[doc(alias = "PTRACE_O_TRACEVFORK")]
        const VFORK = raw::PTRACE_O_TRACEVFORK;
        /// It stops at [`Event::Clone`](super::Event::Clone), and the thread, or the
        /// child that signals its end by another signal than `SIGCHLD`, is traced.
        #[doc(alias = "PTRACE_O_TRACECLONE")]
        const CLONE = raw::PTRACE_O_TRACECLONE;
        /// It stops at [`Event::Exec`](super::Event::Exec). Without this one that was
        /// not seized gets a `SIGTRAP` then.
        #[doc(alias = "PTRACE_O_TRACEEXEC")]
        const EXEC = raw::PTRACE_O_TRACEEXEC;
        /// It stops at [`Event::VforkDone`](super::Event::VforkDone).
        #[doc(alias = "PTRACE_O_TRACEVFORKDONE")]
        const VFORK_DONE = raw::PTRACE_O_TRACEVFORKDONE;
        /// It stops at [`Event::Exit`](super::Event::Exit), with all its memory.
        #[doc(alias = "PTRACE_O_TRACEEXIT")]
        const EXIT = raw::PTRACE_O_TRACEEXIT;
        /// It stops at [`Event::Seccomp`](super::Event::Seccomp), where its filter says
        /// so. Without this such a system call fails with `ENOSYS`.
        #[doc(alias = "PTRACE_O_TRACESECCOMP")]
        const SECCOMP = raw::PTRACE_O_TRACESECCOMP;
        /// It is killed when its tracer's thread ends. Without this it then goes on,
        /// traced by nobody; but if it stood still, it may be stopped.
        #[doc(alias = "PTRACE_O_EXITKILL")]
        const KILL_ON_EXIT = raw::PTRACE_O_EXITKILL;
        /// Its seccomp filters do nothing. For one with `CAP_SYS_ADMIN` whom none
        /// filters, on kernels that have `CONFIG_CHECKPOINT_RESTORE`.
        #[doc(alias = "PTRACE_O_SUSPEND_SECCOMP")]
        const SUSPEND_SECCOMP = raw::PTRACE_O_SUSPEND_SECCOMP;
        /// All that it takes to follow a tree: new processes and threads, and programs
        /// executed.
        const FOLLOW = raw::PTRACE_O_TRACEFORK
            | raw::PTRACE_O_TRACEVFORK
            | raw::PTRACE_O_TRACECLONE
            | raw::PTRACE_O_TRACEEXEC;
        const _ = !0;
    }
}

impl Options {
    /// As the kernel is told them.
    pub(super) fn raw(self) -> u32 {
        self.bits() | raw::PTRACE_O_TRACESYSGOOD
    }
}
