//! [`Member`]: one who has joined.

use core::cell::Cell;
use core::marker::PhantomData;

use super::words::Attached;
use crate::primitive::StoreLoad;
use crate::sync::owner::{Holder, Owner, sealed};

/// A member of a region: who holds a lock.
///
/// It is for one thread at a time, so that a lock that this member holds is one that its thread
/// would wait for in vain. It can be sent to another thread, but not while it holds a lock.
///
/// Dropping it leaves the region; a lock that it still holds, as its guard was forgotten, is then one
/// whose holder died.
///
/// ```compile_fail,E0277
/// use rawipc::members::Member;
/// fn share<T: Sync>() {}
/// share::<Member>();
/// ```
#[derive(Debug)]
pub struct Member {
    attached: Attached,
    /// The place in the list, if there was one.
    place: Option<usize>,
    store_load: StoreLoad,
    one_thread: PhantomData<Cell<()>>,
}

impl Member {
    pub(super) fn new(attached: Attached) -> Self {
        Self {
            place: attached.words().places.enter_first(&attached),
            attached,
            store_load: StoreLoad::register(),
            one_thread: PhantomData,
        }
    }

    /// Returns its number, by which the others know it: no other member has it, and no later one
    /// before four million have come.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.attached.number()
    }

    /// Returns whether the member of this number lives. One system call; what has died before it was
    /// asked is seen. Where the kernel cannot be asked, it lives.
    #[must_use]
    pub fn is_alive(&self, number: u32) -> bool {
        number != 0 && self.attached.alive(number)
    }
}

impl Owner for Member {
    #[inline(always)]
    fn number(&self) -> u32 {
        self.attached.number()
    }

    fn alive(&self, number: u32) -> bool {
        self.attached.alive(number)
    }
}

impl sealed::Holder for Member {
    #[inline(always)]
    fn is_copy(&self) -> bool {
        self.attached.is_copy()
    }

    #[inline(always)]
    fn store_load(&self) -> StoreLoad {
        self.store_load
    }

    fn place(&self) -> Option<usize> {
        self.place
    }
}

impl Holder for Member {}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(place) = self.place.filter(|_| !self.attached.is_copy()) {
            self.attached.words().places.leave(place, false);
        }
    }
}
