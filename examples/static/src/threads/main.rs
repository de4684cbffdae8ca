//! `threads [overflow | handled | robust | killed | exiting | refused]`: shows what threads without libc do, a line for each
//! point. With `overflow` one uses up its stack, with `handled` it has a handler for that, with
//! `robust` one ends that holds a mutex, with `killed` a filter ends one alone, with `exiting` it holds one at its end, with `refused` the kernel makes none.
//!
//! No std, no libc, no allocator, and nothing dynamic: what runs is this and rawipc.
#![no_std]
#![no_main]

mod local;
mod points;
mod refused;

use rawipc::start::Start;

rawipc::entry!(main);
rawipc::panic_handler!();
rawipc::memory_functions!();

fn main(start: Start) -> i32 {
    match start.args().iter().nth(1).map(|what| what.to_bytes()) {
        None => points::all(start),
        Some(b"overflow") => points::overflow(start),
        Some(b"handled") => points::overflow_handled(start),
        Some(b"robust") => points::show("robust", || points::robust(start)),
        Some(b"killed") => points::show("killed", || points::killed(start)),
        Some(b"exiting") => points::show("exiting", || points::exiting(start)),
        Some(b"refused") => refused::all(start),
        Some(_) => {
            rawipc::eprintln!("threads: usage: {USAGE}");
            return 2;
        }
    }
    0
}

const USAGE: &str = "threads [overflow | handled | robust | killed | exiting | refused]";
