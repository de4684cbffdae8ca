//! [`Patience`]: what the plain name of a function, `try_` and `_until` say.

use crate::Deadline;

/// How long a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Blocks, unless the descriptor is set not to.
    Blocking,
    /// Fails at once with `AGAIN`.
    Try,
    /// Gives up at this moment with `TIMEDOUT`.
    Until(Deadline),
}

impl Patience {
    /// Blocks, however the descriptor is set.
    pub(crate) const FOREVER: Self = Self::Until(Deadline::Never);
}
