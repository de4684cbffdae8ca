//! `heap`: what the allocator without libc keeps.

use std::process::Command;

use super::support::LeakCheck;

/// Each line of it is a point that the program has shown.
#[test]
fn allocator_without_libc_keeps_what_is_promised() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let output = Command::new(super::shipped("heap")).output();
    let points = [
        "sizes",
        "zeros",
        "threads",
        "reuse",
        "collections",
        "refused",
    ];
    let expected = points.map(|point| format!("{point} ok\n")).concat();
    super::assert_output(&output.expect("the program starts"), 0, &expected, "");
}
