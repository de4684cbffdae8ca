//! `threads`: what threads without libc do.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use rawipc::Errno;

use super::support::LeakCheck;

fn threads(mode: &[&str]) -> Output {
    Command::new(super::shipped("threads"))
        .args(mode)
        .output()
        .expect("the program starts")
}

/// Each line of it is a point that the program has shown.
#[test]
fn threads_without_libc_keep_what_is_promised() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let begin = [
        "join",
        "one after the other",
        "detach",
        "variables",
        "name",
        "processors",
        "signals",
        "guards",
    ];
    let begin = begin.map(|point| format!("{point} ok\n")).concat();
    let error = |point, errno: Errno| format!("{point} {} ok\n", errno.raw_os_error());
    let expected = [
        begin,
        error("deadline", Errno::TIMEDOUT),
        error("itself", Errno::DEADLK),
        "results ok\n".to_owned(),
        error("exit", Errno::OWNERDEAD),
        error("fork", Errno::SRCH),
        error("errors", Errno::INVAL),
        "mappings ok\n".to_owned(),
    ];
    super::assert_output(&threads(&[]), 0, &expected.concat(), "");
}

#[test]
fn thread_beyond_its_stack_ends_process_by_fault() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let output = threads(&["overflow"]);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    assert_eq!(output.stdout, b"");
}

#[test]
fn thread_beyond_its_stack_runs_handler_on_alternate_stack() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    super::assert_output(&threads(&["handled"]), 0, "handled ok\n", "");
}

#[test]
fn refused_thread_leaves_nothing_and_clone_stands_in_for_clone3() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let shown = [
        ("clone3", Errno::PERM),
        ("clone3", Errno::NOSYS),
        ("clone", Errno::PERM),
        ("clone", Errno::NOSYS),
        ("clone", Errno::AGAIN),
    ];
    let lines = shown.map(|(call, errno)| format!("{call} {} ok\n", errno.raw_os_error()));
    let expected = lines.concat();
    super::assert_output(&threads(&["refused"]), 0, &expected, "");
}

#[test]
fn thread_that_ends_with_robust_mutex_held_has_died_with_it() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    super::assert_output(&threads(&["robust"]), 0, "robust ok\n", "");
}

#[test]
fn thread_killed_alone_by_filter_has_no_result() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let expected = format!("killed {} ok\n", Errno::OWNERDEAD.raw_os_error());
    super::assert_output(&threads(&["killed"]), 0, &expected, "");
}

#[test]
fn thread_that_has_finished_is_joined_once_it_has_left_its_stack() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    let expected = format!("exiting {} ok\n", Errno::TIMEDOUT.raw_os_error());
    super::assert_output(&threads(&["exiting"]), 0, &expected, "");
}
