//! GUARANTEES.md names a test beside each promise: each must exist.

use std::fs;
use std::path::Path;

/// What stands between backquotes and has the form `folder::file::test`, or `folder::test`.
fn named(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter_map(|code| code.rsplit_once("::"))
        .filter(|(file, test)| {
            let name = |part: &str| {
                part.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            };
            file.split("::").all(name) && name(test) && test.contains('_')
        })
        .collect()
}

/// The source of `tests/FOLDER/FILE.rs`, or of `tests/FOLDER/main.rs`.
fn source(file: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let (folder, file) = file.split_once("::").unwrap_or((file, "main"));
    let file = tests.join(folder).join(file.replace("::", "/"));
    let file = file.with_extension("rs");
    fs::read_to_string(file).unwrap_or_default()
}

#[test]
fn every_test_that_guarantees_name_exists() {
    let text = include_str!("../../GUARANTEES.md");
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
    let rows = include_str!("../../GUARANTEES.md")
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| when "));
    for row in rows {
        assert!(!named(row).is_empty(), "without a test: {row}");
    }
}
