//! How this program becomes its own target: the fork server in a program with std.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::Ordering::Relaxed;
use std::io::{self, Read};
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::OnceLock;

use rawipc::memory::memfd::Memfd;
use rawipc::{Errno, FromRawFd, OwnedFd, RawFd, Result};

use crate::memory::{Memory, Notes, VARIABLE};
use crate::server::{self, Link};
use crate::{UNUSABLE, complain, coverage, target};

/// The exit status of a child whose target panicked, as of every Rust program.
const PANICKED: i32 = 101;

static NOTES: OnceLock<&'static Notes> = OnceLock::new();

/// The target's main function.
pub(crate) fn main() -> ExitCode {
    let fuzzed = std::env::var(VARIABLE)
        .ok()
        .and_then(|number| number.parse().ok());
    let result = match fuzzed {
        Some(number) => serve(number).map_err(io::Error::from),
        // Nobody fuzzes: an ordinary program, to be given an input that was found.
        None => {
            let mut input = Vec::new();
            let read = io::stdin().read_to_end(&mut input);
            read.map(|_| target::parse(&input))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), UNUSABLE),
    }
}

fn serve(number: RawFd) -> Result<()> {
    // SAFETY: the fuzzer has left it to this program, which takes it once.
    let memfd = Memfd::from(unsafe { OwnedFd::from_raw_fd(number) });
    let memory = server::open(memfd).map_err(|_| Errno::INVAL)?;
    // As long as the program.
    let memory: &'static Memory = Box::leak(Box::new(memory));
    coverage::attach(memory.edges());
    let _ = NOTES.set(memory.notes());
    Link::new(memory)?.serve(|input| {
        match catch_unwind(AssertUnwindSafe(|| target::parse(input))) {
            Ok(()) => 0,
            Err(_) => PANICKED,
        }
    })
}

/// Notes that the allocator gave this process no memory of this size; of several times
/// the first.
pub(crate) fn note_refused(size: usize) {
    if let Some(notes) = NOTES.get() {
        let note = &notes.refused;
        let _ = note.compare_exchange(0, size as u64, Relaxed, Relaxed);
    }
}
