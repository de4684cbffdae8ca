//! Events and std.

use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::event::eventfd::EventFd;

/// To give it to a child as its standard input or output.
impl From<EventFd> for Stdio {
    fn from(event: EventFd) -> Self {
        OwnedFd::from(event).into()
    }
}
