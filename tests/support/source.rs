//! The crate's source, for the tests that hold it to something.

use std::fs;
use std::path::Path;

/// The files of `src/`, by their paths below it, and what they say.
pub(crate) fn files() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry of src").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).expect("a path below src");
                let name = name.to_str().expect("UTF-8").to_owned();
                files.push((name, fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    assert!(files.len() > 100, "only {} files read", files.len());
    files
}

/// What the paths of a file's items begin with: `pipe::reader::` in `pipe/reader.rs`.
pub(crate) fn module(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let names = path
        .split('/')
        .filter(|name| !matches!(*name, "mod" | "lib"));
    names.map(|name| format!("{name}::")).collect()
}
