//! The functions that the compiler expects of a libc: it calls them for copies,
//! comparisons and zeroes of some length.
//!
//! Each loop is of volatile accesses, one byte at a time: the compiler would make a
//! call of `memcpy` of any other loop that copies, in `memcpy` too.

/// As C's.
///
/// # Safety
///
/// As C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: what memmove needs and more.
    unsafe { memmove(to, from, len) }
}

/// As C's.
///
/// # Safety
///
/// As C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // Where the target begins within the source, its end is copied first.
    let backwards = to.addr().wrapping_sub(from.addr()) < len;
    let mut done = 0;
    while done < len {
        let at = if backwards { len - 1 - done } else { done };
        let (to, from) = (to.wrapping_add(at), from.wrapping_add(at));
        // SAFETY: `at` is below `len`.
        let byte = unsafe { from.read_volatile() };
        // SAFETY: `at` is below `len`.
        unsafe { to.write_volatile(byte) };
        done += 1;
    }
    to
}

/// As C's.
///
/// # Safety
///
/// As C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, len: usize) -> *mut u8 {
    let mut at = 0;
    while at < len {
        // SAFETY: `at` is below `len`.
        unsafe { to.wrapping_add(at).write_volatile(value as u8) };
        at += 1;
    }
    to
}

/// As C's.
///
/// # Safety
///
/// As C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    let mut at = 0;
    while at < len {
        // SAFETY: `at` is below `len`.
        let left = unsafe { left.wrapping_add(at).read_volatile() };
        // SAFETY: `at` is below `len`.
        let right = unsafe { right.wrapping_add(at).read_volatile() };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
        at += 1;
    }
    0
}

/// As C's.
///
/// # Safety
///
/// As C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    // SAFETY: the same promise.
    unsafe { memcmp(left, right, len) }
}

/// As C's.
///
/// # Safety
///
/// As C's.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: no zero byte so far, so that one more belongs to the string.
    while unsafe { string.wrapping_add(len).read_volatile() } != 0 {
        len += 1;
    }
    len
}
