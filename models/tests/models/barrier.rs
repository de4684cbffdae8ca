//! The barrier: none passes before all have arrived, each sees what the others did before, and nobody is
//! left asleep there, whoever dies.

use std::mem::{ManuallyDrop, transmute};
use std::sync::Arc;
use std::time::Duration;

use rawipc::members::{Member, Region};
use rawipc::sync::{Barrier, BarrierSeat};
use rawipc::{Deadline, Errno};
use rawipc_model::cell::UnsafeCell;
use rawipc_model::{Hindrance, Model, Process, in_child, process};

/// Some deadline: when it passes is up to the model.
fn later() -> Deadline {
    Deadline::after(Duration::from_secs(3600))
}

/// A barrier, and what each party does before it arrives.
struct Shared<const N: usize> {
    barrier: Barrier<N>,
    done: [UnsafeCell<u32>; N],
}

// SAFETY: the barrier orders the accesses, as the model checks.
unsafe impl<const N: usize> Sync for Shared<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Send for Shared<N> {}

impl<const N: usize> Shared<N> {
    fn new() -> (Region, Arc<Self>) {
        let shared = Self {
            barrier: Barrier::new(),
            done: std::array::from_fn(|_| UnsafeCell::new(0)),
        };
        (Region::create(0).unwrap(), Arc::new(shared))
    }
}

/// One that has its seat before its process begins. It never gives it back.
struct Party<const N: usize> {
    number: usize,
    seat: ManuallyDrop<BarrierSeat<'static, Member>>,
    /// Borrowed by the seat, at addresses that stay.
    shared: Arc<Shared<N>>,
    _me: Box<Member>,
}

impl<const N: usize> Party<N> {
    fn new(number: usize, shared: &Arc<Shared<N>>, region: &Region) -> Self {
        let (shared, me) = (shared.clone(), Box::new(region.join().unwrap()));
        let seat = shared.barrier.join(&*me).unwrap();
        // SAFETY: what it borrows is kept beside it, and it is not dropped.
        let seat = unsafe { transmute::<BarrierSeat<'_, Member>, BarrierSeat<'static, Member>>(seat) };
        Self {
            number,
            seat: ManuallyDrop::new(seat),
            shared,
            _me: me,
        }
    }

    /// Does something.
    fn write(&self) {
        // SAFETY: the cell has checked that nobody looks.
        self.shared.done[self.number].with_mut(|to| unsafe { *to = 1 });
    }

    /// Looks at what all did.
    fn look(&self) {
        for done in &self.shared.done {
            // SAFETY: the cell has checked that nobody writes meanwhile.
            assert_eq!(done.with(|from| unsafe { *from }), 1);
        }
    }

    fn meet(&mut self) -> Result<bool, Errno> {
        self.write();
        let passed = self.seat.wait();
        if passed.is_ok() {
            self.look();
        }
        passed
    }

    fn begin(mut self) -> Process<Result<bool, Errno>> {
        process(self.number, move || self.meet())
    }
}

fn all_meet<const N: usize>() {
    let (region, shared) = Shared::<N>::new();
    let others = (1..N).map(|number| Party::new(number - 1, &shared, &region));
    let others: Vec<_> = others.map(Party::begin).collect();
    let mut last = u32::from(Party::new(N - 1, &shared, &region).meet().unwrap());
    for other in others {
        last += u32::from(other.join().unwrap().unwrap());
    }
    assert_eq!(last, 1);
}

/// Nobody has to look again while nobody dies: every wake is there.
#[test]
fn two_pass_and_see_what_the_other_did() {
    Model::new(3).without_rechecks().check(all_meet::<2>);
}

#[test]
fn three_pass_and_see_what_the_others_did() {
    Model::new(2).without_rechecks().check(all_meet::<3>);
}

/// The second time is as the first one, also for who is still on its way out of that.
#[test]
fn two_meet_twice() {
    Model::new(2).check(|| {
        let (region, shared) = Shared::<2>::new();
        let [mut other, mut me] = [0, 1].map(|number| Party::new(number, &shared, &region));
        let other = process(0, move || {
            other.seat.wait().unwrap();
            other.meet().unwrap();
        });
        me.seat.wait().unwrap();
        me.meet().unwrap();
        other.join();
    });
}

/// One of two is killed wherever it is: the other one passes if it had arrived, or is told.
#[test]
fn killed_party_strands_nobody() {
    Model::new(2).killing(0).check(|| {
        let (region, shared) = Shared::<2>::new();
        let [dead, mut me] = [0, 1].map(|number| Party::new(number, &shared, &region));
        let dead = dead.begin();
        let mine = me.meet();
        match dead.join() {
            Some(theirs) => assert!(theirs.is_ok() && mine.is_ok(), "nobody died"),
            None => assert!(matches!(mine, Ok(_) | Err(Errno::OWNERDEAD))),
        }
    });
}

/// One of three is killed wherever it is: the others are told the same.
#[test]
fn death_is_told_to_both_others_or_none() {
    Model::new(1).killing(0).check(|| {
        let (region, shared) = Shared::<3>::new();
        let [dead, other, mut me] = [0, 1, 2].map(|number| Party::new(number, &shared, &region));
        let (dead, other) = (dead.begin(), other.begin());
        let mine = me.meet();
        let theirs = other.join().unwrap();
        assert_eq!(mine.is_ok(), theirs.is_ok());
        assert!(dead.join().is_none() || mine.is_ok());
    });
}

/// One does not come, and dies while another sleeps: who finds that wakes the other.
#[test]
fn death_of_who_has_not_come_is_told_to_sleepers() {
    Model::new(2).without_rechecks().check(|| {
        let (region, shared) = Shared::<3>::new();
        let [other, dead, mut me] = [0, 1, 2].map(|number| Party::new(number, &shared, &region));
        let other = other.begin();
        drop(dead);
        assert_eq!(me.meet(), Err(Errno::OWNERDEAD));
        assert_eq!(other.join(), Some(Err(Errno::OWNERDEAD)));
    });
}

/// A party that arrives and dies at once is counted as one that has come.
#[test]
fn party_that_dies_after_arriving_is_counted() {
    Model::new(2).check(|| {
        let (region, shared) = Shared::<3>::new();
        let [other, mut dead, mut me] =
            [0, 1, 2].map(|number| Party::new(number, &shared, &region));
        let other = other.begin();
        let dead = process(1, move || {
            dead.write();
            dead.seat.try_wait()
        });
        assert_eq!(dead.join(), Some(Err(Errno::AGAIN)));
        assert!(me.meet().is_ok());
        assert!(other.join().unwrap().is_ok());
    });
}

/// Who gives up has arrived, and passes with the others when it comes again.
#[test]
fn wait_that_ends_early_has_arrived() {
    Model::new(2).returning_early().check(|| {
        let (region, shared) = Shared::<2>::new();
        let [mut hasty, mut me] = [0, 1].map(|number| Party::new(number, &shared, &region));
        let hasty = process(0, move || {
            hasty.write();
            if hasty.seat.wait_until(later()) == Err(Errno::TIMEDOUT) {
                hasty.seat.wait().unwrap();
            }
            hasty.look();
        });
        me.meet().unwrap();
        hasty.join();
    });
}

/// A wake that does not come is not needed.
#[test]
fn barrier_passed_without_a_wake_is_found() {
    Model::new(2).hindered(Hindrance::NoWake).check(all_meet::<2>);
}

/// Who waited when it broke does not pass when it is whole again.
#[test]
fn reset_does_not_let_pass_who_waited_before() {
    Model::new(2).without_rechecks().check(|| {
        let (region, shared) = Shared::<3>::new();
        let [mut other, dead, mut me] =
            [0, 1, 2].map(|number| Party::new(number, &shared, &region));
        assert_eq!(other.seat.try_wait(), Err(Errno::AGAIN));
        let other = process(0, move || other.seat.wait());
        drop(dead);
        assert_eq!(me.seat.try_wait(), Err(Errno::OWNERDEAD));
        assert!(shared.barrier.reset());
        assert_eq!(other.join(), Some(Err(Errno::OWNERDEAD)));
    });
}

/// A copy, as a forked child has it.
/// One leaves its seat, and then the region, while another one waits for it: nobody has died.
#[test]
fn party_that_leaves_in_good_order_breaks_nothing() {
    Model::new(3).check(|| {
        let (region, shared) = Shared::<2>::new();
        let mut party = Party::new(0, &shared, &region);
        let other = Box::new(region.join().unwrap());
        let seat = shared.barrier.join(&*other).unwrap();
        // SAFETY: what it borrows outlives it, below.
        let seat = unsafe { transmute::<BarrierSeat<'_, Member>, BarrierSeat<'static, Member>>(seat) };
        let leaver = process(1, move || {
            drop(seat);
            drop(other);
        });
        assert_eq!(party.seat.wait_until(Deadline::NOW), Err(Errno::TIMEDOUT));
        leaver.join().unwrap();
        assert!(!shared.barrier.is_broken());
    });
}

/// One does not look before the others have passed with it, one of them has died, and the barrier was
/// made whole again.
#[test]
fn slow_party_knows_that_it_has_passed() {
    Model::new(1).check(|| {
        let (region, shared) = Shared::<3>::new();
        let [mut slow, mut other, mut dead] =
            [0, 1, 2].map(|number| Party::new(number, &shared, &region));
        for early in [&mut slow, &mut dead] {
            assert_eq!(early.seat.try_wait(), Err(Errno::AGAIN));
        }
        assert_eq!(other.seat.wait(), Ok(true));
        assert_eq!(dead.seat.wait(), Ok(false));
        drop(dead);
        for _ in 0..2 {
            assert_eq!(other.seat.wait(), Err(Errno::OWNERDEAD));
            assert!(shared.barrier.reset());
        }
        assert_eq!(slow.seat.try_wait(), Ok(false));
    });
}

fn copy<T>(owner: &T) -> ManuallyDrop<T> {
    // SAFETY: what is shared is that of the original, which outlives the copy; its destructor
    // runs as that of a child's copy alone.
    ManuallyDrop::new(unsafe { std::ptr::from_ref(owner).read() })
}

/// The parent has a seat, and its child uses its copy: nothing comes of it.
#[test]
fn child_changes_nothing() {
    Model::new(1).check(|| {
        let (region, shared) = Shared::<2>::new();
        let (me, other) = (region.join().unwrap(), region.join().unwrap());
        let mut seat = shared.barrier.join(&me).unwrap();
        let mut inherited = copy(&seat);
        in_child(|| {
            assert_eq!(inherited.wait(), Err(Errno::PERM));
            assert!(shared.barrier.join(&me).is_err());
            drop(ManuallyDrop::into_inner(inherited));
        });
        assert_eq!(shared.barrier.join(&me).map(drop), Err(Errno::EXIST));
        let mut theirs = shared.barrier.join(&other).unwrap();
        assert_eq!(theirs.try_wait(), Err(Errno::AGAIN));
        assert_eq!(seat.wait(), Ok(true));
        assert_eq!(theirs.wait(), Ok(false));
    });
}
