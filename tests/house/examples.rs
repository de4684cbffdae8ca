//! Public types that have no example yet. The list may only shrink.

use std::collections::BTreeSet;

use crate::support::source;

/// A line each: the file and the type's name.
const WITHOUT: &str = include_str!("without_examples.txt");

/// The public types of a file that have no example in their documentation. What a module `sealed`
/// has, nobody else can name.
fn without_example(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut has_example = false;
    let mut is_sealed = false;
    for line in text.lines() {
        is_sealed = (is_sealed && line != "}") || line.ends_with("mod sealed {");
        let line = line.trim();
        if let Some(words) = line.strip_prefix("///") {
            has_example |= words.trim().starts_with("```");
        } else if let Some(name) = public_type(line) {
            if !has_example && !is_sealed {
                found.push(name);
            }
            has_example = false;
        } else if !line.starts_with('#') && !line.ends_with(']') {
            has_example = false;
        }
    }
    found
}

/// The name of the public type or trait that is declared on this line.
fn public_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("unsafe ").unwrap_or(rest);
    let (kind, rest) = rest.split_once(' ')?;
    let is_type = matches!(kind, "struct" | "enum" | "union" | "trait");
    let end = |c: char| c != '_' && !c.is_alphanumeric();
    let name = rest.split(end).next()?;
    // A macro names what it defines.
    (is_type && !name.is_empty()).then_some(name)
}

#[test]
fn public_types_without_example_are_those_listed() {
    let mut found = BTreeSet::new();
    for (file, text) in source::files() {
        let names = without_example(&text);
        found.extend(names.into_iter().map(|name| format!("{file} {name}")));
    }
    let listed: BTreeSet<String> = WITHOUT.lines().map(str::to_owned).collect();
    let new: Vec<_> = found.difference(&listed).collect();
    assert!(new.is_empty(), "give these an example: {new:#?}");
    let done: Vec<_> = listed.difference(&found).collect();
    assert!(done.is_empty(), "strike these from the list: {done:#?}");
}

#[test]
fn public_type_without_example_is_found() {
    let text = "/// It.\n///\n/// ```\n/// f();\n/// ```\n#[derive(Debug)]\npub struct Shown;\n\
                /// It.\n#[derive(Debug)]\npub enum Hidden<T> {\n}\npub(crate) struct Own;\n\
                /// It.\npub(crate) mod sealed {\n    pub trait Sealed {\n    }\n}\n\
                /// It.\npub unsafe trait Other {}\n";
    assert_eq!(without_example(text), ["Hidden", "Other"]);
}
