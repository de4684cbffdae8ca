//! [`CurrentMember`]: who calls.

use crate::members::Member;
use crate::sync::lock::Halt;

/// Who calls, as a member of a region: what [`RawMutex`](super::RawMutex) and
/// [`RawRwLock`](super::RawRwLock) ask, as the calls of `lock_api` do not say it.
///
/// The crate itself keeps no state: where the members of a program's threads are, a `thread_local` or a
/// `static`, is the program's matter.
///
/// # Safety
///
/// - [`with`](Self::with) passes a member of one and the same region, in every process that uses a lock of
///   this type, and to one thread always the same member.
/// - No such member is dropped while it holds a lock, also not one whose guard was forgotten or leaked:
///   that would count as its death while what it has borrowed is there. Never to drop them suffices.
/// - Whoever can write to the memory in which such locks lie keeps to the rules of `lock_api`, and runs
///   programs to which what is guarded means the same.
/// - A child that was forked drops or forgets its copies of guards before it takes a lock of this type: a
///   copy would give back what the child itself has taken.
/// - If [`PROCEEDS_AFTER_DEATH`](Self::PROCEEDS_AFTER_DEATH), what such locks guard can be used however a
///   process that was killed left it.
///
/// # Examples
///
/// For locks in memory that processes share, whose values may be used however a dead one left them:
///
/// ```
/// use rawipc::adapters::lock_api::{CurrentMember, RawMutex, api};
/// use rawipc::members::{Member, Region};
/// use std::mem::ManuallyDrop;
/// use std::sync::LazyLock;
///
/// static REGION: LazyLock<Region> = LazyLock::new(|| Region::create(4096).unwrap());
/// std::thread_local! {
///     static ME: ManuallyDrop<Member> = ManuallyDrop::new(REGION.join().unwrap());
/// }
/// struct Counting;
/// // SAFETY: members of one region, never dropped; a counter is right after each store.
/// unsafe impl CurrentMember for Counting {
///     const PROCEEDS_AFTER_DEATH: bool = true;
///
///     fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
///         ME.with(|me| f(me))
///     }
/// }
/// static COUNTER: api::Mutex<RawMutex<Counting>, u64> = api::Mutex::new(0);
/// *COUNTER.lock() += 1;
/// assert_eq!(*COUNTER.lock(), 1);
/// ```
pub unsafe trait CurrentMember {
    /// Whether a lock whose holder was killed is taken like any other one. If not, which is the default,
    /// nobody gets it before it is repaired: [`RawMutex::lock_after_death`](super::RawMutex::lock_after_death),
    /// [`RawRwLock::lock_after_death`](super::RawRwLock::lock_after_death).
    const PROCEEDS_AFTER_DEATH: bool = false;

    /// Calls `f` with the member that the calling thread is.
    fn with<R>(f: impl FnOnce(&Member) -> R) -> R;
}

/// What a call ends in that cannot say that it failed.
#[cold]
#[inline(never)]
pub(super) fn refuse(halt: Halt) -> ! {
    panic!("the lock cannot be taken: {halt:?}")
}

/// What they panic with who want a lock that a dead one held.
pub(super) const KILLED: &str = "who held the lock was killed";
