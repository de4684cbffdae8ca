//! Programs that need their parent on the way, or do not get there: traced ones, those in
//! user namespaces, those that are killed before they begin; and what else a command can
//! be told.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::support;
use crate::{failed, field, script, state_of};

use core::ffi::CStr;
use core::mem::MaybeUninit;
use std::fs::{self, File};
use std::io::Read;

use rawipc::process::exec::{List, Strings};
use rawipc::process::{
    self, CapabilitySet, Children, CloneFlags, CloneOptions, Cloned, Command, CpuSet, FdMapping,
    Gid, IdMap, Joined, Scheduling, SpawnError, State, Step, Trap, Uid, WaitFlags,
};
use rawipc::signal::{self, Recipient, Set, Target};
use rawipc::trace::{self, Options, Report, Stop};
use rawipc::{Errno, Pid, Signal};
use support::alone::{alone, child, end_of, killed_by};
use support::system_v::as_another_user;
use support::{LIMIT, LeakCheck};

const NO_ENV: Strings<'_> = Strings::EMPTY;
static TRUE: List<'_, 1> = List::of([c"true"]);
static ENV: List<'_, 1> = List::of([c"PATH=/usr/bin:/bin"]);

fn true_() -> Command<'static> {
    Command::path(c"/bin/true", &TRUE, NO_ENV)
}

fn shell<'a>(args: &'a List<'a, 3>) -> Command<'a> {
    Command::path(c"/bin/sh", args, &ENV)
}

/// What the program writes to its standard output, if it can be started.
#[track_caller]
fn said(command: Command<'_>) -> Result<String, SpawnError> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let inherited = [FdMapping::new(&write, 1)];
    let spawned = command.inherit(&inherited).spawn()?;
    drop(write);
    let mut told = String::new();
    File::from(read).read_to_string(&mut told).expect("text");
    let state = state_of(&spawned);
    assert!(state.is_success(), "{state:?}: {told}");
    Ok(told)
}

/// Of what has many chances to go wrong: so many rounds, or fewer on a busy machine.
fn rounds(most: usize) -> impl Iterator<Item = usize> {
    let begin = std::time::Instant::now();
    (0..most).take_while(move |_| begin.elapsed() < LIMIT / 16)
}

fn has_no_child() -> bool {
    let all = WaitFlags::EXITED | WaitFlags::ALL;
    process::try_wait(Children::Any, all) == Err(Errno::CHILD)
}

const TRAPPED: State = State::Trapped(Trap {
    signal: Ok(Signal::TRAP),
    syscall: false,
    event: 0,
});

// --- traced programs ---

/// Starts traced programs and has each end, and nothing come in between.
fn start_traced() {
    for _ in rounds(300) {
        let spawned = true_().traced().spawn().unwrap();
        let change = process::wait(&spawned, WaitFlags::STOPPED).unwrap();
        assert_eq!(change.state, TRAPPED);
        spawned.pidfd.send_signal(Signal::KILL).unwrap();
        assert_eq!(state_of(&spawned), killed_by(Signal::KILL));
    }
}

/// As a terminal tells its foreground group that its size is another.
#[test]
fn traced_start_under_group_signals_succeeds() {
    alone(test_name!(), || {
        rustix::process::setsid().unwrap();
        let storm = child(|| {
            loop {
                let _ = signal::send(Target::OwnGroup, Signal::WINCH);
            }
        });
        start_traced();
        signal::send(storm, Signal::KILL).unwrap();
        assert_eq!(end_of(storm), killed_by(Signal::KILL));
    });
}

/// Which no process can block.
#[test]
fn traced_start_while_stopped_succeeds() {
    alone(test_name!(), || {
        let path = own_children();
        let storm = child(|| {
            let own = process::id().as_raw_pid();
            loop {
                let _ = signal_children(&path, own, &[Signal::STOP, Signal::CONT]);
            }
        });
        start_traced();
        signal::send(storm, Signal::KILL).unwrap();
        assert_eq!(end_of(storm), killed_by(Signal::KILL));
    });
}

/// The kernel's own `SIGTRAP` is lost where the thread has one already.
#[test]
fn traced_start_under_foreign_sigtrap_stops_before_the_program() {
    alone(test_name!(), || {
        let path = own_children();
        let storm = child(|| {
            let own = process::id().as_raw_pid();
            let mut moment = 0;
            let mut last = own;
            loop {
                let _ = each_child(&path, |pid| {
                    if ![own, last].contains(&pid.as_raw_pid()) {
                        last = pid.as_raw_pid();
                        // Once, at another moment of each.
                        moment = (moment + 37) % 500;
                        (0..moment * 20).for_each(|_| core::hint::spin_loop());
                        let (process, thread) = (pid, pid);
                        let to = Recipient::Thread { process, thread };
                        let _ = signal::send(to, Signal::TRAP);
                    }
                });
            }
        });
        for _ in rounds(1000) {
            match true_().traced().spawn() {
                Ok(spawned) => {
                    spawned.pidfd.send_signal(Signal::KILL).unwrap();
                    assert_eq!(state_of(&spawned), killed_by(Signal::KILL));
                }
                // Before it was traced.
                Err(error) => {
                    let Step::Ended(State::Signalled { signal, .. }) = error.step else {
                        panic!("{error}")
                    };
                    assert_eq!(signal, Signal::TRAP);
                }
            }
        }
        signal::send(storm, Signal::KILL).unwrap();
        assert_eq!(end_of(storm), killed_by(Signal::KILL));
    });
}

fn gettid() -> i32 {
    process::thread_id().as_raw_pid()
}

/// Returns the path of the list of this thread's children.
fn own_children() -> std::ffi::CString {
    let process = process::id().as_raw_pid();
    std::ffi::CString::new(format!("/proc/{process}/task/{}/children", gettid())).unwrap()
}

/// Sends `signals` to all children in the list `path` but for `own`: in a child, where
/// nothing may be allocated.
fn signal_children(path: &CStr, own: i32, signals: &[Signal]) -> rawipc::Result<()> {
    each_child(path, |pid| {
        if pid.as_raw_pid() != own {
            for signal in signals {
                let _ = signal::send(pid, *signal);
            }
        }
    })
}

/// Calls `see` with all children in the list `path`, without allocating.
fn each_child(path: &CStr, mut see: impl FnMut(Pid)) -> rawipc::Result<()> {
    let flags = rustix::fs::OFlags::RDONLY;
    let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty())?;
    let mut text = [0; 256];
    let len = rustix::io::read(&file, &mut text)?;
    for word in text[..len].split(|byte| *byte == b' ') {
        let number = word.iter().fold(0_i32, |number, digit| {
            number
                .wrapping_mul(10)
                .wrapping_add(i32::from(digit.wrapping_sub(b'0')))
        });
        if let Some(pid) = Pid::from_raw(number.max(0)) {
            see(pid);
        }
    }
    Ok(())
}

#[test]
fn traced_start_delivers_earlier_signals_afterwards() {
    alone(test_name!(), || {
        for to_another_user in [false, true] {
            let raise = || signal::send(process::id(), Signal::USR1);
            // SAFETY: it makes a system call.
            let mut command = unsafe { true_().traced().prepare(&raise) };
            if to_another_user {
                // The same as it is, in a copy of the memory.
                command = command.user(rustix::process::getuid());
            }
            let spawned = command.spawn().unwrap();
            let report = trace::adopt(spawned.pid, Options::KILL_ON_EXIT)
                .wait()
                .unwrap();
            let Report::Stopped(stopped) = report else {
                panic!("ended");
            };
            assert!(matches!(stopped.stop(), Stop::Trap), "{:?}", stopped.stop());
            let report = stopped.cont(None).unwrap().wait().unwrap();
            let Report::Stopped(stopped) = report else {
                panic!("ended");
            };
            assert_eq!(stopped.stop(), Stop::Signal(Signal::USR1));
            let report = stopped.cont(Some(Signal::USR1)).unwrap().wait().unwrap();
            assert_eq!(report.ended(), Some(killed_by(Signal::USR1)));
        }
    });
}

#[test]
fn traced_start_sets_the_mask_asked_for() {
    alone(test_name!(), || {
        let mask = Set::of([Signal::TRAP, Signal::USR2]);
        let spawned = true_().traced().signal_mask(mask).spawn().unwrap();
        let change = process::wait(&spawned, WaitFlags::STOPPED).unwrap();
        assert_eq!(change.state, TRAPPED);
        let status = fs::read_to_string(format!("/proc/{}/status", spawned.pid)).unwrap();
        let blocked = u64::from_str_radix(field(&status, "SigBlk"), 16).unwrap();
        assert_eq!(blocked, mask.bits());
        spawned.pidfd.send_signal(Signal::KILL).unwrap();
        assert_eq!(state_of(&spawned), killed_by(Signal::KILL));
    });
}

/// Its tracer would be its sleeping parent.
#[test]
fn traceme_in_parents_memory_is_refused() {
    alone(test_name!(), || {
        let mut stack = [MaybeUninit::uninit(); 16 << 10];
        let run = || match trace::traceme() {
            Err(Errno::DEADLK) => 42,
            // Where the kernel has no kcmp there is nothing to know it by.
            Ok(()) => 43,
            Err(_) => 44,
        };
        // SAFETY: it makes system calls, and no signal is handled here.
        let (pid, _) = unsafe { CloneOptions::new().vfork(&mut stack, run) }.unwrap();
        let own = rustix::process::getpid();
        let is_known =
            process::compare::resource(own, own, process::compare::SharedResource::Memory);
        let expected = if is_known.is_ok() { 42 } else { 43 };
        assert_eq!(end_of(pid), State::Exited(expected));
    });
}

// --- those that never were their program ---

/// In which a child comes to its program.
type Way = fn(Command<'_>) -> Command<'_>;

#[test]
fn child_killed_before_exec_is_reported_as_ended() {
    alone(test_name!(), || {
        let own = rustix::process::getuid();
        let map = [IdMap::one(0, own.as_raw())];
        let ways: [(&str, Way); 3] = [
            ("in this memory", |command| command),
            ("in a copy", |command| {
                command.user(rustix::process::getuid())
            }),
            ("traced", |command| command.traced()),
        ];
        let kill = || signal::send(process::id(), Signal::KILL);
        let interrupt = || signal::send(process::id(), Signal::INT);
        let exit = || process::exit(3);
        let killed = Step::Ended(killed_by(Signal::KILL));
        for (name, way) in ways {
            // SAFETY: it makes a system call.
            let command = way(unsafe { true_().prepare(&kill) });
            let error = command.spawn().err();
            assert_eq!(error, Some(failed(killed, Errno::CANCELED)), "{name}");
            assert!(has_no_child(), "{name}");

            // SAFETY: it ends the process.
            let command = way(unsafe { true_().prepare(&exit) });
            let error = command.spawn().err();
            let exited = Step::Ended(State::Exited(3));
            assert_eq!(error, Some(failed(exited, Errno::CANCELED)), "{name}");
            assert!(has_no_child(), "{name}");
        }
        // One that is pending comes when the signals are as they were.
        // SAFETY: it makes a system call.
        let command = unsafe { true_().prepare(&interrupt) }.reset_signals();
        let interrupted = Step::Ended(killed_by(Signal::INT));
        let error = command.spawn().unwrap_err();
        assert_eq!(error, failed(interrupted, Errno::CANCELED));
        assert!(error.to_string().contains("INT") || error.to_string().contains("Signal"));

        // SAFETY: it makes a system call.
        let command = unsafe { true_().prepare(&kill) };
        let command = command.namespaces(CloneFlags::NEWUSER).uid_map(&map);
        match command.spawn().err() {
            Some(SpawnError {
                step: Step::Create | Step::UidMap,
                errno,
            }) => skipped!("no user namespaces ({errno:?})"),
            error => assert_eq!(error, Some(failed(killed, Errno::CANCELED))),
        }
        assert!(has_no_child());
    });
}

#[test]
fn program_that_ends_at_once_counts_as_started() {
    alone(test_name!(), || {
        let ends = script(c"kill -9 $$");
        for _ in rounds(50) {
            let spawned = true_().spawn().unwrap();
            assert_eq!(state_of(&spawned), State::Exited(0));
            let spawned = shell(&ends).spawn().unwrap();
            assert_eq!(state_of(&spawned), killed_by(Signal::KILL));
        }
    });
}

/// With somebody who kills whatever there is, at any moment.
#[test]
fn child_killed_at_any_moment_is_reported_once() {
    alone(test_name!(), || {
        let path = own_children();
        let storm = child(|| {
            let own = process::id().as_raw_pid();
            loop {
                let _ = signal_children(&path, own, &[Signal::KILL]);
            }
        });
        let map = [IdMap::one(0, rustix::process::geteuid().as_raw())];
        let mapped = true_().namespaces(CloneFlags::NEWUSER).uid_map(&map);
        for (traced, command) in [
            (false, true_()),
            (true, true_().traced()),
            (false, mapped),
            (true, mapped.traced()),
        ] {
            for _ in rounds(300) {
                match command.spawn() {
                    Ok(spawned) => {
                        if traced {
                            spawned.pidfd.send_signal(Signal::KILL).unwrap();
                        }
                        let state = state_of(&spawned);
                        assert!(state.is_success() || state == killed_by(Signal::KILL));
                    }
                    Err(error) if skips(error) => break,
                    // Files of a process that loses its memory are root's.
                    Err(error) if error == failed(Step::UidMap, Errno::PERM) => {}
                    Err(error) => {
                        let killed = Step::Ended(killed_by(Signal::KILL));
                        assert_eq!(error, failed(killed, Errno::CANCELED));
                    }
                }
            }
        }
        signal::send(storm, Signal::KILL).unwrap();
        assert_eq!(end_of(storm), killed_by(Signal::KILL));
        assert!(has_no_child());
    });
}

// --- user namespaces ---

/// Whether this system has no user namespaces for this user.
fn skips(error: SpawnError) -> bool {
    let skips = error.step == Step::Create
        && matches!(
            error.errno,
            Errno::PERM | Errno::NOSPC | Errno::USERS | Errno::INVAL
        );
    if skips {
        skipped!("{error}");
    }
    skips
}

const WHO: &CStr = c"id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups";

#[test]
fn id_maps_give_the_program_its_user() {
    let _check = LeakCheck::begin();
    if !rustix::process::geteuid().is_root() {
        skipped!("only root can map others");
        return;
    }
    let (args, map) = (
        script(WHO),
        [IdMap::one(0, 0), {
            IdMap {
                inside: 1,
                outside: 100_000,
                count: 5000,
            }
        }],
    );
    let command = shell(&args)
        .namespaces(CloneFlags::NEWUSER)
        .uid_map(&map)
        .gid_map(&map);
    let words = |told: &str| {
        told.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let maps = ["0", "0", "1", "1", "100000", "5000"];
    let expected = |ids: [&'static str; 2]| {
        let all = ids.into_iter().chain(maps).chain(maps).chain(["allow"]);
        all.map(str::to_owned).collect::<Vec<_>>()
    };
    match said(command) {
        Ok(told) => assert_eq!(words(&told), expected(["0", "0"])),
        Err(error) if skips(error) => return,
        Err(error) => panic!("{error}"),
    }
    // As another of them, and with groups.
    let groups = [Gid::from_raw(7)];
    let command = command
        .groups(&groups)
        .group(Gid::from_raw(6))
        .user(Uid::from_raw(5));
    assert_eq!(words(&said(command).unwrap()), expected(["5", "6"]));
    // Who is not there cannot be.
    let command = command.user(Uid::from_raw(5001));
    assert_eq!(said(command), Err(failed(Step::User, Errno::INVAL)));
}

#[test]
fn id_maps_without_privileges_map_the_caller() {
    alone(test_name!(), || {
        as_another_user(|| {
            // What changing the user has taken away.
            let dumpable = rustix::process::DumpableBehavior::Dumpable;
            rustix::process::set_dumpable_behavior(dumpable).unwrap();
            let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
            let args = script(WHO);
            let users = [IdMap::one(0, uid.as_raw())];
            let groups = [IdMap::one(0, gid.as_raw())];
            let command = shell(&args)
                .namespaces(CloneFlags::NEWUSER)
                .uid_map(&users)
                .gid_map(&groups);
            match said(command.user(Uid::ROOT).group(Gid::ROOT)) {
                Ok(told) => {
                    let words: Vec<_> = told.split_whitespace().collect();
                    let (uid, gid) = (uid.to_string(), gid.to_string());
                    let expected = ["0", "0", "0", &uid, "1", "0", &gid, "1", "deny"];
                    assert_eq!(words, expected);
                }
                Err(error) if skips(error) => return,
                Err(error) => panic!("{error}"),
            }
            let denied = said(command.groups(&[Gid::ROOT]));
            assert_eq!(denied, Err(failed(Step::Groups, Errno::PERM)));
            let others = [IdMap::one(0, 0)];
            let refused = said(command.uid_map(&others));
            assert_eq!(refused, Err(failed(Step::UidMap, Errno::PERM)));
            let refused = said(command.gid_map(&others));
            assert_eq!(refused, Err(failed(Step::GidMap, Errno::PERM)));

            // With privileges there: another root, which takes a mount namespace.
            if let Some(args) = in_usr() {
                let command = Command::path(c"/bin/sh", &args, &ENV)
                    .namespaces(CloneFlags::NEWUSER | CloneFlags::NEWNS)
                    .uid_map(&users)
                    .gid_map(&groups)
                    .pivot_root(c"/usr");
                assert_eq!(said(command), Ok("/\n".to_owned()));
                let without = true_().root(c"/usr");
                assert_eq!(said(without), Err(failed(Step::Root, Errno::PERM)));
            }
            // What is refused without: each its own step.
            let refused = said(true_().scheduling(Scheduling::Fifo(1)));
            assert_eq!(refused, Err(failed(Step::Scheduling, Errno::PERM)));
            let refused = said(true_().capabilities(CapabilitySet::NET_RAW));
            assert_eq!(refused, Err(failed(Step::Capabilities, Errno::PERM)));
            let refused = said(true_().capability_bounds(CapabilitySet::empty()));
            assert_eq!(refused, Err(failed(Step::CapabilityBounds, Errno::PERM)));
            let uts = File::open("/proc/thread-self/ns/uts").unwrap();
            let joined = [Joined::new(&uts, CloneFlags::NEWUTS)];
            let refused = said(true_().join(&joined));
            assert_eq!(refused, Err(failed(Step::Join, Errno::PERM)));
        });
        assert!(has_no_child());
    });
}

/// The number that the caller has for the child is another process's there.
#[test]
fn id_maps_under_foreign_proc_are_the_childs() {
    alone(test_name!(), || {
        let options = CloneOptions::new().flags(CloneFlags::NEWPID);
        // SAFETY: the child only uses the crate, and exits.
        let first = match unsafe { options.fork() } {
            Ok(Cloned::Child) => process::exit(start_mapped()),
            Ok(Cloned::Parent { pid, .. }) => pid,
            Err(errno) => {
                skipped!("no namespace of process numbers ({errno:?})");
                return;
            }
        };
        assert_eq!(end_of(first), State::Exited(0));
    });
}

fn start_mapped() -> i32 {
    let map = [IdMap::one(0, rustix::process::geteuid().as_raw())];
    let command = true_().namespaces(CloneFlags::NEWUSER).uid_map(&map);
    match command.spawn().map(|spawned| state_of(&spawned)) {
        Ok(State::Exited(0)) => 0,
        Ok(_) => 1,
        // No user namespaces.
        Err(error) if error.step == Step::Create => 0,
        Err(_) => 2,
    }
}

#[test]
fn invalid_id_maps_are_refused() {
    alone(test_name!(), || {
        let own = [IdMap::one(0, rustix::process::getuid().as_raw())];
        let refused = true_().uid_map(&own).spawn().err();
        assert_eq!(refused, Some(failed(Step::UidMap, Errno::INVAL)));
        let refused = true_().gid_map(&own).spawn().err();
        assert_eq!(refused, Some(failed(Step::GidMap, Errno::INVAL)));

        let twice = [own[0], own[0]];
        let none = [IdMap { count: 0, ..own[0] }];
        let many = [IdMap::one(u32::MAX - 1, u32::MAX - 1); 400];
        for map in [&twice[..], &none, &many] {
            let command = true_().namespaces(CloneFlags::NEWUSER).uid_map(map);
            match command.spawn() {
                Err(error) if skips(error) => return,
                result => assert_eq!(result.err(), Some(failed(Step::UidMap, Errno::INVAL))),
            }
            assert!(has_no_child());
        }
    });
}

// --- namespaces, roots ---

/// The name of the machine, as a program in a namespace of names is told.
const NAME: &CStr = c"uname -n";

#[test]
fn program_joins_a_namespace() {
    alone(test_name!(), || {
        let set = script(c"echo other-name > /proc/sys/kernel/hostname; echo; read wait");
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let (stay, go) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let inherited = [FdMapping::new(&write, 1), FdMapping::new(&stay, 0)];
        let made = shell(&set)
            .namespaces(CloneFlags::NEWUTS)
            .inherit(&inherited)
            .spawn();
        let other = match made {
            Ok(other) => other,
            Err(error) if skips(error) => return,
            Err(error) => panic!("{error}"),
        };
        rustix::io::read(&read, &mut [0; 1]).unwrap();

        let args = script(NAME);
        let uts = File::open(format!("/proc/{}/ns/uts", other.pid)).unwrap();
        for joined in [
            Joined::new(&uts, CloneFlags::NEWUTS),
            Joined::new(&uts, CloneFlags::empty()),
            Joined::new(&other.pidfd, CloneFlags::NEWUTS),
        ] {
            let list = [joined];
            assert_eq!(
                said(shell(&args).join(&list)),
                Ok("other-name\n".to_owned())
            );
        }
        assert_ne!(said(shell(&args)), Ok("other-name\n".to_owned()));

        let null = File::open("/dev/null").unwrap();
        for (joined, errno) in [
            (Joined::new(&uts, CloneFlags::NEWNET), Errno::INVAL),
            (Joined::new(&uts, CloneFlags::FILES), Errno::INVAL),
            (Joined::new(&null, CloneFlags::empty()), Errno::INVAL),
        ] {
            let list = [joined];
            let error = true_().join(&list).spawn().err();
            assert_eq!(error, Some(failed(Step::Join, errno)));
        }
        drop(go);
        let _ = state_of(&other);
    });
}

/// The arguments of a shell that says where it is, for one whose root is `/usr`: that is a
/// root where the other folders are links to what is in it.
fn in_usr() -> Option<List<'static, 3>> {
    let is_root = fs::read_link("/bin").is_ok_and(|link| link.ends_with("usr/bin"))
        && fs::read_link("/lib").is_ok_and(|link| link.ends_with("usr/lib"));
    if !is_root {
        skipped!("/usr is not like a root");
    }
    is_root.then(|| script(c"test ! -e /usr && pwd"))
}

#[test]
fn program_has_another_root() {
    let _check = LeakCheck::begin();
    let Some(args) = in_usr() else { return };
    let command = Command::path(c"/bin/sh", &args, &ENV);
    let (changed, pivoted) = (command.root(c"/usr"), command.pivot_root(c"/usr"));
    assert_eq!(
        pivoted.spawn().err(),
        Some(failed(Step::Root, Errno::INVAL)),
        "not of everybody"
    );
    if !rustix::process::geteuid().is_root() {
        skipped!("only root has a root");
        return;
    }
    assert_eq!(said(changed), Ok("/\n".to_owned()));
    assert_eq!(said(changed.directory(c"/bin")), Ok("/bin\n".to_owned()));
    match said(pivoted.namespaces(CloneFlags::NEWNS)) {
        Err(error) if skips(error) => return,
        told => assert_eq!(told, Ok("/\n".to_owned())),
    }
    for (path, errno) in [(c"/nowhere", Errno::NOENT), (c"/etc/passwd", Errno::NOTDIR)] {
        let error = true_().root(path).spawn().err();
        assert_eq!(error, Some(failed(Step::Root, errno)));
        let pivoted = true_().namespaces(CloneFlags::NEWNS).pivot_root(path);
        assert_eq!(pivoted.spawn().err(), Some(failed(Step::Root, errno)));
    }
}

// --- scheduling, capabilities ---

/// Fields of `/proc/PID/stat`, by the numbers of the manual page.
fn stat_of(command: Command<'_>, fields: [usize; 3]) -> Result<[i64; 3], SpawnError> {
    let told = said(command)?;
    let (_, rest) = told.rsplit_once(") ").expect("a name");
    let all: Vec<&str> = rest.split_whitespace().collect();
    Ok(fields.map(|field| all[field - 3].parse().expect("a number")))
}

#[test]
fn program_is_scheduled_as_asked() {
    let _check = LeakCheck::begin();
    // Nice, real-time priority, policy.
    const FIELDS: [usize; 3] = [19, 40, 41];
    let args = List::of([c"cat", c"/proc/self/stat"]);
    let command = Command::path(c"/bin/cat", &args, NO_ENV);
    let told = |scheduling| stat_of(command.scheduling(scheduling), FIELDS);
    assert_eq!(told(Scheduling::Batch(19)), Ok([19, 0, 3]));
    assert_eq!(told(Scheduling::Normal(19)), Ok([19, 0, 0]));
    // Which on a busy machine would not get to say so for minutes.
    let is_idle = || {
        // SAFETY: it touches no memory.
        match unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) } {
            5 => Err(Errno::XDEV),
            _ => Ok(()),
        }
    };
    // SAFETY: it makes a system call that does not fail.
    let idle = unsafe { command.scheduling(Scheduling::Idle).prepare(&is_idle) };
    assert_eq!(idle.spawn().err(), Some(failed(Step::Prepare, Errno::XDEV)));
    for (scheduling, expected) in [
        (Scheduling::Fifo(7), [7, 1]),
        (Scheduling::RoundRobin(99), [99, 2]),
    ] {
        match told(scheduling) {
            Ok([_, priority, policy]) => assert_eq!([priority, policy], expected),
            Err(error) => assert_eq!(error, failed(Step::Scheduling, Errno::PERM)),
        }
    }
    let second = core::time::Duration::from_secs(1);
    let impossible = Scheduling::Deadline {
        runtime: second * 2,
        deadline: second,
        period: second,
    };
    for scheduling in [impossible, Scheduling::Fifo(0), Scheduling::Fifo(100)] {
        assert_eq!(
            told(scheduling),
            Err(failed(Step::Scheduling, Errno::INVAL))
        );
    }
}

#[test]
fn program_runs_on_the_processors_asked_for() {
    let _check = LeakCheck::begin();
    let all = rustix::thread::sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|&cpu| all.is_set(cpu)).unwrap();
    let mut one = CpuSet::new();
    one.set(first);
    let args = List::of([c"cat", c"/proc/self/status"]);
    let command = Command::path(c"/bin/cat", &args, NO_ENV);
    let told = said(command.affinity(&one)).unwrap();
    assert_eq!(field(&told, "Cpus_allowed_list"), first.to_string());
    let none = CpuSet::new();
    let error = command.affinity(&none).spawn().err();
    assert_eq!(error, Some(failed(Step::Affinity, Errno::INVAL)));
}

#[test]
fn capabilities_survive_a_change_of_user() {
    let _check = LeakCheck::begin();
    if !rustix::process::geteuid().is_root() {
        skipped!("only root has capabilities to keep");
        return;
    }
    let args = List::of([c"cat", c"/proc/self/status"]);
    let command = Command::path(c"/bin/cat", &args, NO_ENV);
    let kept = CapabilitySet::NET_BIND_SERVICE | CapabilitySet::KILL;
    let user = command
        .groups(&[])
        .group(Gid::from_raw(65534))
        .user(Uid::from_raw(65534));
    let told = said(user.capabilities(kept).no_new_privs()).unwrap();
    let bits = |told: &str, name| u64::from_str_radix(field(told, name), 16).unwrap();
    for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(bits(&told, name), kept.bits(), "{name}");
    }
    // Otherwise nothing stays.
    let told = said(user).unwrap();
    assert_eq!((bits(&told, "CapEff"), bits(&told, "CapAmb")), (0, 0));
    // Root has what the bounds leave.
    let told = said(command.capability_bounds(kept)).unwrap();
    assert_eq!(
        (bits(&told, "CapBnd"), bits(&told, "CapEff")),
        (kept.bits(), kept.bits())
    );
    let told = said(user.capability_bounds(CapabilitySet::empty())).unwrap();
    assert_eq!(bits(&told, "CapBnd"), 0);
}
