//! System calls that are not to be had, in each of the ways in which kernels and sandboxes
//! say so: what can do without them does.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::support;
use support::limit;

use core::mem::MaybeUninit;
use core::time::Duration;
use std::os::fd::AsRawFd;

use rawipc::event::{eventfd, inotify, poller, timerfd};
use rawipc::process::exec::{List, Strings};
use rawipc::process::{
    self, CloneFlags, CloneOptions, Cloned, Command, State, WaitFlags, maps, memory,
};
use rawipc::signal::{self, Payload};
use rawipc::{Deadline, Errno, IoSlice, IoSliceMut, pipe};
use support::alone::alone;
use support::filter::{Refusal, refuse};

/// What is said of a call that there is not: by kernels, by container runtimes whose
/// filters are older than the call, and by other sandboxes.
const WAYS: [i32; 3] = [libc::EPERM, libc::ENOSYS, libc::EACCES];

/// An operation that has another way, and the calls that it can do without.
struct Operation {
    name: &'static str,
    calls: &'static [Absent],
    run: fn(),
}

/// A call, perhaps of one kind alone: the value of an argument, with a mask.
#[derive(Clone, Copy)]
struct Absent {
    number: libc::c_long,
    argument: u32,
    mask: u32,
    value: u32,
}

const fn call(number: libc::c_long) -> Absent {
    Absent {
        number,
        argument: 0,
        mask: 0,
        value: 0,
    }
}

/// `ioctl` with `PROCMAP_QUERY`.
const QUERY: Absent = Absent {
    number: libc::SYS_ioctl,
    argument: 1,
    mask: u32::MAX,
    value: 0xc068_6611,
};

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CloneOptions::fork",
        calls: &[call(libc::SYS_clone3)],
        run: fork,
    },
    Operation {
        name: "CloneOptions::vfork",
        calls: &[call(libc::SYS_clone3)],
        run: vfork,
    },
    Operation {
        name: "Command::spawn",
        calls: &[call(libc::SYS_clone3)],
        run: spawn,
    },
    Operation {
        name: "close_range_on_exec and Command::close_others",
        calls: &[call(libc::SYS_close_range)],
        run: close_others,
    },
    Operation {
        name: "EventFd::try_wait",
        calls: &[call(libc::SYS_preadv2)],
        run: counter,
    },
    Operation {
        name: "TimerFd::try_wait",
        calls: &[call(libc::SYS_preadv2)],
        run: timer,
    },
    Operation {
        name: "SignalFd::try_wait",
        calls: &[call(libc::SYS_preadv2)],
        run: signals,
    },
    Operation {
        name: "Inotify::try_read",
        calls: &[call(libc::SYS_preadv2)],
        run: names,
    },
    Operation {
        name: "Reader::try_read and Writer::try_write",
        calls: &[
            call(libc::SYS_preadv2),
            call(libc::SYS_pwritev2),
            call(libc::SYS_splice),
            call(libc::SYS_vmsplice),
            call(libc::SYS_tee),
        ],
        run: bytes,
    },
    Operation {
        name: "Poller::wait_until",
        calls: &[call(libc::SYS_epoll_pwait2)],
        run: poll,
    },
    Operation {
        name: "Maps::find",
        calls: &[QUERY],
        run: region,
    },
];

#[test]
fn call_with_other_way_takes_it_whatever_absent_call_returns() {
    alone(test_name!(), || {
        for operation in OPERATIONS {
            // That it works at all.
            (operation.run)();
            for errno in WAYS {
                let each = operation.calls.iter().map(core::slice::from_ref);
                for absent in each.chain([operation.calls]) {
                    without(absent, errno, operation);
                }
            }
        }
    });
}

/// Runs it in a thread of its own, as a filter is for ever.
fn without(absent: &[Absent], errno: i32, operation: &Operation) {
    let refusals: Vec<_> = absent.iter().map(|absent| absent.refused(errno)).collect();
    let numbers: Vec<_> = absent.iter().map(|absent| absent.number).collect();
    let run = operation.run;
    let thread = std::thread::spawn(move || {
        if refuse(&refusals) {
            run();
        } else {
            skipped!("no filters of system calls");
        }
    });
    assert!(
        thread.join().is_ok(),
        "{} without the calls {numbers:?}, which say {}",
        operation.name,
        std::io::Error::from_raw_os_error(errno)
    );
}

impl Absent {
    fn refused(self, errno: i32) -> Refusal {
        Refusal {
            number: self.number,
            argument: self.argument,
            mask: self.mask,
            value: self.value,
            errno,
        }
    }
}

fn fork() {
    let options = CloneOptions::new().flags(CloneFlags::PIDFD);
    // SAFETY: the child only exits.
    match unsafe { options.fork() }.unwrap() {
        Cloned::Child => process::exit(4),
        Cloned::Parent { pidfd, .. } => {
            let change = process::wait(&pidfd.unwrap(), WaitFlags::EXITED).unwrap();
            assert_eq!(change.state, State::Exited(4));
        }
    }
}

fn vfork() {
    let mut stack = [MaybeUninit::uninit(); 16 << 10];
    // SAFETY: the child only exits, and no signal is handled here.
    let (pid, _) = unsafe { CloneOptions::new().vfork(&mut stack, || 5) }.unwrap();
    let change = process::wait(pid, WaitFlags::EXITED).unwrap();
    assert_eq!(change.state, State::Exited(5));
}

fn spawn() {
    let args = List::of([c"sh", c"-c", c"exit 6"]);
    let command = Command::path(c"/bin/sh", &args, Strings::EMPTY);
    let child = command.reset_signals().spawn().unwrap();
    let change = process::wait(&child, WaitFlags::EXITED).unwrap();
    assert_eq!(change.state, State::Exited(6));
}

fn close_others() {
    // As of a library that knows no close-on-exec.
    let (leak, _other) = rustix::pipe::pipe().unwrap();
    let number = leak.as_raw_fd();
    let text = std::ffi::CString::new(format!("test ! -e /proc/self/fd/{number}")).unwrap();
    let args = List::of([c"sh", c"-c", &text]);
    let command = Command::path(c"/bin/sh", &args, Strings::EMPTY);
    let end = |command: Command<'_>| {
        let child = command.spawn().unwrap();
        process::wait(&child, WaitFlags::EXITED).unwrap().state
    };
    assert_eq!(end(command), State::Exited(1));
    assert_eq!(end(command.close_others()), State::Exited(0));

    assert!(rustix::io::fcntl_getfd(&leak).unwrap().is_empty());
    process::close_range_on_exec(number..=number).unwrap();
    assert!(!rustix::io::fcntl_getfd(&leak).unwrap().is_empty());
    #[allow(clippy::reversed_empty_ranges, reason = "which is what is refused")]
    let empty = process::close_range_on_exec(5..=4);
    assert_eq!(empty, Err(Errno::INVAL));
}

fn counter() {
    let event = eventfd::create(0, eventfd::EventFdFlags::empty()).unwrap();
    assert_eq!(event.try_wait(), Err(Errno::AGAIN));
    event.add(7).unwrap();
    assert_eq!(event.try_wait(), Ok(7));
    event.add(8).unwrap();
    assert_eq!(event.wait_until(limit()), Ok(8));
    assert_eq!(event.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
}

fn timer() {
    let flags = timerfd::TimerFdFlags::empty();
    let timer = timerfd::create(timerfd::Clock::Monotonic, flags).unwrap();
    assert!(matches!(timer.try_wait(), Err(Errno::AGAIN)));
    let start = timerfd::Start::After(Duration::from_nanos(1));
    timer.set(timerfd::Schedule::once(start)).unwrap();
    timer.wait_until(limit()).unwrap();
}

fn signals() {
    let number = signal::real_time(2).unwrap();
    signal::block(number).unwrap();
    let signals = signal::fd::create(number, signal::fd::SignalFdFlags::empty()).unwrap();
    assert!(matches!(signals.try_wait(), Err(Errno::AGAIN)));
    let recipient = signal::Recipient::Thread {
        process: process::id(),
        thread: process::thread_id(),
    };
    signal::queue(recipient, number, Payload::default()).unwrap();
    assert!(signals.try_wait().is_ok());
    assert!(matches!(
        signals.wait_until(Deadline::NOW),
        Err(Errno::TIMEDOUT)
    ));
}

fn names() {
    let inotify = inotify::create(inotify::InotifyFlags::empty()).unwrap();
    let mut buffer = [0; 512];
    assert!(matches!(inotify.try_read(&mut buffer), Err(Errno::AGAIN)));
}

fn bytes() {
    let (reader, writer) = pipe::create(pipe::PipeFlags::empty()).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(reader.try_read(&mut buffer), Err(Errno::AGAIN));
    assert_eq!(writer.try_write(b"abc"), Ok(3));
    assert_eq!(writer.write_until(b"def", limit()), Ok(3));
    let parts = [IoSlice::new(b"g"), IoSlice::new(b"h")];
    assert_eq!(writer.try_writev(&parts, pipe::WriteFlags::empty()), Ok(2));
    let (mut one, mut other) = ([0; 3], [0; 2]);
    let parts = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)];
    assert_eq!(reader.try_readv(parts), Ok(5));
    assert_eq!((&one, &other), (b"abc", b"de"));
    assert_eq!(reader.read_until(&mut buffer, limit()), Ok(3));
    // Full.
    let page = [0; 4096];
    while writer.try_write(&page).is_ok() {}
    assert_eq!(writer.try_write(&page), Err(Errno::AGAIN));

    let (reader, writer) = pipe::create(pipe::PipeFlags::PACKET).unwrap();
    assert_eq!(writer.try_write(b"packet"), Ok(6));
    assert_eq!(reader.try_read(&mut buffer), Ok(6));
    assert_eq!(reader.try_read(&mut buffer), Err(Errno::AGAIN));
}

fn poll() {
    let poller = poller::create(poller::PollerFlags::empty()).unwrap();
    let event = eventfd::create(0, eventfd::EventFdFlags::empty()).unwrap();
    poller.add(&event, 9, poller::Interest::IN).unwrap();
    let mut room = [poller::Event::EMPTY; 1];
    let short = Deadline::after(Duration::from_micros(100));
    assert!(matches!(
        poller.wait_until(&mut room, short),
        Err(Errno::TIMEDOUT)
    ));
    event.add(1).unwrap();
    assert_eq!(poller.wait_until(&mut room, limit()).unwrap()[0].token(), 9);
}

fn region() {
    let mut maps = maps::open(process::id()).unwrap();
    let mut buffer = [0; maps::BUFFER];
    let here = memory::Address::of(&maps);
    assert!(maps.find(here, &mut buffer).unwrap().is_some());
}

/// One call's own refusal is not an absent call's: it is the caller's to see.
#[test]
fn refusal_by_call_itself_is_reported() {
    alone(test_name!(), || {
        // clone3 and clone say the same of a namespace that may not be.
        let options = CloneOptions::new().flags(CloneFlags::NEWUTS);
        if !rustix::process::geteuid().is_root() {
            // SAFETY: the child only exits, should there be one.
            let made = unsafe { options.fork() };
            assert!(matches!(made, Err(Errno::PERM)));
        }
        // Nor is more asked of clone than it can say.
        std::thread::spawn(|| {
            for errno in WAYS {
                if !refuse(&[call(libc::SYS_clone3).refused(errno)]) {
                    return;
                }
                let options = CloneOptions::new().flags(CloneFlags::CLEAR_SIGHAND);
                // SAFETY: the child only exits, should there be one.
                let made = unsafe { options.fork() };
                assert!(made.is_err());
            }
        })
        .join()
        .unwrap();
    });
}
