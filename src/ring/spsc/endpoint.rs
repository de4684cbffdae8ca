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
use crate::ring::waiting::Waiting;
use crate::ring::{AttachError, Halt};
use crate::{Errno, OwnedFd};

/// A ring's memory, from which its ends are attached.
pub(super) type Source = primitive::Source<Lines, LINES_AT>;

/// How long an endpoint sleeps at most before it asks whether the other side
/// lives: a death changes no word. It asks sooner at first.
pub const LIVENESS_INTERVAL: Duration = Duration::from_millis(100);

/// How long an endpoint sleeps before it asks for the first time, doubled from
/// time to time: longer than most waits, and a sudden death is noticed soon.
const FIRST_INTERVAL: Duration = Duration::from_millis(2);

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
        let me = self.place.number();
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
            return Ok(());
        }
        self.look_whether_closed::<W>(which, need)
    }

    #[cold]
    fn look_whether_closed<W: Waiting>(&mut self, which: Which, need: usize) -> Result<(), Halt> {
        // Acquire [A2]: pairs with [R2] in `leave`: what the other side published
        // before it closed is seen now.
        if self.theirs(which).closed.load(Acquire) == 0 {
            return Err(Halt::WouldBlock);
        }
        self.refresh::<W>(which)?;
        if self.usable() >= need as u64 {
            Ok(())
        } else {
            Err(Halt::Closed)
        }
    }

    #[cold]
    fn wait<W: Waiting>(
        &mut self,
        which: Which,
        need: usize,
        deadline: Deadline,
    ) -> Result<(), Halt> {
        let (mut closed, mut waited) = (false, Ok(()));
        loop {
            self.refresh::<W>(which)?;
            if self.usable() >= need as u64 {
                return Ok(());
            }
            if closed {
                return Err(Halt::Closed);
            }
            // Acquire [A3]: pairs with [R2] in `leave`: what the other side published
            // before it closed is seen when this looks once more. If it is not
            // closed now, its count is still to change when it closes.
            closed = self.theirs(which).closed.load(Acquire) != 0;
            if !closed {
                // What kept it from waiting on, if the look since then has shown nothing.
                waited?;
                waited = self.wait_for_change::<W>(which, deadline);
            }
        }
    }

    /// Waits until the other side's count differs from what was last seen, or it will not
    /// change any more, or time is over; then the caller looks once more.
    fn wait_for_change<W: Waiting>(
        &mut self,
        which: Which,
        deadline: Deadline,
    ) -> Result<(), Halt> {
        let seen = self.peer.count;
        if self.spin::<W>(which, seen, self.spins) {
            self.spins = (self.spins * 2).min(SPINS_MAX);
            return Ok(());
        }
        // In vain: the next time less, down to a handful.
        self.spins = (self.spins / 2).max(SPINS_MIN);
        let mut interval = FIRST_INTERVAL.subsec_nanos();
        loop {
            if W::SLEEPS {
                let moment = Deadline::after_by_call(interval).min(deadline);
                interval = (2 * interval).min(LIVENESS_INTERVAL.subsec_nanos());
                match self.theirs(which).sleep(seen, moment) {
                    // Woken, or no need to sleep: the caller looks.
                    Ok(()) => return Ok(()),
                    // However often it is interrupted, a death is noticed.
                    Err(Errno::TIMEDOUT | Errno::INTR) => {}
                    Err(errno) => return Err(Halt::Kernel(errno)),
                }
            } else if self.spin::<W>(which, seen, SPINS_PER_LOOK) {
                return Ok(());
            } else {
                relax_processor();
            }
            if self.peer_died(which) {
                return Err(Halt::PeerDied);
            }
            if deadline.has_passed_by_call() {
                return Err(Halt::TimedOut);
            }
        }
    }

    /// Spins up to `limit` times; whether the count changed.
    #[inline]
    fn spin<W: Waiting>(&self, which: Which, seen: u32, limit: u32) -> bool {
        let theirs = self.theirs(which);
        for _ in 0..limit {
            // Where nobody sleeps, closing does not change the count.
            if theirs.count::<W>() != seen || (!W::SLEEPS && theirs.closed.load(Relaxed) != 0) {
                return true;
            }
            primitive::pause();
        }
        false
    }

    /// Whether the other end is held by a process that has died.
    fn peer_died(&self, which: Which) -> bool {
        let owner = self.theirs(which).owner.load(Acquire);
        owner != 0 && !self.place.alive(owner) && self.theirs(which).owner.load(Acquire) == owner
    }

    fn peer(&self, which: Which) -> super::Peer {
        use super::Peer;
        let theirs = self.theirs(which);
        if theirs.closed.load(Acquire) != 0 {
            Peer::Closed
        } else if theirs.owner.load(Relaxed) == 0 {
            Peer::Absent
        } else if self.peer_died(which) {
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
            // Release [R2]: pairs with [A2] in `look_whether_closed` and [A3] in
            // `wait`.
            self.mine(which).closed.store(1, Release);
            // Wakes the other side. In a corrupt ring there is nobody to tell.
            let _ = self.advance::<W>(which, 0);
        }
        // Release [R1]: pairs with [A1] in `attach`.
        self.mine(which).owner.store(0, Release);
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
