//! A fuzzer's core: a fork server that runs each input in a child of its own, with the
//! input and the coverage map in shared memory; a loop that changes inputs by what they
//! covered; crashes with signal, address and registers.
//!
//! ```text
//! forkserver [--seed NUMBER] [--executions NUMBER] [--limit MILLISECONDS] [--memory MIB]
//!            [--start TEXT] [--run TEXT]... [--json] [--afl] [--patience MILLISECONDS]
//!            [-- PROGRAM ARGS]
//! ```
//!
//! Without PROGRAM, the target is a function of this executable with planted bugs, and the
//! loop ends when all are found. PROGRAM is any that contains the fork server's side,
//! which is `server.rs` and what it uses. With `--afl` it is one with AFL++'s fork server, also
//! in persistent mode: a C program with `target.h`, say, compiled by
//! `gcc -fsanitize-coverage=trace-pc`, or one that `afl-clang-fast` compiled; where it says nothing for
//! the time of `--patience` it is an error. `--run` runs inputs instead of fuzzing. The same `--seed`
//! (of the random numbers) makes the same inputs.
//!
//! Exit status: 0 when all bugs were found or all executions made, 1 when executions
//! were used up with planted bugs not found, 2 when the arguments or PROGRAM cannot be
//! used, 130 when interrupted.
//!
//! | file | |
//! |---|---|
//! | `memory.rs` | what fuzzer and target share |
//! | `server.rs`, `coverage.rs` | the target's side, `serve.rs` how this program uses it |
//! | `client.rs`, `trail.rs` | the fuzzer's side |
//! | `afl.rs`, `target.h` | fuzzer's and target's side of AFL++'s protocol |
//! | `mutate.rs`, `fuzz.rs`, `triage.rs` | the loop |
//! | `target.rs` | the planted bugs |

mod afl;
mod client;
mod coverage;
mod fuzz;
mod memory;
mod mutate;
mod options;
mod report;
mod serve;
mod server;
mod target;
mod trail;
mod triage;

use core::alloc::{GlobalAlloc, Layout};
use std::alloc::System;
use std::io::{self, Write};
use std::process::ExitCode;

use rawipc::process::{self, Children, WaitFlags};
use rawipc::signal::{self, Set};
use rawipc::{Errno, Signal};

use afl::Afl;
use client::{Client, Failure};
use fuzz::{Executor, Fuzzer, Stopped};
use mutate::Random;
use options::{Mode, Options};
use report::Printer;

/// Arguments or program cannot be used.
const UNUSABLE: u8 = 2;
/// As a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Notes what it cannot give: the difference between an abort and one for want of memory.
struct Noting;

#[global_allocator]
static ALLOCATOR: Noting = Noting;

// SAFETY: the system's allocator, and nothing else but a note.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() {
            serve::note_refused(layout.size());
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) };
    }
}

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Mode::Fuzz(options)) => fuzz(&options),
        Ok(Mode::Target) => serve::main(),
        Ok(Mode::Help) => match writeln!(io::stdout(), "{}", options::USAGE) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(text) => complain(&text, UNUSABLE),
    }
}

fn complain(text: &str, status: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "forkserver: {text}");
    ExitCode::from(status)
}

fn fuzz(options: &Options) -> ExitCode {
    // Taken between two executions; the fork server has them unblocked, and a session of
    // its own.
    let prepared = signal::block(Set::of([Signal::INT, Signal::TERM]));
    // Whatever the fork server leaves behind becomes ours to reap.
    let _ = process::set_subreaper(true);
    let outcome = match prepared {
        Ok(_) if options.afl => Afl::start(&options.program, options.patience)
            .and_then(|client| perform(&client, options)),
        Ok(_) => Client::start(&options.program).and_then(|client| perform(&client, options)),
        Err(errno) => Err(errno.into()),
    };
    reap();
    match outcome {
        Ok(status) => status,
        Err(Failure::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(failure) => {
            let name = options.program.words[0].to_string_lossy();
            complain(&format!("{name:?} {failure}"), UNUSABLE)
        }
    }
}

fn perform(client: &dyn Executor, options: &Options) -> Result<ExitCode, Failure> {
    let mut printer = Printer::new(options.json);
    let mut fuzzer = Fuzzer::new(client, options.limit);
    if !options.inputs.is_empty() {
        for input in &options.inputs {
            printer.finding(&fuzzer.try_input(input.clone())?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut random = Random::new(options.seed);
    let stopped = fuzzer.fuzz(&options.start, &mut random, &options.goal, &mut printer)?;
    printer.foot(&fuzzer, stopped);
    Ok(match stopped {
        Stopped::Interrupted => ExitCode::from(INTERRUPTED),
        Stopped::Exhausted if options.goal.findings.is_some() => ExitCode::FAILURE,
        _ if printer.broken => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

/// Waits for what the fork server's group was when it was killed.
fn reap() {
    while !matches!(
        process::wait(Children::Any, WaitFlags::EXITED),
        Err(Errno::CHILD)
    ) {}
}
