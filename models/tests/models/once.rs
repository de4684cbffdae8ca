//! What is done once: by one, seen by all who find it done, begun anew when that one dies, and nobody
//! left asleep beside it.

use std::mem::{ManuallyDrop, forget};
use std::sync::Arc;
use std::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::sync::{Once, OnceCell};
use rawipc::{Deadline, Errno};
use rawipc_model::{Hindrance, Model, Process, in_child, process};

type Cell = Arc<OnceCell<u64>>;

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

fn cell() -> (Region, Cell) {
    (Region::create(0).unwrap(), Arc::new(OnceCell::new(0)))
}

fn make(cell: &Cell, me: &Member, value: u64) -> u64 {
    cell.get_or_init(me, || value).unwrap()
}

/// A process that makes this value if there is none, and returns the one that there is.
fn maker(number: usize, cell: &Cell, region: &Region, value: u64) -> Process<u64> {
    let (cell, me) = (cell.clone(), region.join().unwrap());
    process(number, move || make(&cell, &me, value))
}

#[test]
fn two_who_come_together_have_one_value() {
    Model::new(4).check(|| {
        let (region, cell) = cell();
        let me = region.join().unwrap();
        let other = maker(0, &cell, &region, 1);
        let mine = make(&cell, &me, 2);
        assert_eq!(other.join(), Some(mine));
        assert_eq!(cell.get(), Some(mine));
    });
}

/// Who only looks sees the whole value, or none.
#[test]
fn value_is_seen_by_who_looks() {
    Model::new(4).check(|| {
        let (region, cell) = cell();
        let me = region.join().unwrap();
        let other = process(0, {
            let cell = cell.clone();
            move || cell.get()
        });
        make(&cell, &me, 1);
        let seen = other.join().unwrap();
        assert!(seen.is_none() || seen == Some(1));
    });
}

/// Nobody has to look again while nobody dies: every wake is there.
#[test]
fn two_who_sleep_both_have_the_value() {
    Model::new(3).check(|| {
        let (region, cell) = cell();
        let me = region.join().unwrap();
        let mut others = Vec::new();
        let mine = cell.get_or_init(&me, || {
            others.extend([0, 1].map(|number| maker(number, &cell, &region, 1)));
            2
        });
        assert_eq!(mine, Ok(2));
        for other in others {
            assert_eq!(other.join(), Some(2));
        }
    });
}

/// Who makes it is killed wherever it is: there is a value, and the whole of one.
#[test]
fn killed_maker_strands_nobody() {
    Model::new(2).killing(0).check(|| {
        let (region, cell) = cell();
        let me = region.join().unwrap();
        let dead = maker(0, &cell, &region, 1);
        let other = maker(1, &cell, &region, 2);
        let mine = make(&cell, &me, 3);
        assert_eq!(other.join(), Some(mine));
        assert!(dead.join().is_none_or(|value| value == mine));
        assert_eq!(cell.get(), Some(mine));
    });
}

/// One has begun and is dead; of two who find that, one begins, and is told.
#[test]
fn death_of_who_had_begun_is_told_to_the_next() {
    Model::new(3).check(|| {
        let (region, once) = (Region::create(0).unwrap(), Arc::new(Once::new()));
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        forget(once.begin(&him).unwrap().unwrap());
        drop(him);
        let begin = |once: &Once, me: &Member| match once.begin(me).unwrap() {
            Some(run) => {
                assert!(run.is_after_death());
                run.finish();
                1
            }
            None => 0,
        };
        let other = process(0, {
            let (once, me) = (once.clone(), region.join().unwrap());
            move || begin(&once, &me)
        });
        let mine = begin(&once, &me);
        assert_eq!(mine + other.join().unwrap(), 1);
        assert!(once.is_done());
    });
}

/// Who gives up what it has begun lets the next one begin, also one that sleeps.
#[test]
fn what_was_given_up_is_begun_by_another() {
    Model::new(3).check(|| {
        let (region, once) = (Region::create(0).unwrap(), Arc::new(Once::new()));
        let me = region.join().unwrap();
        let run = once.begin(&me).unwrap();
        let others = [0, 1].map(|number| {
            let (once, me) = (once.clone(), region.join().unwrap());
            process(number, move || match once.begin(&me).unwrap() {
                Some(run) => {
                    assert!(!run.is_after_death());
                    run.finish();
                    1
                }
                None => 0,
            })
        });
        drop(run);
        let [one, two] = others.map(|other| other.join().unwrap());
        assert_eq!(one + two, 1);
    });
}

/// Who does not wait any more has changed nothing.
#[test]
fn sleep_that_ends_early_loses_no_value() {
    Model::new(2).returning_early().check(|| {
        let (region, cell) = cell();
        let me = region.join().unwrap();
        let patient = maker(0, &cell, &region, 1);
        let hasty = process(1, {
            let (cell, me) = (cell.clone(), region.join().unwrap());
            move || cell.get_or_init_until(&me, || 2, later())
        });
        let mine = make(&cell, &me, 3);
        assert_eq!(patient.join(), Some(mine));
        match hasty.join().unwrap() {
            Ok(value) => assert_eq!(value, mine),
            Err(errno) => assert_eq!(errno, Errno::TIMEDOUT),
        }
    });
}

/// A wake that does not come is not needed.
#[test]
fn value_made_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let (region, cell) = cell();
        let me = region.join().unwrap();
        let other = maker(0, &cell, &region, 1);
        let mine = make(&cell, &me, 2);
        assert_eq!(other.join(), Some(mine));
    });
}

/// A copy, as a forked child has it.
fn copy<T>(owner: &T) -> ManuallyDrop<T> {
    // SAFETY: what is shared is that of the original, which outlives the copy; its destructor
    // runs as that of a child's copy alone.
    ManuallyDrop::new(unsafe { std::ptr::from_ref(owner).read() })
}

/// While the parent does it, its child uses its copies: nothing comes of it.
#[test]
fn child_changes_nothing() {
    Model::new(2).check(|| {
        let (region, once) = (Region::create(0).unwrap(), Arc::new(Once::new()));
        let me = region.join().unwrap();
        let run = once.begin(&me).unwrap().unwrap();
        let inherited = [copy(&run), copy(&run)];
        in_child(|| {
            assert!(matches!(once.begin(&me), Err(Errno::PERM)));
            let [one, two] = inherited;
            drop(ManuallyDrop::into_inner(one));
            ManuallyDrop::into_inner(two).finish();
        });
        assert!(!once.is_done());
        let other = process(0, {
            let (once, me) = (once.clone(), region.join().unwrap());
            move || once.try_begin(&me).map(|run| run.is_none())
        });
        let refused = other.join().unwrap();
        assert_eq!(refused, Err(Errno::AGAIN));
        run.finish();
    });
}
