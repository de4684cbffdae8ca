//! The tests' own tools: a peer's failure fails, a leak is noticed, a test program begins
//! from a known state, and no test hangs a run.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use std::fs;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Resource, getrlimit, setrlimit};
use support::{LeakCheck, Peer, PeerArgs, begin, deadline, needs};

#[test]
fn peer_meets_test_and_succeeds() {
    if let Some(mut half) = PeerArgs::role("half") {
        half.channel.say("here");
        half.channel.expect("go");
        return;
    }
    let _check = LeakCheck::begin();
    let mut peer = Peer::start(test_name!(), "half", &[]);
    peer.expect("here");
    peer.say("go");
    peer.finish();
}

#[test]
#[should_panic(expected = "the peer's half failed")]
fn failing_peer_fails_test() {
    if PeerArgs::role("half").is_some() {
        std::process::exit(3);
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "half", &[]).finish();
}

/// The panics that a test expects are not printed, other ones are.
fn leave_out_what_is_noticed() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains("left behind") {
            print(panic);
        }
    }));
}

#[test]
fn leaked_descriptor_is_noticed() {
    if PeerArgs::role("leaks").is_some() {
        leave_out_what_is_noticed();
        let check = LeakCheck::begin();
        core::mem::forget(std::fs::File::open("/dev/null").unwrap());
        let noticed = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| drop(check)));
        assert!(noticed.is_err());
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "leaks", &[]).finish();
}

/// Semaphores that nobody has used are nobody's, for all the kernel says.
#[test]
fn left_objects_of_system_v_are_noticed() {
    use rawipc::sysv::{Create, Key, memory, message, semaphore};

    if PeerArgs::role("leaks").is_some() {
        leave_out_what_is_noticed();
        let notices = |leave: &dyn Fn() -> Box<dyn FnOnce() -> rawipc::Result<()>>| {
            let check = LeakCheck::begin();
            let tidy_up = leave();
            let drop = core::panic::AssertUnwindSafe(|| drop(check));
            let noticed = std::panic::catch_unwind(drop).is_err();
            tidy_up().unwrap();
            noticed
        };
        let (key, new) = (Key::PRIVATE, Create::NEW);
        assert!(notices(&|| {
            let queue = message::create(key, new).unwrap();
            Box::new(move || queue.remove())
        }));
        assert!(notices(&|| {
            let set = semaphore::create(key, 3, new).unwrap();
            Box::new(move || set.remove())
        }));
        assert!(notices(&|| {
            let set = semaphore::create(key, 3, new).unwrap();
            set.set_value(2, 1).unwrap();
            Box::new(move || set.remove())
        }));
        assert!(notices(&|| {
            let flags = memory::SegmentFlags::empty();
            let segment = memory::create(key, 1, flags, new).unwrap();
            Box::new(move || segment.remove())
        }));
        return;
    }
    let _check = LeakCheck::begin();
    Peer::start(test_name!(), "leaks", &[]).finish();
}

const HALF: &str = "RAWIPC_TEST_HALF";

fn is_half(name: &str) -> bool {
    std::env::var(HALF).is_ok_and(|half| half == name)
}

/// This program as somebody would start it who knows nothing of it, for the test `test`.
fn from_outside(test: &str, half: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    begin::as_from_outside(&mut command)
        .args([test, "--exact", "--nocapture"])
        .env(HALF, half);
    command
}

/// What the kernel says of this thread.
fn status(name: &str) -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim_start_matches([':', '\t']).to_owned()
}

#[test]
fn program_started_in_any_state_begins_in_known_state() {
    const LEFT_OPEN: i32 = 99;

    if is_half("state") {
        for blocked in ["SigBlk", "SigPnd", "ShdPnd"] {
            assert_eq!(status(blocked), "0000000000000000", "{blocked}");
        }
        // Rust's own, as always.
        let broken_pipe = 1_u64 << (libc::SIGPIPE - 1);
        assert_eq!(status("SigIgn"), format!("{broken_pipe:016x}"));
        assert_eq!(status("Umask"), "0022");
        assert_eq!(std::io::stdin().read(&mut [0]).unwrap(), 0);
        assert_eq!(getrlimit(Resource::Nofile).current, Some(1024));
        let files = getrlimit(Resource::Fsize);
        assert_eq!(files.current, files.maximum);
        // SAFETY: no memory is involved.
        let flags = unsafe { libc::fcntl(LEFT_OPEN, libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC);
        // SAFETY: no memory is involved.
        let alarm = unsafe { libc::alarm(0) };
        assert_eq!(alarm, 0);
        let folder = std::env::temp_dir();
        assert!(folder.is_dir(), "{folder:?}");
        return;
    }
    let _check = LeakCheck::begin();
    let mut command = from_outside(test_name!(), "state");
    command.env("TMPDIR", "not a folder").stdout(Stdio::null());
    let spoil = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGCHLD] {
            // SAFETY: no handler.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
        // SAFETY: all zeros are a set.
        let mut all: libc::sigset_t = unsafe { core::mem::zeroed() };
        // SAFETY: the set is borrowed for the call.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: the set is borrowed for the call.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, core::ptr::null_mut()) };
        // SAFETY: blocked, so that it stays pending.
        unsafe { libc::raise(libc::SIGTERM) };
        for resource in [Resource::Nofile, Resource::Fsize] {
            let mut limit = getrlimit(resource);
            limit.current = Some(100);
            setrlimit(resource, limit)?;
        }
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        // SAFETY: no memory is involved.
        unsafe { libc::alarm(1000) };
        // SAFETY: nobody here has the number.
        unsafe { libc::dup2(2, LEFT_OPEN) };
        // SAFETY: the program that is executed next opens it anew.
        unsafe { libc::close(0) };
        Ok(())
    };
    // SAFETY: between fork and exec it only makes system calls.
    unsafe { command.pre_exec(spoil) };
    assert!(command.status().unwrap().success());
}

/// The descriptor, held by all processes that a program left, is closed when all have ended.
#[track_caller]
fn assert_all_ended(mut held: std::process::ChildStdout) {
    held.read_to_end(&mut Vec::new()).unwrap();
}

/// A process in a session of its own, which no signal to a group reaches, that would go on
/// for longer than anybody waits.
fn start_one_that_stays() {
    let mut command = Command::new("sleep");
    command.arg("100000").stdin(Stdio::null());
    let leave = || {
        rustix::process::setsid()?;
        Ok(())
    };
    // SAFETY: between fork and exec it only makes a system call.
    unsafe { command.pre_exec(leave) };
    drop(command.spawn().unwrap());
}

#[test]
fn hanging_test_is_named_and_killed_with_its_children() {
    if is_half("hangs") {
        start_one_that_stays();
        loop {
            std::thread::park();
        }
    }
    if !needs::orphans() {
        return;
    }
    let _check = LeakCheck::begin();
    let mut command = from_outside(test_name!(), "hangs");
    deadline::limit(&mut command, "2");
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = run.spawn().unwrap();
    let held = run.stdout.take().unwrap();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(test_name!()), "{said}");
    assert!(!output.status.success());
    assert_all_ended(held);
}

#[test]
fn process_left_running_is_killed_and_fails_program() {
    if is_half("leaves") {
        start_one_that_stays();
        return;
    }
    if !needs::orphans() {
        return;
    }
    let _check = LeakCheck::begin();
    let mut command = from_outside(test_name!(), "leaves");
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = run.spawn().unwrap();
    let held = run.stdout.take().unwrap();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("left running by the tests"), "{said}");
    assert!(!output.status.success());
    assert_all_ended(held);
}

#[test]
fn watcher_exits_as_its_tests_do() {
    if is_half("dies") {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
    }
    let _check = LeakCheck::begin();
    let mut command = from_outside(test_name!(), "dies");
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
}

/// What comes without it begins in whatever state it is started, and may hang for ever.
#[test]
fn every_test_program_has_the_support() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut programs = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // One file at the top would be a program again.
        assert!(path.is_dir(), "{path:?}");
        let program = path.join("main.rs");
        if !program.exists() {
            continue;
        }
        programs += 1;
        let text = fs::read_to_string(&program).unwrap();
        assert!(text.contains("\nmod support;\n"), "{program:?}");
    }
    assert!(programs > 10, "{programs}");
}
