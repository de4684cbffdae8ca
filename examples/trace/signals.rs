//! The names of signals, and what is said of one.

use core::time::Duration;

use linux_raw_sys::general as raw;
use rawipc::process::State;
use rawipc::signal::{Cause, FaultKind, Info, Payload, Sender};

use crate::structures;

macro_rules! names {
    ($($name:ident)*) => { &[$((raw::$name as i32, stringify!($name))),*] };
}

const NAMES: &[(i32, &str)] = names! {
    SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2
    SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG
    SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS SIGRTMIN
};

const REAL_TIME: i32 = raw::SIGRTMIN as i32;
const LAST: i32 = raw::_NSIG as i32;

/// Of real-time signals as the kernel counts them.
pub(crate) fn name(number: i32) -> String {
    match NAMES.iter().find(|(signal, _)| *signal == number) {
        Some((_, name)) => (*name).to_owned(),
        None if (REAL_TIME..=LAST).contains(&number) => format!("SIGRT_{}", number - REAL_TIME),
        None => number.to_string(),
    }
}

/// Names without `SIG`; of a set of most signals those that are not in it.
pub(crate) fn set(bits: u64) -> String {
    let most = bits.count_ones() > 2 * u64::BITS / 3;
    let shown = if most { !bits } else { bits };
    let names: Vec<String> = (1..=LAST)
        .filter(|number| shown & (1 << (number - 1)) != 0)
        .map(|number| name(number).trim_start_matches("SIG").to_owned())
        .collect();
    let not = if most { "~" } else { "" };
    format!("{not}[{}]", names.join(" "))
}

/// All that is said of a signal.
pub(crate) fn describe(info: &Info) -> String {
    let signal = info.signal().map_or(0, |signal| signal.as_raw());
    let name = name(signal);
    let mut fields = vec![
        format!("si_signo={name}"),
        format!("si_code={}", code(info)),
    ];
    if info.errno() != 0 {
        fields.push(format!("si_errno={}", info.errno()));
    }
    fields.extend(cause(info.cause()));
    format!("{name} {{{}}}", fields.join(", "))
}

fn cause(cause: Cause) -> Vec<String> {
    match cause {
        Cause::User(sender) | Cause::Thread(sender) => sent(sender),
        Cause::Queue { sender, payload }
        | Cause::MessageQueue { sender, payload }
        | Cause::AsyncIo { sender, payload }
        | Cause::Other {
            sender, payload, ..
        } => {
            let mut fields = sent(sender);
            fields.push(given(payload));
            fields
        }
        Cause::Timer {
            id,
            overrun,
            payload,
        } => vec![
            format!("si_timerid={id:#x}"),
            format!("si_overrun={overrun}"),
            given(payload),
        ],
        Cause::Child {
            pid,
            uid,
            state,
            user,
            system,
        } => {
            let mut fields = sent(Sender { pid, uid });
            fields.push(format!("si_status={}", status(state)));
            fields.push(format!("si_utime={}", ticks(user)));
            fields.push(format!("si_stime={}", ticks(system)));
            fields
        }
        Cause::Fault(fault) => {
            let mut fields = vec![format!(
                "si_addr={}",
                structures::address(fault.address as u64)
            )];
            if let FaultKind::ProtectionKey { key } = fault.kind {
                fields.push(format!("si_pkey={key}"));
            }
            fields
        }
        Cause::Io { fd, band, .. } => vec![format!("si_band={band}"), format!("si_fd={fd}")],
        Cause::Syscall {
            address,
            number,
            machine,
            ..
        } => {
            let call = crate::calls::find(number as u64);
            let name = call.map_or_else(
                || number.to_string(),
                |call| format!("__NR_{}", call.name()),
            );
            vec![
                format!("si_call_addr={}", structures::address(address as u64)),
                format!("si_syscall={name}"),
                format!("si_arch={machine:#x}"),
            ]
        }
        _ => Vec::new(),
    }
}

fn sent(sender: Sender) -> Vec<String> {
    let pid = sender.pid.map_or(0, |pid| pid.as_raw_pid());
    vec![format!("si_pid={pid}"), format!("si_uid={}", sender.uid)]
}

/// Of ticks a second has a hundred.
fn ticks(time: Duration) -> String {
    match time.as_millis() / 10 {
        0 => "0".to_owned(),
        ticks => format!("{ticks} /* {:.2} s */", time.as_secs_f64()),
    }
}

fn given(payload: Payload) -> String {
    let word = structures::address(payload.word());
    format!("si_value={{int={}, ptr={word}}}", payload.int())
}

fn status(state: State) -> String {
    match state {
        State::Exited(status) => status.to_string(),
        State::Signalled { signal, .. } | State::Stopped(signal) => name(signal.as_raw()),
        State::SignalledReserved(reserved) => name(reserved.as_raw()),
        State::Trapped(trap) => name(match trap.signal {
            Ok(signal) => signal.as_raw(),
            Err(reserved) => reserved.as_raw(),
        }),
        State::Continued => name(raw::SIGCONT as i32),
    }
}

/// The name of the code, of those that a signal can have.
fn code(info: &Info) -> String {
    let code = info.code();
    let of_all = [
        (0, "SI_USER"),
        (raw::SI_KERNEL as i32, "SI_KERNEL"),
        (raw::SI_QUEUE, "SI_QUEUE"),
        (raw::SI_TIMER, "SI_TIMER"),
        (raw::SI_MESGQ, "SI_MESGQ"),
        (raw::SI_ASYNCIO, "SI_ASYNCIO"),
        (raw::SI_SIGIO, "SI_SIGIO"),
        (raw::SI_TKILL, "SI_TKILL"),
    ];
    if let Some((_, name)) = of_all.iter().find(|(number, _)| *number == code) {
        return (*name).to_owned();
    }
    let signal = info.signal().map_or(0, |signal| signal.as_raw()) as u32;
    let names: &[(i32, &str)] = match signal {
        raw::SIGCHLD => names! {
            CLD_EXITED CLD_KILLED CLD_DUMPED CLD_TRAPPED CLD_STOPPED CLD_CONTINUED
        },
        raw::SIGSEGV => names! {
            SEGV_MAPERR SEGV_ACCERR SEGV_BNDERR SEGV_PKUERR SEGV_MTEAERR SEGV_MTESERR
        },
        raw::SIGBUS => names! { BUS_ADRALN BUS_ADRERR BUS_OBJERR BUS_MCEERR_AR BUS_MCEERR_AO },
        raw::SIGILL => names! {
            ILL_ILLOPC ILL_ILLOPN ILL_ILLADR ILL_ILLTRP ILL_PRVOPC ILL_PRVREG ILL_COPROC ILL_BADSTK
        },
        raw::SIGFPE => names! {
            FPE_INTDIV FPE_INTOVF FPE_FLTDIV FPE_FLTOVF FPE_FLTUND FPE_FLTRES FPE_FLTINV FPE_FLTSUB
        },
        raw::SIGTRAP => names! { TRAP_BRKPT TRAP_TRACE TRAP_BRANCH TRAP_HWBKPT TRAP_UNK },
        raw::SIGSYS => names! { SYS_SECCOMP SYS_USER_DISPATCH },
        raw::SIGIO => names! { POLL_IN POLL_OUT POLL_MSG POLL_ERR POLL_PRI POLL_HUP },
        _ => &[],
    };
    match names.iter().find(|(number, _)| *number == code) {
        Some((_, name)) => (*name).to_owned(),
        None => code.to_string(),
    }
}
