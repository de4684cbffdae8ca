//! Rings and descriptors for programs that [`std::process::Command`] starts, by name.
//!
//! The parent gives them with [`Inherit`], and the program takes them with [`inherited`] and
//! [`inherited_fd`]. What was given is an open descriptor of the program, and its number is in the
//! environment: that of `jobs` in the variable `RAWIPC_FD_jobs`, several with commas between them. So a
//! program in another language, or a script, can use it as well: `/proc/self/fd/$RAWIPC_FD_jobs`. No
//! program gets it that is started at the same time: but this program passes it on to those that it starts
//! before it has taken it, and where [`exec`](std::os::unix::process::CommandExt::exec) replaces this program, so do
//! other threads until then.
//!
//! [`process::Command`](crate::process::Command) needs no `std`, and gives descriptors the numbers that one
//! chooses.
//!
//! # Examples
//!
//! ```standalone_crate
//! use rawipc::adapters::command::{Inherit, inherited, inherited_fd};
//! use rawipc::memory::memfd::{self, MemfdFlags};
//! use rawipc::ring::spsc;
//! use std::process::Command;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     if std::env::args().nth(1).as_deref() == Some("child") {
//!         let jobs: spsc::Ring = inherited("jobs")?;
//!         let mut buffer = [0; 64];
//!         let len = jobs.consumer()?.recv(&mut buffer)?;
//!         let log = memfd::Memfd::from(inherited_fd("log")?);
//!         log.write_at(0, &buffer[..len])?;
//!         return Ok(());
//!     }
//!     let jobs: spsc::Ring = spsc::Ring::create(1 << 16)?;
//!     let log = memfd::create("log", MemfdFlags::empty())?;
//!     let mut child = Command::new(std::env::current_exe()?)
//!         .arg("child")
//!         .inherit("jobs", &jobs)?
//!         .inherit_fd("log", &log)?
//!         .spawn()?;
//!     jobs.producer()?.send(b"sweep")?;
//!     assert!(child.wait()?.success());
//!     let mut word = [0; 5];
//!     log.read_at(0, &mut word)?;
//!     assert_eq!(&word, b"sweep");
//!     Ok(())
//! }
//! ```

pub use super::std::command::{Inherit, inherited, inherited_fd};
