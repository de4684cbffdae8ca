//! Forked children for tests that need thousands of them: a child shares the
//! test's memory as it was and may only use this crate and leave.

use std::time::Instant;

use super::LIMIT;

/// A forked child. Killed and reaped when dropped.
pub(crate) struct Child {
    pid: libc::pid_t,
    reaped: bool,
}

/// Makes a forked child an ordinary user's, without privileges, as if it had been so from
/// the beginning; `false`: it may not do that.
pub(crate) fn become_nobody() -> bool {
    use rustix::process::{DumpableBehavior, Gid, Signal, Uid};
    const NOBODY: u32 = 65534;
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    // Of the thread, which in a forked child is all there is.
    rustix::thread::set_thread_groups(&[]).is_ok()
        && rustix::thread::set_thread_res_gid(gid, gid, gid).is_ok()
        && rustix::thread::set_thread_res_uid(uid, uid, uid).is_ok()
        // What changing the user has taken away.
        && rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).is_ok()
        && rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_ok()
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    Killed(i32),
}

impl Child {
    /// Forks a child that runs `body` and exits with what it returns.
    ///
    /// `body` may not allocate, lock, or panic: other threads' locks are in any
    /// state. It may use this crate, which does none of that.
    pub(crate) fn fork(body: impl FnOnce() -> i32) -> Self {
        // SAFETY: the child keeps to what `body` may do, and leaves.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                // No orphan survives a test that is itself killed.
                // SAFETY: no memory is involved.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let status = body();
                // SAFETY: ends the process without handlers.
                unsafe { libc::_exit(status) }
            }
            pid => Self { pid, reaped: false },
        }
    }

    pub(crate) fn id(&self) -> libc::pid_t {
        self.pid
    }

    /// Sends SIGKILL and does not wait.
    pub(crate) fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    pub(crate) fn signal(&self, signal: i32) {
        assert!(!self.reaped);
        // SAFETY: a child that has not been reaped; no memory is involved.
        unsafe { libc::kill(self.pid, signal) };
    }

    /// Returns the letter that the kernel has for what the child does: `S`, it sleeps.
    pub(crate) fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// Whether the child sleeps, as the kernel says.
    pub(crate) fn sleeps(&self) -> bool {
        self.state() == Some('S')
    }

    /// Waits until the child sleeps.
    #[track_caller]
    pub(crate) fn await_sleep(&self) {
        let begin = Instant::now();
        while !self.sleeps() {
            assert!(begin.elapsed() < LIMIT, "the child does not fall asleep");
            std::thread::yield_now();
        }
    }

    /// The child's end, if it has ended.
    pub(crate) fn try_wait(&mut self) -> Option<End> {
        let mut status = 0;
        // SAFETY: the status is borrowed for the call.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        if pid != self.pid {
            return None;
        }
        self.reaped = true;
        Some(if libc::WIFSIGNALED(status) {
            End::Killed(libc::WTERMSIG(status))
        } else {
            End::Exited(libc::WEXITSTATUS(status))
        })
    }

    /// What has become of the child: its end, or where it is in the kernel. For a test that
    /// has waited for it in vain.
    pub(crate) fn plight(&mut self) -> String {
        if let Some(end) = self.try_wait() {
            return format!("{end:?}");
        }
        let told = ["wchan", "syscall", "status"]
            .map(|file| std::fs::read_to_string(format!("/proc/{}/{file}", self.pid)));
        format!("{told:?}")
    }

    /// Says that the child's end has been taken by somebody else's wait.
    pub(crate) fn forget(&mut self) {
        self.reaped = true;
    }

    /// Waits for the child's end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> End {
        let begin = Instant::now();
        loop {
            if let Some(end) = self.try_wait() {
                return end;
            }
            assert!(begin.elapsed() < LIMIT, "the child does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let mut status = 0;
            // SAFETY: the status is borrowed for the call.
            unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        }
    }
}
