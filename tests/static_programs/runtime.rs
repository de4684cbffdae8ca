//! `runtime`: a service on an executor without libc.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rawipc::Signal;
use rustix::process::{Pid, WaitOptions};

use super::support::LeakCheck;

/// What it says before its program runs.
const BEGIN: &str =
    "threads: the sum of 100 squares is 338350\ntimer: 3 ticks\nstarts the program\n";

/// The runtime, with a shell script as its program; killed when dropped.
struct Runtime {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Runtime {
    fn new(script: &str) -> Self {
        let mut process = Command::new(super::shipped("runtime"))
            .args(["/bin/sh", "-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        Self { process, output }
    }

    /// Reads lines up to this one.
    fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let len = self.output.read_line(&mut text).expect("a line");
            assert_ne!(len, 0, "{text}");
        }
        text
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).expect("a signal");
    }

    /// What else it and its program say, until both have ended; and its end.
    fn end(mut self) -> (String, String, ExitStatus) {
        let (mut text, mut errors) = (String::new(), String::new());
        // All who could write to it have closed it.
        self.output.read_to_string(&mut text).expect("text");
        let stderr = self.process.stderr.as_mut().expect("its errors");
        stderr.read_to_string(&mut errors).expect("text");
        (text, errors, self.process.wait().expect("its end"))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn runtime_reaps_its_program_and_ends_by_sigterm() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let mut runtime = Runtime::new("exit 3");
    let text = runtime.until("Exited(3)\n");
    assert_eq!(text, format!("{BEGIN}program: Exited(3)\n"));
    // The kernel knows none of its children any more, and both threads wait.
    let id = runtime.process.id();
    let children = format!("/proc/{id}/task/{id}/children");
    match fs::read_to_string(&children) {
        Ok(children) => assert_eq!(children, ""),
        Err(error) => skipped!("{children}: {error}"),
    }
    let threads = fs::read_dir(format!("/proc/{id}/task")).expect("threads");
    assert_eq!(threads.count(), 3);
    runtime.send(Signal::TERM);
    let (text, errors, end) = runtime.end();
    assert_eq!((text.as_str(), errors.as_str()), ("done\n", ""));
    assert_eq!(end.code(), Some(0));
}

#[test]
fn runtime_told_to_end_has_its_program_end_first() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let script = "trap 'echo bye; exit 7' TERM; echo up; while :; do :; done";
    let mut runtime = Runtime::new(script);
    runtime.until("up\n");
    runtime.send(Signal::TERM);
    let (text, errors, end) = runtime.end();
    assert!(text.ends_with("bye\nprogram: Exited(7)\ndone\n"), "{text}");
    assert_eq!((errors.as_str(), end.code()), ("", Some(0)));
}

#[test]
fn runtime_kills_program_that_does_not_end() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let mut runtime = Runtime::new("trap '' TERM; echo up; exec sleep 1000");
    runtime.until("up\n");
    runtime.send(Signal::TERM);
    let (text, errors, end) = runtime.end();
    let end_of_program = "program: Signalled { signal: \"Signal::KILL\", core: false }";
    assert_eq!(text, format!("{end_of_program}\ndone\n"));
    assert_eq!((errors.as_str(), end.code()), ("", Some(0)));
}

#[test]
fn killed_runtime_takes_its_program_with_it() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    // What the runtime leaves becomes a child of this process.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a subreaper");
    let mut runtime = Runtime::new("echo $$ is up; exec sleep 1000");
    let text = runtime.until(" is up\n");
    let number = text
        .trim_end_matches(" is up\n")
        .rsplit('\n')
        .next()
        .expect("its number");
    let program = Pid::from_raw(number.parse().expect("a number"));
    runtime.send(Signal::KILL);
    let (text, _, end) = runtime.end();
    assert_eq!((text.as_str(), end.signal()), ("", Some(libc::SIGKILL)));
    let program = rustix::process::waitpid(program, WaitOptions::empty());
    let (_, status) = program.expect("its end").expect("its end");
    assert_eq!(status.terminating_signal(), Some(libc::SIGKILL));
}

#[test]
fn runtime_without_a_program_that_can_run_ends_its_threads() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let run = |args: &[&str]| {
        let output = Command::new(super::shipped("runtime")).args(args).output();
        output.expect("the program starts")
    };
    let error = "runtime: ENOENT: no such file or directory\n";
    super::assert_output(&run(&["/nonexistent/program"]), 1, BEGIN, error);
    let usage = "runtime: usage: runtime PROGRAM [ARGUMENT]...\n";
    super::assert_output(&run(&[]), 2, "", usage);
}

/// The allocator and its lock are others': what a runtime's author copies has none.
#[test]
fn runtime_has_no_unsafe_of_its_own() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let counted = super::count_program("runtime");
    println!(
        "runtime: {} lines, {} unsafe",
        counted.lines, counted.unsafes
    );
    assert_eq!(counted.unsafes, 0);
}
