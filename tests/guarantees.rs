//! GUARANTEES.md names a test beside each promise: each must exist.

use std::fs;
use std::path::{Path, PathBuf};

mod support;

/// What stands between backquotes and has the form `file::test`.
fn named(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter_map(|code| code.split_once("::"))
        .filter(|(file, test)| {
            let name = |part: &str| {
                part.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            };
            name(file) && name(test) && test.contains('_')
        })
        .collect()
}

/// The source of `tests/FILE.rs`, or all of `tests/FILE/`.
fn source(file: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files: Vec<PathBuf> = vec![tests.join(file).with_extension("rs")];
    if let Ok(folder) = fs::read_dir(tests.join(file)) {
        files.extend(folder.map(|entry| entry.expect("an entry").path()));
    }
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    files.into_iter().map(read).collect()
}

#[test]
fn every_test_that_guarantees_name_exists() {
    let text = include_str!("../GUARANTEES.md");
    let named = named(text);
    assert!(named.len() > 30, "the table was not understood");
    let missing: Vec<_> = named
        .iter()
        .filter(|(file, test)| !source(file).contains(&format!("fn {test}(")))
        .collect();
    assert!(missing.is_empty(), "no such test: {missing:?}");
}

#[test]
fn every_promise_names_a_test() {
    let rows = include_str!("../GUARANTEES.md")
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| when "));
    for row in rows {
        assert!(!named(row).is_empty(), "without a test: {row}");
    }
}
