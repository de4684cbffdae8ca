//! A process that stops before each of its system calls, and goes on when it may.

use rawipc::Signal;
use rawipc::process::{self, Fork, State};
use rawipc::trace::{self, Options, Phase, Report, Stop};

use crate::half::{Failure, Half, Outcome};

const CALLS: u64 = 5_000;

/// A child asks for its parent, and this process sees every call.
pub(crate) fn calls(half: &mut Half) -> Outcome {
    let Half::Sender(sender) = half else {
        return Ok(());
    };
    // SAFETY: the child only uses the crate and exits.
    let child = match unsafe { process::fork()? } {
        Fork::Child => process::exit(i32::from(ask().is_err())),
        Fork::Parent(child) => child,
    };
    let mut seen = 0;
    let mut report = trace::adopt(child, Options::KILL_ON_EXIT).wait()?;
    let end = loop {
        let stopped = match report {
            Report::Stopped(stopped) => stopped,
            Report::Ended(end) => break end.state,
        };
        let signal = match stopped.stop() {
            Stop::Syscall(call) => {
                if let Phase::Entry(entry) = call.phase
                    && entry.number == libc::SYS_getppid as u64
                {
                    seen += 1;
                    sender.events(1)?;
                }
                None
            }
            // With which it says that it is ready.
            Stop::Signal(Signal::STOP) => None,
            _ => stopped.signal(),
        };
        report = stopped.syscall(signal)?.wait()?;
    };
    if (seen, end) != (CALLS, State::Exited(0)) {
        return Err(Failure::of(&format!("{seen} calls, then {end:?}")));
    }
    Ok(())
}

fn ask() -> rawipc::Result<()> {
    trace::traceme()?;
    rawipc::signal::raise(Signal::STOP)?;
    for _ in 0..CALLS {
        let _ = process::parent_id();
    }
    Ok(())
}
