//! POSIX semaphores: every operation and error, and libc's on the other end.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::thread::JoinHandleExt;
use std::time::Instant;

use rawipc::memory::{MapOptions, Mapping};
use rawipc::posix::semaphore::{
    self, CreateOptions, NAME_MAX, Named, RECHECK, Scope, Semaphore, VALUE_MAX,
};
use rawipc::posix::{Name, memory};
use rawipc::{Deadline, Errno, Mode, Signal};

use support::filter::{NO_UNNAMED_FILES, Refusal, refuse};
use support::{Child, Choices, End, LIMIT, LeakCheck, Peer, PeerArgs, Storm, limit, storm};

/// Long enough to see that something blocks.
const SHORT: Duration = Duration::from_millis(150);

/// A name of this test process; unlinked when dropped.
struct Own(Name);

impl Own {
    fn new(label: &str) -> Self {
        let name = format!("/rawipc-test-{}-{label}", std::process::id());
        Self(Name::new(name).unwrap())
    }

    fn text(&self) -> String {
        self.0.to_string()
    }

    /// Its file.
    fn path(&self) -> String {
        format!("/dev/shm/sem.{}", &self.text()[1..])
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = semaphore::unlink(&self.0);
    }
}

impl core::ops::Deref for Own {
    type Target = Name;

    fn deref(&self) -> &Name {
        &self.0
    }
}

fn create(name: &Name, value: u32) -> Named {
    CreateOptions::new().create(name, value).unwrap()
}

/// Libc's side.
#[derive(Clone, Copy)]
struct Libc(*mut libc::sem_t);

// SAFETY: a sem_t is for all threads.
unsafe impl Send for Libc {}

impl Libc {
    fn open(name: &CStr) -> Option<Self> {
        // SAFETY: the name is a C string.
        let sem = unsafe { libc::sem_open(name.as_ptr(), 0) };
        (sem != libc::SEM_FAILED).then_some(Self(sem))
    }

    fn create(name: &CStr, value: u32) -> Option<Self> {
        let flags = libc::O_CREAT | libc::O_EXCL;
        // SAFETY: the name is a C string.
        let sem = unsafe { libc::sem_open(name.as_ptr(), flags, 0o600, value) };
        (sem != libc::SEM_FAILED).then_some(Self(sem))
    }

    /// The same bytes as libc's.
    fn of(semaphore: &Semaphore) -> Self {
        Self(core::ptr::from_ref(semaphore).cast_mut().cast())
    }

    fn wait(self) -> i32 {
        // SAFETY: a semaphore that is open.
        unsafe { libc::sem_wait(self.0) }
    }

    fn try_wait(self) -> i32 {
        // SAFETY: a semaphore that is open.
        unsafe { libc::sem_trywait(self.0) }
    }

    fn post(self) -> i32 {
        // SAFETY: a semaphore that is open.
        unsafe { libc::sem_post(self.0) }
    }

    fn value(self) -> i32 {
        let mut value = -1;
        // SAFETY: a semaphore that is open, and a place for the value.
        unsafe { libc::sem_getvalue(self.0, &raw mut value) };
        value
    }

    fn close(self) {
        // SAFETY: a semaphore that is open, and not used again.
        assert_eq!(unsafe { libc::sem_close(self.0) }, 0);
    }
}

/// Waits until so many sleep, and each of the children does.
fn await_sleepers(semaphore: &Semaphore, count: u32, children: &[Child]) {
    let begin = Instant::now();
    while semaphore.sleepers() != count {
        assert!(begin.elapsed() < LIMIT, "{semaphore:?}: not {count}");
        std::thread::yield_now();
    }
    for child in children {
        child.await_sleep();
    }
}

#[test]
fn object_is_private_and_exclusive_unless_requested_otherwise() {
    let _check = LeakCheck::begin();
    let name = Own::new("new");
    let semaphore = create(&name, 3);
    assert_eq!(semaphore.value(), 3);
    let metadata = fs::metadata(name.path()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);

    let again = CreateOptions::new().create(&name, 5);
    assert_eq!(again.unwrap_err(), Errno::EXIST);
    let existing = CreateOptions::default().open_existing();
    assert_eq!(existing.create(&name, 5).unwrap().value(), 3);

    semaphore::unlink(&name).unwrap();
    let other = existing.mode(Mode::RUSR | Mode::WUSR | Mode::RGRP);
    assert_eq!(other.create(&name, 5).unwrap().value(), 5);
    let metadata = fs::metadata(name.path()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
    // The one that had the name before.
    assert_eq!(semaphore.value(), 3);
}

#[test]
fn invalid_arguments_are_refused() {
    let _check = LeakCheck::begin();
    let name = Own::new("refused");
    assert_eq!(semaphore::open(&name).unwrap_err(), Errno::NOENT);
    assert_eq!(semaphore::unlink(&name), Err(Errno::NOENT));
    for existing in [CreateOptions::new(), CreateOptions::new().open_existing()] {
        let refused = existing.create(&name, VALUE_MAX + 1);
        assert_eq!(refused.unwrap_err(), Errno::INVAL);
        assert_eq!(semaphore::open(&name).unwrap_err(), Errno::NOENT);
    }

    let begin = format!("rawipc-test-{}-", std::process::id());
    let of_length = |len: usize| Name::new(format!("{begin:n<len$}")).unwrap();
    let longest = of_length(NAME_MAX);
    drop(create(&longest, 0));
    semaphore::unlink(&longest).unwrap();
    let longer = of_length(NAME_MAX + 1);
    let refused = CreateOptions::new().create(&longer, 0);
    assert_eq!(refused.unwrap_err(), Errno::NAMETOOLONG);
    assert_eq!(semaphore::open(&longer).unwrap_err(), Errno::NAMETOOLONG);
    assert_eq!(semaphore::unlink(&longer), Err(Errno::NAMETOOLONG));
    assert_eq!(semaphore::open(&longest).unwrap_err(), Errno::NOENT);
}

#[test]
fn other_file_is_not_opened_as_semaphore() {
    let _check = LeakCheck::begin();
    let name = Own::new("other");
    let existing = CreateOptions::new().open_existing();
    let opened = || {
        let created = existing.create(&name, 1).map(drop);
        assert_eq!(created, semaphore::open(&name).map(drop));
        created
    };
    for len in [0, 31] {
        fs::write(name.path(), vec![0; len]).unwrap();
        assert_eq!(opened(), Err(Errno::INVAL), "{len}");
    }
    fs::write(name.path(), [0; 32]).unwrap();
    assert_eq!(opened(), Ok(()));
    fs::remove_file(name.path()).unwrap();

    fs::create_dir(name.path()).unwrap();
    assert_eq!(opened(), Err(Errno::INVAL));
    fs::remove_dir(name.path()).unwrap();

    std::os::unix::fs::symlink("/dev/zero", name.path()).unwrap();
    assert_eq!(opened(), Err(Errno::LOOP));
    fs::remove_file(name.path()).unwrap();

    rustix::fs::mknodat(
        rustix::fs::CWD,
        name.path(),
        rustix::fs::FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    // Neither does it block.
    assert_eq!(opened(), Err(Errno::INVAL));
}

#[test]
fn post_adds_and_wait_takes_units() {
    let _check = LeakCheck::begin();
    let name = Own::new("units");
    let semaphore = create(&name, 0);
    let other = semaphore::open(&name).unwrap();
    assert_eq!(semaphore.try_wait(), Err(Errno::AGAIN));
    other.post().unwrap();
    other.post().unwrap();
    assert_eq!(semaphore.value(), 2);
    semaphore.wait().unwrap();
    // What need not wait is not late.
    semaphore.wait_until(Deadline::NOW).unwrap();
    assert_eq!(semaphore.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
    assert_eq!(
        format!("{:?}", *semaphore),
        "Semaphore { value: 0, sleepers: 0 }"
    );

    let full = Semaphore::new(VALUE_MAX - 1, Scope::Threads);
    assert_eq!(full.post(), Ok(()));
    assert_eq!(full.post(), Err(Errno::OVERFLOW));
    assert_eq!(full.value(), VALUE_MAX);
    full.wait().unwrap();
    assert_eq!(full.post(), Ok(()));
    assert_eq!(
        full.initialize(VALUE_MAX + 1, Scope::Threads),
        Err(Errno::INVAL)
    );
    full.initialize(VALUE_MAX, Scope::Processes).unwrap();
    assert_eq!(full.post(), Err(Errno::OVERFLOW));
}

#[test]
#[should_panic(expected = "at most")]
fn value_beyond_maximum_panics() {
    let _ = Semaphore::new(VALUE_MAX + 1, Scope::Threads);
}

#[test]
fn post_near_maximum_wakes() {
    let _check = LeakCheck::begin();
    let mapping = shared(0);
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    // As if somebody had been killed in his sleep: high value, one sleeper.
    let data = mapping.object::<AtomicU64>(0).unwrap();
    data.store(1 << 32 | u64::from(VALUE_MAX - 1), Ordering::Relaxed);
    assert_eq!(semaphore.post(), Ok(()));
    assert_eq!(semaphore.post(), Err(Errno::OVERFLOW));
    assert_eq!((semaphore.value(), semaphore.sleepers()), (VALUE_MAX, 1));
    // What cannot be, but a hostile process wrote.
    data.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(semaphore.post(), Err(Errno::OVERFLOW));
    assert_eq!(semaphore.try_wait(), Ok(()));
    // More sleepers than can be counted.
    data.store(u64::from(u32::MAX) << 32, Ordering::Relaxed);
    assert_eq!(semaphore.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    assert_eq!(semaphore.post(), Ok(()));
    assert_eq!(semaphore.wait(), Ok(()));
}

#[test]
fn semaphore_wait_ends_at_deadline() {
    let _check = LeakCheck::begin();
    let name = Own::new("deadline");
    let semaphore = create(&name, 0);
    for wait in [Duration::from_millis(20), RECHECK + SHORT] {
        let begin = Instant::now();
        let refused = semaphore.wait_until(Deadline::after(wait));
        assert_eq!(refused, Err(Errno::TIMEDOUT));
        assert!(begin.elapsed() >= wait);
        assert!(begin.elapsed() < LIMIT);
        assert_eq!(semaphore.sleepers(), 0);
    }
}

#[test]
fn signal_interrupts_wait_and_takes_nothing() {
    let _check = LeakCheck::begin();
    storm::handle(libc::SIGUSR1);
    let semaphore = std::sync::Arc::new(Semaphore::new(0, Scope::Threads));
    let sleeper = std::thread::spawn({
        let semaphore = semaphore.clone();
        move || semaphore.wait()
    });
    await_sleepers(&semaphore, 1, &[]);
    let begin = Instant::now();
    while !sleeper.is_finished() {
        assert!(begin.elapsed() < LIMIT);
        // SAFETY: the thread has not been joined.
        unsafe { libc::pthread_kill(sleeper.as_pthread_t(), libc::SIGUSR1) };
        std::thread::yield_now();
    }
    assert_eq!(sleeper.join().unwrap(), Err(Errno::INTR));
    assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
}

/// Between two sleeps a handler would run unseen: there is one, whose end is a wake or a
/// signal.
#[test]
fn wait_without_deadline_sleeps_once() {
    let _check = LeakCheck::begin();
    let mapping = shared(0);
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    let mut child = sleeper(semaphore, false);
    await_sleepers(semaphore, 1, core::slice::from_ref(&child));
    child.await_sleep();
    let call = fs::read_to_string(format!("/proc/{}/syscall", child.id()));
    let call = call.unwrap_or_default();
    let mut words = call.split_ascii_whitespace();
    // Number, word, operation, value, time limit.
    match (words.next(), words.nth(3)) {
        (Some(number), limit) if number == libc::SYS_futex.to_string() => {
            assert_eq!(limit, Some("0x0"), "{call}");
        }
        _ => skipped!("the kernel does not say where a process is"),
    }
    semaphore.post().unwrap();
    assert_eq!(child.wait(), End::Exited(0));
}

/// As `sem_wait(3)`: the handler's action says what becomes of the wait.
#[test]
fn wait_continues_after_handler_with_restart() {
    use rawipc::signal::action::{self, Action, ActionFlags};
    static RUNS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn count(_: Signal) {
        RUNS.fetch_add(1, Ordering::Relaxed);
    }
    let _check = LeakCheck::begin();
    for (flags, goes_on) in [(ActionFlags::RESTART, true), (ActionFlags::empty(), false)] {
        let mapping = shared(0);
        let semaphore = mapping.object::<Semaphore>(0).unwrap();
        let mut child = Child::fork(|| {
            // SAFETY: the handler only counts.
            let handler = unsafe { Action::handler(count) }.with_flags(flags);
            if action::set(Signal::USR2, handler).is_err() {
                return 1;
            }
            let result = semaphore.wait();
            match (RUNS.load(Ordering::Relaxed), result) {
                (0, _) => 2,
                (_, Ok(())) => 3,
                (_, Err(Errno::INTR)) => 4,
                _ => 5,
            }
        });
        await_sleepers(semaphore, 1, core::slice::from_ref(&child));
        child.await_sleep();
        child.signal(libc::SIGUSR2);
        if goes_on {
            // The handler runs before it sleeps again or ends.
            await_handled(&child);
            semaphore.post().unwrap();
        }
        assert_eq!(
            child.wait(),
            End::Exited(if goes_on { 3 } else { 4 }),
            "{flags:?}"
        );
        assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
    }
}

/// Waits until no signal is pending for the child.
fn await_handled(child: &Child) {
    let begin = Instant::now();
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let pending = |line: &&str| line.starts_with("SigPnd:") || line.starts_with("ShdPnd:");
        let none = |line: &str| line.trim_end().ends_with(":\t0000000000000000");
        if status.lines().filter(pending).all(none) {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "the signal stays pending");
        std::thread::yield_now();
    }
}

#[test]
fn storm_of_signals_keeps_deadline() {
    let _check = LeakCheck::begin();
    let mapping = shared(0);
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    let mut child = Child::fork(|| {
        let storm = Storm::begin();
        let deadline = Deadline::after(SHORT);
        if semaphore.wait_until(deadline) != Err(Errno::TIMEDOUT) {
            return 1;
        }
        if !deadline.has_passed() {
            return 2;
        }
        if storm.handled() == 0 { 3 } else { 0 }
    });
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
}

#[test]
fn file_of_semaphore_is_that_of_libc() {
    let _check = LeakCheck::begin();
    let (ours, theirs) = (Own::new("image-a"), Own::new("image-b"));
    for value in [0, 1, VALUE_MAX] {
        drop(create(&ours, value));
        Libc::create(theirs.as_c_str(), value).unwrap().close();
        assert_eq!(
            fs::read(ours.path()).unwrap(),
            fs::read(theirs.path()).unwrap()
        );
        semaphore::unlink(&ours).unwrap();
        semaphore::unlink(&theirs).unwrap();
    }
    assert_eq!(size_of::<libc::sem_t>(), size_of::<Semaphore>());
    // The names that libc takes are those that we take.
    for (name, takes) in [(c"/", false), (c"", false), (c"/a/b", false)] {
        assert_eq!(Name::try_from(name).is_ok(), takes);
        assert!(Libc::create(name, 0).is_none());
    }
}

#[test]
fn semaphore_is_shared_with_libc() {
    let _check = LeakCheck::begin();
    let name = Own::new("both");
    let ours = create(&name, 1);
    let theirs = Libc::open(name.as_c_str()).unwrap();
    assert_eq!(theirs.value(), 1);
    assert_eq!(theirs.wait(), 0);
    assert_eq!(ours.try_wait(), Err(Errno::AGAIN));
    ours.post().unwrap();
    assert_eq!(theirs.try_wait(), 0);
    assert_eq!(theirs.try_wait(), -1);
    assert_eq!(theirs.post(), 0);
    assert_eq!(ours.try_wait(), Ok(()));
    theirs.close();
    semaphore::unlink(&name).unwrap();
    assert!(Libc::open(name.as_c_str()).is_none());

    let theirs = Libc::create(name.as_c_str(), 2).unwrap();
    let ours = semaphore::open(&name).unwrap();
    ours.wait().unwrap();
    ours.wait().unwrap();
    assert_eq!(theirs.value(), 0);
    theirs.close();
}

/// The peer's half: sleeps by libc or by us, and is woken; then wakes.
fn meet(test: &str, role: &str, ours_creates: bool) {
    if let Some(mut half) = PeerArgs::role(role) {
        let name = Name::new(half.channel.hear()).unwrap();
        if ours_creates {
            // The peer is libc.
            let semaphore = Libc::open(name.as_c_str()).unwrap();
            half.channel.say("sleep");
            assert_eq!(semaphore.wait(), 0);
            half.channel.say("woken");
            half.channel.expect("wake");
            assert_eq!(semaphore.post(), 0);
            semaphore.close();
        } else {
            let semaphore = semaphore::open(&name).unwrap();
            half.channel.say("sleep");
            semaphore.wait().unwrap();
            half.channel.say("woken");
            half.channel.expect("wake");
            semaphore.post().unwrap();
        }
        return;
    }
    let _check = LeakCheck::begin();
    let name = Own::new(role);
    let theirs = (!ours_creates).then(|| Libc::create(name.as_c_str(), 0).unwrap());
    let ours = match theirs {
        None => create(&name, 0),
        Some(_) => semaphore::open(&name).unwrap(),
    };
    let mut peer = Peer::start(test, role, &[]);
    peer.say(&name.text());
    peer.expect("sleep");
    await_sleepers(&ours, 1, &[]);
    match theirs {
        None => ours.post().unwrap(),
        Some(theirs) => assert_eq!(theirs.post(), 0),
    }
    peer.expect("woken");
    assert_eq!((ours.value(), ours.sleepers()), (0, 0));
    peer.say("wake");
    match theirs {
        None => ours.wait_until(limit()).unwrap(),
        Some(theirs) => {
            assert_eq!(theirs.wait(), 0);
            theirs.close();
        }
    }
    peer.finish();
}

#[test]
fn libc_sleeping_in_other_process_is_woken() {
    meet(test_name!(), "libc", true);
}

#[test]
fn sleeper_in_other_process_is_woken_by_libc() {
    meet(test_name!(), "ours", false);
}

/// Memory that children share, with a semaphore at its beginning.
fn shared(value: u32) -> Mapping {
    let mapping = MapOptions::shared(4096).map_anonymous().unwrap();
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    semaphore.initialize(value, Scope::Processes).unwrap();
    mapping
}

/// Sleeps once, by libc or by us.
fn sleeper(semaphore: &Semaphore, by_libc: bool) -> Child {
    Child::fork(|| {
        if by_libc {
            Libc::of(semaphore).wait()
        } else {
            i32::from(semaphore.wait().is_err())
        }
    })
}

#[test]
fn sleepers_of_both_kinds_get_one_unit_each() {
    let _check = LeakCheck::begin();
    for post_by_libc in [false, true] {
        let mapping = shared(0);
        let semaphore = mapping.object::<Semaphore>(0).unwrap();
        let mut children: Vec<Child> = (0..6).map(|n| sleeper(semaphore, n % 2 == 0)).collect();
        await_sleepers(semaphore, 6, &children);
        for left in (0..6).rev() {
            if post_by_libc {
                assert_eq!(Libc::of(semaphore).post(), 0);
            } else {
                semaphore.post().unwrap();
            }
            await_sleepers(semaphore, left, &[]);
            assert_eq!(semaphore.value(), 0);
        }
        for child in &mut children {
            assert_eq!(child.wait(), End::Exited(0));
        }
    }
}

#[test]
fn unnamed_semaphore_of_libc_is_shared() {
    let _check = LeakCheck::begin();
    let mapping = MapOptions::shared(4096).map_anonymous().unwrap();
    for (place, shared) in [(0, 0), (64, 1)] {
        let semaphore = mapping.object::<Semaphore>(place).unwrap();
        let theirs = Libc::of(semaphore);
        // SAFETY: a sem_t has room there.
        assert_eq!(unsafe { libc::sem_init(theirs.0, shared, 1) }, 0);
        let mut image = [0; 32];
        mapping.read_at(place, &mut image).unwrap();
        let scope = [Scope::Threads, Scope::Processes][shared as usize];
        semaphore.initialize(1, scope).unwrap();
        let mut ours = [1; 32];
        mapping.read_at(place, &mut ours).unwrap();
        assert_eq!(ours, image);
    }
    // Threads that meet at one of their process only, libc's and ours.
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    semaphore.try_wait().unwrap();
    let theirs = Libc::of(semaphore);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let theirs = theirs;
            assert_eq!(theirs.wait(), 0);
            semaphore.post().unwrap();
        });
        await_sleepers(semaphore, 1, &[]);
        semaphore.post().unwrap();
        while semaphore.sleepers() > 0 {
            std::thread::yield_now();
        }
        semaphore.wait_until(limit()).unwrap();
    });
    static OURS: Semaphore = Semaphore::new(0, Scope::Threads);
    std::thread::scope(|scope| {
        scope.spawn(|| OURS.wait().unwrap());
        await_sleepers(&OURS, 1, &[]);
        assert_eq!(Libc::of(&OURS).post(), 0);
    });
    assert_eq!(OURS.value(), 0);
}

#[test]
fn killed_sleeper_swallows_no_wake() {
    let _check = LeakCheck::begin();
    for round in 0..150_u32 {
        let mapping = shared(0);
        let semaphore = mapping.object::<Semaphore>(0).unwrap();
        let by_libc = round % 2 == 0;
        let mut children: Vec<Child> = (0..3).map(|_| sleeper(semaphore, by_libc)).collect();
        await_sleepers(semaphore, 3, &children);
        let [victim, survivors @ ..] = &mut children[..] else {
            unreachable!()
        };
        victim.kill();
        semaphore.post().unwrap();
        // One of the two, whichever; it is not told by a re-check, as libc has none.
        let begin = Instant::now();
        while semaphore.value() > 0 {
            assert!(begin.elapsed() < LIMIT, "stranded");
            std::thread::yield_now();
        }
        semaphore.post().unwrap();
        for child in survivors {
            assert_eq!(child.wait(), End::Exited(0));
        }
        assert_eq!(victim.wait(), End::Killed(libc::SIGKILL));
        // It is still counted, and that does not matter.
        assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 1));
        semaphore.post().unwrap();
        semaphore.wait().unwrap();
    }
}

#[test]
fn sleeper_with_deadline_finds_unit_posted_without_wake() {
    let _check = LeakCheck::begin();
    let mapping = shared(0);
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    let mut child = Child::fork(|| i32::from(semaphore.wait_until(limit()).is_err()));
    await_sleepers(semaphore, 1, core::slice::from_ref(&child));
    // As by one who is killed between adding and waking.
    mapping
        .object::<AtomicU64>(0)
        .unwrap()
        .fetch_add(1, Ordering::Release);
    assert_eq!(child.wait(), End::Exited(0));
    assert_eq!((semaphore.value(), semaphore.sleepers()), (0, 0));
}

#[test]
fn post_without_wake_op_wakes_in_two_steps() {
    let _check = LeakCheck::begin();
    let mapping = shared(0);
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    let mut children: Vec<Child> = (0..3).map(|_| sleeper(semaphore, true)).collect();
    await_sleepers(semaphore, 3, &children);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let no_wake_op = Refusal {
                number: libc::SYS_futex,
                argument: 1,
                mask: 0x7f,
                value: libc::FUTEX_WAKE_OP as u32,
                errno: libc::ENOSYS,
            };
            if !refuse(&[no_wake_op]) {
                skipped!("no filters of system calls here");
            }
            for _ in 0..3 {
                semaphore.post().unwrap();
            }
        });
    });
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
}

#[test]
fn semaphore_excludes_four_processes() {
    const ROUNDS: u32 = 3_000;
    let _check = LeakCheck::begin();
    let mapping = shared(1);
    let semaphore = mapping.object::<Semaphore>(0).unwrap();
    let counter = mapping.object::<AtomicU32>(64).unwrap();
    let work = |by_libc: bool| {
        for _ in 0..ROUNDS {
            let taken = if by_libc {
                Libc::of(semaphore).wait() == 0
            } else {
                semaphore.wait().is_ok()
            };
            if !taken {
                return 1;
            }
            // Not one step: only exclusion makes it exact.
            counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            let posted = if by_libc {
                Libc::of(semaphore).post() == 0
            } else {
                semaphore.post().is_ok()
            };
            if !posted {
                return 2;
            }
        }
        0
    };
    let mut children: Vec<Child> = (0..4).map(|n| Child::fork(|| work(n % 2 == 0))).collect();
    for child in &mut children {
        assert_eq!(child.wait(), End::Exited(0));
    }
    assert_eq!(counter.load(Ordering::Relaxed), 4 * ROUNDS);
    assert_eq!((semaphore.value(), semaphore.sleepers()), (1, 0));
}

#[test]
fn semaphore_being_created_is_never_seen_half_made() {
    let _check = LeakCheck::begin();
    let name = Own::new("half-made");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for by_libc in [false, true] {
            let (name, done) = (&name, &done);
            scope.spawn(move || {
                let mut seen = 0;
                while !done.load(Ordering::Relaxed) {
                    if by_libc {
                        let Some(semaphore) = Libc::open(name.as_c_str()) else {
                            continue;
                        };
                        assert_eq!(semaphore.value(), 7);
                        semaphore.close();
                    } else {
                        match semaphore::open(name) {
                            Err(Errno::NOENT) => continue,
                            semaphore => assert_eq!(semaphore.unwrap().value(), 7),
                        }
                    }
                    seen += 1;
                }
                eprintln!("seen {seen} times");
            });
        }
        for _ in 0..2_000 {
            drop(create(&name, 7));
            semaphore::unlink(&name).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn one_of_several_creators_succeeds() {
    let _check = LeakCheck::begin();
    let name = Own::new("race");
    for _ in 0..100 {
        let created = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for value in 1..=4 {
                let (name, created) = (&name, &created);
                scope.spawn(move || {
                    let existing = CreateOptions::new().open_existing();
                    let seen = existing.create(name, value).unwrap().value();
                    let before = created.swap(seen, Ordering::Relaxed);
                    assert!(before == 0 || before == seen);
                });
            }
        });
        semaphore::unlink(&name).unwrap();
    }
}

#[test]
fn killed_creator_leaves_whole_semaphore_or_none() {
    let _check = LeakCheck::begin();
    let name = Own::new("killed");
    let mut choices = Choices::new(5);
    let (mut whole, mut none) = (0, 0);
    let mapping = MapOptions::shared(4096).map_anonymous().unwrap();
    let rounds: &AtomicU32 = mapping.object(0).unwrap();
    for _ in 0..100 {
        rounds.store(0, Ordering::Relaxed);
        let mut child = Child::fork(|| {
            loop {
                rounds.fetch_add(1, Ordering::Relaxed);
                if CreateOptions::new().create(&name, 7).is_err() {
                    return 1;
                }
                if semaphore::unlink(&name).is_err() {
                    return 2;
                }
            }
        });
        // A choice of the moment: somewhere in a round.
        let round = choices.below(100) as u32;
        while rounds.load(Ordering::Relaxed) < round && child.try_wait().is_none() {
            core::hint::spin_loop();
        }
        child.kill();
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
        match semaphore::open(&name) {
            Ok(semaphore) => {
                assert_eq!(semaphore.value(), 7);
                semaphore::unlink(&name).unwrap();
                whole += 1;
            }
            Err(errno) => {
                assert_eq!(errno, Errno::NOENT);
                none += 1;
            }
        }
        let pid = child.id();
        for entry in fs::read_dir("/dev/shm").unwrap().flatten() {
            let entry = entry.file_name();
            assert!(!entry.to_string_lossy().contains(&format!("-{pid}-")));
        }
    }
    eprintln!("whole: {whole}, none: {none}");
}

#[test]
fn create_without_unnamed_files_or_links_succeeds() {
    if let Some(mut half) = PeerArgs::role("without") {
        let name = Name::new(half.channel.hear()).unwrap();
        let number = libc::SYS_linkat;
        let no_empty_path = Refusal {
            number,
            argument: 4,
            mask: libc::AT_EMPTY_PATH as u32,
            value: libc::AT_EMPTY_PATH as u32,
            errno: libc::ENOENT,
        };
        let no_links = Refusal {
            value: libc::AT_SYMLINK_FOLLOW as u32,
            mask: libc::AT_SYMLINK_FOLLOW as u32,
            ..no_empty_path
        };
        // Each in addition to those before.
        for refusals in [&[no_empty_path], &[no_links], NO_UNNAMED_FILES] {
            if !refuse(refusals) {
                skipped!("no filters of system calls here");
                break;
            }
            let semaphore = create(&name, 9);
            let refused = CreateOptions::new().create(&name, 9);
            assert_eq!(refused.unwrap_err(), Errno::EXIST);
            assert_eq!(semaphore.value(), 9);
            let theirs = Libc::open(name.as_c_str()).unwrap();
            assert_eq!(theirs.value(), 9);
            theirs.close();
            semaphore::unlink(&name).unwrap();
        }
        let me = format!(".rawipc-{}-", std::process::id());
        for entry in fs::read_dir("/dev/shm").unwrap().flatten() {
            assert!(!entry.file_name().to_string_lossy().starts_with(&me));
        }
        return;
    }
    let _check = LeakCheck::begin();
    let name = Own::new("without");
    let mut peer = Peer::start(test_name!(), "without", &[]);
    peer.say(&name.text());
    peer.finish();
}

#[test]
fn mode_decides_about_other_users() {
    let _check = LeakCheck::begin();
    if !support::needs::root() {
        return;
    }
    let name = Own::new("mode");
    drop(create(&name, 1));
    let as_nobody = |body: &dyn Fn() -> i32| {
        Child::fork(|| {
            // By system call, as libc would ask the other threads that it knows of.
            // SAFETY: no memory is involved, as there are no groups.
            let no_groups = unsafe { libc::syscall(libc::SYS_setgroups, 0, 0) };
            let ids = [libc::SYS_setresgid, libc::SYS_setresuid].map(|number| {
                // SAFETY: no memory is involved.
                unsafe { libc::syscall(number, 65_534, 65_534, 65_534) }
            });
            if no_groups != 0 || ids != [0; 2] {
                return 100;
            }
            body()
        })
        .wait()
    };
    let existing = CreateOptions::new().open_existing();
    let refused = as_nobody(&|| {
        if semaphore::open(&name).err() != Some(Errno::ACCESS) {
            return 1;
        }
        if existing.create(&name, 1).err() != Some(Errno::ACCESS) {
            return 2;
        }
        // /dev/shm is sticky.
        if semaphore::unlink(&name) != Err(Errno::ACCESS) {
            return 3;
        }
        0
    });
    assert_eq!(refused, End::Exited(0));

    let all = fs::Permissions::from_mode(0o666);
    fs::set_permissions(name.path(), all).unwrap();
    // Whatever fs.protected_regular says.
    let allowed = as_nobody(&|| match existing.create(&name, 5) {
        Ok(semaphore) => i32::from(semaphore.wait().is_err()),
        Err(_) => 1,
    });
    assert_eq!(allowed, End::Exited(0));
    // The unprivileged create as well.
    let own = Own::new("mode-nobody");
    let created = as_nobody(&|| i32::from(CreateOptions::new().create(&own, 5).is_err()));
    assert_eq!(created, End::Exited(0));
    assert_eq!(semaphore::open(&own).unwrap().value(), 5);
}

#[test]
fn semaphore_is_listed_until_unlinked() {
    let _check = LeakCheck::begin();
    let names: Vec<Own> = (0..40).map(|n| Own::new(&format!("list-{n}"))).collect();
    let semaphores: Vec<Named> = names
        .iter()
        .map(|name| {
            // What was created from a file without a name is mapped as that.
            drop(create(name, 0));
            semaphore::open(name).unwrap()
        })
        .collect();
    let listed: Vec<Name> = semaphore::list().unwrap().map(Result::unwrap).collect();
    for name in &names {
        assert_eq!(listed.iter().filter(|&other| *other == **name).count(), 1);
    }
    let objects: Vec<Name> = memory::list().unwrap().map(Result::unwrap).collect();
    for name in &objects {
        assert!(!name.as_bytes().starts_with(b"/sem."));
    }
    let mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.matches(&format!("rawipc-test-{}-list-", std::process::id()))
            .count()
    };
    assert_eq!(mapped(), 40);
    drop(semaphores);
    assert_eq!(mapped(), 0);
}
