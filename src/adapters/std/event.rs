//! Events and std.

use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::event::eventfd::EventFd;

/// Makes it the standard input or output of a child.
impl From<EventFd> for Stdio {
    fn from(event: EventFd) -> Self {
        OwnedFd::from(event).into()
    }
}
