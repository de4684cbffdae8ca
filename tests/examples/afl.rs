//! C targets by AFL++'s protocol: fuzzed to their bugs, in a process each and in persistent mode.

use crate::support;
use crate::text;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::LeakCheck;
use support::program::started;

use crate::forkserver::executable;

/// The example's target, compiled; `None` where that cannot be.
fn compiled(name: &str, flags: &[&str]) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/forkserver/target.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiler = Command::new("cc")
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
            skipped!("C targets: cc: {}", why.lines().next().unwrap_or("?"));
            None
        }
        Err(error) => {
            skipped!("C targets: cc: {error}");
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

#[test]
fn c_target_is_fuzzed_to_its_bugs() {
    let _check = LeakCheck::begin();
    for (name, rounds) in [
        ("afl-target", "-DROUNDS=1"),
        ("afl-persistent", "-DROUNDS=1000"),
    ] {
        let flags = [
            "-fsanitize-coverage=trace-pc",
            "-fno-omit-frame-pointer",
            rounds,
        ];
        let Some(program) = compiled(name, &flags) else {
            return;
        };
        let program = program.to_str().expect("UTF-8");
        let args = ["--limit", "500", "--executions", "8000", "--start", "...."];
        let output = run(&args, &[program]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let objects = objects(&output);
        let (end, findings) = objects.split_last().expect("the end");
        assert_eq!(end["executions"], 8000, "{end}");
        let mut letters: Vec<char> = Vec::new();
        for finding in findings {
            let input = finding["input"].as_str().expect("an input");
            assert!(input.starts_with("BUG"), "{finding}");
            letters.extend(input.chars().nth(3));
        }
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters, ['a', 'e', 'h', 'n'], "{rounds}: {objects:?}");
    }
}

#[test]
fn c_target_is_reported_by_input() {
    let _check = LeakCheck::begin();
    let flags = ["-fsanitize-coverage=trace-pc", "-DROUNDS=1000"];
    let Some(program) = compiled("afl-reported", &flags) else {
        return;
    };
    let program = program.to_str().expect("UTF-8");
    // In one process until the first that ends it, and in the next one after that.
    let inputs = [
        "....", "B", "BUGh", "....", "BUGn", "BUGc", "BUGe", "BUGa", "....",
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

#[test]
fn target_without_afl_server_is_refused() {
    let _check = LeakCheck::begin();
    for (program, why) in [
        (&["true"][..], "ended with status 0"),
        (&["/nonexistent/program"], "cannot be started: "),
        (
            &[
                "sh",
                "-c",
                "printf '\\377\\377\\377\\377' >/proc/self/fd/199; cat",
            ],
            "which means nothing",
        ),
    ] {
        let output = run(&[], program);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(why), "{output:?}");
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
