//! The files of one folder use each other in one direction: none uses, by however many steps, a
//! file that uses it. A folder in a folder counts as one file there; `mod.rs` is the parent of
//! the others, which hands on what they have, and is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::lexis::{Said, own_module, paths, tokens};
use crate::support::source;

/// The circles that there are, each a folder and its files. One that is gone must go from here.
#[rustfmt::skip]
const KNOWN: &[(&str, &[&str])] = &[
];

/// Of a folder: which of its files use which.
type Uses = BTreeMap<String, BTreeSet<(String, String)>>;

/// The circles in folders of `files`, paths below `src/` and what they say: the folder and the
/// files of it that use each other.
fn circles(files: &[(String, String)]) -> BTreeSet<(String, Vec<String>)> {
    let mut circles = BTreeSet::new();
    for (folder, uses) in uses(files) {
        let all: BTreeSet<&str> = uses.iter().map(|(from, _)| from.as_str()).collect();
        for &file in &all {
            let back: Vec<String> = reached(&uses, file)
                .into_iter()
                .filter(|other| reached(&uses, other).contains(file))
                .map(str::to_owned)
                .collect();
            if !back.is_empty() {
                circles.insert((folder.clone(), back));
            }
        }
    }
    circles
}

/// What `file` uses, by any number of steps.
fn reached<'a>(uses: &'a BTreeSet<(String, String)>, file: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![file];
    while let Some(from) = next.pop() {
        for (_, to) in uses.iter().filter(|(other, _)| other == from) {
            if reached.insert(to.as_str()) {
                next.push(to);
            }
        }
    }
    reached
}

fn uses(files: &[(String, String)]) -> Uses {
    let modules: BTreeSet<Vec<String>> = files.iter().map(|(file, _)| own_module(file)).collect();
    let handed_on = handed_on(files, &modules);
    let mut uses = Uses::new();
    for (file, text) in files {
        let own = own_module(file);
        for said in paths(&tokens(text)) {
            let Some(target) = target(&own, &said, &modules) else {
                continue;
            };
            let common = own.iter().zip(&target).take_while(|(a, b)| a == b).count();
            // What all are below is the crate, whose order the layers say.
            let (Some(from), Some(to)) = (own.get(common), target.get(common)) else {
                continue;
            };
            if common == 0 {
                continue;
            }
            let folder = &own[..common];
            let child = |name: &String| {
                let mut path = folder.to_vec();
                path.push(name.clone());
                modules.contains(&path).then(|| name.clone())
            };
            let from_mod = handed_on.get(&(folder.to_vec(), to.clone())).cloned();
            if let Some(to) = child(to).or(from_mod).filter(|to| to != from) {
                let uses = uses.entry(folder.join("/")).or_default();
                uses.insert((from.clone(), to));
            }
        }
    }
    uses
}

/// Names that a `mod.rs` has of a file beside it: folder and name, and the file.
fn handed_on(
    files: &[(String, String)],
    modules: &BTreeSet<Vec<String>>,
) -> BTreeMap<(Vec<String>, String), String> {
    let mut names = BTreeMap::new();
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with("/mod.rs")) {
        let own = own_module(file);
        for said in paths(&tokens(text)) {
            let [first, .., name] = said.parts[..] else {
                continue;
            };
            let mut child = own.clone();
            child.push(first.to_owned());
            if modules.contains(&child) {
                names.insert((own.clone(), name.to_owned()), first.to_owned());
            }
        }
    }
    names
}

/// From the crate's root: what a path in the module `own` names.
fn target(own: &[String], said: &Said<'_>, modules: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    let mut at: Vec<String> = own.to_vec();
    at.extend(said.inside.iter().map(|&part| part.to_owned()));
    let rest = match said.parts[0] {
        "crate" => {
            at.clear();
            &said.parts[1..]
        }
        "self" => &said.parts[1..],
        "super" => {
            let supers = said.parts.iter().take_while(|&&part| part == "super");
            let supers = supers.count();
            at.truncate(at.len().saturating_sub(supers));
            &said.parts[supers..]
        }
        // Of this module's own children.
        first => {
            at.push(first.to_owned());
            if !modules.contains(&at) {
                return None;
            }
            &said.parts[1..]
        }
    };
    at.extend(rest.iter().map(|&part| part.to_owned()));
    Some(at)
}

#[test]
fn files_of_one_folder_use_each_other_in_one_direction() {
    let known = KNOWN.iter().map(|(folder, files)| {
        let files = files.iter().map(|&file| file.to_owned()).collect();
        ((*folder).to_owned(), files)
    });
    assert_eq!(circles(&source::files()), known.collect());
}

/// A file and what it says.
type File = (&'static str, &'static str);

/// Circles to be found in what these files say, and the files of them.
#[rustfmt::skip]
const PLANTED: &[(&[File], &[&str])] = &[
    (&[("a/x.rs", "use super::y::Y;"), ("a/y.rs", "fn f(x: crate::a::x::X) {}")], &["x", "y"]),
    (&[("a/x.rs", "use super::{y, Z};"), ("a/y.rs", "use crate::{a::z, Errno};"), ("a/z.rs", "super::x::f();")], &["x", "y", "z"]),
    (&[("a/mod.rs", "mod x; mod y; pub use y::Y;"), ("a/x.rs", "use super::Y;"), ("a/y.rs", "use super::x;")], &["x", "y"]),
    (&[("a/x/mod.rs", "mod inner;"), ("a/x/inner.rs", "use super::super::y;"), ("a/y.rs", "use super::x::inner::f;")], &["x", "y"]),
    (&[("a/x.rs", "mod m { use super::super::y; }"), ("a/y.rs", "mod n { fn f() { crate::a::x::f() } }")], &["x", "y"]),
];

/// And none in these.
#[rustfmt::skip]
const NONE: &[&[File]] = &[
    &[("a/x.rs", "use super::y;"), ("a/y.rs", "// use super::x;\nuse super::z;"), ("a/z.rs", "const X: &str = \"super::x\";")],
    &[("a/x.rs", "use super::y;"), ("a/y.rs", "#[cfg(test)] mod tests { use super::super::x; }")],
    &[("a/mod.rs", "mod x; pub use x::X; pub fn f() {}"), ("a/x.rs", "use super::f;")],
    &[("a/x.rs", "use crate::b::x;"), ("b/x.rs", "use crate::a::x;")],
    &[("a/x/mod.rs", "mod inner;"), ("a/x/inner.rs", "use super::f;"), ("a/y.rs", "use super::x;")],
];

fn written(files: &[File]) -> Vec<(String, String)> {
    let written = |&(file, text): &File| (file.to_owned(), text.to_owned());
    let mut files: Vec<_> = files.iter().map(written).collect();
    // Each of the folders has its `mod.rs`.
    for folder in ["a", "b"] {
        let name = format!("{folder}/mod.rs");
        if !files.iter().any(|(file, _)| *file == name) {
            files.push((name, String::new()));
        }
    }
    files
}

#[test]
fn planted_circle_is_found() {
    for (files, expected) in PLANTED {
        let expected: Vec<_> = expected.iter().map(|&file| file.to_owned()).collect();
        let found = circles(&written(files));
        assert_eq!(
            found,
            BTreeSet::from([("a".to_owned(), expected)]),
            "{files:?}"
        );
    }
}

#[test]
fn files_that_use_each_other_in_one_direction_are_no_circle() {
    for files in NONE {
        assert_eq!(circles(&written(files)), BTreeSet::new(), "{files:?}");
    }
}
