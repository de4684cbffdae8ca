//! Processes that are started, ended and waited for, and whose memory is read.

use core::time::Duration;
use std::collections::BTreeSet;

use rawipc::process::memory::{self, Address};
use rawipc::process::permission::{self, Allowed};
use rawipc::process::{self, Fork, State, WaitFlags, exec, pidfd};
use rawipc::socket::netlink::process::{Event, Monitor, What};
use rawipc::socket::option;
use rawipc::{Deadline, Errno, Pid, Signal};

use super::{PIECE, absent};
use crate::half::{Failure, Half, Outcome};
use crate::options::EXIT;

const FORKS: u64 = 500;
const EXECS: u64 = 50;
const KILLS: u64 = 200;
const TOLD: u64 = 1_000;
const LIMIT: Duration = Duration::from_secs(10);

/// FILE goes through the sender's memory, out of which the receiver takes it. The link
/// says where it is.
pub(crate) fn memory(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            // Where there is no Yama it need not be asked.
            let _ = permission::allow(Allowed::Process(pid(sender.link.hear()?)?));
            sender.link.say(u64::from(std::process::id()))?;
            let mut windows = [vec![0; PIECE], vec![0; PIECE]];
            for at in [0, 1].into_iter().cycle() {
                // Wait until the receiver is done with it.
                sender.link.hear()?;
                let window = &mut windows[at];
                let len = sender.read(window)?;
                sender.link.say(Address::of(&window[..]).get() as u64)?;
                sender.link.say(len as u64)?;
                if len == 0 {
                    break;
                }
            }
            // The memory goes when it is done with the other window too.
            sender.link.hear()?;
            Ok(())
        }
        Half::Receiver(receiver) => {
            receiver.link.say(u64::from(std::process::id()))?;
            let theirs = memory::of(pid(receiver.link.hear()?)?);
            let mut buffer = vec![0; PIECE];
            receiver.link.say(0)?;
            receiver.link.say(0)?;
            loop {
                let at = Address::new(usize::try_from(receiver.link.hear()?)?);
                let len = usize::try_from(receiver.link.hear()?)?;
                let Some(bytes) = buffer.get_mut(..len) else {
                    return Err(Failure::of("a long piece"));
                };
                if bytes.is_empty() {
                    return Ok(());
                }
                theirs.read_exact(at, bytes)?;
                receiver.message(bytes)?;
                receiver.link.say(0)?;
            }
        }
    }
}

fn pid(number: u64) -> Outcome<Pid> {
    let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| Failure::of("no process"))
}

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

/// The kernel tells the receiver of children that the sender starts, and of their ends.
pub(crate) fn events(half: &mut Half) -> Outcome {
    match half {
        Half::Sender(sender) => {
            sender.link.say(std::process::id().into())?;
            let mut told = sender.link.hear()?;
            while told < TOLD {
                // Events that come faster than they are heard are lost.
                // SAFETY: the child only exits.
                let child = match unsafe { process::fork()? } {
                    Fork::Child => process::exit(0),
                    Fork::Parent(child) => child,
                };
                process::wait(child, WaitFlags::EXITED)?;
                let heard = sender.link.hear()?;
                sender.events(heard)?;
                told += heard;
            }
        }
        Half::Receiver(receiver) => {
            let monitor = monitor()?;
            // Others' too are to have room in it; what is possible is enough.
            let _ = option::force_receive_buffer(&monitor, 8 << 20);
            let parent = u32::try_from(receiver.link.hear()?)?;
            let mut told = 0;
            receiver.link.say(told)?;
            while told < TOLD {
                let heard = match child_of(&monitor, parent) {
                    Ok(0) => 2,
                    Ok(status) => return Err(Failure::of(&format!("status {status}"))),
                    // Some were lost among what others do: then another child.
                    Err(Errno::NOBUFS) => 0,
                    Err(errno) => return Err(errno.into()),
                };
                receiver.events(heard)?;
                receiver.link.say(heard)?;
                told += heard;
            }
        }
    }
    Ok(())
}

/// The status of the next child of `parent` that is heard to begin and to end.
fn child_of(monitor: &Monitor, parent: u32) -> rawipc::Result<u32> {
    let mut children = BTreeSet::new();
    loop {
        match monitor.next()?.what {
            What::Fork { parent: by, child } if by.process == parent => {
                children.insert(child.process);
            }
            What::Exit { by, status, .. } if children.contains(&by.process) => return Ok(status),
            _ => {}
        }
    }
}

pub(crate) fn has_events() -> Result<(), String> {
    absent(monitor().map(drop))
}

/// One that the kernel tells.
fn monitor() -> rawipc::Result<Monitor> {
    let monitor = Monitor::open()?;
    let patience = Deadline::after(Duration::from_secs(2));
    loop {
        let Event { what, .. } = monitor.next_until(patience)?;
        match what {
            What::Listening(result) => return result.map(|()| monitor),
            // Others' go on and on.
            _ if patience.has_passed() => return Err(Errno::TIMEDOUT),
            _ => {}
        }
    }
}
