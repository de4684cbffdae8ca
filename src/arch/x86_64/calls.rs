//! System calls that other machines do not have.

use super::super::calls::calls;
use crate::arch::Syscall;

calls! {
    ACCESS = __NR_access, "access";
    AFS_SYSCALL = __NR_afs_syscall, "afs_syscall";
    ALARM = __NR_alarm, "alarm";
    ARCH_PRCTL = __NR_arch_prctl, "arch_prctl";
    CHMOD = __NR_chmod, "chmod";
    CHOWN = __NR_chown, "chown";
    CREAT = __NR_creat, "creat";
    CREATE_MODULE = __NR_create_module, "create_module";
    DUP2 = __NR_dup2, "dup2";
    EPOLL_CREATE = __NR_epoll_create, "epoll_create";
    EPOLL_CTL_OLD = __NR_epoll_ctl_old, "epoll_ctl_old";
    EPOLL_WAIT = __NR_epoll_wait, "epoll_wait";
    EPOLL_WAIT_OLD = __NR_epoll_wait_old, "epoll_wait_old";
    EVENTFD = __NR_eventfd, "eventfd";
    FORK = __NR_fork, "fork";
    FUTIMESAT = __NR_futimesat, "futimesat";
    GET_KERNEL_SYMS = __NR_get_kernel_syms, "get_kernel_syms";
    GET_THREAD_AREA = __NR_get_thread_area, "get_thread_area";
    GETDENTS = __NR_getdents, "getdents";
    GETPGRP = __NR_getpgrp, "getpgrp";
    GETPMSG = __NR_getpmsg, "getpmsg";
    INOTIFY_INIT = __NR_inotify_init, "inotify_init";
    IOPERM = __NR_ioperm, "ioperm";
    IOPL = __NR_iopl, "iopl";
    LCHOWN = __NR_lchown, "lchown";
    LINK = __NR_link, "link";
    LSTAT = __NR_lstat, "lstat";
    MKDIR = __NR_mkdir, "mkdir";
    MKNOD = __NR_mknod, "mknod";
    MODIFY_LDT = __NR_modify_ldt, "modify_ldt";
    OPEN = __NR_open, "open";
    PAUSE = __NR_pause, "pause";
    PIPE = __NR_pipe, "pipe";
    POLL = __NR_poll, "poll";
    PUTPMSG = __NR_putpmsg, "putpmsg";
    QUERY_MODULE = __NR_query_module, "query_module";
    READLINK = __NR_readlink, "readlink";
    RENAME = __NR_rename, "rename";
    RENAMEAT = __NR_renameat, "renameat";
    RMDIR = __NR_rmdir, "rmdir";
    SECURITY = __NR_security, "security";
    SELECT = __NR_select, "select";
    SET_THREAD_AREA = __NR_set_thread_area, "set_thread_area";
    SIGNALFD = __NR_signalfd, "signalfd";
    STAT = __NR_stat, "stat";
    SYMLINK = __NR_symlink, "symlink";
    SYSCTL = __NR__sysctl, "sysctl";
    SYSFS = __NR_sysfs, "sysfs";
    TIME = __NR_time, "time";
    TUXCALL = __NR_tuxcall, "tuxcall";
    UNLINK = __NR_unlink, "unlink";
    URETPROBE = __NR_uretprobe, "uretprobe";
    USELIB = __NR_uselib, "uselib";
    USTAT = __NR_ustat, "ustat";
    UTIME = __NR_utime, "utime";
    UTIMES = __NR_utimes, "utimes";
    VFORK = __NR_vfork, "vfork";
    VSERVER = __NR_vserver, "vserver";
}

/// What belongs to the ready-made sets beside what every machine has.
pub(crate) const BASE: &[Syscall] = &[
    Syscall::POLL,
    Syscall::SELECT,
    Syscall::PAUSE,
    Syscall::TIME,
    Syscall::ARCH_PRCTL,
];
/// As above.
pub(crate) const THREADS: &[Syscall] = &[];
/// As above.
pub(crate) const FILES: &[Syscall] = &[
    Syscall::OPEN,
    Syscall::CREAT,
    Syscall::STAT,
    Syscall::LSTAT,
    Syscall::ACCESS,
    Syscall::MKDIR,
    Syscall::RMDIR,
    Syscall::UNLINK,
    Syscall::RENAME,
    Syscall::LINK,
    Syscall::SYMLINK,
    Syscall::READLINK,
    Syscall::CHMOD,
    Syscall::CHOWN,
    Syscall::LCHOWN,
    Syscall::UTIME,
    Syscall::UTIMES,
    Syscall::FUTIMESAT,
    Syscall::GETDENTS,
    Syscall::DUP2,
    Syscall::RENAMEAT,
];
/// As above.
pub(crate) const SOCKETS: &[Syscall] = &[
    Syscall::POLL,
    Syscall::SELECT,
    Syscall::EPOLL_CREATE,
    Syscall::EPOLL_WAIT,
];
