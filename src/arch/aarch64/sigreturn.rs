//! What signal handlers are told. Their way back is the kernel's own, in the vDSO.

use core::mem::{offset_of, size_of};

use static_assertions::const_assert_eq;

/// The flag that says that an action has a restorer; another libc may set it. The
/// kernel's own, in the vDSO, does for us.
pub(crate) const SA_RESTORER: u64 = 0x0400_0000;

/// What `rt_sigaction(2)` reads and writes on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Sigaction {
    pub(crate) handler: usize,
    pub(crate) flags: u64,
    restorer: usize,
    pub(crate) mask: u64,
}

const_assert_eq!(size_of::<Sigaction>(), 32);
const_assert_eq!(offset_of!(Sigaction, flags), 8);
const_assert_eq!(offset_of!(Sigaction, mask), 24);

impl Sigaction {
    /// The action whose handler returns by way of the kernel's own code.
    pub(crate) const fn new(handler: usize) -> Self {
        Self {
            handler,
            flags: 0,
            restorer: 0,
            mask: 0,
        }
    }
}

/// Where a signal handler's context (`ucontext_t`) has what it was interrupted with.
pub(crate) mod context {
    /// The instruction pointer.
    pub(crate) const INSTRUCTION: usize = 440;
    /// The stack pointer.
    pub(crate) const STACK: usize = 432;
    /// The set of blocked signals.
    pub(crate) const MASK: usize = 40;
}
