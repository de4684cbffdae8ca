//! Copies between private memory and memory that others may be writing: made of
//! instructions that the compiler does not look into, whatever the length. It can neither
//! tear them further, repeat them nor assume that they race with nobody.

use core::mem::{MaybeUninit, size_of};

use super::machine::{
    LOADS_LINES, LOADS_UNALIGNED, Line, copy_block, load_line, load_u8, load_u32, load_u64,
    store_u8, store_u32, store_u64,
};

/// From this length on the machine's own block copy writes to private memory: later where the
/// length is known when compiled.
///
/// There the compiler has the bytes in registers, instead of writing them to memory and reading
/// them from there again: which waits, if the pieces differ, until the stores before are done, and
/// with them that of a word that the other side watches.
const fn load_blocks_from(known: bool) -> usize {
    if known { 129 } else { 64 }
}

/// From this length on it writes to shared memory. What is shorter has mostly just been written, by
/// words, and who reads longer pieces of that waits likewise.
const fn store_blocks_from(known: bool) -> usize {
    if known || LOADS_UNALIGNED { 129 } else { 64 }
}

const LINE: usize = size_of::<Line>();

const WORD: usize = size_of::<u64>();
const HALF: usize = size_of::<u32>();

/// Whether the machine allows accesses of `size` bytes at `address`.
#[inline(always)]
fn allows(address: *const u8, size: usize) -> bool {
    LOADS_UNALIGNED || address.addr().is_multiple_of(size)
}

/// Copies `len` bytes from shared memory into private memory.
///
/// # Safety
///
/// `src` must be mapped readable and `dst` writable for `len` bytes, and they
/// must not overlap. Only `src` may change meanwhile.
#[inline(always)]
pub(crate) unsafe fn copy_in(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { load::<false>(dst, src, len) };
}

/// Copies `len` bytes from private memory into shared memory.
///
/// # Safety
///
/// `src` must be readable and `dst` mapped writable for `len` bytes, and they
/// must not overlap. Only `dst` may be accessed by others meanwhile.
#[inline(always)]
pub(crate) unsafe fn copy_out(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { store::<false>(dst, src, len) };
}

/// As [`copy_in`], where the length is known when compiled.
///
/// # Safety
///
/// As [`copy_in`].
#[inline(always)]
pub(crate) unsafe fn copy_in_known(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { load::<true>(dst, src, len) };
}

/// As [`copy_out`], where the length is known when compiled.
///
/// # Safety
///
/// As [`copy_out`].
#[inline(always)]
pub(crate) unsafe fn copy_out_known(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { store::<true>(dst, src, len) };
}

/// Copies the bytes of a value from shared memory.
///
/// # Safety
///
/// So many bytes must be mapped readable at `src`.
#[inline(always)]
pub(crate) unsafe fn copy_in_value<T>(src: *const u8) -> MaybeUninit<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the caller's promise; the value has as many bytes and is nobody else's.
    unsafe { load::<true>(value.as_mut_ptr().cast(), src, size_of::<T>()) };
    value
}

/// Copies the bytes of a value, none of which is padding, into shared memory.
///
/// # Safety
///
/// So many bytes must be mapped writable at `dst`.
#[inline(always)]
pub(crate) unsafe fn copy_out_value<T>(dst: *mut u8, value: &T) {
    let src = core::ptr::from_ref(value).cast();
    // SAFETY: the caller's promise; the value has as many bytes and is borrowed.
    unsafe { store::<true>(dst, src, size_of::<T>()) };
}

/// As [`copy_in`]. With `KNOWN` the length is known when compiled: lines are one access too, and
/// four bytes, which costs nothing then.
///
/// # Safety
///
/// As [`copy_in`].
#[inline(always)]
unsafe fn load<const KNOWN: bool>(dst: *mut u8, src: *const u8, len: usize) {
    if len >= load_blocks_from(KNOWN) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { copy_block(dst, src, len) };
        return;
    }
    let mut at = 0;
    if KNOWN && LOADS_LINES {
        while at + LINE <= len {
            // SAFETY: `at + LINE <= len`, so in range.
            let line = unsafe { load_line(src, at) };
            let to = dst.wrapping_add(at).cast::<Line>();
            // SAFETY: in range of the private memory.
            unsafe { to.write(line) };
            at += LINE;
        }
    }
    if allows(src, WORD) {
        while at + WORD <= len {
            // SAFETY: `at + WORD <= len`, so in range; allowed there.
            let word = unsafe { load_u64(src, at) };
            let to = dst.wrapping_add(at).cast::<[u8; WORD]>();
            // SAFETY: in range of the private memory.
            unsafe { to.write(word.to_ne_bytes()) };
            at += WORD;
        }
    }
    if KNOWN && allows(src, HALF) {
        while at + HALF <= len {
            // SAFETY: `at + HALF <= len`, so in range; allowed there.
            let half = unsafe { load_u32(src, at) };
            let to = dst.wrapping_add(at).cast::<[u8; HALF]>();
            // SAFETY: in range of the private memory.
            unsafe { to.write(half.to_ne_bytes()) };
            at += HALF;
        }
    }
    while at < len {
        // SAFETY: in range.
        let byte = unsafe { load_u8(src, at) };
        // SAFETY: in range of the private memory.
        unsafe { dst.wrapping_add(at).write(byte) };
        at += 1;
    }
}

/// As [`copy_out`]. With `KNOWN` the length is known when compiled: four bytes are one access too.
///
/// # Safety
///
/// As [`copy_out`].
#[inline(always)]
unsafe fn store<const KNOWN: bool>(dst: *mut u8, src: *const u8, len: usize) {
    if len >= store_blocks_from(KNOWN) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { copy_block(dst, src, len) };
        return;
    }
    let mut at = 0;
    if allows(dst, WORD) {
        while at + WORD <= len {
            let from = src.wrapping_add(at).cast::<[u8; WORD]>();
            // SAFETY: `at + WORD <= len`, so in range of the private memory.
            let word = u64::from_ne_bytes(unsafe { from.read() });
            // SAFETY: in range; allowed there.
            unsafe { store_u64(dst, at, word) };
            at += WORD;
        }
    }
    if KNOWN && allows(dst, HALF) {
        while at + HALF <= len {
            let from = src.wrapping_add(at).cast::<[u8; HALF]>();
            // SAFETY: `at + HALF <= len`, so in range of the private memory.
            let half = u32::from_ne_bytes(unsafe { from.read() });
            // SAFETY: in range; allowed there.
            unsafe { store_u32(dst, at, half) };
            at += HALF;
        }
    }
    while at < len {
        // SAFETY: in range of the private memory.
        let byte = unsafe { src.wrapping_add(at).read() };
        // SAFETY: in range.
        unsafe { store_u8(dst, at, byte) };
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length around every boundary, at every alignment of either side, and
    /// nothing beside it.
    #[test]
    fn copies_exactly() {
        const ROOM: usize = 5000;
        let source: [u8; ROOM] = core::array::from_fn(|index| (index * 7 + index / 251) as u8);
        for len in (0..300).chain([1023, 1024, 2047, 2048, 2049, 4100]) {
            for (from, to) in [(0, 0), (1, 0), (0, 3), (5, 7), (8, 16), (9, 1)] {
                for copy in [copy_in, copy_out, load::<true>, store::<true>] {
                    let mut target = [0xAA; ROOM];
                    // SAFETY: both ranges lie in the arrays, which are apart.
                    unsafe {
                        copy(
                            target.as_mut_ptr().wrapping_add(to),
                            source.as_ptr().wrapping_add(from),
                            len,
                        );
                    }
                    assert!(
                        target[to..to + len] == source[from..from + len],
                        "{len} bytes"
                    );
                    assert!(target[..to].iter().all(|&byte| byte == 0xAA));
                    assert!(target[to + len..].iter().all(|&byte| byte == 0xAA));
                }
            }
        }
    }
}
