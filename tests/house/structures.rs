//! What must survive the death of a peer at any instruction, and its hostility, is shown in each of
//! the ways in which that is shown, and named where a reader looks for it. The structures are the
//! public modules of `src/ring`: one that is new is held to all this without being listed.

use std::fs;
use std::path::Path;

use crate::support::source;

/// Where a structure `ring::NAME` must be said, and how: in a file, or in any file of a folder (with
/// `/` at its end).
const PLACES: &[(&str, &str)] = &[
    ("README.md", "`ring::NAME`"),
    ("CHANGELOG.md", "`ring::NAME`"),
    ("GUARANTEES.md", "(`ring::NAME`)"),
    ("src/lib.rs", "[`ring::NAME`]"),
    // An example that starts another process.
    ("src/ring/NAME/mod.rs", "//! # Between two processes"),
    // Its tests, and among them those that every structure has.
    ("tests/ring/NAME.rs", "mod errors;"),
    ("tests/ring/NAME.rs", "mod uncontended;"),
    // A death at every instruction.
    ("tests/kill/", "use rawipc::ring::NAME"),
    // Every order of its atomic accesses, and what would be noticed if it were not so.
    ("models/tests/models/", "ring::NAME"),
    ("models/tests/mutations/", "\"src/ring/NAME/"),
    // A hostile peer.
    ("fuzz/src/bin/", "rawipc::ring::NAME"),
];

/// The structures: names of public modules of `src/ring/mod.rs`.
fn structures() -> Vec<String> {
    let (_, text) = source::files()
        .into_iter()
        .find(|(file, _)| file == "ring/mod.rs")
        .expect("the rings");
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    lines
        .map(|line| line.trim_end_matches(';').to_owned())
        .collect()
}

/// What is missing of the structure `name` in the project.
fn missing(name: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for (place, said) in PLACES {
        let (place, said) = (place.replace("NAME", name), said.replace("NAME", name));
        // Packages of their own are not in the package of this one.
        let first = place.split('/').next().unwrap_or_default();
        if !root.join(first).exists() {
            continue;
        }
        let text = match place.strip_suffix('/') {
            Some(folder) => source::files_below(folder)
                .into_iter()
                .map(|(_, text)| text)
                .collect(),
            None => fs::read_to_string(root.join(&place)).unwrap_or_default(),
        };
        if !text.contains(&said) {
            missing.push(format!("{place} does not say {said}"));
        }
    }
    missing
}

#[test]
fn every_structure_is_shown_and_named_everywhere() {
    let structures = structures();
    assert!(structures.contains(&"spsc".to_owned()), "{structures:?}");
    for name in structures {
        let missing = missing(&name);
        assert!(missing.is_empty(), "ring::{name}: {missing:#?}");
    }
}

#[test]
fn structure_without_anything_is_missed_in_every_place() {
    assert!(missing("no_such_structure").len() >= 6);
}

/// A file that its folder's `main.rs` does not name is never compiled, and shows nothing.
#[test]
fn every_file_of_tests_is_a_module() {
    let files = source::files_below("tests");
    for (file, _) in &files {
        let mut parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
        let name = parts.pop().expect("a name");
        if name == "main" || name == "mod" {
            continue;
        }
        let parents = [
            format!("{}/main.rs", parts.join("/")),
            format!("{}/mod.rs", parts.join("/")),
            format!("{}.rs", parts.join("/")),
        ];
        let mut named = files.iter().filter(|(parent, _)| parents.contains(parent));
        let named = named.any(|(_, text)| {
            text.contains(&format!("mod {name};"))
                || text.contains("operations! {") && {
                    let list = text.split("\noperations! {").nth(1).unwrap_or_default();
                    let list = list.split('}').next().unwrap_or_default();
                    list.split_whitespace().any(|word| word == name)
                }
        });
        assert!(named, "tests/{file} is in no program");
    }
}
