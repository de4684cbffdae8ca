//! The names of the kernel's flags and choices, and how they are written.

use core::fmt::Write;

use linux_raw_sys::{general as raw, ioctl, net, prctl};

/// Names of bits, or of numbers.
pub(crate) struct Names(pub(crate) &'static [(u64, &'static str)]);

macro_rules! names {
    ($from:ident: $($name:ident)*) => {
        Names(&[$(($from::$name as u64, stringify!($name))),*])
    };
}

impl Names {
    /// The flags that are set, and the rest as a number.
    pub(crate) fn flags(&self, value: u64) -> String {
        let mut rest = value;
        let mut text = String::new();
        for (bits, name) in self.0 {
            if *bits != 0 && rest & bits == *bits {
                rest &= !bits;
                join(&mut text, name);
            }
        }
        if text.is_empty() {
            let zero = self.0.iter().find(|(bits, _)| *bits == value);
            return zero.map_or_else(|| hex(value), |(_, name)| (*name).to_owned());
        }
        if rest != 0 {
            join(&mut text, &hex(rest));
        }
        text
    }

    /// The one that it is.
    pub(crate) fn choice(&self, value: u64) -> String {
        self.name(value)
            .map_or_else(|| hex(value), |name| name.to_owned())
    }

    pub(crate) fn name(&self, value: u64) -> Option<&'static str> {
        let found = self.0.iter().find(|(number, _)| *number == value);
        found.map(|(_, name)| *name)
    }
}

pub(crate) fn hex(value: u64) -> String {
    if value == 0 {
        "0".to_owned()
    } else {
        format!("{value:#x}")
    }
}

fn join(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push('|');
    }
    text.push_str(name);
}

/// How a file is opened: one of three ways, and flags.
pub(crate) fn open(value: u64) -> String {
    let mut text = ACCESS_MODE.choice(value & u64::from(raw::O_ACCMODE));
    let rest = value & !u64::from(raw::O_ACCMODE);
    if rest != 0 {
        join(&mut text, &OPEN.flags(rest));
    }
    text
}

/// One of three kinds of mapping, and flags.
pub(crate) fn mapping(value: u64) -> String {
    let kind = value & u64::from(raw::MAP_TYPE);
    let mut text = MAP_KIND.choice(kind);
    let rest = value & !u64::from(raw::MAP_TYPE);
    if rest != 0 {
        join(&mut text, &MAP.flags(rest));
    }
    text
}

/// A kind of socket, and flags.
pub(crate) fn socket(value: u64) -> String {
    const KIND: u64 = 0xf;
    let mut text = SOCK.choice(value & KIND);
    let rest = value & !KIND;
    for (open, name) in [
        (raw::O_CLOEXEC, "SOCK_CLOEXEC"),
        (raw::O_NONBLOCK, "SOCK_NONBLOCK"),
    ] {
        if rest & u64::from(open) != 0 {
            join(&mut text, name);
        }
    }
    let rest = rest & !u64::from(raw::O_CLOEXEC | raw::O_NONBLOCK);
    if rest != 0 {
        join(&mut text, &hex(rest));
    }
    text
}

/// Permissions: an octal number, as C writes them.
pub(crate) fn mode(value: u64) -> String {
    let digits = format!("{:03o}", value & 0o7777);
    if digits.starts_with('0') {
        digits
    } else {
        format!("0{digits}")
    }
}

/// What kind of file it is, and permissions.
pub(crate) fn file_mode(value: u64) -> String {
    let kind = value & u64::from(raw::S_IFMT);
    let mut text = String::new();
    if let Some(name) = FILE_KIND.name(kind) {
        join(&mut text, name);
    }
    for (bit, name) in [
        (raw::S_ISUID, "S_ISUID"),
        (raw::S_ISGID, "S_ISGID"),
        (raw::S_ISVTX, "S_ISVTX"),
    ] {
        if value & u64::from(bit) != 0 {
            join(&mut text, name);
        }
    }
    join(&mut text, &mode(value & 0o777));
    text
}

/// Which operation on a futex.
pub(crate) fn futex(value: u64) -> String {
    let flags = u64::from(raw::FUTEX_PRIVATE_FLAG | raw::FUTEX_CLOCK_REALTIME);
    let mut text = FUTEX.choice(value & !flags);
    if value & u64::from(raw::FUTEX_PRIVATE_FLAG) != 0 {
        text.push_str("_PRIVATE");
    }
    if value & u64::from(raw::FUTEX_CLOCK_REALTIME) != 0 {
        text.push_str("|FUTEX_CLOCK_REALTIME");
    }
    text
}

/// Flags of `clone`, with the signal that the end of the child is.
pub(crate) fn clone(value: u64) -> String {
    const SIGNAL: u64 = 0xff;
    let mut text = String::new();
    if value & !SIGNAL != 0 {
        text = CLONE.flags(value & !SIGNAL);
    }
    let signal = (value & SIGNAL) as i32;
    if signal != 0 {
        join(&mut text, &crate::signals::name(signal));
    }
    if text.is_empty() {
        let _ = write!(text, "0");
    }
    text
}

static ACCESS_MODE: Names = names!(raw: O_RDONLY O_WRONLY O_RDWR);
pub(crate) static OPEN: Names = names!(raw: O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK
    O_SYNC O_DSYNC O_DIRECT O_LARGEFILE O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH O_TMPFILE
    O_DIRECTORY);
static MAP_KIND: Names = names!(raw: MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_DROPPABLE);
static MAP: Names = names!(raw: MAP_FIXED MAP_ANONYMOUS MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK
    MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE MAP_LOCKED MAP_STACK MAP_HUGETLB MAP_SYNC
    MAP_FIXED_NOREPLACE);
pub(crate) static PROT: Names = names!(raw: PROT_NONE PROT_READ PROT_WRITE PROT_EXEC PROT_SEM
    PROT_GROWSDOWN PROT_GROWSUP);
pub(crate) static MREMAP: Names = names!(raw: MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP);
pub(crate) static MADV: Names = names!(raw: MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED
    MADV_DONTNEED MADV_FREE MADV_REMOVE MADV_DONTFORK MADV_DOFORK MADV_MERGEABLE
    MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP MADV_DODUMP MADV_WIPEONFORK
    MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE
    MADV_DONTNEED_LOCKED MADV_COLLAPSE MADV_GUARD_INSTALL MADV_GUARD_REMOVE);
pub(crate) static MS: Names = names!(raw: MS_ASYNC MS_INVALIDATE MS_SYNC);
pub(crate) static SEEK: Names = names!(raw: SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE);
pub(crate) static ACCESS: Names = names!(raw: F_OK R_OK W_OK X_OK);
pub(crate) static AT: Names = names!(raw: AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH);
pub(crate) static AT_ACCESS: Names = names!(raw: AT_SYMLINK_NOFOLLOW AT_EACCESS AT_EMPTY_PATH);
pub(crate) static AT_UNLINK: Names = names!(raw: AT_REMOVEDIR);
pub(crate) static AT_LINK: Names = names!(raw: AT_SYMLINK_FOLLOW AT_EMPTY_PATH);
pub(crate) static STATX: Names = names!(raw: STATX_ALL STATX_BASIC_STATS STATX_TYPE STATX_MODE
    STATX_NLINK STATX_UID STATX_GID STATX_ATIME STATX_MTIME STATX_CTIME STATX_INO STATX_SIZE
    STATX_BLOCKS STATX_BTIME STATX_MNT_ID STATX_DIOALIGN STATX_MNT_ID_UNIQUE STATX_SUBVOL);
static STATX_SYNC: Names = names!(raw: AT_STATX_SYNC_AS_STAT AT_STATX_FORCE_SYNC
    AT_STATX_DONT_SYNC);

/// When the attributes of a file are asked for, and flags.
pub(crate) fn statx(value: u64) -> String {
    let sync = value & u64::from(raw::AT_STATX_SYNC_TYPE);
    let mut text = STATX_SYNC.choice(sync);
    let rest = value & !u64::from(raw::AT_STATX_SYNC_TYPE);
    if rest != 0 {
        join(&mut text, &AT.flags(rest));
    }
    text
}

pub(crate) static HOW: Names = names!(raw: SIG_BLOCK SIG_UNBLOCK SIG_SETMASK);
pub(crate) static SA: Names = names!(raw: SA_RESTORER SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND
    SA_SIGINFO SA_NOCLDSTOP SA_NOCLDWAIT);
pub(crate) static SS: Names = names!(raw: SS_ONSTACK SS_DISABLE SS_AUTODISARM);
pub(crate) static WAIT: Names = names!(raw: WNOHANG WUNTRACED WEXITED WCONTINUED WNOWAIT __WCLONE
    __WALL __WNOTHREAD);
pub(crate) static ID: Names = names!(raw: P_ALL P_PID P_PGID P_PIDFD);
pub(crate) static CLOSE_RANGE: Names =
    Names(&[(2, "CLOSE_RANGE_UNSHARE"), (4, "CLOSE_RANGE_CLOEXEC")]);
pub(crate) static CLOCK: Names = names!(raw: CLOCK_REALTIME CLOCK_MONOTONIC
    CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID CLOCK_MONOTONIC_RAW CLOCK_REALTIME_COARSE
    CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME CLOCK_REALTIME_ALARM CLOCK_BOOTTIME_ALARM CLOCK_TAI);
pub(crate) static TIMER: Names = names!(raw: TIMER_ABSTIME);
pub(crate) static SPLICE: Names = names!(raw: SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE
    SPLICE_F_GIFT);
pub(crate) static LOCK: Names = names!(raw: LOCK_SH LOCK_EX LOCK_UN LOCK_NB);
pub(crate) static FADV: Names = names!(raw: POSIX_FADV_NORMAL POSIX_FADV_RANDOM
    POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED POSIX_FADV_DONTNEED POSIX_FADV_NOREUSE);
pub(crate) static RENAME: Names = names!(raw: RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT);
pub(crate) static RLIMIT: Names = names!(raw: RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK
    RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS
    RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME);
pub(crate) static FCNTL: Names = names!(raw: F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK
    F_SETLKW F_SETOWN F_GETOWN F_SETSIG F_GETSIG F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW F_SETLEASE
    F_GETLEASE F_NOTIFY F_DUPFD_CLOEXEC F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS);
pub(crate) static FD: Names = names!(raw: FD_CLOEXEC);
static FUTEX: Names = names!(raw: FUTEX_WAIT FUTEX_WAKE FUTEX_FD FUTEX_REQUEUE FUTEX_CMP_REQUEUE
    FUTEX_WAKE_OP FUTEX_LOCK_PI FUTEX_UNLOCK_PI FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET
    FUTEX_WAKE_BITSET FUTEX_WAIT_REQUEUE_PI FUTEX_CMP_REQUEUE_PI FUTEX_LOCK_PI2);
pub(crate) static CLONE: Names = names!(raw: CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD
    CLONE_PTRACE CLONE_VFORK CLONE_PARENT CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS
    CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED CLONE_CHILD_SETTID
    CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET CLONE_IO
    CLONE_CLEAR_SIGHAND CLONE_INTO_CGROUP);
pub(crate) static GRND: Names = names!(raw: GRND_NONBLOCK GRND_RANDOM GRND_INSECURE);
pub(crate) static POLL: Names = names!(raw: POLLIN POLLPRI POLLOUT POLLRDNORM POLLRDBAND POLLWRNORM
    POLLWRBAND POLLMSG POLLREMOVE POLLRDHUP POLLERR POLLHUP POLLNVAL);
pub(crate) static EPOLL: Names = names!(raw: EPOLL_CLOEXEC);
pub(crate) static EPOLL_CTL: Names = names!(raw: EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD);
pub(crate) static EPOLL_EVENTS: Names = names!(raw: EPOLLIN EPOLLPRI EPOLLOUT EPOLLRDNORM
    EPOLLRDBAND EPOLLWRNORM EPOLLWRBAND EPOLLMSG EPOLLERR EPOLLHUP EPOLLRDHUP EPOLLEXCLUSIVE
    EPOLLWAKEUP EPOLLONESHOT EPOLLET);
pub(crate) static EVENTFD: Names = names!(raw: EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK);
pub(crate) static MFD: Names = names!(raw: MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL
    MFD_EXEC);
static FILE_KIND: Names = names!(raw: S_IFREG S_IFDIR S_IFCHR S_IFBLK S_IFIFO S_IFLNK S_IFSOCK);
/// Of `arch_prctl`, which is x86_64's alone.
pub(crate) static ARCH: Names = Names(&[
    (0x1001, "ARCH_SET_GS"),
    (0x1002, "ARCH_SET_FS"),
    (0x1003, "ARCH_GET_FS"),
    (0x1004, "ARCH_GET_GS"),
    (0x1011, "ARCH_GET_CPUID"),
    (0x1012, "ARCH_SET_CPUID"),
]);
pub(crate) static AF: Names = names!(net: AF_UNSPEC AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
    AF_VSOCK AF_ALG AF_XDP);
static SOCK: Names = names!(net: SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET);
pub(crate) static MSG: Names = Names(&[
    (0x1, "MSG_OOB"),
    (0x2, "MSG_PEEK"),
    (0x4, "MSG_DONTROUTE"),
    (0x8, "MSG_CTRUNC"),
    (0x20, "MSG_TRUNC"),
    (0x40, "MSG_DONTWAIT"),
    (0x80, "MSG_EOR"),
    (0x100, "MSG_WAITALL"),
    (0x2000, "MSG_ERRQUEUE"),
    (0x4000, "MSG_NOSIGNAL"),
    (0x8000, "MSG_MORE"),
    (0x4000_0000, "MSG_CMSG_CLOEXEC"),
]);
pub(crate) static PRCTL: Names = names!(prctl: PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_DUMPABLE
    PR_SET_DUMPABLE PR_GET_KEEPCAPS PR_SET_KEEPCAPS PR_SET_NAME PR_GET_NAME PR_GET_SECCOMP
    PR_SET_SECCOMP PR_CAPBSET_READ PR_CAPBSET_DROP PR_GET_SECUREBITS PR_SET_SECUREBITS
    PR_SET_TIMERSLACK PR_GET_TIMERSLACK PR_SET_MM PR_SET_PTRACER PR_SET_CHILD_SUBREAPER
    PR_GET_CHILD_SUBREAPER PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS PR_SET_THP_DISABLE
    PR_GET_THP_DISABLE PR_CAP_AMBIENT PR_SET_VMA);
pub(crate) static REQUEST: Names = names!(ioctl: TCGETS TCSETS TCSETSW TCSETSF TIOCGWINSZ TIOCSWINSZ
    TIOCGPGRP TIOCSPGRP TIOCSCTTY TIOCNOTTY TIOCGPTN TIOCSPTLCK FIONREAD FIONBIO FIOCLEX FIONCLEX
    FIOASYNC FICLONE);
