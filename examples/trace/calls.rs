//! The names of the system calls, and what their arguments are.

use linux_raw_sys::general as raw;

use crate::decode::Argument::{self, *};
use crate::flags;

/// A system call.
pub(crate) struct Call {
    number: u32,
    /// With `__NR_` before it.
    constant: &'static str,
    /// `None`: not known here.
    pub(crate) arguments: Option<&'static [Argument]>,
}

impl Call {
    pub(crate) fn name(&self) -> &'static str {
        self.constant.trim_start_matches("__NR_")
    }
}

/// This machine's system call of this number.
pub(crate) fn find(number: u64) -> Option<&'static Call> {
    let place = INDEX.get(usize::try_from(number).ok()?)?;
    place.and_then(table)
}

/// Numbers are below this.
const NUMBERS: usize = 1024;

/// Where in the tables each number is.
static INDEX: [Option<u16>; NUMBERS] = index();

const fn index() -> [Option<u16>; NUMBERS] {
    let mut index = [None; NUMBERS];
    let mut place = 0;
    while place < EVERYWHERE.len() + MACHINE.len() {
        let number = if place < EVERYWHERE.len() {
            EVERYWHERE[place].number
        } else {
            MACHINE[place - EVERYWHERE.len()].number
        };
        index[number as usize] = Some(place as u16);
        place += 1;
    }
    index
}

fn table(place: u16) -> Option<&'static Call> {
    EVERYWHERE.iter().chain(MACHINE).nth(place.into())
}

/// Of what is in parentheses the arguments are known.
macro_rules! calls {
    ($($known:ident($($argument:expr),*),)* ; $($other:ident,)*) => {
        &[
            $(Call {
                number: raw::$known,
                constant: stringify!($known),
                arguments: Some(&[$($argument),*]),
            },)*
            $(Call {
                number: raw::$other,
                constant: stringify!($other),
                arguments: None,
            },)*
        ]
    };
}

/// What every machine has.
#[rustfmt::skip]
const EVERYWHERE: &[Call] = calls! {
    __NR_accept(Fd, OutSocketAddress, OutLength),
    __NR_accept4(Fd, OutSocketAddress, OutLength, Socket),
    __NR_bind(Fd, SocketAddress(2), Int),
    __NR_bpf(Int, Address, Unsigned),
    __NR_brk(Address),
    __NR_capget(Address, OutAddress),
    __NR_capset(Address, Address),
    __NR_chdir(Path),
    __NR_chroot(Path),
    __NR_clock_getres(Choice(&flags::CLOCK), OutTimespec),
    __NR_clock_gettime(Choice(&flags::CLOCK), OutTimespec),
    __NR_clock_nanosleep(Choice(&flags::CLOCK), Flags(&flags::TIMER), Timespec, Left),
    __NR_clone(Clone),
    __NR_clone3(Clone3, Size),
    __NR_close(Fd),
    __NR_close_range(Unsigned, Unsigned, Flags(&flags::CLOSE_RANGE)),
    __NR_connect(Fd, SocketAddress(2), Int),
    __NR_copy_file_range(Fd, OutOffset, Fd, OutOffset, Size, Hex),
    __NR_dup(Fd),
    __NR_dup3(Fd, Fd, Flags(&flags::OPEN)),
    __NR_epoll_create1(Flags(&flags::EPOLL)),
    __NR_epoll_ctl(Fd, Choice(&flags::EPOLL_CTL), Fd, EpollEvent),
    __NR_epoll_pwait(Fd, OutEvents, Int, Int, Set, Size),
    __NR_eventfd2(Unsigned, Flags(&flags::EVENTFD)),
    __NR_execve(Path, Strings, Environment),
    __NR_execveat(DirFd, Path, Strings, Environment, Flags(&flags::AT)),
    __NR_exit(Int),
    __NR_exit_group(Int),
    __NR_faccessat(DirFd, Path, Flags(&flags::ACCESS)),
    __NR_faccessat2(DirFd, Path, Flags(&flags::ACCESS), Flags(&flags::AT_ACCESS)),
    __NR_fadvise64(Fd, Int, Int, Choice(&flags::FADV)),
    __NR_fallocate(Fd, Int, Int, Int),
    __NR_fchdir(Fd),
    __NR_fchmod(Fd, Mode),
    __NR_fchmodat(DirFd, Path, Mode),
    __NR_fchmodat2(DirFd, Path, Mode, Flags(&flags::AT)),
    __NR_fchown(Fd, Int, Int),
    __NR_fchownat(DirFd, Path, Int, Int, Flags(&flags::AT)),
    __NR_fcntl(Fd, Choice(&flags::FCNTL), Control),
    __NR_fdatasync(Fd),
    __NR_fgetxattr(Fd, Path, OutData, Size),
    __NR_flistxattr(Fd, OutData, Size),
    __NR_flock(Fd, Flags(&flags::LOCK)),
    __NR_fsetxattr(Fd, Path, Data(3), Size, Hex),
    __NR_fstat(Fd, Stat),
    __NR_fstatfs(Fd, OutAddress),
    __NR_fsync(Fd),
    __NR_ftruncate(Fd, Int),
    __NR_futex(Address, Futex),
    __NR_get_robust_list(Int, OutAddress, OutAddress),
    __NR_getcpu(OutNumber, OutAddress, Address),
    __NR_getcwd(OutString, Size),
    __NR_getdents64(Fd, Entries, Size),
    __NR_getegid(),
    __NR_geteuid(),
    __NR_getgid(),
    __NR_getgroups(Int, OutAddress),
    __NR_getitimer(Int, OutAddress),
    __NR_getpeername(Fd, OutSocketAddress, OutLength),
    __NR_getpgid(Int),
    __NR_getpid(),
    __NR_getppid(),
    __NR_getpriority(Int, Int),
    __NR_getrandom(OutHexData, Size, Flags(&flags::GRND)),
    __NR_getresgid(OutNumber, OutNumber, OutNumber),
    __NR_getresuid(OutNumber, OutNumber, OutNumber),
    __NR_getrlimit(Choice(&flags::RLIMIT), OutLimit),
    __NR_getrusage(Int, OutAddress),
    __NR_getsid(Int),
    __NR_getsockname(Fd, OutSocketAddress, OutLength),
    __NR_getsockopt(Fd, Int, Int, OutAddress, OutLength),
    __NR_gettid(),
    __NR_gettimeofday(OutAddress, Address),
    __NR_getuid(),
    __NR_getxattr(Path, Path, OutData, Size),
    __NR_inotify_add_watch(Fd, Path, Hex),
    __NR_inotify_init1(Flags(&flags::OPEN)),
    __NR_inotify_rm_watch(Fd, Int),
    __NR_io_uring_enter(Fd, Unsigned, Unsigned, Hex, Address, Size),
    __NR_io_uring_register(Fd, Unsigned, Address, Unsigned),
    __NR_io_uring_setup(Unsigned, Address),
    __NR_ioctl(Fd, Request, Address),
    __NR_kill(Int, Signal),
    __NR_landlock_create_ruleset(Address, Size, Hex),
    __NR_lgetxattr(Path, Path, OutData, Size),
    __NR_linkat(DirFd, Path, DirFd, Path, Flags(&flags::AT_LINK)),
    __NR_listen(Fd, Int),
    __NR_listxattr(Path, OutData, Size),
    __NR_llistxattr(Path, OutData, Size),
    __NR_lseek(Fd, Int, Choice(&flags::SEEK)),
    __NR_lsetxattr(Path, Path, Data(3), Size, Hex),
    __NR_madvise(Address, Size, Choice(&flags::MADV)),
    __NR_membarrier(Hex, Hex, Int),
    __NR_memfd_create(Path, Flags(&flags::MFD)),
    __NR_mincore(Address, Size, OutAddress),
    __NR_mkdirat(DirFd, Path, Mode),
    __NR_mknodat(DirFd, Path, FileMode, Hex),
    __NR_mlock(Address, Size),
    __NR_mmap(Address, Size, Flags(&flags::PROT), Mapping, Fd, Hex),
    __NR_mount(Path, Path, Path, Hex, Address),
    __NR_mprotect(Address, Size, Flags(&flags::PROT)),
    __NR_mremap(Address, Size, Size, Flags(&flags::MREMAP), Remapped),
    __NR_msgctl(Int, Int, Address),
    __NR_msgget(Int, Hex),
    __NR_msgrcv(Int, OutAddress, Size, Int, Hex),
    __NR_msgsnd(Int, Address, Size, Hex),
    __NR_msync(Address, Size, Flags(&flags::MS)),
    __NR_munlock(Address, Size),
    __NR_munmap(Address, Size),
    __NR_nanosleep(Timespec, Left),
    __NR_newfstatat(DirFd, Path, Stat, Flags(&flags::AT)),
    __NR_openat(DirFd, Path, Open, CreateMode),
    __NR_openat2(DirFd, Path, Address, Size),
    __NR_perf_event_open(Address, Int, Int, Fd, Hex),
    __NR_personality(Hex),
    __NR_pidfd_getfd(Fd, Fd, Hex),
    __NR_pidfd_open(Int, Flags(&flags::OPEN)),
    __NR_pidfd_send_signal(Fd, Signal, Address, Hex),
    __NR_pipe2(Pair, Flags(&flags::OPEN)),
    __NR_pkey_alloc(Hex, Hex),
    __NR_ppoll(Polled(1), Size, Timespec, Set, Size),
    __NR_prctl(Choice(&flags::PRCTL), Hex, Hex, Hex, Hex),
    __NR_pread64(Fd, OutData, Size, Int),
    __NR_preadv(Fd, OutVector, Size, Int),
    __NR_prlimit64(Int, Choice(&flags::RLIMIT), Limit, OutLimit),
    __NR_process_vm_readv(Int, Address, Size, Address, Size, Hex),
    __NR_process_vm_writev(Int, Address, Size, Address, Size, Hex),
    __NR_pselect6(Int, Address, Address, Address, Timespec, Address),
    __NR_ptrace(Int, Int, Hex, Hex),
    __NR_pwrite64(Fd, Data(2), Size, Int),
    __NR_pwritev(Fd, Vector(2), Size, Int),
    __NR_read(Fd, OutData, Size),
    __NR_readahead(Fd, Int, Size),
    __NR_readlinkat(DirFd, Path, OutData, Size),
    __NR_readv(Fd, OutVector, Size),
    __NR_recvfrom(Fd, OutData, Size, Flags(&flags::MSG), OutSocketAddress, OutLength),
    __NR_recvmmsg(Fd, OutAddress, Unsigned, Flags(&flags::MSG), Timespec),
    __NR_recvmsg(Fd, OutAddress, Flags(&flags::MSG)),
    __NR_removexattr(Path, Path),
    __NR_renameat2(DirFd, Path, DirFd, Path, Flags(&flags::RENAME)),
    __NR_restart_syscall(),
    __NR_rseq(Address, Hex, Hex, Hex),
    __NR_rt_sigaction(Signal, Action, OutAction, Size),
    __NR_rt_sigpending(OutSet, Size),
    __NR_rt_sigprocmask(Choice(&flags::HOW), Set, OutSet, Size),
    __NR_rt_sigqueueinfo(Int, Signal, Address),
    __NR_rt_sigreturn(SavedMask),
    __NR_rt_sigsuspend(Set, Size),
    __NR_rt_sigtimedwait(Set, OutAddress, Timespec, Size),
    __NR_sched_getaffinity(Int, Size, OutAddress),
    __NR_sched_getparam(Int, OutAddress),
    __NR_sched_getscheduler(Int),
    __NR_sched_setaffinity(Int, Size, Address),
    __NR_sched_setscheduler(Int, Int, Address),
    __NR_sched_yield(),
    __NR_seccomp(Int, Hex, Address),
    __NR_semctl(Int, Int, Int, Address),
    __NR_semget(Int, Int, Hex),
    __NR_semop(Int, Address, Size),
    __NR_sendfile(Fd, Fd, OutOffset, Size),
    __NR_sendmmsg(Fd, Address, Unsigned, Flags(&flags::MSG)),
    __NR_sendmsg(Fd, Address, Flags(&flags::MSG)),
    __NR_sendto(Fd, Data(2), Size, Flags(&flags::MSG), SocketAddress(5), Int),
    __NR_set_robust_list(Address, Size),
    __NR_set_tid_address(Address),
    __NR_setgid(Int),
    __NR_setgroups(Int, Address),
    __NR_sethostname(Data(1), Size),
    __NR_setitimer(Int, Address, OutAddress),
    __NR_setns(Fd, Flags(&flags::CLONE)),
    __NR_setpgid(Int, Int),
    __NR_setpriority(Int, Int, Int),
    __NR_setregid(Int, Int),
    __NR_setresgid(Int, Int, Int),
    __NR_setresuid(Int, Int, Int),
    __NR_setreuid(Int, Int),
    __NR_setrlimit(Choice(&flags::RLIMIT), Limit),
    __NR_setsid(),
    __NR_setsockopt(Fd, Int, Int, Address, Int),
    __NR_setuid(Int),
    __NR_setxattr(Path, Path, Data(3), Size, Hex),
    __NR_shmat(Int, Address, Hex),
    __NR_shmctl(Int, Int, Address),
    __NR_shmdt(Address),
    __NR_shmget(Int, Size, Hex),
    __NR_shutdown(Fd, Int),
    __NR_sigaltstack(Stack, OutStack),
    __NR_signalfd4(Fd, Set, Size, Flags(&flags::OPEN)),
    __NR_socket(Choice(&flags::AF), Socket, Int),
    __NR_socketpair(Choice(&flags::AF), Socket, Int, Pair),
    __NR_splice(Fd, Address, Fd, Address, Size, Flags(&flags::SPLICE)),
    __NR_statfs(Path, OutAddress),
    __NR_statx(DirFd, Path, StatxSync, Flags(&flags::STATX), Statx),
    __NR_symlinkat(Path, DirFd, Path),
    __NR_sync(),
    __NR_syncfs(Fd),
    __NR_sysinfo(OutAddress),
    __NR_tgkill(Int, Int, Signal),
    __NR_timer_create(Choice(&flags::CLOCK), Address, OutNumber),
    __NR_timer_delete(Int),
    __NR_timer_settime(Int, Hex, Address, OutAddress),
    __NR_timerfd_create(Choice(&flags::CLOCK), Flags(&flags::OPEN)),
    __NR_timerfd_gettime(Fd, OutAddress),
    __NR_timerfd_settime(Fd, Hex, Address, Address),
    __NR_times(OutAddress),
    __NR_tkill(Int, Signal),
    __NR_truncate(Path, Int),
    __NR_umask(Mode),
    __NR_umount2(Path, Hex),
    __NR_uname(OutName),
    __NR_unlinkat(DirFd, Path, Flags(&flags::AT_UNLINK)),
    __NR_unshare(Flags(&flags::CLONE)),
    __NR_utimensat(DirFd, Path, Address, Flags(&flags::AT)),
    __NR_wait4(Int, WaitStatus, Flags(&flags::WAIT), OutAddress),
    __NR_waitid(Choice(&flags::ID), Int, OutAddress, Flags(&flags::WAIT), OutAddress),
    __NR_write(Fd, Data(2), Size),
    __NR_writev(Fd, Vector(2), Size),
    ;
    __NR_acct, __NR_add_key, __NR_adjtimex, __NR_cachestat, __NR_clock_adjtime,
    __NR_clock_settime, __NR_delete_module, __NR_epoll_pwait2, __NR_fanotify_init,
    __NR_fanotify_mark, __NR_file_getattr, __NR_file_setattr, __NR_finit_module,
    __NR_fremovexattr, __NR_fsconfig, __NR_fsmount, __NR_fsopen, __NR_fspick,
    __NR_futex_requeue, __NR_futex_wait, __NR_futex_waitv, __NR_futex_wake,
    __NR_get_mempolicy, __NR_getxattrat, __NR_init_module, __NR_io_cancel,
    __NR_io_destroy, __NR_io_getevents, __NR_io_pgetevents, __NR_io_setup, __NR_io_submit,
    __NR_ioprio_get, __NR_ioprio_set, __NR_kcmp, __NR_kexec_file_load, __NR_kexec_load,
    __NR_keyctl, __NR_landlock_add_rule, __NR_landlock_restrict_self, __NR_listmount,
    __NR_listxattrat, __NR_lookup_dcookie, __NR_lremovexattr, __NR_lsm_get_self_attr,
    __NR_lsm_list_modules, __NR_lsm_set_self_attr, __NR_map_shadow_stack, __NR_mbind,
    __NR_memfd_secret, __NR_migrate_pages, __NR_mlock2, __NR_mlockall, __NR_mount_setattr,
    __NR_move_mount, __NR_move_pages, __NR_mq_getsetattr, __NR_mq_notify, __NR_mq_open,
    __NR_mq_timedreceive, __NR_mq_timedsend, __NR_mq_unlink, __NR_mseal, __NR_munlockall,
    __NR_name_to_handle_at, __NR_nfsservctl, __NR_open_by_handle_at, __NR_open_tree,
    __NR_open_tree_attr, __NR_pivot_root, __NR_pkey_free, __NR_pkey_mprotect,
    __NR_preadv2, __NR_process_madvise, __NR_process_mrelease, __NR_pwritev2,
    __NR_quotactl, __NR_quotactl_fd, __NR_reboot, __NR_remap_file_pages,
    __NR_removexattrat, __NR_request_key, __NR_rt_tgsigqueueinfo,
    __NR_sched_get_priority_max, __NR_sched_get_priority_min, __NR_sched_getattr,
    __NR_sched_rr_get_interval, __NR_sched_setattr, __NR_sched_setparam, __NR_semtimedop,
    __NR_set_mempolicy, __NR_set_mempolicy_home_node, __NR_setdomainname, __NR_setfsgid,
    __NR_setfsuid, __NR_settimeofday, __NR_setxattrat, __NR_statmount, __NR_swapoff,
    __NR_swapon, __NR_sync_file_range, __NR_syslog, __NR_tee, __NR_timer_getoverrun,
    __NR_timer_gettime, __NR_userfaultfd, __NR_vhangup, __NR_vmsplice,
};

/// What x86_64 has besides.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const MACHINE: &[Call] = calls! {
    __NR_access(Path, Flags(&flags::ACCESS)),
    __NR_alarm(Unsigned),
    __NR_arch_prctl(Choice(&flags::ARCH), Hex),
    __NR_chmod(Path, Mode),
    __NR_chown(Path, Int, Int),
    __NR_creat(Path, Mode),
    __NR_dup2(Fd, Fd),
    __NR_epoll_create(Int),
    __NR_epoll_wait(Fd, OutEvents, Int, Int),
    __NR_eventfd(Unsigned),
    __NR_fork(),
    __NR_getdents(Fd, OutAddress, Size),
    __NR_getpgrp(),
    __NR_inotify_init(),
    __NR_lchown(Path, Int, Int),
    __NR_link(Path, Path),
    __NR_lstat(Path, Stat),
    __NR_mkdir(Path, Mode),
    __NR_mknod(Path, FileMode, Hex),
    __NR_open(Path, Open, CreateMode),
    __NR_pause(),
    __NR_pipe(Pair),
    __NR_poll(Polled(1), Size, Int),
    __NR_readlink(Path, OutData, Size),
    __NR_rename(Path, Path),
    __NR_renameat(DirFd, Path, DirFd, Path),
    __NR_rmdir(Path),
    __NR_select(Int, Address, Address, Address, OutAddress),
    __NR_stat(Path, Stat),
    __NR_symlink(Path, Path),
    __NR_time(OutAddress),
    __NR_unlink(Path),
    __NR_utime(Path, Address),
    __NR_utimes(Path, Address),
    __NR_vfork(),
    ;
    __NR__sysctl, __NR_afs_syscall, __NR_create_module, __NR_epoll_ctl_old,
    __NR_epoll_wait_old, __NR_futimesat, __NR_get_kernel_syms, __NR_get_thread_area,
    __NR_getpmsg, __NR_ioperm, __NR_iopl, __NR_modify_ldt, __NR_putpmsg,
    __NR_query_module, __NR_security, __NR_set_thread_area, __NR_signalfd, __NR_sysfs,
    __NR_tuxcall, __NR_uretprobe, __NR_uselib, __NR_ustat, __NR_vserver,
};

/// What aarch64 has besides.
#[cfg(target_arch = "aarch64")]
const MACHINE: &[Call] = calls! {
    __NR_renameat(DirFd, Path, DirFd, Path),
    ;
};

/// What riscv64 has besides.
#[cfg(target_arch = "riscv64")]
const MACHINE: &[Call] = calls! {
    ;
    __NR_riscv_flush_icache, __NR_riscv_hwprobe,
};
