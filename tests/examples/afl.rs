//! C targets by AFL++'s protocol: fuzzed to their bugs, in a process each and in persistent mode.

use crate::support;
use crate::text;

use core::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;
use support::program::{descendants, started};
use support::{LIMIT, LeakCheck};

use crate::forkserver::executable;

/// The folder of the example.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/forkserver")
}

/// The example's target, compiled; `None` where that cannot be.
fn compiled(name: &str, flags: &[&str]) -> Option<PathBuf> {
    compiled_by("cc", name, flags, &folder().join("target.c"))
}

fn compiled_by(cc: &str, name: &str, flags: &[&str], source: &Path) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiler = Command::new(cc)
        .env("AFL_QUIET", "1")
        .args(["-O1", "-Wall", "-Wextra", "-Werror"])
        .args(flags)
        .arg("-o")
        .arg(&program)
        .arg(source)
        .output();
    match compiler {
        Ok(output) if output.status.success() => Some(program),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            skipped!("C targets: {cc}: {}", why.lines().next().unwrap_or("?"));
            None
        }
        Err(error) => {
            skipped!("C targets: {cc}: {error}");
            None
        }
    }
}

fn run(args: &[&str], program: &[&str]) -> Output {
    let mut command = started(&executable());
    command.args(["--afl", "--json"]).args(args).arg("--");
    command.args(program).output().expect("the example runs")
}

/// The lines of a run, each a JSON object.
fn objects(output: &Output) -> Vec<Value> {
    let lines = text(&output.stdout).lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// Compiler and arguments of every way in which a target can be made.
const WAYS: [(&str, &str, &[&str]); 6] = [
    ("one", "cc", &[PC]),
    ("persistent", "cc", &[PC, "-DROUNDS=1000"]),
    (
        "shared",
        "cc",
        &[PC, "-DROUNDS=1000", "-DFORKSERVER_SHARED"],
    ),
    (
        "guards",
        "clang",
        &[GUARDS, "-fno-sanitize-link-runtime", "-O0"],
    ),
    (
        "afl",
        "afl-clang-fast",
        &["-DROUNDS=1000", "-Wno-unused-function"],
    ),
    (
        "afl-shared",
        "afl-clang-fast",
        &[
            "-DROUNDS=1000",
            "-DFORKSERVER_SHARED",
            "-Wno-unused-function",
        ],
    ),
];
const PC: &str = "-fsanitize-coverage=trace-pc";
const GUARDS: &str = "-fsanitize-coverage=trace-pc-guard";

#[test]
fn c_target_is_fuzzed_to_its_bugs() {
    let _check = LeakCheck::begin();
    for (name, cc, flags) in WAYS {
        let flags = [flags, &["-fno-omit-frame-pointer"]].concat();
        let source = folder().join("target.c");
        let Some(program) = compiled_by(cc, &format!("afl-target-{name}"), &flags, &source) else {
            continue;
        };
        let program = program.to_str().expect("UTF-8");
        let args = ["--limit", "500", "--executions", "6000", "--start", "B..."];
        let output = run(&args, &[program]);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        let objects = objects(&output);
        let (end, findings) = objects.split_last().expect("the end");
        assert_eq!(end["executions"], 6000, "{name}: {end}");
        let mut letters: Vec<char> = Vec::new();
        for finding in findings {
            let input = finding["input"].as_str().expect("an input");
            assert!(input.starts_with("BUG"), "{name}: {finding}");
            letters.extend(input.chars().nth(3));
        }
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters, ['a', 'e', 'h', 'n'], "{name}: {objects:?}");
    }
}

#[test]
fn c_target_is_reported_by_input() {
    let _check = LeakCheck::begin();
    let flags = [PC, "-DROUNDS=1000", "-DFORKSERVER_SHARED"];
    for (name, flags) in [("afl-reported", &flags[..2]), ("afl-shared", &flags)] {
        let Some(program) = compiled(name, flags) else {
            return;
        };
        reported(&program);
    }
}

fn reported(program: &Path) {
    let program = program.to_str().expect("UTF-8");
    // Of a shorter one nothing is left of the one before. In one process until the first that ends it, and in the next one after that.
    let inputs = [
        "....", "B", "BUGh", "....", "BUGn", "B", "BUGe", "BUGa", "....",
    ];
    let mut args = vec!["--limit", "500"];
    args.extend(inputs.iter().flat_map(|input| ["--run", input]));
    let output = run(&args, &[program]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let findings = objects(&output);
    let verdicts: Vec<_> = findings
        .iter()
        .map(|f| f["verdict"].as_str().unwrap_or(""))
        .collect();
    let expected = [
        "clean", "clean", "hang", "clean", "crash", "clean", "exit", "crash", "clean",
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(findings[6]["status"], 3, "{}", findings[6]);
    assert_eq!(findings[4]["signal"], 11, "{}", findings[4]);
    assert_eq!(findings[7]["signal"], 6, "{}", findings[7]);
    let crash = &findings[4];
    if let Some(why) = crash["no_scene"].as_str() {
        assert!(why.starts_with("cannot be traced"), "{crash}");
        skipped!("scenes of crashes: {why}");
        return;
    }
    assert_eq!(crash["what"], "null pointer", "{crash}");
    assert_eq!(crash["address"], "0x0", "{crash}");
    // The same input takes the same way, in whichever process.
    assert_eq!(findings[0]["trail"], findings[3]["trail"]);
    assert_eq!(findings[3]["trail"], findings[8]["trail"]);
    assert_ne!(findings[0]["trail"], findings[1]["trail"]);
}

#[test]
fn silent_target_is_an_error_after_patience() {
    let _check = LeakCheck::begin();
    let output = run(&["--patience", "200"], &["sleep", "100000"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("does not answer"), "{said}");
}

/// A shell that says these words as a fork server, and then does `then`.
fn saying(words: &[u32], then: &str) -> [String; 3] {
    let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
    let octal: String = bytes.map(|byte| format!("\\{byte:03o}")).collect();
    let script = format!("printf '{octal}' >/proc/self/fd/199; {then}");
    ["sh".into(), "-c".into(), script]
}

fn run_saying(args: &[&str], words: &[u32], then: &str) -> Output {
    let program = saying(words, then);
    run(args, &program.each_ref().map(String::as_str))
}

#[test]
fn fork_server_that_falls_silent_is_an_error_after_patience() {
    let _check = LeakCheck::begin();
    let args = ["--patience", "300", "--limit", "50", "--run", "...."];
    // One that is nobody's child here.
    let other = Child::of_nobody();
    let silent = "exec sleep 100000";
    let answering = "cat /proc/self/fd/198 >/dev/null & exec sleep 100000";
    for (words, then) in [
        (&[0][..], silent),
        (&[0], answering),
        // A number, and no status after it.
        (&[0, other.number()], silent),
    ] {
        let output = run_saying(&args, words, then);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains("does not answer"), "{said}");
    }
    assert!(other.lives(), "a stranger was killed");
}

/// A process that is no fork server's.
struct Child(RefCell<std::process::Child>);

impl Child {
    fn of_nobody() -> Self {
        let sleep = Command::new("sleep").arg("100000").spawn();
        Self(sleep.expect("a process").into())
    }

    fn number(&self) -> u32 {
        self.0.borrow().id()
    }

    fn lives(&self) -> bool {
        let end = self.0.borrow_mut().try_wait();
        end.expect("its state").is_none()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let child = self.0.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[test]
fn target_without_afl_server_is_refused() {
    let _check = LeakCheck::begin();
    for (program, why) in [
        (&["true"][..], "ended with status 0"),
        (&["/nonexistent/program"], "cannot be started: "),
    ] {
        let output = run(&[], program);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(why), "{output:?}");
    }
}

#[test]
fn first_word_that_cannot_be_met_is_refused() {
    let _check = LeakCheck::begin();
    const OPTIONS: u32 = 0x8000_0001;
    for hello in [
        u32::MAX,
        // An error, a dictionary, a map of 65537 edges.
        0xf800_008f,
        OPTIONS | 0x1000_0000,
        OPTIONS | 0x4000_0000 | 65536 << 1,
    ] {
        let output = run_saying(&[], &[hello], "exec cat /proc/self/fd/198");
        assert_eq!(output.status.code(), Some(2), "{hello:#x}: {output:?}");
        let said = text(&output.stderr);
        assert!(said.contains("which means nothing"), "{hello:#x}: {said}");
    }
}

#[test]
fn number_that_no_child_has_is_refused() {
    let _check = LeakCheck::begin();
    for number in [0, u32::MAX] {
        let then = "exec cat /proc/self/fd/198 >/dev/null";
        let output = run_saying(&["--run", "...."], &[0, number], then);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.contains("which means nothing"), "{said}");
    }
}

/// A run whose child hangs, in its first execution or in a process that has stopped before: the
/// fuzzer, its fork server and that one's child.
fn hanging(program: &str, before: &[&str]) -> (std::process::Child, [Pid; 2]) {
    let mut command = started(&executable());
    command.args(["--afl", "--json", "--limit", "600000"]);
    for input in before.iter().chain(&["BUGh"]) {
        command.args(["--run", input]);
    }
    let mut run = command.arg("--").arg(program).spawn().expect("it starts");
    // The inputs before are done with.
    let mut lines = BufReader::new(run.stdout.as_mut().expect("piped"));
    for input in before {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a finding");
        assert!(line.contains(input), "{line}");
    }
    let begin = Instant::now();
    let others = loop {
        assert!(begin.elapsed() < LIMIT, "it does not come so far");
        if let &[server, child] = descendants(run.id()).as_slice() {
            break [server, child];
        }
        std::thread::yield_now();
    };
    (run, others)
}

#[test]
fn killed_fuzzer_or_fork_server_leaves_no_child() {
    let _check = LeakCheck::begin();
    for (name, flags, before) in [
        ("afl-left", &[PC][..], &[][..]),
        ("afl-left-persistent", &[PC, "-DROUNDS=1000"], &["..."]),
    ] {
        let Some(program) = compiled(name, flags) else {
            return;
        };
        let program = program.to_str().expect("UTF-8");
        for kills_server in [false, true] {
            let (mut run, [server, child]) = hanging(program, before);
            let fuzzer = Pid::from_raw(run.id() as i32).expect("not 0");
            let killed = if kills_server { server } else { fuzzer };
            kill_process(killed, Signal::KILL).expect("still there");
            let end = run.wait().expect("its end");
            assert_eq!(end.code(), kills_server.then_some(2), "{end}");
            let begin = Instant::now();
            for other in [server, child] {
                // Ours to reap, where the fuzzer did not.
                while let Ok(None) = waitpid(Some(other), WaitOptions::NOHANG) {
                    assert!(begin.elapsed() < LIMIT, "{name}: {other:?} goes on");
                    std::thread::yield_now();
                }
                while kill_process(other, Signal::KILL).is_ok() {
                    assert!(begin.elapsed() < LIMIT, "{name}: {other:?} is left");
                    std::thread::yield_now();
                }
            }
        }
    }
}

/// Checks what the callbacks of `target.h` count where. Not instrumented itself.
const COUNTING: &str = r#"
#include "target.h"
#include <stdio.h>
#include <string.h>
#define CHECK(what) do { if (!(what)) { puts(#what); return 1; } } while (0)
static uint32_t first[70], second[3];
static int other(void) { return 0; }
static void a(void) { __sanitizer_cov_trace_pc(); }
static void b(void) { __sanitizer_cov_trace_pc(); }
static int passed(unsigned char *copy, void (*one)(void), void (*two)(void)) {
    memset(forkserver_map, 0, FORKSERVER_MAP);
    forkserver_last = 0;
    one(); two();
    memcpy(copy, forkserver_map, FORKSERVER_MAP);
    int sum = 0;
    for (int i = 0; i < FORKSERVER_MAP; i++) sum += copy[i];
    return sum;
}
static unsigned char ab[FORKSERVER_MAP], ba[FORKSERVER_MAP], again[FORKSERVER_MAP];
int main(void) {
    CHECK(forkserver_size() == FORKSERVER_MAP);
    CHECK(passed(ab, a, b) == 2);
    CHECK(passed(ba, b, a) == 2);
    CHECK(passed(again, a, b) == 2);
    CHECK(memcmp(ab, ba, sizeof ab) != 0);
    CHECK(memcmp(ab, again, sizeof ab) == 0);
    /* There and back are two edges. */
    passed(ab, a, b);
    a();
    for (int i = 0; i < FORKSERVER_MAP; i++) CHECK(forkserver_map[i] <= 1);
    memset(forkserver_map, 0, FORKSERVER_MAP);
    __sanitizer_cov_trace_pc_guard_init(first, first + 60);
    CHECK(forkserver_size() == 64);
    __sanitizer_cov_trace_pc_guard_init(first, first + 60);
    __sanitizer_cov_trace_pc_guard_init(second, second + 3);
    CHECK(forkserver_size() == 64);
    __sanitizer_cov_trace_pc_guard_init(first + 60, first + 61);
    /* The highest is counted too. */
    CHECK(forkserver_size() == 128);
    for (int i = 0; i < 61; i++) __sanitizer_cov_trace_pc_guard(&first[i]);
    for (int i = 0; i < 3; i++) __sanitizer_cov_trace_pc_guard(&second[i]);
    for (unsigned i = 0; i < FORKSERVER_MAP; i++)
        CHECK(forkserver_map[i] == (i >= 1 && i <= 64));
    uint32_t beyond = 5 * FORKSERVER_MAP + 7;
    __sanitizer_cov_trace_pc_guard(&beyond);
    CHECK(forkserver_map[7] == 2);
    return other();
}
"#;

#[test]
fn edges_are_counted_each_in_a_place_of_its_own() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("afl-counting.c");
    std::fs::write(&source, COUNTING).expect("a file");
    let header = format!("-I{}", folder().display());
    for cc in ["cc", "clang"] {
        let flags = ["-O0", "-Wno-unused-function", &header];
        let Some(program) = compiled_by(cc, &format!("afl-counting-{cc}"), &flags, &source) else {
            continue;
        };
        let output = Command::new(program).output().expect("it runs");
        assert!(output.status.success(), "{cc}: {}", text(&output.stdout));
    }
}

#[test]
fn afl_fuzz_runs_c_target_to_its_bugs() {
    let _check = LeakCheck::begin();
    let work = support::Folder::new("afl-fuzz");
    for (name, flags) in [
        ("afl-theirs", &[PC][..]),
        ("afl-theirs-persistent", &[PC, "-DROUNDS=1000"]),
        (
            "afl-theirs-shared",
            &[PC, "-DROUNDS=1000", "-DFORKSERVER_SHARED"],
        ),
    ] {
        let Some(program) = compiled(name, flags) else {
            return;
        };
        let inputs = work.at(name);
        std::fs::create_dir(&inputs).expect("a folder");
        // Three bytes from the first bug: that is found by changing each bit.
        std::fs::write(inputs.join("seed"), "BUGi").expect("a seed");
        let output = work.at(&format!("{name}-out"));
        let run = started(Path::new("afl-fuzz"))
            .args(["-D", "-E", "6000", "-t", "1000", "-i"])
            .arg(inputs)
            .arg("-o")
            .arg(&output)
            .arg("--")
            .arg(program)
            .envs([
                ("AFL_NO_UI", "1"),
                ("AFL_SKIP_CPUFREQ", "1"),
                ("AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES", "1"),
                ("AFL_NO_AFFINITY", "1"),
                ("AFL_FORKSRV_INIT_TMOUT", "60000"),
            ])
            .output();
        let run = match run {
            Ok(run) => run,
            Err(error) => {
                skipped!("afl-fuzz: {error}");
                return;
            }
        };
        // It does not wait for its fork server, nor that for its child.
        let begin = Instant::now();
        while let Some(&orphan) = descendants(std::process::id()).first() {
            assert!(begin.elapsed() < LIMIT, "{name}: {orphan:?} goes on");
            let _ = waitpid(Some(orphan), WaitOptions::NOHANG);
            std::thread::yield_now();
        }
        let stdout = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{name}: {stdout}");
        let stats = std::fs::read_to_string(output.join("default/fuzzer_stats"));
        let stats = stats.expect("what it found");
        let number = |field: &str| -> u64 {
            let line = stats.lines().find(|line| line.starts_with(field));
            let value = line.and_then(|line| line.split(':').nth(1));
            value
                .and_then(|value| value.trim().parse().ok())
                .expect(field)
        };
        assert!(number("execs_done") >= 6000, "{name}: {stats}");
        // As much of the map as the target says.
        assert_eq!(number("total_edges"), 65536, "{name}: {stats}");
        // A null pointer and an abort.
        assert!(number("saved_crashes") >= 2, "{name}: {stats}");
    }
}

#[test]
fn target_runs_alone() {
    let _check = LeakCheck::begin();
    let flags = ["-fsanitize-coverage=trace-pc", "-DROUNDS=1000"];
    let Some(program) = compiled("afl-alone", &flags) else {
        return;
    };
    let input = std::process::Stdio::null();
    let status = Command::new(program)
        .stdin(input)
        .status()
        .expect("it runs");
    assert!(status.success(), "{status}");
}
