//! `sync::robust` in a C program, beside the robust mutexes of its libc, glibc or musl, in one list.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::foreign::skip;
use crate::support::LeakCheck;

const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/robust_list");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("robust_list")
}

/// The locks of this crate for C, built once. `None` where they are not: a published package does not carry
/// other packages.
fn library() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if !Path::new(PACKAGE).join("Cargo.toml").exists() {
            return None;
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--release", "--locked", "--offline"])
            .current_dir(PACKAGE)
            .env("CARGO_TARGET_DIR", folder())
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        Some(folder().join("release/librobust_list.a"))
    });
    built.as_deref()
}

fn locks_of_both_are_marked(compiler: &str) {
    let _check = LeakCheck::begin();
    let Some(library) = library() else {
        crate::skipped!("there is no examples/robust_list here");
        return;
    };
    let program = folder().join(format!("program-{compiler}"));
    let compiled = Command::new(compiler)
        .args(["-std=gnu11", "-O1", "-Wall", "-static", "-o"])
        .arg(&program)
        .arg(Path::new(PACKAGE).join("program.c"))
        .arg(library)
        .arg("-lpthread")
        .output();
    let output = match compiled {
        Ok(output) => output,
        Err(error) => return skip(format!("{compiler}: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "program.c does not compile: {said}"
    );
    let output = Command::new(&program).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{compiler}: {said}");
    println!("{compiler}: {said}");
}

/// Each lock, of this crate and of glibc, that a killed process held is marked.
#[test]
fn locks_beside_those_of_glibc_are_marked() {
    locks_of_both_are_marked("gcc");
}

#[test]
fn locks_beside_those_of_musl_are_marked() {
    locks_of_both_are_marked("musl-gcc");
}
