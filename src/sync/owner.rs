//! Who holds a thing in shared memory, by a number, and whether that one lives: what
//! algorithms on words ask of those who know.

use core::sync::atomic::Ordering::Acquire;

use crate::primitive::AtomicU32;

/// One of those who share some memory, each known by a number other than 0.
pub trait Owner {
    /// Returns the number of this one, which is less than 2^22.
    fn number(&self) -> u32;

    /// Returns whether the one of this number lives. "No" stays so, and who is told it sees
    /// all that the dead one did; in doubt the answer is yes.
    fn alive(&self, number: u32) -> bool;
}

/// Those who can hold a lock: each [`Member`](../members/struct.Member.html) of a region.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{Holder, SeqLock};
///
/// /// Counts up for whoever this is.
/// fn count<H: Holder>(counter: &SeqLock<u64>, me: &H) -> rawipc::Result<u64> {
///     Ok(counter.write(me)?.update(|value| {
///         *value += 1;
///         *value
///     }))
/// }
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let me = region.join()?;
/// assert_eq!(count(memory.object(0)?, &me)?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Holder: sealed::Holder {}

pub(crate) mod sealed {
    use super::Owner;
    use crate::primitive::StoreLoad;

    /// What locks ask of who holds them.
    pub trait Holder: Owner {
        /// What stands beside its number in the word of a lock, so that the kernel wakes one who sleeps
        /// there if it dies. 0 if the kernel does not know of its locks.
        const MARK: u32 = 0;

        /// Returns how its process keeps a store before a load.
        fn store_load(&self) -> StoreLoad;

        /// Returns whether this is the copy that a forked child has, which is nobody.
        fn is_copy(&self) -> bool;

        /// Returns its place, which none has who lives at the same time. `None` if others have
        /// all of them.
        fn place(&self) -> Option<usize>;
    }
}

/// Returns whether what `holder` names is held by one that has died.
pub(crate) fn is_held_by_the_dead(holder: &AtomicU32, asker: &impl Owner) -> bool {
    let number = holder.load(Acquire);
    // A successor may have come while this was asked.
    number != 0 && !asker.alive(number) && holder.load(Acquire) == number
}
