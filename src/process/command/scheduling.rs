//! [`Scheduling`]: how a program is scheduled.

use core::time::Duration;

use linux_raw_sys::general::{
    SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_NORMAL, SCHED_RR,
};

use crate::sys::schedule::SchedAttr;
use crate::{Errno, Result};

/// A scheduling policy and its parameters: `sched(7)`.
///
/// # Examples
///
/// ```
/// use rawipc::process::{self, Command, Scheduling, WaitFlags, exec};
///
/// let args = exec::List::of([c"true"]);
/// let child = Command::path(c"/bin/true", &args, exec::Strings::EMPTY)
///     .scheduling(Scheduling::Batch(10)) // a job in the background
///     .spawn()?;
/// assert!(process::wait(&child, WaitFlags::EXITED)?.state.is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "sched_attr")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheduling {
    /// The default policy, with a nice value from -20 (the largest share) to 19.
    #[doc(alias = "SCHED_OTHER")]
    Normal(i8),
    /// Like [`Normal`](Self::Normal), but treated as a batch job that nobody waits for.
    #[doc(alias = "SCHED_BATCH")]
    Batch(i8),
    /// Runs when nothing else wants to.
    #[doc(alias = "SCHED_IDLE")]
    Idle,
    /// Real time, first in, first out: runs before all of lower priority (from 1 to 99) and of
    /// the policies above, until it blocks.
    #[doc(alias = "SCHED_FIFO")]
    Fifo(u8),
    /// Like [`Fifo`](Self::Fifo), but takes turns with those of the same priority.
    #[doc(alias = "SCHED_RR")]
    RoundRobin(u8),
    /// Runs for a fixed time of every period, before everything else.
    #[doc(alias = "SCHED_DEADLINE")]
    Deadline {
        /// The time that it runs in a period.
        runtime: Duration,
        /// The time by which that is done, from the period's beginning.
        deadline: Duration,
        /// The length of a period.
        period: Duration,
    },
}

impl Scheduling {
    /// # Errors
    ///
    /// [`Errno::INVAL`]: a time that is longer than the kernel can say.
    pub(super) fn attributes(self) -> Result<SchedAttr> {
        let mut attributes = SchedAttr {
            size: size_of::<SchedAttr>() as u32,
            ..SchedAttr::default()
        };
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).or(Err(Errno::INVAL));
        attributes.policy = match self {
            Self::Normal(nice) => {
                attributes.nice = nice.into();
                SCHED_NORMAL
            }
            Self::Batch(nice) => {
                attributes.nice = nice.into();
                SCHED_BATCH
            }
            Self::Idle => SCHED_IDLE,
            Self::Fifo(priority) => {
                attributes.priority = priority.into();
                SCHED_FIFO
            }
            Self::RoundRobin(priority) => {
                attributes.priority = priority.into();
                SCHED_RR
            }
            Self::Deadline {
                runtime,
                deadline,
                period,
            } => {
                attributes.runtime = nanoseconds(runtime)?;
                attributes.deadline = nanoseconds(deadline)?;
                attributes.period = nanoseconds(period)?;
                SCHED_DEADLINE
            }
        };
        Ok(attributes)
    }
}
