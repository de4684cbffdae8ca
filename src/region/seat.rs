//! [`Seat`]: attaching without `/proc`.
#![forbid(unsafe_code)]

use rustix::fs::{OFlags, fcntl_getfl, fstat};

use super::AttachError;
use crate::procfs::{self, Identity};
use crate::{AsFd, BorrowedFd, Errno, OwnedFd, RawFd, Result, sys};

/// An unused open file description of a region's memory, by which an end attaches. Each attachment
/// needs one; where there is no `/proc` to open it by, another process makes it.
///
/// It is good for one attachment, to the region of which it was made: see
/// `producer_by` of [`spsc::Ring`](../ring/spsc/struct.Ring.html#method.producer_by), for example. It is handed over as any
/// descriptor: a listener sends one with each region, a
/// `Command` gives it to its program beside the region's.
///
/// Who else has a copy of it could lock and unlock in the member's name, and a hostile one so make
/// the others take it for alive or dead. So whoever makes one hands it over and drops it; a process
/// forked meanwhile has a copy too, and the member's death is not told before that process has ended
/// or started another program.
///
/// # Examples
///
/// ```
/// use rawipc::rendezvous::Seat;
/// use rawipc::ring::spsc;
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let seat = Seat::new(&ring)?; // handed over with the ring, to where there is no /proc
///
/// ring.producer_by(seat)?.send(b"hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Seat(OwnedFd);

impl Seat {
    /// Makes a seat at a region, which needs `/proc`.
    ///
    /// # Errors
    ///
    /// [`AttachError::ReadOnly`]: the region's descriptor is only to read, and a seat would let
    /// whoever has it write; [`AttachError::NoProc`]; [`AttachError::Leased`];
    /// [`AttachError::Kernel`]: [`Errno::ACCESS`]: the memory's mode does not let this user open it.
    pub fn new(region: &impl AsFd) -> Result<Self, AttachError> {
        let fd = region.as_fd();
        if fcntl_getfl(fd)? & OFlags::RWMODE != OFlags::RDWR {
            return Err(AttachError::ReadOnly);
        }
        let identity = Identity::from(&fstat(fd)?);
        let flags = OFlags::RDWR | OFlags::NONBLOCK;
        match procfs::reopen(fd, identity, flags) {
            Ok(own) => Ok(Self(own)),
            Err(Errno::NOENT) => Err(AttachError::NoProc),
            Err(Errno::AGAIN) => Err(AttachError::Leased),
            Err(errno) => Err(AttachError::Kernel(errno)),
        }
    }

    /// Takes the seat that this program was given by who started it, under the number that a
    /// `FdMapping` said: as [`from_inherited`](crate::rendezvous::from_inherited).
    ///
    /// # Errors
    ///
    /// [`Errno::BADF`]: no descriptor was given under this number, or it was taken before.
    pub fn from_inherited(number: RawFd) -> Result<Self> {
        let fd = sys::descriptor::inherited(number)?;
        sys::descriptor::close_on_exec(number)?;
        Ok(Self(fd))
    }
}

impl AsFd for Seat {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

crate::sys::fd_number::numbers!(Seat);

/// Takes any descriptor: attaching looks whether it is one of the region.
impl From<OwnedFd> for Seat {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Seat> for OwnedFd {
    fn from(seat: Seat) -> Self {
        seat.0
    }
}
