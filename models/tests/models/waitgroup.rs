//! The group: who waits goes when all have left, sees what they did, knows how many died, and sleeps
//! beside no dead one.

use std::mem::{ManuallyDrop, forget};
use std::sync::Arc;
use std::time::Duration;

use rawipc::Deadline;
use rawipc::Errno;
use rawipc::members::{Member, Region};
use rawipc::sync::{WaitGroup, WaitGroupEntry, WaitGroupError};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{Hindrance, Model, Process, in_child, process};

use WaitGroupError::{Deadlock, Died, Forked, TimedOut, WouldBlock};

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

/// A group of three, and what is done in it.
struct Shared {
    group: WaitGroup<3>,
    value: UnsafeCell<u32>,
}

// SAFETY: the group orders the accesses of the value, as the model checks.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> (Region, Arc<Self>) {
        let shared = Self {
            group: WaitGroup::new(),
            value: UnsafeCell::new(0),
        };
        (Region::create(0).unwrap(), Arc::new(shared))
    }

    fn write(&self) {
        // SAFETY: the cell has checked that nobody else looks.
        self.value.with_mut(|to| unsafe { *to = 7 });
    }

    fn read(&self) -> u32 {
        // SAFETY: the cell has checked that nobody writes meanwhile.
        self.value.with(|from| unsafe { *from })
    }
}

fn run<T: 'static>(
    number: usize,
    shared: &Arc<Shared>,
    me: Member,
    f: impl FnOnce(&Shared, &Member) -> T + 'static,
) -> Process<T> {
    let shared = shared.clone();
    process(number, move || f(&shared, &me))
}

/// One who has entered in the main thread, to be moved into a process, which leaves.
struct Entered {
    /// Dropped first.
    _entry: WaitGroupEntry<'static, Member>,
    _me: Box<Member>,
    shared: Arc<Shared>,
}

impl Entered {
    fn new(shared: &Arc<Shared>, region: &Region) -> Self {
        let me = Box::new(region.join().unwrap());
        let entry = shared.group.enter(&*me).unwrap();
        // SAFETY: what it borrows does not move, and is dropped after it.
        let entry = unsafe {
            std::mem::transmute::<WaitGroupEntry<'_, Member>, WaitGroupEntry<'static, Member>>(entry)
        };
        Self {
            _entry: entry,
            _me: me,
            shared: shared.clone(),
        }
    }
}

/// A process that is in the group from the beginning, does something, and leaves.
fn worker(number: usize, shared: &Arc<Shared>, region: &Region, writes: bool) -> Process<()> {
    let entered = Entered::new(shared, region);
    process(number, move || {
        if writes {
            entered.shared.write();
        }
        drop(entered);
    })
}

fn waiter(
    number: usize,
    shared: &Arc<Shared>,
    region: &Region,
) -> Process<Result<(), WaitGroupError>> {
    run(number, shared, region.join().unwrap(), |shared, me| {
        shared.group.wait(me)
    })
}

/// Nobody has to look again while nobody dies.
#[test]
fn who_waits_sees_what_was_done_in_the_group() {
    Model::new(3).check(|| {
        let (region, shared) = Shared::new();
        let me = region.join().unwrap();
        let workers = [0, 1].map(|number| worker(number, &shared, &region, number == 1));
        assert_eq!(shared.group.wait(&me), Ok(()));
        assert_eq!((shared.read(), shared.group.count()), (7, 0));
        for worker in workers {
            worker.join();
        }
    });
}

#[test]
fn two_who_wait_both_go() {
    Model::new(3).check(|| {
        let (region, shared) = Shared::new();
        let me = region.join().unwrap();
        let worker = worker(0, &shared, &region, true);
        let waiter = waiter(1, &shared, &region);
        assert_eq!(shared.group.wait(&me), Ok(()));
        assert_eq!(shared.read(), 7);
        assert_eq!(waiter.join(), Some(Ok(())));
        worker.join();
    });
}

/// One enters, leaves and enters again beside those who wait: none of them sleeps for ever.
#[test]
fn who_enters_again_strands_nobody() {
    Model::new(3).check(|| {
        let (region, shared) = Shared::new();
        let me = region.join().unwrap();
        let worker = run(0, &shared, region.join().unwrap(), |shared, me| {
            for _ in 0..2 {
                drop(shared.group.enter(me).unwrap());
            }
        });
        assert_eq!(shared.group.wait(&me), Ok(()));
        worker.join();
        assert_eq!(shared.group.try_wait(&me), Ok(()));
    });
}

/// A worker is killed wherever it is: all who wait go, and are told of the death if it was in the
/// group, until that is to be forgotten.
#[test]
fn death_in_the_group_is_told_to_all_who_wait() {
    Model::new(2).killing(0).check(|| {
        let (region, shared) = Shared::new();
        let me = region.join().unwrap();
        let worker = worker(0, &shared, &region, false);
        let waiter = waiter(1, &shared, &region);
        let mine = shared.group.wait(&me);
        let ended = worker.join().is_some();
        let other = waiter.join().unwrap();
        assert!(mine == Ok(()) || mine == Err(Died(1)) && !ended);
        assert_eq!((mine, shared.group.wait(&me)), (other, mine));
        assert_eq!(shared.group.forget_deaths(), u32::from(mine.is_err()));
        assert_eq!(shared.group.wait(&me), Ok(()));
    });
}

/// One who waits is killed wherever it is, and takes no wake from another, nor changes how many died.
#[test]
fn killed_waiter_strands_no_other() {
    Model::new(2).killing(0).check(|| {
        let (region, shared) = Shared::new();
        let (me, dead) = (region.join().unwrap(), region.join().unwrap());
        forget(shared.group.enter(&dead).unwrap());
        let waiter = waiter(0, &shared, &region);
        drop(dead);
        assert_eq!(shared.group.wait(&me), Err(Died(1)));
        assert!(matches!(waiter.join(), None | Some(Err(Died(1)))));
        assert_eq!(shared.group.wait(&me), Err(Died(1)));
    });
}

/// Who finds a dead one wakes those who have slept since before: they need not look again.
#[test]
fn who_finds_the_dead_wakes_the_others() {
    Model::new(3).without_rechecks().check(|| {
        let (region, shared) = Shared::new();
        let (me, dead) = (region.join().unwrap(), region.join().unwrap());
        forget(shared.group.enter(&dead).unwrap());
        let waiter = waiter(0, &shared, &region);
        drop(dead);
        assert_eq!(shared.group.wait(&me), Err(Died(1)));
        assert_eq!(waiter.join(), Some(Err(Died(1))));
    });
}

/// Another one comes to the place of a dead one, of whom nobody knows yet: the death is told, and who
/// slept is woken by the successor.
#[test]
fn successor_in_the_place_of_the_dead_hides_no_death() {
    Model::new(2).check(|| {
        let (region, shared) = Shared::new();
        // It has the first place.
        let dead = region.join().unwrap();
        forget(shared.group.enter(&dead).unwrap());
        let me = region.join().unwrap();
        let waiter = waiter(1, &shared, &region);
        drop(dead);
        let successor = region.join().unwrap();
        let worker = run(0, &shared, successor, |shared, me| {
            drop(shared.group.enter(me).unwrap());
        });
        assert_eq!(waiter.join(), Some(Err(Died(1))));
        worker.join();
        assert_eq!(shared.group.wait(&me), Err(Died(1)));
        assert_eq!(shared.group.forget_deaths(), 1);
    });
}

/// A death that is known already is not counted again by who comes next.
#[test]
fn death_is_counted_once_whoever_comes_after_it() {
    Model::new(3).check(|| {
        let (region, shared) = Shared::new();
        let dead = region.join().unwrap();
        forget(shared.group.enter(&dead).unwrap());
        drop(dead);
        let next = region.join().unwrap();
        assert_eq!(shared.group.wait(&next), Err(Died(1)));
        let worker = run(0, &shared, next, |shared, me| {
            drop(shared.group.enter(me).unwrap());
        });
        let me = region.join().unwrap();
        assert_eq!(shared.group.wait(&me), Err(Died(1)));
        worker.join();
        assert_eq!(shared.group.wait(&me), Err(Died(1)));
    });
}

/// And where the successor dies as well: two.
#[test]
fn each_of_two_deaths_in_one_place_is_counted() {
    Model::new(2).killing(0).check(|| {
        let (region, shared) = Shared::new();
        let dead = region.join().unwrap();
        forget(shared.group.enter(&dead).unwrap());
        drop(dead);
        let worker = worker(0, &shared, &region, false);
        let me = region.join().unwrap();
        let told = shared.group.wait(&me);
        let ended = worker.join().is_some();
        assert!(told == Err(Died(1)) || told == Err(Died(2)) && !ended);
        assert_eq!(shared.group.wait(&me), told);
    });
}

/// Deaths are forgotten while one enters and leaves: it neither stays in the group nor is thrown out.
#[test]
fn deaths_are_forgotten_beside_who_enters() {
    Model::new(3).check(|| {
        let (region, shared) = Shared::new();
        let dead = region.join().unwrap();
        forget(shared.group.enter(&dead).unwrap());
        drop(dead);
        let worker = worker(0, &shared, &region, true);
        let me = region.join().unwrap();
        assert_eq!(shared.group.forget_deaths(), 1);
        assert_eq!(shared.group.wait(&me), Ok(()));
        assert_eq!((shared.read(), shared.group.count()), (7, 0));
        worker.join();
    });
}

/// Who does not wait any more has changed nothing.
#[test]
fn sleep_that_ends_early_changes_nothing() {
    Model::new(2).returning_early().check(|| {
        let (region, shared) = Shared::new();
        let me = region.join().unwrap();
        let worker = worker(0, &shared, &region, true);
        let hasty = run(1, &shared, region.join().unwrap(), |shared, me| {
            shared.group.wait_until(me, later())
        });
        assert_eq!(shared.group.wait(&me), Ok(()));
        assert_eq!(shared.read(), 7);
        assert!(matches!(hasty.join(), Some(Ok(()) | Err(TimedOut))));
        worker.join();
    });
}

/// A wake that does not come is not needed.
#[test]
fn group_left_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(|| {
        let (region, shared) = Shared::new();
        let me = region.join().unwrap();
        let worker = worker(0, &shared, &region, true);
        assert_eq!(shared.group.wait(&me), Ok(()));
        worker.join();
    });
}

/// While the parent is in the group, its child drops its copy: the parent stays.
#[test]
fn child_changes_nothing() {
    Model::new(2).check(|| {
        let (region, shared) = Shared::new();
        let (me, other) = (region.join().unwrap(), region.join().unwrap());
        let entry = shared.group.enter(&me).unwrap();
        // SAFETY: as a forked child has it; the original outlives it.
        let inherited = ManuallyDrop::new(unsafe { std::ptr::from_ref(&entry).read() });
        in_child(|| {
            assert!(matches!(shared.group.enter(&other), Err(Errno::PERM)));
            assert_eq!(shared.group.wait(&other), Err(Forked));
            drop(ManuallyDrop::into_inner(inherited));
        });
        assert_eq!(shared.group.wait(&me), Err(Deadlock));
        assert_eq!(shared.group.try_wait(&other), Err(WouldBlock));
        drop(entry);
    });
}
