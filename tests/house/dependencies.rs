//! What the crate depends on, and that each dependency is accounted for.

use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::source;

/// All that a program gets with the crate. Not libc: a dependency that switched
/// rustix to it by feature unification would show here.
const ALLOWED: &[&str] = &[
    "bitflags",
    "linux-raw-sys",
    "rawipc",
    "rustix",
    "static_assertions",
    "zerocopy",
];

/// The crates that a program links, by the features it asks for.
fn linked(features: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--edges=normal", "--prefix=none"])
        .args(["--format={p}", "--no-default-features"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn dependencies_of_program_are_the_allowed_crates() {
    let allowed: BTreeSet<String> = ALLOWED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(linked(&[]), allowed);
    assert_eq!(linked(&["--features=std"]), allowed);
    let lock_api = linked(&["--features=lock_api"]);
    let more: Vec<_> = lock_api.difference(&allowed).collect();
    assert_eq!(more, ["lock_api", "scopeguard"]);
    assert_eq!(linked(&["--features=start"]), allowed);
    let embedded_io = linked(&["--features=embedded-io"]);
    let more: Vec<_> = embedded_io.difference(&allowed).collect();
    assert_eq!(more, ["embedded-io"]);
}

/// What else a program's Cargo.lock names with the crate, and nobody builds: what rustix uses
/// on other systems, and the derive macros that zerocopy wants to be of its own version.
const LOCKED_ONLY: &[&str] = &[
    // With the feature of that name.
    "embedded-io",
    "errno",
    "libc",
    // With feature `lock_api`.
    "lock_api",
    "proc-macro2",
    "quote",
    "scopeguard",
    "syn",
    "unicode-ident",
    "windows-link",
    "windows-sys",
    "zerocopy-derive",
];

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A packaged manifest is written anew by cargo; the one we wrote is beside it.
    let original = root.join(format!("{name}.orig"));
    let path = if original.exists() {
        original
    } else {
        root.join(name)
    };
    fs::read_to_string(path).expect("a file of the crate")
}

/// A package does not carry other packages.
fn has_models() -> bool {
    let there = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .exists();
    if !there {
        skipped!("a package does not carry the models");
    }
    there
}

/// The packages that a Cargo.lock has because of these, themselves among them.
fn locked(lock: &str, begin: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut open: Vec<String> = begin.iter().map(|&name| name.to_owned()).collect();
    while let Some(name) = open.pop() {
        let package = lock
            .split("[[package]]")
            .find(|package| package.contains(&format!("name = \"{name}\"\n")))
            .unwrap_or_else(|| panic!("{name} is not in Cargo.lock"));
        let dependencies = package
            .split_once("dependencies = [")
            .map_or("", |two| two.1);
        if all.insert(name) {
            let names = dependencies.lines().filter_map(|line| {
                let name = line.trim().strip_prefix('"')?;
                name.split(['"', ' ']).next()
            });
            open.extend(names.map(str::to_owned));
        }
    }
    all
}

/// The models' dependencies, say, are no matter of a program's Cargo.lock.
#[test]
fn lock_file_of_program_names_the_allowed_crates() {
    let manifest = read("Cargo.toml");
    let (normal, _) = manifest
        .split_once("[dev-dependencies]")
        .expect("a section");
    let mut locked = locked(&read("Cargo.lock"), &named(normal));
    locked.insert("rawipc".to_owned());
    let allowed = ALLOWED.iter().chain(LOCKED_ONLY);
    assert_eq!(locked, allowed.map(|&name| name.to_owned()).collect());
}

/// The section of a Cargo.toml.
fn section<'a>(manifest: &'a str, title: &str) -> Vec<&'a str> {
    let lines = manifest.lines().skip_while(|&line| line != title).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The models are of the crate as it is: built with what it is built with.
#[test]
fn models_are_built_with_the_same_dependencies() {
    if !has_models() {
        return;
    }
    let (manifest, models) = (read("Cargo.toml"), read("models/Cargo.toml"));
    let ours = section(&manifest, "[dependencies]");
    assert!(ours.len() > 3, "{ours:?}");
    assert_eq!(ours, section(&models, "[dependencies]"));
}

/// The dependencies that a Cargo.toml names, of every kind.
fn named(manifest: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut listed = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            listed = line.ends_with("dependencies]");
        } else if let Some((name, _)) = line.split_once(['=', '.', ' '])
            && listed
            && !line.starts_with(['#', ' '])
        {
            names.insert(name.trim());
        }
    }
    names
}

#[test]
fn every_dependency_has_its_line_in_the_architecture() {
    if !has_models() {
        return;
    }
    let manifest = read("Cargo.toml") + &read("models/runtime/Cargo.toml");
    let architecture = read("ARCHITECTURE.md");
    let names = named(&manifest);
    assert!(
        names.contains("rustix") && names.contains("loom"),
        "{names:?}"
    );
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !architecture.contains(&format!("| `{name}` |")))
        .collect();
    assert!(missing.is_empty(), "not in ARCHITECTURE.md: {missing:?}");
}

/// Whose words begin with hints for users of rustix.
#[test]
fn re_exports_of_rustix_have_own_documentation() {
    let mut found = 0;
    for (file, text) in source::files() {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if line.starts_with("pub use rustix::") {
                found += 1;
                let before = &lines[at.saturating_sub(2)..at];
                let said = before[0].starts_with("///") && before[1] == "#[doc(inline)]";
                assert!(said, "{file}: {line}");
            }
        }
    }
    assert!(found > 10, "{found}");
}
