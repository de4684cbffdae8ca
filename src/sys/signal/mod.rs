//! Signals, by what the calls are about.

mod action;
mod fd;
mod info;
mod io;
mod mask;
mod send;
mod set;
mod timer;

pub(crate) use action::{SIG_DFL, SIG_IGN, ignore, rt_sigaction, sigaltstack};
pub(crate) use fd::{SignalfdSiginfo, read_signalfd, signalfd4, signalfd4_set, try_read_signalfd};
pub(crate) use info::Siginfo;
pub(crate) use io::{fcntl_getown_ex, fcntl_getsig, fcntl_setown_ex, fcntl_setsig};
pub(crate) use mask::{
    change_mask, pending, ppoll, rt_sigpending, rt_sigprocmask, rt_sigsuspend, rt_sigtimedwait,
    take_pending,
};
pub(crate) use send::{
    Killed, kill, kill_process, pidfd_send_signal, rt_sigqueueinfo, rt_tgsigqueueinfo, tgkill,
};
pub(crate) use timer::{
    Itimerspec, Sigevent, timer_create, timer_delete, timer_getoverrun, timer_gettime,
    timer_settime,
};
