//! Information about a signal: who sent it, and why: `sigaction(2)`.

mod cause;
mod decode;
mod fault;
mod layout;
mod payload;
mod siginfo;

pub use cause::{Cause, IoEvent, SyscallReason};
pub(crate) use decode::decode;
pub use fault::{Fault, FaultKind};
pub use payload::{Payload, Sender};
pub use siginfo::Info;
