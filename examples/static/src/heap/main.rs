//! `heap`: shows what the allocator without libc keeps, a line for each point.
#![no_std]
#![no_main]

extern crate alloc;

#[path = "../allocator/mod.rs"]
mod allocator;
mod block;
#[path = "../lock.rs"]
mod lock;
mod points;

use rawipc::start::Start;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator::new();

rawipc::entry!(main);
rawipc::panic_handler!();
rawipc::memory_functions!();

fn main(start: Start) -> i32 {
    points::all(start);
    0
}
