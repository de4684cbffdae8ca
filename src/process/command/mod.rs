//! Starting a program in a process of its own: [`Command`], its options by area, the steps
//! that the parent and its child take.

mod attend;
mod builder;
mod child;
mod credentials;
mod fd_mapping;
mod gate;
mod idmap;
mod isolation;
mod joined;
mod privileges;
mod report;
mod resources;
mod root;
mod scheduling;
mod spawn;
mod spawned;
mod step;
mod surroundings;

pub use builder::Command;
pub use fd_mapping::FdMapping;
pub use idmap::IdMap;
pub use joined::Joined;
pub use scheduling::Scheduling;
pub use spawn::STACK_SIZE;
pub use spawned::Spawned;
pub use step::{SpawnError, Step};
