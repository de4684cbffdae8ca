//! System V IPC: `msgget(2)`, `semget(2)`, `shmget(2)` and what belongs to them.
//!
//! `linux-raw-sys` has the numbers of the calls and nothing else: the constants and
//! structures are those of `linux/{ipc,msg,sem,shm}.h` and of `asm/*buf.h`. 64-bit
//! machines have one version of the structures, and no `IPC_64`.

mod ipc;
mod message;
mod scratch;
mod semaphore;
mod shm;

pub(crate) use ipc::{IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_PRIVATE, ipc64_perm};
pub(crate) use message::*;
pub use semaphore::sembuf;
pub(crate) use semaphore::*;
pub(crate) use shm::*;
