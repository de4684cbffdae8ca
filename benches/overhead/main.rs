//! How many instructions a call of this crate takes more than the same call written
//! by hand in assembly: counted by valgrind, from the call to its return.
//!
//! Counted so, the numbers are exact and the same on every machine, however busy it
//! is. The program runs itself again under `valgrind --tool=callgrind` and reads off
//! what was spent in each function. What the kernel does is not counted.

#[cfg(target_arch = "x86_64")]
mod assembly;
#[cfg(target_arch = "x86_64")]
mod calls;
#[cfg(target_arch = "x86_64")]
mod ours;
mod profile;

use std::process::{Command, ExitCode, Stdio};

/// How many instructions more are allowed.
const ALLOWED: f64 = 10.0;

/// How often each function is called: all calls count, so that the table shows it when
/// one was different.
const CALLS: u64 = 1000;

/// The argument by which the program is told to make the calls.
const MAKE_CALLS: &str = "--make-calls";

/// What is compared: its name, and what the two functions are called after the prefixes.
struct Row {
    name: &'static str,
    ours: &'static str,
    assembly: &'static str,
}

const fn row(name: &'static str, ours: &'static str, assembly: &'static str) -> Row {
    Row {
        name,
        ours,
        assembly,
    }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("process::parent_id",                 "getppid",            "getppid"),
    row("pipe::Writer::write",                "pipe_write",         "pipe_write"),
    row("pipe::Reader::read",                 "pipe_read",          "pipe_read"),
    row("sysv::message::Queue::send",         "msgsnd",             "msgsnd"),
    row("sysv::message::Queue::receive",      "msgrcv",             "msgrcv"),
    row("sysv::semaphore::Set::operate",      "semop",              "semop"),
    row("posix::message::Queue::send",        "mq_send",            "mq_timedsend"),
    row("posix::message::Queue::send_until",  "mq_timedsend",       "mq_timedsend"),
    row("posix::message::Queue::receive",     "mq_receive",         "mq_receive"),
    row("socket::Stream::send",               "send",               "send"),
    row("socket::Stream::recv",               "recv",               "recv"),
    row("event::eventfd::EventFd::add",       "eventfd_write",      "eventfd_write"),
    row("sync::futex::wake",                  "futex_wake",         "futex_wake"),
    row("sync::Semaphore::post, no sleeper",  "semaphore_post",     "semaphore_post"),
    row("sync::Semaphore::try_wait, a unit",  "semaphore_try_wait", "semaphore_try_wait"),
    row("sync::Semaphore::wait, a unit",      "semaphore_wait",     "semaphore_try_wait"),
];

fn main() -> ExitCode {
    #[cfg(target_arch = "x86_64")]
    if std::env::args().any(|argument| argument == MAKE_CALLS) {
        calls::make();
        return ExitCode::SUCCESS;
    }
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the assembly is written for x86_64");
        return ExitCode::SUCCESS;
    }
    let present = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if let Err(error) = present {
        println!("skipped: valgrind: {error}");
        // Where it is installed for this, that is a failure.
        return ExitCode::from(u8::from(std::env::var("CI").as_deref() == Ok("true")));
    }
    let spent = count();

    println!("instructions from the call to its return, without the kernel's\n");
    println!(
        "  {:<36} {:>8} {:>10} {:>8}",
        "call", "ours", "assembly", "more"
    );
    let mut met = true;
    for row in ROWS {
        let ours = spent.per_call(&format!("ours_{}", row.ours));
        let assembly = spent.per_call(&format!("assembly_{}", row.assembly));
        let more = ours - assembly;
        let ok = more <= ALLOWED;
        met &= ok;
        println!(
            "  {:<36} {ours:>8.1} {assembly:>10.1} {more:>8.1}  {}",
            row.name,
            if ok { "ok" } else { "FAILED" }
        );
    }
    println!(
        "\nat most {ALLOWED} more asked: {}",
        if met { "met" } else { "MISSED" }
    );
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs this program again to make the calls, and has them counted.
fn count() -> profile::Profile {
    let folder = std::env::temp_dir();
    let file = folder.join(format!("rawipc-overhead-{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().expect("this program"))
        .arg(MAKE_CALLS)
        .output()
        .expect("valgrind runs");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    profile::Profile::read(&text)
}
