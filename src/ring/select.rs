//! [`select`]: waiting for the first of several rings and descriptors.
#![forbid(unsafe_code)]

use core::time::Duration;

use super::doorbell::{Consumer, Producer};
use super::waiting::LIVENESS_INTERVAL;
use super::{Error, Halt};
use crate::event::Readiness;
use crate::event::poll::{self, PollFd};
use crate::{AsFd, BorrowedFd, Deadline, Errno};

/// One of the rings and descriptors that [`select`] waits for.
///
/// # Examples
///
/// ```
/// use rawipc::event::Readiness;
/// use rawipc::pipe::{self, PipeFlags};
/// use rawipc::ring::doorbell::{Bells, Ring};
/// use rawipc::ring::{Choice, select};
/// use rawipc::{AsFd, Deadline};
///
/// let (jobs, stop) = (Ring::create(1 << 16, Bells::Timer)?, pipe::create(PipeFlags::empty())?);
/// let (mut producer, mut consumer) = (jobs.producer()?, jobs.consumer()?);
/// producer.send(b"sweep")?;
/// let (stopped, _writer) = &stop;
///
/// let mut choices = [
///     Choice::Recv(&mut consumer),
///     Choice::Descriptor(stopped.as_fd(), Readiness::IN),
/// ];
/// assert_eq!(select(&mut choices, Deadline::Never)?, 0);
/// assert_eq!(consumer.try_recv(&mut [0; 64]), Ok(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Choice<'a> {
    /// Until there is something to receive.
    Recv(&'a mut Consumer),
    /// Until there is room for what [`try_send`](Producer::try_send) had no room for last.
    Send(&'a mut Producer),
    /// Until a descriptor is ready for this, has hung up, or is in error.
    Descriptor(BorrowedFd<'a>, Readiness),
}

/// How long it is waited at first before it is asked who lives.
const FIRST_INTERVAL: Duration = Duration::from_millis(2);

/// Blocks until one of the choices is ready or `deadline` passes, and returns its index: that of the
/// first, if several are.
///
/// A ring is ready, too, when its other end is closed or dead: the call that follows says so.
///
/// A choice that is always ready hides those after it. In a loop, put first what must not be missed,
/// such as the order to stop, or change the order from time to time. A ready ring costs no system
/// call unless a descriptor is before it.
///
/// # Errors
///
/// [`Error::TimedOut`]; [`Error::Corrupt`], [`Error::Forked`] of a ring; [`Error::Kernel`]: the
/// kernel refused to wait.
///
/// # Examples
///
/// ```
/// use rawipc::event::Readiness;
/// use rawipc::event::eventfd::{self, EventFdFlags};
/// use rawipc::ring::doorbell::{Bells, Ring};
/// use rawipc::ring::{Choice, select};
/// use rawipc::{AsFd, Deadline};
///
/// let ring = Ring::create(4096, Bells::Timer)?;
/// let (mut producer, mut consumer) = (ring.producer()?, ring.consumer()?);
/// let stop = eventfd::create(0, EventFdFlags::empty())?;
///
/// producer.send(b"hello")?;
/// let mut choices = [
///     Choice::Descriptor(stop.as_fd(), Readiness::IN),
///     Choice::Recv(&mut consumer),
/// ];
/// assert_eq!(select(&mut choices, Deadline::Never)?, 1);
/// stop.add(1)?;
/// assert_eq!(select(&mut choices, Deadline::Never)?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn select<const N: usize>(
    choices: &mut [Choice<'_>; N],
    deadline: Deadline,
) -> Result<usize, Error> {
    let mut interval = Duration::ZERO;
    loop {
        let asks = interval > Duration::ZERO;
        if let Some(index) = first_ring(choices, asks)? {
            let mut before = choices.iter().take(index);
            if !before.any(|choice| matches!(choice, Choice::Descriptor(..))) {
                return Ok(index);
            }
            let descriptor = first_descriptor(choices, Duration::ZERO, Deadline::Never)?;
            return Ok(descriptor.map_or(index, |descriptor| descriptor.min(index)));
        }
        let mut may_sleep = true;
        for choice in choices.iter_mut() {
            may_sleep &= choice.arm()?;
        }
        // A descriptor that is ready is found even if the rings change all the time.
        let sleep = if may_sleep {
            interval = (2 * interval).clamp(FIRST_INTERVAL, LIVENESS_INTERVAL);
            interval
        } else {
            Duration::ZERO
        };
        match first_descriptor(choices, sleep, deadline) {
            Ok(None) => {}
            Ok(Some(index)) => return Ok(index),
            // Who comes with deadlines that have passed is told of deaths, too.
            Err(Error::TimedOut) => return first_ring(choices, true)?.ok_or(Error::TimedOut),
            Err(error) => return Err(error),
        }
    }
}

/// Returns which ring is ready; `asks` whether its other end lives, too.
fn first_ring(choices: &mut [Choice<'_>], asks: bool) -> Result<Option<usize>, Halt> {
    for (index, choice) in choices.iter_mut().enumerate() {
        if choice.is_ready(asks)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Sleeps for so long or until something is ready; returns which descriptor is.
fn first_descriptor<const N: usize>(
    choices: &[Choice<'_>; N],
    sleep: Duration,
    deadline: Deadline,
) -> Result<Option<usize>, Error> {
    let fds = choices.each_ref().map(Choice::waited_for);
    let mut polled = fds.each_ref().map(|(fd, what)| PollFd::new(fd, *what));
    let nanoseconds = sleep.subsec_nanos();
    let is_late = deadline.left_by_call(nanoseconds);
    let wake = Deadline::after(Duration::from_nanos(is_late.unwrap_or(0).into()));
    match poll::wait_until(&mut polled, wake) {
        Ok(_) | Err(Errno::TIMEDOUT) => {}
        Err(errno) => return Err(Error::Kernel(errno)),
    }
    let mut found = choices.iter().zip(&polled);
    let found = found.position(|(choice, polled)| {
        matches!(choice, Choice::Descriptor(..)) && !polled.readiness().is_empty()
    });
    match (found, is_late) {
        (None, Err(_)) => Err(Error::TimedOut),
        _ => Ok(found),
    }
}

impl Choice<'_> {
    /// Whether the ring is ready; `asks` whether its other end lives, too.
    fn is_ready(&mut self, asks: bool) -> Result<bool, Halt> {
        let end = match self {
            Self::Recv(consumer) => consumer.endpoint(),
            Self::Send(producer) => producer.endpoint(),
            Self::Descriptor(..) => return Ok(false),
        };
        Ok(end.look_whether_ready()? || asks && end.look_whether_dead())
    }

    /// Arms the ring; whether one may sleep.
    fn arm(&mut self) -> Result<bool, Halt> {
        match self {
            Self::Recv(consumer) => consumer.endpoint().arm(),
            Self::Send(producer) => producer.endpoint().arm(),
            Self::Descriptor(..) => Ok(true),
        }
    }

    /// What is polled.
    fn waited_for(&self) -> (BorrowedFd<'_>, Readiness) {
        match self {
            Self::Recv(consumer) => (consumer.as_fd(), Readiness::IN),
            Self::Send(producer) => (producer.as_fd(), Readiness::IN),
            Self::Descriptor(fd, what) => (*fd, *what),
        }
    }
}
