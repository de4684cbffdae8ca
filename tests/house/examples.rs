//! Each type that a user of the crate can name has an example.

use std::collections::BTreeSet;

use crate::lexis::{own_module, tokens};
use crate::support::source;

/// What leads from the crate's root to its types.
struct Ways {
    /// The modules that are declared `pub`, by their paths.
    modules: BTreeSet<Vec<String>>,
    /// The words of each `pub use`.
    uses: Vec<BTreeSet<String>>,
}

impl Ways {
    fn read(files: &[(String, String)]) -> Self {
        let mut ways = Self {
            modules: BTreeSet::new(),
            uses: Vec::new(),
        };
        for (file, text) in files {
            let own = path(file);
            let words: Vec<&str> = tokens(text).into_iter().map(|(_, word)| word).collect();
            for at in 0..words.len() {
                match &words[at..] {
                    ["pub", "mod", name, ..] => {
                        let below = own.iter().cloned().chain([(*name).to_owned()]);
                        ways.modules.insert(below.collect());
                    }
                    ["pub", "use", rest @ ..] => {
                        let words = rest.iter().take_while(|&&word| word != ";");
                        ways.uses.push(words.map(|&word| word.to_owned()).collect());
                    }
                    _ => {}
                }
            }
        }
        ways
    }

    /// Whether a user can name what `file` declares: each module around it is public, or a
    /// `pub use` hands it on. In doubt the answer is yes.
    fn lead_to(&self, file: &str, name: &str) -> bool {
        let path = path(file);
        let are_public = (1..=path.len()).all(|len| self.modules.contains(&path[..len]));
        are_public
            || self.uses.iter().any(|words| {
                let is_named = words.contains(name) || words.contains("*");
                is_named && path.iter().any(|module| words.contains(module))
            })
    }
}

/// The modules that lead to a file: none to lib.rs.
fn path(file: &str) -> Vec<String> {
    let mut path = own_module(file);
    path.retain(|name| name != "lib");
    path
}

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

/// Of these files, each with its types.
fn nameable_without_example(files: &[(String, String)]) -> Vec<String> {
    let ways = Ways::read(files);
    let mut found = Vec::new();
    for (file, text) in files {
        let names = without_example(text).into_iter();
        let names = names.filter(|name| ways.lead_to(file, name));
        found.extend(names.map(|name| format!("{file} {name}")));
    }
    found
}

#[test]
fn every_public_type_has_an_example() {
    let found = nameable_without_example(&source::files());
    assert!(found.is_empty(), "give these an example: {found:#?}");
}

#[test]
fn public_type_without_example_is_found() {
    let text = "/// It.\n///\n/// ```\n/// f();\n/// ```\n#[derive(Debug)]\npub struct Shown;\n\
                /// It.\n#[derive(Debug)]\npub enum Hidden<T> {\n}\npub(crate) struct Own;\n\
                /// It.\npub(crate) mod sealed {\n    pub trait Sealed {\n    }\n}\n\
                /// It.\npub unsafe trait Other {}\n";
    assert_eq!(without_example(text), ["Hidden", "Other"]);
}

#[test]
fn type_that_nobody_outside_can_name_needs_no_example() {
    let it = "/// It.\npub struct It;\n";
    let files = |root: &str, folder: &str| {
        let files = [
            ("lib.rs", root),
            ("a/mod.rs", folder),
            ("a/b.rs", it),
            ("c.rs", "pub struct Own;\nmod d {\n}\n"),
        ];
        let files = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
        nameable_without_example(&files)
    };
    for (root, folder) in [
        ("pub mod a; mod c;", "pub mod b;"),
        ("pub mod a; mod c;", "mod b;\npub use b::{It, Other};"),
        (
            "mod a; pub use a::It; mod c;",
            "mod b;\npub(crate) use b::It;",
        ),
        ("pub mod a; mod c;", "mod b;\npub use b::*;"),
    ] {
        assert_eq!(files(root, folder), ["a/b.rs It"], "{root} {folder}");
    }
    for (root, folder) in [
        ("mod a; mod c;", "pub mod b;"),
        ("pub mod a; mod c;", "pub(crate) mod b;"),
        ("pub mod a; mod c;", "mod b;\npub(crate) use b::It;"),
        ("pub mod a; mod c;", "mod b;\npub use other::It;"),
    ] {
        assert!(files(root, folder).is_empty(), "{root} {folder}");
    }
}
