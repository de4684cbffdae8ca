//! POSIX IPC: objects with names that outlive their processes, until they are
//! unlinked or the system goes down.
//!
//! What a name of one kind names has nothing to do with the same name of another
//! kind. All three are the same objects that libc's `mq_open`, `shm_open` and
//! `sem_open` find under the name.
//!
//! See `mq_overview(7)`, `shm_overview(7)`, `sem_overview(7)`.

mod create;
mod file;
mod list;
pub mod memory;
pub mod message;
mod name;
pub mod semaphore;

pub use list::Names;
pub(crate) use list::names_in;
pub use name::{NAME_MAX, Name};
