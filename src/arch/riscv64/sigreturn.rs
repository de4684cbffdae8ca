//! What signal handlers are told. Their way back is the kernel's own, in the vDSO.

use core::mem::{offset_of, size_of};

use static_assertions::const_assert_eq;

/// No flag: this machine's actions have no restorer, the kernel's own is in the vDSO.
pub(crate) const SA_RESTORER: u64 = 0;

/// What `rt_sigaction(2)` reads and writes on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Sigaction {
    pub(crate) handler: usize,
    pub(crate) flags: u64,
    pub(crate) mask: u64,
}

const_assert_eq!(size_of::<Sigaction>(), 24);
const_assert_eq!(offset_of!(Sigaction, flags), 8);
const_assert_eq!(offset_of!(Sigaction, mask), 16);

impl Sigaction {
    /// The action whose handler returns by way of the kernel's own code.
    pub(crate) const fn new(handler: usize) -> Self {
        Self {
            handler,
            flags: 0,
            mask: 0,
        }
    }
}

/// Where a signal handler's context (`ucontext_t`) has what it was interrupted with.
pub(crate) mod context {
    /// The instruction pointer.
    pub(crate) const INSTRUCTION: usize = 176;
    /// The stack pointer.
    pub(crate) const STACK: usize = 192;
    /// The set of blocked signals.
    pub(crate) const MASK: usize = 40;
}
