//! A process killed after every single instruction of an operation: what it leaves
//! behind harms nobody. And stopped there: nobody takes what a living process holds.
//!
//! `cargo test` kills at some of the instructions, among them those around system calls;
//! `cargo test --release --test kill -- --ignored --nocapture` at each. With `RAWIPC_KILL=mpmc` those
//! of one file alone.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod harness;
mod kinds;
mod messages;
mod planted;

/// The files that have operations, each with a function `run`.
macro_rules! operations {
    ($($file:ident)*) => {
        $(mod $file;)*

        const FILES: &[File] = &[$(File { name: stringify!($file), run: $file::run }),*];
    };
}
operations! { any barrier broadcast call condvar doorbell event handover latch latest loans mpmc mpsc mutex once pool rendezvous rwlock semaphore seqlock spsc waitgroup }

use std::sync::Mutex;
use std::time::Instant;

use harness::{Extent, Sum, Tally, Violation, stay_here};
use rustix::thread::CpuSet;
use support::{LeakCheck, program};

/// Names a file of operations, which are all that is run then.
const VARIABLE: &str = "RAWIPC_KILL";

struct File {
    name: &'static str,
    run: fn(Extent, &mut Vec<Tally>),
}

/// Runs the operations of the file that is asked for; or of all, in programs of their own.
fn every_case(test: &str, extent: Extent) {
    let Ok(wanted) = std::env::var(VARIABLE) else {
        // Here alone: one of them has objects while another one ends.
        let _check = LeakCheck::begin();
        return side_by_side(test);
    };
    let file = FILES.iter().find(|file| file.name == wanted);
    let file = file.unwrap_or_else(|| panic!("no file of operations: {wanted}"));
    stay_here();
    let began = Instant::now();
    let mut tallies = Vec::new();
    println!();
    (file.run)(extent, &mut tallies);
    println!(
        "{wanted} took {:.0?}\n{}",
        began.elapsed(),
        Sum::of(&tallies)
    );
    let violated: Vec<_> = tallies
        .iter()
        .filter(|tally| !tally.violations.is_empty())
        .map(|tally| (tally.name, &tally.violations))
        .collect();
    assert!(violated.is_empty(), "{violated:#?}");
}

/// Runs each file in a program of its own, one on each processor: of what the one has open the
/// children of the other inherit nothing.
fn side_by_side(test: &str) {
    let this = std::env::current_exe().unwrap();
    let processors = rustix::thread::sched_getaffinity(None).unwrap();
    let processors = (0..CpuSet::MAX_CPU).filter(|&number| processors.is_set(number));
    let (left, sum) = (Mutex::new(FILES.iter().rev()), Mutex::new(Sum::default()));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for processor in processors.take(FILES.len()) {
            let (this, left, sum, failed) = (&this, &left, &sum, &failed);
            scope.spawn(move || {
                let mut here = CpuSet::new();
                here.set(processor);
                rustix::thread::sched_setaffinity(None, &here).unwrap();
                let next = || left.lock().unwrap().next();
                while let Some(file) = next() {
                    let mut command = program::started(this);
                    command.args([test, "--exact", "--include-ignored", "--nocapture"]);
                    let output = command.env(VARIABLE, file.name).output().unwrap();
                    let said = String::from_utf8_lossy(&output.stdout);
                    println!("{}", said.trim());
                    match said.lines().find_map(Sum::parse) {
                        Some(part) if output.status.success() => sum.lock().unwrap().add(&part),
                        _ => {
                            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
                            failed.lock().unwrap().push(file.name);
                        }
                    }
                }
            });
        }
    });
    println!("{}", sum.lock().unwrap());
    let failed = failed.lock().unwrap();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn death_at_some_instructions_harms_nobody() {
    every_case("death_at_some_instructions_harms_nobody", Extent::Some(12));
}

#[test]
#[ignore = "thousands of kills: the whole table"]
fn death_at_any_instruction_harms_nobody() {
    every_case("death_at_any_instruction_harms_nobody", Extent::Every);
}

/// What proves nothing if it cannot fail.
#[test]
fn planted_bugs_are_caught() {
    let _check = LeakCheck::begin();
    stay_here();
    let mut tallies = Vec::new();
    planted::run(&mut tallies);
    let caught = |name: &str, kind: Violation| {
        let tally = tallies.iter().find(|tally| tally.name == name).unwrap();
        tally.violations.iter().any(|&(_, found)| found == kind)
    };
    assert!(caught(planted::WAKE_AFTER_PUBLISH, Violation::Hang));
    assert!(caught(planted::PUBLISH_BEFORE_WRITE, Violation::Torn));
}
