//! Threads traced: every kind of stop, every event, every request, and what happens
//! when the tracee or the tracer is killed.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use std::time::Instant;

use rawipc::process::{self, Children, State, WaitFlags};
use rawipc::signal::action::{self, Action};
use rawipc::signal::{Cause, Info, Reserved, Set};
use rawipc::trace::{
    self, Call, Error, Event, Options, Pending, Phase, Refused, RegisterSet, Report, Running, Stop,
    Stopped, Trap,
};
use rawipc::{Errno, Pid, Signal, signal};
use support::tracee::{Guard, child, end, killed_by, next, seized};
use support::{Choices, LIMIT, LeakCheck};

/// A child that runs for ever.
fn spinning() -> Guard {
    child(|| {
        loop {
            core::hint::spin_loop();
        }
    })
}

/// A system call that a child makes, as it is.
fn bare(number: i64, arguments: [u64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the tests make calls that touch no memory.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

// --- How tracing begins ---

#[test]
fn seize_does_not_stop_and_interrupt_does() {
    let _check = LeakCheck::begin();
    let guard = spinning();
    let running = trace::seize(guard.pid, Options::KILL_ON_EXIT).unwrap();
    assert_eq!(running.tid(), guard.pid);
    let Err(Refused { tracee, errno }) = running.try_wait() else {
        panic!("it stopped");
    };
    assert_eq!(errno, Errno::AGAIN);
    tracee.interrupt().unwrap();
    let stopped = next(tracee);
    assert_eq!(
        (stopped.stop(), stopped.tid()),
        (Stop::Interrupt, guard.pid)
    );
    assert_eq!(stopped.signal(), None);
    assert_eq!(stopped.trap(), Ok(None));
    let running = stopped.cont(None).unwrap();
    running.interrupt().unwrap();
    assert_eq!(
        next(running).kill().wait_end().unwrap().state,
        killed_by(Signal::KILL)
    );
}

#[test]
fn attach_stops_by_sigstop() {
    let _check = LeakCheck::begin();
    let guard = spinning();
    let running = trace::attach(guard.pid, Options::EXIT | Options::KILL_ON_EXIT).unwrap();
    // Only one that was seized can be.
    assert_eq!(running.interrupt(), Err(Error::Errno(Errno::IO)));
    let stopped = next(running);
    assert_eq!(stopped.stop(), Stop::Signal(Signal::STOP));
    assert!(matches!(
        stopped.info().unwrap().cause(),
        Cause::User(_) | Cause::Kernel
    ));
    // Delivered, it stops the group: the same number, and no signal.
    let stopped = next(stopped.cont(Some(Signal::STOP)).unwrap());
    assert_eq!(stopped.stop(), Stop::Group(Signal::STOP));
    assert_eq!(stopped.info(), Err(Error::Errno(Errno::INVAL)));
    let Err(Refused {
        tracee: stopped,
        errno: Errno::IO,
    }) = stopped.listen()
    else {
        panic!("it was not seized");
    };
    // The options have been set at the first stop.
    let running = stopped.cont(None).unwrap();
    guard.pidfd.send_signal(Signal::TERM).unwrap();
    let stopped = next(running);
    assert_eq!(stopped.stop(), Stop::Signal(Signal::TERM));
    let signal = stopped.signal();
    let stopped = next(stopped.cont(signal).unwrap());
    assert_eq!(
        stopped.stop(),
        Stop::Event(Event::Exit(killed_by(Signal::TERM)))
    );
    assert_eq!(end(stopped.cont(None).unwrap()), killed_by(Signal::TERM));
}

#[test]
fn traceme_stops_at_exec() {
    let _check = LeakCheck::begin();
    let guard = child(|| {
        if trace::traceme().is_err() {
            return 1;
        }
        // Once is enough.
        if trace::traceme() != Err(Errno::PERM) {
            return 2;
        }
        execute()
    });
    let stopped = next(trace::adopt(guard.pid, Options::KILL_ON_EXIT));
    assert_eq!(stopped.stop(), Stop::Trap);
    assert_eq!(stopped.trap(), Ok(Some(Trap::Sent)));
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(0));
}

/// Becomes /bin/true, in a child.
fn execute() -> i32 {
    let arguments = [c"true".as_ptr(), core::ptr::null()];
    // SAFETY: C strings, and null at the end.
    unsafe { libc::execv(c"/bin/true".as_ptr(), arguments.as_ptr()) };
    101
}

#[test]
fn seize_of_forbidden_threads_is_refused() {
    let _check = LeakCheck::begin();
    let own = rustix::process::getpid();
    assert_eq!(trace::seize(own, Options::empty()).err(), Some(Errno::PERM));
    assert_eq!(
        trace::attach(own, Options::empty()).err(),
        Some(Errno::PERM)
    );
    let guard = spinning();
    let unknown = Options::from_bits_retain(1 << 12);
    assert_eq!(trace::seize(guard.pid, unknown).err(), Some(Errno::IO));
    let _running = trace::seize(guard.pid, Options::KILL_ON_EXIT).unwrap();
    for _ in 0..2 {
        assert_eq!(
            trace::seize(guard.pid, Options::empty()).err(),
            Some(Errno::PERM)
        );
    }
    let pid = guard.pid;
    drop(guard);
    assert_eq!(trace::seize(pid, Options::empty()).err(), Some(Errno::SRCH));
    // Its tracer is another thread: this one waits in vain for what is not its own.
    let guard = spinning();
    std::thread::scope(|scope| {
        let seize = || trace::seize(guard.pid, Options::KILL_ON_EXIT).map(drop);
        scope.spawn(move || assert_eq!(seize(), Ok(())));
    });
}

#[test]
fn unknown_options_are_refused_at_the_first_stop() {
    let _check = LeakCheck::begin();
    let guard = child(|| {
        let _ = trace::traceme();
        let _ = signal::raise(Signal::STOP);
        0
    });
    let unknown = Options::from_bits_retain(1 << 12);
    let Err(refused) = trace::adopt(guard.pid, unknown).wait() else {
        panic!("no kernel has this option");
    };
    assert_eq!(refused.errno, Errno::INVAL);
    refused.tracee.kill().unwrap();
    assert_eq!(end(refused.tracee), killed_by(Signal::KILL));
}

#[test]
fn detach_resumes_with_or_without_the_signal() {
    let _check = LeakCheck::begin();
    for (signal, state) in [
        (None, State::Exited(3)),
        (Some(Signal::TERM), killed_by(Signal::TERM)),
    ] {
        let (guard, stopped) = seized(Options::EXIT, || 3);
        stopped.detach(signal).unwrap();
        let end = process::wait(guard.pid, WaitFlags::EXITED).unwrap();
        assert_eq!(end.state, state);
    }
}

// --- Signals and stops of the group ---

#[test]
fn cont_delivers_the_signal_chosen() {
    let _check = LeakCheck::begin();
    for (instead, state) in [
        (Some(Signal::TERM), killed_by(Signal::TERM)),
        (Some(Signal::USR1), killed_by(Signal::USR1)),
        (Some(Signal::CHILD), State::Exited(4)),
        (None, State::Exited(4)),
    ] {
        let (_guard, stopped) = seized(Options::empty(), || {
            let _ = signal::raise(Signal::TERM);
            4
        });
        let stopped = next(stopped.cont(None).unwrap());
        assert_eq!(stopped.stop(), Stop::Signal(Signal::TERM));
        assert_eq!(stopped.signal(), Some(Signal::TERM));
        assert_eq!(end(stopped.cont(instead).unwrap()), state);
    }
}

#[test]
fn set_info_changes_what_the_handler_sees() {
    let _check = LeakCheck::begin();
    let (guard, stopped) = seized(Options::empty(), || {
        let _ = signal::raise(Signal::TERM);
        4
    });
    let stopped = next(stopped.cont(None).unwrap());
    let info = stopped.info().unwrap();
    assert_eq!(info.signal(), Some(Signal::TERM));
    let Cause::Thread(sender) = info.cause() else {
        panic!("{info:?}");
    };
    assert_eq!(sender.pid, Some(guard.pid));
    let said = Info::queued(Signal::TERM, signal::Payload::from_int(7));
    stopped.set_info(&said).unwrap();
    assert_eq!(stopped.info(), Ok(said));
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(4));
}

#[test]
fn mask_and_pending_signals_are_read_and_set() {
    let _check = LeakCheck::begin();
    let (guard, stopped) = seized(Options::empty(), || {
        let _ = signal::block(Set::of([Signal::USR1, Signal::USR2, Signal::TERM]));
        for _ in 0..2 {
            let _ = signal::raise(Signal::USR1);
        }
        let _ = signal::raise(Signal::USR2);
        let _ = signal::raise(Signal::STOP);
        5
    });
    guard.pidfd.send_signal(Signal::HUP).unwrap();
    let stopped = next(stopped.cont(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Signal(Signal::HUP));
    let stopped = next(stopped.cont(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Signal(Signal::STOP));
    guard.pidfd.send_signal(Signal::TERM).unwrap();

    let blocked = stopped.mask().unwrap();
    assert_eq!(blocked, Set::of([Signal::USR1, Signal::USR2, Signal::TERM]));
    let empty = Info::from_bytes([0; 128]);
    let mut infos = [empty; 10];
    let signals = |infos: &[Info]| infos.iter().filter_map(Info::signal).collect::<Vec<_>>();
    assert_eq!(stopped.pending(Pending::OfThread, 0, &mut infos), Ok(2));
    assert_eq!(signals(&infos), [Signal::USR1, Signal::USR2]);
    assert_eq!(
        stopped.pending(Pending::OfThread, 1, &mut infos[..1]),
        Ok(1)
    );
    assert_eq!(infos[0].signal(), Some(Signal::USR2));
    assert_eq!(stopped.pending(Pending::OfThread, 2, &mut infos), Ok(0));
    assert_eq!(stopped.pending(Pending::OfThread, 0, &mut []), Ok(0));
    let mut infos = [empty; 2];
    assert_eq!(stopped.pending(Pending::OfProcess, 0, &mut infos), Ok(1));
    assert_eq!(signals(&infos), [Signal::TERM]);

    stopped
        .set_mask(Set::of([Signal::USR2, Signal::TERM]))
        .unwrap();
    let stopped = next(stopped.cont(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Signal(Signal::USR1));
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(5));
}

#[test]
fn listen_at_group_stop_reports_its_end() {
    let _check = LeakCheck::begin();
    for signal in [Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        let (guard, mut stopped) = seized(Options::empty(), move || {
            // An orphaned group, which the tests' may be, is not stopped by a terminal's.
            let own_group = rustix::process::setpgid(None, None);
            let _ = own_group.and_then(|()| signal::raise(signal));
            6
        });
        stopped = next(stopped.cont(None).unwrap());
        assert_eq!(stopped.stop(), Stop::Signal(signal));
        // Not at this stop.
        let Err(Refused {
            tracee,
            errno: Errno::IO,
        }) = stopped.listen()
        else {
            panic!("listens for nothing");
        };
        let stopped = next(tracee.cont(Some(signal)).unwrap());
        assert_eq!(stopped.stop(), Stop::Group(signal));
        let running = stopped.listen().unwrap();
        let Err(Refused {
            tracee: running,
            errno: Errno::AGAIN,
        }) = running.try_wait()
        else {
            panic!("nothing has happened");
        };
        guard.pidfd.send_signal(Signal::CONT).unwrap();
        let stopped = next(running);
        assert_eq!(stopped.stop(), Stop::Interrupt);
        let stopped = next(stopped.cont(None).unwrap());
        assert_eq!(stopped.stop(), Stop::Signal(Signal::CONT));
        assert_eq!(
            end(stopped.cont(Some(Signal::CONT)).unwrap()),
            State::Exited(6)
        );
    }
}

#[test]
fn reserved_signal_of_tracee_is_delivered_however_it_is_resumed() {
    let _check = LeakCheck::begin();
    for (number, reserved) in [(32, Reserved::Signal32), (33, Reserved::Signal33)] {
        let (_guard, stopped) = seized(Options::empty(), || {
            // SAFETY: this child makes no use of a libc's threads.
            let signal = unsafe { signal::reserved(number) }.expect("one of them");
            // Its default action ends the process.
            let sent = action::set(signal, Action::DEFAULT)
                .and_then(|_| signal::unblock(signal))
                .and_then(|_| signal::raise(signal));
            i32::from(sent.is_ok())
        });
        let stopped = next(stopped.cont(None).unwrap());
        assert_eq!(stopped.stop(), Stop::Reserved(reserved));
        assert_eq!(stopped.signal(), None, "it is not the tracer's to send");
        let expected = State::SignalledReserved(reserved);
        assert_eq!(end(stopped.cont(None).unwrap()), expected);
    }
}

#[test]
fn listening_tracee_is_interrupted_and_killed() {
    let _check = LeakCheck::begin();
    let (_guard, stopped) = seized(Options::empty(), || 6);
    let stopped = next(stopped.cont(Some(Signal::STOP)).unwrap());
    assert_eq!(stopped.stop(), Stop::Group(Signal::STOP));
    let running = stopped.listen().unwrap();
    running.interrupt().unwrap();
    // It says again what it stands at.
    let stopped = next(running);
    assert_eq!(stopped.stop(), Stop::Group(Signal::STOP));
    let running = stopped.listen().unwrap();
    running.kill().unwrap();
    assert_eq!(end(running), killed_by(Signal::KILL));
}

// --- Events ---

#[test]
fn every_event_is_reported_with_its_message() {
    let _check = LeakCheck::begin();
    // Children of the tracee are traced too: each is let go at its first stop.
    let child_of = |stopped: &Stopped, options: Options| {
        let pid = match stopped.event() {
            Some(Event::Fork(pid) | Event::Vfork(pid) | Event::Clone(pid)) => pid,
            other => panic!("{other:?}"),
        };
        let new = next(traced_already(pid));
        assert_eq!(new.stop(), Stop::Interrupt);
        let running = new.cont(None).unwrap();
        if options.contains(Options::EXIT) {
            let stopped = next(running);
            assert_eq!(stopped.stop(), Stop::Event(Event::Exit(State::Exited(1))));
            assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(1));
        } else {
            assert_eq!(end(running), State::Exited(1));
        }
        pid
    };
    let make = |flags: i32| {
        let flags = flags as u64;
        if bare(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]) == 0 {
            process::exit(1);
        }
    };
    let options = Options::FOLLOW | Options::VFORK_DONE | Options::EXIT;
    let (_guard, stopped) = seized(options, || {
        make(libc::SIGCHLD);
        make(libc::SIGCHLD | libc::CLONE_VFORK);
        make(0);
        // None is left to whoever takes orphans.
        while process::wait(Children::Any, WaitFlags::EXITED | WaitFlags::ALL).is_ok() {}
        execute()
    });
    let stopped = next(stopped.cont(None).unwrap());
    assert!(matches!(stopped.stop(), Stop::Event(Event::Fork(_))));
    child_of(&stopped, options);

    let stopped = next(stopped.cont(None).unwrap());
    assert!(
        matches!(stopped.stop(), Stop::Signal(Signal::CHILD)),
        "{:?}",
        stopped.stop()
    );
    let stopped = next(stopped.cont(None).unwrap());
    assert!(matches!(stopped.stop(), Stop::Event(Event::Vfork(_))));
    let pid = child_of(&stopped, options);
    let stopped = next(stopped.cont(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Event(Event::VforkDone(pid)));

    let stopped = next(stopped.cont(None).unwrap());
    assert!(
        matches!(stopped.stop(), Stop::Signal(Signal::CHILD)),
        "{:?}",
        stopped.stop()
    );
    let stopped = next(stopped.cont(None).unwrap());
    assert!(matches!(stopped.stop(), Stop::Event(Event::Clone(_))));
    child_of(&stopped, options);

    let stopped = next(stopped.cont(None).unwrap());
    let former = stopped.tid();
    assert_eq!(stopped.stop(), Stop::Event(Event::Exec { former }));
    let stopped = next(stopped.cont(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Event(Event::Exit(State::Exited(0))));
    // All is still there.
    assert_ne!(stopped.registers().unwrap().pc(), 0);
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(0));
}

/// One that is traced because its maker is.
fn traced_already(pid: Pid) -> Running {
    // Setting options that it has does not matter.
    trace::adopt(
        pid,
        Options::FOLLOW | Options::VFORK_DONE | Options::EXIT | Options::KILL_ON_EXIT,
    )
}

#[test]
fn seccomp_event_hands_the_call_to_the_tracer() {
    let _check = LeakCheck::begin();
    const DATA: u16 = 0x123;
    let (_guard, stopped) = seized(Options::SECCOMP, || {
        let step = |code: u32, jt, jf, k| libc::sock_filter {
            code: code as u16,
            jt,
            jf,
            k,
        };
        let mut program = [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
            step(
                libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
                0,
                1,
                libc::SYS_getppid as u32,
            ),
            step(
                libc::BPF_RET | libc::BPF_K,
                0,
                0,
                libc::SECCOMP_RET_TRACE | u32::from(DATA),
            ),
            step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog {
            len: 4,
            filter: program.as_mut_ptr(),
        };
        // SAFETY: no memory is involved.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        // SAFETY: the program is borrowed for the call.
        let set = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        };
        if set != 0 {
            return 102;
        }
        let first = bare(libc::SYS_getppid, [11, 12, 13, 14, 15, 16]);
        let second = bare(libc::SYS_getppid, [0; 6]);
        i32::from(first == 77 && second > 0)
    });
    let report = stopped.cont(None).unwrap().wait().unwrap();
    if report.ended() == Some(State::Exited(102)) {
        skipped!("no seccomp filters here");
        return;
    }
    let stopped = report.stopped().unwrap();
    assert_eq!(stopped.stop(), Stop::Event(Event::Seccomp(DATA)));
    let syscall = stopped.syscall_info().unwrap();
    let call = Call {
        number: libc::SYS_getppid as u64,
        arguments: [11, 12, 13, 14, 15, 16],
    };
    assert_eq!(
        syscall.phase,
        Phase::Seccomp {
            call,
            data: DATA.into()
        }
    );
    assert_eq!(syscall.call(), Some(call));
    // Not this call, but a result of ours.
    stopped.set_syscall_number(-1).unwrap();
    let mut registers = stopped.registers().unwrap();
    registers.set_result(77);
    stopped.set_registers(&registers).unwrap();

    let stopped = next(stopped.cont(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Event(Event::Seccomp(DATA)));
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(1));
}

// --- System calls ---

#[test]
fn syscall_stops_report_entry_and_exit() {
    let _check = LeakCheck::begin();
    const BAD: u64 = u32::MAX as u64;
    let (guard, mut stopped) = seized(Options::empty(), || {
        bare(libc::SYS_getppid, [1, 2, 3, 4, 5, 6]);
        bare(libc::SYS_close, [BAD, 0, 0, 0, 0, 0]);
        7
    });
    let mut calls = Vec::new();
    let mut entered = None;
    let state = loop {
        stopped = match stopped.syscall(None).unwrap().wait().unwrap() {
            Report::Stopped(stopped) => stopped,
            Report::Ended(ended) => break ended.state,
        };
        let Stop::Syscall(syscall) = stopped.stop() else {
            panic!("{:?}", stopped.stop());
        };
        assert_eq!(syscall, stopped.syscall_info().unwrap());
        assert_ne!(syscall.machine, 0);
        let registers = stopped.registers().unwrap();
        assert_eq!((syscall.pc, syscall.sp), (registers.pc(), registers.sp()));
        match syscall.phase {
            Phase::Entry(call) => {
                assert_eq!(registers.syscall_number(), call.number);
                assert_eq!(registers.syscall_arguments(), call.arguments);
                assert_eq!(syscall.result(), None);
                assert_eq!(entered.replace(call), None);
            }
            Phase::Exit(result) => {
                assert_eq!(syscall.result(), Some(result));
                assert_eq!(syscall.call(), None);
                calls.push((entered.take().expect("an entry"), result));
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(state, State::Exited(7));
    assert_eq!(
        entered.map(|call| call.number),
        Some(libc::SYS_exit_group as u64)
    );
    let parent = rustix::process::getpid().as_raw_pid() as u64;
    let getppid = Call {
        number: libc::SYS_getppid as u64,
        arguments: [1, 2, 3, 4, 5, 6],
    };
    let close = Call {
        number: libc::SYS_close as u64,
        arguments: [BAD, 0, 0, 0, 0, 0],
    };
    assert_eq!(calls, [(getppid, Ok(parent)), (close, Err(Errno::BADF))]);
    drop(guard);
}

#[test]
fn set_syscall_info_replaces_call_and_result() {
    let _check = LeakCheck::begin();
    let (_guard, stopped) = seized(Options::empty(), || {
        let first = bare(libc::SYS_close, [u64::from(u32::MAX), 0, 0, 0, 0, 0]);
        let second = bare(libc::SYS_close, [u64::from(u32::MAX), 0, 0, 0, 0, 0]);
        let errno = std::io::Error::last_os_error().raw_os_error();
        i32::from(first == 55)
            | i32::from(second == -1) << 1
            | i32::from(errno == Some(libc::EXDEV)) << 2
    });
    let at = |stopped: &Stopped| match stopped.stop() {
        Stop::Syscall(syscall) => syscall,
        other => panic!("{other:?}"),
    };
    // The first: getppid instead of close, and 55 instead of its result.
    let stopped = next(stopped.syscall(None).unwrap());
    let mut entry = at(&stopped);
    let call = Call {
        number: libc::SYS_getppid as u64,
        arguments: [9, 8, 7, 6, 5, 4],
    };
    entry.phase = Phase::Entry(call);
    match stopped.set_syscall_info(&entry) {
        Ok(()) => {}
        Err(Error::Errno(Errno::IO)) => {
            skipped!("Linux before 6.16");
            return;
        }
        Err(error) => panic!("{error:?}"),
    }
    assert_eq!(stopped.syscall_info().unwrap().call(), Some(call));
    // Another phase is refused.
    let wrong = trace::Syscall {
        phase: Phase::Exit(Ok(0)),
        ..entry
    };
    assert_eq!(
        stopped.set_syscall_info(&wrong),
        Err(Error::Errno(Errno::INVAL))
    );

    let stopped = next(stopped.syscall(None).unwrap());
    let mut exit = at(&stopped);
    let parent = rustix::process::getpid().as_raw_pid() as u64;
    assert_eq!(exit.phase, Phase::Exit(Ok(parent)));
    exit.phase = Phase::Exit(Ok(55));
    stopped.set_syscall_info(&exit).unwrap();

    // The second: another error.
    let stopped = next(stopped.syscall(None).unwrap());
    assert!(at(&stopped).call().is_some());
    let stopped = next(stopped.syscall(None).unwrap());
    let mut exit = at(&stopped);
    assert_eq!(exit.phase, Phase::Exit(Err(Errno::BADF)));
    exit.phase = Phase::Exit(Err(Errno::XDEV));
    stopped.set_syscall_info(&exit).unwrap();
    assert_eq!(stopped.syscall_info().unwrap(), exit);
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(0b111));
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn sysemu_call_is_not_carried_out() {
    let _check = LeakCheck::begin();
    let (_guard, stopped) = seized(Options::empty(), || {
        let emulated = bare(libc::SYS_getppid, [0; 6]);
        let real = bare(libc::SYS_getppid, [0; 6]);
        i32::from(emulated == 12345) | i32::from(real > 0) << 1
    });
    let stopped = next(stopped.sysemu(None).unwrap());
    let Stop::Syscall(syscall) = stopped.stop() else {
        panic!("{:?}", stopped.stop());
    };
    assert_eq!(
        syscall.call().map(|call| call.number),
        Some(libc::SYS_getppid as u64)
    );
    let mut registers = stopped.registers().unwrap();
    registers.set_result(12345);
    stopped.set_registers(&registers).unwrap();
    // The one entry was all of it; steps go on behind it.
    let stopped = next(stopped.sysemu_step(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Trap);
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(0b11));
}

#[test]
fn syscall_exit_reports_interruption() {
    let _check = LeakCheck::begin();
    let (guard, stopped) = seized(Options::empty(), || {
        // For ever, and no descriptor.
        bare(libc::SYS_ppoll, [0; 6]);
        1
    });
    let stopped = next(stopped.syscall(None).unwrap());
    let running = stopped.syscall(None).unwrap();
    guard.pidfd.send_signal(Signal::TERM).unwrap();
    let stopped = next(running);
    let Stop::Syscall(syscall) = stopped.stop() else {
        panic!("{:?}", stopped.stop());
    };
    // ERESTARTNOHAND.
    assert_eq!(
        syscall.phase,
        Phase::Exit(Err(Errno::from_raw_os_error(514)))
    );
    let stopped = next(stopped.syscall(None).unwrap());
    assert_eq!(stopped.stop(), Stop::Signal(Signal::TERM));
    assert_eq!(
        end(stopped.syscall(Some(Signal::TERM)).unwrap()),
        killed_by(Signal::TERM)
    );
}

// --- Registers and memory ---

#[test]
fn registers_are_read_and_set() {
    let _check = LeakCheck::begin();
    let (_guard, stopped) = seized(Options::empty(), || {
        bare(libc::SYS_getppid, [0; 6]);
        8
    });
    let stopped = next(stopped.syscall(None).unwrap());
    let stopped = next(stopped.syscall(None).unwrap());
    let mut registers = stopped.registers().unwrap();
    let mut bytes = [0; 1024];
    let len = stopped
        .register_set(RegisterSet::GENERAL, &mut bytes)
        .unwrap();
    assert_eq!(len, size_of_val(&registers));
    registers.set_result(99);
    assert_ne!(stopped.registers(), Ok(registers));
    stopped.set_registers(&registers).unwrap();
    assert_eq!(stopped.registers(), Ok(registers));
    // As bytes it is the same.
    assert_eq!(
        stopped.set_register_set(RegisterSet::GENERAL, &bytes[..len]),
        Ok(len)
    );
    assert_ne!(stopped.registers(), Ok(registers));

    // Eight bytes fit, and not all.
    assert_eq!(
        stopped.register_set(RegisterSet::GENERAL, &mut bytes[..8]),
        Ok(8)
    );
    let none = RegisterSet(0x7fff);
    assert_eq!(
        stopped.register_set(none, &mut bytes),
        Err(Error::Errno(Errno::INVAL))
    );
    let len = stopped
        .register_set(RegisterSet::FLOATING_POINT, &mut bytes)
        .unwrap();
    assert!((64..=1024).contains(&len), "{len}");
    assert_eq!(
        stopped.set_register_set(RegisterSet::FLOATING_POINT, &bytes[..len]),
        Ok(len)
    );
    let mut after = [0; 1024];
    assert_eq!(
        stopped.register_set(RegisterSet::FLOATING_POINT, &mut after),
        Ok(len)
    );
    assert_eq!(after[..len], bytes[..len]);

    if cfg!(target_arch = "x86_64") {
        let mut xstate = vec![0; 1 << 16];
        let len = stopped
            .register_set(RegisterSet::X86_XSTATE, &mut xstate)
            .unwrap();
        assert!(len >= 576, "{len}");
        // xmm0, in what fxsave stores.
        xstate[160..176].copy_from_slice(&[0x5a; 16]);
        // That it is there is said in the state's header.
        xstate[512] |= 2;
        assert_eq!(
            stopped.set_register_set(RegisterSet::X86_XSTATE, &xstate[..len]),
            Ok(len)
        );
        stopped
            .register_set(RegisterSet::FLOATING_POINT, &mut after)
            .unwrap();
        assert_eq!(after[160..176], [0x5a; 16]);
        assert_eq!(
            stopped.set_register_set(RegisterSet::X86_XSTATE, &xstate[..8]),
            Err(Error::Errno(Errno::FAULT))
        );
    }
    // A child by fork has its parent's.
    match (stopped.rseq(), stopped.user_dispatch()) {
        (Ok(rseq), Ok(dispatch)) => {
            assert!(rseq.address == 0 || rseq.size >= 20, "{rseq:?}");
            assert_eq!(dispatch.mode, 0);
        }
        (rseq, dispatch) => println!("not on this kernel: {rseq:?}, {dispatch:?}"),
    }
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(8));
}

/// Two pages, and a hole behind them.
struct Pages(*mut u8);

const PAGE: usize = 1 << 16;

impl Pages {
    fn new() -> Self {
        // SAFETY: a new mapping.
        let place = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                3 * PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(place, libc::MAP_FAILED);
        Self(place.cast())
    }

    fn address(&self) -> usize {
        self.0.expose_provenance()
    }

    /// In a child.
    fn prepare(&self) {
        // SAFETY: within the mapping, of which nothing refers to the second page.
        unsafe { libc::mprotect(self.0.wrapping_add(PAGE).cast(), PAGE, libc::PROT_NONE) };
        // SAFETY: within the mapping, of which nothing refers to the third page.
        unsafe { libc::munmap(self.0.wrapping_add(2 * PAGE).cast(), PAGE) };
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping; nothing refers to it.
        unsafe { libc::munmap(self.0.cast(), 3 * PAGE) };
    }
}

#[test]
fn memory_is_read_and_written_up_to_its_end() {
    let _check = LeakCheck::begin();
    let pages = Pages::new();
    let content = support::pattern(3 * PAGE, 4);
    // SAFETY: as long as the mapping, to which nothing refers.
    unsafe { pages.0.copy_from(content.as_ptr(), content.len()) };
    let begin = pages.address();
    let (_guard, stopped) = seized(Options::empty(), || {
        pages.prepare();
        let _ = signal::raise(Signal::STOP);
        // SAFETY: within the first page.
        let first = unsafe { pages.0.wrapping_add(3).read_volatile() };
        i32::from(first)
    });
    let stopped = next(stopped.cont(None).unwrap());

    // The second page the tracee cannot read itself.
    let mut bytes = vec![0; 3 * PAGE];
    assert_eq!(stopped.read(begin, &mut bytes), Ok(2 * PAGE));
    assert_eq!(bytes[..2 * PAGE], content[..2 * PAGE]);
    assert_eq!(stopped.read(begin + PAGE + 3, &mut bytes[..5]), Ok(5));
    assert_eq!(bytes[..5], content[PAGE + 3..PAGE + 8]);
    assert_eq!(stopped.read(begin + 2 * PAGE - 3, &mut bytes[..8]), Ok(3));
    assert_eq!(stopped.read(begin, &mut []), Ok(0));
    let nowhere = Err(Error::Errno(Errno::IO));
    assert_eq!(stopped.read(begin + 2 * PAGE, &mut bytes[..1]), nowhere);
    assert_eq!(stopped.read(begin + 2 * PAGE, &mut bytes), nowhere);
    assert_eq!(stopped.read(0, &mut bytes[..8]), nowhere);
    assert_eq!(stopped.read(usize::MAX - 3, &mut bytes[..8]), nowhere);
    assert_eq!(stopped.peek(begin + 2 * PAGE - 7), nowhere);
    assert_eq!(stopped.peek(usize::MAX), nowhere);

    // Words need not be aligned.
    let word = usize::from_ne_bytes(content[5..][..size_of::<usize>()].try_into().unwrap());
    assert_eq!(stopped.peek(begin + 5), Ok(word));
    stopped.poke(begin + 5, !word).unwrap();
    assert_eq!(stopped.peek(begin + 5), Ok(!word));
    assert_eq!(
        stopped.poke(begin + 2 * PAGE, 0),
        Err(Error::Errno(Errno::IO))
    );

    // Written across the border, nothing else is.
    let new = support::pattern(PAGE, 9);
    assert_eq!(stopped.write(begin + PAGE - 13, &new), Ok(PAGE));
    assert_eq!(
        stopped.read(begin + PAGE - 16, &mut bytes[..PAGE + 6]),
        Ok(PAGE + 6)
    );
    assert_eq!(bytes[..3], content[PAGE - 16..PAGE - 13]);
    assert_eq!(bytes[3..PAGE + 3], new);
    assert_eq!(
        bytes[PAGE + 3..PAGE + 6],
        content[2 * PAGE - 13..2 * PAGE - 10]
    );
    assert_eq!(stopped.write(begin + 2 * PAGE - 3, &new[..8]), Ok(3));
    assert_eq!(stopped.write(begin + 2 * PAGE, &new[..8]), nowhere);
    assert_eq!(stopped.write(begin + 3, &[44]), Ok(1));
    assert_eq!(end(stopped.cont(None).unwrap()), State::Exited(44));
    // SAFETY: within the first page, which the child has a copy of.
    let own = unsafe { pages.0.wrapping_add(3).read_volatile() };
    assert_eq!(own, content[3]);
}

// --- Killed ---

/// Every request of one that stands still and was killed.
fn requests(stopped: &Stopped) -> Vec<Result<(), Error>> {
    let mut bytes = [0; 64];
    vec![
        stopped.registers().map(drop),
        stopped.set_registers(&trace::Registers::default()),
        stopped
            .register_set(RegisterSet::GENERAL, &mut bytes)
            .map(drop),
        stopped
            .set_register_set(RegisterSet::GENERAL, &bytes[..8])
            .map(drop),
        stopped.syscall_info().map(drop),
        stopped.set_syscall_number(1),
        stopped.rseq().map(drop),
        stopped.user_dispatch().map(drop),
        stopped.info().map(drop),
        stopped.set_info(&Info::from_bytes([0; 128])),
        stopped
            .pending(Pending::OfThread, 0, &mut [Info::from_bytes([0; 128])])
            .map(drop),
        stopped.mask().map(drop),
        stopped.set_mask(Set::EMPTY),
        stopped.set_options(Options::empty()),
        stopped.peek(0).map(drop),
        stopped.poke(0, 0),
        trace::Breakpoint::insert(stopped, 0).map(drop),
    ]
}

#[test]
fn requests_to_killed_tracee_are_gone() {
    let _check = LeakCheck::begin();
    type Way = fn(Stopped) -> Result<Running, Refused<Stopped>>;
    let ways: [Way; 7] = [
        |stopped| stopped.cont(None),
        |stopped| stopped.step(None),
        |stopped| stopped.step_block(Some(Signal::TERM)),
        |stopped| stopped.syscall(None),
        |stopped| stopped.sysemu(None),
        |stopped| stopped.sysemu_step(None),
        |stopped| Ok(stopped.kill()),
    ];
    for way in ways {
        let (guard, stopped) = seized(Options::empty(), || 0);
        guard.kill();
        for (index, request) in requests(&stopped).into_iter().enumerate() {
            assert_eq!(request, Err(Error::Gone), "request {index}");
        }
        let Err(Refused {
            tracee: stopped,
            errno,
        }) = stopped.detach(None)
        else {
            panic!("it is gone");
        };
        assert_eq!(errno, Errno::SRCH);
        assert_eq!(end(way(stopped).unwrap()), killed_by(Signal::KILL));
        // Nothing is left, even of a handle that should not be.
        let late = trace::adopt(guard.pid, Options::empty());
        assert_eq!(late.interrupt(), Err(Error::Gone));
        assert_eq!(late.kill(), Err(Error::Gone));
        assert_eq!(
            late.wait().map(drop).map_err(|refused| refused.errno),
            Err(Errno::CHILD)
        );
    }
}

#[test]
fn tracee_killed_at_any_moment_ends() {
    let _check = LeakCheck::begin();
    let mut choices = Choices::new(5);
    let begin = Instant::now();
    let mut steps = 0;
    for _ in 0..150 {
        let (guard, mut stopped) = seized(Options::EXIT, || {
            loop {
                bare(libc::SYS_getppid, [0; 6]);
            }
        });
        let pauses = choices.below(3000);
        let state = std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..pauses {
                    core::hint::spin_loop();
                }
                guard.kill();
            });
            loop {
                let way = match steps % 3 {
                    0 => stopped.step(None),
                    1 => stopped.syscall(None),
                    _ => stopped.cont(None).inspect(|running| {
                        let _ = running.interrupt();
                    }),
                };
                match way.unwrap().wait().unwrap() {
                    Report::Ended(ended) => break ended.state,
                    Report::Stopped(at) => stopped = at,
                }
                steps += 1;
                // Whatever the moment, there is no other error.
                assert!(matches!(stopped.registers(), Ok(_) | Err(Error::Gone)));
            }
        });
        assert_eq!(state, killed_by(Signal::KILL));
        assert!(begin.elapsed() < LIMIT);
    }
    println!("{steps} stops");
}

#[test]
fn kill_on_exit_ends_tracees_with_their_tracer() {
    let _check = LeakCheck::begin();
    for (options, dies) in [(Options::KILL_ON_EXIT, true), (Options::empty(), false)] {
        let guard = spinning();
        // A tracer is a thread.
        let tracer = std::thread::scope(|scope| {
            let tracer = scope.spawn(|| {
                let running = trace::seize(guard.pid, options).unwrap();
                running.interrupt().unwrap();
                let stopped = next(running);
                stopped.cont(None).map(drop).unwrap();
            });
            tracer.join()
        });
        tracer.unwrap();
        if dies {
            let end = process::wait(guard.pid, WaitFlags::EXITED).unwrap();
            assert_eq!(end.state, killed_by(Signal::KILL));
        } else {
            // Free again.
            let running = trace::seize(guard.pid, Options::KILL_ON_EXIT).unwrap();
            running.interrupt().unwrap();
            assert_eq!(next(running).stop(), Stop::Interrupt);
        }
    }
}

#[test]
fn wait_end_passes_every_stop() {
    let _check = LeakCheck::begin();
    let (_guard, stopped) = seized(Options::EXIT, || {
        let _ = signal::raise(Signal::USR1);
        let _ = signal::raise(Signal::STOP);
        11
    });
    let ended = stopped.cont(None).unwrap().wait_end().unwrap();
    assert_eq!(ended.state, State::Exited(11));
}
