//! [`Syscall`]: system calls by name, with the numbers of this machine.

use core::fmt;

/// The number of a system call on this machine, with the kernel's names as constants.
///
/// Those of all machines and those of this one alone are here: [`SOCKET`](Self::SOCKET) is
/// everywhere, `Syscall::OPEN` on x86_64 only. A `u32` becomes one by `into`, where the kernel
/// has a newer call than this crate. Constants that a program does not use take no place in it.
///
/// # Examples
///
/// ```
/// use rawipc::seccomp::Syscall;
///
/// assert_eq!(Syscall::SOCKET.name(), Some("socket"));
/// assert_eq!(Syscall::from(u32::MAX).name(), None);
/// if cfg!(target_arch = "x86_64") {
///     assert_eq!(Syscall::SOCKET.number(), 41);
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Syscall(u32);

impl Syscall {
    /// Returns the system call with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Returns the kernel's name of the call; `None` for a number that this crate does not
    /// know.
    ///
    /// A program that asks carries the table of all names, about 10 kB.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let tables = [NAMES, super::own_calls::NAMES];
        let mut all = tables.into_iter().flatten();
        all.find_map(|&(call, name)| (call == self).then_some(name))
    }
}

impl From<u32> for Syscall {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<Syscall> for u32 {
    fn from(call: Syscall) -> Self {
        call.0
    }
}

/// The number alone: the names would be in every program that shows one.
impl fmt::Debug for Syscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Syscall").field(&self.0).finish()
    }
}

/// Makes constants of names, and the table of them.
macro_rules! calls {
    ($($constant:ident = $number:ident, $name:literal;)*) => {
        impl $crate::arch::Syscall {
            $(
                #[doc = concat!("`", $name, "(2)`.")]
                pub const $constant: Self = Self::new(linux_raw_sys::general::$number);
            )*
        }

        pub(in crate::arch) const NAMES: &[($crate::arch::Syscall, &str)] = &[
            $(($crate::arch::Syscall::$constant, $name),)*
        ];
    };
}
pub(in crate::arch) use calls;

// What every machine has.
calls! {
    ACCEPT = __NR_accept, "accept";
    ACCEPT4 = __NR_accept4, "accept4";
    ACCT = __NR_acct, "acct";
    ADD_KEY = __NR_add_key, "add_key";
    ADJTIMEX = __NR_adjtimex, "adjtimex";
    BIND = __NR_bind, "bind";
    BPF = __NR_bpf, "bpf";
    BRK = __NR_brk, "brk";
    CACHESTAT = __NR_cachestat, "cachestat";
    CAPGET = __NR_capget, "capget";
    CAPSET = __NR_capset, "capset";
    CHDIR = __NR_chdir, "chdir";
    CHROOT = __NR_chroot, "chroot";
    CLOCK_ADJTIME = __NR_clock_adjtime, "clock_adjtime";
    CLOCK_GETRES = __NR_clock_getres, "clock_getres";
    CLOCK_GETTIME = __NR_clock_gettime, "clock_gettime";
    CLOCK_NANOSLEEP = __NR_clock_nanosleep, "clock_nanosleep";
    CLOCK_SETTIME = __NR_clock_settime, "clock_settime";
    CLONE = __NR_clone, "clone";
    CLONE3 = __NR_clone3, "clone3";
    CLOSE = __NR_close, "close";
    CLOSE_RANGE = __NR_close_range, "close_range";
    CONNECT = __NR_connect, "connect";
    COPY_FILE_RANGE = __NR_copy_file_range, "copy_file_range";
    DELETE_MODULE = __NR_delete_module, "delete_module";
    DUP = __NR_dup, "dup";
    DUP3 = __NR_dup3, "dup3";
    EPOLL_CREATE1 = __NR_epoll_create1, "epoll_create1";
    EPOLL_CTL = __NR_epoll_ctl, "epoll_ctl";
    EPOLL_PWAIT = __NR_epoll_pwait, "epoll_pwait";
    EPOLL_PWAIT2 = __NR_epoll_pwait2, "epoll_pwait2";
    EVENTFD2 = __NR_eventfd2, "eventfd2";
    EXECVE = __NR_execve, "execve";
    EXECVEAT = __NR_execveat, "execveat";
    EXIT = __NR_exit, "exit";
    EXIT_GROUP = __NR_exit_group, "exit_group";
    FACCESSAT = __NR_faccessat, "faccessat";
    FACCESSAT2 = __NR_faccessat2, "faccessat2";
    FADVISE64 = __NR_fadvise64, "fadvise64";
    FALLOCATE = __NR_fallocate, "fallocate";
    FANOTIFY_INIT = __NR_fanotify_init, "fanotify_init";
    FANOTIFY_MARK = __NR_fanotify_mark, "fanotify_mark";
    FCHDIR = __NR_fchdir, "fchdir";
    FCHMOD = __NR_fchmod, "fchmod";
    FCHMODAT = __NR_fchmodat, "fchmodat";
    FCHMODAT2 = __NR_fchmodat2, "fchmodat2";
    FCHOWN = __NR_fchown, "fchown";
    FCHOWNAT = __NR_fchownat, "fchownat";
    FCNTL = __NR_fcntl, "fcntl";
    FDATASYNC = __NR_fdatasync, "fdatasync";
    FGETXATTR = __NR_fgetxattr, "fgetxattr";
    FILE_GETATTR = __NR_file_getattr, "file_getattr";
    FILE_SETATTR = __NR_file_setattr, "file_setattr";
    FINIT_MODULE = __NR_finit_module, "finit_module";
    FLISTXATTR = __NR_flistxattr, "flistxattr";
    FLOCK = __NR_flock, "flock";
    FREMOVEXATTR = __NR_fremovexattr, "fremovexattr";
    FSCONFIG = __NR_fsconfig, "fsconfig";
    FSETXATTR = __NR_fsetxattr, "fsetxattr";
    FSMOUNT = __NR_fsmount, "fsmount";
    FSOPEN = __NR_fsopen, "fsopen";
    FSPICK = __NR_fspick, "fspick";
    FSTAT = __NR_fstat, "fstat";
    FSTATFS = __NR_fstatfs, "fstatfs";
    FSYNC = __NR_fsync, "fsync";
    FTRUNCATE = __NR_ftruncate, "ftruncate";
    FUTEX = __NR_futex, "futex";
    FUTEX_REQUEUE = __NR_futex_requeue, "futex_requeue";
    FUTEX_WAIT = __NR_futex_wait, "futex_wait";
    FUTEX_WAITV = __NR_futex_waitv, "futex_waitv";
    FUTEX_WAKE = __NR_futex_wake, "futex_wake";
    GET_MEMPOLICY = __NR_get_mempolicy, "get_mempolicy";
    GET_ROBUST_LIST = __NR_get_robust_list, "get_robust_list";
    GETCPU = __NR_getcpu, "getcpu";
    GETCWD = __NR_getcwd, "getcwd";
    GETDENTS64 = __NR_getdents64, "getdents64";
    GETEGID = __NR_getegid, "getegid";
    GETEUID = __NR_geteuid, "geteuid";
    GETGID = __NR_getgid, "getgid";
    GETGROUPS = __NR_getgroups, "getgroups";
    GETITIMER = __NR_getitimer, "getitimer";
    GETPEERNAME = __NR_getpeername, "getpeername";
    GETPGID = __NR_getpgid, "getpgid";
    GETPID = __NR_getpid, "getpid";
    GETPPID = __NR_getppid, "getppid";
    GETPRIORITY = __NR_getpriority, "getpriority";
    GETRANDOM = __NR_getrandom, "getrandom";
    GETRESGID = __NR_getresgid, "getresgid";
    GETRESUID = __NR_getresuid, "getresuid";
    GETRLIMIT = __NR_getrlimit, "getrlimit";
    GETRUSAGE = __NR_getrusage, "getrusage";
    GETSID = __NR_getsid, "getsid";
    GETSOCKNAME = __NR_getsockname, "getsockname";
    GETSOCKOPT = __NR_getsockopt, "getsockopt";
    GETTID = __NR_gettid, "gettid";
    GETTIMEOFDAY = __NR_gettimeofday, "gettimeofday";
    GETUID = __NR_getuid, "getuid";
    GETXATTR = __NR_getxattr, "getxattr";
    GETXATTRAT = __NR_getxattrat, "getxattrat";
    INIT_MODULE = __NR_init_module, "init_module";
    INOTIFY_ADD_WATCH = __NR_inotify_add_watch, "inotify_add_watch";
    INOTIFY_INIT1 = __NR_inotify_init1, "inotify_init1";
    INOTIFY_RM_WATCH = __NR_inotify_rm_watch, "inotify_rm_watch";
    IO_CANCEL = __NR_io_cancel, "io_cancel";
    IO_DESTROY = __NR_io_destroy, "io_destroy";
    IO_GETEVENTS = __NR_io_getevents, "io_getevents";
    IO_PGETEVENTS = __NR_io_pgetevents, "io_pgetevents";
    IO_SETUP = __NR_io_setup, "io_setup";
    IO_SUBMIT = __NR_io_submit, "io_submit";
    IO_URING_ENTER = __NR_io_uring_enter, "io_uring_enter";
    IO_URING_REGISTER = __NR_io_uring_register, "io_uring_register";
    IO_URING_SETUP = __NR_io_uring_setup, "io_uring_setup";
    IOCTL = __NR_ioctl, "ioctl";
    IOPRIO_GET = __NR_ioprio_get, "ioprio_get";
    IOPRIO_SET = __NR_ioprio_set, "ioprio_set";
    KCMP = __NR_kcmp, "kcmp";
    KEXEC_FILE_LOAD = __NR_kexec_file_load, "kexec_file_load";
    KEXEC_LOAD = __NR_kexec_load, "kexec_load";
    KEYCTL = __NR_keyctl, "keyctl";
    KILL = __NR_kill, "kill";
    LANDLOCK_ADD_RULE = __NR_landlock_add_rule, "landlock_add_rule";
    LANDLOCK_CREATE_RULESET = __NR_landlock_create_ruleset, "landlock_create_ruleset";
    LANDLOCK_RESTRICT_SELF = __NR_landlock_restrict_self, "landlock_restrict_self";
    LGETXATTR = __NR_lgetxattr, "lgetxattr";
    LINKAT = __NR_linkat, "linkat";
    LISTEN = __NR_listen, "listen";
    LISTMOUNT = __NR_listmount, "listmount";
    LISTXATTR = __NR_listxattr, "listxattr";
    LISTXATTRAT = __NR_listxattrat, "listxattrat";
    LLISTXATTR = __NR_llistxattr, "llistxattr";
    LOOKUP_DCOOKIE = __NR_lookup_dcookie, "lookup_dcookie";
    LREMOVEXATTR = __NR_lremovexattr, "lremovexattr";
    LSEEK = __NR_lseek, "lseek";
    LSETXATTR = __NR_lsetxattr, "lsetxattr";
    LSM_GET_SELF_ATTR = __NR_lsm_get_self_attr, "lsm_get_self_attr";
    LSM_LIST_MODULES = __NR_lsm_list_modules, "lsm_list_modules";
    LSM_SET_SELF_ATTR = __NR_lsm_set_self_attr, "lsm_set_self_attr";
    MADVISE = __NR_madvise, "madvise";
    MAP_SHADOW_STACK = __NR_map_shadow_stack, "map_shadow_stack";
    MBIND = __NR_mbind, "mbind";
    MEMBARRIER = __NR_membarrier, "membarrier";
    MEMFD_CREATE = __NR_memfd_create, "memfd_create";
    MEMFD_SECRET = __NR_memfd_secret, "memfd_secret";
    MIGRATE_PAGES = __NR_migrate_pages, "migrate_pages";
    MINCORE = __NR_mincore, "mincore";
    MKDIRAT = __NR_mkdirat, "mkdirat";
    MKNODAT = __NR_mknodat, "mknodat";
    MLOCK = __NR_mlock, "mlock";
    MLOCK2 = __NR_mlock2, "mlock2";
    MLOCKALL = __NR_mlockall, "mlockall";
    MMAP = __NR_mmap, "mmap";
    MOUNT = __NR_mount, "mount";
    MOUNT_SETATTR = __NR_mount_setattr, "mount_setattr";
    MOVE_MOUNT = __NR_move_mount, "move_mount";
    MOVE_PAGES = __NR_move_pages, "move_pages";
    MPROTECT = __NR_mprotect, "mprotect";
    MQ_GETSETATTR = __NR_mq_getsetattr, "mq_getsetattr";
    MQ_NOTIFY = __NR_mq_notify, "mq_notify";
    MQ_OPEN = __NR_mq_open, "mq_open";
    MQ_TIMEDRECEIVE = __NR_mq_timedreceive, "mq_timedreceive";
    MQ_TIMEDSEND = __NR_mq_timedsend, "mq_timedsend";
    MQ_UNLINK = __NR_mq_unlink, "mq_unlink";
    MREMAP = __NR_mremap, "mremap";
    MSEAL = __NR_mseal, "mseal";
    MSGCTL = __NR_msgctl, "msgctl";
    MSGGET = __NR_msgget, "msgget";
    MSGRCV = __NR_msgrcv, "msgrcv";
    MSGSND = __NR_msgsnd, "msgsnd";
    MSYNC = __NR_msync, "msync";
    MUNLOCK = __NR_munlock, "munlock";
    MUNLOCKALL = __NR_munlockall, "munlockall";
    MUNMAP = __NR_munmap, "munmap";
    NAME_TO_HANDLE_AT = __NR_name_to_handle_at, "name_to_handle_at";
    NANOSLEEP = __NR_nanosleep, "nanosleep";
    NEWFSTATAT = __NR_newfstatat, "newfstatat";
    NFSSERVCTL = __NR_nfsservctl, "nfsservctl";
    OPEN_BY_HANDLE_AT = __NR_open_by_handle_at, "open_by_handle_at";
    OPEN_TREE = __NR_open_tree, "open_tree";
    OPEN_TREE_ATTR = __NR_open_tree_attr, "open_tree_attr";
    OPENAT = __NR_openat, "openat";
    OPENAT2 = __NR_openat2, "openat2";
    PERF_EVENT_OPEN = __NR_perf_event_open, "perf_event_open";
    PERSONALITY = __NR_personality, "personality";
    PIDFD_GETFD = __NR_pidfd_getfd, "pidfd_getfd";
    PIDFD_OPEN = __NR_pidfd_open, "pidfd_open";
    PIDFD_SEND_SIGNAL = __NR_pidfd_send_signal, "pidfd_send_signal";
    PIPE2 = __NR_pipe2, "pipe2";
    PIVOT_ROOT = __NR_pivot_root, "pivot_root";
    PKEY_ALLOC = __NR_pkey_alloc, "pkey_alloc";
    PKEY_FREE = __NR_pkey_free, "pkey_free";
    PKEY_MPROTECT = __NR_pkey_mprotect, "pkey_mprotect";
    PPOLL = __NR_ppoll, "ppoll";
    PRCTL = __NR_prctl, "prctl";
    PREAD64 = __NR_pread64, "pread64";
    PREADV = __NR_preadv, "preadv";
    PREADV2 = __NR_preadv2, "preadv2";
    PRLIMIT64 = __NR_prlimit64, "prlimit64";
    PROCESS_MADVISE = __NR_process_madvise, "process_madvise";
    PROCESS_MRELEASE = __NR_process_mrelease, "process_mrelease";
    PROCESS_VM_READV = __NR_process_vm_readv, "process_vm_readv";
    PROCESS_VM_WRITEV = __NR_process_vm_writev, "process_vm_writev";
    PSELECT6 = __NR_pselect6, "pselect6";
    PTRACE = __NR_ptrace, "ptrace";
    PWRITE64 = __NR_pwrite64, "pwrite64";
    PWRITEV = __NR_pwritev, "pwritev";
    PWRITEV2 = __NR_pwritev2, "pwritev2";
    QUOTACTL = __NR_quotactl, "quotactl";
    QUOTACTL_FD = __NR_quotactl_fd, "quotactl_fd";
    READ = __NR_read, "read";
    READAHEAD = __NR_readahead, "readahead";
    READLINKAT = __NR_readlinkat, "readlinkat";
    READV = __NR_readv, "readv";
    REBOOT = __NR_reboot, "reboot";
    RECVFROM = __NR_recvfrom, "recvfrom";
    RECVMMSG = __NR_recvmmsg, "recvmmsg";
    RECVMSG = __NR_recvmsg, "recvmsg";
    REMAP_FILE_PAGES = __NR_remap_file_pages, "remap_file_pages";
    REMOVEXATTR = __NR_removexattr, "removexattr";
    REMOVEXATTRAT = __NR_removexattrat, "removexattrat";
    RENAMEAT2 = __NR_renameat2, "renameat2";
    REQUEST_KEY = __NR_request_key, "request_key";
    RESTART_SYSCALL = __NR_restart_syscall, "restart_syscall";
    RSEQ = __NR_rseq, "rseq";
    RT_SIGACTION = __NR_rt_sigaction, "rt_sigaction";
    RT_SIGPENDING = __NR_rt_sigpending, "rt_sigpending";
    RT_SIGPROCMASK = __NR_rt_sigprocmask, "rt_sigprocmask";
    RT_SIGQUEUEINFO = __NR_rt_sigqueueinfo, "rt_sigqueueinfo";
    RT_SIGRETURN = __NR_rt_sigreturn, "rt_sigreturn";
    RT_SIGSUSPEND = __NR_rt_sigsuspend, "rt_sigsuspend";
    RT_SIGTIMEDWAIT = __NR_rt_sigtimedwait, "rt_sigtimedwait";
    RT_TGSIGQUEUEINFO = __NR_rt_tgsigqueueinfo, "rt_tgsigqueueinfo";
    SCHED_GET_PRIORITY_MAX = __NR_sched_get_priority_max, "sched_get_priority_max";
    SCHED_GET_PRIORITY_MIN = __NR_sched_get_priority_min, "sched_get_priority_min";
    SCHED_GETAFFINITY = __NR_sched_getaffinity, "sched_getaffinity";
    SCHED_GETATTR = __NR_sched_getattr, "sched_getattr";
    SCHED_GETPARAM = __NR_sched_getparam, "sched_getparam";
    SCHED_GETSCHEDULER = __NR_sched_getscheduler, "sched_getscheduler";
    SCHED_RR_GET_INTERVAL = __NR_sched_rr_get_interval, "sched_rr_get_interval";
    SCHED_SETAFFINITY = __NR_sched_setaffinity, "sched_setaffinity";
    SCHED_SETATTR = __NR_sched_setattr, "sched_setattr";
    SCHED_SETPARAM = __NR_sched_setparam, "sched_setparam";
    SCHED_SETSCHEDULER = __NR_sched_setscheduler, "sched_setscheduler";
    SCHED_YIELD = __NR_sched_yield, "sched_yield";
    SECCOMP = __NR_seccomp, "seccomp";
    SEMCTL = __NR_semctl, "semctl";
    SEMGET = __NR_semget, "semget";
    SEMOP = __NR_semop, "semop";
    SEMTIMEDOP = __NR_semtimedop, "semtimedop";
    SENDFILE = __NR_sendfile, "sendfile";
    SENDMMSG = __NR_sendmmsg, "sendmmsg";
    SENDMSG = __NR_sendmsg, "sendmsg";
    SENDTO = __NR_sendto, "sendto";
    SET_MEMPOLICY = __NR_set_mempolicy, "set_mempolicy";
    SET_MEMPOLICY_HOME_NODE = __NR_set_mempolicy_home_node, "set_mempolicy_home_node";
    SET_ROBUST_LIST = __NR_set_robust_list, "set_robust_list";
    SET_TID_ADDRESS = __NR_set_tid_address, "set_tid_address";
    SETDOMAINNAME = __NR_setdomainname, "setdomainname";
    SETFSGID = __NR_setfsgid, "setfsgid";
    SETFSUID = __NR_setfsuid, "setfsuid";
    SETGID = __NR_setgid, "setgid";
    SETGROUPS = __NR_setgroups, "setgroups";
    SETHOSTNAME = __NR_sethostname, "sethostname";
    SETITIMER = __NR_setitimer, "setitimer";
    SETNS = __NR_setns, "setns";
    SETPGID = __NR_setpgid, "setpgid";
    SETPRIORITY = __NR_setpriority, "setpriority";
    SETREGID = __NR_setregid, "setregid";
    SETRESGID = __NR_setresgid, "setresgid";
    SETRESUID = __NR_setresuid, "setresuid";
    SETREUID = __NR_setreuid, "setreuid";
    SETRLIMIT = __NR_setrlimit, "setrlimit";
    SETSID = __NR_setsid, "setsid";
    SETSOCKOPT = __NR_setsockopt, "setsockopt";
    SETTIMEOFDAY = __NR_settimeofday, "settimeofday";
    SETUID = __NR_setuid, "setuid";
    SETXATTR = __NR_setxattr, "setxattr";
    SETXATTRAT = __NR_setxattrat, "setxattrat";
    SHMAT = __NR_shmat, "shmat";
    SHMCTL = __NR_shmctl, "shmctl";
    SHMDT = __NR_shmdt, "shmdt";
    SHMGET = __NR_shmget, "shmget";
    SHUTDOWN = __NR_shutdown, "shutdown";
    SIGALTSTACK = __NR_sigaltstack, "sigaltstack";
    SIGNALFD4 = __NR_signalfd4, "signalfd4";
    SOCKET = __NR_socket, "socket";
    SOCKETPAIR = __NR_socketpair, "socketpair";
    SPLICE = __NR_splice, "splice";
    STATFS = __NR_statfs, "statfs";
    STATMOUNT = __NR_statmount, "statmount";
    STATX = __NR_statx, "statx";
    SWAPOFF = __NR_swapoff, "swapoff";
    SWAPON = __NR_swapon, "swapon";
    SYMLINKAT = __NR_symlinkat, "symlinkat";
    SYNC = __NR_sync, "sync";
    SYNC_FILE_RANGE = __NR_sync_file_range, "sync_file_range";
    SYNCFS = __NR_syncfs, "syncfs";
    SYSINFO = __NR_sysinfo, "sysinfo";
    SYSLOG = __NR_syslog, "syslog";
    TEE = __NR_tee, "tee";
    TGKILL = __NR_tgkill, "tgkill";
    TIMER_CREATE = __NR_timer_create, "timer_create";
    TIMER_DELETE = __NR_timer_delete, "timer_delete";
    TIMER_GETOVERRUN = __NR_timer_getoverrun, "timer_getoverrun";
    TIMER_GETTIME = __NR_timer_gettime, "timer_gettime";
    TIMER_SETTIME = __NR_timer_settime, "timer_settime";
    TIMERFD_CREATE = __NR_timerfd_create, "timerfd_create";
    TIMERFD_GETTIME = __NR_timerfd_gettime, "timerfd_gettime";
    TIMERFD_SETTIME = __NR_timerfd_settime, "timerfd_settime";
    TIMES = __NR_times, "times";
    TKILL = __NR_tkill, "tkill";
    TRUNCATE = __NR_truncate, "truncate";
    UMASK = __NR_umask, "umask";
    UMOUNT2 = __NR_umount2, "umount2";
    UNAME = __NR_uname, "uname";
    UNLINKAT = __NR_unlinkat, "unlinkat";
    UNSHARE = __NR_unshare, "unshare";
    USERFAULTFD = __NR_userfaultfd, "userfaultfd";
    UTIMENSAT = __NR_utimensat, "utimensat";
    VHANGUP = __NR_vhangup, "vhangup";
    VMSPLICE = __NR_vmsplice, "vmsplice";
    WAIT4 = __NR_wait4, "wait4";
    WAITID = __NR_waitid, "waitid";
    WRITE = __NR_write, "write";
    WRITEV = __NR_writev, "writev";
}
