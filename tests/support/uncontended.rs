//! A filter (seccomp) under which a process dies of its first system call, but for its exit: for
//! what is to make none.

use rawipc::process::State;
use rawipc::seccomp::{self, Action, Filter, InstallFlags};

use super::alone::{Half, checked_child, end_of, leave_no_core};

/// How often each is done: the rings are gone around many times.
pub(crate) const TIMES: u64 = 20_000;

/// From here on the thread may exit and say why, and nothing else.
pub(crate) fn forbid_calls() -> Half {
    let mut filter = Filter::<32>::new(Action::KillProcess);
    for allowed in [libc::SYS_exit_group, libc::SYS_write] {
        get!(filter.call(allowed as u32, Action::Allow));
    }
    get!(seccomp::set_no_new_privs());
    // SAFETY: what follows makes no call, or is to die of it.
    get!(unsafe { seccomp::install(&filter, InstallFlags::empty()) });
    Ok(())
}

/// How a child ends that runs `half`.
#[track_caller]
pub(crate) fn end(half: impl FnOnce() -> Half) -> State {
    end_of(checked_child(|| {
        leave_no_core();
        half()
    }))
}

#[track_caller]
pub(crate) fn holds(half: impl FnOnce() -> Half) {
    assert_eq!(end(half), State::Exited(0), "a signal: there was a call");
}
