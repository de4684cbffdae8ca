//! Messages through shared memory.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod attach;
mod broadcast;
mod call;
mod circles;
mod deaths;
mod doorbell;
mod hindered;
mod history;
mod late;
mod latest;
mod loans;
mod mpmc;
mod mpsc;
mod pool;
mod spsc;
