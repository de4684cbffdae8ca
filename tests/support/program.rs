//! The examples as programs of their own: started so that nothing of them is left.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rawipc::{Pid, Signal};
use rustix::process::{set_child_subreaper, set_parent_process_death_signal};

/// How `program` is started, with what it says kept and nothing to read.
pub(crate) fn started(program: &Path) -> Command {
    // An orphan that a run left would become a child of this process, where the leak
    // check sees it.
    set_child_subreaper(Some(rustix::process::getpid())).expect("a subreaper");
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // With the thread that starts it: no run goes on after a test has failed.
    let end_with_test = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: between fork and exec the closure only makes a system call.
    unsafe { command.pre_exec(end_with_test) };
    command
}

/// Numbers of the processes that `pid` started and that were started by these.
pub(crate) fn descendants(pid: u32) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let mut all = Vec::new();
    for child in children.unwrap_or_default().split_whitespace() {
        let child: i32 = child.parse().expect("a number");
        all.extend(Pid::from_raw(child));
        all.extend(descendants(child as u32));
    }
    all
}
