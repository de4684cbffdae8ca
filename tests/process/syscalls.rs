//! System calls by name, and programs that do what the ready-made sets allow.

use crate::support;

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use rawipc::members::Region;
use rawipc::process::exec::{List, Strings};
use rawipc::process::{self, Command, State, Step, WaitFlags};
use rawipc::seccomp::{self, Action, Filter, InstallFlags, Syscall, sets};
use rawipc::sync::{LockError, Mutex, robust};
use rawipc::{Deadline, Errno, Signal};
use support::alone::{Half, alone, checked_child, end_of, leave_no_core};

/// What allows the sets and kills for the rest.
fn filter_of(sets: &[&[Syscall]]) -> Filter<512> {
    let mut filter = Filter::new(Action::KillProcess);
    for set in sets {
        filter.calls(set, Action::Allow).expect("room");
    }
    filter
}

fn enter(filter: &Filter<512>, flags: InstallFlags) -> rawipc::Result<()> {
    seccomp::set_no_new_privs()?;
    // SAFETY: no call is refused without an end of the process.
    let installed = unsafe { seccomp::install(filter, flags) };
    Ok(installed?)
}

fn is_killed_by_filter(state: State) -> bool {
    matches!(state, State::Signalled { signal, .. } if signal == Signal::SYS)
}

#[test]
fn names_have_the_numbers_of_libc() {
    for (call, number, name) in [
        (Syscall::READ, libc::SYS_read, "read"),
        (Syscall::SOCKET, libc::SYS_socket, "socket"),
        (Syscall::CLONE3, libc::SYS_clone3, "clone3"),
        (Syscall::EXIT_GROUP, libc::SYS_exit_group, "exit_group"),
        (Syscall::NEWFSTATAT, libc::SYS_newfstatat, "newfstatat"),
    ] {
        assert_eq!(call.number() as libc::c_long, number);
        assert_eq!(call.name(), Some(name));
        assert_eq!(Syscall::from(number as u32), call);
        assert_eq!(u32::from(call), call.number());
    }
    #[cfg(target_arch = "x86_64")]
    assert_eq!(Syscall::OPEN.number() as libc::c_long, libc::SYS_open);
    assert_eq!(Syscall::new(u32::MAX).name(), None);
}

#[test]
fn names_and_numbers_make_the_same_rules() {
    let (mut named, mut numbered) = (filter_of(&[]), filter_of(&[]));
    let numbers = [libc::SYS_read as u32, libc::SYS_close as u32];
    named
        .calls(&[Syscall::READ, Syscall::CLOSE], Action::Allow)
        .unwrap();
    numbered.calls(&numbers, Action::Allow).unwrap();
    assert_eq!(named.program(), numbered.program());
}

type Asks = fn() -> Half;

/// Makes `call` under the sets in a child; how that ends.
fn end_under(sets: &[&[Syscall]], call: Asks) -> State {
    let filter = filter_of(sets);
    end_of(checked_child(|| {
        leave_no_core();
        get!(enter(&filter, InstallFlags::empty()));
        call()
    }))
}

#[test]
fn sets_do_not_allow_what_is_anothers() {
    let socket = || {
        rawipc::socket::stream::pair()
            .map(drop)
            .map_err(|_| line!())
    };
    let file = || {
        let flags = rustix::fs::OFlags::RDONLY;
        let opened = rustix::fs::open(c"/dev/null", flags, rustix::fs::Mode::empty());
        opened.map(drop).map_err(|_| line!())
    };
    let other_thread = || {
        // SAFETY: the child exits.
        match unsafe { process::fork() } {
            Ok(process::Fork::Child) => process::exit(0),
            other => other.map(drop).map_err(|_| line!()),
        }
    };
    let trace = || rawipc::trace::traceme().map_err(|_| line!());
    let all: &[&[Syscall]] = &[sets::BASE, sets::THREADS, sets::FILES, sets::SOCKETS];
    alone(test_name!(), || {
        let cases: [(Asks, Option<usize>); 4] = [
            (other_thread, Some(1)),
            (file, Some(2)),
            (socket, Some(3)),
            (trace, None),
        ];
        for (call, owner) in cases {
            for (set, calls) in all.iter().enumerate().skip(1) {
                let state = end_under(&[sets::BASE, calls], call);
                if owner == Some(set) {
                    assert_eq!(state, State::Exited(0), "{owner:?} {set}");
                } else {
                    assert!(is_killed_by_filter(state), "{owner:?} {set} {state:?}");
                }
            }
            let state = end_under(&[sets::BASE], call);
            assert!(is_killed_by_filter(state), "{owner:?} {state:?}");
        }
    });
}

/// A program with std does so to its end, the harness and its look at what is left included.
#[test]
fn program_lives_by_threads_and_files() {
    alone(test_name!(), || {
        let region = Region::create(0).expect("a region");
        let [one, two] = [0, 1].map(|_| region.join().expect("a member"));
        let filter = filter_of(&[sets::BASE, sets::THREADS, sets::FILES]);
        enter(&filter, InstallFlags::ALL_THREADS).expect("a filter");
        let name = format!("rawipc-sets-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let work = std::thread::spawn({
            let path = path.clone();
            move || {
                std::fs::write(&path, "words").expect("a file");
                std::fs::read_to_string(&path).expect("it")
            }
        });
        assert_eq!(work.join().expect("no panic"), "words");
        assert_eq!(std::fs::metadata(&path).expect("it").len(), 5);
        let other = path.with_extension("other");
        std::fs::rename(&path, &other).expect("another name");
        std::fs::remove_file(&other).expect("it");
        let mutex = Mutex::new(0_u32);
        let guard = mutex.lock(&one).expect("free");
        let soon = Deadline::after(Duration::from_millis(1));
        let late = mutex.lock_until(&two, soon);
        assert!(matches!(late, Err(LockError::TimedOut)), "{late:?}");
        drop(guard);
        // SAFETY: libc has the list; nobody else has the lock, which stays where it is.
        let me = unsafe { robust::Thread::with_libc() }.expect("a list");
        let mutex = robust::Mutex::new(0_u32);
        let guard = mutex.lock(&me).expect("free");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // SAFETY: as above.
                let me = unsafe { robust::Thread::with_libc() }.expect("a list");
                let soon = Deadline::after(Duration::from_millis(1));
                let late = mutex.lock_until(&me, soon);
                assert!(matches!(late, Err(LockError::TimedOut)), "{late:?}");
            });
        });
        drop(guard);
    });
}

#[test]
fn program_lives_by_sockets() {
    alone(test_name!(), || {
        let filter = filter_of(&[sets::BASE, sets::FILES, sets::SOCKETS]);
        enter(&filter, InstallFlags::ALL_THREADS).expect("a filter");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let mut near = TcpStream::connect(listener.local_addr().expect("bound")).expect("there");
        let (mut far, _) = listener.accept().expect("it");
        near.set_nodelay(true).expect("an option");
        near.write_all(b"inet").expect("room");
        let mut four = [0; 4];
        far.read_exact(&mut four).expect("it");
        assert_eq!(&four, b"inet");
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        near.write_all(b"unix").expect("room");
        far.read_exact(&mut four).expect("it");
        assert_eq!(&four, b"unix");
    });
}

/// Starts `/bin/true` with the filter installed by `prepare`.
fn start_true(filter: &Filter<512>, traced: bool) -> Result<process::Spawned, process::SpawnError> {
    let enter = || {
        leave_no_core();
        enter(filter, InstallFlags::empty())
    };
    let args = List::of([c"true"]);
    let mut command = Command::path(c"/bin/true", &args, Strings::EMPTY).reset_signals();
    if traced {
        command = command.traced();
    }
    // SAFETY: system calls only.
    unsafe { command.prepare(&enter) }.spawn()
}

#[test]
fn steps_after_prepare_need_the_set_exec_and_no_more() {
    alone(test_name!(), || {
        let whole = [sets::EXEC, sets::BASE, sets::FILES];
        let spawned = start_true(&filter_of(&whole), false).expect("it starts");
        let end = process::wait(&spawned, WaitFlags::EXITED).expect("its end");
        assert_eq!(end.state, State::Exited(0));

        // Each call that is documented is one that is made.
        for (without, step) in [
            (Syscall::RT_SIGACTION, Step::Signals),
            (Syscall::RT_SIGPROCMASK, Step::Signals),
            (Syscall::EXECVE, Step::Execute),
        ] {
            let mut filter = Filter::new(Action::KillProcess);
            filter.call(without, Action::Errno(Errno::XDEV)).unwrap();
            filter.calls(sets::EXEC, Action::Allow).unwrap();
            let error = start_true(&filter, false).expect_err("a refusal");
            assert_eq!(
                (error.step, error.errno),
                (step, Errno::XDEV),
                "{without:?}"
            );
        }
        // A filter that kills for it shows as the child's end.
        let error = start_true(&filter_of(&[sets::BASE]), false).expect_err("an end");
        assert!(
            matches!(error.step, Step::Ended(state) if is_killed_by_filter(state)),
            "{error:?}"
        );
        // A traced one needs one more.
        let error = start_true(&filter_of(&whole), true).expect_err("an end");
        assert!(
            matches!(error.step, Step::Ended(state) if is_killed_by_filter(state)),
            "{error:?}"
        );
        let mut filter = filter_of(&whole);
        filter.call(Syscall::PTRACE, Action::Allow).unwrap();
        let spawned = start_true(&filter, true).expect("it stops");
        spawned.pidfd.send_signal(Signal::KILL).expect("there");
        process::wait(&spawned, WaitFlags::EXITED).expect("its end");
    });
}
