//! Interruptions: who stops the tour in the middle of a row has nothing left behind.

use rawipc::signal::action::{self, Action};
use rawipc::signal::fd::{self, SignalFd, SignalFdFlags};
use rawipc::signal::{Blocked, Set};
use rawipc::{AsFd, BorrowedFd, Signal};

/// Those with which people and systems end programs.
const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// While this exists the signals wait. When it is dropped they do what they do.
pub(crate) struct Interrupt {
    /// Readable when there is one. Nobody reads it.
    arrived: SignalFd,
    _blocked: Blocked,
}

impl Interrupt {
    pub(crate) fn new() -> rawipc::Result<Self> {
        let mut set = Set::EMPTY;
        for signal in SIGNALS {
            // As a command before this one may have wished: nohup.
            if action::get(signal)? != Action::IGNORE {
                set.insert(signal);
            }
        }
        let blocked = Blocked::new(set)?;
        Ok(Self {
            arrived: fd::create(set, SignalFdFlags::empty())?,
            _blocked: blocked,
        })
    }
}

/// Readable when a signal has arrived.
impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }
}
