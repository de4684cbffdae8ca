//! The guide in `docs/`: what it names of the crate is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rawipc::{Errno, errno};

use crate::support::source;

/// Words between the back quotes of its tables that are no items of this crate.
const OTHERS: &[&str] = &[
    "rustix", "nix", "mqueue", "sys", "core", "std", "self", "super", "crate", "Ring",
];

/// The names of the public items of the source, their variants and the modules.
fn items() -> BTreeSet<String> {
    let mut items = BTreeSet::new();
    for (file, text) in source::files() {
        items.extend(source::module(&file).split("::").map(str::to_owned));
        let mut in_enum = false;
        for line in text.lines() {
            let bare = line.trim();
            let mut words = bare.split(|c: char| c != '_' && !c.is_alphanumeric());
            in_enum = match bare {
                "}" if line == "}" => false,
                _ => in_enum || bare.starts_with("pub enum "),
            };
            if bare.starts_with("pub ") || bare.starts_with("const ") {
                let mut words =
                    words.skip_while(|word| matches!(*word, "pub" | "const" | "unsafe" | "static"));
                match words.next() {
                    Some("fn" | "struct" | "enum" | "trait" | "type" | "mod") => {
                        items.extend(words.next().map(str::to_owned));
                    }
                    // What is re-exported, or a constant.
                    Some("use") => items.extend(words.map(str::to_owned)),
                    Some(name) => items.extend([name.to_owned()]),
                    None => {}
                }
            } else if in_enum && line.starts_with("    ") && !line.starts_with("     ") {
                items.extend(words.next().map(str::to_owned));
            } else if bare.starts_with("fn ") {
                items.extend(words.nth(1).map(str::to_owned));
            }
        }
    }
    items.remove("");
    items
}

/// What stands between back quotes and looks like a path of this crate: `a::b`, `Name::a`.
fn paths(text: &str) -> Vec<&str> {
    let mut in_example = false;
    let prose = text.lines().filter(|line| {
        in_example ^= line.starts_with("```");
        !in_example
    });
    let spans = prose.flat_map(|line| line.split('`').skip(1).step_by(2));
    let words =
        spans.flat_map(|span| span.split(|c: char| c != '_' && c != ':' && !c.is_alphanumeric()));
    words
        .map(|word| word.trim_matches(':'))
        .filter(|word| word.contains("::"))
        .collect()
}

/// Whether it is an error of the kernel, which has its name in rustix.
fn is_errno(path: &str) -> bool {
    let Some(name) = path.strip_prefix("Errno::") else {
        return false;
    };
    let mut names = (1..134).map(|number| errno::name(Errno::from_raw_os_error(number)));
    names.any(|known| known.and_then(|known| known.strip_prefix('E')) == Some(name))
}

fn unknown<'t>(text: &'t str, items: &BTreeSet<String>) -> Vec<&'t str> {
    let mut found = paths(text);
    found.retain(|path| {
        let is_known = |part| OTHERS.contains(&part) || items.contains(part);
        let others = ["nix::", "tokio::", "AsyncFd::", "Duration::"];
        let elsewhere = others.iter().any(|start| path.starts_with(start));
        !elsewhere && !is_errno(path) && !path.split("::").all(is_known)
    });
    found
}

#[test]
fn guide_names_items_that_exist() {
    let items = items();
    let pages =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("the guide");
    let mut count = 0;
    for page in pages {
        let page = page.expect("a page").path();
        let text = fs::read_to_string(&page).expect("its text");
        count += paths(&text).len();
        let unknown = unknown(&text, &items);
        assert!(unknown.is_empty(), "{}: {unknown:?}", page.display());
    }
    assert!(count > 80, "only {count} names found");
}

#[test]
fn names_that_are_not_there_are_found() {
    let items = items();
    let text = "| `ring::spsc` | `ring::spcs` |\n`Create::NEW.or_open()`, `Create::OLD`\n\
                ```rust\n`no::example`\n```\n`sysv::Key::from_path(path)`, `sysv::Kye::PRIVATE`, `Errno::AGAIN`, `Errno::AGIAN`";
    assert_eq!(
        unknown(text, &items),
        [
            "ring::spcs",
            "Create::OLD",
            "sysv::Kye::PRIVATE",
            "Errno::AGIAN"
        ]
    );
}
