//! A region as a descriptor: from here members attach.

use super::plan::Plan;
use super::{Accepted, AttachError, Head, Member, Refusal, Seat, Structure, backing, head};
use crate::primitive::File;
use crate::procfs::Identity;
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, Result};

/// A region with a `T` in its head, of which this process need not be a member.
#[derive(Debug)]
pub(crate) struct Source<T, const N: usize> {
    file: File,
    plan: Plan<T, N>,
}

impl<T: Structure<N>, const N: usize> Source<T, N> {
    fn new(fd: OwnedFd, identity: Identity, plan: Plan<T, N>, words: [u64; 4]) -> Self {
        // It lies in the head, which is at least so long.
        const { assert!(size_of::<Head<T>>() <= head::LEN) }
        Self {
            file: File::new(
                fd,
                identity,
                || Head::begin(T::begin()),
                |cells| T::cells(words, cells),
            ),
            plan,
        }
    }

    /// Makes a region of this kind, with these words of the structure's own, which must be those
    /// of a possible one.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: there is no such region; and as creating the file.
    pub(crate) fn create(kind: u64, words: [u64; 4]) -> Result<Self> {
        let plan = Plan::of(head::LEN, words).ok_or(Errno::INVAL)?;
        debug_assert!(plan.is_possible());
        let (fd, identity) = backing::create(T::NAME, plan.size(), kind, words)?;
        Ok(Self::new(fd, identity, plan, words))
    }

    /// Takes a region that was accepted, if it has the size that its words say, and its sections
    /// not more than `limit` bytes in all.
    pub(crate) fn open(accepted: Accepted, limit: usize) -> Result<Self, AttachError> {
        let words = accepted.words;
        let plan = Plan::of(accepted.head, words);
        let plan = plan.filter(Plan::is_possible).ok_or(AttachError::Corrupt)?;
        let size = accepted.size;
        if size != plan.size() {
            return Err(AttachError::WrongSize { size });
        }
        if plan.data() > limit {
            return Err(AttachError::TooLarge { size });
        }
        Ok(Self::new(accepted.fd, accepted.identity, plan, words))
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

    /// Where section `index` begins in the file.
    pub(crate) fn begin(&self, index: usize) -> u64 {
        self.plan.begin(index)
    }

    /// Returns, without attaching, whether what the word at `owner` of the head says the owner of
    /// is held by a member.
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: this thread has another file under the descriptor's
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

    /// Opens the file again, for reading alone.
    ///
    /// # Errors
    ///
    /// As opening it.
    pub(crate) fn open_to_read(&self) -> Result<OwnedFd> {
        self.file.lend().open_to_read()
    }

    /// Looks on at the region, without becoming a member: nobody can ask whether this one lives, so
    /// it may hold nothing that others wait for. It needs no `/proc`, and only reads if it may not
    /// write: then every change of what it maps is a SIGSEGV.
    ///
    /// # Errors
    ///
    /// What mapping it says; [`Errno::BADF`]: this thread has another file under the descriptor's
    /// number.
    pub(crate) fn observe(&self, may_write: bool) -> Result<Member<T, N>, Refusal> {
        Member::observe(&self.file, &self.plan, may_write)
    }

    /// Like [`attach`](Self::attach), but by a seat instead of `/proc`.
    ///
    /// # Errors
    ///
    /// Those of [`attach`](Self::attach) but for [`Refusal::LEASED`]; [`Errno::BADF`]: the seat is
    /// another file's; [`Refusal::CORRUPT`]: the seat is no description of its own.
    pub(crate) fn attach_by(
        &self,
        owner: usize,
        seat: Seat,
    ) -> Result<(Member<T, N>, u32), Refusal> {
        Member::attach_by(&self.file, &self.plan, owner, seat)
    }

    /// Like [`join`](Self::join), but by a seat instead of `/proc`.
    ///
    /// # Errors
    ///
    /// Those of [`attach_by`](Self::attach_by) but for [`Refusal::OCCUPIED`].
    pub(crate) fn join_by(&self, seat: Seat) -> Result<Member<T, N>, Refusal> {
        Member::join_by(&self.file, &self.plan, seat)
    }

    /// Becomes a member of the region, one of many. `is_late` is that of
    /// [`attach`](Self::attach).
    ///
    /// # Errors
    ///
    /// Each [`Refusal`] but [`Refusal::OCCUPIED`]; [`Refusal::CORRUPT`] when every number that
    /// is tried is in use.
    pub(crate) fn join(&self, is_late: impl Fn() -> bool) -> Result<Member<T, N>, Refusal> {
        Member::join(&self.file, &self.plan, is_late)
    }
}
