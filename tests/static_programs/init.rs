//! `init` as the first process of a new PID namespace.

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use rawipc::pipe::{self, PipeFlags};
use rawipc::process::{self, CloneFlags, Command, FdMapping, IdMap, State, exec};
use rawipc::socket::{address::UnixAddress, seqpacket};
use rawipc::{Deadline, Errno, OwnedFd, Signal};

use super::support::{LIMIT, LeakCheck};

/// Ends when asked, says which signals come, and leaves an orphan that does not.
const STEADY: &str = "trap 'echo forwarded' USR1; trap 'echo bye; exit 0' TERM; \
    (trap '' TERM; sleep 1000 & ) ; echo up; while :; do sleep 1000 & wait $!; done";
const CRASHING: &str = "exit 3";

/// What the shell says that cannot mount something over `/proc`.
const CANNOT: u8 = 77;

fn supervised(without_proc: bool) {
    let init = CString::new(super::shipped("init").as_os_str().as_bytes()).expect("a path");
    let socket = std::env::temp_dir().join(format!(
        "rawipc-test-{}-init-{without_proc}",
        std::process::id()
    ));
    let control = CString::new(socket.as_os_str().as_bytes()).expect("a path");
    let (steady, crashing) = (CString::new(STEADY), CString::new(CRASHING));
    let (steady, crashing) = (steady.expect("text"), crashing.expect("text"));
    let mut args = exec::List::<8>::new();
    let script = c"mount -t tmpfs none /proc || exit 77; exec \"$0\" \"$@\"";
    let shell = [c"sh", c"-c", script];
    let kinds = CloneFlags::NEWUSER | CloneFlags::NEWPID;
    let (path, before, kinds) = if without_proc {
        (c"/bin/sh", &shell[..], kinds | CloneFlags::NEWNS)
    } else {
        (init.as_c_str(), &[][..], kinds)
    };
    let own = [&*init, &*control, &*steady, &*crashing];
    for word in before.iter().copied().chain(own) {
        args.push(word).expect("room");
    }
    let env = exec::List::of([c"PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
    let (output, input) = pipe::create(PipeFlags::empty()).expect("a pipe");
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let child = Command::path(path, &args, &env)
        .namespaces(kinds)
        .uid_map(&[IdMap::one(0, user)])
        .gid_map(&[IdMap::one(0, group)])
        .inherit(&[FdMapping::new(&input, 1), FdMapping::new(&input, 2)])
        .parent_death_signal(Signal::KILL)
        .spawn();
    let child = match child {
        Ok(child) => child,
        Err(error) => return skipped!("no namespaces here: {error}"),
    };
    drop(input);
    let mut lines = BufReader::new(File::from(OwnedFd::from(output))).lines();
    let mut seen = Vec::new();
    let mut until = |text: &str| {
        for line in lines.by_ref() {
            seen.push(line.expect("a line"));
            if seen.last().is_some_and(|line| line.contains(text)) {
                return Some(seen.clone());
            }
        }
        None
    };
    let deadline = || Deadline::after(LIMIT);
    let Some(_) = until("init: process 1") else {
        let end = process::wait_until(&child, deadline()).expect("its end");
        assert_eq!(end.state, State::Exited(CANNOT), "{seen:?}");
        return skipped!("nothing can be mounted over /proc here");
    };
    // Each start again comes later.
    for delay in [20, 40, 80] {
        let text = format!("service 1: Exited(3), delay {delay}");
        let seen = until(&text).expect("a failed service");
        if delay == 80 && !seen.iter().any(|line| line == "up") {
            until("up").expect("the other service");
        }
    }
    child.pidfd.send_signal(Signal::USR1).expect("a signal");
    until("forwarded").expect("the signal");
    let address = UnixAddress::pathname(&*control).expect("an address");
    let client = seqpacket::connect_until(&address, deadline()).expect("a connection");
    let ask = |what: &[u8]| {
        client.send_until(what, deadline()).expect("a request");
        let mut reply = [0; 256];
        let len = client.recv_until(&mut reply, deadline()).expect("a reply");
        String::from_utf8_lossy(&reply[..len.expect("no end")]).into_owned()
    };
    // The file's mode lets anybody connect: credentials are what is left.
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("its mode");
    if let Some(said) = asked_by_stranger(&address) {
        assert_eq!(said, None, "a stranger is answered");
        until("refuses a stranger").expect("a refusal");
    }
    let status = ask(b"status");
    assert!(status.contains("started 1 times\n1: process "), "{status}");
    assert_eq!(ask(b"else"), "unknown");
    assert_eq!(ask(b"stop"), "stopping");
    until("bye").expect("an orderly end");
    until("service 0: Exited(0)").expect("its end");
    until("init: done").expect("the end of all");
    let end = process::wait_until(&child, deadline()).expect("its end");
    assert_eq!(end.state, State::Exited(0));
    assert!(!socket.exists());
    assert_eq!(
        seqpacket::connect(&address).err(),
        Some(Errno::NOENT),
        "a listener is left"
    );
}

/// What another user is answered: nothing but the end of the connection. `None` if this process
/// cannot be another user.
fn asked_by_stranger(address: &UnixAddress) -> Option<Option<usize>> {
    const STRANGER: u32 = 54321;
    if !rustix::process::geteuid().is_root() {
        skipped!("a stranger: only root can be one");
        return None;
    }
    // Of one thread: the kernel asks who it is when it connects.
    let stranger = std::thread::spawn({
        let address = *address;
        move || {
            // SAFETY: changes the user of this thread alone, which ends with it.
            let changed =
                unsafe { libc::syscall(libc::SYS_setresuid, STRANGER, STRANGER, STRANGER) };
            assert_eq!(changed, 0, "another user");
            let deadline = || Deadline::after(LIMIT);
            let client = seqpacket::connect_until(&address, deadline())?;
            // It may be refused before it has asked.
            let _ = client.send_until(b"stop", deadline());
            let mut reply = [0; 64];
            match client.recv_until(&mut reply, deadline()) {
                Ok(len) => Ok(len),
                Err(error) if Errno::from(error) == Errno::CONNRESET => Ok(None),
                Err(error) => Err(Errno::from(error)),
            }
        }
    });
    Some(stranger.join().expect("a stranger").expect("a connection"))
}

#[test]
fn init_supervises_services_as_first_process() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    supervised(false);
}

#[test]
fn init_needs_no_proc() {
    if !super::is_there() {
        return;
    }
    let _check = LeakCheck::begin();
    supervised(true);
}

#[test]
fn init_has_no_unsafe_of_its_own() {
    if !super::is_there() {
        return;
    }
    let path = std::path::Path::new(super::PACKAGE).join("src/init.rs");
    let text = fs::read_to_string(&path).expect("the source");
    let counted = super::count(&path);
    println!("init: {} lines, {} unsafe", counted.lines, counted.unsafes);
    assert_eq!(counted.unsafes, 0);
    assert!(text.contains("#![forbid(unsafe_code)]"));
}
