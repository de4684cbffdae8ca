//! [`wait_any`]: waiting for the first of several.

use core::time::Duration;

use super::lock::RECHECK;
use crate::primitive::Words;
use crate::{Deadline, Errno, Result};

/// How long it sleeps at first where it cannot sleep on all words at once.
const NAP_MIN: Duration = Duration::from_millis(1);

/// How long it sleeps then at most, after twice as long each time.
const NAP_MAX: Duration = Duration::from_millis(10);

/// The most that one call waits for: as many as the kernel takes.
const MAX: usize = super::futex::WAIT_ANY_MAX;

/// A thing that [`wait_any`] can wait for: a [`Semaphore`](super::Semaphore), an
/// [`AutoResetEvent`](super::AutoResetEvent), a [`ManualResetEvent`](super::ManualResetEvent), a
/// [`Latch`](super::Latch), and a [`Once`](super::Once) or [`OnceCell`](super::OnceCell) until it
/// is done.
///
/// All of these wake everyone who sleeps. A lock wakes one: if that one left with something else, the
/// wake would be lost to the others. So a lock is no `Waitable`, nor what must ask who lives, as a
/// [`Barrier`](super::Barrier):
///
/// ```compile_fail,E0277
/// use rawipc::sync::{Mutex, wait_any};
/// let mutex = Mutex::new(0_u32);
/// wait_any(&[&mutex]).unwrap();
/// ```
///
/// # Examples
///
/// ```
/// use rawipc::sync::{AutoResetEvent, Semaphore, Waitable, wait_any};
///
/// // In memory that processes share, usually.
/// let (jobs, stop) = (Semaphore::new(0), AutoResetEvent::new());
/// let all: [&dyn Waitable; 2] = [&jobs, &stop];
/// jobs.post()?;
/// assert_eq!(wait_any(&all)?, 0); // and the unit is taken
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Waitable: sealed::Waitable {}

pub(crate) mod sealed {
    use crate::primitive::Word;

    /// A word to sleep on, and what it must hold for that.
    #[derive(Debug)]
    pub struct Sleep<'a> {
        pub(crate) word: &'a Word,
        pub(crate) expected: u32,
    }

    /// What waiting for the first of several asks of each.
    pub trait Waitable {
        /// Returns what is to be known of the word as the call began.
        fn begin(&self) -> u32 {
            0
        }

        /// Takes what is waited for, if it is there; returns whether it was.
        fn takes(&self, begun: u32) -> bool;

        /// Says that somebody may sleep. Returns the word, and what it holds until there may be something
        /// to take.
        fn announce(&self, begun: u32) -> Sleep<'_>;
    }
}

/// Blocks until one of `all` lets the caller go, and returns its index: that of the first, if several
/// would.
///
/// What [`wait`](super::Semaphore::wait) of that one would take is taken, such as a unit of a semaphore;
/// of the others nothing. Each is seen to let go in the order of the list, so one that always would hides
/// those after it: put first what must not be missed.
///
/// It goes on when it is interrupted, and looks again every [`RECHECK`]. It makes no system call if one of
/// them lets go at once; else one per sleep, `futex_waitv(2)`. Before Linux 5.16, or where a sandbox
/// refuses that call, it sleeps on the first of `all`, for 1 to 10 ms at a time, and looks at all in between.
///
/// # When a process is killed
///
/// At any instruction within any call: nobody sleeps beside what would let it go, as with each of them
/// alone. What a killed waiter had taken is gone with it. A [`Once`](super::Once) whose runner died lets nobody
/// go until another one has run it: nobody does while all only wait.
///
/// # A hostile peer
///
/// can do what it can to each of them alone. A wait ends at its deadline even if the words change all
/// the time.
///
/// # Errors
///
/// [`Errno::INVAL`]: there is nothing to wait for, or more than
/// [`WAIT_ANY_MAX`](super::futex::WAIT_ANY_MAX). What the kernel says where it refuses to let anybody
/// sleep.
///
/// # Examples
///
/// ```
/// use rawipc::memory::MapOptions;
/// use rawipc::sync::{ManualResetEvent, Semaphore, wait_any};
///
/// let memory = MapOptions::shared(4096).map_anonymous()?; // a child has it, too
/// let stop = memory.object::<ManualResetEvent>(0)?;
/// let work = memory.object::<Semaphore>(64)?;
///
/// work.post().unwrap();
/// assert_eq!(wait_any(&[stop, work])?, 1); // and the unit is taken
/// stop.set();
/// work.post().unwrap();
/// assert_eq!(wait_any(&[stop, work])?, 0);
/// assert_eq!(work.value(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "WaitForMultipleObjects")]
#[doc(alias = "futex_waitv")]
#[inline]
pub fn wait_any(all: &[&dyn Waitable]) -> Result<usize> {
    wait_any_until(all, Deadline::Never)
}

/// Like [`wait_any`], but returns [`Errno::AGAIN`] instead of blocking.
///
/// # Errors
///
/// [`Errno::AGAIN`]: none of them lets the caller go. [`Errno::INVAL`], as for [`wait_any`].
pub fn try_wait_any(all: &[&dyn Waitable]) -> Result<usize> {
    first(all, &begin(all)?).ok_or(Errno::AGAIN)
}

/// Like [`wait_any`], but gives up at `deadline` with [`Errno::TIMEDOUT`].
///
/// What would let the caller go does so however late it is.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`], and those of [`wait_any`].
pub fn wait_any_until(all: &[&dyn Waitable], deadline: Deadline) -> Result<usize> {
    let begun = begin(all)?;
    match first(all, &begun) {
        Some(index) => Ok(index),
        None => sleep_until(all, &begun, deadline),
    }
}

/// What is to be known of each as the call began.
type Begun = [u32; MAX];

fn begin(all: &[&dyn Waitable]) -> Result<Begun> {
    let mut begun = [0; MAX];
    if all.is_empty() || all.len() > begun.len() {
        return Err(Errno::INVAL);
    }
    for (begun, waitable) in begun.iter_mut().zip(all) {
        *begun = waitable.begin();
    }
    Ok(begun)
}

/// Takes the first that lets the caller go, and returns its index.
fn first(all: &[&dyn Waitable], begun: &Begun) -> Option<usize> {
    (all.iter().zip(begun)).position(|(waitable, &begun)| waitable.takes(begun))
}

#[cold]
#[inline(never)]
fn sleep_until(all: &[&dyn Waitable], begun: &Begun, deadline: Deadline) -> Result<usize> {
    // How long to sleep on the first alone, once the kernel has refused to let it sleep on all.
    let mut nap: Option<Duration> = None;
    loop {
        let mut words = Words::new();
        let mut alone = None;
        for (waitable, &begun) in all.iter().zip(begun) {
            let sealed::Sleep { word, expected } = waitable.announce(begun);
            words.add(word, expected).ok_or(Errno::INVAL)?;
            alone.get_or_insert((word, expected));
        }
        let (word, expected) = alone.ok_or(Errno::INVAL)?;
        let slept = match nap {
            None => match words.sleep(deadline, RECHECK.subsec_nanos()) {
                Ok(_) => Ok(()),
                Err(Errno::TIMEDOUT) => Err(Errno::TIMEDOUT),
                Err(_) => {
                    nap = Some(NAP_MIN);
                    Ok(())
                }
            },
            Some(length) => {
                nap = Some((2 * length).min(NAP_MAX));
                word.sleep(expected, deadline, length.subsec_nanos())
            }
        };
        // However late it is.
        if let Some(index) = first(all, begun) {
            return Ok(index);
        }
        slept?;
    }
}
