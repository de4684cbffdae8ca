//! The value that is read without waiting: whole and the last one, whoever writes and dies at it, and no
//! writer left asleep beside a turn that is nobody's.

use std::mem::{ManuallyDrop, forget};
use std::sync::Arc;
use std::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::sync::SeqLock;
use rawipc::{Deadline, Errno};
use rawipc_model::{Hindrance, Model, Process, in_child, process};

/// Two numbers, which are equal in each value that is published.
type Lock = Arc<SeqLock<[u64; 2]>>;

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

fn lock() -> (Region, Lock) {
    (Region::create(0).unwrap(), Arc::new(SeqLock::new([0; 2])))
}

fn whole([one, two]: [u64; 2]) -> u64 {
    assert_eq!(one, two, "half of one value, half of another");
    one
}

fn add(lock: &Lock, me: &Member) {
    lock.write(me)
        .unwrap()
        .update(|value| *value = [whole(*value) + 1; 2]);
}

/// A process that publishes values, each one more than the last.
fn writer(number: usize, lock: &Lock, region: &Region, times: usize) -> Process<()> {
    let (lock, me) = (lock.clone(), region.join().unwrap());
    process(number, move || {
        for _ in 0..times {
            add(&lock, &me);
        }
    })
}

/// One copies a value, in its parts, while another fills that place again.
#[test]
fn reader_has_the_whole_of_one_value() {
    Model::new(3).check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let reader = process(0, {
            let lock = lock.clone();
            move || lock.try_read().map(whole)
        });
        // One who writes all the time.
        let mut turn = lock.write(&me).unwrap();
        for number in 1..=2 {
            turn.set(&[number; 2]);
        }
        drop(turn);
        match reader.join().unwrap() {
            Ok(value) => assert!(value <= 2),
            Err(errno) => assert_eq!(errno, Errno::AGAIN),
        }
        assert_eq!(lock.try_read(), Ok([2; 2]));
    });
}

/// Also where each value is of another writer.
#[test]
fn reader_beside_two_writers_has_the_whole_of_one_value() {
    Model::new(3).check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let reader = process(0, {
            let lock = lock.clone();
            move || whole(lock.read())
        });
        let writer = writer(1, &lock, &region, 1);
        add(&lock, &me);
        assert!(reader.join().unwrap() <= 2);
        writer.join();
        assert_eq!(lock.read(), [2; 2]);
    });
}

/// What a reader has seen once it does not see undone.
#[test]
fn reader_sees_no_value_that_was_over() {
    Model::new(2).check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let reader = process(0, {
            let lock = lock.clone();
            move || {
                let first = whole(lock.read());
                (first, whole(lock.read()))
            }
        });
        add(&lock, &me);
        let (first, second) = reader.join().unwrap();
        assert!(first <= second && second <= 1);
    });
}

/// A writer is killed wherever it is: the value is whole, the last one or that before, and it stands
/// in nobody's way.
#[test]
fn killed_writer_leaves_a_whole_value() {
    Model::new(2).killing(0).check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let dead = writer(0, &lock, &region, 2);
        let before = whole(lock.read());
        dead.join();
        let value = whole(lock.read());
        assert!(before <= value && value <= 2);
        add(&lock, &me);
        assert_eq!(lock.read(), [value + 1; 2]);
    });
}

/// And a writer that waits gets its turn, one that a reader looks at meanwhile.
#[test]
fn killed_writer_strands_no_other() {
    Model::new(2).killing(0).check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let dead = writer(0, &lock, &region, 1);
        let other = writer(1, &lock, &region, 1);
        add(&lock, &me);
        whole(lock.read());
        other.join();
        let ended = dead.join().is_some();
        let value = whole(lock.read());
        assert!(value == 3 || value == 2 && !ended, "{value}");
    });
}

/// One has died in its turn; of the two that find that, each writes, one after the other.
#[test]
fn turn_of_a_dead_writer_is_taken_by_one() {
    Model::new(3).check(|| {
        let (region, lock) = lock();
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        forget(lock.write(&him).unwrap());
        drop(him);
        let other = writer(0, &lock, &region, 1);
        add(&lock, &me);
        other.join();
        assert_eq!(lock.read(), [2; 2]);
    });
}

/// Who does not wait any more has changed nothing.
#[test]
fn sleep_that_ends_early_loses_no_turn() {
    Model::new(2).returning_early().check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let patient = writer(0, &lock, &region, 1);
        let hasty = process(1, {
            let (lock, me) = (lock.clone(), region.join().unwrap());
            move || match lock.write_until(&me, later()) {
                Ok(mut turn) => {
                    turn.update(|value| *value = [whole(*value) + 1; 2]);
                    1
                }
                Err(errno) => {
                    assert_eq!(errno, Errno::TIMEDOUT);
                    0
                }
            }
        });
        add(&lock, &me);
        patient.join();
        let hasty = hasty.join().unwrap();
        assert_eq!(lock.read(), [2 + hasty; 2]);
    });
}

/// A wake that does not come is not needed.
#[test]
fn turn_given_back_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let other = writer(0, &lock, &region, 1);
        add(&lock, &me);
        other.join();
        assert_eq!(lock.read(), [2; 2]);
    });
}

/// While the parent has its turn, its child drops its copy: the turn goes on.
#[test]
fn child_changes_nothing() {
    Model::new(2).check(|| {
        let (region, lock) = lock();
        let me = region.join().unwrap();
        let turn = lock.write(&me).unwrap();
        // SAFETY: as a forked child has it; the original outlives it.
        let inherited = ManuallyDrop::new(unsafe { std::ptr::from_ref(&turn).read() });
        in_child(|| {
            let mut inherited = inherited;
            inherited.set(&[9; 2]);
            assert!(matches!(lock.write(&me), Err(Errno::PERM)));
            drop(ManuallyDrop::into_inner(inherited));
        });
        assert_eq!(lock.read(), [0; 2]);
        let other = process(0, {
            let (lock, me) = (lock.clone(), region.join().unwrap());
            move || lock.try_write(&me).map(drop)
        });
        let refused = other.join().unwrap();
        assert_eq!(refused, Err(Errno::AGAIN));
        drop(turn);
    });
}
