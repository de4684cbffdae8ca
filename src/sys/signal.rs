//! Signals: `rt_sigaction(2)`.

use linux_raw_sys::general::__NR_rt_sigaction;

use super::check;
use crate::{Result, Signal, arch};

/// `SIG_IGN`.
const SIG_IGN: usize = 1;

/// The size of the kernel's signal set.
const SIGSET_SIZE: usize = 8;

/// `rt_sigaction(2)` with `SIG_IGN`: the process ignores `signal` from now on.
pub(crate) fn ignore(signal: Signal) -> Result<()> {
    // Handler, flags, where the machine has one the restorer, and the mask: no
    // more than four words, and all but the first are 0.
    let action = [SIG_IGN, 0, 0, 0];
    // SAFETY: the kernel reads a sigaction, which is three or four words long,
    // and writes none, as the old action is not asked for.
    let raw = unsafe {
        arch::syscall4(
            __NR_rt_sigaction as usize,
            signal.as_raw() as usize,
            action.as_ptr().expose_provenance(),
            0,
            SIGSET_SIZE,
        )
    };
    check(raw).map(drop)
}
