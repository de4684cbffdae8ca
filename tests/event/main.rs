//! Counters, timers, names to wait for, and a poller for many.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod eventfd;
mod inotify;
mod poller;
mod timerfd;
