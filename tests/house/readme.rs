//! README's examples and the guide's, each as a reader pastes it into a fresh project that has README's
//! dependency and no other: it compiles, without a warning, and runs.

use crate::support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::Folder;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The blocks of README that are in this language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let after = readme.split(&fence).skip(1);
    // What rustdoc is told follows the language.
    let after = after.filter_map(|rest| rest.split_once('\n'));
    let blocks = after.map(|(_, rest)| rest.split("```").next().expect("a beginning"));
    blocks.map(str::to_owned).collect()
}

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README")
}

/// The examples of README and of every page of the guide, as they stand there.
fn examples() -> Vec<String> {
    let pages = fs::read_dir(Path::new(ROOT).join("docs")).expect("the guide");
    let mut pages: Vec<_> = pages.map(|page| page.expect("a page").path()).collect();
    pages.sort();
    let pages = pages
        .into_iter()
        .map(|page| fs::read_to_string(page).expect("its text"));
    let texts = core::iter::once(readme()).chain(pages);
    texts.flat_map(|text| blocks(&text, "rust")).collect()
}

/// What a forge shows as text and only rustdoc hides.
#[test]
fn examples_have_no_hidden_lines() {
    for example in examples() {
        let mut lines = example.lines();
        assert!(
            !lines.any(|line| line == "#" || line.starts_with("# ")),
            "{example}"
        );
    }
}

#[test]
fn dependency_is_on_first_screen() {
    let readme = readme();
    let line = readme
        .lines()
        .position(|line| line.starts_with("rawipc = "));
    assert!(line.is_some_and(|line| line < 25), "{line:?}");
}

#[test]
fn every_example_pasted_in_a_fresh_project_runs() {
    let readme = readme();
    let dependencies = blocks(&readme, "toml");
    assert_eq!(dependencies.len(), 1, "{dependencies:?}");
    let examples = examples();
    assert!(examples.len() >= 4, "{examples:?}");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for (number, example) in examples.iter().enumerate() {
        let project = Folder::new(&format!("readme-{number}"));
        // As `cargo new` makes it, but that the crate is this one: unpublished, and with
        // the versions of its dependencies that are known to be there.
        let manifest = format!(
            "[package]\nname = \"fresh\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             {}\n[patch.crates-io]\nrawipc = {{ path = {ROOT:?} }}\n\n[workspace]\n",
            dependencies[0]
        );
        project.file("Cargo.toml", manifest);
        let lock = fs::read(Path::new(ROOT).join("Cargo.lock")).expect("the lock");
        project.file("Cargo.lock", lock);
        fs::create_dir(project.at("src")).expect("a folder");
        project.file("src/main.rs", example);
        let output = Command::new(&cargo)
            .args(["run", "--offline", "--quiet"])
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
        assert!(output.status.success(), "{said}\n{example}");
        assert!(!said.contains("warning"), "{said}\n{example}");
    }
}
