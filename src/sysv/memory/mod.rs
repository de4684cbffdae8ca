//! Shared memory segments: `shmget(2)`, `shmop(2)`, `shmctl(2)`.
//!
//! A segment has a size for ever, and is all zero at first. Attached, it is a [`Mapping`] as
//! any other, by the same rules; that it cannot become shorter spares the
//! question whom one trusts with that.
//!
//! A process that ends, or executes another program, detaches what it had attached; the
//! segment and what was written stay. A child made by fork has attached what
//! its parent had. A segment that is [removed](Segment::remove) while it is
//! attached goes with the last that detaches it, and can be attached by its
//! identifier until then: removed as soon as all have it, it is left behind by nobody, however they
//! end.
//!
//! # Examples
//!
//! ```
//! use rawipc::sysv::memory::{self, AttachFlags, SegmentFlags};
//! use rawipc::sysv::{Create, Key};
//!
//! let segment = memory::create(Key::PRIVATE, 8192, SegmentFlags::empty(), Create::NEW)?;
//! let ours = segment.attach(AttachFlags::empty())?;
//! let theirs = segment.attach(AttachFlags::READ_ONLY)?;
//! segment.remove()?;
//!
//! ours.write(100, b"hello").unwrap();
//! assert_eq!(theirs.read::<[u8; 5]>(100), Ok(*b"hello"));
//! # Ok::<(), rawipc::Errno>(())
//! ```

mod segment;
mod status;

pub use segment::{AttachFlags, Segment, SegmentFlags, create, open};
pub use status::{Limits, Status, Usage, limits, usage};

#[cfg(doc)]
use crate::Errno;
use crate::Result;
#[cfg(doc)]
use crate::memory::mapping::Mapping;
use crate::sys::sysv as sys;

/// Returns an iterator over all segments of this IPC namespace, whoever owns them:
/// `shmctl(2)` with `SHM_STAT_ANY`, since Linux 4.17 (before, it finds none).
///
/// What is created or removed meanwhile may be among them or not.
///
/// # Errors
///
/// [`Errno::NOSYS`]: a kernel without System V IPC.
#[doc(alias = "SHM_STAT_ANY")]
#[doc(alias = "ipcs")]
pub fn list() -> Result<List> {
    let (_, highest) = sys::shm_usage()?;
    Ok(super::List::new(highest, |index| {
        let (id, raw) = sys::shm_stat_any(index)?;
        Ok((Segment(id), Status::from(&raw)))
    }))
}

/// The segments that [`list`] finds, each with its status.
pub type List = super::List<(Segment, Status)>;
