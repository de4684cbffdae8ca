//! Memory that a process may not make so large: `RLIMIT_FSIZE` is an error, and its signal
//! kills nobody.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use rawipc::memory::memfd::{self, MemfdFlags};
use rawipc::memory::secret::{self, SecretFlags};
use rawipc::pipe::{self, PipeFlags, SpliceFlags};
use rawipc::posix::{Name, memory, semaphore};
use rawipc::ring::spsc::{Ring, items};
use rawipc::ring::{SpinThenFutex, latest};
use rawipc::signal::{self, Set};
use rawipc::{Deadline, Errno, Result, Signal};
use rustix::process::{Resource, Rlimit, setrlimit};
use support::{Child, End, LIMIT, LeakCheck};

/// Less than any of it has.
const MOST: u64 = 16;

fn limit_files(most: u64) -> bool {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::Fsize, limit).is_ok()
}

fn name(kind: &str) -> Name {
    Name::new(format!("/rawipc-test-{}-{kind}", std::process::id())).unwrap()
}

/// Every way to make memory, make it longer or write to it. Allocates nothing.
type Way<'a> = (&'static str, &'a dyn Fn() -> Result<()>);

#[track_caller]
fn refused_in_each(test: &str, way: impl Fn(&Way<'_>) -> i32) {
    let _check = LeakCheck::begin();
    let [new, old, flag] = ["new", "old", "flag"].map(|kind| name(&format!("{test}-{kind}")));
    let object = memory::CreateOptions::new().create(&old).unwrap();
    let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
    let hidden = secret::create(SecretFlags::empty());
    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    writer.write_all(b"more than a file may have").unwrap();
    let none = SpliceFlags::empty();
    let ways: &[Way<'_>] = &[
        ("splice_to", &|| {
            let mut to = MOST;
            reader.splice_to(&memfd, Some(&mut to), 8, none).map(drop)
        }),
        ("try_splice_to", &|| {
            let mut to = MOST;
            reader
                .try_splice_to(&memfd, Some(&mut to), 8, none)
                .map(drop)
        }),
        ("splice_to_until", &|| {
            let mut to = MOST;
            let soon = Deadline::after(LIMIT);
            reader
                .splice_to_until(&memfd, Some(&mut to), 8, none, soon)
                .map(drop)
        }),
        ("memfd set_size", &|| memfd.set_size(MOST + 1)),
        ("memfd allocate", &|| memfd.allocate(0, 4096)),
        ("memfd write_at", &|| memfd.write_at(MOST, &[1]).map(drop)),
        ("secret set_size", &|| match &hidden {
            Ok(hidden) => hidden.set_size(4096),
            // Not on this machine.
            Err(_) => Err(Errno::FBIG),
        }),
        ("ring", &|| Ring::<SpinThenFutex>::create(1).map(drop)),
        ("ring of items", &|| items::Ring::<u64>::create(1).map(drop)),
        ("members", &|| rawipc::members::Region::create(1).map(drop)),
        ("latest value", &|| {
            latest::Value::<u64>::create(1).map(drop)
        }),
        ("latest value of bytes", &|| {
            latest::bytes::Value::create(1, 1).map(drop)
        }),
        ("shared memory", &|| {
            let options = memory::CreateOptions::new().size(MOST + 1);
            options.create(&new).map(drop)
        }),
        ("shared memory or open", &|| {
            let options = memory::CreateOptions::new().size(MOST + 1);
            options.open_existing().create(&new).map(drop)
        }),
        ("memory set_size", &|| object.set_size(MOST + 1)),
        ("memory allocate", &|| object.allocate(MOST, 1)),
        ("memory write_at", &|| object.write_at(MOST, &[1]).map(drop)),
        ("semaphore", &|| {
            semaphore::CreateOptions::new().create(&flag, 1).map(drop)
        }),
        ("semaphore or open", &|| {
            let options = semaphore::CreateOptions::new().open_existing();
            options.create(&flag, 1).map(drop)
        }),
    ];
    let mut failed = Vec::new();
    for one in ways {
        let end = Child::fork(|| way(one)).wait();
        if end != End::Exited(0) {
            failed.push((one.0, end));
        }
    }
    memory::unlink(&old).unwrap();
    for left in [memory::unlink(&new), semaphore::unlink(&flag)] {
        assert_eq!(left, Err(Errno::NOENT));
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn memory_beyond_file_limit_is_refused_without_signal() {
    refused_in_each("plain", |(_, make)| {
        if !limit_files(MOST) {
            return 1;
        }
        let before = signal::mask();
        if make() != Err(Errno::FBIG) {
            return 2;
        }
        let now = (signal::mask(), signal::pending());
        i32::from(now != (before, Ok(Set::EMPTY)))
    });
}

#[test]
fn memory_beyond_file_limit_with_signal_blocked_leaves_none_pending() {
    refused_in_each("blocked", |(_, make)| {
        if !limit_files(MOST) || signal::block(Signal::XFSZ).is_err() {
            return 1;
        }
        if make() != Err(Errno::FBIG) {
            return 2;
        }
        if signal::pending() != Ok(Set::EMPTY) {
            return 3;
        }
        let blocked = signal::mask().is_ok_and(|mask| mask.contains(Signal::XFSZ));
        i32::from(!blocked)
    });
}

#[test]
fn memory_beyond_file_limit_leaves_signal_that_was_pending() {
    refused_in_each("pending", |(_, make)| {
        let pending = signal::block(Signal::XFSZ).and_then(|_| signal::raise(Signal::XFSZ));
        if !limit_files(MOST) || pending.is_err() {
            return 1;
        }
        if make() != Err(Errno::FBIG) {
            return 2;
        }
        i32::from(signal::pending() != Ok(Set::of([Signal::XFSZ]))) * 3
    });
}

#[test]
fn splicing_across_file_limit_is_cut_short_without_signal() {
    let _check = LeakCheck::begin();
    let pages = [1; 2 * 4096];
    let cut_short = |block: bool| {
        let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
        writer.write_all(&pages).unwrap();
        let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
        Child::fork(|| {
            if !limit_files(4096) || block && signal::block(Signal::XFSZ).is_err() {
                return 1;
            }
            let (mut to, none) = (0, SpliceFlags::empty());
            if reader.splice_to(&memfd, Some(&mut to), pages.len(), none) != Ok(4096) {
                return 2;
            }
            i32::from(signal::pending() != Ok(Set::EMPTY)) * 3
        })
        .wait()
    };
    assert_eq!([false, true].map(cut_short), [End::Exited(0); 2]);
}

#[test]
fn splicing_less_than_asked_leaves_signal_that_was_pending() {
    let _check = LeakCheck::begin();
    let (reader, writer) = pipe::create(PipeFlags::empty()).unwrap();
    writer.write_all(b"some").unwrap();
    let memfd = memfd::create("rawipc-test", MemfdFlags::empty()).unwrap();
    let end = Child::fork(|| {
        if signal::block(Signal::XFSZ).is_err() || signal::raise(Signal::XFSZ).is_err() {
            return 1;
        }
        let (mut to, none) = (0, SpliceFlags::empty());
        if reader.splice_to(&memfd, Some(&mut to), 4096, none) != Ok(4) {
            return 2;
        }
        i32::from(signal::pending() != Ok(Set::of([Signal::XFSZ]))) * 3
    })
    .wait();
    assert_eq!(end, End::Exited(0));
}

#[test]
fn memory_within_file_limit_is_made() {
    let _check = LeakCheck::begin();
    let (new, flag) = (name("fits"), name("flag-fits"));
    let end = Child::fork(|| {
        let made = || {
            let object = memory::CreateOptions::new().size(4096).create(&new)?;
            object.write_at(0, &[1; 4096])?;
            semaphore::CreateOptions::new().create(&flag, 1)?;
            // Cut short at the limit, as anywhere.
            let memfd = memfd::create("rawipc-test", MemfdFlags::empty())?;
            match memfd.write_at(4000, &[1; 200])? {
                96 => memfd.set_size(4096),
                _ => Err(Errno::IO),
            }
        };
        if !limit_files(4096) {
            return 200;
        }
        made().map_or_else(Errno::raw_os_error, |()| 0)
    })
    .wait();
    memory::unlink(&new).unwrap();
    semaphore::unlink(&flag).unwrap();
    assert_eq!(end, End::Exited(0));
}
