//! Copies between private memory and memory that another process may be
//! writing: made of accesses that the compiler may neither tear further, repeat
//! nor assume to be free of races.

use core::mem::size_of;

use super::machine;

/// From this length on the machine's own block copy is used.
const BLOCK_FROM: usize = 64;

const WORD: usize = size_of::<u64>();

/// Copies `len` bytes from shared memory into private memory.
///
/// # Safety
///
/// `src` must be mapped readable and `dst` writable for `len` bytes, and they
/// must not overlap. Only `src` may change meanwhile.
#[inline(always)]
pub(crate) unsafe fn copy_in(dst: *mut u8, src: *const u8, len: usize) {
    if len >= BLOCK_FROM {
        // SAFETY: the caller's promise is the callee's.
        unsafe { machine::copy_block(dst, src, len) };
        return;
    }
    let mut at = 0;
    if src.addr().is_multiple_of(WORD) {
        while at + WORD <= len {
            let (from, to) = (src.wrapping_add(at), dst.wrapping_add(at));
            #[allow(clippy::cast_ptr_alignment, reason = "tested above")]
            // SAFETY: `at + WORD <= len`, so in range; aligned; volatile because it may
            // change.
            let word = unsafe { from.cast::<u64>().read_volatile() };
            // SAFETY: in range; private memory need not be aligned.
            unsafe { to.cast::<[u8; WORD]>().write(word.to_ne_bytes()) };
            at += WORD;
        }
    }
    while at < len {
        let (from, to) = (src.wrapping_add(at), dst.wrapping_add(at));
        // SAFETY: in range; volatile because it may change.
        let byte = unsafe { from.read_volatile() };
        // SAFETY: in range.
        unsafe { to.write(byte) };
        at += 1;
    }
}

/// Copies `len` bytes from private memory into shared memory.
///
/// # Safety
///
/// `src` must be readable and `dst` mapped writable for `len` bytes, and they
/// must not overlap. Only `dst` may be accessed by others meanwhile.
#[inline(always)]
pub(crate) unsafe fn copy_out(dst: *mut u8, src: *const u8, len: usize) {
    if len >= BLOCK_FROM {
        // SAFETY: the caller's promise is the callee's.
        unsafe { machine::copy_block(dst, src, len) };
        return;
    }
    let mut at = 0;
    if dst.addr().is_multiple_of(WORD) {
        while at + WORD <= len {
            let (from, to) = (src.wrapping_add(at), dst.wrapping_add(at));
            // SAFETY: in range; private memory need not be aligned.
            let word = u64::from_ne_bytes(unsafe { from.cast::<[u8; WORD]>().read() });
            #[allow(clippy::cast_ptr_alignment, reason = "tested above")]
            // SAFETY: `at + WORD <= len`, so in range; aligned; volatile because it may
            // be read.
            unsafe {
                to.cast::<u64>().write_volatile(word);
            }
            at += WORD;
        }
    }
    while at < len {
        let (from, to) = (src.wrapping_add(at), dst.wrapping_add(at));
        // SAFETY: in range.
        let byte = unsafe { from.read() };
        // SAFETY: in range; volatile because it may be read.
        unsafe { to.write_volatile(byte) };
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
                for copy in [copy_in, copy_out] {
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
