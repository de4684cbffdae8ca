//! Leases: who has one is asked before another opens the file.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ffi::CStr;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rawipc::Errno;
use rawipc::event::eventfd::{self, EventFdFlags};
use rawipc::lock::{Kind, lease};
use rawipc::signal::io::{self, Owner};
use rawipc::signal::{self, Cause, IoEvent};
use rustix::fs::{CWD, Mode, OFlags, openat};
use support::{Child, End, Folder, LeakCheck, limit};

const READ: OFlags = OFlags::RDONLY;
const WRITE: OFlags = OFlags::WRONLY;

/// A file, and its name for children, who may not allocate.
struct Leased {
    file: File,
    path: CString,
    _folder: Folder,
    /// Another test's children would have this one's file open.
    _alone: MutexGuard<'static, ()>,
}

/// A file that is open in this way, or `None`: there are no leases on it.
fn leased(test: &str, write: bool) -> Option<Leased> {
    static ONE: Mutex<()> = Mutex::new(());
    let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new(test);
    let path = folder.file("file", "content");
    let leased = Leased {
        file: File::options().read(true).write(write).open(&path).unwrap(),
        path: CString::new(path.as_os_str().as_bytes()).unwrap(),
        _folder: folder,
        _alone: alone,
    };
    match lease::take(&leased.file, Kind::Exclusive) {
        Err(Errno::INVAL) => {
            skipped!("the folder for temporary files has no leases");
            None
        }
        guard => {
            guard.unwrap().give_back().unwrap();
            Some(leased)
        }
    }
}

fn open(path: &CStr, flags: OFlags) -> rawipc::Result<()> {
    openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty()).map(drop)
}

fn try_open(path: &CStr, flags: OFlags) -> rawipc::Result<()> {
    open(path, flags | OFlags::NONBLOCK)
}

/// A process that opens the file, and waits for that.
fn opener(path: &CStr, flags: OFlags) -> Child {
    let child = Child::fork(|| i32::from(open(path, flags).is_err()));
    child.await_sleep();
    child
}

/// Lets this thread be asked by a signal that names the descriptor. Blocked: it is to
/// be taken, here and not by the harness's threads.
fn ask_me(file: &File) -> signal::Set {
    let number = signal::real_time(3).unwrap();
    signal::block(number).unwrap();
    io::set_owner(file, Some(Owner::Thread(rustix::thread::gettid()))).unwrap();
    io::set_signal(file, Some(number)).unwrap();
    number.into()
}

#[track_caller]
fn who_is_asked(by: signal::Set) -> RawFd {
    let info = signal::wait_until(by, limit()).unwrap();
    match info.cause() {
        Cause::Io { fd, event, .. } => {
            assert_eq!(event, IoEvent::Message);
            fd
        }
        cause => panic!("{cause:?}"),
    }
}

#[track_caller]
fn assert_asked(by: signal::Set, file: &File) {
    assert_eq!(who_is_asked(by), file.as_raw_fd());
}

#[test]
fn open_of_leased_file_waits() {
    let _check = LeakCheck::begin();
    for flags in [READ, WRITE] {
        let Some(Leased { file, path, .. }) = &leased("lease-waits", true) else {
            return;
        };
        let asked = ask_me(file);
        let guard = lease::take(file, Kind::Exclusive).unwrap();
        // Set again by the lease, if nobody was.
        assert_eq!(lease::held(file), Ok(Some(Kind::Exclusive)));
        assert_eq!(try_open(path, flags), Err(Errno::AGAIN));
        assert_asked(asked, file);
        let mut child = opener(path, flags);
        assert_ne!(lease::held(file), Ok(Some(Kind::Exclusive)));
        guard.give_back().unwrap();
        assert_eq!(child.wait(), End::Exited(0));
        assert_eq!(lease::held(file), Ok(None));
        assert_eq!(lease::give_back(file), Err(Errno::AGAIN));
        // Whom to ask, and how, goes with the lease.
        assert_eq!(io::owner(file), Ok(None));
        assert_eq!(io::signal(file), Ok(None));
    }
}

#[test]
fn shared_leases_are_broken_by_writer() {
    let _check = LeakCheck::begin();
    let Some(Leased { file, path, .. }) = &leased("lease-readers", false) else {
        return;
    };
    let other = File::open(path.to_str().unwrap()).unwrap();
    let asked = ask_me(file);
    ask_me(&other);
    let guards = [file, &other].map(|file| lease::take(file, Kind::Shared).unwrap());
    assert_eq!(lease::held(file), Ok(Some(Kind::Shared)));
    open(path, READ).unwrap();
    // It is open twice.
    assert_eq!(lease::take(file, Kind::Exclusive).err(), Some(Errno::AGAIN));
    assert_eq!(try_open(path, WRITE), Err(Errno::AGAIN));
    let mut all = [file, &other].map(|file| file.as_raw_fd());
    let mut told = all.map(|_| who_is_asked(asked));
    all.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, all);
    let mut child = opener(path, WRITE);
    assert_eq!(lease::held(&other), Ok(None), "what would let it go on");
    drop(guards);
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn shared_lease_lets_reader_in() {
    let _check = LeakCheck::begin();
    let Some(Leased { file, path, .. }) = &leased("lease-shares", false) else {
        return;
    };
    let asked = ask_me(file);
    let guard = lease::take(file, Kind::Exclusive).unwrap();
    let mut child = opener(path, READ);
    assert_asked(asked, file);
    assert_eq!(lease::held(file), Ok(Some(Kind::Shared)));
    let guard = guard.share().unwrap();
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(lease::held(file), Ok(Some(Kind::Shared)));
    assert_eq!(try_open(path, WRITE), Err(Errno::AGAIN));
    assert_asked(asked, file);
    drop(guard);
    assert_eq!(try_open(path, WRITE), Ok(()));
}

#[test]
fn dead_holder_lets_opener_in() {
    let _check = LeakCheck::begin();
    let Some(Leased {
        file,
        path,
        _folder,
        _alone,
    }) = leased("lease-dead", true)
    else {
        return;
    };
    // The holder's is to be the only one.
    drop(file);
    let ready = eventfd::create(0, EventFdFlags::empty()).unwrap();
    let mut holder = Child::fork(|| {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let Ok(file) = openat(CWD, &*path, flags, Mode::empty()) else {
            return 1;
        };
        // Or it would end of being asked.
        let _ = signal::block(rawipc::Signal::IO);
        let Ok(_guard) = lease::take(&file, Kind::Exclusive) else {
            return 2;
        };
        let _ = ready.add(1);
        loop {
            let _ = rawipc::event::poll::wait(&mut []);
        }
    });
    ready.wait_until(limit()).unwrap();
    let mut child = opener(&path, READ);
    assert_eq!(child.try_wait(), None);
    holder.kill();
    assert_eq!(holder.wait(), End::Killed(libc::SIGKILL));
    assert_eq!(child.wait(), End::Exited(0));
}

#[test]
fn lease_of_unsuitable_file_is_refused() {
    let _check = LeakCheck::begin();
    let Some(Leased { file, path, .. }) = &leased("lease-refused", true) else {
        return;
    };
    assert_eq!(lease::held(file), Ok(None));
    assert_eq!(lease::take(file, Kind::Shared).err(), Some(Errno::AGAIN));
    let second = File::open(path.to_str().unwrap()).unwrap();
    assert_eq!(lease::take(file, Kind::Exclusive).err(), Some(Errno::AGAIN));
    drop(second);
    let guard = lease::take(file, Kind::Exclusive).unwrap();
    // It can write itself.
    assert_eq!(guard.share().err(), Some(Errno::AGAIN));
    assert_eq!(lease::held(file), Ok(None), "dropped");
    // The user's own, of which not even root has a lease.
    let folder = Folder::new("lease-folder");
    let folder = File::open(&*folder).unwrap();
    assert_eq!(lease::take(&folder, Kind::Shared).err(), Some(Errno::INVAL));
    let (reader, _writer) = rawipc::pipe::create(rawipc::pipe::PipeFlags::empty()).unwrap();
    assert_eq!(lease::take(&reader, Kind::Shared).err(), Some(Errno::INVAL));
}

#[test]
fn lease_of_other_users_file_is_refused() {
    let _check = LeakCheck::begin();
    let Some(Leased { file, path, .. }) = &leased("lease-user", false) else {
        return;
    };
    std::fs::set_permissions(
        path.to_str().unwrap(),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    let mut child = Child::fork(|| {
        if !support::child::become_nobody() {
            return 2;
        }
        match lease::take(file, Kind::Shared) {
            Err(Errno::ACCESS) => 0,
            _ => 1,
        }
    });
    match child.wait() {
        End::Exited(2) => skipped!("only root becomes another user"),
        end => assert_eq!(end, End::Exited(0)),
    }
}

#[test]
fn kept_lease_belongs_to_description() {
    let _check = LeakCheck::begin();
    let Some(Leased { file, .. }) = &leased("lease-kept", true) else {
        return;
    };
    lease::take(file, Kind::Exclusive).unwrap().keep();
    let mut child = Child::fork(|| match lease::held(file) {
        Ok(Some(Kind::Exclusive)) => i32::from(lease::give_back(file).is_err()),
        _ => 2,
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(lease::held(file), Ok(None));
}
