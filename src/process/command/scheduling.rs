//! How a program is scheduled, and in which namespaces it is: what
//! [`Command`](crate::process::Command) is told of that.

use core::time::Duration;

use linux_raw_sys::general::{
    SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_NORMAL, SCHED_RR,
};

use crate::sys::schedule::SchedAttr;
use crate::{Errno, Result};

/// How the scheduler treats a program: `sched(7)`.
#[doc(alias = "sched_attr")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheduling {
    /// Its share, by how nice it is (from -20, which has the most, to 19).
    #[doc(alias = "SCHED_OTHER")]
    Normal(i8),
    /// As [`Normal`](Self::Normal), taken for one that works without being waited for.
    #[doc(alias = "SCHED_BATCH")]
    Batch(i8),
    /// When nothing else wants to run.
    #[doc(alias = "SCHED_IDLE")]
    Idle,
    /// Before all of lower priority (from 1 to 99) and all above, for as long as it likes.
    #[doc(alias = "SCHED_FIFO")]
    Fifo(u8),
    /// As [`Fifo`](Self::Fifo), in turn with those of the same priority.
    #[doc(alias = "SCHED_RR")]
    RoundRobin(u8),
    /// For so much time of every period, before everything else.
    #[doc(alias = "SCHED_DEADLINE")]
    Deadline {
        /// How long it runs in a period.
        runtime: Duration,
        /// By when that is, from the period's beginning.
        deadline: Duration,
        /// How long a period is.
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
