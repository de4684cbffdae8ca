//! The ways in which an endpoint waits for the other: the strategies, which are types, so that what is not
//! used costs nothing, and the one loop that all waiting is.

use core::fmt;
use core::time::Duration;

use super::Halt;
use crate::primitive::{self, SPINS_MAX};
use crate::region::Refusal;
use crate::{Deadline, Errno};

/// A strategy by which an endpoint of a ring waits for the other.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Error, Waiting, spsc};
///
/// /// Receives as many records as are there, whatever the ring's way to wait.
/// fn drain<W: Waiting>(consumer: &mut spsc::Consumer<W>) -> Result<usize, Error> {
///     let mut count = 0;
///     loop {
///         match consumer.try_recv(&mut [0; 64]) {
///             Ok(_len) => count += 1,
///             Err(Error::WouldBlock) => return Ok(count),
///             Err(error) => return Err(error),
///         }
///     }
/// }
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// producer.send(b"hello")?;
/// assert_eq!(drain(&mut consumer)?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Waiting: sealed::Strategy + Copy + fmt::Debug + Default + 'static {}

pub(crate) mod sealed {
    /// What the algorithms ask of a strategy.
    pub trait Strategy {
        /// How the head of a structure calls it where all of its members must wait alike.
        const CODE: u32;
        /// Whether an endpoint may sleep.
        const SLEEPS: bool;
    }
}

/// Spins, adaptively, and sleeps on a futex when that does not help.
///
/// The other side wakes it by one system call. For endpoints that may be idle: this is the
/// default.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{SpinThenFutex, mpmc};
///
/// // The default, which is not inferred: either of these names it.
/// let ring: mpmc::Ring = mpmc::Ring::create(128, 64)?;
/// let other = mpmc::Ring::<SpinThenFutex>::create(128, 64)?;
/// # drop((ring, other));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SpinThenFutex;

/// Spins and never sleeps.
///
/// For endpoints that have a processor each; one that waits keeps its processor busy, offering it
/// to others now and then.
///
/// # Examples
///
/// ```
/// use rawipc::ring::{Spin, mpmc, spsc};
///
/// // All ends have a processor each, and never sleep.
/// let ring = mpmc::Ring::<Spin>::create(128, 64)?;
/// ring.producer()?.send(b"hello")?;
/// assert_eq!(ring.consumer()?.recv(&mut [0; 64])?, 5);
///
/// // In a ring for two each end chooses for itself.
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let consumer = ring.wait_by::<Spin>().consumer()?;
/// # drop(consumer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin;

impl Waiting for SpinThenFutex {}
impl sealed::Strategy for SpinThenFutex {
    const CODE: u32 = 1;
    const SLEEPS: bool = true;
}

impl Waiting for Spin {}
impl sealed::Strategy for Spin {
    const CODE: u32 = 2;
    const SLEEPS: bool = false;
}

/// The longest sleep before an endpoint looks again, and asks whether the other side lives: a
/// death changes no word. It does so sooner at first.
pub const LIVENESS_INTERVAL: Duration = Duration::from_millis(100);

/// The number of failed `try_` calls in a row after which one asks whether the other side
/// lives, by a system call. Once it has died, each such call asks.
pub const FAILURES_PER_LOOK: u32 = primitive::FAILURES_PER_LOOK;

/// How long an endpoint sleeps before it looks again for the first time, then more than twice as
/// long each time: longer than most waits, and a sudden death is noticed soon.
const FIRST_INTERVAL: Duration = Duration::from_millis(2);

/// How often in a row an endpoint spins before it sleeps, where something changes each time and
/// what it waits for is not there yet: half a message, or another one's. In a model it would be more
/// of the same.
const SPINS_IN_A_ROW: u32 = if SPINS_MAX == 0 { 1 } else { 8 };

/// In the place of how often it spins: the deadline has passed.
const LATE: u32 = u32::MAX;

/// How often an end that is occupied is tried again.
pub(super) const ATTACH_INTERVAL: Duration = Duration::from_millis(1);

/// An endpoint that never sleeps looks at clock and peers this often, in spins: about once a
/// millisecond.
const SPINS_PER_LOOK: u32 = 16 * FAILURES_PER_LOOK;

/// What an endpoint waits for.
pub(crate) trait Awaited {
    /// Looks, and returns whether it is there.
    fn look(&mut self) -> Result<bool, Halt>;

    /// Returns whether the other side is closed. What it did before is seen by the next look.
    fn is_closed(&self) -> bool;

    /// Returns whether the other side's process has died. What it did before is seen by the
    /// next look.
    fn has_died(&self) -> bool;

    /// Spins for a little while; returns whether something has changed.
    fn spin(&mut self) -> bool;

    /// Sleeps until something has changed, for at most `longest` nanoseconds. It may end at any time.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`] when the deadline had passed before; what the kernel refuses.
    fn sleep(&mut self, deadline: Deadline, longest: u32) -> crate::Result<()>;
}

/// Waits until it is there. In each round: is it there, is the other side closed, has that died,
/// has the deadline passed? Whatever a peer does, and whatever wakes or does not wake, each is
/// asked again within [`LIVENESS_INTERVAL`].
pub(crate) fn wait(awaited: &mut impl Awaited, deadline: Deadline) -> Result<(), Halt> {
    // How long it has slept.
    let mut interval = 0;
    let mut spins = SPINS_IN_A_ROW;
    // Why it ends, unless what came just before is seen by one more look.
    let mut end = None;
    loop {
        if awaited.look()? {
            return Ok(());
        }
        if let Some(halt) = end {
            return Err(halt);
        }
        if awaited.is_closed() {
            end = Some(Halt::Closed);
        // Not at once: the kernel is asked.
        } else if interval > 0 && awaited.has_died() {
            end = Some(Halt::PeerDied);
        } else if spins == LATE {
            // Not before that was asked: else who comes with deadlines that have passed would never
            // learn it.
            end = Some(Halt::TimedOut);
        } else if spins > 0 && awaited.spin() {
            spins -= 1;
        } else {
            spins = 0;
            interval = (2 * interval + FIRST_INTERVAL.subsec_nanos())
                .min(LIVENESS_INTERVAL.subsec_nanos());
            match awaited.sleep(deadline, interval) {
                Ok(()) => {}
                Err(Errno::TIMEDOUT) => spins = LATE,
                Err(errno) => end = Some(Halt::Kernel(errno)),
            }
        }
    }
}

/// How often in a row nothing was found without waiting, since it was asked who lives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures(u32);

impl Failures {
    /// How often after which the next one asks.
    const ASKS_NEXT: Self = Self(FAILURES_PER_LOOK - 1);

    /// Why there is nothing, as the last look has found; unless there is something after all. Asks
    /// now and then whether the other side has died; from then on each time.
    #[cold]
    pub(super) fn explain(&mut self, awaited: &mut impl Awaited) -> Result<(), Halt> {
        self.0 += 1;
        let end = if awaited.is_closed() {
            Halt::Closed
        } else if self.0 < FAILURES_PER_LOOK {
            return Err(Halt::WouldBlock);
        } else if awaited.has_died() {
            Halt::PeerDied
        } else {
            Halt::WouldBlock
        };
        *self = match end {
            Halt::PeerDied => Self::ASKS_NEXT,
            _ => Self::default(),
        };
        // What the other side did before its end is seen now.
        if awaited.look()? { Ok(()) } else { Err(end) }
    }

    /// Has the next one ask.
    pub(super) fn ask_next(&mut self) {
        *self = Self::ASKS_NEXT;
    }
}

/// Looks, without waiting, and if it is not there, says why.
#[inline(always)]
pub(super) fn attempt(awaited: &mut impl Awaited, failures: &mut Failures) -> Result<(), Halt> {
    if awaited.look()? {
        *failures = Failures::default();
        return Ok(());
    }
    failures.explain(awaited)
}

/// What an endpoint does instead of sleeping: spins on, looks at the clock now and then, and offers
/// its processor to others.
#[inline(always)]
pub(super) fn spin_on(deadline: Deadline, spin: impl FnOnce(u32) -> bool) -> crate::Result<()> {
    if !spin(SPINS_PER_LOOK) {
        primitive::relax_processor();
    }
    in_time(deadline)
}

/// Makes sure that the deadline has not passed.
pub(super) fn in_time(deadline: Deadline) -> crate::Result<()> {
    match deadline.has_passed_by_call() {
        true => Err(Errno::TIMEDOUT),
        false => Ok(()),
    }
}

/// Attaches, waiting until there is a place.
pub(super) fn until_attached<T>(
    deadline: Deadline,
    mut attach: impl FnMut() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    loop {
        match attach() {
            // Neither a death nor a departure changes a word one could sleep on, nor does the end
            // of a lease on the memory.
            Err(Refusal::OCCUPIED | Refusal::LEASED) if !deadline.has_passed_by_call() => {
                primitive::rest(ATTACH_INTERVAL);
            }
            result => return result,
        }
    }
}
