//! The errors that documentation names, function by function: each is provoked, or stands in a
//! list with the reason why it is not. What `# Errors` of a public function says and nothing
//! shows, fails a test, as does what is shown and not said.

use core::fmt::Debug;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rawipc::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{alone, source};

/// Which errors of the functions whose names begin so are not provoked here, and why, or in which
/// file of tests/ they are.
pub(crate) type List = &'static [(&'static str, &'static [&'static str], &'static str)];

/// Holds the functions of `module` to their documentation, in a process of its own. The other
/// modules are held in `tests/house/errors.rs`.
#[track_caller]
pub(crate) fn hold(
    test: &str,
    module: &str,
    rows: impl FnOnce(&mut Table),
    excused: List,
    elsewhere: List,
) {
    alone::alone(test, || {
        let mut table = Table::default();
        rows(&mut table);
        let documented = table.judge(|function| is_of(function, module), excused, elsewhere);
        assert!(documented > 0, "no errors of {module} are documented");
    });
}

/// Whether the function is in the module.
pub(crate) fn is_of(function: &str, module: &str) -> bool {
    let rest = function.strip_prefix(module);
    rest.is_some_and(|rest| rest.starts_with("::"))
}

/// What was provoked: function and error.
#[derive(Default)]
pub(crate) struct Table {
    pub shown: BTreeSet<(String, &'static str)>,
    /// The functions that this system has not: how their names begin.
    pub absent: Vec<&'static str>,
    pub wrong: Vec<String>,
}

impl Table {
    /// Says that this system has no functions whose names begin so, as this error said.
    pub(crate) fn is_absent(&mut self, functions: &'static str, errno: Errno) {
        crate::skipped!("no {functions} here: {errno}");
        self.absent.push(functions);
    }

    /// Holds what `function` said when `how` was the case to the error `name`.
    pub(crate) fn hold<T: Debug, E: Into<Errno>>(
        &mut self,
        function: &str,
        name: &'static str,
        errno: Errno,
        how: &str,
        said: Result<T, E>,
    ) {
        let said = said.map_err(Into::into);
        let is_it = matches!(said, Err(said) if said == errno);
        self.enter(function, name, how, is_it, &said);
    }

    /// Holds what `function` said to an error of the crate's own, by the name of its variant.
    pub(crate) fn hold_own<T: Debug, E: Debug>(
        &mut self,
        function: &str,
        name: &'static str,
        how: &str,
        said: Result<T, E>,
    ) {
        let is_it = match &said {
            Ok(_) => false,
            Err(error) => first_word(&format!("{error:?}")) == name,
        };
        self.enter(function, name, how, is_it, &said);
    }

    /// Holds what was provoked of the functions that `covers` says to their documentation, and
    /// returns how many errors that has.
    pub(crate) fn judge(
        &self,
        covers: impl Fn(&str) -> bool,
        excused: List,
        elsewhere: List,
    ) -> usize {
        assert!(
            self.wrong.is_empty(),
            "not as documented: {:#?}",
            self.wrong
        );
        let documentation = documentation();
        let mut documented = documented(&documentation);
        documented.retain(|(function, _)| covers(function));
        let mut missing = documented.clone();
        let storms = source::tests_named("storm");
        missing.retain(|(function, name)| {
            !self.shown.contains(&(function.clone(), name.as_str()))
                && !in_storm(&storms, function, name)
                && !self.absent.iter().any(|begin| function.starts_with(begin))
                && !listed(excused, function, name)
                && !listed(elsewhere, function, name)
                // What another user may not do is shown by becoming one.
                && (rustix::process::geteuid().is_root() || (name != "PERM" && name != "ACCESS"))
        });
        let unsaid: Vec<_> = (self.shown.iter())
            .filter(|(function, name)| !is_said(&documentation, function, name))
            .collect();
        assert!(
            missing.is_empty() && unsaid.is_empty(),
            "documented and not provoked: {missing:#?}; provoked and not documented: {unsaid:#?}"
        );
        for (function, names, file) in elsewhere {
            let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
            let text = fs::read_to_string(tests.join(file)).expect("the file");
            for name in *names {
                let shown = ["Errno", "Error"].map(|of| text.contains(&format!("{of}::{name}")));
                assert!(shown.contains(&true), "{function}: {name}");
            }
        }
        documented.len()
    }

    fn enter(
        &mut self,
        function: &str,
        name: &'static str,
        how: &str,
        is_it: bool,
        said: &dyn Debug,
    ) {
        println!("{function}: {how}: {said:?}");
        if !is_it {
            let wrong = format!("{function}: {how}: {said:?}, not {name}");
            self.wrong.push(wrong);
        }
        self.shown.insert((function.to_owned(), name));
    }
}

/// What a text begins with, as a name.
fn first_word(text: &str) -> &str {
    let end = text.find(|it: char| !it.is_ascii_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

/// A row: the function, the error, how it is provoked, and the call.
#[macro_export]
macro_rules! row {
    ($table:expr, $function:expr, $errno:ident, $how:expr, $said:expr) => {
        $table.hold(
            $function,
            stringify!($errno),
            rawipc::Errno::$errno,
            $how,
            $said,
        )
    };
}

/// A row of an error of the crate's own.
#[macro_export]
macro_rules! own_row {
    ($table:expr, $function:expr, $variant:ident, $how:expr, $said:expr) => {
        $table.hold_own($function, stringify!($variant), $how, $said)
    };
}

fn listed(list: List, function: &str, name: &str) -> bool {
    list.iter()
        .any(|(begin, names, _)| function.starts_with(begin) && names.contains(&name))
}

/// Whether the test of interrupted calls, which holds each to both errors, names it.
fn in_storm(storms: &str, function: &str, name: &str) -> bool {
    let function = function.strip_suffix("_until").unwrap_or(function);
    matches!(name, "INTR" | "TIMEDOUT") && storms.contains(&format!("\"{function}"))
}

/// Every error that `# Errors` of a public function names.
fn documented(documentation: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (function, errors) in documentation {
        for name in named(errors) {
            if !found.contains(&(function.clone(), name.clone())) {
                found.push((function.clone(), name));
            }
        }
    }
    found
}

/// The errors that a text names: the kernel's, and the variants of the crate's own.
fn named(text: &str) -> impl Iterator<Item = String> {
    let of = |list| text.split(list).skip(1).map(first_word).map(str::to_owned);
    of("Errno::").chain(of("Error::"))
}

/// Whether the documentation of the function names the error, or that of one to which it
/// refers.
fn is_said(documentation: &BTreeMap<String, String>, function: &str, name: &str) -> bool {
    let Some(errors) = documentation.get(function) else {
        panic!("{function} is no documented function");
    };
    named(errors).any(|it| it == name)
        || ["As [", "Those of [", "those of ["]
            .iter()
            .any(|it| errors.contains(it))
}

/// The section `# Errors` of each public function, by module and name.
fn documentation() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (file, text) in source::files() {
        let module = source::module(&file);
        let (mut errors, mut inside) = (String::new(), false);
        for line in text.lines() {
            let line = line.trim();
            if let Some(text) = line.strip_prefix("///") {
                let text = text.trim();
                inside = text == "# Errors" || inside && !text.starts_with("# ");
                if inside {
                    errors.push_str(text);
                    errors.push(' ');
                }
            } else if !line.starts_with("#[") && !line.starts_with("//") {
                if let Some(name) = function_name(line) {
                    let slot: &mut String = found.entry(format!("{module}{name}")).or_default();
                    slot.push_str(&errors);
                }
                (errors, inside) = (String::new(), false);
            }
        }
    }
    found
}

/// The name of the public function that a line begins.
fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ")?;
    let line = line.strip_prefix("const ").unwrap_or(line);
    let line = line.strip_prefix("unsafe ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// Runs `calls` while this process can have no further descriptor.
pub(crate) fn without_room(calls: impl FnOnce()) {
    let before = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(1),
        ..before
    };
    setrlimit(Resource::Nofile, none).expect("fewer, or as many again");
    calls();
    setrlimit(Resource::Nofile, before).expect("fewer, or as many again");
}
