//! The crate's source, for the tests that hold it to something.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// The files of `src/`, by their paths below it, and what they say.
pub(crate) fn files() -> Vec<(String, String)> {
    let files = files_below("src");
    assert!(files.len() > 100, "only {} files read", files.len());
    files
}

/// What the files of `tests/` say that have this name, wherever they are: what belongs to one
/// structure or mechanism is beside its other tests.
pub(crate) fn tests_named(name: &str) -> String {
    let name = format!("{name}.rs");
    let named = |path: &str| path.rsplit('/').next() == Some(&name);
    let files = files_below("tests").into_iter();
    files
        .filter(|(path, _)| named(path))
        .map(|(_, text)| text)
        .collect()
}

/// The Rust files of a folder of the project and of its folders, by their paths below it.
pub(crate) fn files_below(folder: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).expect("a path below it");
                let name = name.to_str().expect("UTF-8").to_owned();
                files.push((name, fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    files
}

/// The path of a public function of a module, in whichever of the module's files it stands.
#[allow(dead_code, reason = "not every test needs it")]
pub(crate) fn function(module: &str, name: &str) -> String {
    static FILES: LazyLock<Vec<(String, String)>> = LazyLock::new(files);
    let definition = |text: &str| {
        let named = format!("fn {name}");
        text.lines().any(|line| {
            let line = line.trim_start();
            let end = line.split_once(&named).map(|(_, end)| end);
            line.starts_with("pub ") && end.is_some_and(|end| end.starts_with(['(', '<']))
        })
    };
    let mut found = FILES.iter().filter_map(|(file, text)| {
        let path = self::module(file);
        let inside = path.starts_with(&format!("{module}::"));
        (inside && definition(text)).then(|| path + name)
    });
    match (found.next(), found.next()) {
        (Some(path), None) => path,
        other => panic!("{name} of {module}: {other:?}"),
    }
}

/// What the paths of a file's items begin with: `pipe::reader::` in `pipe/reader.rs`.
pub(crate) fn module(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let names = path
        .split('/')
        .filter(|name| !matches!(*name, "mod" | "lib"));
    names.map(|name| format!("{name}::")).collect()
}
