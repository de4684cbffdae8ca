//! A region as a descriptor: from here members attach.

use super::plan::Plan;
use super::{Accepted, AttachError, Head, Member, Refusal, Structure, backing, head};
use crate::primitive::File;
use crate::procfs::Identity;
use crate::{AsFd, BorrowedFd, OwnedFd, Result};

/// A region with a `T` in its head, of which this process need not be a member.
#[derive(Debug)]
pub(crate) struct Source<T, const N: usize> {
    file: File,
    plan: Plan<T, N>,
}

impl<T: Structure<N>, const N: usize> Source<T, N> {
    fn new(fd: OwnedFd, identity: Identity, plan: Plan<T, N>) -> Self {
        // It lies in the head, which is at least so long.
        const { assert!(size_of::<Head<T>>() <= head::LEN) }
        Self {
            file: File::new(fd, identity, || Head::begin(T::begin())),
            plan,
        }
    }

    /// Makes a region of this kind with sections of these lengths, which must be possible.
    ///
    /// # Errors
    ///
    /// As creating the file.
    pub(crate) fn create(kind: u64, own: [u64; 4], lengths: [usize; N]) -> Result<Self> {
        let plan = Plan::new(head::LEN, lengths);
        debug_assert!(plan.is_possible());
        let (fd, identity) = backing::create(T::NAME, plan.size(), kind, own)?;
        Ok(Self::new(fd, identity, plan))
    }

    /// Takes a region that was accepted, if its sections have these lengths and not more than
    /// `limit` bytes in all.
    pub(crate) fn open(
        accepted: Accepted,
        lengths: [usize; N],
        limit: usize,
    ) -> Result<Self, AttachError> {
        let plan = Plan::new(accepted.head, lengths);
        if !plan.is_possible() {
            return Err(AttachError::Corrupt);
        }
        let size = accepted.size;
        if size != plan.size() {
            return Err(AttachError::WrongSize { size });
        }
        if plan.data() > limit {
            return Err(AttachError::TooLarge { size });
        }
        Ok(Self::new(accepted.fd, accepted.identity, plan))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.file.into_fd()
    }

    /// The length of section `index`.
    pub(crate) fn len(&self, index: usize) -> usize {
        self.plan.len(index)
    }

    /// Returns, without attaching, whether what the word at `owner` of the head says the owner of
    /// is held by a member.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`](crate::Errno::BADF): this thread has another file under the descriptor's
    /// number.
    pub(crate) fn is_held(&self, owner: usize) -> Result<bool> {
        let owner = self.file.peek(owner)?;
        Ok(owner != 0 && self.file.is_locked(owner))
    }

    /// Becomes a member of the region, to claim what the word at `owner` of the head says the
    /// owner of; unless a member holds that already. Returns that owner, too, 0 or a dead one: who
    /// claims does so in its place and in no other's. `is_late` says, before anything more that
    /// takes time is tried again, whether to give up.
    ///
    /// # Errors
    ///
    /// Each [`Refusal`]; [`Refusal::CORRUPT`] when every number that is tried is in use.
    pub(crate) fn attach(
        &self,
        owner: usize,
        is_late: impl Fn() -> bool,
    ) -> Result<(Member<T, N>, u32), Refusal> {
        Member::attach(&self.file, &self.plan, owner, is_late)
    }
}
