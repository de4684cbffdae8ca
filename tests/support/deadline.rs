//! A deadline for every test, and the end of all that a test program has started.
//!
//! The program is the child of a watcher, which began as the same program and goes on as soon
//! as the tests have ended. Orphans come to it, so that nothing outlives the tests.

use core::ffi::c_int;
use core::time::Duration;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::process::Command;
use std::time::Instant;

/// How many seconds a test may take. `0`: as long as it likes, and no watcher, for a debugger.
const VARIABLE: &str = "RAWIPC_TEST_DEADLINE";

/// More than any test takes, on whatever machine; nothing but a hang takes this long.
const USUAL: Duration = Duration::from_secs(900);

/// How long processes that a test program leaves may take to end by themselves.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the watcher ends when a test did not, or left something.
const FAILED: c_int = 124;

/// Returns in a child, in which the tests run; the caller becomes its watcher.
pub(super) fn watch() {
    let limit = match std::env::var(VARIABLE) {
        Ok(seconds) => Duration::from_secs(seconds.parse().expect("seconds")),
        Err(_) => USUAL,
    };
    if limit.is_zero() {
        return;
    }
    let adopt: libc::c_ulong = 1;
    // SAFETY: no memory is involved.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, adopt) };
    // SAFETY: no memory is involved.
    let watcher = unsafe { libc::getpid() };
    // SAFETY: before `main` there is one thread, and the child goes on as it.
    match unsafe { libc::fork() } {
        -1 => {}
        0 => {
            // SAFETY: no memory is involved.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            // SAFETY: no memory is involved.
            if unsafe { libc::getppid() } != watcher {
                std::process::exit(FAILED);
            }
        }
        tests => Watch::new(tests, limit).run(),
    }
}

struct Watch {
    tests: libc::pid_t,
    limit: Duration,
    /// The threads in which tests run, by when they began, and when they were first seen.
    threads: HashMap<(String, String), Instant>,
    /// Since when none does.
    idle: Instant,
}

impl Watch {
    fn new(tests: libc::pid_t, limit: Duration) -> Self {
        Self {
            tests,
            limit,
            threads: HashMap::new(),
            idle: Instant::now(),
        }
    }

    fn run(&mut self) -> ! {
        let wakes = set_of(libc::SIGCHLD);
        // SAFETY: the set is borrowed for the call.
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const wakes, core::ptr::null_mut()) };
        loop {
            while let Some((pid, status)) = ended() {
                if pid == self.tests {
                    end_as(status, await_the_others());
                }
            }
            if let Some(late) = self.late() {
                say(&format!(
                    "no end within {} s ({VARIABLE}): {late}",
                    self.limit.as_secs()
                ));
                // SAFETY: a child that has not been waited for.
                unsafe { libc::kill(self.tests, libc::SIGKILL) };
                kill_all();
                // SAFETY: ends the process without more ado.
                unsafe { libc::_exit(FAILED) };
            }
            await_an_end(Duration::from_secs(1));
        }
    }

    /// The tests that do not end, or the harness that does not.
    ///
    /// Each test has a thread of its own, which ends with it and has its name.
    fn late(&mut self) -> Option<String> {
        let now = Instant::now();
        let before = core::mem::take(&mut self.threads);
        let mut late = Vec::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.tests))
            .ok()?
            .flatten()
        {
            let thread = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            // The twenty-second, of which two are before the parenthesis.
            let begun = stat
                .rsplit_once(") ")
                .and_then(|(_, rest)| rest.split(' ').nth(19));
            let Some(begun) = begun.filter(|_| thread != self.tests.to_string()) else {
                continue;
            };
            let key = (thread, begun.to_owned());
            let since = before.get(&key).copied().unwrap_or(now);
            if now - since > self.limit {
                let read = |file| fs::read_to_string(path.join(file)).unwrap_or_default();
                let names = full_names(read("comm").trim_end());
                let [wchan, syscall] = ["wchan", "syscall"].map(read);
                late.push(format!("{names} ({wchan}, {})", syscall.trim_end()));
            }
            self.threads.insert(key, since);
        }
        if !self.threads.is_empty() {
            self.idle = now;
        } else if now - self.idle > self.limit {
            late.push("the harness".to_owned());
        }
        (!late.is_empty()).then(|| late.join(", "))
    }
}

/// A thread has the first 15 bytes of a test's name.
fn full_names(thread: &str) -> String {
    let list = std::env::current_exe()
        .and_then(|this| Command::new(this).arg("--list").output())
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| name.starts_with(thread))
        .collect();
    match names[..] {
        [] => thread.to_owned(),
        _ => names.join(" or "),
    }
}

/// Says a line of its own, if anybody listens.
pub(super) fn say(line: &str) {
    let _ = io::stderr().write_all(format!("\n{line}\n").as_bytes());
}

fn set_of(signal: c_int) -> libc::sigset_t {
    // SAFETY: all zeros are a set.
    let mut set: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: the set is borrowed for the call.
    unsafe { libc::sigemptyset(&raw mut set) };
    // SAFETY: the set is borrowed for the call.
    unsafe { libc::sigaddset(&raw mut set, signal) };
    set
}

/// A child that has ended, and how.
fn ended() -> Option<(libc::pid_t, c_int)> {
    let mut status = 0;
    // SAFETY: the status is borrowed for the call.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) };
    (pid > 0).then_some((pid, status))
}

/// Sleeps until a child has ended since the last sleep, or for this long.
fn await_an_end(limit: Duration) {
    let wakes = set_of(libc::SIGCHLD);
    let limit = libc::timespec {
        tv_sec: limit.as_secs() as libc::time_t,
        tv_nsec: limit.subsec_nanos().into(),
    };
    // SAFETY: both are borrowed for the call.
    unsafe { libc::sigtimedwait(&raw const wakes, core::ptr::null_mut(), &raw const limit) };
}

fn children() -> Vec<libc::pid_t> {
    let path = format!("/proc/self/task/{}/children", std::process::id());
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// Waits for what the tests left to end, and ends what does not: `false`.
fn await_the_others() -> bool {
    let begin = Instant::now();
    while let Some(left) = PATIENCE.checked_sub(begin.elapsed()) {
        while ended().is_some() {}
        if children().is_empty() {
            return true;
        }
        await_an_end(left);
    }
    for pid in children() {
        let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        say(&format!("left running by the tests: {pid} {command}"));
    }
    kill_all();
    false
}

/// Ends the children, and theirs, which then come here.
fn kill_all() {
    loop {
        for pid in children() {
            // SAFETY: a child that nobody else can have waited for.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        while ended().is_some() {}
        if children().is_empty() {
            return;
        }
        await_an_end(Duration::from_secs(1));
    }
}

/// Ends as the tests did, unless that hides what they left.
fn end_as(status: c_int, nothing_left: bool) -> ! {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        // SAFETY: the default action is no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        // SAFETY: no memory is involved.
        unsafe { libc::raise(signal) };
    }
    let code = match libc::WEXITSTATUS(status) {
        0 if !nothing_left => FAILED,
        code => code,
    };
    // SAFETY: ends the process without more ado.
    unsafe { libc::_exit(code) }
}

/// Gives the tests of `command` this many seconds.
pub(crate) fn limit(command: &mut Command, seconds: &str) {
    command.env(VARIABLE, OsStr::new(seconds));
}
