//! [`StoreLoad`]: how a process keeps a store before a load that follows it.

use core::sync::atomic::Ordering::SeqCst;

use super::{barrier, fence};

/// How the process that made it keeps a store before a load that follows it, as seen by who passes
/// [`barrier::heavy`] between a store of its own and a load: by nothing at all if it has registered, else by
/// a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLoad {
    registered: bool,
}

impl StoreLoad {
    /// Registers this process, if the kernel lets it. Once it has, that costs a system call.
    pub(crate) fn register() -> Self {
        Self {
            registered: barrier::register(),
        }
    }

    #[inline(always)]
    pub(crate) fn keep(self) {
        if self.registered {
            barrier::light();
        } else {
            fence(SeqCst);
        }
    }
}
