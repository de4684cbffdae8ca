//! Memory to share: mappings, memfds, advice, and page faults as messages.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod advice;
mod kinds;
mod mapping;
mod memfd;
mod resize;
mod userfault;
mod views;
