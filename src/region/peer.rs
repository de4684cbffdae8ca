//! [`Peer`]: the state of the other side.
#![forbid(unsafe_code)]

/// The state of the other side of a structure: of the other end of a ring, or of all who have
/// such an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// No process has attached there yet, or the last one has left it to a successor.
    Absent,
    /// A living process is attached.
    Attached,
    /// None lives, and a process that was attached has died.
    Dead,
    /// It has been closed.
    Closed,
}
