//! An allocator without libc, for `#[global_allocator]`: blocks of up to 32 KiB are of [classes] by their
//! size, cut from large mappings by a [bump] allocator and kept for the next one who wants such a block;
//! larger ones are [mappings](large) of their own.
//!
//! Any number of threads may use it, and signal handlers must not.

mod bump;
mod classes;
mod large;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use classes::Classes;

/// The allocator.
pub(crate) struct Allocator(Classes);

impl Allocator {
    pub(crate) const fn new() -> Self {
        Self(Classes::new())
    }
}

// SAFETY: a block is nobody else's until it is given back, and as large and aligned as asked for: what
// the classes and mappings promise.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = match classes::class_of(layout) {
            Some(class) => self.0.take(class),
            None => large::map(layout),
        };
        block.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let block = unsafe { self.alloc(layout) };
        // The kernel's pages are zero.
        if !block.is_null() && classes::class_of(layout).is_some() {
            // SAFETY: so long, and just allocated.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else {
            return;
        };
        match classes::class_of(layout) {
            // SAFETY: the caller gives it back, so that nobody has it; the layout says its class.
            Some(class) => unsafe { self.0.give_back(class, block) },
            // SAFETY: the same, and mapped by the same layout.
            None => unsafe { large::unmap(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is possible.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let class = classes::class_of(layout);
        if class.is_some() && class == classes::class_of(wanted) {
            return block;
        }
        // SAFETY: the caller's promise.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            let len = size.min(layout.size());
            // SAFETY: both are so long, and two blocks.
            unsafe { moved.copy_from_nonoverlapping(block, len) };
            // SAFETY: the caller's promise.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}
