//! A C program that crashes, with and without what names come from.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The fuzzed target of the example `forkserver`, compiled; `None` where that cannot be.
fn compiled(name: &str, flags: &[&str]) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiler = Command::new("cc")
        .args(["-O0", "-fno-omit-frame-pointer"])
        .args(flags)
        .arg("-o")
        .arg(&program)
        .arg(here.join("../forkserver/target.c"))
        .status();
    match compiler {
        Ok(status) if status.success() => Some(program),
        other => {
            println!("skipped: cc: {other:?}");
            None
        }
    }
}

fn run(program: &Path, input: &str) -> (Output, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_symbols"))
        .arg(program)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

/// The line of the target on which this stands.
fn line(text: &str) -> usize {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../forkserver/target.c");
    let source = std::fs::read_to_string(source).expect("the source");
    let mut lines = source.lines();
    1 + lines.position(|line| line.contains(text)).expect(text)
}

#[test]
fn crash_is_reported_with_functions_and_lines() {
    // By an address that the kernel chooses, and by a fixed one.
    for (name, flags) in [("pie", &["-g", "-pie"][..]), ("fixed", &["-g", "-no-pie"])] {
        let Some(program) = compiled(name, flags) else {
            return;
        };
        let (output, said) = run(&program, "BUGn");
        assert_eq!(output.status.code(), Some(128 + 11), "{said}");
        let crash = line("*(volatile int *)0 = 1");
        assert!(said.starts_with("signal 11"), "{said}");
        let mut lines = said.lines().skip(1);
        let first = lines.next().expect("where it is");
        assert!(first.contains(" parse at "), "{said}");
        assert!(first.ends_with(&format!("target.c:{crash}")), "{said}");
        let caller = lines.next().expect("who called");
        let call = line("while (forkserver_loop(ROUNDS))");
        assert!(caller.contains(" main at "), "{said}");
        assert!(caller.ends_with(&format!("target.c:{call}")), "{said}");
    }
}

#[test]
fn crash_without_debug_information_is_reported_with_symbols() {
    let Some(program) = compiled("symbols", &[]) else {
        return;
    };
    let (_, said) = run(&program, "BUGn");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[1].ends_with(" parse"), "{said}");
    assert!(lines[2].ends_with(" main"), "{said}");
}

#[test]
fn crash_of_stripped_program_is_reported_with_file() {
    let Some(program) = compiled("stripped", &["-s"]) else {
        return;
    };
    let (_, said) = run(&program, "BUGn");
    let first = said.lines().nth(1).expect("where it is");
    let file = format!("in {} at 0x", program.display());
    assert!(first.contains(&file), "{said}");
}

#[test]
fn exit_status_is_the_programs() {
    let Some(program) = compiled("exit", &[]) else {
        return;
    };
    for (input, status) in [("BUGe", 3), ("BUGx", 0)] {
        let (output, said) = run(&program, input);
        assert_eq!((output.status.code(), &*said), (Some(status), ""));
    }
}
