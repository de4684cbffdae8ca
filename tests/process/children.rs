//! Processes made, replaced, awaited and signalled.
//!
//! The harness has threads, and so has the process that runs a test. What forks
//! runs in a process of its own, whose children only use the crate.

use crate::support;

use core::ffi::CStr;
use core::ptr::NonNull;
use core::time::Duration;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rawipc::process::exec::{self, Full, List, StringRef, Strings};
use rawipc::process::{self, Change, Children, Fork, Pidfd, State, Trap, WaitFlags, pidfd};
use rawipc::{Deadline, Errno, Pid, Signal};
use support::alone::{alone, child, end_of, held_child, killed_by};
use support::{Folder, LIMIT, LeakCheck};

const NO_ENV: Strings<'_> = Strings::EMPTY;

/// What a child exits with that was to become another program and could not.
const NOT_EXECUTED: i32 = 127;

/// What a program executed in a child exits with.
#[track_caller]
fn executed(run: impl FnOnce() -> Errno) -> State {
    end_of(child(|| {
        let _why = run();
        NOT_EXECUTED
    }))
}

fn signal(number: i32) -> Signal {
    assert!((1..=64).contains(&number));
    // SAFETY: there is such a signal.
    unsafe { Signal::from_raw_unchecked(number) }
}

#[test]
fn exit_status_is_truncated_to_8_bits() {
    alone(test_name!(), || {
        for status in [0, 1, 7, 127, 128, 255, 256, 257, -1, i32::MIN, i32::MAX] {
            let child = child(|| status);
            let change = process::wait(child, WaitFlags::EXITED).unwrap();
            assert_eq!(change.pid, child);
            assert_eq!(change.uid, rustix::process::getuid().as_raw());
            assert_eq!(change.state, State::Exited(status as u8));
            assert_eq!(change.state.is_success(), status as u8 == 0);
            assert!(change.state.is_end());
        }
    });
}

#[test]
fn fork_copies_memory_and_shares_descriptors() {
    alone(test_name!(), || {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let mut value = [1_u8, 2, 3];
        let child = child(|| {
            value[1] = 9;
            match rustix::io::write(&write, &value) {
                Ok(3) => 0,
                _ => 1,
            }
        });
        drop(write);
        let mut arrived = Vec::new();
        File::from(read).read_to_end(&mut arrived).unwrap();
        assert_eq!(arrived, [1, 9, 3]);
        assert_eq!(value, [1, 2, 3]);
        assert_eq!(end_of(child), State::Exited(0));
    });
}

#[test]
fn exec_by_path_runs_program() {
    alone(test_name!(), || {
        let args = List::of([c"true"]);
        assert_eq!(
            executed(|| exec::path(c"/bin/true", &args, NO_ENV)),
            State::Exited(0)
        );
        assert_eq!(
            executed(|| exec::path(c"/bin/false", &args, NO_ENV)),
            State::Exited(1)
        );
        let args = List::of([c"sh", c"-c", c"exit 7"]);
        assert_eq!(
            executed(|| exec::path(c"/bin/sh", &args, NO_ENV)),
            State::Exited(7)
        );
    });
}

#[test]
fn exec_by_descriptor_runs_program() {
    alone(test_name!(), || {
        let args = List::of([c"sh", c"-c", c"exit 9"]);
        let file = File::open("/bin/sh").unwrap();
        assert_eq!(
            executed(|| exec::descriptor(&file, &args, NO_ENV)),
            State::Exited(9)
        );
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let name = rustix::fs::open("/bin/sh", flags, rustix::fs::Mode::empty()).unwrap();
        assert_eq!(
            executed(|| exec::descriptor(&name, &args, NO_ENV)),
            State::Exited(9)
        );
    });
}

fn memfd(flags: rustix::fs::MemfdFlags, content: &[u8]) -> File {
    let mut memfd = File::from(rustix::fs::memfd_create("program", flags).expect("a memfd"));
    memfd.write_all(content).expect("room");
    memfd
}

#[test]
fn exec_of_unnamed_file_runs_program() {
    alone(test_name!(), || {
        let memfd = memfd(
            rustix::fs::MemfdFlags::CLOEXEC,
            &fs::read("/bin/sh").unwrap(),
        );
        let args = List::of([c"sh", c"-c", c"exit 11"]);
        assert_eq!(
            executed(|| exec::descriptor(&memfd, &args, NO_ENV)),
            State::Exited(11)
        );
    });
}

#[test]
fn exec_of_script_by_cloexec_descriptor_is_refused() {
    alone(test_name!(), || {
        let script = b"#!/bin/sh\nexit 13\n";
        let args = List::of([c"script"]);
        let closed = memfd(rustix::fs::MemfdFlags::CLOEXEC, script);
        assert_eq!(
            exec::descriptor(&closed, &args, NO_ENV),
            Errno::NOENT,
            "and this process goes on"
        );
        let inherited = memfd(rustix::fs::MemfdFlags::empty(), script);
        assert_eq!(
            executed(|| exec::descriptor(&inherited, &args, NO_ENV)),
            State::Exited(13)
        );
    });
}

#[test]
fn exec_that_fails_returns_its_error_and_changes_nothing() {
    // Alone, as a sibling's fork could hold a new file open for writing.
    alone(test_name!(), || {
        let folder = Folder::new("exec");
        let args = List::of([c"never"]);
        let why = |path: &CStr| exec::path(path, &args, NO_ENV);

        assert_eq!(why(c"/nonexistent/program"), Errno::NOENT);
        assert_eq!(why(c""), Errno::NOENT);
        assert_eq!(why(c"/bin/sh/sh"), Errno::NOTDIR);
        assert_eq!(why(c"/"), Errno::ACCESS);
        let private = folder.program("private", 0o600, &fs::read("/bin/true").unwrap());
        assert_eq!(why(&private), Errno::ACCESS);
        let nonsense = folder.program("nonsense", 0o700, b"neither a program nor a script");
        assert_eq!(why(&nonsense), Errno::NOEXEC);
        let lost = folder.program("lost", 0o700, b"#!/nonexistent/interpreter\n");
        assert_eq!(why(&lost), Errno::NOENT);

        let private = File::open(private.to_str().unwrap()).unwrap();
        assert_eq!(exec::descriptor(&private, &args, NO_ENV), Errno::ACCESS);
        let nonsense = File::open(nonsense.to_str().unwrap()).unwrap();
        assert_eq!(exec::descriptor(&nonsense, &args, NO_ENV), Errno::NOEXEC);

        let long = CString::new(vec![b'x'; 4 << 20]).unwrap();
        let too_long = List::of([c"true", &long]);
        assert_eq!(
            exec::path(c"/bin/true", &too_long, NO_ENV),
            Errno::TOOBIG,
            "an argument of 4 MiB"
        );
        assert_eq!(exec::path(c"/bin/true", &args, &too_long), Errno::TOOBIG);
    });
}

#[test]
fn arguments_and_environment_arrive_exactly() {
    alone(test_name!(), || {
        let tell = c"cat /proc/$$/cmdline; printf '|'; cat /proc/$$/environ; exit 0";
        let mut args = List::<8>::of([c"sh"; 8]);
        assert_eq!(args.push(c"one too many"), Err(Full));
        args = List::new();
        for word in [
            c"a name of its own",
            c"-c",
            tell,
            c"",
            c"two words",
            c"\xff\x01",
        ] {
            args.push(word).unwrap();
        }
        let env = List::of([
            c"PATH=/usr/bin:/bin",
            c"EMPTY=",
            c"no equals sign",
            c"X=\xfe",
        ]);

        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let child = child(|| {
            // SAFETY: 1 is open, and this process is to become another.
            let mut stdout = unsafe { OwnedFd::from_raw_fd(1) };
            if rustix::io::dup2(&write, &mut stdout).is_ok() {
                let _why = exec::path(c"/bin/sh", &args, &env);
            }
            NOT_EXECUTED
        });
        drop(write);
        let mut told = Vec::new();
        File::from(read).read_to_end(&mut told).unwrap();
        assert_eq!(end_of(child), State::Exited(0));

        let mut sent: Vec<u8> = args
            .strings()
            .iter()
            .flat_map(CStr::to_bytes_with_nul)
            .copied()
            .collect();
        sent.push(b'|');
        sent.extend(env.strings().iter().flat_map(CStr::to_bytes_with_nul));
        assert_eq!(told, sent);
    });
}

#[test]
fn list_of_strings_ends_at_the_null() {
    let _check = LeakCheck::begin();
    assert_eq!(Strings::EMPTY.iter().next(), None);
    assert_eq!(List::<0>::new().strings().iter().next(), None);
    assert_eq!(List::<3>::new().strings().iter().next(), None);
    assert_eq!(List::<0>::new().push(c"x"), Err(Full));

    let mut list = List::<2>::default();
    list.push(c"a").unwrap();
    assert!(list.strings().iter().eq([c"a"]));
    list.push(c"").unwrap();
    assert!(list.strings().iter().eq([c"a", c""]));
    assert_eq!(list.push(c"b"), Err(Full));
    assert!(Full.to_string().contains("no place left"));
    let mut strings = list.strings().iter();
    assert_eq!(strings.by_ref().count(), 2);
    assert_eq!(strings.next(), None, "however often it is asked");
    assert_eq!(format!("{list:?}"), r#"["a", ""]"#);

    let element = |string| Some(StringRef::new(string));
    assert!(Strings::new(&[]).is_none());
    assert!(Strings::new(&[element(c"a"), element(c"b")]).is_none());
    let early = [element(c"a"), None, element(c"b"), None];
    assert!(Strings::new(&early).unwrap().iter().eq([c"a"]));

    let raw = [c"p".as_ptr(), c"q".as_ptr(), core::ptr::null()];
    // SAFETY: two C strings and a null pointer, which outlive the list.
    let list = unsafe { Strings::from_ptr(NonNull::from(&raw).cast()) };
    assert!(list.iter().eq([c"p", c"q"]));
    let mut strings = list.into_iter();
    assert_eq!((strings.next(), strings.size_hint().0), (Some(c"p"), 0));
    let string = StringRef::from(c"s");
    assert_eq!(
        (string.to_c_str(), &*format!("{string:?}")),
        (c"s", r#""s""#)
    );
}

#[test]
fn wait_until_before_the_end_times_out() {
    alone(test_name!(), || {
        let (child, hold) = held_child(5);
        let by_descriptor = pidfd::open(child).unwrap();
        let soon = || Deadline::after(Duration::from_millis(10));
        assert_eq!(process::wait_until(child, soon()), Err(Errno::TIMEDOUT));
        assert_eq!(
            process::wait_until(&by_descriptor, soon()),
            Err(Errno::TIMEDOUT)
        );
        assert_eq!(
            process::wait_until(child, Deadline::NOW),
            Err(Errno::TIMEDOUT)
        );
        assert_eq!(
            process::try_wait(child, WaitFlags::EXITED),
            Err(Errno::AGAIN)
        );
        assert_eq!(by_descriptor.has_exited(), Ok(false));
        assert_eq!(by_descriptor.wait_exit_until(soon()), Err(Errno::TIMEDOUT));
        drop(hold);
        let change = process::wait_until(&by_descriptor, Deadline::after(LIMIT)).unwrap();
        assert_eq!((change.pid, change.state), (child, State::Exited(5)));
        // What need not wait succeeds however late it is.
        let (late, hold) = held_child(6);
        drop(hold);
        pidfd::open(late).unwrap().wait_exit().unwrap();
        assert_eq!(
            process::wait_until(late, Deadline::NOW).unwrap().state,
            State::Exited(6)
        );
    });
}

#[test]
fn wait_that_peeks_does_not_reap() {
    alone(test_name!(), || {
        let child = child(|| 21);
        let look = WaitFlags::EXITED | WaitFlags::PEEK;
        let seen = process::wait(child, look).unwrap();
        assert_eq!(seen.state, State::Exited(21));
        assert_eq!(process::wait(child, look), Ok(seen));
        assert_eq!(process::try_wait(Children::Any, look), Ok(seen));
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.as_raw_pid())).unwrap();
        assert!(stat.contains(") Z "), "a zombie: {stat}");
        assert_eq!(process::wait(child, WaitFlags::EXITED), Ok(seen));
        assert_eq!(process::wait(child, look), Err(Errno::CHILD));
    });
}

#[test]
fn killed_child_reports_its_signal() {
    alone(test_name!(), || {
        let named = [Signal::KILL, Signal::TERM, Signal::HUP, Signal::USR1];
        for signal in named.into_iter().chain((34..=64).map(signal)) {
            let (child, _hold) = held_child(0);
            let child = pidfd::open(child).unwrap();
            child.send_signal(signal).unwrap();
            let change = process::wait(&child, WaitFlags::EXITED).unwrap();
            assert_eq!(change.state, killed_by(signal));
            assert!(!change.state.is_success() && change.state.is_end());
            // Those without a name have a number.
            assert!(format!("{change:?}").contains("Signal"));
        }
    });
}

#[test]
fn dumped_core_is_reported() {
    alone(test_name!(), || {
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        if pattern.is_empty() || pattern.starts_with(['|', '/', '@']) {
            skipped!("cores go elsewhere ({})", pattern.trim_end());
            return;
        }
        let folder = Folder::new("core");
        let path = CString::new(folder.as_os_str().as_bytes()).unwrap();
        // Not SIGQUIT: a shell's background job ignores that.
        let dumped = |limit| {
            end_of(child(|| {
                let rlimit = rustix::process::Rlimit {
                    current: limit,
                    maximum: limit,
                };
                let ready = rustix::process::setrlimit(rustix::process::Resource::Core, rlimit)
                    .and_then(|()| rustix::process::chdir(&*path))
                    .and_then(|()| {
                        rustix::process::kill_process(rustix::process::getpid(), Signal::ABORT)
                    });
                if ready.is_ok() { 1 } else { 2 }
            }))
        };
        assert_eq!(dumped(Some(0)), killed_by(Signal::ABORT));
        let unlimited = rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
        if unlimited == Some(0) {
            skipped!("no core may be dumped here");
            return;
        }
        assert_eq!(
            dumped(unlimited),
            State::Signalled {
                signal: Signal::ABORT,
                core: true
            }
        );
    });
}

#[test]
fn stops_and_continuations_are_reported() {
    alone(test_name!(), || {
        let (child, hold) = held_child(8);
        let child_fd = pidfd::open(child).unwrap();
        let all = WaitFlags::EXITED | WaitFlags::STOPPED | WaitFlags::CONTINUED;
        let told = |state| {
            Ok(Change {
                pid: child,
                uid: rustix::process::getuid().as_raw(),
                state,
            })
        };

        child_fd.send_signal(Signal::STOP).unwrap();
        let look = WaitFlags::STOPPED | WaitFlags::PEEK;
        assert_eq!(
            process::wait(child, look),
            told(State::Stopped(Signal::STOP))
        );
        assert_eq!(
            process::wait(child, all),
            told(State::Stopped(Signal::STOP))
        );
        assert_eq!(
            process::try_wait(child, all),
            Err(Errno::AGAIN),
            "told once"
        );
        assert_eq!(child_fd.has_exited(), Ok(false), "a stop is no end");

        child_fd.send_signal(Signal::CONT).unwrap();
        assert_eq!(process::wait(&child_fd, all), told(State::Continued));
        assert_eq!(
            process::try_wait(child, all),
            Err(Errno::AGAIN),
            "told once"
        );

        child_fd.send_signal(Signal::STOP).unwrap();
        assert_eq!(
            process::wait(child, WaitFlags::STOPPED),
            told(State::Stopped(Signal::STOP))
        );
        child_fd.send_signal(Signal::CONT).unwrap();
        drop(hold);
        assert_eq!(
            process::wait(child, WaitFlags::EXITED),
            told(State::Exited(8))
        );
    });
}

#[test]
fn trap_is_reported_with_its_signal() {
    alone(test_name!(), || {
        // The kernel's strace: a traced program stops before its first instruction.
        let child = child(|| {
            // SAFETY: PTRACE_TRACEME takes no pointer.
            let traced = unsafe { traceme() };
            if traced {
                let _why = exec::path(c"/bin/true", &List::of([c"true"]), NO_ENV);
            }
            NOT_EXECUTED
        });
        let change = process::wait(child, WaitFlags::STOPPED).unwrap();
        assert_eq!(
            change.state,
            State::Trapped(Trap {
                signal: Ok(Signal::TRAP),
                syscall: false,
                event: 0
            })
        );
        assert!(!change.state.is_end());
        pidfd::open(child)
            .unwrap()
            .send_signal(Signal::KILL)
            .unwrap();
        assert_eq!(end_of(child), killed_by(Signal::KILL));
    });
}

/// `ptrace(PTRACE_TRACEME)`.
unsafe fn traceme() -> bool {
    unsafe extern "C" {
        fn ptrace(request: core::ffi::c_long, ...) -> core::ffi::c_long;
    }
    // SAFETY: request 0 is PTRACE_TRACEME and ignores the rest.
    unsafe { ptrace(0, 0_usize, 0_usize, 0_usize) == 0 }
}

#[test]
fn wait_by_group_and_for_all_reports_children() {
    alone(test_name!(), || {
        let (leader, leader_hold) = held_child(1);
        let (member, member_hold) = held_child(2);
        let (other, other_hold) = held_child(3);
        rustix::process::setpgid(Some(leader), None).unwrap();
        rustix::process::setpgid(Some(member), Some(leader)).unwrap();
        let group = Children::Group(leader);
        let ended = |children| process::wait(children, WaitFlags::EXITED).map(|c| (c.pid, c.state));

        drop(other_hold);
        let seen = process::wait(Children::Any, WaitFlags::EXITED | WaitFlags::PEEK).unwrap();
        assert_eq!(seen.pid, other);
        assert_eq!(
            process::try_wait(group, WaitFlags::EXITED),
            Err(Errno::AGAIN)
        );
        assert_eq!(ended(Children::OwnGroup), Ok((other, State::Exited(3))));
        assert_eq!(ended(Children::OwnGroup), Err(Errno::CHILD));

        drop(member_hold);
        assert_eq!(ended(group), Ok((member, State::Exited(2))));
        assert_eq!(
            process::try_wait(group, WaitFlags::EXITED),
            Err(Errno::AGAIN)
        );
        drop(leader_hold);
        assert_eq!(ended(Children::Any), Ok((leader, State::Exited(1))));
        assert_eq!(ended(group), Err(Errno::CHILD));
        assert_eq!(ended(Children::Any), Err(Errno::CHILD));
    });
}

#[test]
fn wait_for_a_stranger_is_refused() {
    let _check = LeakCheck::begin();
    let stranger = rustix::process::getppid().unwrap();
    let by_descriptor = pidfd::open(stranger).unwrap();
    let soon = Deadline::after(Duration::from_millis(5));
    let exited = WaitFlags::EXITED;
    assert_eq!(process::wait(stranger, exited), Err(Errno::CHILD));
    assert_eq!(process::try_wait(stranger, exited), Err(Errno::CHILD));
    assert_eq!(process::wait(&by_descriptor, exited), Err(Errno::CHILD));
    assert_eq!(process::wait_until(stranger, soon), Err(Errno::CHILD));
    assert_eq!(
        by_descriptor.wait_exit_until(soon),
        Err(Errno::TIMEDOUT),
        "but its end can be awaited"
    );
    // Nothing to wait for, and nothing that could be waited for.
    assert_eq!(
        process::wait(Children::Any, WaitFlags::empty()),
        Err(Errno::INVAL)
    );
    let no_pidfd = Pidfd::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    assert_eq!(process::wait(&no_pidfd, exited), Err(Errno::BADF));
    assert_eq!(no_pidfd.send_signal(Signal::KILL), Err(Errno::BADF));
}

#[test]
fn pidfd_of_reaped_child_means_no_other_process() {
    alone(test_name!(), || {
        let child = child(|| 0);
        let by_descriptor = pidfd::open(child).unwrap();
        assert_eq!(end_of(child), State::Exited(0));
        assert_eq!(pidfd::open(child).err(), Some(Errno::SRCH));
        assert_eq!(by_descriptor.send_signal(Signal::KILL), Err(Errno::SRCH));
        assert_eq!(by_descriptor.has_exited(), Ok(true));
        assert_eq!(
            process::wait(&by_descriptor, WaitFlags::EXITED),
            Err(Errno::CHILD)
        );
        assert_eq!(
            process::wait_until(&by_descriptor, Deadline::Never),
            Err(Errno::CHILD)
        );
        assert_eq!(
            process::wait_until(child, Deadline::Never),
            Err(Errno::SRCH)
        );
        let flags = rustix::io::fcntl_getfd(by_descriptor.as_fd()).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let by_descriptor = Pidfd::from(OwnedFd::from(by_descriptor));
        assert_eq!(by_descriptor.has_exited(), Ok(true));
    });
}

#[test]
fn process_and_threads_have_their_numbers() {
    let _check = LeakCheck::begin();
    assert_eq!(process::id().as_raw_pid() as u32, std::process::id());
    assert_eq!(
        process::parent_id().map(|parent| parent.as_raw_pid() as u32),
        Some(std::os::unix::process::parent_id())
    );
    // Another thread of the same process.
    let (process, thread) = std::thread::spawn(|| (process::id(), process::thread_id()))
        .join()
        .unwrap();
    assert_eq!(process, process::id());
    assert_ne!(thread, process::thread_id());
}

#[test]
fn child_knows_its_parent() {
    alone(test_name!(), || {
        let own = process::id();
        assert_eq!(pidfd::open(own).map(drop), Ok(()));
        let child = child(|| {
            let first_thread = process::thread_id() == process::id();
            i32::from(!(first_thread && process::parent_id() == Some(own)))
        });
        assert_eq!(end_of(child), State::Exited(0));
        assert_ne!(child, own);
    });
}

#[test]
fn orphan_gets_another_parent() {
    alone(test_name!(), || {
        // It comes to us, not to the first process.
        rustix::process::set_child_subreaper(Some(process::id())).unwrap();
        let own = process::id();
        let (told, tell) = std::io::pipe().unwrap();
        let parent = child(|| {
            let parent = process::id();
            // SAFETY: the child only makes system calls, then exits.
            match unsafe { process::fork() } {
                Ok(Fork::Child) => {
                    let before = process::parent_id() == Some(parent);
                    let ready = rustix::io::write(&tell, b"1").is_ok();
                    while process::parent_id() == Some(parent) {
                        core::hint::spin_loop();
                    }
                    let after = process::parent_id() == Some(own);
                    process::exit(i32::from(!(before && ready && after)))
                }
                Ok(Fork::Parent(_)) => match rustix::io::read(&told, &mut [0; 1]) {
                    Ok(1) => 0,
                    _ => 1,
                },
                Err(_) => 1,
            }
        });
        assert_eq!(end_of(parent), State::Exited(0));
        let orphan = process::wait(Children::Any, WaitFlags::EXITED).unwrap();
        assert_eq!(orphan.state, State::Exited(0));
    });
}

#[test]
fn many_children_ending_at_once_are_all_reported() {
    alone(test_name!(), || {
        const CHILDREN: usize = 200;
        let mut started: Vec<_> = (0..CHILDREN)
            .map(|n| (child(|| n as i32), State::Exited(n as u8)))
            .collect();
        let mut told: Vec<_> = (0..CHILDREN)
            .map(|_| process::wait(Children::Any, WaitFlags::EXITED).unwrap())
            .map(|change| (change.pid, change.state))
            .collect();
        let by_pid = |(pid, _): &(Pid, State)| pid.as_raw_pid();
        started.sort_by_key(by_pid);
        told.sort_by_key(by_pid);
        assert_eq!(started, told);
    });
}
