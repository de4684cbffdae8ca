//! The memory functions that the compiler calls, in words, and in what the machine has for longer pieces: made of instructions that it does
//! not look into, as it would make a call of `memcpy` of any other loop that copies.

use core::mem::size_of;

use super::copy::copy_out;
use super::machine::{LOADS_UNALIGNED, blocks, copy_block, load_u8, load_u64, store_u8, store_u64};

const WORD: usize = size_of::<u64>();

/// From this length on the machine copies by a sequence of its own.
const BLOCK: usize = 16;

/// Whether the machine allows an access of a word at both.
fn allow_words(one: usize, other: usize) -> bool {
    LOADS_UNALIGNED || (one | other).is_multiple_of(WORD)
}

/// `memcpy(3)`.
///
/// # Safety
///
/// As C's.
#[doc(hidden)]
#[inline(never)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if LOADS_UNALIGNED && len >= BLOCK {
        // SAFETY: the caller's promise.
        unsafe { copy_block(to, from, len) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { copy_out(to, from, len) };
    }
    to
}

/// `memmove(3)`.
///
/// # Safety
///
/// As C's.
#[doc(hidden)]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // A word at a time where they are the same words of both, or all are allowed; each is
    // loaded before it is stored, and those that the target overwrites come first.
    let words = allow_words(to.addr(), from.addr());
    if to.addr().wrapping_sub(from.addr()) >= len {
        if from.addr().wrapping_sub(to.addr()) >= len {
            // SAFETY: the caller's promise, and they do not overlap.
            return unsafe { memcpy(to, from, len) };
        }
        // SAFETY: the caller's promise, and the target is below.
        let mut at = unsafe { blocks::move_down(to, from, len) };
        while words && len - at >= WORD {
            // SAFETY: a word is left.
            let word = unsafe { load_u64(from, at) };
            // SAFETY: a word is left.
            unsafe { store_u64(to, at, word) };
            at += WORD;
        }
        while at < len {
            // SAFETY: `at` is below `len`.
            let byte = unsafe { load_u8(from, at) };
            // SAFETY: `at` is below `len`.
            unsafe { store_u8(to, at, byte) };
            at += 1;
        }
        return to;
    }
    // SAFETY: the caller's promise, and the target is above.
    let mut left = unsafe { blocks::move_up(to, from, len) };
    while left > 0 && !(words && left.is_multiple_of(WORD)) {
        left -= 1;
        // SAFETY: `left` is below `len`.
        let byte = unsafe { load_u8(from, left) };
        // SAFETY: `left` is below `len`.
        unsafe { store_u8(to, left, byte) };
    }
    while left > 0 {
        left -= WORD;
        // SAFETY: a word from `left` on is within `len`.
        let word = unsafe { load_u64(from, left) };
        // SAFETY: a word from `left` on is within `len`.
        unsafe { store_u64(to, left, word) };
    }
    to
}

/// `memset(3)`.
///
/// # Safety
///
/// As C's.
#[doc(hidden)]
pub unsafe extern "C" fn memset(to: *mut u8, value: i32, len: usize) -> *mut u8 {
    let byte = value as u8;
    // No array of bytes: without optimisation that would be a call of `memset`.
    let word = u64::from(byte) * (u64::MAX / 0xff);
    // SAFETY: the caller's promise.
    let mut at = unsafe { blocks::fill(to, word, len) };
    while at < len {
        if len - at >= WORD && allow_words(to.addr() + at, 0) {
            // SAFETY: a word is left.
            unsafe { store_u64(to, at, word) };
            at += WORD;
        } else {
            // SAFETY: `at` is below `len`.
            unsafe { store_u8(to, at, byte) };
            at += 1;
        }
    }
    to
}

/// `memcmp(3)`.
///
/// # Safety
///
/// As C's.
#[doc(hidden)]
pub unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    let mut at = unsafe { blocks::equal(left, right, len) };
    while allow_words(left.addr(), right.addr()) && len - at >= WORD {
        // SAFETY: a word is left.
        let one = unsafe { load_u64(left, at) };
        // SAFETY: a word is left.
        let other = unsafe { load_u64(right, at) };
        if one != other {
            break;
        }
        at += WORD;
    }
    while at < len {
        // SAFETY: `at` is below `len`.
        let one = unsafe { load_u8(left, at) };
        // SAFETY: `at` is below `len`.
        let other = unsafe { load_u8(right, at) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
        at += 1;
    }
    0
}

/// `strlen(3)`.
///
/// # Safety
///
/// As C's.
#[doc(hidden)]
pub unsafe extern "C" fn strlen(string: *const u8) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; WORD]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; WORD]);
    // SAFETY: the caller's promise.
    if let Some(len) = unsafe { blocks::find_zero(string) } {
        return len;
    }
    let mut at = 0;
    loop {
        // An aligned word lies on one page, that of its first byte, which belongs to the string.
        if (string.addr() + at).is_multiple_of(WORD) {
            // SAFETY: mapped, as just said.
            let word = unsafe { load_u64(string, at) };
            if word.wrapping_sub(ONES) & !word & HIGHS == 0 {
                at += WORD;
                continue;
            }
        }
        // SAFETY: no zero byte so far, so that one more belongs to the string.
        if unsafe { load_u8(string, at) } == 0 {
            return at;
        }
        at += 1;
    }
}

/// `strlen(3)`, a byte at a time: of a fifth of the size.
///
/// # Safety
///
/// As C's.
#[doc(hidden)]
pub unsafe extern "C" fn strlen_small(string: *const u8) -> usize {
    let mut at = 0;
    // SAFETY: no zero byte so far, so that one more belongs to the string.
    while unsafe { load_u8(string, at) } != 0 {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Beyond all steps of the machine's loops.
    const LONGEST: usize = 300;

    /// On both sides of where the machine's copies of a whole region begin.
    const LONG: [usize; 6] = [1024, 2047, 2048, 2049, 4096, 5000];

    fn lengths() -> impl Iterator<Item = usize> {
        (0..=LONGEST).chain(LONG)
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len + 160)
            .map(|n| (n as u8).wrapping_mul(37).wrapping_add((n >> 8) as u8) | 1)
            .collect()
    }

    /// Each length at each alignment, not overlapping; what is around stays.
    #[test]
    fn memcpy_at_any_alignment_copies_all_and_no_more() {
        for len in lengths() {
            let source = bytes(len);
            for from in 0..17 {
                for to in 0..17 {
                    let mut expected = std::vec![0_u8; len + 40];
                    expected[to..to + len].copy_from_slice(&source[from..from + len]);
                    let mut memory = std::vec![0_u8; len + 40];
                    let target = memory.as_mut_ptr().wrapping_add(to);
                    // SAFETY: within the vectors.
                    let result = unsafe { memcpy(target, source.as_ptr().wrapping_add(from), len) };
                    assert_eq!(result, target);
                    assert_eq!(memory, expected, "{len} bytes from {from} to {to}");
                }
            }
        }
    }

    /// Each length at each alignment, overlapping in both directions and not at all.
    #[test]
    fn memmove_at_any_distance_moves_all() {
        for len in lengths() {
            let before = bytes(2 * len);
            for from in [0, 1, 7, 8, 40, 63] {
                for to in (0..90).chain([len + 70, len + 75]) {
                    let mut expected = before.clone();
                    expected.copy_within(from..from + len, to);
                    let mut memory = before.clone();
                    let base = memory.as_mut_ptr();
                    let target = base.wrapping_add(to);
                    // SAFETY: within the vector.
                    unsafe { memmove(target, base.wrapping_add(from).cast_const(), len) };
                    assert_eq!(memory, expected, "{len} bytes from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn memset_of_any_part_sets_no_other() {
        for len in lengths() {
            for to in 0..18 {
                let mut expected = bytes(len);
                expected[to..to + len].fill(0x5a);
                let mut memory = bytes(len);
                let at = memory.as_mut_ptr().wrapping_add(to);
                // SAFETY: within the vector.
                unsafe { memset(at, 0x75a, len) };
                assert_eq!(memory, expected, "{len} bytes at {to}");
            }
        }
    }

    #[test]
    fn memcmp_with_one_difference_has_its_sign() {
        for len in lengths() {
            let one = bytes(len);
            let mut other = one.clone();
            for (from, shift) in [(0, 0), (1, 0), (8, 3), (15, 1), (16, 5)] {
                other[from + shift..from + shift + len].copy_from_slice(&one[from..from + len]);
                let compare = |other: &[u8]| {
                    let left = one.as_ptr().wrapping_add(from);
                    // SAFETY: within the vectors.
                    unsafe { memcmp(left, other.as_ptr().wrapping_add(from + shift), len) }
                };
                assert_eq!(compare(&other), 0);
                for place in (0..len).step_by(len / LONGEST + 1) {
                    other[from + shift + place] ^= 0x80;
                    let sign = one[from + place].cmp(&other[from + shift + place]) as i32;
                    let result = compare(&other).signum();
                    assert_eq!(result, sign, "{len} bytes from {from} at {place}");
                    other[from + shift + place] ^= 0x80;
                }
            }
        }
    }

    /// Also where a zero byte lies before the string, and one behind its end.
    #[test]
    fn strlen_at_any_alignment_finds_first_zero() {
        for from in 1..67 {
            for len in lengths() {
                let mut memory = bytes(len);
                memory[from - 1] = 0;
                memory[from + len] = 0;
                memory[from + len + 3] = 0;
                let string = memory.as_ptr().wrapping_add(from);
                // SAFETY: there is a zero byte in the vector.
                assert_eq!(unsafe { strlen(string) }, len);
                // SAFETY: as above.
                assert_eq!(unsafe { strlen_small(string) }, len);
            }
        }
    }
}
