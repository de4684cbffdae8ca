//! [`Patience`]: how long a call may wait.

use crate::Deadline;

/// How long a call may wait: what `try_` and `_until` in a name say.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    /// As the descriptor is set, which is to block unless somebody changed it.
    Blocking,
    /// Not at all.
    Try,
    /// Until this moment.
    Until(Deadline),
}
