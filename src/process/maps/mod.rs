//! The memory regions of a process: `/proc/PID/maps` of `proc(5)`, read without an allocator.
//!
//! [`open`] opens the file, [`Maps::regions`] goes through it with a buffer of the
//! caller's, [`Maps::find`] asks for one address, and [`parse`] reads one line, wherever
//! it comes from.
//!
//! The regions are in the order of their addresses and do not overlap. They are what there was
//! when each part was read: while a process runs, regions come, go, merge and split meanwhile.
//! Stop the process first to get a consistent picture.
//!
//! # Examples
//!
//! ```
//! use rawipc::process::maps::{self, Name, Permissions};
//! use rawipc::process::memory::Address;
//!
//! let mut maps = maps::open(rustix::process::getpid())?;
//! let mut buffer = [0; 4096];
//!
//! let mut regions = maps.regions(&mut buffer);
//! let mut stack = 0;
//! while let Some(region) = regions.next() {
//!     let region = region?;
//!     if region.name == Name::Stack {
//!         stack = region.len();
//!     }
//! }
//! assert!(stack > 0);
//!
//! let code = Address::new(maps::parse as *const () as usize);
//! let region = maps.find(code, &mut buffer)?.unwrap();
//! assert!(region.permissions.contains(Permissions::EXECUTE));
//! let Name::File(path) = region.name else { panic!("{region}") };
//! println!("this program is {}", path.bytes().escape_ascii());
//! # Ok::<(), rawipc::Errno>(())
//! ```
#![forbid(unsafe_code)]
mod line;
mod list;
mod name;
mod region;

pub use line::{Malformed, parse};
pub use list::{BUFFER, MIN_BUFFER, Maps, Regions, open};
pub use name::{Name, Path, Unescaped};
pub use region::{Device, Permissions, Region};
