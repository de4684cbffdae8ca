//! Futures of time, and of what comes first.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use rawipc::Result;
use rawipc::event::timerfd::{self, Clock, Schedule, Start, TimerFd, TimerFdFlags};

use crate::executor::{Runtime, Source};

pub(crate) async fn sleep(runtime: &Runtime, duration: Duration) -> Result<()> {
    let timer = timerfd::create(Clock::Monotonic, TimerFdFlags::empty())?;
    timer.set(Schedule::once(Start::After(duration)))?;
    let timer = Source::new(runtime, timer)?;
    timer.when_readable(TimerFd::try_wait).await?;
    Ok(())
}

pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Runs both until the first has ended, and drops the other.
pub(crate) async fn first<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if let Poll::Ready(result) = one.as_mut().poll(context) {
            return Poll::Ready(First::One(result));
        }
        other.as_mut().poll(context).map(First::Other)
    })
    .await
}
