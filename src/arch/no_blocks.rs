//! What the memory functions do with long pieces: words do all of it on machines without vectors for
//! that, all but x86_64.

/// Sets nothing.
///
/// # Safety
///
/// None.
#[inline(always)]
pub(super) unsafe fn fill(_to: *mut u8, _word: u64, _len: usize) -> usize {
    0
}

/// Compares nothing.
///
/// # Safety
///
/// None.
#[inline(always)]
pub(super) unsafe fn equal(_left: *const u8, _right: *const u8, _len: usize) -> usize {
    0
}

/// Moves nothing.
///
/// # Safety
///
/// None.
#[inline(always)]
pub(super) unsafe fn move_down(_to: *mut u8, _from: *const u8, _len: usize) -> usize {
    0
}

/// Moves nothing, and leaves all.
///
/// # Safety
///
/// None.
#[inline(always)]
pub(super) unsafe fn move_up(_to: *mut u8, _from: *const u8, len: usize) -> usize {
    len
}

/// Looks for nothing.
///
/// # Safety
///
/// None.
#[inline(always)]
pub(super) unsafe fn find_zero(_string: *const u8) -> Option<usize> {
    None
}
