//! Looking at shared memory without taking part: what a region of this crate holds, who is a
//! member of it and who of them has died.
//!
//! [`look`] reads a region's file and nothing else: it maps nothing, writes nothing, takes no lock
//! and is no member, so that those who are do not notice. What the file holds may be alive, corrupt
//! or not a region at all, and may change or shrink meanwhile: a look is over after a bounded number
//! of reads, and what it finds is a list of [`Fact`]s, each of its own moment. A descriptor that
//! can only be read is enough.
//!
//! `cargo run --release --example inspect` prints all regions of the machine, and the objects of
//! System V and of POSIX.
//!
//! # Examples
//!
//! ```
//! use rawipc::inspect::{self, Fact, Unit};
//! use rawipc::ring::spsc;
//!
//! let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
//! let _producer = ring.producer()?;
//!
//! let region = inspect::look(&ring)?;
//! assert_eq!(region.kind(), Some("spsc records"));
//! region.facts(|fact| {
//!     if let Fact::Capacity(amount, unit) = fact {
//!         assert_eq!((amount, unit), (1 << 16, Unit::Bytes));
//!     }
//! });
//! println!("{region}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod kind;

use core::fmt;

pub use crate::region::{Fact, Unit};

use crate::region::{AttachError, Look};
use crate::{AsFd, BorrowedFd};
use kind::Known;

/// A region being looked at: what [`look`] returns.
///
/// Printed, it is a line that says what it is, and below it a line for each [`Fact`], indented.
///
/// # Examples
///
/// ```
/// use rawipc::inspect;
/// use rawipc::ring::spsc;
///
/// let ring: spsc::Ring = spsc::Ring::create(1 << 16)?;
/// let _producer = ring.producer()?;
///
/// let inspection = inspect::look(&ring)?;
/// assert!(inspection.is_sealed());
/// println!("{} bytes, version {}", inspection.size(), inspection.version());
/// let mut living = 0;
/// let all = inspection.members(|_number| living += 1);
/// assert_eq!((living, all), (1, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Inspection<'fd>(Look<'fd>);

/// Reads what region is behind a descriptor, which must be open for reading.
///
/// It does not block, and reads from nothing but a regular file, which a memfd is too.
///
/// # Errors
///
/// [`AttachError::WrongMagic`]: it is no region of this crate. [`AttachError::WrongSize`]: it is too
/// short to be one. [`AttachError::Kernel`]: the kernel refused to read it.
pub fn look(fd: &impl AsFd) -> Result<Inspection<'_>, AttachError> {
    look_at(fd.as_fd())
}

fn look_at(fd: BorrowedFd<'_>) -> Result<Inspection<'_>, AttachError> {
    Look::begin(fd).map(Inspection)
}

impl Inspection<'_> {
    /// Returns what kind of structure it says it holds; `None` if it is of another version, or of a
    /// kind that is not known here.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        self.known().map(|known| known.name)
    }

    /// Returns the number of the kind that it says.
    #[must_use]
    pub fn kind_number(&self) -> u64 {
        self.0.kind()
    }

    /// Returns the version of the protocol that it says.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version()
    }

    /// Returns the size of its file when the look began, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// Returns whether it is a memfd that can never shrink.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.0.is_sealed()
    }

    /// Calls `see` with everything that is found in the region now.
    pub fn facts(&self, mut see: impl FnMut(Fact)) {
        if let Some(known) = self.known() {
            (known.describe)(&self.0, &mut see);
        }
    }

    /// Calls `see` with the number of each living member, in no order, and returns whether these
    /// were all: in a region with hundreds of them, or with the locks of somebody who is none,
    /// there can be more.
    ///
    /// A member's number says nothing about its process: who has the region mapped, its
    /// `/proc/PID/maps` tells.
    #[must_use = "there can be more"]
    pub fn members(&self, see: impl FnMut(u32)) -> bool {
        self.0.each_member(see)
    }

    fn known(&self) -> Option<&'static Known> {
        let known = self.0.is_known_version();
        known.then(|| kind::known(self.0.kind())).flatten()
    }
}

impl fmt::Display for Inspection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "a region of kind {}", self.kind_number())?,
        }
        let version = self.version();
        write!(f, ", version {version}, {} bytes", self.size())?;
        f.write_str(if self.is_sealed() { ", sealed" } else { "" })?;
        let mut result = Ok(());
        self.facts(|fact| {
            if result.is_ok() {
                result = write!(f, "\n    {fact}");
            }
        });
        result?;
        f.write_str("\n    living members:")?;
        let mut count = 0;
        let complete = self.members(|number| {
            if result.is_ok() && count < LISTED {
                result = write!(f, " {number}");
            }
            count += 1;
        });
        result?;
        match (count, complete) {
            (0, true) => f.write_str(" none"),
            (_, true) if count > LISTED => write!(f, " … ({count})"),
            (_, true) => Ok(()),
            (_, false) => f.write_str(" and perhaps more"),
        }?;
        match self.0.ticket() {
            Some(ticket) => write!(f, "\n    last number given out: {ticket}"),
            None => Ok(()),
        }
    }
}

/// How many members are printed.
const LISTED: usize = 32;
