//! The errors that the documentation of locks and of members names.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::os::fd::{AsFd, OwnedFd};

use rawipc::members::Region;
use rawipc::memory::MapOptions;
use rawipc::rendezvous::Seat;
use rawipc::sync::{
    AutoResetEvent, Barrier, Condvar, HandOverSemaphore, Latch, ManualResetEvent, Mutex, Once,
    OnceCell, RwLock, SeqLock, WaitGroup,
};

use crate::support::documented::{List, Table, hold, without_room};

/// Which errors a test file shows beside something else.
#[rustfmt::skip]
const ELSEWHERE: List = &[
    ("sync::mutex", &["OwnerDied", "Forked", "Kernel"], "sync/mutex.rs"),
];

#[rustfmt::skip]
const ROBUST: List = &[
    ("sync::robust", &["OwnerDied", "Forked", "NOENT"], "sync/robust.rs"),
    ("sync::robust::pi_mutex", &["OwnerDied", "Forked", "Kernel", "INVAL"], "sync/pi_mutex.rs"),
];

/// What cannot be provoked here, and why.
#[rustfmt::skip]
const NEVER: List = &[
    ("sync::robust", &["NOTSUP"], "only musl on riscv64 has its entries where none can be"),
    ("sync::robust::pi_mutex", &["PERM"], "the number of a kernel's thread, which not each PID namespace has: sync/pi.rs"),
    ("sync::robust", &["Kernel"], "the sleep of the mutex by member, which is refused in sync/mutex.rs"),
];

#[rustfmt::skip]
const CONDVAR: List = &[
    ("sync::condvar", &["OwnerDied"], "sync/condvar.rs"),
];

#[rustfmt::skip]
const RWLOCK: List = &[
    ("sync::rwlock", &["OwnerDied", "Forked", "Kernel"], "sync/rwlock.rs"),
];

#[rustfmt::skip]
const ONCE: List = &[
    ("sync::once", &["PERM"], "sync/once.rs"),
];

#[rustfmt::skip]
const BARRIER: List = &[
    ("sync::barrier", &["OWNERDEAD", "PERM"], "sync/barrier.rs"),
];

#[rustfmt::skip]
const SEQLOCK: List = &[
    ("sync::seqlock", &["AGAIN", "PERM", "NOTRECOVERABLE"], "sync/seqlock.rs"),
];

#[rustfmt::skip]
const GROUP: List = &[
    ("sync::waitgroup", &["Forked", "Kernel", "PERM"], "sync/waitgroup.rs"),
];

#[rustfmt::skip]
const MEMBERS_ELSEWHERE: List = &[
    ("members::region", &["NoProc"], "whole/first_thread.rs"),
    ("members::region", &["Leased"], "ring/spsc.rs"),
    ("members::region::create", &["FBIG"], "whole/filesize.rs"),
];

#[test]
fn every_documented_error_of_a_mutex_is_provoked() {
    hold(test_name!(), "sync::mutex", mutexes, &[], ELSEWHERE);
}

#[test]
fn every_documented_error_of_a_mutex_by_thread_is_provoked() {
    hold(test_name!(), "sync::robust", robust, NEVER, ROBUST);
}

#[test]
fn every_documented_error_of_a_condition_variable_is_provoked() {
    hold(test_name!(), "sync::condvar", condvars, &[], CONDVAR);
}

#[test]
fn every_documented_error_of_a_barrier_is_provoked() {
    hold(test_name!(), "sync::barrier", barriers, &[], BARRIER);
}

#[test]
fn every_documented_error_of_an_event_is_provoked() {
    hold(test_name!(), "sync::event", events, &[], &[]);
}

#[test]
fn every_documented_error_of_a_lock_for_readers_is_provoked() {
    hold(test_name!(), "sync::rwlock", rwlocks, &[], RWLOCK);
}

#[test]
fn every_documented_error_of_what_is_done_once_is_provoked() {
    hold(test_name!(), "sync::once", once, &[], ONCE);
}

#[test]
fn every_documented_error_of_a_seqlock_is_provoked() {
    hold(test_name!(), "sync::seqlock", seqlocks, &[], SEQLOCK);
}

#[test]
fn every_documented_error_of_a_latch_is_provoked() {
    hold(test_name!(), "sync::latch", latches, &[], &[]);
}

#[test]
fn every_documented_error_of_a_semaphore_that_hands_over_is_provoked() {
    hold(test_name!(), "sync::handover", handover, &[], &[]);
}

#[test]
fn every_documented_error_of_waiting_for_the_first_is_provoked() {
    hold(test_name!(), "sync::any", any, &[], &[]);
}

#[test]
fn every_documented_error_of_a_group_is_provoked() {
    hold(test_name!(), "sync::waitgroup", groups, &[], GROUP);
}

#[test]
fn every_documented_error_of_members_is_provoked() {
    hold(test_name!(), "members", regions, &[], MEMBERS_ELSEWHERE);
}

#[rustfmt::skip]
fn mutexes(table: &mut Table) {
    use rawipc::Deadline;
    let region = Region::create(0).unwrap();
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let mutex = Mutex::new(0_u32);
    let guard = mutex.lock(&other).unwrap();
    own_row!(table, "sync::mutex::lock", Deadlock, "held by itself", mutex.lock(&other));
    own_row!(table, "sync::mutex::try_lock", WouldBlock, "held", mutex.try_lock(&me));
    own_row!(table, "sync::mutex::lock_until", TimedOut, "held", mutex.lock_until(&me, Deadline::NOW));
    guard.make_unrecoverable();
    own_row!(table, "sync::mutex::lock", NotRecoverable, "lost", mutex.lock(&me));
}

#[rustfmt::skip]
fn robust(table: &mut Table) {
    use rawipc::Deadline;
    use rawipc::sync::robust::{Mutex, PiMutex, Thread};
    let me = crate::robust::thread();
    let mutex = Mutex::new(0_u32);
    let guard = mutex.lock(&me).unwrap();
    own_row!(table, "sync::robust::mutex::lock", Deadlock, "held by itself", mutex.lock(&me));
    let mutex = &mutex;
    let held = |deadline| std::thread::scope(|scope| {
        let other = scope.spawn(move || {
            let other = crate::robust::thread();
            match deadline {
                None => mutex_error(mutex.try_lock(&other)),
                Some(deadline) => mutex_error(mutex.lock_until(&other, deadline)),
            }
        });
        other.join().unwrap()
    });
    own_row!(table, "sync::robust::mutex::try_lock", WouldBlock, "held", held(None));
    own_row!(table, "sync::robust::mutex::lock_until", TimedOut, "held", held(Some(Deadline::NOW)));
    guard.make_unrecoverable();
    own_row!(table, "sync::robust::mutex::lock", NotRecoverable, "lost", mutex.lock(&me));
    let mutex = PiMutex::new(0_u32);
    let guard = mutex.lock(&me).unwrap();
    own_row!(table, "sync::robust::pi_mutex::lock", Deadlock, "held by itself", mutex.lock(&me));
    let mutex = &mutex;
    let held = |deadline| std::thread::scope(|scope| {
        let other = scope.spawn(move || {
            let other = crate::robust::thread();
            match deadline {
                None => mutex_error(mutex.try_lock(&other)),
                Some(deadline) => mutex_error(mutex.lock_until(&other, deadline)),
            }
        });
        other.join().unwrap()
    });
    own_row!(table, "sync::robust::pi_mutex::try_lock", WouldBlock, "held", held(None));
    own_row!(table, "sync::robust::pi_mutex::lock_until", TimedOut, "held", held(Some(Deadline::NOW)));
    guard.make_unrecoverable();
    own_row!(table, "sync::robust::pi_mutex::lock", NotRecoverable, "lost", mutex.lock(&me));
    let memory = crate::robust::memory();
    memory.write(64, &u32::MAX).unwrap();
    let mutex = memory.object::<PiMutex<u32>>(64).unwrap();
    row!(table, "sync::robust::pi_mutex::lock", SRCH, "a number of no thread in the word", mutex.lock(&me));
    // SAFETY: it is refused.
    row!(table, "sync::robust::thread::without_libc", BUSY, "libc's list", unsafe { Thread::without_libc() });
}

/// The error without the guard, which stays in its thread.
fn mutex_error<G>(
    locked: Result<G, rawipc::sync::LockError<G>>,
) -> Result<(), rawipc::sync::LockError<()>> {
    use rawipc::sync::LockError;
    match locked {
        Ok(_) => Ok(()),
        Err(LockError::WouldBlock) => Err(LockError::WouldBlock),
        Err(LockError::TimedOut) => Err(LockError::TimedOut),
        Err(error) => panic!("{}", rawipc::Errno::from(error)),
    }
}

#[rustfmt::skip]
fn condvars(table: &mut Table) {
    use rawipc::Deadline;
    let region = Region::create(0).unwrap();
    let me = region.join().unwrap();
    let (mutex, changed) = (Mutex::new(0_u32), Condvar::new());
    let held = || mutex.lock(&me).unwrap();
    own_row!(table, "sync::condvar::wait_until", TimedOut, "nobody notifies", changed.wait_until(held(), Deadline::NOW));
    own_row!(table, "sync::condvar::wait_while_until", TimedOut, "nothing changes",
        changed.wait_while_until(held(), |_| true, Deadline::NOW));
}

#[rustfmt::skip]
fn barriers(table: &mut Table) {
    use rawipc::Deadline;
    let region = Region::create(0).unwrap();
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let (barrier, narrow) = (Barrier::<2>::new(), Barrier::<1>::new());
    let mut seat = barrier.join(&me).unwrap();
    let taken = narrow.join(&me).unwrap();
    row!(table, "sync::barrier::join", EXIST, "has a seat", barrier.join(&me));
    row!(table, "sync::barrier::join", BUSY, "no seat left", narrow.join(&other));
    row!(table, "sync::barrier::try_wait", AGAIN, "not all there", seat.try_wait());
    row!(table, "sync::barrier::wait_until", TIMEDOUT, "not all there", seat.wait_until(Deadline::NOW));
    drop(taken);
}

#[rustfmt::skip]
fn events(table: &mut Table) {
    use rawipc::Deadline;
    let (auto, manual) = (AutoResetEvent::new(), ManualResetEvent::new());
    row!(table, "sync::event::auto::try_wait", AGAIN, "not set", auto.try_wait());
    row!(table, "sync::event::auto::wait_until", TIMEDOUT, "not set", auto.wait_until(Deadline::NOW));
    row!(table, "sync::event::manual::try_wait", AGAIN, "not set", manual.try_wait());
    row!(table, "sync::event::manual::wait_until", TIMEDOUT, "not set", manual.wait_until(Deadline::NOW));
}

#[rustfmt::skip]
fn rwlocks(table: &mut Table) {
    use rawipc::Deadline;
    let region = Region::create(0).unwrap();
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let lock = RwLock::<u32>::new(0);
    let guard = lock.write(&other).unwrap();
    own_row!(table, "sync::rwlock::read", Deadlock, "written by itself", lock.read(&other));
    own_row!(table, "sync::rwlock::try_read", WouldBlock, "written", lock.try_read(&me));
    own_row!(table, "sync::rwlock::read_until", TimedOut, "written", lock.read_until(&me, Deadline::NOW));
    own_row!(table, "sync::rwlock::try_write", WouldBlock, "written", lock.try_write(&me));
    own_row!(table, "sync::rwlock::write_until", TimedOut, "written", lock.write_until(&me, Deadline::NOW));
    guard.make_unrecoverable();
    own_row!(table, "sync::rwlock::read", NotRecoverable, "lost", lock.read(&me));
}

#[rustfmt::skip]
fn once(table: &mut Table) {
    use rawipc::Deadline;
    let region = Region::create(0).unwrap();
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let once = Once::new();
    let run = once.begin(&other).unwrap();
    row!(table, "sync::once::begin", DEADLK, "by itself", once.begin(&other));
    row!(table, "sync::once::try_begin", AGAIN, "by another", once.try_begin(&me));
    row!(table, "sync::once::begin_until", TIMEDOUT, "by another", once.begin_until(&me, Deadline::NOW));
    drop(run);
    let cell = OnceCell::new(0_u32);
    let made = cell.get_or_init(&other, || {
        row!(table, "sync::once::cell::get_or_init", DEADLK, "by itself", cell.get_or_init(&other, || 1));
        row!(table, "sync::once::cell::try_get_or_init", AGAIN, "by another", cell.try_get_or_init(&me, || 1));
        let late = cell.get_or_init_until(&me, || 1, Deadline::NOW);
        row!(table, "sync::once::cell::get_or_init_until", TIMEDOUT, "by another", late);
        2
    });
    assert_eq!(made, Ok(2));
    row!(table, "sync::once::cell::set", EXIST, "it has a value", cell.set(&me, &1));
}

#[rustfmt::skip]
fn seqlocks(table: &mut Table) {
    use rawipc::Deadline;
    let region = Region::create(0).unwrap();
    let (me, other) = (region.join().unwrap(), region.join().unwrap());
    let lock = SeqLock::new(0_u32);
    let _turn = lock.write(&other).unwrap();
    row!(table, "sync::seqlock::write", DEADLK, "its own turn", lock.write(&other));
    row!(table, "sync::seqlock::try_write", AGAIN, "another's turn", lock.try_write(&me));
    row!(table, "sync::seqlock::write_until", TIMEDOUT, "another's turn", lock.write_until(&me, Deadline::NOW));
}

#[rustfmt::skip]
fn latches(table: &mut Table) {
    use rawipc::Deadline;
    let latch = Latch::new(1);
    row!(table, "sync::latch::add", OVERFLOW, "too many", latch.add(Latch::MAX));
    row!(table, "sync::latch::try_wait", AGAIN, "closed", latch.try_wait());
    row!(table, "sync::latch::wait_until", TIMEDOUT, "closed", latch.wait_until(Deadline::NOW));
}

#[rustfmt::skip]
fn handover(table: &mut Table) {
    use rawipc::Deadline;
    let (none, full) = (HandOverSemaphore::new(0), HandOverSemaphore::new(HandOverSemaphore::MAX));
    own_row!(table, "sync::handover::post", Overflow, "full", full.post());
    own_row!(table, "sync::handover::post_many", Overflow, "full", full.post_many(2));
    row!(table, "sync::handover::try_wait", AGAIN, "no unit", none.try_wait());
    row!(table, "sync::handover::wait_until", TIMEDOUT, "no unit", none.wait_until(Deadline::NOW));
}

#[rustfmt::skip]
fn any(table: &mut Table) {
    use rawipc::Deadline;
    use rawipc::sync::{Waitable, try_wait_any, wait_any, wait_any_until};
    let latch = Latch::new(1);
    let many: [&dyn Waitable; 129] = [&latch; 129];
    row!(table, "sync::any::wait_any", INVAL, "nothing", wait_any(&[]));
    row!(table, "sync::any::try_wait_any", INVAL, "too many", try_wait_any(&many));
    row!(table, "sync::any::try_wait_any", AGAIN, "closed", try_wait_any(&many[1..]));
    row!(table, "sync::any::wait_any_until", TIMEDOUT, "closed", wait_any_until(&[&latch], Deadline::NOW));
}

#[rustfmt::skip]
fn groups(table: &mut Table) {
    use rawipc::Deadline;
    let region = Region::create(0).unwrap();
    let (dead, other, me) = (region.join().unwrap(), region.join().unwrap(), region.join().unwrap());
    let group = WaitGroup::<2>::new();
    row!(table, "sync::waitgroup::enter", NOSPC, "no room", group.enter(&me));
    let entry = group.enter(&other).unwrap();
    row!(table, "sync::waitgroup::enter", EXIST, "in the group", group.enter(&other));
    own_row!(table, "sync::waitgroup::wait", Deadlock, "in the group", group.wait(&other));
    own_row!(table, "sync::waitgroup::try_wait", WouldBlock, "another is there", group.try_wait(&me));
    own_row!(table, "sync::waitgroup::wait_until", TimedOut, "another is there", group.wait_until(&me, Deadline::NOW));
    drop(entry);
    core::mem::forget(group.enter(&dead).unwrap());
    drop(dead);
    own_row!(table, "sync::waitgroup::wait", Died, "one died", group.wait(&me));
}

/// The number given out last.
const TICKET: usize = 64;

/// Runs `f` while the next 70 numbers of members are in use.
fn without_numbers(region: impl AsFd, f: impl FnOnce()) {
    use rawipc::lock::{Kind, ofd};
    let fd = region.as_fd();
    let memory = MapOptions::shared(4096).map(fd).unwrap();
    let ticket: u32 = memory.read(TICKET).unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).open(path).unwrap();
    let first = (1 << 62) + u64::from(ticket) + 1;
    let _held = ofd::try_lock(&file, first..first + 70, Kind::Exclusive).unwrap();
    f();
}

#[rustfmt::skip]
fn regions(table: &mut Table) {
    row!(table, "members::region::create", INVAL, "too large", Region::create(usize::MAX));
    row!(table, "members::region::create", INVAL, "too large", Region::create((1 << 40) + 1));
    let large = OwnedFd::from(Region::create(1 << 20).unwrap());
    own_row!(table, "members::region::open_at_most", TooLarge, "larger", Region::open_at_most(large, 1));
    let region = Region::create(0).unwrap();
    let another = Seat::new(&Region::create(0).unwrap()).unwrap();
    own_row!(table, "members::region::join_by", Kernel, "another's seat", region.join_by(another));
    let shared = Seat::from(rustix::io::fcntl_dupfd_cloexec(&region, 0).unwrap());
    own_row!(table, "members::region::join_by", Corrupt, "the region's own", region.join_by(shared));
    without_room(|| {
        own_row!(table, "members::region::join", Kernel, "no descriptor", region.join());
    });
    without_numbers(&region, || own_row!(table, "members::region::join", Corrupt, "all in use", region.join()));
}
