//! Timers: every clock, schedule, flag and error, a clock that is set, and two
//! processes.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::time::Duration;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Instant;

use rawipc::event::timerfd::{
    self, Clock, Expiry, Remaining, Replaced, Schedule, Start, TimerFd, TimerFdFlags,
};
use rawipc::signal::Payload;
use rawipc::signal::timer::{self as signalling, Notify};
use rawipc::{Deadline, Errno, Signal, Timespec};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::FdFlags;

use support::{LIMIT, LeakCheck, Peer, PeerArgs, limit};

const CLOCKS: [Clock; 3] = [Clock::Monotonic, Clock::Boottime, Clock::Realtime];
const ALARMS: [Clock; 2] = [Clock::BoottimeAlarm, Clock::RealtimeAlarm];
const SHORT: Duration = Duration::from_millis(50);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

fn create(clock: Clock) -> TimerFd {
    timerfd::create(clock, TimerFdFlags::empty()).unwrap()
}

/// Blocking and non-blocking descriptions, to which every function is indifferent.
fn both(clock: Clock) -> [TimerFd; 2] {
    [TimerFdFlags::empty(), TimerFdFlags::NONBLOCK]
        .map(|flags| timerfd::create(clock, flags).unwrap())
}

fn later(moment: Timespec, duration: Duration) -> Timespec {
    let nanoseconds = moment.tv_nsec + i64::from(duration.subsec_nanos());
    Timespec {
        tv_sec: moment.tv_sec + duration.as_secs() as i64 + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000,
    }
}

fn ticks(expiry: Expiry) -> u64 {
    match expiry {
        Expiry::Ticks(ticks) => ticks,
        Expiry::ClockSet => panic!("nobody sets the clock"),
    }
}

fn is_readable(timer: &TimerFd) -> bool {
    let mut fds = [PollFd::new(timer, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).unwrap();
    fds[0].revents().contains(PollFlags::IN)
}

const fn at(tv_sec: i64, tv_nsec: i64) -> Start {
    Start::At(Timespec { tv_sec, tv_nsec })
}

/// A schedule's two halves, and whether they are refused.
type Row = (Start, Option<Duration>, bool);

const SCHEDULES: [Row; 14] = [
    (Start::After(Duration::ZERO), None, false),
    (Start::After(LONG), None, false),
    (Start::After(LONG), Some(LONG), false),
    (Start::After(LONG), Some(Duration::ZERO), true),
    (Start::After(Duration::ZERO), Some(Duration::ZERO), true),
    (Start::After(Duration::MAX), None, false),
    (Start::After(Duration::MAX), Some(Duration::MAX), false),
    (Start::After(LONG), Some(Duration::MAX), false),
    (at(i64::MAX, 0), Some(LONG), false),
    (at(i64::MAX, 0), Some(Duration::ZERO), true),
    (at(-1, 0), None, true),
    (at(0, -1), None, true),
    (at(1, 1_000_000_000), None, true),
    (at(i64::MIN, i64::MIN), None, true),
];

/// A timer that is a descriptor and one that signals, of the same clock.
fn both_kinds() -> (TimerFd, signalling::Timer) {
    let signalled = signalling::create(signalling::Clock::Monotonic, Notify::Nobody).unwrap();
    (create(Clock::Monotonic), signalled)
}

#[test]
fn timers_of_both_kinds_take_the_same_schedules() {
    let _check = LeakCheck::begin();
    let (descriptor, signalled) = both_kinds();
    let far = Some(LONG * 1000);
    for (start, interval, refused) in SCHEDULES {
        let schedule = Schedule { start, interval };
        let expected = if refused { Err(Errno::INVAL) } else { Ok(()) };
        let set = [
            descriptor.set(schedule).map(drop),
            signalled.set(schedule).map(drop),
        ];
        assert_eq!(set, [expected; 2], "{schedule:?}");
        let left = [descriptor.remaining(), signalled.remaining()].map(Result::unwrap);
        if !refused {
            // The kernel counts no further than some centuries.
            let counted = interval.map(|it| it.min(LONG * 1000));
            let intervals = left.map(|left| left.interval.map(|it| it.min(LONG * 1000)));
            assert_eq!(intervals, [counted; 2], "{schedule:?}");
        }
        assert_eq!(left[0].interval, left[1].interval, "{schedule:?}");
        assert_eq!(left[0].next > far, left[1].next > far, "{schedule:?}");
    }
}

#[test]
fn timers_of_both_kinds_return_the_schedule_they_lose() {
    let _check = LeakCheck::begin();
    let (descriptor, signalled) = both_kinds();
    let schedule = Schedule::every(LONG);
    assert_eq!(descriptor.set(schedule), Ok(Remaining::default()));
    assert_eq!(signalled.set(schedule), Ok(Remaining::default()));
    let never = Schedule::from(Deadline::Never);
    for old in [descriptor.set(never), signalled.set(never)].map(Result::unwrap) {
        assert_eq!(old.interval, Some(LONG));
        assert!(
            old.next > Some(LONG / 2) && old.next <= Some(LONG),
            "{old:?}"
        );
    }
    for old in [descriptor.disarm(), signalled.disarm()].map(Result::unwrap) {
        assert_eq!(old.interval, None);
        assert!(old.next > Some(LONG), "{old:?}");
    }
}

#[test]
fn disarmed_timer_of_either_kind_has_nothing_left() {
    let _check = LeakCheck::begin();
    let descriptor = create(Clock::Monotonic);
    descriptor.set(Schedule::every(LONG)).unwrap();
    descriptor.disarm().unwrap();
    assert_eq!(descriptor.remaining(), Ok(Remaining::default()));
    for notify in [
        Notify::Nobody,
        Notify::Process(Signal::ALARM, Payload::default()),
    ] {
        for clock in [
            signalling::Clock::Monotonic,
            signalling::Clock::Realtime,
            signalling::Clock::Boottime,
            signalling::Clock::Tai,
            signalling::Clock::ProcessTime(None),
            signalling::Clock::ThreadTime(None),
        ] {
            let timer = signalling::create(clock, notify).unwrap();
            for schedule in [
                Schedule::once(Start::After(LONG)),
                Schedule::every(LONG),
                Schedule::once(at(i64::MAX, 0)),
            ] {
                timer.set(schedule).unwrap();
                assert!(timer.disarm().unwrap().next > Some(LONG / 2));
                let left = timer.remaining();
                assert_eq!(left, Ok(Remaining::default()), "{clock:?} {notify:?}");
                assert_eq!(timer.disarm(), Ok(Remaining::default()));
                assert_eq!(timer.set(schedule), Ok(Remaining::default()));
            }
        }
    }
}

#[test]
fn deadline_is_schedule_of_both_kinds() {
    let _check = LeakCheck::begin();
    let (descriptor, signalled) = both_kinds();
    let deadline = Deadline::after(LONG);
    descriptor.set(deadline.into()).unwrap();
    signalled.set(deadline.into()).unwrap();
    for left in [descriptor.remaining(), signalled.remaining()].map(Result::unwrap) {
        assert!(
            left.next > Some(LONG / 2) && left.next <= Some(LONG),
            "{left:?}"
        );
    }
    // One that has passed is over at once, whatever its numbers.
    let (tv_sec, tv_nsec) = (i64::MIN, i64::MAX);
    for passed in [Deadline::NOW, Deadline::At(Timespec { tv_sec, tv_nsec })] {
        descriptor.set(passed.into()).unwrap();
        signalled.set(passed.into()).unwrap();
        assert_eq!(descriptor.wait_until(limit()).map(ticks), Ok(1));
        let limit = limit();
        while signalled.remaining() != Ok(Remaining::default()) {
            assert!(!limit.has_passed());
        }
    }
}

#[test]
fn timerfd_flags_are_as_requested() {
    let _check = LeakCheck::begin();
    let plain = create(Clock::Monotonic);
    assert_eq!(rustix::io::fcntl_getfd(&plain).unwrap(), FdFlags::CLOEXEC);
    let is_nonblocking = |timer: &TimerFd| {
        let flags = rustix::fs::fcntl_getfl(timer).unwrap();
        flags.contains(OFlags::NONBLOCK)
    };
    assert!(!is_nonblocking(&plain));
    let [_, nonblocking] = both(Clock::Monotonic);
    assert!(is_nonblocking(&nonblocking));
    let inherited = timerfd::create(Clock::Monotonic, TimerFdFlags::INHERITED).unwrap();
    assert_eq!(
        rustix::io::fcntl_getfd(&inherited).unwrap(),
        FdFlags::empty()
    );
    let unknown = TimerFdFlags::from_bits_retain(1 << 30);
    assert_eq!(
        timerfd::create(Clock::Monotonic, unknown).unwrap_err(),
        Errno::INVAL
    );
}

#[test]
fn timerfd_converts_to_descriptor_and_back() {
    let _check = LeakCheck::begin();
    let timer = create(Clock::Monotonic);
    timer.set(Schedule::once(Start::After(SHORT))).unwrap();
    assert_eq!(timer.as_raw_fd(), timer.as_fd().as_raw_fd());
    let timer = TimerFd::from(OwnedFd::from(timer));
    // SAFETY: just given up.
    let timer = TimerFd::from(unsafe { OwnedFd::from_raw_fd(timer.into_raw_fd()) });
    assert_eq!(timer.wait().map(ticks), Ok(1));
}

#[test]
fn timer_expires_once_after_delay() {
    let _check = LeakCheck::begin();
    for clock in CLOCKS {
        for timer in both(clock) {
            assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
            let begin = Instant::now();
            let old = timer.set(Schedule::once(Start::After(SHORT))).unwrap();
            assert_eq!(old, Remaining::default());
            let left = timer.remaining().unwrap();
            assert!(left.next.unwrap() <= SHORT, "{left:?}");
            assert_eq!(left.interval, None);
            assert_eq!(timer.wait().map(ticks), Ok(1));
            assert!(begin.elapsed() >= SHORT);
            assert_eq!(timer.remaining(), Ok(Remaining::default()));
            assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
        }
    }
}

#[test]
fn timer_expires_at_moment() {
    let _check = LeakCheck::begin();
    for clock in CLOCKS {
        for timer in both(clock) {
            for watching in [false, true] {
                let moment = later(clock.now(), SHORT);
                let begin = Instant::now();
                if watching {
                    timer.set_watching_clock(moment, None).unwrap();
                } else {
                    timer.set(Schedule::once(Start::At(moment))).unwrap();
                }
                assert_eq!(timer.wait_until(limit()).map(ticks), Ok(1));
                let now = clock.now();
                assert!((now.tv_sec, now.tv_nsec) >= (moment.tv_sec, moment.tv_nsec));
                assert!(begin.elapsed() < LIMIT);
            }
        }
    }
}

#[test]
fn timer_at_passed_moment_expires_at_once() {
    let _check = LeakCheck::begin();
    for clock in CLOCKS {
        let timer = create(clock);
        let zero = Timespec::default();
        let past = Timespec {
            tv_sec: clock.now().tv_sec - 1,
            tv_nsec: 0,
        };
        for start in [
            Start::After(Duration::ZERO),
            Start::At(zero),
            Start::At(past),
        ] {
            timer.set(Schedule::once(start)).unwrap();
            assert_eq!(
                timer.wait_until(limit()).map(ticks),
                Ok(1),
                "{clock:?} {start:?}"
            );
        }
        timer.set_watching_clock(zero, None).unwrap();
        assert_eq!(timer.wait_until(limit()).map(ticks), Ok(1), "{clock:?}");
    }
}

#[test]
fn timer_with_interval_expires_again() {
    let _check = LeakCheck::begin();
    const EACH: Duration = Duration::from_millis(2);
    for timer in both(Clock::Monotonic) {
        let begin = Instant::now();
        timer.set(Schedule::every(EACH)).unwrap();
        let mut total = 0;
        while total < 20 {
            total += timer.wait().map(ticks).unwrap();
        }
        // No tick before its time.
        let elapsed = begin.elapsed();
        assert!(elapsed >= EACH * 20, "{total} in {elapsed:?}");
        assert_eq!(timer.remaining().unwrap().interval, Some(EACH));

        // Ticks that nobody reads are counted.
        let seen = Instant::now();
        while seen.elapsed() < EACH * 5 {
            std::thread::yield_now();
        }
        assert!(timer.try_wait().map(ticks).unwrap() >= 4);
    }

    // First then, and then each so much.
    let timer = create(Clock::Monotonic);
    let schedule = Schedule {
        start: Start::After(LONG),
        interval: Some(EACH),
    };
    timer.set(schedule).unwrap();
    let left = timer.remaining().unwrap();
    assert!(left.next.unwrap() > LONG / 2);
    assert_eq!(left.interval, Some(EACH));
    assert_eq!(timer.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
    // From a moment long ago: at once with all ticks since, or nearly.
    let schedule = Schedule {
        start: Start::At(Timespec::default()),
        interval: Some(Duration::from_secs(1)),
    };
    timer.set(schedule).unwrap();
    let up = Clock::Monotonic.now().tv_sec as u64;
    let ticks = timer.wait().map(ticks).unwrap();
    assert!((up..=up + 3600).contains(&ticks), "{ticks} of {up}");
}

#[test]
fn set_replaces_schedule_and_discards_expiries() {
    let _check = LeakCheck::begin();
    let timer = create(Clock::Monotonic);
    timer.set(Schedule::every(LONG)).unwrap();
    let old = timer
        .set(Schedule::once(Start::After(Duration::ZERO)))
        .unwrap();
    assert!(old.next.unwrap() > LONG / 2);
    assert_eq!(old.interval, Some(LONG));
    while !is_readable(&timer) {
        std::thread::yield_now();
    }
    timer.disarm().unwrap();
    assert!(!is_readable(&timer));
    assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
    assert_eq!(timer.remaining(), Ok(Remaining::default()));
}

#[test]
fn timerfd_wait_ends_at_deadline() {
    let _check = LeakCheck::begin();
    for timer in both(Clock::Monotonic) {
        for armed in [false, true] {
            if armed {
                timer.set(Schedule::once(Start::After(LONG))).unwrap();
            }
            let begin = Instant::now();
            assert_eq!(
                timer.wait_until(Deadline::after(SHORT)),
                Err(Errno::TIMEDOUT)
            );
            assert!(begin.elapsed() >= SHORT);
        }
    }
}

#[test]
fn deadline_is_schedule_of_timerfd() {
    let _check = LeakCheck::begin();
    let timer = create(Clock::Monotonic);
    let deadline = Deadline::after(SHORT);
    timer.set(deadline.into()).unwrap();
    assert_eq!(timer.wait().map(ticks), Ok(1));
    assert!(deadline.has_passed());
    timer.set(Deadline::Never.into()).unwrap();
    assert!(timer.remaining().unwrap().next.unwrap() > LONG);
    assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
    timer
        .set(Schedule::once(Start::After(Duration::MAX)))
        .unwrap();
    assert!(timer.remaining().unwrap().next.unwrap() > LONG);
}

#[test]
fn impossible_schedule_is_refused() {
    let _check = LeakCheck::begin();
    let timer = create(Clock::Realtime);
    timer.set(Schedule::once(Start::After(LONG))).unwrap();
    for (tv_sec, tv_nsec) in [(0, 1_000_000_000), (0, -1), (-1, 0), (i64::MIN, i64::MIN)] {
        let moment = Timespec { tv_sec, tv_nsec };
        let once = Schedule::once(Start::At(moment));
        assert_eq!(timer.set(once), Err(Errno::INVAL));
        let watching = timer.set_watching_clock(moment, None);
        assert_eq!(watching, Err(Errno::INVAL));
    }
    let zero = Schedule::every(Duration::ZERO);
    assert_eq!(timer.set(zero), Err(Errno::INVAL));
    let watching = timer.set_watching_clock(Clock::Realtime.now(), Some(Duration::ZERO));
    assert_eq!(watching, Err(Errno::INVAL));
    // And nothing changed.
    assert!(timer.remaining().unwrap().next.unwrap() > LONG / 2);

    let null = std::fs::File::open("/dev/null").unwrap();
    let none = TimerFd::from(OwnedFd::from(null));
    let once = Schedule::once(Start::After(LONG));
    assert_eq!(none.set(once), Err(Errno::INVAL));
    assert_eq!(none.remaining(), Err(Errno::INVAL));
    assert_eq!(none.set_ticks(1), Err(Errno::NOTTY));
}

#[test]
fn ticks_are_restored() {
    let _check = LeakCheck::begin();
    for timer in both(Clock::Monotonic) {
        timer.set(Schedule::once(Start::After(LONG))).unwrap();
        match timer.set_ticks(5) {
            Err(Errno::NOTTY) => {
                skipped!("this kernel cannot restore ticks");
                return;
            }
            result => result.unwrap(),
        }
        assert!(is_readable(&timer));
        assert_eq!(timer.wait().map(ticks), Ok(5));
        assert_eq!(timer.set_ticks(0), Err(Errno::INVAL));
    }
}

#[test]
fn alarm_clock_without_privilege_is_refused() {
    if let Some(mut half) = PeerArgs::role("unprivileged") {
        let user = rustix::process::Uid::from_raw(65534);
        if rustix::thread::set_thread_uid(user).is_ok() {
            for clock in ALARMS {
                let error = timerfd::create(clock, TimerFdFlags::empty()).unwrap_err();
                assert_eq!(error, Errno::PERM);
            }
        }
        half.channel.say("done");
        return;
    }
    let _check = LeakCheck::begin();
    for clock in ALARMS {
        match timerfd::create(clock, TimerFdFlags::empty()) {
            Ok(timer) => match timer.set(Schedule::once(Start::After(SHORT))) {
                Ok(_) => assert_eq!(timer.wait().map(ticks), Ok(1)),
                Err(Errno::OPNOTSUPP) => skipped!("no {clock:?} on this machine"),
                Err(errno) => panic!("{clock:?}: {errno}"),
            },
            Err(errno @ (Errno::PERM | Errno::OPNOTSUPP)) => {
                skipped!("no {clock:?}: {errno}");
            }
            Err(errno) => panic!("{clock:?}: {errno}"),
        }
        assert!(clock.now().tv_sec > 0);
    }
    let mut peer = Peer::start(test_name!(), "unprivileged", &[]);
    peer.expect("done");
    peer.finish();
}

/// Sets the time of day a nanosecond off, which is a discontinuous change all the
/// same.
fn set_clock(nanoseconds: i64) -> bool {
    // SAFETY: all zeros are a value.
    let mut change: libc::timex = unsafe { core::mem::zeroed() };
    change.modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
    // Microseconds are nanoseconds here, and never negative.
    change.time.tv_sec = nanoseconds.div_euclid(1_000_000_000);
    change.time.tv_usec = nanoseconds.rem_euclid(1_000_000_000);
    // SAFETY: the structure is borrowed for the call.
    unsafe { libc::adjtimex(&raw mut change) != -1 }
}

#[test]
fn clock_that_is_set_ends_wait() {
    let _check = LeakCheck::begin();
    for timer in both(Clock::Realtime) {
        let moment = later(Clock::Realtime.now(), LONG);
        let watch = || timer.set_watching_clock(moment, Some(LONG));
        let indifferent = create(Clock::Realtime);
        indifferent.set(Schedule::once(Start::At(moment))).unwrap();
        watch().unwrap();
        if !set_clock(1) {
            let why = std::io::Error::last_os_error();
            skipped!("the clock cannot be set: {why}");
            return;
        }
        assert!(is_readable(&timer) && !is_readable(&indifferent));
        assert_eq!(timer.wait(), Ok(Expiry::ClockSet));
        // It still holds.
        assert!(timer.remaining().unwrap().next.unwrap() > LONG / 2);
        assert_eq!(timer.try_wait(), Err(Errno::AGAIN));

        assert!(set_clock(-1));
        assert_eq!(timer.try_wait(), Ok(Expiry::ClockSet));
        assert!(set_clock(1));
        assert_eq!(timer.wait_until(limit()), Ok(Expiry::ClockSet));
        assert!(set_clock(-1));
        assert_eq!(watch(), Ok(Replaced::ClockSet));
        assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
        let left = timer.remaining().unwrap();
        assert!(left.next.unwrap() > LONG / 2);
        assert_eq!(left.interval, Some(LONG));
        // What does not watch the clock is not told.
        assert!(set_clock(1));
        let old = timer.set(Schedule::once(Start::At(moment))).unwrap();
        assert!(old.next.unwrap() > LONG / 2);
        assert!(set_clock(-1));
        assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
        assert!(timer.disarm().unwrap().next.unwrap() > LONG / 2);
    }
}

#[test]
fn timer_set_by_one_process_wakes_other() {
    if let Some(mut half) = PeerArgs::role("waits") {
        let timer = TimerFd::from(half.descriptor(0));
        for _ in 0..10 {
            half.channel.say("waiting");
            assert_eq!(timer.wait().map(ticks), Ok(1));
            half.channel.say("told");
        }
        return;
    }
    let _check = LeakCheck::begin();
    let timer = create(Clock::Monotonic);
    let mut peer = Peer::start(test_name!(), "waits", &[timer.as_raw_fd()]);
    for _ in 0..10 {
        peer.expect("waiting");
        timer
            .set(Schedule::once(Start::After(Duration::from_millis(1))))
            .unwrap();
        peer.expect("told");
        assert_eq!(timer.try_wait(), Err(Errno::AGAIN));
    }
    peer.finish();
}

#[test]
fn timer_outlives_process_that_set_it() {
    if let Some(mut half) = PeerArgs::role("sets") {
        let timer = TimerFd::from(half.descriptor(0));
        timer.set(Schedule::once(Start::After(SHORT))).unwrap();
        half.channel.say("set");
        half.channel.hear();
        unreachable!("killed before");
    }
    let _check = LeakCheck::begin();
    let timer = create(Clock::Monotonic);
    let mut peer = Peer::start(test_name!(), "sets", &[timer.as_raw_fd()]);
    peer.expect("set");
    peer.kill();
    assert_eq!(timer.wait_until(limit()).map(ticks), Ok(1));
    let copy = timer.as_fd().try_clone_to_owned().unwrap();
    drop(timer);
    let timer = TimerFd::from(copy);
    timer
        .set(Schedule::once(Start::After(Duration::ZERO)))
        .unwrap();
    assert_eq!(timer.wait().map(ticks), Ok(1));
}
