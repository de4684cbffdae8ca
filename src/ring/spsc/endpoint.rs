//! What both ends of the ring do: attach, look how far the other has come, wait
//! for it, publish, close.

use core::marker::PhantomData;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::time::Duration;

use static_assertions::const_assert;

use crate::Deadline;
use crate::primitive::member::Geometry;
use crate::primitive::{
    self, Bytes, Place, SPINS_MAX, SPINS_MIN, const_constructor, relax_processor,
};
use crate::ring::header::{DATA_MIN, LINES_AT};
use crate::ring::progress::{GRAIN, Progress, Reading};
use crate::ring::waiting::{self, Awaited, FAILURES_PER_LOOK, Waiting};
use crate::ring::{AttachError, Halt};
use crate::sync::owner::{Owner, is_held_by_the_dead};
use crate::{Errno, OwnedFd};

/// A ring's memory, from which its ends are attached.
pub(super) type Source = primitive::Source<Lines, LINES_AT>;

/// How often an end that is occupied is tried again.
const ATTACH_INTERVAL: Duration = Duration::from_millis(1);

/// Positions are multiples of this.
pub(super) const ALIGN: usize = GRAIN as usize;

/// A spinning endpoint that never sleeps looks at clock and peer this often, in
/// spins: about once a millisecond.
const SPINS_PER_LOOK: u32 = 1 << 14;

/// The ring's words.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    /// The producer's progress: bytes published.
    published: Progress,
    /// The consumer's progress: bytes released.
    consumed: Progress,
}

impl Lines {
    const_constructor! {
        /// Where a model begins: the count and the place in the data are about to
        /// wrap around.
        pub(super) fn about_to_wrap() -> Self {
            const WORD: u32 = 0u32.wrapping_sub(2 * 2);
            const POSITION: u64 = (1 << 34) - 2 * GRAIN;
            Self {
                published: Progress::new(WORD, POSITION),
                consumed: Progress::new(WORD, POSITION),
            }
        }
    }
}

/// One of the ring's two ends.
pub(super) trait Side: Copy + core::fmt::Debug + 'static {
    const WHICH: Which;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Producing;

#[derive(Clone, Copy, Debug)]
pub(super) struct Consuming;

impl Side for Producing {
    const WHICH: Which = Which::Producer;
}

impl Side for Consuming {
    const WHICH: Which = Which::Consumer;
}

/// A side as a value: known when compiled on the ways that are to be fast, and
/// passed on those that are not, which then exist once and not for each side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Producer,
    Consumer,
}

impl Which {
    #[inline(always)]
    fn mine(self, lines: &Lines) -> &Progress {
        match self {
            Self::Producer => &lines.published,
            Self::Consumer => &lines.consumed,
        }
    }

    #[inline(always)]
    fn theirs(self, lines: &Lines) -> &Progress {
        match self {
            Self::Producer => &lines.consumed,
            Self::Consumer => &lines.published,
        }
    }

    /// The position up to which this side may go, when the other is at `peer`.
    #[inline(always)]
    fn limit(self, peer: u64, capacity: u64) -> u64 {
        match self {
            Self::Producer => peer.wrapping_add(capacity),
            Self::Consumer => peer,
        }
    }
}

/// One attached end.
#[derive(Debug)]
pub(super) struct Endpoint<S: Side, W: Waiting> {
    state: State,
    kind: PhantomData<(S, W)>,
}

#[derive(Debug)]
struct State {
    mask: u64,
    /// This side's progress. Kept privately: what stands in shared memory is
    /// compared with it, not believed.
    own: Reading,
    /// The position up to which this side may go without looking at the other's
    /// progress.
    limit: u64,
    /// The other side's progress when it was last looked at.
    peer: Reading,
    /// How long spinning is worth while now.
    spins: u32,
    /// How often in a row nothing was found without waiting, since it was asked who lives.
    failures: u32,
    /// What dropping it does.
    drop: OnDrop,
    place: Place<Lines, LINES_AT>,
}

/// What dropping an endpoint does. It fills a word, so that endpoints are moved by words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum OnDrop {
    /// Closes this end.
    Close,
    /// Leaves it to a successor.
    Detach,
}

impl<S: Side, W: Waiting> Endpoint<S, W> {
    /// Attaches as this side, in the place of a dead predecessor if there is one.
    pub(super) fn attach(source: &Source) -> Result<Self, AttachError> {
        Ok(Self {
            state: State::attach::<W>(source, S::WHICH)?,
            kind: PhantomData,
        })
    }

    /// As [`attach`](Self::attach), waiting until the end is free.
    pub(super) fn attach_until(source: &Source, deadline: Deadline) -> Result<Self, AttachError> {
        loop {
            match Self::attach(source) {
                // Neither a death nor a departure changes a word one could sleep on, nor
                // does the end of a lease on the memory.
                Err(AttachError::Occupied | AttachError::Leased)
                    if !deadline.has_passed_by_call() =>
                {
                    primitive::rest(ATTACH_INTERVAL);
                }
                result => return result,
            }
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.state.mask as usize + 1
    }

    /// This side's position.
    #[inline(always)]
    pub(super) fn position(&self) -> u64 {
        self.state.own.position
    }

    /// How many bytes from this side's position on may be used, as far as known.
    #[inline(always)]
    pub(super) fn usable(&self) -> usize {
        self.state.usable() as usize
    }

    /// Where `position` is in the data. At least `capacity` bytes follow.
    #[inline(always)]
    pub(super) fn place_of(&self, position: u64) -> usize {
        self.state.place_of(position)
    }

    #[inline(always)]
    pub(super) fn bytes(&self) -> Bytes {
        self.state.place.bytes()
    }

    /// Publishes that this side is `by` bytes further.
    #[inline(always)]
    pub(super) fn advance(&mut self, by: usize) -> Result<(), Halt> {
        self.state.advance::<W>(S::WHICH, by)
    }

    /// Publishes one item that takes `by` bytes and is `item`, beside the word too.
    #[inline(always)]
    pub(super) fn advance_with(&mut self, by: usize, item: u64) {
        let position = self.state.own.position.wrapping_add(by as u64);
        let mine = S::WHICH.mine(self.state.place.head());
        mine.advance_with(&mut self.state.own, position, item);
    }

    /// The item that was published last, which is the one at this position if it
    /// alone became usable when the other side's progress was last looked at.
    #[inline(always)]
    pub(super) fn newest(&self) -> Option<u64> {
        let theirs = S::WHICH.theirs(self.state.place.head());
        theirs.newest(self.state.peer)
    }

    /// Reads how far the other side has come.
    #[inline(always)]
    pub(super) fn refresh(&mut self) -> Result<(), Halt> {
        self.state.refresh::<W>(S::WHICH)
    }

    /// Makes sure, without waiting, that `need` bytes may be used.
    #[inline(always)]
    pub(super) fn ask(&mut self, need: usize) -> Result<(), Halt> {
        if self.state.usable() >= need as u64 {
            return Ok(());
        }
        self.look(need)
    }

    #[inline]
    fn look(&mut self, need: usize) -> Result<(), Halt> {
        self.state.look::<W>(S::WHICH, need)
    }

    /// Makes sure that `need` bytes may be used, waiting until the deadline.
    #[inline(always)]
    pub(super) fn obtain(&mut self, need: usize, deadline: Deadline) -> Result<(), Halt> {
        if self.state.usable() >= need as u64 {
            return Ok(());
        }
        self.state.wait::<W>(S::WHICH, need, deadline)
    }

    pub(super) fn peer(&self) -> super::Peer {
        self.state.peer(S::WHICH)
    }

    /// Leaves this end to a successor, without closing it.
    pub(super) fn detach(mut self) {
        self.state.drop = OnDrop::Detach;
    }
}

impl<S: Side, W: Waiting> Drop for Endpoint<S, W> {
    fn drop(&mut self) {
        self.state.leave::<W>(S::WHICH);
    }
}

impl State {
    /// Attaches as this side, in the place of a dead predecessor if there is one.
    fn attach<W: Waiting>(source: &Source, which: Which) -> Result<Self, AttachError> {
        let place = source.attach().map_err(|errno| match errno {
            Errno::NOENT => AttachError::NoProc,
            Errno::BUSY => AttachError::Leased,
            Errno::USERS => AttachError::Corrupt,
            errno => AttachError::Kernel(errno),
        })?;
        let mut state = Self {
            mask: source.capacity() as u64 - 1,
            own: Reading::default(),
            limit: 0,
            peer: Reading::default(),
            spins: SPINS_MAX,
            failures: 0,
            drop: OnDrop::Close,
            place,
        };
        state.claim::<W>(which)?;
        Ok(state)
    }

    /// Makes this end the attachment's own, and begins where it stands.
    #[inline(always)]
    fn claim<W: Waiting>(&mut self, which: Which) -> Result<(), AttachError> {
        let lines = self.place.head();
        let mine = which.mine(lines);
        let me = Owner::number(&self.place);
        let mut owner = mine.owner.load(Acquire);
        loop {
            // A claim in my own number is one of a process that died 2^22
            // attachments ago.
            if owner != 0 && owner != me && self.place.alive(owner) {
                return Err(AttachError::Occupied);
            }
            // Acquire [A1]: pairs with [R1] in `leave`: the predecessor's last
            // words are seen. A dead one's are, as it is dead.
            match mine.owner.compare_exchange(owner, me, AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => owner = now,
            }
        }
        mine.closed.store(0, Release);
        let capacity = self.mask + 1;
        let sense = || {
            // From the consumer's position on, which is the one further back.
            let consumed = lines.consumed.read::<W>(0).ok()?;
            let published = lines.published.read::<W>(consumed.position).ok()?;
            let possible = published.position.wrapping_sub(consumed.position) <= capacity
                && (published.position | consumed.position).is_multiple_of(GRAIN);
            possible.then_some((published, consumed))
        };
        let Some((published, consumed)) = sense() else {
            // Free again for one who can make sense of it.
            mine.owner.store(0, Release);
            return Err(AttachError::Corrupt);
        };
        (self.own, self.peer) = match which {
            Which::Producer => (published, consumed),
            Which::Consumer => (consumed, published),
        };
        self.limit = which.limit(self.peer.position, capacity);
        Ok(())
    }

    #[inline(always)]
    fn mine(&self, which: Which) -> &Progress {
        which.mine(self.place.head())
    }

    #[inline(always)]
    fn theirs(&self, which: Which) -> &Progress {
        which.theirs(self.place.head())
    }

    /// Where `position` is in the data. At least `capacity` bytes follow.
    #[inline(always)]
    fn place_of(&self, position: u64) -> usize {
        (position & self.mask) as usize
    }

    #[inline(always)]
    fn advance<W: Waiting>(&mut self, which: Which, by: usize) -> Result<(), Halt> {
        let position = self.own.position.wrapping_add(by as u64);
        let mut own = self.own;
        let result = self.mine(which).advance::<W>(&mut own, position);
        if result.is_ok() {
            self.own = own;
        }
        result
    }

    /// How many bytes from this side's position on may be used, as far as known.
    #[inline(always)]
    fn usable(&self) -> u64 {
        self.limit.wrapping_sub(self.own.position)
    }

    /// Reads how far the other side has come.
    #[inline(always)]
    fn refresh<W: Waiting>(&mut self, which: Which) -> Result<(), Halt> {
        let peer = self.theirs(which).read::<W>(self.peer.position)?;
        let capacity = self.mask + 1;
        let limit = which.limit(peer.position, capacity);
        let usable = limit.wrapping_sub(self.own.position);
        // The other side is not ahead of this one, and never takes anything back.
        if usable <= capacity && usable >= self.usable() && usable.is_multiple_of(GRAIN) {
            self.limit = limit;
            self.peer = peer;
            Ok(())
        } else {
            Err(Halt::Corrupt)
        }
    }

    #[inline(always)]
    fn look<W: Waiting>(&mut self, which: Which, need: usize) -> Result<(), Halt> {
        self.refresh::<W>(which)?;
        if self.usable() >= need as u64 {
            self.failures = 0;
            return Ok(());
        }
        self.look_for_an_end::<W>(which, need)
    }

    /// Why there is nothing now; unless there is something after all.
    #[cold]
    fn look_for_an_end<W: Waiting>(&mut self, which: Which, need: usize) -> Result<(), Halt> {
        // What the other side published before its end is seen by the look that follows.
        let end = if self.is_closed(which) {
            Halt::Closed
        } else if self.fails_and_finds_dead(which) {
            Halt::PeerDied
        } else {
            return Err(Halt::WouldBlock);
        };
        self.refresh::<W>(which)?;
        if self.usable() >= need as u64 {
            Ok(())
        } else {
            Err(end)
        }
    }

    /// Counts a failure, and asks now and then whether the other side has died; from then
    /// on each time.
    fn fails_and_finds_dead(&mut self, which: Which) -> bool {
        self.failures += 1;
        if self.failures < FAILURES_PER_LOOK {
            return false;
        }
        let died = self.has_died(which);
        self.failures = if died { FAILURES_PER_LOOK - 1 } else { 0 };
        died
    }

    #[cold]
    fn wait<W: Waiting>(
        &mut self,
        which: Which,
        need: usize,
        deadline: Deadline,
    ) -> Result<(), Halt> {
        let mut room = Room::<W> {
            state: self,
            which,
            need: need as u64,
            kind: PhantomData,
        };
        waiting::wait(&mut room, deadline)
    }

    /// Returns whether the other end is closed.
    #[inline(always)]
    fn is_closed(&self, which: Which) -> bool {
        // Acquire [A2]: pairs with [R2] in `leave`: what the other side published
        // before it closed is seen from now on. If it is not closed now, its count is
        // still to change when it closes.
        self.theirs(which).closed.load(Acquire) != 0
    }

    /// Returns whether the other end is held by a process that has died.
    fn has_died(&self, which: Which) -> bool {
        is_held_by_the_dead(&self.theirs(which).owner, &self.place)
    }

    fn peer(&self, which: Which) -> super::Peer {
        use super::Peer;
        let theirs = self.theirs(which);
        if self.is_closed(which) {
            Peer::Closed
        } else if theirs.owner.load(Relaxed) == 0 {
            Peer::Absent
        } else if self.has_died(which) {
            Peer::Dead
        } else {
            Peer::Attached
        }
    }

    #[cold]
    fn leave<W: Waiting>(&mut self, which: Which) {
        // The parent has not left, and its ring is not in a forked child's memory.
        if self.place.is_copy() {
            return;
        }
        if self.drop == OnDrop::Close {
            // Release [R2]: pairs with [A2] in `is_closed`.
            self.mine(which).closed.store(1, Release);
            // Wakes the other side. In a corrupt ring there is nobody to tell.
            let _ = self.advance::<W>(which, 0);
        }
        // Release [R1]: pairs with [A1] in `attach`.
        self.mine(which).owner.store(0, Release);
    }
}

impl Owner for Place<Lines, LINES_AT> {
    fn number(&self) -> u32 {
        self.number()
    }

    fn alive(&self, number: u32) -> bool {
        self.alive(number)
    }
}

/// Room to send, or something to receive, as [`waiting::wait`] sees it.
struct Room<'a, W> {
    state: &'a mut State,
    which: Which,
    need: u64,
    kind: PhantomData<W>,
}

impl<W: Waiting> Awaited for Room<'_, W> {
    #[inline(always)]
    fn look(&mut self) -> Result<bool, Halt> {
        self.state.refresh::<W>(self.which)?;
        Ok(self.state.usable() >= self.need)
    }

    #[inline(always)]
    fn is_closed(&self) -> bool {
        self.state.is_closed(self.which)
    }

    #[inline(always)]
    fn has_died(&self) -> bool {
        self.state.has_died(self.which)
    }

    #[inline(always)]
    fn spin(&mut self) -> bool {
        let state = &mut *self.state;
        let changed = state.spin::<W>(self.which, state.spins);
        // In vain: the next time less, down to a handful.
        let spins = if changed {
            state.spins * 2
        } else {
            state.spins / 2
        };
        state.spins = spins.clamp(SPINS_MIN, SPINS_MAX);
        changed
    }

    #[inline(always)]
    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()> {
        let state = &*self.state;
        if W::SLEEPS {
            return state
                .theirs(self.which)
                .sleep(state.peer.count, deadline, longest);
        }
        if !state.spin::<W>(self.which, SPINS_PER_LOOK) {
            relax_processor();
        }
        if deadline.has_passed_by_call() {
            return Err(Errno::TIMEDOUT);
        }
        Ok(())
    }
}

impl State {
    /// Spins up to `limit` times; whether the other side's count has changed since the last
    /// look.
    #[inline]
    fn spin<W: Waiting>(&self, which: Which, limit: u32) -> bool {
        let (theirs, seen) = (self.theirs(which), self.peer.count);
        for _ in 0..limit {
            // Where nobody sleeps, closing does not change the count.
            if theirs.count::<W>() != seen || (!W::SLEEPS && theirs.closed.load(Relaxed) != 0) {
                return true;
            }
            primitive::pause();
        }
        false
    }
}

/// The ring in `fd`, which is of `geometry` and sealed against shrinking.
pub(super) fn source(fd: OwnedFd, geometry: Geometry) -> Source {
    // SAFETY: `Lines` is atomics and nothing else, which the assertions below
    // place in the shortest head there is; the geometry has been checked, or is
    // that of a ring just made, and the seal keeps it.
    unsafe { Source::new(fd, geometry, Lines::about_to_wrap) }
}

const_assert!(LINES_AT.is_multiple_of(align_of::<Progress>()));
const_assert!(LINES_AT + 2 * 128 <= DATA_MIN);
