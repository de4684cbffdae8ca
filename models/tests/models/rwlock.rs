//! The lock for readers and writers by member: a writer alone, readers together, a death told if a
//! writer died and to nobody if a reader did, and nobody left asleep beside a lock that is free or the
//! dead's.

use std::mem::{ManuallyDrop, forget};
use std::sync::Arc;
use std::time::Duration;

use rawipc::Deadline;
use rawipc::members::{Member, Region};
use rawipc::sync::{LockError, PreferReaders, PreferWriters, Preference, RwLock};
use rawipc_model::{AtomicU32, Hindrance, Model, Process, in_child, process};

use std::sync::atomic::Ordering::Relaxed;

/// Two members have a line, and more read one at a time.
type Lock<P = PreferWriters> = Arc<RwLock<u64, P, 2>>;

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

fn lock<P: Preference>() -> (Region, Lock<P>) {
    (Region::create(0).unwrap(), Arc::new(RwLock::new(0)))
}

/// How the lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Consistent,
    OwnerDied,
}
use Found::{Consistent, OwnerDied};

fn read<P: Preference>(lock: &Lock<P>, me: &Member) -> (u64, Found) {
    match lock.read(me) {
        Ok(reading) => (reading.get(), Consistent),
        Err(LockError::OwnerDied(reading)) => {
            assert!(!reading.is_consistent());
            (reading.get(), OwnerDied)
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Adds one, and repairs what a dead one has left; returns how it was found.
fn add<P: Preference>(lock: &Lock<P>, me: &Member) -> Found {
    let (mut writing, found) = match lock.write(me) {
        Ok(writing) => (writing, Consistent),
        Err(LockError::OwnerDied(mut writing)) => {
            writing.make_consistent();
            (writing, OwnerDied)
        }
        Err(error) => panic!("{error:?}"),
    };
    writing.update(|value| *value += 1);
    found
}

fn reader<P: Preference + 'static>(
    number: usize,
    lock: &Lock<P>,
    region: &Region,
) -> Process<(u64, Found)> {
    let (lock, me) = (lock.clone(), region.join().unwrap());
    process(number, move || read(&lock, &me))
}

fn writer<P: Preference + 'static>(
    number: usize,
    lock: &Lock<P>,
    region: &Region,
) -> Process<Found> {
    let (lock, me) = (lock.clone(), region.join().unwrap());
    process(number, move || add(&lock, &me))
}

fn reader_and_writer<P: Preference + 'static>() {
    let (region, lock) = lock::<P>();
    let me = region.join().unwrap();
    let reader = reader(0, &lock, &region);
    add(&lock, &me);
    add(&lock, &me);
    assert!(reader.join().unwrap().0 <= 2);
    assert_eq!(read(&lock, &me), (2, Consistent));
}

#[test]
fn reader_and_writer_exclude_and_see_each_other() {
    Model::new(3).check(reader_and_writer::<PreferWriters>);
}

#[test]
fn reader_that_is_preferred_and_writer_exclude_and_see_each_other() {
    Model::new(3).check(reader_and_writer::<PreferReaders>);
}

fn reader_and_two_writers<P: Preference + 'static>() {
    let (region, lock) = lock::<P>();
    let me = region.join().unwrap();
    let reader = reader(0, &lock, &region);
    let writer = writer(1, &lock, &region);
    add(&lock, &me);
    assert!(reader.join().unwrap().0 <= 2);
    writer.join();
    assert_eq!(read(&lock, &me), (2, Consistent));
}

#[test]
fn two_writers_exclude_each_other_beside_a_reader() {
    Model::new(2).check(reader_and_two_writers::<PreferWriters>);
}

#[test]
fn two_writers_exclude_each_other_beside_a_reader_that_is_preferred() {
    Model::new(2).check(reader_and_two_writers::<PreferReaders>);
}

/// Nobody has to look again while nobody dies: every wake is there. One of the readers has no line.
#[test]
fn two_sleeping_readers_both_get_in() {
    Model::new(2).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let mut writing = lock.write(&me).unwrap();
        let readers = [0, 1].map(|number| reader(number, &lock, &region));
        writing.set(&1);
        drop(writing);
        for reader in readers {
            assert_eq!(reader.join(), Some((1, Consistent)));
        }
    });
}

fn two_sleeping_writers<P: Preference + 'static>() {
    let (region, lock) = lock::<P>();
    let me = region.join().unwrap();
    let reading = lock.read(&me).unwrap();
    let writers = [0, 1].map(|number| writer(number, &lock, &region));
    assert_eq!(reading.get(), 0);
    drop(reading);
    for writer in writers {
        writer.join();
    }
    assert_eq!(read(&lock, &me), (2, Consistent));
}

#[test]
fn two_writers_asleep_beside_a_reader_both_get_in() {
    Model::new(2).check(two_sleeping_writers::<PreferWriters>);
}

#[test]
fn two_writers_asleep_beside_a_preferred_reader_both_get_in() {
    Model::new(2).check(two_sleeping_writers::<PreferReaders>);
}

/// A reader is killed wherever it is: the writer gets in, and nobody is told of anything.
#[test]
fn killed_reader_keeps_no_writer_out() {
    Model::new(2).killing(0).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let reader = reader(0, &lock, &region);
        assert_eq!(add(&lock, &me), Consistent);
        reader.join();
        assert_eq!(add(&lock, &me), Consistent);
    });
}

#[test]
fn killed_reader_that_is_preferred_keeps_no_writer_out() {
    Model::new(1).killing(0).check(|| {
        let (region, lock) = lock::<PreferReaders>();
        let me = region.join().unwrap();
        let reader = reader(0, &lock, &region);
        let writer = writer(1, &lock, &region);
        assert_eq!(add(&lock, &me), Consistent);
        reader.join();
        assert_eq!(writer.join(), Some(Consistent));
    });
}

/// A writer is killed wherever it is: who reads next is told if that was while it wrote, and nobody
/// is told of one that has not come or is done.
#[test]
fn death_of_a_writer_is_told() {
    Model::new(2).killing(0).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        let first = process(0, {
            let lock = lock.clone();
            // Each access is a step that can be the last one.
            let step = AtomicU32::new(0);
            move || {
                let mut writing = match lock.write(&him) {
                    Ok(writing) => writing,
                    Err(error) => panic!("{error:?}"),
                };
                writing.set(&1);
                step.load(Relaxed);
                writing.set(&2);
                drop(writing);
                step.load(Relaxed);
            }
        });
        let (value, found) = read(&lock, &me);
        if value == 1 {
            assert_eq!(found, OwnerDied, "half done");
        }
        let killed = first.join().is_none();
        assert!(killed || found == Consistent, "who lives is not robbed");
        let told = add(&lock, &me);
        assert!(
            found == Consistent || told == OwnerDied,
            "until it is repaired"
        );
        assert!(killed || told == Consistent);
        assert_eq!(add(&lock, &me), Consistent);
    });
}

/// A writer is killed wherever it is, while a reader and a writer want the lock.
fn killed_writer<P: Preference + 'static>() {
    let (region, lock) = lock::<P>();
    let me = region.join().unwrap();
    let dead = writer(0, &lock, &region);
    let reader = reader(1, &lock, &region);
    add(&lock, &me);
    assert!(reader.join().unwrap().0 <= 2);
    dead.join();
    add(&lock, &me);
    assert_eq!(add(&lock, &me), Consistent);
}

#[test]
fn killed_writer_strands_neither_reader_nor_writer() {
    Model::new(2)
        .killing(0)
        .check(killed_writer::<PreferWriters>);
}

#[test]
fn killed_writer_that_gives_way_strands_neither_reader_nor_writer() {
    Model::new(2)
        .killing(0)
        .check(killed_writer::<PreferReaders>);
}

/// Who frees the lock of a dead writer, to read, wakes who has slept since before the death.
#[test]
fn sleeper_is_woken_by_who_frees_the_lock_of_the_dead() {
    Model::new(2).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let (me, him) = (region.join().unwrap(), region.join().unwrap());
        let writing = lock.write(&him).unwrap();
        let other = reader(0, &lock, &region);
        forget(writing);
        drop(him);
        assert_eq!(read(&lock, &me), (0, OwnerDied));
        assert_eq!(other.join(), Some((0, OwnerDied)));
    });
}

/// A writer waits for one who leaves without a word; another takes that one's place, and reads there.
#[test]
fn successor_on_the_slot_of_the_dead_wakes_its_writer() {
    Model::new(2).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let him = region.join().unwrap();
        forget(lock.read(&him).unwrap());
        let writer = writer(0, &lock, &region);
        drop(him);
        let heir = region.join().unwrap();
        assert!(read(&lock, &heir).0 <= 1);
        assert_eq!(writer.join(), Some(Consistent));
        assert_eq!(read(&lock, &heir), (1, Consistent));
    });
}

/// All three lines but two are taken by others: who has none reads as one who writes.
#[test]
fn reader_without_a_line_and_writer_exclude_each_other() {
    Model::new(2).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let (me, other) = (region.join().unwrap(), region.join().unwrap());
        let without = reader(0, &lock, &region);
        let within = process(1, {
            let lock = lock.clone();
            move || read(&lock, &other)
        });
        add(&lock, &me);
        assert!(without.join().unwrap().0 <= 1);
        assert!(within.join().unwrap().0 <= 1);
        assert_eq!(add(&lock, &me), Consistent);
    });
}

/// Who gives up has left nothing behind that keeps another one out.
fn hasty<P: Preference + 'static>() {
    let (region, lock) = lock::<P>();
    let me = region.join().unwrap();
    let reading = lock.read(&me).unwrap();
    let hasty = process(0, {
        let (lock, me) = (lock.clone(), region.join().unwrap());
        move || match lock.write_until(&me, later()) {
            Ok(mut writing) => {
                writing.update(|value| *value += 1);
                1
            }
            Err(LockError::TimedOut) => 0,
            Err(error) => panic!("{error:?}"),
        }
    });
    let patient = reader(1, &lock, &region);
    drop(reading);
    assert!(patient.join().unwrap().0 <= 1);
    let added = hasty.join().unwrap();
    add(&lock, &me);
    assert_eq!(read(&lock, &me), (added + 1, Consistent));
}

#[test]
fn writer_that_gives_up_keeps_nobody_out() {
    Model::new(2)
        .returning_early()
        .check(hasty::<PreferWriters>);
}

#[test]
fn writer_that_gives_way_and_up_keeps_nobody_out() {
    Model::new(2)
        .returning_early()
        .check(hasty::<PreferReaders>);
}

#[test]
fn reader_that_gives_up_keeps_nobody_out() {
    Model::new(2).returning_early().check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let writing = lock.write(&me).unwrap();
        let hasty = process(0, {
            let (lock, me) = (lock.clone(), region.join().unwrap());
            move || match lock.read_until(&me, later()) {
                Ok(reading) => assert_eq!(reading.get(), 0),
                Err(LockError::TimedOut) => {}
                Err(error) => panic!("{error:?}"),
            }
        });
        drop(writing);
        hasty.join();
        assert_eq!(add(&lock, &me), Consistent);
    });
}

/// A wake that does not come is not needed, by a reader nor by a writer.
#[test]
fn lock_given_back_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let reader = reader(0, &lock, &region);
        add(&lock, &me);
        assert!(reader.join().unwrap().0 <= 1);
    });
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let reading = lock.read(&me).unwrap();
        let writer = writer(0, &lock, &region);
        drop(reading);
        writer.join();
    });
}

/// Those who do not wait, beside those who do.
#[test]
fn refused_tries_change_nothing() {
    Model::new(2).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let other = writer(0, &lock, &region);
        match lock.try_read(&me) {
            Ok(reading) => assert!(reading.get() <= 1),
            Err(LockError::WouldBlock) => {}
            Err(error) => panic!("{error:?}"),
        }
        let mine = match lock.try_write(&me) {
            Ok(mut writing) => {
                writing.update(|value| *value += 1);
                1
            }
            Err(LockError::WouldBlock) => 0,
            Err(error) => panic!("{error:?}"),
        };
        other.join();
        assert_eq!(read(&lock, &me), (1 + mine, Consistent));
    });
}

/// A lock that is declared lost is so for all who wait.
#[test]
fn lost_lock_is_refused_to_all_who_wait() {
    Model::new(2).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let writing = lock.write(&me).unwrap();
        let reader = process(0, {
            let (lock, me) = (lock.clone(), region.join().unwrap());
            move || assert!(matches!(lock.read(&me), Err(LockError::NotRecoverable)))
        });
        let writer = process(1, {
            let (lock, me) = (lock.clone(), region.join().unwrap());
            move || assert!(matches!(lock.write(&me), Err(LockError::NotRecoverable)))
        });
        writing.make_unrecoverable();
        reader.join();
        writer.join();
    });
}

/// A copy, as a forked child has it.
fn copy<T>(owner: &T) -> ManuallyDrop<T> {
    // SAFETY: what is shared is that of the original, which outlives the copy; its destructor
    // runs as that of a child's copy alone.
    ManuallyDrop::new(unsafe { std::ptr::from_ref(owner).read() })
}

/// While the parent reads, its child uses its copies and drops them: nothing comes of it.
#[test]
fn child_changes_nothing() {
    Model::new(2).check(|| {
        let (region, lock) = lock::<PreferWriters>();
        let me = region.join().unwrap();
        let other = writer(0, &lock, &region);
        let reading = lock.read(&me).unwrap();
        let inherited = copy(&reading);
        in_child(|| {
            assert!(matches!(lock.read(&me), Err(LockError::Forked)));
            assert!(matches!(lock.write(&me), Err(LockError::Forked)));
            drop(ManuallyDrop::into_inner(inherited));
        });
        assert!(reading.get() <= 1);
        drop(reading);
        let mut writing = lock.write(&me).unwrap();
        let inherited = copy(&writing);
        in_child(|| drop(ManuallyDrop::into_inner(inherited)));
        writing.update(|value| *value += 1);
        drop(writing);
        other.join();
        assert_eq!(read(&lock, &me), (2, Consistent));
    });
}
