//! Processes that are started, ended and waited for.

use core::time::Duration;

use rawipc::process::{self, Fork, State, WaitFlags, exec, pidfd};
use rawipc::{Deadline, Signal};

use crate::half::{Failure, Half, Outcome};
use crate::options::EXIT;

const FORKS: u64 = 500;
const EXECS: u64 = 50;
const KILLS: u64 = 200;
const LIMIT: Duration = Duration::from_secs(10);

/// Children that exit, each with a status of its own.
pub(crate) fn fork(half: &mut Half) -> Outcome {
    let Half::Sender(sender) = half else {
        return Ok(());
    };
    for number in 0..FORKS {
        let status = number as u8;
        // SAFETY: the child only exits.
        let child = match unsafe { process::fork()? } {
            Fork::Child => process::exit(status.into()),
            Fork::Parent(child) => child,
        };
        let state = process::wait(child, WaitFlags::EXITED)?.state;
        if state != State::Exited(status) {
            return Err(Failure::of(&format!(
                "{state:?} and not the status {status}"
            )));
        }
        sender.events(1)?;
    }
    Ok(())
}

/// Children that become this executable again, which exits as it is told.
pub(crate) fn execute(half: &mut Half) -> Outcome {
    let Half::Sender(sender) = half else {
        return Ok(());
    };
    let args = exec::List::of([c"tour", EXIT]);
    for _ in 0..EXECS {
        // SAFETY: the child only executes or exits.
        let child = match unsafe { process::fork()? } {
            Fork::Child => {
                let errno = exec::path(c"/proc/self/exe", &args, exec::Strings::EMPTY);
                process::exit(errno.raw_os_error())
            }
            Fork::Parent(child) => child,
        };
        let state = process::wait(child, WaitFlags::EXITED)?.state;
        if state != State::Exited(crate::EXIT_STATUS) {
            return Err(Failure::of(&format!("{state:?} after exec")));
        }
        sender.events(1)?;
    }
    Ok(())
}

/// Children that would never end, killed and awaited through a descriptor.
pub(crate) fn pidfd(half: &mut Half) -> Outcome {
    let Half::Sender(sender) = half else {
        return Ok(());
    };
    for _ in 0..KILLS {
        // SAFETY: the child does nothing at all.
        let child = match unsafe { process::fork()? } {
            Fork::Child => loop {
                core::hint::spin_loop();
            },
            Fork::Parent(child) => pidfd::open(child)?,
        };
        child.send_signal(Signal::KILL)?;
        let state = process::wait_until(&child, Deadline::after(LIMIT))?.state;
        if !matches!(
            state,
            State::Signalled {
                signal: Signal::KILL,
                ..
            }
        ) {
            return Err(Failure::of(&format!("{state:?} after a kill")));
        }
        sender.events(1)?;
    }
    Ok(())
}
