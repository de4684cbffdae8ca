//! Deadlines: any numbers are a moment, and what is said of it agrees.

use core::time::Duration;

use proptest::prelude::*;
use rawipc::event::timerfd::Clock;
use rawipc::{Deadline, Timespec};

const NANOS_PER_SEC: i128 = 1_000_000_000;

/// Nanoseconds since the clock's zero, which no moment is before; nanoseconds that no second
/// has count as the nearest that it has.
fn nanos(at: Timespec) -> i128 {
    let within = i128::from(at.tv_nsec).clamp(0, NANOS_PER_SEC - 1);
    (i128::from(at.tv_sec) * NANOS_PER_SEC + within).max(0)
}

fn now() -> i128 {
    nanos(Clock::Monotonic.now())
}

/// Any, and often one at an edge or near the present.
fn numbers() -> impl Strategy<Value = i64> {
    let edges = prop::sample::select(vec![
        i64::MIN,
        i64::MIN + 1,
        -1_000_000_001,
        -1_000_000_000,
        -1,
        0,
        1,
        999_999_999,
        1_000_000_000,
        i64::MAX - 1,
        i64::MAX,
    ]);
    let near = (-5..5_i64).prop_map(|off| Clock::Monotonic.now().tv_sec + off);
    prop_oneof![any::<i64>(), edges, near]
}

fn moments() -> impl Strategy<Value = Timespec> {
    (numbers(), numbers()).prop_map(|(tv_sec, tv_nsec)| Timespec { tv_sec, tv_nsec })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn deadline_of_any_numbers_agrees_with_the_clock(at in moments()) {
        let deadline = Deadline::At(at);
        let before = now();
        let (passed, remaining) = (deadline.has_passed(), deadline.remaining());
        let after = now();
        let moment = nanos(at);
        prop_assert!(!passed || moment <= after, "not yet");
        prop_assert!(passed || moment >= before, "long ago");
        let remaining = i128::try_from(remaining.expect("a moment").as_nanos()).expect("it fits");
        prop_assert!(remaining <= (moment - before).max(0));
        prop_assert!(remaining >= (moment - after).max(0));
    }

    #[test]
    fn earlier_of_two_deadlines_of_any_numbers_is_the_earlier(a in moments(), b in moments()) {
        let earlier = Deadline::At(a).min(Deadline::At(b));
        let Deadline::At(moment) = earlier else { panic!("never") };
        prop_assert!(moment == a || moment == b);
        prop_assert_eq!(nanos(moment), nanos(a).min(nanos(b)));
        prop_assert_eq!(Deadline::At(a).min(Deadline::Never), Deadline::At(a));
        prop_assert_eq!(Deadline::Never.min(Deadline::At(a)), Deadline::At(a));
    }

    #[test]
    fn deadline_after_any_duration_is_later_by_that(seconds: u64, nanoseconds in 0..1_000_000_000_u32) {
        let duration = Duration::new(seconds, nanoseconds);
        let before = now();
        let deadline = Deadline::after(duration);
        let after = now();
        let length = i128::try_from(duration.as_nanos()).expect("it fits");
        match deadline {
            Deadline::At(at) => {
                prop_assert!((before + length..=after + length).contains(&nanos(at)));
                prop_assert!((0..1_000_000_000).contains(&at.tv_nsec));
            }
            Deadline::Never => {
                prop_assert!((after + length) / NANOS_PER_SEC > i128::from(i64::MAX));
            }
        }
    }
}

#[test]
fn deadline_never_is_later_than_any() {
    assert_eq!(Deadline::Never.remaining(), None);
    assert!(!Deadline::Never.has_passed());
    assert_eq!(Deadline::Never.min(Deadline::Never), Deadline::Never);
    assert_eq!(Deadline::after(Duration::MAX), Deadline::Never);
}
