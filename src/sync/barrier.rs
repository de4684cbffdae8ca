//! [`Barrier`]: a place where a fixed number of processes wait for each other, past the death of any.

use core::fmt;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::Holder;
use super::lock::{CHANGES_PER_LOOK, RECHECK};
use crate::primitive::{AtomicU32, LOCK_SPINS, Shared, Word, fence_behind_change, pause};
use crate::{Deadline, Errno, Result};

/// Set when somebody may sleep.
const SLEEPERS: u32 = 1;

/// Set when one has died who was waited for.
const BROKEN: u32 = 2;

/// How far behind the bits the number of generations begins.
const GENERATION: u32 = 4;

/// The seat of one who takes part. Valid when zeroed.
#[derive(Debug)]
#[repr(C)]
struct Seat {
    /// The number of the member that has it, 0 for nobody.
    who: AtomicU32,
    /// The generation for which it has arrived, which is the one that begins when all have.
    at: AtomicU32,
}

impl Seat {
    /// Returns whether its party has arrived for this generation.
    #[inline(always)]
    fn has_arrived(&self, goal: u32) -> bool {
        // Acquire [A1]: pairs with [R1] in `BarrierSeat::arrive`.
        self.at.load(Acquire).wrapping_sub(goal).cast_signed() >= 0
    }
}

/// A place in shared memory where `PARTIES` members of a region wait until all of them are there, again
/// and again.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is a barrier at which nobody
/// is. Who takes part [joins](Self::join) as a [`Member`](../members/struct.Member.html) and has one of the
/// seats until it drops it. What each did before it arrived is seen by all when they go on.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody waits for it for ever. If it had arrived, the others go on.
/// If not, they are told [`Errno::OWNERDEAD`], and so are all who come, until the barrier is
/// [reset](Self::reset): who comes after the death at once, who slept already within
/// [`RECHECK`](super::RECHECK). Another member that joins has the dead one's seat. A seat that nobody has,
/// and a process that is stopped, are waited for.
///
/// # A hostile peer
///
/// can say that others have arrived, or that the barrier is broken, and keep others waiting until their
/// deadlines.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::Barrier;
///
/// let region = Region::create(4096)?; // others open its descriptor, or find it by a name
/// let memory = region.map()?;
/// let (me, other) = (region.join()?, region.join()?);
///
/// let barrier = memory.object::<Barrier<2>>(0)?;
/// let (mut mine, mut theirs) = (barrier.join(&me)?, barrier.join(&other)?);
/// assert_eq!(mine.try_wait(), Err(rawipc::Errno::AGAIN)); // it has arrived, the other has not
/// assert_eq!(theirs.wait(), Ok(true)); // the last one
/// assert_eq!(mine.wait(), Ok(false)); // goes on where it waited
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "pthread_barrier_t")]
#[repr(C)]
pub struct Barrier<const PARTIES: usize> {
    /// `generations << 2 | BROKEN | SLEEPERS`. A futex, shared.
    word: Word,
    seats: [Seat; PARTIES],
}

// SAFETY: atomics, any values of which are a state.
unsafe impl<const PARTIES: usize> Shared for Barrier<PARTIES> {
    const SIZES: &'static [u8] = &[4];
}

impl<const PARTIES: usize> Barrier<PARTIES> {
    /// Creates a barrier at which nobody is: for memory of this process's own.
    #[must_use]
    pub fn new() -> Self {
        let seat = |_| Seat {
            who: AtomicU32::new(0),
            at: AtomicU32::new(0),
        };
        Self {
            word: Word::new(0),
            seats: core::array::from_fn(seat),
        }
    }

    /// Returns whether somebody has died for whom others waited, since it was [reset](Self::reset).
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.word.load(Relaxed) & BROKEN != 0
    }

    /// Takes a seat until it is dropped: one that nobody has or, if there is none, one of the dead.
    ///
    /// What was done by the seat counts for it, whoever has it: if the one before had arrived, the party of this
    /// seat has, for this once.
    ///
    /// # Errors
    ///
    /// [`Errno::BUSY`]: the living have all seats. [`Errno::EXIST`]: this member has one.
    /// [`Errno::PERM`]: the member is that of the process that this one was forked from.
    pub fn join<'a, H: Holder>(&'a self, me: &'a H) -> Result<BarrierSeat<'a, H>> {
        if me.is_copy() {
            return Err(Errno::PERM);
        }
        let mine = me.number();
        if (self.seats.iter()).any(|seat| seat.who.load(Relaxed) == mine) {
            return Err(Errno::EXIST);
        }
        for of_the_dead in [false, true] {
            for seat in &self.seats {
                let who = seat.who.load(Relaxed);
                let can_be_had = who == 0 || of_the_dead && !me.alive(who);
                // Acquire [A3]: pairs with [R3] in the seat's destructor.
                if can_be_had && (seat.who.compare_exchange(who, mine, Acquire, Relaxed)).is_ok() {
                    return Ok(BarrierSeat {
                        word: &self.word,
                        seats: &self.seats,
                        seat,
                        me,
                        arrived: None,
                    });
                }
            }
        }
        Err(Errno::BUSY)
    }

    /// Makes a broken barrier whole again; returns whether it was broken.
    ///
    /// Those who wait from now on meet anew. Whoever is dead and has a seat still breaks it again: let
    /// another one [join](Self::join) before.
    pub fn reset(&self) -> bool {
        let mut seen = self.word.load(Relaxed);
        while seen & BROKEN != 0 {
            let whole = (seen & !(GENERATION - 1)).wrapping_add(GENERATION);
            // It changes only if another one is faster.
            match self.word.compare_exchange(seen, whole, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(_) => seen = 0,
            }
        }
        false
    }
}

impl<const PARTIES: usize> Default for Barrier<PARTIES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const PARTIES: usize> fmt::Debug for Barrier<PARTIES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("is_broken", &self.is_broken())
            .finish_non_exhaustive()
    }
}

/// A seat at a [`Barrier`], by which a member waits for the others there.
///
/// To forget it (`mem::forget`) keeps it until its member is dropped, which counts as a death. In a forked
/// child it means nothing: dropping it there does nothing.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::{Barrier, BarrierSeat};
///
/// let region = Region::create(4096)?;
/// let memory = region.map()?;
/// let me = region.join()?;
/// let barrier = memory.object::<Barrier<1>>(0)?; // of one party, which never waits
/// let mut seat: BarrierSeat<'_, _> = barrier.join(&me)?;
/// for round in 0..3 {
///     println!("round {round}"); // begins when all have ended the one before
///     assert!(seat.wait()?); // the last to arrive
/// }
/// drop(seat); // somebody else can have it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the seat is given back when it is dropped"]
pub struct BarrierSeat<'a, H: Holder> {
    word: &'a Word,
    seats: &'a [Seat],
    seat: &'a Seat,
    me: &'a H,
    /// The generation in which it has arrived, if it does not know yet what came of that.
    arrived: Option<u32>,
}

/// What became of a generation.
enum Outcome {
    Waiting,
    Passed,
    Broken,
}

impl Outcome {
    /// What became of this generation, if the word is as it was `seen`.
    #[inline(always)]
    fn of(generation: u32, seen: u32) -> Self {
        let ahead = (seen & !(GENERATION - 1)).wrapping_sub(generation);
        match (ahead / GENERATION, seen & BROKEN != 0) {
            (0, false) => Self::Waiting,
            (0, true) => Self::Broken,
            // Nobody passes a later one without this party: from there on they break, and are made whole,
            // in turn.
            (ahead, is_broken) if (ahead % 2 == 1) != is_broken => Self::Passed,
            _ => Self::Broken,
        }
    }
}

impl<H: Holder> BarrierSeat<'_, H> {
    /// Arrives, and blocks until all parties have; returns whether this one was the last, or found that all
    /// had arrived: one of them at most.
    ///
    /// It goes on when it is interrupted, and looks again every [`RECHECK`](super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`Errno::OWNERDEAD`]: a party died before it had arrived, and the barrier is broken. [`Errno::PERM`]:
    /// the seat is that of the process that this one was forked from. What the kernel says where it
    /// refuses to let anybody sleep.
    #[doc(alias = "pthread_barrier_wait")]
    #[inline]
    pub fn wait(&mut self) -> Result<bool> {
        self.wait_until(Deadline::Never)
    }

    /// Like [`wait`](Self::wait), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// It has arrived nevertheless; the next call goes on waiting.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`], and those of [`wait`](Self::wait).
    #[inline]
    pub fn try_wait(&mut self) -> Result<bool> {
        match self.wait_until(Deadline::NOW) {
            Err(Errno::TIMEDOUT) => Err(Errno::AGAIN),
            passed => passed,
        }
    }

    /// Like [`wait`](Self::wait), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// It has arrived nevertheless, and the others pass; the next call goes on waiting where this one
    /// has given up, and returns at once if they have passed.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`], and those of [`wait`](Self::wait).
    #[inline]
    pub fn wait_until(&mut self, deadline: Deadline) -> Result<bool> {
        let generation = self.arrive()?;
        let passed = self.pass(generation, deadline);
        if matches!(passed, Ok(_) | Err(Errno::OWNERDEAD)) {
            self.arrived = None;
        }
        passed
    }

    /// Shows that it has arrived, and returns for which generation.
    #[inline]
    fn arrive(&mut self) -> Result<u32> {
        if self.me.is_copy() {
            return Err(Errno::PERM);
        }
        if let Some(generation) = self.arrived {
            return Ok(generation);
        }
        // Acquire [A2]: pairs with [R2] in `pass`.
        let seen = self.word.load(Acquire);
        if seen & BROKEN != 0 {
            return Err(Errno::OWNERDEAD);
        }
        let generation = seen & !(GENERATION - 1);
        // Release [R1]: pairs with [A1] in `Seat::has_arrived`.
        self.seat
            .at
            .swap(generation.wrapping_add(GENERATION), Release);
        // Each shows itself before it looks at the others: of the last two one at least sees all.
        fence_behind_change();
        self.arrived = Some(generation);
        Ok(generation)
    }

    /// Waits until all have arrived for the generation after this one.
    fn pass(&self, generation: u32, deadline: Deadline) -> Result<bool> {
        let next = generation.wrapping_add(GENERATION);
        let mut looks = if deadline == Deadline::NOW {
            LOCK_SPINS
        } else {
            0
        };
        let (mut look, mut changes, mut end) = (true, 0_u32, None);
        // Acquire [A2]: pairs with [R2], here and below.
        let mut seen = self.word.load(Acquire);
        loop {
            match Outcome::of(generation, seen) {
                Outcome::Passed => return Ok(false),
                Outcome::Broken => return Err(Errno::OWNERDEAD),
                Outcome::Waiting => {}
            }
            changes = changes.wrapping_add(1);
            if changes % CHANGES_PER_LOOK == 0 && deadline.has_passed_by_call() {
                // Somebody may change it all the time.
                return Err(Errno::TIMEDOUT);
            }
            if look && self.seats.iter().all(|seat| seat.has_arrived(next)) {
                // Release [R2]: what all have done before is seen by each that goes on; it is seen here by
                // [A1], and by [A2] what those did who were here last.
                match self.word.compare_exchange(seen, next, AcqRel, Acquire) {
                    Ok(_) => {
                        self.wake(seen);
                        return Ok(true);
                    }
                    Err(now) => seen = now,
                }
                continue;
            }
            if looks != LOCK_SPINS && seen & SLEEPERS == 0 {
                // Who arrives last sees this one: it is enough to look at the word.
                look = false;
                let mut pauses = 1_u32 << looks;
                while pauses > 0 {
                    pause();
                    pauses -= 1;
                }
                looks += 1;
                seen = self.word.load(Acquire);
                continue;
            }
            if self.seats.iter().any(|seat| self.is_missing(seat, next)) {
                match (self.word).compare_exchange(seen, next | BROKEN, AcqRel, Acquire) {
                    Ok(_) => {
                        self.wake(seen);
                        return Err(Errno::OWNERDEAD);
                    }
                    Err(now) => seen = now,
                }
                continue;
            }
            if let Some(errno) = end {
                return Err(errno);
            }
            if deadline == Deadline::NOW {
                return Err(Errno::TIMEDOUT);
            }
            let announced = seen | SLEEPERS;
            if announced != seen
                && let Err(now) = (self.word).compare_exchange(seen, announced, Relaxed, Acquire)
            {
                seen = now;
                continue;
            }
            // Who has passed by then has, however late it is.
            end = (self.word)
                .sleep(announced, deadline, RECHECK.subsec_nanos())
                .err();
            seen = self.word.load(Acquire);
            // Who was to let the others go may have died.
            look = true;
        }
    }

    /// Returns whether the party of this seat has not arrived, and never will.
    #[cold]
    fn is_missing(&self, seat: &Seat, goal: u32) -> bool {
        let who = seat.who.load(Relaxed);
        // It may have arrived before it died; and who has left, or has a successor, leaves the seat to
        // others before it goes.
        who != 0
            && !seat.has_arrived(goal)
            && !self.me.alive(who)
            && !seat.has_arrived(goal)
            && seat.who.load(Relaxed) == who
    }

    /// Wakes those who slept when the word was as it was `seen`.
    #[inline(always)]
    fn wake(&self, seen: u32) {
        if seen & SLEEPERS != 0 {
            self.word.wake_all();
        }
    }
}

impl<H: Holder> Drop for BarrierSeat<'_, H> {
    fn drop(&mut self) {
        if !self.me.is_copy() {
            // Release [R3]: pairs with [A3] in `Barrier::join`: it arrives no more.
            let mine = self.me.number();
            let _ = (self.seat.who).compare_exchange(mine, 0, Release, Relaxed);
        }
    }
}

impl<H: Holder> fmt::Debug for BarrierSeat<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierSeat")
            .field("has_arrived", &self.arrived.is_some())
            .finish_non_exhaustive()
    }
}
