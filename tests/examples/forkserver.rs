//! The fuzzer's core, run as its user runs it: every planted bug is found and reported as
//! what it is, and whatever ends it, nothing is left behind.

use crate::support;
use crate::text;

#[path = "../../examples/forkserver/memory.rs"]
#[allow(dead_code, reason = "only the longest input is asked for")]
mod memory;
#[path = "../../examples/forkserver/mutate.rs"]
mod mutate;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use mutate::Random;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::Value;
use support::program::{descendants, started};
use support::{LIMIT, LeakCheck};

/// Long enough that a busy machine makes no hang of what is none.
const PATIENT: &[&str] = &["--json", "--limit", "500"];
/// As long as it takes the test to do something meanwhile.
const ENDLESS: &[&str] = &["--json", "--limit", "600000", "--run", "BUGh"];

/// Where `cargo test` puts the example.
pub(crate) fn executable() -> PathBuf {
    let test = std::env::current_exe().expect("this executable");
    let built = test.parent().and_then(|path| path.parent());
    let example = built.expect("target folder").join("examples/forkserver");
    assert!(
        example.exists(),
        "run `cargo test` as a whole, or first `cargo build --example forkserver`"
    );
    example
}

fn command(args: &[&str]) -> Command {
    let mut command = started(&executable());
    command.args(args);
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().expect("the example runs")
}

/// The lines of a run, each a JSON object.
fn objects(output: &Output) -> Vec<Value> {
    let lines = text(&output.stdout).lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn number(object: &Value, field: &str) -> u64 {
    let text = object[field].as_str().unwrap_or_default();
    let digits = text.strip_prefix("0x").unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{field}: {object}"))
}

/// Asserts that the finding is what was planted behind its letter.
#[track_caller]
fn assert_right(finding: &Value) {
    if let Some(why) = finding["no_scene"].as_str() {
        assert!(why.starts_with("cannot be traced"), "{finding}");
        skipped!("scenes of crashes: {why}");
        return;
    }
    let input = finding["input"].as_str().expect("an input");
    let verdict = finding["verdict"].as_str().expect("a verdict");
    let what = finding["what"].as_str();
    let signal = finding["signal"].as_i64();
    let letter = input
        .strip_prefix("BUG")
        .and_then(|rest| rest.chars().next());
    match letter.expect("a letter") {
        'n' => {
            assert_eq!((verdict, signal), ("crash", Some(11)), "{finding}");
            assert_eq!(what, Some("null pointer"), "{finding}");
            assert_eq!(number(finding, "address"), 0);
            if cfg!(target_arch = "x86_64") {
                assert_eq!(finding["access"], "write", "{finding}");
            }
        }
        's' => {
            assert_eq!((verdict, signal), ("crash", Some(11)), "{finding}");
            assert_eq!(what, Some("stack overflow"), "{finding}");
            let below = number(finding, "address").abs_diff(number(finding, "sp"));
            assert!(below < 1 << 16, "{finding}");
        }
        'i' => {
            assert_eq!((verdict, signal), ("crash", Some(4)), "{finding}");
            assert_eq!(what, Some("illegal instruction"), "{finding}");
        }
        'a' => {
            assert_eq!((verdict, signal), ("crash", Some(6)), "{finding}");
            assert_eq!(what, Some("abort"), "{finding}");
        }
        'm' => {
            assert_eq!((verdict, signal), ("out of memory", Some(6)), "{finding}");
            assert_eq!(finding["size"], 16 << 20, "{finding}");
        }
        'h' => assert_eq!((verdict, signal), ("hang", None), "{finding}"),
        'p' => {
            assert_eq!(verdict, "exit", "{finding}");
            assert_eq!(finding["status"], 101, "{finding}");
        }
        'e' => {
            assert_eq!(verdict, "exit", "{finding}");
            assert_eq!(finding["status"], 3, "{finding}");
        }
        _ => assert_eq!((verdict, signal), ("clean", None), "{finding}"),
    }
    // What ended by a signal has a scene.
    assert_eq!(what.is_some(), signal.is_some(), "{finding}");
    if signal.is_some() {
        assert_ne!(number(finding, "pc"), 0);
        assert_ne!(number(finding, "sp"), 0);
        let registers = finding["registers"].as_str().expect("registers");
        assert!(registers.starts_with("Registers"), "{registers}");
    }
}

#[test]
fn every_planted_bug_is_found_from_the_seed() {
    let _check = LeakCheck::begin();
    let output = run(PATIENT);
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), stderr), (Some(0), ""), "{output:?}");
    let objects = objects(&output);
    let (end, findings) = objects.split_last().expect("the end of the run");
    let mut letters: Vec<char> = Vec::new();
    for finding in findings {
        assert_right(finding);
        letters.extend(finding["input"].as_str().unwrap().chars().nth(3));
    }
    letters.sort_unstable();
    assert_eq!(letters, ['a', 'e', 'h', 'i', 'm', 'n', 'p', 's']);
    assert_eq!(end["stopped"], "all found");
    assert_eq!(end["findings"], 8);
    // Coverage led there: by chance it would have been thousands of millions.
    assert!(end["executions"].as_u64().unwrap() < 100_000, "{end}");
    assert!(end["per_second"].as_f64().unwrap() > 0.0, "{end}");
}

#[test]
fn input_is_reported_by_its_effect() {
    let _check = LeakCheck::begin();
    let inputs = [
        "BUGn", "BUGs", "BUGi", "BUGh", "BUGa", "BUGp", "BUGe", "BUGm", "BUGc", "BUG!", "BUGn+",
    ];
    let mut args = PATIENT.to_vec();
    args.extend(inputs.iter().flat_map(|input| ["--run", input]));
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let findings = objects(&output);
    let reported: Vec<&str> = findings
        .iter()
        .filter_map(|f| f["input"].as_str())
        .collect();
    assert_eq!(reported, inputs);
    findings.iter().for_each(assert_right);
    // The same way through the target is the same trail, another way another.
    let trail = |at: usize| findings[at]["trail"].as_str();
    assert_eq!(trail(0), trail(10));
    let mut trails: Vec<_> = (0..10).map(trail).collect();
    trails.sort_unstable();
    trails.dedup();
    assert_eq!(trails.len(), 10);
}

#[test]
fn other_program_is_fuzzed_for_requested_time() {
    let _check = LeakCheck::begin();
    let program = executable();
    let program = program.to_str().expect("UTF-8");
    let mut args = PATIENT.to_vec();
    args.extend(["--executions", "40", "--", program, "--target"]);
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let objects = objects(&output);
    let [end] = objects.as_slice() else {
        panic!("findings: {objects:?}")
    };
    assert_eq!(end["stopped"], "executions used up");
    assert_eq!(end["executions"], 40);
}

#[test]
fn missed_planted_bug_is_a_failure() {
    let _check = LeakCheck::begin();
    let output = run(&["--executions", "10"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).starts_with("executions used up: 0 findings in 10"));
}

#[test]
fn program_without_fork_server_is_refused() {
    let _check = LeakCheck::begin();
    let cases: [(&[&str], &str); 5] = [
        (&["--", "/nonexistent/program"], "cannot be started: "),
        (&["--", "/"], "cannot be started: "),
        (&["--", "true"], "ended with status 0"),
        (&["--"], "which PROGRAM?"),
        (&["--what"], "usage: "),
    ];
    for (args, why) in cases {
        let output = run(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
        assert!(stderr.contains(why), "{args:?}: {stderr}");
    }
}

#[test]
fn target_without_server_runs_alone() {
    let _check = LeakCheck::begin();
    for (input, status) in [("BUGc", 0), ("BUGe", 3), ("BUGp", 101)] {
        let mut child = command(&["--target"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("the target");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(status), "{input}");
    }
}

/// A run in which the fork server's child hangs; fuzzer, fork server, child.
fn hanging() -> (Child, Pid, [Pid; 2]) {
    let run = command(ENDLESS).spawn().expect("the example starts");
    let begin = Instant::now();
    let others = loop {
        assert!(begin.elapsed() < LIMIT, "it does not come so far");
        if let &[server, child] = descendants(run.id()).as_slice() {
            break [server, child];
        }
        std::thread::yield_now();
    };
    let fuzzer = Pid::from_raw(run.id() as i32).expect("not 0");
    (run, fuzzer, others)
}

#[test]
fn ctrl_c_during_hang_leaves_nothing() {
    let _check = LeakCheck::begin();
    for signal in [Signal::INT, Signal::TERM] {
        let (run, fuzzer, _) = hanging();
        kill_process(fuzzer, signal).expect("still there");
        let output = run.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn ctrl_c_during_fuzzing_leaves_nothing_and_reports_progress() {
    let _check = LeakCheck::begin();
    let program = executable();
    let program = program.to_str().expect("UTF-8");
    let mut args = PATIENT.to_vec();
    args.extend(["--start", "BUGc", "--", program, "--target"]);
    let mut run = command(&args).spawn().expect("the example starts");
    let mut lines = BufReader::new(run.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a finding").expect("readable");
    let fuzzer = Pid::from_raw(run.id() as i32).expect("not 0");
    kill_process(fuzzer, Signal::INT).expect("still there");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let end: Value = serde_json::from_str(rest.last().expect("an end")).expect("JSON");
    assert_eq!(end["stopped"], "interrupted", "{first} {rest:?}");
    assert!(end["findings"].as_u64() >= Some(1), "{end}");
    assert_eq!(run.wait().expect("its end").code(), Some(130));
}

#[test]
fn killed_fuzzer_leaves_nothing() {
    let _check = LeakCheck::begin();
    let (mut run, fuzzer, others) = hanging();
    kill_process(fuzzer, Signal::KILL).expect("still there");
    run.wait().expect("its end");
    // They were made ours to reap by the fuzzer's end, and each ends by the end of the
    // one before.
    let begin = Instant::now();
    for other in others {
        while let Ok(None) = waitpid(Some(other), WaitOptions::NOHANG) {
            assert!(begin.elapsed() < LIMIT, "{other:?} goes on");
            std::thread::yield_now();
        }
        assert!(kill_process(other, Signal::KILL).is_err(), "{other:?}");
    }
}

#[test]
fn killed_fork_server_is_noticed_and_leaves_nothing() {
    let _check = LeakCheck::begin();
    let (run, _, [server, _]) = hanging();
    kill_process(server, Signal::KILL).expect("still there");
    let output = run.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("was ended by signal 9"), "{stderr}");
}

#[test]
fn mutations_depend_on_seed_alone() {
    let inputs = |seed| {
        let mut random = Random::new(seed);
        let some = |_| mutate::by_chance(b"some input", b"another", &mut random);
        (0..100).map(some).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
    assert!(
        inputs(1)
            .iter()
            .all(|input| input.len() <= memory::INPUT_MAX)
    );
}

#[test]
fn mutation_changes_every_byte_to_every_other() {
    let mut made: Vec<Vec<u8>> = Vec::new();
    while let Some(input) = mutate::one_byte(b"ab", made.len()) {
        assert_ne!(input, b"ab");
        made.push(input);
    }
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 2 * 255);
    assert_eq!(mutate::one_byte(b"", 0), None);
}
