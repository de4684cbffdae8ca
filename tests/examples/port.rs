//! The example `port` and what it was ported from, `port.c`, with workers of each other's and in Python.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use rawipc::posix::{Name, memory, message, semaphore};
use rawipc::sysv::{self, Key};

use crate::support::program::started;
use crate::support::{Folder, LIMIT, LeakCheck, source};
use crate::text;

/// In what a boss or a worker is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Rust,
    C,
    Python,
}
use Language::{C, Python, Rust};

fn source_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/port")
        .join(name)
}

/// `port.c` as a program; `None` without a compiler.
fn compiled() -> Option<&'static Path> {
    static COMPILED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let program =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("port-{}", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args([
            "-std=gnu11",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pthread",
            "-o",
        ]);
        let output = compiler
            .arg(&program)
            .arg(source_of("port.c"))
            .arg("-lrt")
            .output()
            .ok()?;
        assert!(output.status.success(), "{}", text(&output.stderr));
        Some(program)
    };
    COMPILED.get_or_init(compile).as_deref()
}

fn is_there(language: Language) -> bool {
    let is_there = match language {
        Rust => true,
        C => compiled().is_some(),
        Python => Command::new("python3").arg("--version").output().is_ok(),
    };
    if !is_there {
        let is_ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(!is_ci, "on CI nothing is skipped: no {language:?}");
        skipped!("there is nothing for {language:?} here");
    }
    is_there
}

fn command(language: Language) -> Command {
    match language {
        Rust => {
            let test = std::env::current_exe().expect("this executable");
            let built = test.parent().and_then(Path::parent);
            let example = built.expect("target folder").join("examples/port");
            assert!(
                example.exists(),
                "run `cargo test` as a whole, or first `cargo build --example port`"
            );
            started(&example)
        }
        C => started(compiled().unwrap()),
        Python => {
            let mut command = started(Path::new("python3"));
            command.args(["-E", "-s", "-S"]).arg(source_of("port.py"));
            command
        }
    }
}

/// The objects of a run: taken away when dropped, should a run have failed.
struct Objects {
    folder: Folder,
    name: String,
}

impl Objects {
    fn new(what: &str) -> Self {
        let folder = Folder::new(&format!("port-{what}"));
        folder.file("key", "");
        let name = format!("/rawipc-test-{}-port-{what}", std::process::id());
        Self { folder, name }
    }

    fn file(&self) -> PathBuf {
        self.folder.at("key")
    }

    /// Waits until the boss has created the last of them.
    fn are_there(&self, boss: &mut Child) {
        let begin = Instant::now();
        let name = Name::new(&*self.name).unwrap();
        let key = Key::from_path(self.file(), b'p').unwrap();
        while sysv::message::open(key).is_err()
            || sysv::semaphore::open(key).is_err()
            || semaphore::open(&name).is_err()
        {
            let ended = boss.try_wait().unwrap();
            assert_eq!(ended, None, "the boss ends");
            assert!(begin.elapsed() < LIMIT, "the boss creates nothing");
            std::thread::yield_now();
        }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        let name = Name::new(&*self.name).unwrap();
        let _ = (
            message::unlink(&name),
            semaphore::unlink(&name),
            memory::unlink(&name),
        );
        let key = Key::from_path(self.file(), b'p').unwrap();
        let _ = sysv::message::open(key).map(sysv::message::Queue::remove);
        let _ = sysv::semaphore::open(key).map(sysv::semaphore::Set::remove);
    }
}

/// A run of several programs, of which none is left.
struct Run(Vec<Child>);

impl Drop for Run {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a boss in one language and workers in these; returns what the boss said.
fn works(what: &str, boss: Language, workers: &[Language]) -> Option<String> {
    if ![boss]
        .iter()
        .chain(workers)
        .all(|&language| is_there(language))
    {
        return None;
    }
    let objects = Objects::new(what);
    let (name, file) = (&*objects.name, objects.file());
    let file = file.to_str().unwrap();
    let count = workers.len().to_string();
    let mut run = Run(Vec::new());
    run.0.push(
        command(boss)
            .args(["boss", name, file, &count])
            .spawn()
            .unwrap(),
    );
    objects.are_there(&mut run.0[0]);
    for &worker in workers {
        let mut command = command(worker);
        command.args(["worker", name, file]).stdin(Stdio::null());
        run.0.push(command.spawn().unwrap());
    }
    let mut outputs = Vec::new();
    for child in core::mem::take(&mut run.0) {
        let output: Output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{boss:?}, {workers:?}: {}",
            text(&output.stderr)
        );
        outputs.push(output);
    }
    Some(text(&outputs[0].stdout).trim().to_owned())
}

/// The sum of all bytes of `word 0` to `word 99`, twice.
fn expected() -> String {
    let words = (0..100).map(|number| format!("word {number}"));
    let sum: u64 = words.flat_map(String::into_bytes).map(u64::from).sum();
    format!("{sum} {sum}")
}

#[test]
fn ported_boss_is_served_by_workers_in_c_and_python() {
    let _check = LeakCheck::begin();
    for (number, workers) in [&[Rust][..], &[C], &[Python], &[Rust, C, Python]]
        .iter()
        .enumerate()
    {
        if let Some(said) = works(&format!("ours-{number}"), Rust, workers) {
            assert_eq!(said, expected(), "{workers:?}");
        }
    }
}

#[test]
fn ported_workers_serve_a_boss_in_c() {
    let _check = LeakCheck::begin();
    for (number, workers) in [&[C][..], &[Rust], &[Rust, Rust, C, Python]]
        .iter()
        .enumerate()
    {
        if let Some(said) = works(&format!("theirs-{number}"), C, workers) {
            assert_eq!(said, expected(), "{workers:?}");
        }
    }
}

/// The lines of each, comments and empty ones left out.
#[test]
fn port_has_nothing_unsafe_and_is_about_as_long_as_its_original() {
    let _check = LeakCheck::begin();
    let is_code =
        |line: &&str| !line.is_empty() && !line.starts_with("//") && !line.starts_with(['*', '/']);
    let original = std::fs::read_to_string(source_of("port.c")).unwrap();
    let original = original.lines().map(str::trim).filter(is_code).count();
    let files = source::files_below("examples/port");
    let lines = files
        .iter()
        .flat_map(|(_, text)| text.lines().map(str::trim));
    let lines: Vec<&str> = lines.filter(is_code).collect();
    let is_unsafe = |line: &&&str| line.contains("unsafe") && **line != "#![forbid(unsafe_code)]";
    let count = lines.iter().filter(is_unsafe).count();
    println!(
        "port: {} lines, {count} of them unsafe; in C: {original}",
        lines.len()
    );
    assert_eq!(count, 0);
    assert!(lines.len() <= original + original / 10);
}
