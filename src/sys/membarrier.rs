//! `membarrier(2)`: memory barriers in other processes.
#![forbid(unsafe_code)]

use rustix::thread::{MembarrierCommand, membarrier};

use crate::Result;

/// `MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED`: lets [`global_expedited`], of whichever process,
/// mean this one too. At once in a process of one thread, or where it was done before; else after
/// a grace period of the kernel, which takes milliseconds. Since Linux 4.16.
pub(crate) fn register_global_expedited() -> Result<()> {
    membarrier(MembarrierCommand::RegisterGlobalExpedited)
}

/// `MEMBARRIER_CMD_GLOBAL_EXPEDITED`: when it returns, each running thread of each process that
/// has registered has passed a full memory barrier since it was called.
pub(crate) fn global_expedited() -> Result<()> {
    membarrier(MembarrierCommand::GlobalExpedited)
}
