//! [`Bell`], modelled. The descriptor is real, and never rung.

use core::mem::ManuallyDrop;

use rustix::event::{EventfdFlags, eventfd};

use crate::{AsFd, BorrowedFd, Deadline, Errno, OwnedFd, Result};

/// What wakes a process that waits for many descriptors.
#[derive(Debug)]
pub(crate) struct Bell {
    fd: ManuallyDrop<OwnedFd>,
    bell: ManuallyDrop<rawipc_model::Bell>,
}

impl Bell {
    fn new(bell: rawipc_model::Bell) -> Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(Self {
            fd: ManuallyDrop::new(fd),
            bell: ManuallyDrop::new(bell),
        })
    }

    pub(crate) fn create(_is_timer: bool) -> Result<Self> {
        Self::new(rawipc_model::Bell::new())
    }

    pub(crate) fn take(_fd: OwnedFd) -> Self {
        unimplemented!("a modelled bell that was received")
    }

    pub(crate) fn is_timer(&self) -> bool {
        true
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd.try_clone().expect("a descriptor")
    }

    pub(crate) fn duplicate(&self) -> Result<Self> {
        Self::new((*self.bell).clone())
    }

    pub(crate) fn ring(&self) -> Result<()> {
        self.bell.ring();
        Ok(())
    }

    pub(crate) fn empty(&self) -> Result<bool> {
        Ok(self.bell.empty())
    }

    /// Who gives way in a model waits for all others: what happens if it is not enough is what is
    /// to be explored.
    pub(crate) fn give_way(_times: u32) {}

    pub(crate) fn sleep(&self, deadline: Deadline, _longest: u32) -> Result<()> {
        if deadline == Deadline::NOW {
            return Err(Errno::TIMEDOUT);
        }
        self.bell.sleep();
        Ok(())
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if !rawipc_model::is_child() {
            // SAFETY: never again.
            unsafe { ManuallyDrop::drop(&mut self.fd) };
            // SAFETY: as above.
            unsafe { ManuallyDrop::drop(&mut self.bell) };
        }
    }
}
