//! Each loop, once.

use std::process::Command;
use std::time::Duration;

use rawipc::Pid;
use rawipc::process::pidfd;

/// Turns a hang into a failure.
const LIMIT: Duration = Duration::from_secs(120);

fn run(program: &str) {
    let mut child = Command::new(program)
        .spawn()
        .expect("a program of this package");
    let ended = pidfd::open(Pid::from_child(&child)).expect("a pidfd");
    let ended = ended.wait_exit_until(LIMIT.into());
    if ended.is_err() {
        child.kill().expect("it is killed");
    }
    let status = child.wait().expect("its end");
    assert!(ended.is_ok() && status.success(), "{program}: {status}");
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

/// Of docs/services.md, each a test by itself.
mod recipe {
    use super::run;

    #[test]
    fn eventfd_and_timerfd_wake_tokio() {
        run(env!("CARGO_BIN_EXE_tokio_events"));
    }

    #[test]
    fn signals_and_ends_of_processes_wake_tokio() {
        run(env!("CARGO_BIN_EXE_tokio_processes"));
    }

    #[test]
    fn posix_queue_wakes_tokio_for_messages_and_for_room() {
        run(env!("CARGO_BIN_EXE_tokio_queue"));
    }

    #[test]
    fn cancelled_wait_for_a_socket_loses_no_message() {
        run(env!("CARGO_BIN_EXE_tokio_socket"));
    }

    #[test]
    fn what_has_no_descriptor_is_waited_for_in_a_pool_and_given_up() {
        run(env!("CARGO_BIN_EXE_tokio_blocking"));
    }

    #[test]
    fn service_in_tokio_outlives_a_killed_client_and_uses_a_stale_path() {
        run(env!("CARGO_BIN_EXE_tokio_service"));
    }

    #[test]
    fn descriptors_of_all_kinds_wake_mio() {
        run(env!("CARGO_BIN_EXE_mio_descriptors"));
    }
}
