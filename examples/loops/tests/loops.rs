//! Each loop, once.

use std::process::Command;

fn run(program: &str) {
    let status = Command::new(program)
        .status()
        .expect("a program of this package");
    assert!(status.success(), "{program}: {status}");
}

#[test]
fn numbers_go_there_and_back_in_tokio() {
    run(env!("CARGO_BIN_EXE_tokio"));
}

#[test]
fn numbers_go_there_and_back_in_mio() {
    run(env!("CARGO_BIN_EXE_mio"));
}

#[test]
fn numbers_go_there_and_back_in_io_uring() {
    run(env!("CARGO_BIN_EXE_io_uring"));
}
