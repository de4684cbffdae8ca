//! Ready-made sets of system calls, to begin a filter that allows with.
//!
//! Each set is a slice of this machine's calls, with those of older kernels and libraries where
//! the machine has them. They are made for programs with glibc, musl, or Rust's `std`, and are
//! meant to be added up: [`BASE`] is in none of the others. Each bears what its documentation
//! says and no more; a program that needs one more call gets it with
//! [`Filter::call`](super::Filter::call).
//!
//! | a program that | needs |
//! |---|---|
//! | computes, and reads and writes what it has open | [`BASE`] |
//! | starts threads | and [`THREADS`] |
//! | opens files | and [`FILES`] |
//! | opens connections | and [`SOCKETS`] |
//! | is put under the filter before it is executed | and [`EXEC`]; with a dynamic linker also [`FILES`] |
//!
//! No set looks at arguments, and none allows `ioctl(2)`, `prctl(2)` or `ptrace(2)`, nor new
//! namespaces but by `clone(2)`: see [`THREADS`].
//!
//! # Examples
//!
//! ```
//! use rawipc::process::{self, Fork, State, WaitFlags};
//! use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall, sets};
//! use rawipc::Errno;
//!
//! let mut filter = Filter::<256>::new(Action::Errno(Errno::PERM));
//! filter.calls(sets::BASE, Action::Allow)?;
//! filter.calls(sets::FILES, Action::Allow)?;
//! filter.call(Syscall::GETPPID, Action::Allow)?;
//!
//! // SAFETY: the child only makes system calls and exits.
//! let child = match unsafe { process::fork()? } {
//!     Fork::Child => {
//!         let _ = seccomp::set_no_new_privs();
//!         // SAFETY: nothing here relies on a call that is refused.
//!         let installed = unsafe { seccomp::install(&filter, InstallFlags::empty()) };
//!         let refused = rawipc::socket::stream::pair().err() == Some(Errno::PERM);
//!         process::exit(if installed.is_ok() && refused { 0 } else { 1 })
//!     }
//!     Fork::Parent(child) => child,
//! };
//! let end = process::wait(child, WaitFlags::EXITED)?;
//! assert_eq!(end.state, State::Exited(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

use super::Syscall;
use crate::arch::own_calls;

/// Makes a slice of what every machine has, and of what this one has beside.
macro_rules! set {
    ($(#[$doc:meta])* $name:ident, $own:expr, [$($call:ident)*]) => {
        $(#[$doc])*
        pub const $name: &[Syscall] = {
            const COMMON: &[Syscall] = &[$(Syscall::$call),*];
            const OWN: &[Syscall] = $own;
            const ALL: [Syscall; COMMON.len() + OWN.len()] = join(COMMON, OWN);
            &ALL
        };
    };
}

const fn join<const N: usize>(first: &[Syscall], second: &[Syscall]) -> [Syscall; N] {
    let mut all = [Syscall::READ; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() {
            first[at]
        } else {
            second[at - first.len()]
        };
        at += 1;
    }
    all
}

set! {
    /// The calls of a program with one thread that uses what it has: memory (executable memory
    /// too), reading, writing, waiting for and closing open descriptors, signals, time, random
    /// numbers, its own numbers and limits, ending; and those that a libc makes before `main`.
    ///
    /// `tgkill(2)` (an abort makes it) and `prlimit64(2)` reach other processes of the user too.
    BASE, own_calls::BASE, [
        READ WRITE READV WRITEV CLOSE FSTAT LSEEK PPOLL PSELECT6
        BRK MMAP MUNMAP MREMAP MPROTECT MADVISE
        RT_SIGACTION RT_SIGPROCMASK RT_SIGRETURN RT_SIGSUSPEND RT_SIGTIMEDWAIT RT_SIGPENDING
        SIGALTSTACK RESTART_SYSCALL TGKILL
        CLOCK_GETTIME CLOCK_GETRES CLOCK_NANOSLEEP NANOSLEEP GETTIMEOFDAY
        GETRANDOM GETPID GETTID GETUID GETEUID GETGID GETEGID UNAME PRLIMIT64 GETRLIMIT GETRUSAGE
        FUTEX SCHED_YIELD SCHED_GETAFFINITY SET_TID_ADDRESS SET_ROBUST_LIST RSEQ
        EXIT EXIT_GROUP
    ]
}

set! {
    /// The calls that start threads, pin them, set their priority, and synchronize them.
    ///
    /// `clone(2)` and `clone3(2)` also create processes and namespaces: a filter cannot see the
    /// flags of the latter. To allow threads alone, refuse
    /// [`CLONE3`](Syscall::CLONE3) with [`Errno::NOSYS`](crate::Errno::NOSYS) in a rule before
    /// this set, so that a libc uses the former, and allow that on the condition of its flags.
    THREADS, own_calls::THREADS, [
        CLONE CLONE3 GET_ROBUST_LIST MEMBARRIER GETCPU
        SCHED_SETAFFINITY SCHED_GETPARAM SCHED_SETPARAM SCHED_GETSCHEDULER SCHED_SETSCHEDULER
        SCHED_GETATTR SCHED_SETATTR SCHED_GET_PRIORITY_MAX SCHED_GET_PRIORITY_MIN
        FUTEX_WAITV FUTEX_WAKE FUTEX_WAIT FUTEX_REQUEUE
    ]
}

set! {
    /// The calls that open, create, list, name, link, remove, lock and change files and folders,
    /// and move their content.
    ///
    /// Which files, only the file system's permissions say, or `landlock(7)`. The program can
    /// change modes and owners, but it can make no device and mount nothing.
    FILES, own_calls::FILES, [
        OPENAT OPENAT2 CLOSE_RANGE NEWFSTATAT STATX FACCESSAT FACCESSAT2 READLINKAT GETCWD
        CHDIR FCHDIR GETDENTS64 STATFS FSTATFS
        PREAD64 PWRITE64 PREADV PWRITEV PREADV2 PWRITEV2 COPY_FILE_RANGE SENDFILE SPLICE TEE
        FTRUNCATE TRUNCATE FALLOCATE FADVISE64 FSYNC FDATASYNC SYNC_FILE_RANGE SYNCFS MSYNC
        MKDIRAT UNLINKAT RENAMEAT2 LINKAT SYMLINKAT
        FCHMOD FCHMODAT FCHMODAT2 FCHOWN FCHOWNAT UTIMENSAT UMASK
        FCNTL FLOCK DUP DUP3 PIPE2
        GETXATTR LGETXATTR FGETXATTR LISTXATTR LLISTXATTR FLISTXATTR
    ]
}

set! {
    /// The calls that create, connect and accept sockets of every family, send and receive
    /// (descriptors too), and wait for many of them.
    ///
    /// To allow one family alone, refuse [`SOCKET`](Syscall::SOCKET) with other first arguments
    /// in a rule before this set.
    SOCKETS, own_calls::SOCKETS, [
        SOCKET SOCKETPAIR BIND LISTEN ACCEPT ACCEPT4 CONNECT SHUTDOWN
        GETSOCKNAME GETPEERNAME GETSOCKOPT SETSOCKOPT
        SENDTO RECVFROM SENDMSG RECVMSG SENDMMSG RECVMMSG
        EPOLL_CREATE1 EPOLL_CTL EPOLL_PWAIT EPOLL_PWAIT2 EVENTFD2 FCNTL
    ]
}

set! {
    /// The calls that [`Command`](crate::process::Command) makes after
    /// [`prepare`](crate::process::Command::prepare), where a filter for the program is
    /// installed: it resets signals, executes the program, or exits if that fails.
    ///
    /// The filter stays, so that the program may execute others as well. A
    /// [traced](crate::process::Command::traced) one needs [`PTRACE`](Syscall::PTRACE) too, and
    /// what the program itself needs to begin is [`BASE`], and [`FILES`] for a dynamic linker.
    EXEC, &[], [
        RT_SIGACTION RT_SIGPROCMASK EXECVE EXECVEAT EXIT_GROUP
    ]
}
