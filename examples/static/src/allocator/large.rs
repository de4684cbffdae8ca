//! Blocks that are mappings of their own.

use core::alloc::Layout;
use core::ptr::NonNull;

use rawipc::memory::{MapOptions, Mapping, Protection};

use super::classes::MAX_ALIGN;

/// A multiple of every page size, so that all lengths are of whole pages.
const UNIT: usize = 64 << 10;

fn len_of(layout: Layout) -> Option<usize> {
    layout.size().max(1).checked_next_multiple_of(UNIT)
}

/// A block for this layout. `None` if the kernel maps no more.
pub(super) fn map(layout: Layout) -> Option<NonNull<u8>> {
    let len = len_of(layout)?;
    if layout.align() <= MAX_ALIGN {
        let block = MapOptions::private(len).map_anonymous().ok()?;
        return Some(block.leak().cast());
    }
    // Somewhere in a larger one, of which the rest is unmapped.
    let align = layout.align().max(UNIT);
    let mut block = MapOptions::private(len.checked_add(align)?)
        .map_anonymous()
        .ok()?;
    let before = block.as_ptr().align_offset(align);
    if before > 0 {
        block = block.split_off(before).ok()?;
    }
    block.split_off(len).ok()?;
    Some(block.leak().cast())
}

/// # Safety
///
/// The block must have been mapped for this layout, and nobody may use it any more.
pub(super) unsafe fn unmap(block: NonNull<u8>, layout: Layout) {
    let Some(len) = len_of(layout) else {
        return;
    };
    let memory = NonNull::slice_from_raw_parts(block, len);
    // SAFETY: leaked by `map`, as long as there; the caller gives it back.
    drop(unsafe { Mapping::from_raw(memory, Protection::READ | Protection::WRITE) });
}
