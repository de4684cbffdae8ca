//! The example `trace`, run as its user runs it: it agrees with `strace -f` in calls,
//! results and signals; it survives what starts many processes and threads; and whatever
//! ends it, no tracee is left.

use crate::support;
use crate::text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use support::program::{descendants, started};
use support::{LIMIT, LeakCheck};

/// Where `cargo test` puts the example.
fn executable() -> PathBuf {
    let test = std::env::current_exe().expect("this executable");
    let built = test.parent().and_then(Path::parent);
    let example = built.expect("target folder").join("examples/trace");
    assert!(
        example.exists(),
        "run `cargo test` as a whole, or first `cargo build --example trace`"
    );
    example
}

/// A folder in which a program is traced. Removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let unique = format!("trace-{name}-{}", std::process::id());
        let place = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique));
        let folder = place.0.join("folder");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(place.0.join("file"), "contents\n").expect("a file");
        for name in ["one", "two", "three"] {
            fs::write(folder.join(name), name).expect("a file");
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What runs `tracer` with its lines in the file `lines`, and the same surroundings
    /// for each.
    fn tracer(&self, tracer: &Path, args: &[&str]) -> Command {
        let mut command = started(tracer);
        command
            .args(args)
            .arg("-o")
            .arg(self.path("lines"))
            .current_dir(&self.0)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C");
        command
    }

    fn trace(&self, program: &[&str]) -> Command {
        let mut command = self.tracer(&executable(), &[]);
        command.args(program);
        command
    }

    fn lines(&self) -> String {
        // What a program writes is quoted: a trace is ASCII.
        fs::read_to_string(self.path("lines")).unwrap_or_default()
    }

    /// Waits until the trace contains this.
    fn await_line(&self, part: &str) {
        let begin = Instant::now();
        while !self.lines().contains(part) {
            assert!(begin.elapsed() < LIMIT, "no {part:?} in:\n{}", self.lines());
            std::thread::yield_now();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where `strace` is. Without it a comparison is skipped, but in continuous integration.
fn strace() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("strace"))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "strace is not installed"
        );
        skipped!("there is no strace to compare with");
    }
    found
}

// --- What is in a trace ---

/// What a process or thread did: the calls with their results, signals, its end.
type Story = Vec<String>;

/// The lines of each process or thread, those that were interrupted joined.
fn joined(lines: &str) -> BTreeMap<u32, Story> {
    let mut stories: BTreeMap<u32, Story> = BTreeMap::new();
    let mut begun: BTreeMap<u32, String> = BTreeMap::new();
    for line in lines.lines() {
        let (pid, line) = line.split_once(' ').expect(line);
        let pid = pid.parse().expect(line);
        let line = line.trim_start();
        if let Some(begin) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, begin.to_owned());
            continue;
        }
        let resumed = line.strip_prefix("<... ");
        let whole = match resumed.and_then(|line| line.split_once(" resumed>")) {
            Some((_, rest)) => begun.remove(&pid).expect(line) + rest,
            None => line.to_owned(),
        };
        stories.entry(pid).or_default().push(whole);
    }
    assert!(begun.is_empty(), "never resumed: {begun:?}");
    stories
}

/// Name, arguments and result of a call.
fn call(line: &str) -> Option<(&str, &str, &str)> {
    let (call, result) = line.rsplit_once(" = ")?;
    let (name, arguments) = call.split_once('(')?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    Some((name, arguments, result))
}

/// The calls whose results are numbers of processes.
const NUMBERS: [&str; 11] = [
    "clone",
    "clone3",
    "fork",
    "vfork",
    "wait4",
    "getpid",
    "gettid",
    "getppid",
    "getpgrp",
    "set_tid_address",
    "rt_sigreturn",
];

/// The calls whose arguments are compared too: all versions of strace write them alike.
const ARGUMENTS: [&str; 17] = [
    "access",
    "close",
    "dup2",
    "execve",
    "exit_group",
    "kill",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "openat",
    "pipe2",
    "pread64",
    "read",
    "rt_sigaction",
    "wait4",
    "write",
];

/// A trace without what differs from run to run.
struct Trace {
    /// By the place in the tree: the first, its second child, that one's first...
    stories: BTreeMap<Vec<usize>, Story>,
}

impl Trace {
    fn new(lines: &str) -> Self {
        let joined = joined(lines);
        let first = lines.split_whitespace().next().expect("lines");
        let mut places = BTreeMap::new();
        place(&joined, first.parse().expect(first), vec![1], &mut places);
        let stories = joined.iter().map(|(pid, story)| {
            let place = places.get(pid).expect("somebody's child");
            let story = story.iter().map(|line| normal(line, &places)).collect();
            (place.clone(), story)
        });
        Self {
            stories: stories.collect(),
        }
    }

    /// The same without what depends on who is faster: when a parent hears of its
    /// children's ends. Of that is left whose ends these were.
    fn without_order(mut self) -> Self {
        for story in self.stories.values_mut() {
            let mut ends = BTreeSet::new();
            story.retain(|line| {
                let of_wait = line.starts_with("wait4(") || line.starts_with("rt_sigreturn(");
                if line.starts_with("wait4(") && !line.contains("= -1") {
                    ends.insert(line.rsplit_once(" = ").expect(line).1.to_owned());
                }
                // A call that the signal came into is made again.
                let again = line.contains(") = ? ERESTART");
                !of_wait && !again && !line.starts_with("--- SIGCHLD")
            });
            story.extend(ends);
        }
        self
    }
}

/// Finds the place of each process in the tree.
fn place(
    joined: &BTreeMap<u32, Story>,
    pid: u32,
    path: Vec<usize>,
    places: &mut BTreeMap<u32, Vec<usize>>,
) {
    let story = joined.get(&pid).unwrap_or_else(|| panic!("no {pid}"));
    let children = story.iter().filter_map(|line| {
        let (name, _, result) = call(line)?;
        let makes = matches!(name, "clone" | "clone3" | "fork" | "vfork");
        result.parse().ok().filter(|_| makes)
    });
    for (index, child) in children.enumerate() {
        let mut path = path.clone();
        path.push(index + 1);
        place(joined, child, path, places);
    }
    places.insert(pid, path);
}

/// A line without addresses, numbers of processes and times.
fn normal(line: &str, places: &BTreeMap<u32, Vec<usize>>) -> String {
    let number = |text: &str| match text.parse().ok().and_then(|pid| places.get(&pid)) {
        Some(place) => format!("process {place:?}"),
        None => text.to_owned(),
    };
    if line.starts_with("--- SIG") {
        let fields = line.split(", ").filter_map(|field| {
            let field = field.trim_end_matches(" ---").trim_end_matches('}');
            match field.strip_prefix("si_pid=") {
                Some(pid) => Some(format!("si_pid={}", number(pid))),
                None if field.contains("time=") => None,
                None => Some(without_addresses(field)),
            }
        });
        return fields.collect::<Vec<_>>().join(", ");
    }
    let Some((name, arguments, result)) = call(line) else {
        return line.to_owned();
    };
    let result = match name {
        // The tracer's, of the first.
        "getppid" if number(result) == result => "another".to_owned(),
        name if NUMBERS.contains(&name) => number(result),
        _ => without_addresses(result),
    };
    if !ARGUMENTS.contains(&name) {
        return format!("{name}(...) = {result}");
    }
    let arguments = match name {
        "kill" => {
            let (pid, rest) = arguments.split_once(", ").expect(line);
            format!("{}, {rest}", number(pid))
        }
        _ => without_addresses(arguments),
    };
    format!("{name}({arguments}) = {result}")
}

/// Long hexadecimal numbers are addresses.
fn without_addresses(text: &str) -> String {
    /// Shorter ones are flags.
    const LONG: usize = 6;
    let mut parts = text.split("0x");
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits < LONG {
            normal.push_str("0x");
            normal.push_str(part);
        } else {
            normal.push_str("ADDRESS");
            normal.push_str(&part[digits..]);
        }
    }
    normal
}

// --- Against strace ---

/// What both tracers say of a program, and what it wrote and ended with.
fn both(place: &Place, strace: &Path, program: &[&str]) -> [(Trace, Output); 2] {
    let ours = executable();
    [(strace, ["-f", "-q"].as_slice()), (&ours, &[])].map(|(tracer, args)| {
        let output = place
            .tracer(tracer, args)
            .args(program)
            .output()
            .expect("a tracer");
        (Trace::new(&place.lines()), output)
    })
}

#[track_caller]
fn assert_same(program: &[&str], theirs: &Trace, ours: &Trace) {
    let places = |trace: &Trace| trace.stories.keys().cloned().collect::<Vec<_>>();
    assert_eq!(places(theirs), places(ours), "processes of {program:?}");
    for (place, story) in &ours.stories {
        let expected = &theirs.stories[place];
        for (line, expected) in story.iter().zip(expected) {
            assert_eq!(line, expected, "{program:?}, process {place:?}");
        }
        assert_eq!(story.len(), expected.len(), "{program:?} {place:?}");
    }
}

#[track_caller]
fn assert_same_outputs(program: &[&str], theirs: &Output, ours: &Output) {
    assert_eq!(theirs.status, ours.status, "{program:?}: {ours:?}");
    assert_eq!(text(&theirs.stdout), text(&ours.stdout), "{program:?}");
    assert_eq!(text(&theirs.stderr), text(&ours.stderr), "{program:?}");
}

#[test]
fn calls_results_and_signals_are_those_of_strace() {
    let _check = LeakCheck::begin();
    let Some(strace) = strace() else { return };
    let place = Place::new("alone");
    let programs: [&[&str]; 11] = [
        &["true"],
        &["false"],
        &["echo", "some", "words"],
        &["cat", "file"],
        &["cat", "missing"],
        &["ls", "folder"],
        &["ls", "-l", "missing"],
        &["sh", "-c", "exec cat file"],
        &["sh", "-c", "kill -SEGV $$"],
        &["sh", "-c", "trap 'echo caught' USR1; kill -USR1 $$; exit 3"],
        &["sh", "-c", "exec /dev/null"],
    ];
    for program in programs {
        let [(theirs, their_output), (ours, our_output)] = both(&place, &strace, program);
        assert_same_outputs(program, &their_output, &our_output);
        assert_same(program, &theirs, &ours);
    }
}

#[test]
fn processes_of_pipeline_are_those_of_strace() {
    let _check = LeakCheck::begin();
    let Some(strace) = strace() else { return };
    let place = Place::new("pipeline");
    let programs: [&[&str]; 4] = [
        &["sh", "-c", "cat file; exit 3"],
        &["sh", "-c", "cat file | wc -c"],
        &["sh", "-c", "echo one | cat | wc -l"],
        &["sh", "-c", "sh -c 'kill -TERM $$'; ls folder >/dev/null"],
    ];
    for program in programs {
        let [(theirs, their_output), (ours, our_output)] = both(&place, &strace, program);
        assert_same_outputs(program, &their_output, &our_output);
        assert_same(program, &theirs.without_order(), &ours.without_order());
    }
}

/// Whether there is a Python, for threads.
fn python() -> bool {
    let there = ["/usr/local/bin", "/usr/bin", "/bin"]
        .iter()
        .any(|folder| Path::new(folder).join("python3").exists());
    if !there {
        skipped!("there is no python3");
    }
    there
}

const THREADS: &str = "\
import threading
threads = [threading.Thread(target=sum, args=([1, 2],)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
raise SystemExit(5)";

#[test]
fn threads_are_those_of_strace() {
    let _check = LeakCheck::begin();
    if !python() {
        return;
    }
    let Some(strace) = strace() else { return };
    let place = Place::new("threads");
    let program = ["python3", "-c", THREADS];
    let [theirs, ours] = both(&place, &strace, &program).map(|(trace, output)| {
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        for (place, story) in &trace.stories {
            // With 0 by itself, with 5 if the process was faster.
            let end = story.last().expect("an end");
            assert!(end.starts_with("+++ exited with "), "{place:?}: {end}");
        }
        trace.stories.into_keys().collect::<Vec<_>>()
    });
    assert_eq!(ours.len(), 9);
    assert_eq!(theirs, ours);
}

// --- What it must survive ---

/// Asserts that all that was begun has ended.
#[track_caller]
fn assert_complete(lines: &str) {
    for (pid, story) in joined(lines) {
        let end = story.last().expect("a line");
        assert!(end.starts_with("+++ "), "{pid}: {end}");
    }
}

#[test]
fn python_with_threads_is_followed_to_its_end() {
    let _check = LeakCheck::begin();
    if !python() {
        return;
    }
    let place = Place::new("python");
    let output = place.trace(&["python3", "-c", THREADS]).output();
    let output = output.expect("the example runs");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_complete(&place.lines());
}

#[test]
fn cargo_build_is_followed_to_its_end() {
    let _check = LeakCheck::begin();
    let place = Place::new("cargo");
    let source = place.path("src");
    fs::create_dir_all(&source).expect("a folder");
    fs::write(source.join("main.rs"), "fn main() {}\n").expect("a file");
    // Not a member of the workspace that the folder lies in.
    let manifest =
        "[package]\nname = \"tiny\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(place.path("Cargo.toml"), manifest).expect("a file");
    let build = || {
        let mut command = started(&executable());
        command
            .arg("-o")
            .arg(place.path("lines"))
            .args([env!("CARGO"), "build", "--offline", "--quiet"])
            .current_dir(&place.0)
            .env("CARGO_TARGET_DIR", place.path("target"))
            .env_remove("CARGO_BUILD_TARGET");
        command.output().expect("the example runs")
    };
    let output = build();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(place.path("target/debug/tiny").exists());
    let lines = place.lines();
    assert_complete(&lines);
    // Cargo, the compiler and the linker at least.
    assert!(lines.matches(" execve(").count() >= 3, "{lines}");
    fs::write(source.join("main.rs"), "fn main() { 0 }\n").expect("a file");
    let output = build();
    assert_eq!(output.status.code(), Some(101), "{output:?}");
    assert!(text(&output.stderr).contains("mismatched types"));
    assert_complete(&place.lines());
}

// --- Its own manners ---

#[test]
fn trace_started_with_sigchld_ignored_sees_ends() {
    let _check = LeakCheck::begin();
    let place = Place::new("ignored");
    let script = "trap '' CHLD; exec \"$0\" -o lines sh -c 'cat file; exit 3'";
    let mut command = started(Path::new("sh"));
    command.arg("-c").arg(script).arg(executable());
    let output = command.current_dir(&place.0).output().expect("a shell");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_complete(&place.lines());
}

#[test]
fn lines_go_to_standard_error_with_process_numbers() {
    let _check = LeakCheck::begin();
    let program = ["-s", "4", "sh", "-c", "cat file; kill -STOP $$"];
    let place = Place::new("error");
    let mut command = started(&executable());
    command.args(program).current_dir(&place.0);
    let mut child = command.spawn().expect("the example starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut lines = String::new();
    while !lines.ends_with("--- stopped by SIGSTOP ---\n") {
        let length = stderr.read_line(&mut lines).expect("readable");
        assert_ne!(length, 0, "{lines}");
    }
    // The other one has ended: nobody but this goes on with what has stopped itself.
    let &[shell] = descendants(child.id()).as_slice() else {
        panic!("not one: {lines}")
    };
    kill_process(shell, Signal::CONT).expect("still there");
    stderr.read_to_string(&mut lines).expect("readable");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "contents\n");
    for part in [
        "execve(",
        "[pid ",
        "\"cont\"..., ",
        "--- SIGSTOP {si_signo=SIGSTOP, si_code=SI_USER, ",
        "--- stopped by SIGSTOP ---\n",
        "--- SIGCONT {",
        "+++ exited with 0 +++\n",
    ] {
        assert!(lines.contains(part), "{part:?} in {lines}");
    }
}

#[test]
fn table_counts_each_call() {
    let _check = LeakCheck::begin();
    let place = Place::new("count");
    let output = place.trace(&["-c", "cat", "file", "missing"]).output();
    let output = output.expect("the example runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let table = place.lines();
    let row = |name: &str| {
        let row = table.lines().find(|line| line.ends_with(name));
        let row = row.unwrap_or_else(|| panic!("no {name} in {table}"));
        row.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(row(" execve"), ["1", "execve"]);
    assert_eq!(row(" exit_group"), ["1", "exit_group"]);
    // The missing one, at least.
    assert!(
        row(" openat")[1]
            .parse::<u32>()
            .is_ok_and(|failed| failed >= 1)
    );
}

#[test]
fn program_that_cannot_run_is_one_line() {
    let _check = LeakCheck::begin();
    let place = Place::new("refused");
    for (program, why) in [
        ("no-such-program", "No such file or directory"),
        ("./missing", "No such file or directory"),
        ("./file", "Permission denied"),
        ("./folder", "Permission denied"),
    ] {
        let output = place.trace(&[program]).output().expect("the example runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let expected = format!("trace: {program}: {why}\n");
        assert_eq!(text(&output.stderr), expected);
    }
    for args in [["-x"].as_slice(), &["-s", "many", "true"], &["-c"]] {
        let output = started(&executable()).args(args).output();
        let output = output.expect("the example runs");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    }
}

// --- Its end ---

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Waits for the ends of those which were made ours to reap by the ends of their parents.
#[track_caller]
fn reap(orphans: &[Pid]) {
    let begin = Instant::now();
    for &orphan in orphans {
        while let Ok(None) = waitpid(Some(orphan), WaitOptions::NOHANG) {
            assert!(begin.elapsed() < LIMIT, "{orphan:?} goes on");
            std::thread::yield_now();
        }
        assert!(kill_process(orphan, Signal::KILL).is_err(), "{orphan:?}");
    }
}

/// An orphan that is killed when dropped.
struct Doomed(Pid);

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
        let _ = waitpid(Some(self.0), WaitOptions::empty());
    }
}

/// A traced sleep.
fn sleeping(place: &Place) -> Child {
    let child = place.trace(&["sleep", "100000"]).spawn();
    let child = child.expect("the example starts");
    place.await_line("nanosleep(");
    child
}

fn end(child: Child) -> ExitStatus {
    child.wait_with_output().expect("its end").status
}

#[test]
fn ctrl_c_ends_program_then_trace() {
    let _check = LeakCheck::begin();
    let place = Place::new("interrupted");
    for signal in [Signal::INT, Signal::TERM] {
        let child = sleeping(&place);
        kill_process(pid(&child), signal).expect("still there");
        assert_eq!(end(child).signal(), Some(signal.as_raw()));
        let lines = place.lines();
        let name = if signal == Signal::INT { "INT" } else { "TERM" };
        assert!(lines.contains(&format!("--- SIG{name} {{")), "{lines}");
        assert!(
            lines.ends_with(&format!("+++ killed by SIG{name} +++\n")),
            "{lines}"
        );
        fs::remove_file(place.path("lines")).expect("the lines");
    }
}

#[test]
fn second_interrupt_kills_program_that_ignores_first() {
    let _check = LeakCheck::begin();
    let place = Place::new("heedless");
    let script = "trap '' TERM; sleep 100000 & wait";
    let child = place.trace(&["sh", "-c", script]).spawn();
    let child = child.expect("the example starts");
    place.await_line("nanosleep(");
    kill_process(pid(&child), Signal::TERM).expect("still there");
    // Ignored, but seen.
    place.await_line("--- SIGTERM {");
    let tracees = descendants(child.id());
    assert_eq!(tracees.len(), 2);
    kill_process(pid(&child), Signal::TERM).expect("still there");
    assert_eq!(end(child).signal(), Some(Signal::TERM.as_raw()));
    reap(&tracees);
}

#[test]
fn processes_left_by_program_are_let_go() {
    let _check = LeakCheck::begin();
    let place = Place::new("left");
    let script = "sleep 100000 >/dev/null 2>&1 & exit 3";
    let child = place.trace(&["sh", "-c", script]).spawn();
    let child = child.expect("the example starts");
    place.await_line("nanosleep(");
    place.await_line("+++ exited with 3 +++");
    let lines = place.lines();
    let sleeper = lines.lines().find(|line| line.contains("nanosleep("));
    let sleeper = sleeper.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let sleeper = sleeper.and_then(Pid::from_raw).expect("a number");
    kill_process(pid(&child), Signal::INT).expect("still there");
    assert_eq!(end(child).code(), Some(3));
    let sleeper = Doomed(sleeper);
    let begin = Instant::now();
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", sleeper.0.as_raw_pid()));
        let status = status.expect("it lives");
        assert!(status.contains("TracerPid:\t0\n"), "{status}");
        if status.contains("State:\tS") {
            break;
        }
        assert!(begin.elapsed() < LIMIT, "it does not sleep: {status}");
        std::thread::yield_now();
    }
}

#[test]
fn killed_trace_leaves_nothing() {
    let _check = LeakCheck::begin();
    let place = Place::new("killed");
    let child = sleeping(&place);
    let tracees = descendants(child.id());
    assert_eq!(tracees.len(), 1);
    kill_process(pid(&child), Signal::KILL).expect("still there");
    assert_eq!(end(child).signal(), Some(Signal::KILL.as_raw()));
    reap(&tracees);
}
