//! What debuggers and unwinders see beneath a signal handler: the way back, and what the
//! signal interrupted.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ffi::c_void;
use core::hint::black_box;
use std::backtrace::Backtrace;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rawipc::signal::action::{self, Action};
use rawipc::{Signal, signal};
use support::{Peer, PeerArgs};

/// What the interrupted functions are called, from the inside out.
const INTERRUPTED: [&str; 2] = ["interrupted_inner", "interrupted_outer"];

#[inline(never)]
fn interrupted_outer(signal: Signal) {
    interrupted_inner(signal);
    black_box(());
}

#[inline(never)]
fn interrupted_inner(signal: Signal) {
    signal::raise(signal).unwrap();
    black_box(());
}

static SEEN: Mutex<String> = Mutex::new(String::new());

extern "C" fn capture(_: Signal) {
    // The signal is this thread's own, raised where no lock is held.
    let seen = Backtrace::force_capture().to_string();
    *SEEN.lock().unwrap_or_else(PoisonError::into_inner) = seen;
}

#[test]
fn backtrace_in_handler_goes_on_to_what_was_interrupted() {
    if PeerArgs::role("handler").is_none() {
        Peer::start(test_name!(), "handler", &[]).finish();
        return;
    }
    // SAFETY: see `capture`.
    action::set(Signal::USR1, unsafe { Action::handler(capture) }).unwrap();
    interrupted_outer(Signal::USR1);
    let seen = SEEN.lock().unwrap();
    assert_in_order(&seen, &[&["unwind::capture"], &INTERRUPTED[..]].concat());
}

/// Asserts that `text` has these words, in this order.
#[track_caller]
fn assert_in_order(text: &str, words: &[&str]) {
    let mut rest = text;
    for word in words {
        rest = match rest.split_once(word) {
            Some((_, rest)) => rest,
            None => panic!("no {word} at its place in:\n{text}"),
        };
    }
}

/// `struct sigaction` of the kernel's, of x86_64.
#[cfg(target_arch = "x86_64")]
#[repr(C)]
#[derive(Default)]
struct KernelAction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    /// Where the function begins to which the call before `pc` belongs, as the
    /// unwinder's tables have it.
    fn _Unwind_FindEnclosingFunction(pc: *const c_void) -> *const c_void;
}

/// However the linker orders functions: a handler's return address is found to be the
/// trampoline's own, also by those who look one byte before it.
#[cfg(target_arch = "x86_64")]
#[test]
fn trampoline_return_address_belongs_to_trampoline() {
    if PeerArgs::role("action").is_none() {
        Peer::start(test_name!(), "action", &[]).finish();
        return;
    }
    // SAFETY: see `capture`.
    action::set(Signal::USR1, unsafe { Action::handler(capture) }).unwrap();
    let mut now = KernelAction::default();
    let none: *const KernelAction = core::ptr::null();
    // SAFETY: the kernel writes one structure of its own.
    let done =
        unsafe { libc::syscall(libc::SYS_rt_sigaction, libc::SIGUSR1, none, &raw mut now, 8) };
    assert_eq!(done, 0);
    let restorer: *const u8 = core::ptr::with_exposed_provenance(now.restorer);
    // SAFETY: the code of this program.
    let code = unsafe { core::slice::from_raw_parts(restorer, 9) };
    // mov rax, 15; syscall: by these it is known where there is no table.
    assert_eq!(code, [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05]);
    // SAFETY: an address is looked up.
    let begin = unsafe { _Unwind_FindEnclosingFunction(restorer.cast()) };
    assert_eq!(begin.addr(), now.restorer - 1);
}

extern "C" fn stop_for_debugger(_: Signal) {
    // SAFETY: no memory is involved.
    unsafe { libc::raise(libc::SIGTRAP) };
}

#[test]
fn debugger_in_handler_shows_what_was_interrupted() {
    const CHILD: &str = "RAWIPC_TEST_DEBUGGED";
    if std::env::var_os(CHILD).is_some() {
        // SAFETY: it makes a system call.
        action::set(Signal::USR1, unsafe { Action::handler(stop_for_debugger) }).unwrap();
        interrupted_outer(Signal::USR1);
        return;
    }
    let executable = std::env::current_exe().unwrap();
    let gdb = Command::new("timeout")
        .args([
            "--kill-after=5",
            "120",
            "gdb",
            "-nx",
            "-batch",
            "-ex",
            "set debuginfod enabled off",
        ])
        .args(["-ex", "handle SIGUSR1 nostop noprint pass"])
        .args(["-ex", "run", "-ex", "backtrace", "-ex", "kill", "--args"])
        .arg(executable)
        .args([test_name!(), "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = gdb else {
        skipped!("there is no timeout(1)");
        return;
    };
    if output.status.code() == Some(127) {
        skipped!("there is no gdb");
        return;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("SIGTRAP") {
        let errors = String::from_utf8_lossy(&output.stderr);
        skipped!("gdb cannot trace here:\n{text}\n{errors}");
        return;
    }
    let frames = ["stop_for_debugger", "<signal handler called>"];
    assert_in_order(&text, &[&frames[..], &INTERRUPTED[..]].concat());
}
