//! A model that cannot fail proves nothing: each mutation of the code must be noticed by the
//! model that it breaks, and the code as it is by none.
//!
//! `cargo test --test mutations -- --ignored --nocapture` in `models/`: some minutes.

// The files beside this.
include!(concat!(env!("OUT_DIR"), "/mutations.rs"));

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use list::Mutation;

mod together;

/// How long a model may take to notice: a generous multiple of the longest.
const NOTICE_LIMIT: Duration = Duration::from_secs(120);

/// How long all models may take for the code as it is.
const PASS_LIMIT: Duration = Duration::from_secs(900);

/// What is built, from the project's root.
const SOURCES: &[&str] = &[
    "src",
    "docs",
    "models/Cargo.toml",
    "models/Cargo.lock",
    "models/build.rs",
    "models/runtime",
    "models/tests",
];

fn mutations() -> impl Iterator<Item = &'static Mutation> {
    ALL.iter().copied().flatten()
}

fn root_of_project() -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR"));
    models.parent().expect("the project's root").to_path_buf()
}

impl Mutation {
    /// The file of the model that notices it.
    fn module(&self) -> &'static str {
        let (module, _) = self.model.split_once("::").expect(self.model);
        module
    }

    fn apply(&self, text: &str) -> Result<String, String> {
        match text.matches(self.from).count() {
            1 => Ok(text.replacen(self.from, self.to, 1)),
            count => Err(format!(
                "{}: occurs {count} times in {}:\n{}",
                self.name, self.file, self.from
            )),
        }
    }
}

/// The list is of the code as it is now.
#[test]
fn each_mutation_changes_one_place() {
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for mutation in mutations() {
        assert!(names.insert(mutation.name), "twice: {}", mutation.name);
        assert!(!mutation.why.is_empty(), "no reason: {}", mutation.name);
        let text = fs::read_to_string(root_of_project().join(mutation.file)).expect(mutation.file);
        wrong.extend(mutation.apply(&text).err());
        let (module, test) = mutation.model.split_once("::").expect(mutation.model);
        let models = root_of_project().join(format!("models/tests/models/{module}.rs"));
        let text = fs::read_to_string(&models).expect(module);
        if !text.contains(&format!("fn {test}(")) {
            wrong.push(format!("{}: no model {}", mutation.name, mutation.model));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let count = mutations().count();
    assert!(count >= 25, "only {count}");
}

/// A copy of the sources, to be changed and built.
struct Tree {
    root: PathBuf,
    target: PathBuf,
}

impl Tree {
    fn new(number: usize) -> Self {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let root = temporary.join(format!("mutations-{number}"));
        // Not that of this test itself: what is built there of a changed copy would pass for what
        // is built of the project.
        let target = temporary.join(format!("target-{number}"));
        let _ = fs::remove_dir_all(&root);
        for source in SOURCES {
            copy(&root_of_project().join(source), &root.join(source));
        }
        let tree = Self { root, target };
        tree.take_dependencies(&temporary.with_file_name("debug"));
        tree
    }

    /// Takes over what was built for this test of others' code, which no mutation changes.
    fn take_dependencies(&self, built: &Path) {
        let target = self.target.join("debug");
        if !built.is_dir() || target.exists() {
            return;
        }
        fs::create_dir_all(&target).expect("a folder is made");
        let parts = [".fingerprint", "build", "deps"].map(|part| built.join(part));
        // The times of files, which cp keeps, say whether they are as new as their sources.
        let copied = Command::new("cp")
            .arg("-a")
            .args(parts)
            .arg(target)
            .status();
        assert!(copied.expect("cp starts").success());
        let ours = ["--package", "rawipc-models", "--package", "rawipc-model"];
        let cleaned = self.cargo("clean").args(ours).output();
        assert!(cleaned.expect("cargo starts").status.success());
    }

    fn cargo(&self, command: &str) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut cargo = Command::new(cargo);
        cargo.args([command, "--locked", "--target-dir"]);
        cargo.arg(&self.target);
        cargo.current_dir(self.root.join("models"));
        cargo
    }

    /// Builds the models, or some of them, and returns the program.
    fn build(&self, name: &str, how: Build<'_>) -> Result<PathBuf, String> {
        let mut command = self.cargo("test");
        // Set in any case: who builds the models without it builds them anew, from their own
        // folder.
        command.env("RAWIPC_MODEL", "");
        match how {
            // What runs for minutes is worth a longer build.
            Build::All => command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
            Build::Models(names) => command.env("RAWIPC_MODEL", names),
        };
        let output = command
            .args(["--no-run", "--test", "models"])
            .args(["--message-format", "json"])
            .output()
            .expect("cargo starts");
        let messages = String::from_utf8_lossy(&output.stdout);
        let program = messages
            .split("\"executable\":\"")
            .filter_map(|rest| rest.split('"').next())
            .find(|path| path.contains("/models-"));
        let Some(program) = program.filter(|_| output.status.success()) else {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            let errors: Vec<_> = messages
                .lines()
                .filter(|line| line.contains("\"level\":\"error\""))
                .collect();
            return Err(format!("{name}: {why}\n{}", errors.join("\n")));
        };
        Ok(program.into())
    }

    /// Builds the models of mutations that may stand together, and says what each notices.
    fn try_out(&self, build: &[&Mutation]) -> Vec<Result<String, String>> {
        let changed: Result<(), String> = build.iter().try_for_each(|m| self.change(m));
        let names: Vec<_> = build.iter().map(|m| m.name).collect();
        let models: BTreeSet<_> = build.iter().map(|m| m.module()).collect();
        let models: Vec<_> = models.into_iter().collect();
        let models = Build::Models(&models.join(","));
        let program = changed.and_then(|()| self.build(&names.join(", "), models));
        for mutation in build {
            let original = root_of_project().join(mutation.file);
            copy(&original, &self.root.join(mutation.file));
        }
        let program = match program {
            Ok(program) => program,
            Err(error) => return vec![Err(error)],
        };
        let tried = |mutation| {
            let (time, complaint) = notices(&program, &self.root.join("said"), mutation)?;
            let Mutation { name, model, .. } = mutation;
            Ok(format!(
                "{name}\n    noticed by {model} after {time:.1?}: {complaint}"
            ))
        };
        build.iter().copied().map(tried).collect()
    }

    fn change(&self, mutation: &Mutation) -> Result<(), String> {
        let file = self.root.join(mutation.file);
        let text = fs::read_to_string(&file).expect(mutation.file);
        fs::write(&file, mutation.apply(&text)?).expect("a file is written");
        Ok(())
    }
}

/// What is built.
enum Build<'a> {
    All,
    /// Those of these files.
    Models(&'a str),
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).expect("a folder of the project") {
            let entry = entry.expect("an entry");
            if entry.file_name() != "target" {
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        }
    } else {
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder is made");
        fs::copy(from, to).expect("a file is copied");
    }
}

/// A program that is ended, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for the end of a program; `None` is that it took too long.
fn wait(command: &mut Command, limit: Duration) -> Option<ExitStatus> {
    let child = command.env("RUST_BACKTRACE", "0").spawn();
    let mut running = Running(child.expect("the models start"));
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(status) = running.0.try_wait().expect("a child to wait for") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

/// What the model says of the mutation that was built, and how long that took.
fn notices(program: &Path, said: &Path, mutation: &Mutation) -> Result<(Duration, String), String> {
    let output = || File::create(said).expect("a file is made");
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args([mutation.model, "--exact", "--nocapture"]);
    command.stdout(Stdio::null()).stderr(output());
    let status = wait(&mut command, NOTICE_LIMIT);
    let (time, text) = (
        began.elapsed(),
        fs::read_to_string(said).unwrap_or_default(),
    );
    let mut lines = text
        .lines()
        .skip_while(|line| !line.contains("panicked at"));
    let complaint = lines.nth(1).unwrap_or_default().chars().take(90).collect();
    match status {
        None => Err(format!(
            "{} takes too long: {}",
            mutation.model, mutation.name
        )),
        Some(status) if status.success() => Err(format!(
            "not noticed by {}: {}",
            mutation.model, mutation.name
        )),
        Some(_) if text.contains("panicked at") => Ok((time, complaint)),
        Some(status) => Err(format!(
            "{status}, and no complaint: {}\n{text}",
            mutation.name
        )),
    }
}

#[test]
#[ignore = "takes minutes: a step of its own"]
fn each_mutation_is_noticed_and_the_code_itself_is_not() {
    let wanted = std::env::var("RAWIPC_MUTATION").unwrap_or_default();
    let workers = thread::available_parallelism().map_or(2, |count| count.get());
    let first = Tree::new(0);
    let mut wrong = Vec::new();
    if wanted.is_empty() {
        let original = first.build("original", Build::All);
        let mut models = Command::new(original.expect("the code as it is builds"));
        let passed = wait(models.arg(format!("--test-threads={workers}")), PASS_LIMIT);
        if !passed.is_some_and(|status| status.success()) {
            wrong.push("the code as it is does not pass".to_owned());
        }
    }
    let wanted: Vec<_> = mutations()
        .filter(|m| m.name.contains(&wanted) || m.model.starts_with(&wanted))
        .collect();
    let left = Mutex::new(together::builds(&wanted).into_iter());
    let work = |tree: Tree| {
        let mut wrong = Vec::new();
        loop {
            let Some(build) = left.lock().expect("no worker panics").next() else {
                return wrong;
            };
            for outcome in tree.try_out(&build) {
                match outcome {
                    Ok(noticed) => println!("{noticed}"),
                    Err(error) => wrong.push(error),
                }
            }
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..workers)
            .map(|number| {
                let work = &work;
                scope.spawn(move || work(Tree::new(number)))
            })
            .collect();
        wrong.extend(work(first));
        for other in others {
            wrong.extend(other.join().expect("the worker ends"));
        }
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
