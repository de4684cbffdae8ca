//! [`Patience`]: what the plain name of a function, `try_` and `_until` say.

use crate::Deadline;

/// How long a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As the descriptor is set, which is to block unless somebody changed it.
    Blocking,
    /// Not at all.
    Try,
    /// Until this moment.
    Until(Deadline),
}
