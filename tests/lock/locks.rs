//! Locks on files: every kind, owner, range, conversion and error, between
//! descriptions, threads and processes, and past their deaths.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Instant;

use rawipc::lock::{Holder, Kind, NAP_MAX, Owner, RangeGuard, flock, ofd, process};
use rawipc::{Deadline, Errno, Pid};
use rustix::time::{ClockId, clock_gettime};

use support::{Child, End, LIMIT, LeakCheck, Peer, PeerArgs, limit};

const SHORT: Duration = Duration::from_millis(100);
use Kind::{Exclusive, Shared};

/// A file of a test, removed when dropped.
struct Path(PathBuf);

impl Path {
    fn new(test: &str) -> Self {
        let name = format!("rawipc-test-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "content").unwrap();
        Self(path)
    }

    /// A description of its own.
    fn open(&self) -> File {
        open(&self.0)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn open(path: impl AsRef<std::path::Path>) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn this_process() -> Pid {
    Pid::from_raw(std::process::id() as i32).unwrap()
}

/// Whether one who has nothing could lock so, by a description of its own.
fn free(path: &Path, kind: Kind) -> bool {
    let result = flock::try_lock(&path.open(), kind).map(drop);
    assert!(matches!(result, Ok(()) | Err(Errno::AGAIN)), "{result:?}");
    result.is_ok()
}

fn free_bytes(path: &Path, range: impl core::ops::RangeBounds<u64>, kind: Kind) -> bool {
    let result = ofd::try_lock(&path.open(), range, kind).map(drop);
    assert!(matches!(result, Ok(()) | Err(Errno::AGAIN)), "{result:?}");
    result.is_ok()
}

/// Asserts that `wait` fails by its deadline, and not much before or by working.
fn times_out(wait: impl FnOnce(Deadline) -> rawipc::Result<()>) {
    let processor = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let (begin, before) = (Instant::now(), processor());
    assert_eq!(wait(Deadline::after(SHORT)), Err(Errno::TIMEDOUT));
    assert!(begin.elapsed() >= SHORT);
    let spent = processor() - before;
    assert!(spent < SHORT / 4, "{spent:?}");
}

#[test]
fn flock_is_shared_or_exclusive() {
    let _check = LeakCheck::begin();
    let path = Path::new("whole");
    let (ours, theirs) = (path.open(), path.open());
    let guard = flock::lock(&ours, Shared).unwrap();
    assert!(free(&path, Shared) && !free(&path, Exclusive));
    let other = flock::try_lock(&theirs, Shared).unwrap();
    drop(guard);
    assert!(!free(&path, Exclusive));
    other.unlock().unwrap();
    assert!(free(&path, Exclusive));
    let guard = flock::lock_until(&ours, Exclusive, Deadline::NOW).unwrap();
    assert!(!free(&path, Shared));
    drop(guard);
    let guard = flock::lock_until(&ours, Exclusive, Deadline::Never).unwrap();
    assert!(!free(&path, Shared));

    // Duplicates are one and the same.
    let copy = ours.try_clone().unwrap();
    flock::try_lock(&copy, Shared).unwrap().keep();
    assert!(free(&path, Shared));
    drop(guard);
    assert!(free(&path, Exclusive));

    // Kept until the last descriptor is closed.
    flock::lock(&ours, Exclusive).unwrap().keep();
    drop(ours);
    assert!(!free(&path, Shared));
    drop(copy);
    assert!(free(&path, Exclusive));

    // Or until it is released.
    flock::lock(&theirs, Exclusive).unwrap().keep();
    assert!(!free(&path, Shared));
    flock::unlock(&theirs).unwrap();
    assert!(free(&path, Exclusive));
    flock::unlock(&theirs).unwrap();
}

#[test]
fn flock_converted_in_vain_is_lost() {
    let _check = LeakCheck::begin();
    let path = Path::new("convert");
    let (ours, theirs) = (path.open(), path.open());
    let guard = flock::lock(&ours, Exclusive).unwrap();
    let guard = guard.convert(Shared).unwrap();
    assert!(free(&path, Shared));
    let guard = guard.try_convert(Exclusive).unwrap();
    let guard = guard.convert_until(Shared, limit()).unwrap();
    let guard = guard.convert_until(Exclusive, Deadline::Never).unwrap();
    assert!(!free(&path, Shared));
    let guard = guard.convert(Shared).unwrap();

    let other = flock::lock(&theirs, Shared).unwrap();
    assert_eq!(guard.try_convert(Exclusive).err(), Some(Errno::AGAIN));
    // Ours is gone.
    let other = other.try_convert(Exclusive).unwrap();
    assert!(!free(&path, Shared));
    let other = other.convert(Shared).unwrap();
    let guard = flock::lock(&ours, Shared).unwrap();
    times_out(|deadline| guard.convert_until(Exclusive, deadline).map(drop));
    assert!(other.try_convert(Exclusive).is_ok());
}

#[test]
fn flock_wait_ends_at_deadline() {
    let _check = LeakCheck::begin();
    let path = Path::new("deadline");
    let (ours, theirs) = (path.open(), path.open());
    let _guard = flock::lock(&ours, Exclusive).unwrap();
    for kind in [Shared, Exclusive] {
        let now = flock::lock_until(&theirs, kind, Deadline::NOW);
        assert_eq!(now.err(), Some(Errno::TIMEDOUT));
        times_out(|deadline| flock::lock_until(&theirs, kind, deadline).map(drop));
    }
}

#[test]
fn ranges_are_locked_apart() {
    let _check = LeakCheck::begin();
    let path = Path::new("apart");
    let ours = path.open();
    let low = ofd::lock(&ours, 10..20, Exclusive).unwrap();
    let high = ofd::lock(&ours, 30..=39, Shared).unwrap();
    for (range, shared, exclusive) in [
        (0..10, true, true),
        (9..11, false, false),
        (10..20, false, false),
        (19..20, false, false),
        (20..30, true, true),
        (29..31, true, false),
        (39..40, true, false),
        (40..50, true, true),
        (0..1000, false, false),
    ] {
        assert_eq!(
            free_bytes(&path, range.clone(), Shared),
            shared,
            "{range:?}"
        );
        assert_eq!(
            free_bytes(&path, range.clone(), Exclusive),
            exclusive,
            "{range:?}"
        );
    }
    drop(low);
    assert!(free_bytes(&path, ..30, Exclusive) && !free_bytes(&path, .., Exclusive));
    high.unlock().unwrap();
    assert!(free_bytes(&path, .., Exclusive));

    // To the end, wherever that is.
    let rest = ofd::try_lock(&ours, 100.., Exclusive).unwrap();
    assert!(free_bytes(&path, 0..100, Exclusive));
    assert!(!free_bytes(&path, 1 << 40..(1 << 40) + 1, Shared));
    assert!(!free_bytes(
        &path,
        i64::MAX as u64..=i64::MAX as u64,
        Shared
    ));
    drop(rest);
    let all = ofd::lock_until(&ours, .., Shared, limit()).unwrap();
    assert!(!free_bytes(&path, 5..6, Exclusive));
    drop(all);
    // A part of what was locked can be released.
    ofd::lock(&ours, 0..100, Exclusive).unwrap().keep();
    ofd::unlock(&ours, 40..60).unwrap();
    assert!(free_bytes(&path, 40..60, Exclusive) && free_bytes(&path, 100.., Exclusive));
    assert!(!free_bytes(&path, 39..40, Shared) && !free_bytes(&path, 60..61, Shared));
    drop(ours);
    assert!(free_bytes(&path, .., Exclusive));
}

#[test]
fn impossible_ranges_are_refused() {
    let _check = LeakCheck::begin();
    let path = Path::new("ranges");
    let file = path.open();
    let past = i64::MAX as u64 + 1;
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for (range, errno) in [
        (0..0, Errno::INVAL),
        (7..7, Errno::INVAL),
        (9..3, Errno::INVAL),
        (0..past + 1, Errno::OVERFLOW),
        (past..past + 1, Errno::OVERFLOW),
        (u64::MAX - 1..u64::MAX, Errno::OVERFLOW),
    ] {
        assert_eq!(ofd::lock(&file, range.clone(), Shared).err(), Some(errno));
        assert_eq!(
            ofd::try_lock(&file, range.clone(), Shared).err(),
            Some(errno)
        );
        assert_eq!(
            ofd::lock_until(&file, range.clone(), Shared, limit()).err(),
            Some(errno)
        );
        assert_eq!(ofd::holder(&file, range.clone(), Shared), Err(errno));
        assert_eq!(ofd::unlock(&file, range.clone()), Err(errno));
        assert_eq!(
            process::lock(&file, range.clone(), Shared).err(),
            Some(errno)
        );
    }
    assert_eq!(
        ofd::try_lock(&file, past.., Shared).err(),
        Some(Errno::OVERFLOW)
    );
    assert_eq!(
        ofd::try_lock(&file, ..=u64::MAX, Shared).err(),
        Some(Errno::OVERFLOW)
    );
    let after = (
        core::ops::Bound::Excluded(u64::MAX),
        core::ops::Bound::Unbounded,
    );
    assert_eq!(
        ofd::try_lock(&file, after, Shared).err(),
        Some(Errno::OVERFLOW)
    );
    // The last byte there can be, and all of them.
    let last = i64::MAX as u64;
    drop(ofd::try_lock(&file, last..=last, Exclusive).unwrap());
    drop(ofd::try_lock(&file, last.., Exclusive).unwrap());
    drop(ofd::try_lock(&file, 0..past, Exclusive).unwrap());
    let after = (core::ops::Bound::Excluded(4), core::ops::Bound::Included(6));
    let _five_and_six = ofd::try_lock(&file, after, Exclusive).unwrap();
    let held = ofd::holder(path.open(), .., Shared).unwrap().unwrap();
    assert_eq!((held.start, held.end), (5, Some(7)));
}

#[test]
fn lock_of_kind_not_open_for_is_refused() {
    let _check = LeakCheck::begin();
    let path = Path::new("modes");
    let reader = File::open(&path.0).unwrap();
    let writer = OpenOptions::new().write(true).open(&path.0).unwrap();
    for (file, kind) in [(&reader, Exclusive), (&writer, Shared)] {
        assert_eq!(ofd::lock(file, .., kind).err(), Some(Errno::BADF));
        assert_eq!(ofd::try_lock(file, .., kind).err(), Some(Errno::BADF));
        assert_eq!(process::try_lock(file, .., kind).err(), Some(Errno::BADF));
        let until = process::lock_until(file, .., kind, limit());
        assert_eq!(until.err(), Some(Errno::BADF));
    }
    drop(ofd::lock(&reader, .., Shared).unwrap());
    drop(ofd::lock(&writer, .., Exclusive).unwrap());
    // The whole file does not care.
    drop(flock::lock(&reader, Exclusive).unwrap());
    drop(flock::lock(&writer, Shared).unwrap());
    // Nor does a descriptor that only names the file.
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let named: OwnedFd = rustix::fs::open(&path.0, flags, rustix::fs::Mode::empty()).unwrap();
    assert_eq!(flock::try_lock(&named, Shared).err(), Some(Errno::BADF));
    assert_eq!(ofd::try_lock(&named, .., Shared).err(), Some(Errno::BADF));
}

#[test]
fn range_lock_converted_in_vain_is_kept() {
    let _check = LeakCheck::begin();
    let path = Path::new("bytes");
    let (ours, theirs) = (path.open(), path.open());
    let mut guard = ofd::lock(&ours, 5..10, Shared).unwrap();
    guard.convert(Exclusive).unwrap();
    assert!(!free_bytes(&path, 9.., Shared));
    guard.try_convert(Shared).unwrap();
    guard.convert_until(Exclusive, limit()).unwrap();
    guard.convert_until(Shared, Deadline::Never).unwrap();
    let other = ofd::lock(&theirs, 5..10, Shared).unwrap();
    assert_eq!(guard.try_convert(Exclusive), Err(Errno::AGAIN));
    times_out(|deadline| guard.convert_until(Exclusive, deadline));
    // Still there.
    drop(other);
    assert!(free_bytes(&path, .., Shared) && !free_bytes(&path, 7..8, Exclusive));
}

#[test]
fn range_wait_ends_at_deadline() {
    let _check = LeakCheck::begin();
    let path = Path::new("bytesdeadline");
    let (ours, theirs) = (path.open(), path.open());
    let _guard = ofd::lock(&ours, 0..10, Exclusive).unwrap();
    let now = ofd::lock_until(&theirs, 9.., Shared, Deadline::NOW);
    assert_eq!(now.err(), Some(Errno::TIMEDOUT));
    times_out(|deadline| ofd::lock_until(&theirs, .., Exclusive, deadline).map(drop));
    // A process lock is kept out too, though by the same process.
    let now = process::lock_until(&theirs, .., Shared, Deadline::NOW);
    assert_eq!(now.err(), Some(Errno::TIMEDOUT));
    times_out(|deadline| process::lock_until(&theirs, .., Shared, deadline).map(drop));
}

#[test]
fn threads_are_kept_apart_by_descriptions() {
    let _check = LeakCheck::begin();
    let path = Path::new("threads");
    let inside = core::sync::atomic::AtomicU32::new(0);
    let order = core::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        for turn in 0..4 {
            let (path, inside) = (&path, &inside);
            scope.spawn(move || {
                let file = path.open();
                for _ in 0..50 {
                    let range = 0..1;
                    let _guard: RangeGuard<'_> = if turn % 2 == 0 {
                        ofd::lock(&file, range, Exclusive).unwrap()
                    } else {
                        ofd::lock_until(&file, range, Exclusive, limit()).unwrap()
                    };
                    assert_eq!(inside.fetch_add(1, order), 0);
                    std::thread::yield_now();
                    inside.fetch_sub(1, order);
                }
            });
        }
    });
}

#[test]
fn holders_are_reported() {
    if let Some(mut half) = PeerArgs::role("holds") {
        let file = open(half.channel.hear());
        let guard = process::lock(&file, 100..200, Shared).unwrap();
        half.channel.say("holds");
        half.channel.expect("more");
        let more = process::lock(&file, 500.., Exclusive).unwrap();
        half.channel.say("holds");
        half.channel.expect("end");
        drop((guard, more));
        return;
    }
    let _check = LeakCheck::begin();
    let path = Path::new("holders");
    let file = path.open();
    let mut peer = Peer::start(test_name!(), "holds", &[]);
    peer.say(path.0.to_str().unwrap());
    peer.expect("holds");
    let theirs = Pid::from_raw(peer.id() as i32).unwrap();
    let shared = Holder {
        owner: Owner::Process(theirs),
        kind: Shared,
        start: 100,
        end: Some(200),
    };
    type Ask = fn(&File, core::ops::Range<u64>, Kind) -> rawipc::Result<Option<Holder>>;
    let asks: [Ask; 2] = [
        |file, range, kind| ofd::holder(file, range, kind),
        |file, range, kind| process::holder(file, range, kind),
    ];
    for ask in asks {
        assert_eq!(ask(&file, 0..1000, Exclusive), Ok(Some(shared)));
        assert_eq!(ask(&file, 0..1000, Shared), Ok(None));
        assert_eq!(ask(&file, 0..100, Exclusive), Ok(None));
    }
    peer.say("more");
    peer.expect("holds");
    let exclusive = Holder {
        owner: Owner::Process(theirs),
        kind: Exclusive,
        start: 500,
        end: None,
    };
    for ask in asks {
        assert_eq!(ask(&file, 600..601, Shared), Ok(Some(exclusive)));
    }
    // A description has no number.
    let guard = ofd::lock(&file, 300..400, Exclusive).unwrap();
    let ours = process::holder(&file, 350..360, Shared).unwrap().unwrap();
    assert_eq!((ours.owner, ours.kind), (Owner::Description, Exclusive));
    assert_eq!((ours.start, ours.end), (300, Some(400)));
    assert_eq!(ofd::holder(&file, 350..360, Shared), Ok(None));
    let ours = ofd::holder(path.open(), 350..360, Shared).unwrap();
    assert_eq!(ours.unwrap().owner, Owner::Description);
    // What this process has as a process is another's to a description.
    drop(guard);
    let guard = process::lock(&file, 300..400, Shared).unwrap();
    assert_eq!(process::holder(&file, 300..400, Exclusive), Ok(None));
    let held = ofd::holder(&file, 300..400, Exclusive).unwrap().unwrap();
    assert_eq!(held.owner, Owner::Process(this_process()));
    drop(guard);
    peer.say("end");
    peer.finish();
}

#[test]
fn process_lock_goes_when_any_descriptor_is_closed() {
    if let Some(mut half) = PeerArgs::role("asks") {
        let file = open(half.channel.hear());
        while half.channel.hear() == "ask" {
            let holder = process::holder(&file, .., Exclusive).unwrap();
            half.channel
                .say(if holder.is_some() { "held" } else { "free" });
        }
        return;
    }
    let _check = LeakCheck::begin();
    let path = Path::new("trap");
    let file = path.open();
    let mut peer = Peer::start(test_name!(), "asks", &[]);
    peer.say(path.0.to_str().unwrap());
    let mut ask = || {
        peer.say("ask");
        peer.channel().hear()
    };
    let guard = process::lock(&file, .., Exclusive).unwrap();
    assert_eq!(ask(), "held");
    // The trap.
    drop(File::open(&path.0).unwrap());
    assert_eq!(ask(), "free");
    // The guard is none the wiser, and does no harm.
    drop(guard);

    // What the default does instead.
    let guard = ofd::lock(&file, .., Exclusive).unwrap();
    drop(File::open(&path.0).unwrap());
    drop(file.try_clone().unwrap());
    assert_eq!(ask(), "held");
    drop(guard);
    assert_eq!(ask(), "free");
    peer.say("end");
    peer.finish();
}

/// Also in parts, and what is kept without a guard.
#[test]
fn kept_lock_is_unlocked_on_request() {
    let _check = LeakCheck::begin();
    let path = Path::new("kept");
    let (file, other) = (path.open(), path.open());
    let is_free = |range| ofd::holder(&other, range, Exclusive) == Ok(None);
    process::lock(&file, 0..100, Exclusive).unwrap().keep();
    assert!(!is_free(0..100));
    process::unlock(&file, 20..30).unwrap();
    assert!(is_free(20..30) && !is_free(19..20) && !is_free(30..31));
    process::unlock(&file, 200..).unwrap();
    process::unlock(&file, ..).unwrap();
    assert!(is_free(0..100));
    let backwards = core::ops::Range { start: 2, end: 1 };
    assert_eq!(process::unlock(&file, backwards), Err(Errno::INVAL));
}

#[test]
fn child_inherits_locks_of_descriptions() {
    let _check = LeakCheck::begin();
    let path = Path::new("inherit");
    let (file, other) = (path.open(), path.open());
    let whole = flock::lock(&file, Exclusive).unwrap();
    let bytes = ofd::lock(&file, 0..10, Exclusive).unwrap();
    let process = process::lock(&file, 20..30, Exclusive).unwrap();
    let mut child = Child::fork(|| {
        // Its own by inheritance.
        let whole = flock::try_lock(&file, Exclusive);
        let bytes = ofd::try_lock(&file, 0..10, Exclusive);
        // And this is its parent's.
        let process = process::try_lock(&file, 20..30, Exclusive).err();
        let same = whole.is_ok() && bytes.is_ok() && process == Some(Errno::AGAIN);
        whole.map(flock::Guard::keep).ok();
        bytes.map(RangeGuard::keep).ok();
        i32::from(!same)
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!(flock::try_lock(&other, Shared).err(), Some(Errno::AGAIN));
    assert_eq!(
        ofd::try_lock(&other, 0..10, Shared).err(),
        Some(Errno::AGAIN)
    );
    drop((whole, bytes, process));
}

#[test]
fn deadlock_of_processes_is_refused() {
    if let Some(mut half) = PeerArgs::role("second") {
        let file = open(half.channel.hear());
        let _second = process::lock(&file, 1..2, Exclusive).unwrap();
        half.channel.say("has the second");
        half.channel.expect("has the first");
        // Waits for the other.
        let result = process::lock(&file, 0..1, Exclusive);
        half.channel.say(&format!("{:?}", result.is_ok()));
        return;
    }
    let _check = LeakCheck::begin();
    let path = Path::new("deadlock");
    let file = path.open();
    let mut peer = Peer::start(test_name!(), "second", &[]);
    peer.say(path.0.to_str().unwrap());
    let first = process::lock(&file, 0..1, Exclusive).unwrap();
    peer.expect("has the second");
    peer.say("has the first");
    // Until the other waits, this waits for it; then one of the two is refused, and
    // it is the one that comes second.
    let begin = Instant::now();
    let status = format!("/proc/{}/task", peer.id());
    let waits = || {
        std::fs::read_dir(&status).unwrap().flatten().any(|task| {
            let call = std::fs::read_to_string(task.path().join("syscall")).unwrap_or_default();
            let mut words = call.split(' ');
            words.next() == Some(&libc::SYS_fcntl.to_string())
                && words.nth(1) == Some(&format!("{:#x}", libc::F_SETLKW))
        })
    };
    while !waits() {
        assert!(begin.elapsed() < LIMIT, "the other does not wait");
        std::thread::yield_now();
    }
    assert_eq!(
        process::lock(&file, 1..2, Exclusive).err(),
        Some(Errno::DEADLK)
    );
    // By naps it is the deadline that ends it.
    let soon = Deadline::after(SHORT);
    let result = process::lock_until(&file, 1..2, Exclusive, soon);
    assert_eq!(result.err(), Some(Errno::TIMEDOUT));
    drop(first);
    peer.expect("true");
    peer.finish();
}

#[test]
fn deadlock_of_descriptions_ends_at_deadline() {
    if let Some(mut half) = PeerArgs::role("second") {
        let file = open(half.channel.hear());
        let _second = ofd::lock(&file, 1..2, Exclusive).unwrap();
        half.channel.say("has the second");
        half.channel.expect("has the first");
        let _first = ofd::lock(&file, 0..1, Exclusive).unwrap();
        return;
    }
    let _check = LeakCheck::begin();
    let path = Path::new("ofddeadlock");
    let file = path.open();
    let mut peer = Peer::start(test_name!(), "second", &[]);
    peer.say(path.0.to_str().unwrap());
    let first = ofd::lock(&file, 0..1, Exclusive).unwrap();
    peer.expect("has the second");
    peer.say("has the first");
    times_out(|deadline| ofd::lock_until(&file, 1..2, Exclusive, deadline).map(drop));
    drop(first);
    peer.finish();
}

/// Takes one lock of each sort.
fn lock_all(file: &File, wait: impl Fn(u32) -> Deadline) -> rawipc::Result<()> {
    flock::lock_until(file, Exclusive, wait(0))?.keep();
    ofd::lock_until(file, 0..10, Exclusive, wait(1))?.keep();
    process::lock_until(file, 20..30, Exclusive, wait(2))?.keep();
    Ok(())
}

#[test]
fn killed_holder_holds_nothing() {
    if let Some(mut half) = PeerArgs::role("dies") {
        let file = open(half.channel.hear());
        lock_all(&file, |_| Deadline::Never).unwrap();
        half.channel.say("holds");
        half.channel.hear();
        unreachable!("killed before");
    }
    let _check = LeakCheck::begin();
    let path = Path::new("killed");
    for plain in [true, false] {
        let file = path.open();
        let mut peer = Peer::start(test_name!(), "dies", &[]);
        peer.say(path.0.to_str().unwrap());
        peer.expect("holds");
        let taken = [
            flock::try_lock(&file, Shared).err(),
            ofd::try_lock(&file, 5..6, Shared).err(),
            process::try_lock(&file, 25..26, Shared).err(),
        ];
        assert_eq!(taken, [Some(Errno::AGAIN); 3]);
        // One waits for each while the holder is killed.
        let mut waiters = [0, 1, 2].map(|sort| {
            let deadline = move || if plain { Deadline::Never } else { limit() };
            let file = path.open();
            let child = Child::fork(|| {
                let result = match sort {
                    0 => flock::lock_until(&file, Exclusive, deadline()).map(drop),
                    1 => ofd::lock_until(&file, .., Exclusive, deadline()).map(drop),
                    _ => process::lock_until(&file, .., Exclusive, deadline()).map(drop),
                };
                i32::from(result.is_err())
            });
            (child, file)
        });
        waiters.iter().for_each(|(child, _)| child.await_sleep());
        peer.kill();
        for (waiter, _) in &mut waiters {
            assert_eq!(waiter.wait(), End::Exited(0));
        }
        drop(waiters);
        lock_all(&file, |_| Deadline::NOW).unwrap();
    }
}

#[test]
fn released_lock_goes_to_waiter() {
    if let Some(mut half) = PeerArgs::role("waits") {
        let file = open(half.channel.hear());
        half.channel.say("waiting");
        let guard = flock::lock(&file, Exclusive).unwrap();
        half.channel.say("has it");
        drop(guard);
        half.channel.expect("next");
        half.channel.say("waiting");
        let guard = ofd::lock(&file, 3..4, Exclusive).unwrap();
        half.channel.say("has it");
        drop(guard);
        half.channel.expect("next");
        half.channel.say("waiting");
        let guard = process::lock(&file, 3..4, Exclusive).unwrap();
        half.channel.say("has it");
        drop(guard);
        half.channel.expect("next");
        for _ in 0..20 {
            half.channel.say("waiting");
            let guard = ofd::lock_until(&file, 3..4, Exclusive, limit()).unwrap();
            half.channel.say("has it");
            drop(guard);
            half.channel.expect("next");
        }
        return;
    }
    let _check = LeakCheck::begin();
    let path = Path::new("released");
    let file = path.open();
    let mut peer = Peer::start(test_name!(), "waits", &[]);
    let guard = flock::lock(&file, Exclusive).unwrap();
    peer.say(path.0.to_str().unwrap());
    peer.expect("waiting");
    drop(guard);
    peer.expect("has it");
    let mut late = Duration::ZERO;
    for _ in 0..22 {
        let guard = ofd::lock(&file, .., Exclusive).unwrap();
        peer.say("next");
        peer.expect("waiting");
        drop(guard);
        let begin = Instant::now();
        peer.expect("has it");
        late = late.max(begin.elapsed());
    }
    peer.say("next");
    peer.finish();
    println!("had it at most {late:?} after its release; naps are up to {NAP_MAX:?}");
}

#[test]
fn flock_and_range_locks_ignore_each_other() {
    let _check = LeakCheck::begin();
    let path = Path::new("families");
    let (ours, theirs) = (path.open(), path.open());
    let _whole = flock::lock(&ours, Exclusive).unwrap();
    let bytes = ofd::try_lock(&theirs, .., Exclusive);
    assert!(bytes.is_ok());
    assert!(ours.as_raw_fd() != theirs.as_raw_fd());
}
