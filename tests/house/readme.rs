//! README's examples and the guide's, each as a reader pastes it into a fresh project that has the
//! page's dependencies and no other: it compiles, without a warning, and runs. Step `packaged` runs
//! this in what is published: the projects are then built against that.

use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Folder, source};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What stands between two fences.
#[derive(Debug)]
struct Block {
    page: String,
    line: usize,
    /// The language, and what rustdoc is told behind it.
    info: String,
    text: String,
}

impl Block {
    fn at(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// The blocks of a page, or why one of them could be overlooked.
fn blocks(page: &str, text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut is_after_blank = true;
    for (number, line) in text.lines().enumerate() {
        let at = format!("{page}:{}", number + 1);
        match (&mut open, line.strip_prefix("```")) {
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(_), Some(_)) => return Err(format!("{at}: a fence within a block")),
            (None, Some(info)) => {
                open = Some(Block {
                    page: page.to_owned(),
                    line: number + 1,
                    info: info.to_owned(),
                    text: String::new(),
                });
            }
            (None, None) => {
                let bare = line.trim_start();
                let is_indented = is_after_blank && line.starts_with("    ") && !bare.is_empty();
                if is_indented || bare.starts_with("~~~") || bare.starts_with("```") {
                    return Err(format!(
                        "{at}: a block that is no fence at the line's begin"
                    ));
                }
            }
        }
        is_after_blank = line.trim().is_empty();
    }
    match open {
        Some(block) => Err(format!("{}: a block without an end", block.at())),
        None => Ok(blocks),
    }
}

/// README and the pages of the guide: their names, and what they say.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(ROOT);
    let mut guide: Vec<PathBuf> = fs::read_dir(root.join("docs"))
        .expect("the guide")
        .map(|page| page.expect("a page").path())
        .collect();
    guide.sort();
    let all = core::iter::once(root.join("README.md")).chain(guide);
    all.map(|path| {
        let name = path.strip_prefix(root).expect("a path below it");
        let name = name.to_str().expect("UTF-8").to_owned();
        (name, fs::read_to_string(&path).expect("its text"))
    })
    .collect()
}

/// An example, and what its page tells the reader to depend on.
#[derive(Debug)]
struct Example {
    block: Block,
    dependencies: String,
}

impl Example {
    /// Whether the page wants other crates as well.
    fn wants_others(&self) -> bool {
        let mut lines = self.dependencies.lines();
        lines.any(|line| line.contains('=') && !line.starts_with("rawipc ="))
    }
}

/// What is done with the blocks of all pages: examples, lines for a shell, programs in C.
type Sorted = (Vec<Example>, Vec<(String, String)>, Vec<Block>);

/// Each block is an example, the page's dependencies, lines for a shell, or a program in C; another, which nobody
/// would try, is an error. The first page's dependencies are for those that have none.
fn sorted(pages: &[(String, String)]) -> Result<Sorted, String> {
    let (mut examples, mut shell) = (Vec::<Example>::new(), Vec::new());
    let mut programs = Vec::new();
    let mut usual = None;
    for (page, text) in pages {
        let mut dependencies = None;
        let mut of_page = Vec::new();
        for block in blocks(page, text)? {
            match block.info.as_str() {
                // What is ignored rustdoc cannot build, for want of the other crates.
                "rust" | "rust,standalone_crate" | "rust,ignore" => of_page.push(block),
                "toml" if dependencies.is_none() => dependencies = Some(block.text),
                "sh" => {
                    let lines = block.text.lines().map(str::to_owned);
                    shell.extend(lines.map(|line| (block.at(), line)));
                }
                "c" => programs.push(block),
                info => return Err(format!("{}: nobody tries this {info}", block.at())),
            }
        }
        if usual.is_none() {
            usual.clone_from(&dependencies);
        }
        let dependencies = dependencies.or_else(|| usual.clone());
        let dependencies = dependencies.ok_or("the first page has no dependencies")?;
        for block in of_page {
            let dependencies = dependencies.clone();
            let example = Example {
                block,
                dependencies,
            };
            if example.block.info.ends_with("ignore") != example.wants_others() {
                let at = example.block.at();
                return Err(format!("{at}: rustdoc tries this, or should"));
            }
            examples.push(example);
        }
    }
    Ok((examples, shell, programs))
}

fn examples() -> Vec<Example> {
    sorted(&pages()).expect("pages whose blocks are tried").0
}

/// Makes a project as `cargo new` does, pastes the example and runs it; else says what went wrong.
/// The crate is this one: unpublished. `lock` has versions of the dependencies that are known to
/// be there.
fn paste(example: &Example, name: &str, lock: &Path, offline: bool) -> Result<(), String> {
    let project = Folder::new(&format!("fresh-{name}"));
    let manifest = format!(
        "[package]\nname = \"fresh\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         {}\n[patch.crates-io]\nrawipc = {{ path = {ROOT:?} }}\n\n[workspace]\n",
        example.dependencies
    );
    project.file("Cargo.toml", manifest);
    project.file("Cargo.lock", fs::read(lock).expect("the lock"));
    fs::create_dir(project.at("src")).expect("a folder");
    project.file("src/main.rs", &example.block.text);
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet"])
        .args(offline.then_some("--offline"))
        .current_dir(&project)
        // The crate is compiled once, not for each.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme"),
        )
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && !said.contains("warning") {
        return Ok(());
    }
    let (at, text) = (example.block.at(), &example.block.text);
    Err(format!("{at}: {}\n{said}\n{text}", output.status))
}

/// Pastes each, and says how many there were.
fn paste_all(examples: &[Example], lock: &Path, offline: bool) {
    for (number, example) in examples.iter().enumerate() {
        let name = format!("{number}-{offline}");
        paste(example, &name, lock, offline).unwrap_or_else(|why| panic!("{why}"));
    }
    let is_published = Path::new(ROOT).join("Cargo.toml.orig").exists();
    let against = if is_published { "package" } else { "checkout" };
    println!(
        "{} examples ran, built against the {against}",
        examples.len()
    );
}

/// What a forge shows as text and only rustdoc hides.
#[test]
fn examples_have_no_hidden_lines() {
    for Example { block, .. } in examples() {
        let mut lines = block.text.lines();
        assert!(
            !lines.any(|line| line == "#" || line.starts_with("# ")),
            "{block:?}"
        );
    }
}

#[test]
fn dependency_is_on_first_screen() {
    let (_, readme) = &pages()[0];
    let line = readme
        .lines()
        .position(|line| line.starts_with("rawipc = "));
    assert!(line.is_some_and(|line| line < 25), "{line:?}");
}

#[test]
fn every_example_pasted_in_a_fresh_project_runs() {
    let mut examples = examples();
    // By another way, so that none is overlooked by the first.
    let fences = |(_, text): &(String, String)| text.matches("```rust").count();
    let count: usize = pages().iter().map(fences).sum();
    assert_eq!(examples.len(), count);
    examples.retain(|example| !example.wants_others());
    assert!(examples.len() >= 5, "{examples:?}");
    paste_all(&examples, &Path::new(ROOT).join("Cargo.lock"), true);
}

/// With the versions that `RAWIPC_LOCK` names, or those of examples/loops.
#[test]
#[ignore = "downloads the crates that pages name: step packaged"]
fn every_example_with_other_crates_pasted_in_a_fresh_project_runs() {
    let mut examples = examples();
    examples.retain(Example::wants_others);
    assert!(examples.len() >= 7, "{examples:?}");
    let lock = std::env::var_os("RAWIPC_LOCK").map_or_else(
        || Path::new(ROOT).join("examples/loops/Cargo.lock"),
        PathBuf::from,
    );
    paste_all(&examples, &lock, false);
}

#[test]
fn example_that_does_not_compile_or_warns_or_fails_is_found() {
    let outcome = |number: usize, text: &str| {
        let text = format!("```toml\n[dependencies]\n```\n```rust\n{text}\n```\n");
        let (examples, _, _) = sorted(&[("page".to_owned(), text)]).expect("one example");
        let lock = Path::new(ROOT).join("Cargo.lock");
        paste(&examples[0], &format!("planted-{number}"), &lock, true)
    };
    // A project without the crate: nothing but the example takes time.
    outcome(0, "fn main() {}").expect("an example without fault");
    let planted = [
        "fn main() { nobody() }",
        "fn main() { let unused = 1; }",
        "fn main() { panic!() }",
        "fn main() -> Result<(), std::fmt::Error> { Err(std::fmt::Error) }",
        "fn main() { std::process::exit(1) }",
        "use rawipc::Errno; fn main() { let _: Errno; }",
    ];
    for (number, text) in planted.into_iter().enumerate() {
        outcome(number + 1, text).expect_err(text);
    }
}

#[test]
fn block_that_nobody_tries_is_found() {
    let first = "```toml\n[dependencies]\n```\n";
    for text in [
        "```rust,ignore\n```\n",
        "```rust,no_run\n```\n",
        "```py\n```\n",
        "```\n```\n",
        "```rust\nfn main() {}\n",
        "- item\n\n  ```rust\n  ```\n",
        "~~~rust\n~~~\n",
        "text\n\n    fn main() {}\n",
        "```toml\n```\n",
    ] {
        let page = ("page".to_owned(), format!("{first}{text}"));
        sorted(&[page]).expect_err(text);
    }
    // Of a page that wants another crate, which rustdoc has not.
    let text = "```toml\n[dependencies]\nother = \"1\"\n```\n```rust\n```\n";
    sorted(&[("page".to_owned(), text.to_owned())]).expect_err(text);
}

/// The programs of `examples/loops` that no page shows whole: they have files in common.
const NOT_SHOWN: &[&str] = &["io_uring", "mio", "tokio"];

#[test]
fn programs_of_the_services_page_are_those_that_are_tested() {
    let folder = Path::new(ROOT).join("examples/loops");
    if !folder.exists() {
        skipped!("the package carries no other package");
        return;
    }
    let examples = examples();
    let shown = examples.iter().map(|example| &example.block);
    let mut shown: BTreeSet<&str> = shown
        .filter(|block| block.page == "docs/services.md")
        .map(|block| block.text.as_str())
        .collect();
    let tests = fs::read_to_string(folder.join("tests/loops.rs")).expect("its tests");
    for (file, text) in source::files_below("examples/loops/src/bin") {
        let name = file.strip_suffix(".rs").expect("a Rust file");
        assert!(tests.contains(&format!("CARGO_BIN_EXE_{name}\"")), "{file}");
        if !NOT_SHOWN.contains(&name) {
            // The page says by its heading what the file says in its first line.
            let (_, program) = text.split_once("\n\n").expect("a first line");
            let is_shown = shown.remove(program);
            assert!(is_shown, "docs/services.md has {file} not, or otherwise");
        }
    }
    assert!(shown.is_empty(), "of no file: {shown:?}");
}

/// They are targets for fuzzers, which run once where there is none.
#[test]
fn every_program_in_c_compiles_and_runs() {
    let (_, _, programs) = sorted(&pages()).expect("pages whose blocks are tried");
    assert!(!programs.is_empty());
    let folder = Folder::new("programs-in-c");
    for block in programs {
        folder.file("program.c", &block.text);
        let compiled = Command::new("cc")
            .args([
                "-Wall",
                "-Werror",
                "-fsanitize-coverage=trace-pc",
                "-o",
                "program",
            ])
            .arg("program.c")
            .arg(format!("-I{ROOT}/examples/forkserver"))
            .current_dir(&folder)
            .output();
        let Ok(compiled) = compiled else {
            skipped!("there is no compiler for C");
            return;
        };
        let said = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{}: {said}", block.at());
        folder.file("input", "an input");
        let input = fs::File::open(folder.at("input")).expect("the input");
        let status = Command::new(folder.at("program")).stdin(input).status();
        assert!(status.expect("it starts").success(), "{}", block.at());
        folder.file("input", "bug");
        let input = fs::File::open(folder.at("input")).expect("the input");
        let status = Command::new(folder.at("program")).stdin(input).status();
        assert!(!status.expect("it starts").success(), "{}", block.at());
    }
}

/// Commands that pages show, and the step that runs each.
const COMMANDS: &[(&str, Option<&str>)] = &[
    ("cargo run --release --example tour", Some("tour")),
    ("cargo test", Some("tests")),
    // Measures, and so is for a machine with nothing else to do; it is built by packaged.
    ("cargo bench --bench choosing", None),
    (
        "cargo test --release --test kill -- --ignored --nocapture",
        Some("kills"),
    ),
    // Takes minutes, and holds nothing that a test does not.
    ("bash .ci/coverage", None),
];

#[test]
fn every_line_for_a_shell_is_run_by_a_step() {
    let (_, shell, _) = sorted(&pages()).expect("pages whose blocks are tried");
    for (at, line) in &shell {
        let known = COMMANDS.iter().any(|(command, _)| command == line);
        assert!(known, "{at}: nobody runs `{line}`");
    }
    let steps = Path::new(ROOT).join(".ci/steps");
    if !steps.exists() {
        skipped!("the package has no steps");
        return;
    }
    for (command, step) in COMMANDS {
        let is_shown = shell.iter().any(|(_, line)| line == command);
        assert!(is_shown, "no page shows `{command}`");
        if let Some(step) = step {
            let step = fs::read_to_string(steps.join(step)).expect("a step");
            let runs = step.replace(" --locked", "").contains(command);
            assert!(runs, "{step}\ndoes not run `{command}`");
        }
    }
}

/// In lines of text as well: who types it finds it.
#[test]
fn every_example_that_a_page_names_is_there() {
    let mut count = 0;
    for (page, text) in pages() {
        for rest in text.split("--example ").skip(1) {
            let end = |c: char| c != '_' && !c.is_alphanumeric();
            let name = rest.split(end).next().expect("a beginning");
            let files = source::files_below("examples");
            let main = format!("{name}/main.rs");
            assert!(
                files.iter().any(|(file, _)| *file == main),
                "{page}: {name}"
            );
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} names found");
}
