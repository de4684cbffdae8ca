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
mod messages;
mod planted;

/// The files that have operations, each with a function `run`.
macro_rules! operations {
    ($($file:ident)*) => {
        $(mod $file;)*

        fn run_all(extent: Extent, tallies: &mut Vec<Tally>) {
            let wanted = std::env::var("RAWIPC_KILL").unwrap_or_default();
            $(if wanted.is_empty() || wanted == stringify!($file) {
                let began = std::time::Instant::now();
                $file::run(extent, tallies);
                println!("{} took {:.0?}", stringify!($file), began.elapsed());
            })*
        }
    };
}
operations! { doorbell latest mpmc mpsc pool rendezvous semaphore spsc }

use harness::{Extent, Tally, Violation, stay_here};
use support::LeakCheck;

fn every_case(extent: Extent) {
    let _check = LeakCheck::begin();
    stay_here();
    let mut tallies = Vec::new();
    run_all(extent, &mut tallies);
    print_table(&tallies);
    let violated: Vec<_> = tallies
        .iter()
        .filter(|tally| !tally.violations.is_empty())
        .map(|tally| (tally.name, &tally.violations))
        .collect();
    assert!(violated.is_empty(), "{violated:#?}");
}

fn print_table(tallies: &[Tally]) {
    println!(
        "{:<46} {:>12} {:>7} {:>7} {:>10}  outcomes",
        "operation", "instructions", "kills", "stops", "violations"
    );
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>();
    let violations = |kind: Violation| -> usize {
        let of = |tally: &Tally| {
            let kinds = tally.violations.iter().map(|(_, violation)| violation);
            kinds.filter(|&&violation| violation == kind).count()
        };
        tallies.iter().map(of).sum()
    };
    println!(
        "{} operations, {} kills, {} stops: {} hangs, {} losses, {} repeats, {} torn, {} unusable",
        tallies.len(),
        sum(|tally| tally.kills),
        sum(|tally| tally.stops),
        violations(Violation::Hang),
        violations(Violation::Lost),
        violations(Violation::Repeated),
        violations(Violation::Torn),
        violations(Violation::Unusable),
    );
}

#[test]
fn death_at_some_instructions_harms_nobody() {
    // Unoptimized an operation has ten times the instructions.
    every_case(Extent::Some(if cfg!(debug_assertions) { 6 } else { 24 }));
}

#[test]
#[ignore = "thousands of kills: the whole table"]
fn death_at_any_instruction_harms_nobody() {
    every_case(Extent::Every);
}

/// What proves nothing if it cannot fail.
#[test]
fn planted_bugs_are_caught() {
    let _check = LeakCheck::begin();
    stay_here();
    let mut tallies = Vec::new();
    planted::run(&mut tallies);
    print_table(&tallies);
    let caught = |name: &str, kind: Violation| {
        let tally = tallies.iter().find(|tally| tally.name == name).unwrap();
        tally.violations.iter().any(|&(_, found)| found == kind)
    };
    assert!(caught(planted::WAKE_AFTER_PUBLISH, Violation::Hang));
    assert!(caught(planted::PUBLISH_BEFORE_WRITE, Violation::Torn));
}
