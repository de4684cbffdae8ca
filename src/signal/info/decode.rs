//! What the kernel's numbers say: a [`Cause`] from either [`Layout`].
#![forbid(unsafe_code)]

use core::time::Duration;

use linux_raw_sys::general as raw;

use super::cause::{Cause, IoEvent, SyscallReason};
use super::fault::{Fault, FaultKind};
use super::layout::Layout;
use super::payload::Sender;
use crate::signal::child::State;

/// As the kernel's own `siginfo_layout`: what lies in the fields follows from the
/// signal and the code.
pub(crate) fn decode(info: &impl Layout) -> Cause {
    let (signal, code) = info.head();
    match code {
        raw::SI_TKILL => Cause::Thread(info.sender()),
        raw::SI_QUEUE => Cause::Queue {
            sender: info.sender(),
            payload: info.payload(),
        },
        raw::SI_TIMER => {
            let (id, overrun) = info.timer();
            Cause::Timer {
                id,
                overrun,
                payload: info.payload(),
            }
        }
        raw::SI_MESGQ => Cause::MessageQueue {
            sender: info.sender(),
            payload: info.payload(),
        },
        raw::SI_ASYNCIO => Cause::AsyncIo {
            sender: info.sender(),
            payload: info.payload(),
        },
        raw::SI_SIGIO => io(info, IoEvent::Unknown),
        0 => Cause::User(info.sender()),
        SI_KERNEL => Cause::Kernel,
        // Between the two it depends on the signal.
        1..SI_KERNEL => of_signal(info, signal, code as u32),
        _ => other(info, code),
    }
}

const SI_KERNEL: i32 = raw::SI_KERNEL as i32;

fn other(info: &impl Layout, code: i32) -> Cause {
    Cause::Other {
        code,
        sender: info.sender(),
        payload: info.payload(),
    }
}

fn io(info: &impl Layout, event: IoEvent) -> Cause {
    let (fd, band) = info.io();
    Cause::Io { fd, event, band }
}

fn of_signal(info: &impl Layout, signal: i32, code: u32) -> Cause {
    if let Some(kind) = FaultKind::decode(info, signal, code) {
        let address = info.address();
        return Cause::Fault(Fault { address, kind });
    }
    match signal as u32 {
        raw::SIGCHLD => child(info, code as i32),
        raw::SIGSYS => {
            let (address, number, machine) = info.syscall();
            Cause::Syscall {
                address,
                number,
                machine,
                reason: match code {
                    raw::SYS_SECCOMP => SyscallReason::Seccomp,
                    raw::SYS_USER_DISPATCH => SyscallReason::UserDispatch,
                    _ => SyscallReason::Other(code as i32),
                },
            }
        }
        // Any signal can be chosen for descriptors.
        _ => readiness(info, code),
    }
}

fn readiness(info: &impl Layout, code: u32) -> Cause {
    let event = match code {
        raw::POLL_IN => IoEvent::In,
        raw::POLL_OUT => IoEvent::Out,
        raw::POLL_MSG => IoEvent::Message,
        raw::POLL_ERR => IoEvent::Error,
        raw::POLL_PRI => IoEvent::Priority,
        raw::POLL_HUP => IoEvent::HangUp,
        _ => return other(info, code as i32),
    };
    io(info, event)
}

/// How many clock ticks the kernel says a second has (`USER_HZ`), on all machines.
const TICKS_PER_SECOND: u64 = 100;

fn ticks(ticks: u64) -> Duration {
    let nanoseconds = ticks % TICKS_PER_SECOND * (1_000_000_000 / TICKS_PER_SECOND);
    // Less than a second's.
    Duration::new(ticks / TICKS_PER_SECOND, nanoseconds as u32)
}

fn child(info: &impl Layout, code: i32) -> Cause {
    let Some(state) = State::decode(code, info.status()) else {
        return other(info, code);
    };
    let Sender { pid, uid } = info.sender();
    let (user, system) = info.times();
    Cause::Child {
        pid,
        uid,
        state,
        user: ticks(user),
        system: ticks(system),
    }
}
