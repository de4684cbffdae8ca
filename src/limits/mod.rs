//! The system's limits on inter-process communication: their current values, and which of them
//! can be the reason for a refusal.
//!
//! The commonest error of all these mechanisms is that a limit is reached, and the kernel's
//! answer is one number: of `semget(2)`, `ENOSPC` is one of two limits; of `mq_open(3)`,
//! `EMFILE` is either of descriptors or of bytes in queues. [`explain`] returns which, with
//! their current values and, where the kernel reports it, how much is in use.
//!
//! ```
//! use rawipc::Errno;
//! use rawipc::limits::{Call, Limit, explain};
//!
//! let explanation = explain(Call::Semget, Errno::NOSPC);
//! assert!(explanation.limits().contains(&Limit::SemaphoreSets));
//! println!("{explanation}");
//! // semget: ENOSPC can be one of these limits:
//! //   kernel.sem (4th) = 32000 semaphore sets, 3 in use: in the IPC namespace
//! //   kernel.sem (2nd) = 1024000000 semaphores, 12 in use: in all sets of the IPC namespace
//!
//! // Or one alone:
//! println!("{}", Limit::PipeBytes.read()?);
//! # Ok::<(), Errno>(())
//! ```
//!
//! Values are read from `/proc/sys` and by `prlimit(2)` when asked for, without an allocator.
//! They are those of the namespaces of the calling process. A process that has no descriptor
//! left can read no file: it gets the resource limits, which need none, and an error for the
//! others. Limits of control groups (`pids.max`, `memory.max`) are not included: where they can
//! be the reason, the explanation mentions them.
#![forbid(unsafe_code)]

mod explain;
mod table;

pub use explain::{Call, Explanation, explain};
pub use table::{Limit, Reading, Value};
