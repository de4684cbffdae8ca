//! README's table of whole programs: how many lines each has, and how often it says `unsafe`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::lexis::tokens;
use crate::support::source;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The programs, each with its file or folder. Each has a row in the table, and the other way round.
const PROGRAMS: &[(&str, &str)] = &[
    ("init", "examples/static/src/init.rs"),
    ("runtime", "examples/static/src/runtime"),
    ("fuzzer", "examples/forkserver"),
    ("service", "examples/service"),
    ("port", "examples/port"),
];

/// Those that can do without `unsafe`, and do.
const SAFE: &[&str] = &["init", "runtime", "service", "port"];

/// By how much, in percent, a number of lines may differ from the table's.
const TOLERANCE: usize = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    /// With code, not only with a comment.
    lines: usize,
    unsafes: usize,
}

impl Count {
    fn of(text: &str) -> Self {
        let tokens = tokens(text);
        let lines: BTreeSet<usize> = tokens.iter().map(|&(line, _)| line).collect();
        Self {
            lines: lines.len(),
            unsafes: tokens.iter().filter(|&&(_, word)| word == "unsafe").count(),
        }
    }

    /// Whether the table may say this of what is counted.
    fn is_near(self, counted: Self) -> bool {
        self.unsafes == counted.unsafes
            && self.lines.abs_diff(counted.lines) * 100 <= counted.lines * TOLERANCE
    }
}

/// Of a file, or all Rust files of a folder; `None` where it is not there.
fn counted(path: &str) -> Option<Count> {
    let whole = Path::new(ROOT).join(path);
    if !whole.exists() {
        return None;
    }
    let texts = match whole.is_dir() {
        true => source::files_below(path),
        false => vec![(
            path.to_owned(),
            fs::read_to_string(whole).expect("its text"),
        )],
    };
    let counts = texts.iter().map(|(_, text)| Count::of(text));
    Some(counts.fold(Count::default(), |sum, count| Count {
        lines: sum.lines + count.lines,
        unsafes: sum.unsafes + count.unsafes,
    }))
}

/// The rows of the table: program, and what is said of it.
fn rows(readme: &str) -> Vec<(&str, Count)> {
    let table = readme
        .lines()
        .skip_while(|line| !line.starts_with("| program |"));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, lines, unsafes] = cells[..] else {
            panic!("{row}");
        };
        let number = |cell: &str| cell.replace(',', "").parse().expect("a number");
        let count = Count {
            lines: number(lines),
            unsafes: number(unsafes),
        };
        let name = name.trim_start_matches('[').split(']').next();
        (name.expect("a name"), count)
    })
    .collect()
}

#[test]
fn programs_have_as_many_lines_and_unsafe_as_the_readme_says() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README");
    let rows = rows(&readme);
    let names: Vec<&str> = rows.iter().map(|&(name, _)| name).collect();
    let listed: Vec<&str> = PROGRAMS.iter().map(|&(name, _)| name).collect();
    assert_eq!(names, listed);
    let mut wrong = Vec::new();
    for (&(name, path), (_, said)) in PROGRAMS.iter().zip(&rows) {
        let Some(count) = counted(path) else {
            skipped!("the package carries no other package: {path}");
            continue;
        };
        if !said.is_near(count) {
            wrong.push(format!("{name}: {said:?} is {count:?}"));
        }
        assert!(!SAFE.contains(&name) || count.unsafes == 0, "{name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn lines_with_code_and_unsafe_are_counted() {
    let text =
        "//! unsafe\n\nfn f() {\n    // unsafe\n    unsafe { g(\"unsafe\") }\n}\n/* a\nb */\n";
    let counted = Count::of(text);
    let [lines, unsafes] = [3, 1];
    assert_eq!(counted, Count { lines, unsafes });
    let said = |lines, unsafes| Count { lines, unsafes };
    assert!(said(108, 0).is_near(said(100, 0)));
    assert!(!said(120, 0).is_near(said(100, 0)));
    assert!(!said(100, 0).is_near(said(100, 1)));
    let table = "| program | it | lines | `unsafe` |\n|---|---|---|---|\n| [a](b) | c | 1,234 | 5 |\n\n| d |\n";
    assert_eq!(rows(table), [("a", said(1234, 5))]);
}
