//! Processes: started, waited for, looked at; what they may have and which calls they may make.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod children;
mod command;
mod compare;
mod limits;
mod maps;
mod memory;
mod numbers;
mod seccomp;
mod start;
mod watch;
