//! What the memory functions do with long pieces, by vectors that every x86_64 has. Each says how
//! far it came: the rest is left to words.

use core::arch::asm;

/// Below this many bytes the vector loop beats the start-up of `rep stosb`.
const REP_STOSB_FROM: usize = 2048;

/// Sets bytes to those of a word of eight equal ones, and returns how many.
///
/// # Safety
///
/// `to` must be writable for `len` bytes.
#[inline(always)]
pub(in crate::arch) unsafe fn fill(to: *mut u8, word: u64, len: usize) -> usize {
    if len < 16 {
        return 0;
    }
    if len >= REP_STOSB_FROM {
        // SAFETY: as the caller promises; the direction flag is clear by the ABI.
        unsafe {
            asm!(
                "rep stosb",
                inout("rcx") len => _,
                inout("rdi") to => _,
                in("al") word as u8,
                options(nostack, preserves_flags),
            );
        }
        return len;
    }
    // Steps of 64 bytes and of 16, and the last 16 bytes once more.
    // SAFETY: each store lies within `len`, as `left` counts, and the last ends with it.
    unsafe {
        asm!(
            "movq {v}, {word}",
            "punpcklqdq {v}, {v}",
            "lea {end}, [{to} + {left}]",
            "sub {left}, 64",
            "jb 3f",
            "2:",
            "movups [{to}], {v}",
            "movups [{to} + 16], {v}",
            "movups [{to} + 32], {v}",
            "movups [{to} + 48], {v}",
            "add {to}, 64",
            "sub {left}, 64",
            "jae 2b",
            "3:",
            "add {left}, 48",
            "js 5f",
            "4:",
            "movups [{to}], {v}",
            "add {to}, 16",
            "sub {left}, 16",
            "jae 4b",
            "5:",
            "movups [{end} - 16], {v}",
            v = out(xmm_reg) _,
            word = in(reg) word,
            end = out(reg) _,
            to = inout(reg) to => _,
            left = inout(reg) len => _,
            options(nostack),
        );
    }
    len
}

/// Returns how many bytes from the beginning on are equal, in steps of 64: there may be more.
///
/// # Safety
///
/// Both must be readable for `len` bytes.
#[inline(always)]
pub(in crate::arch) unsafe fn equal(left: *const u8, right: *const u8, len: usize) -> usize {
    let whole = len & !63;
    if whole == 0 {
        return 0;
    }
    let mut at = 0_usize;
    // SAFETY: reads 64 bytes at a time, of which `whole` has a whole number.
    unsafe {
        asm!(
            "2:",
            "movdqu {a}, [{left} + {at}]",
            "movdqu {t}, [{right} + {at}]",
            "pcmpeqb {a}, {t}",
            "movdqu {b}, [{left} + {at} + 16]",
            "movdqu {t}, [{right} + {at} + 16]",
            "pcmpeqb {b}, {t}",
            "pand {a}, {b}",
            "movdqu {b}, [{left} + {at} + 32]",
            "movdqu {t}, [{right} + {at} + 32]",
            "pcmpeqb {b}, {t}",
            "pand {a}, {b}",
            "movdqu {b}, [{left} + {at} + 48]",
            "movdqu {t}, [{right} + {at} + 48]",
            "pcmpeqb {b}, {t}",
            "pand {a}, {b}",
            "pmovmskb {mask:e}, {a}",
            "cmp {mask:e}, 0xffff",
            "jne 3f",
            "add {at}, 64",
            "cmp {at}, {whole}",
            "jb 2b",
            "3:",
            left = in(reg) left,
            right = in(reg) right,
            whole = in(reg) whole,
            at = inout(reg) at,
            mask = out(reg) _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            t = out(xmm_reg) _,
            options(nostack, readonly),
        );
    }
    at
}

/// Moves bytes to a lower address, the first ones first, and returns how many.
///
/// # Safety
///
/// `from` must be readable and `to`, which is below it, writable for `len` bytes.
#[inline(always)]
pub(in crate::arch) unsafe fn move_down(to: *mut u8, from: *const u8, len: usize) -> usize {
    let whole = len & !63;
    if whole == 0 {
        return 0;
    }
    // SAFETY: 64 bytes at a time, loaded before they are stored; what the stores overwrite has been
    // loaded, as the target is below.
    unsafe {
        asm!(
            "xor {at:e}, {at:e}",
            "2:",
            "movups {a}, [{from} + {at}]",
            "movups {b}, [{from} + {at} + 16]",
            "movups {c}, [{from} + {at} + 32]",
            "movups {d}, [{from} + {at} + 48]",
            "movups [{to} + {at}], {a}",
            "movups [{to} + {at} + 16], {b}",
            "movups [{to} + {at} + 32], {c}",
            "movups [{to} + {at} + 48], {d}",
            "add {at}, 64",
            "cmp {at}, {whole}",
            "jb 2b",
            from = in(reg) from,
            to = in(reg) to,
            whole = in(reg) whole,
            at = out(reg) _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack),
        );
    }
    whole
}

/// Moves bytes to a higher address, the last ones first, and returns how many of the first are left.
///
/// # Safety
///
/// `from` must be readable and `to`, which is above it, writable for `len` bytes.
#[inline(always)]
pub(in crate::arch) unsafe fn move_up(to: *mut u8, from: *const u8, len: usize) -> usize {
    let mut left = len;
    if left < 64 {
        return left;
    }
    // SAFETY: 64 bytes at a time, loaded before they are stored; what the stores overwrite has been
    // loaded, as the target is above.
    unsafe {
        asm!(
            "2:",
            "movups {a}, [{from} + {left} - 16]",
            "movups {b}, [{from} + {left} - 32]",
            "movups {c}, [{from} + {left} - 48]",
            "movups {d}, [{from} + {left} - 64]",
            "movups [{to} + {left} - 16], {a}",
            "movups [{to} + {left} - 32], {b}",
            "movups [{to} + {left} - 48], {c}",
            "movups [{to} + {left} - 64], {d}",
            "sub {left}, 64",
            "cmp {left}, 64",
            "jae 2b",
            from = in(reg) from,
            to = in(reg) to,
            left = inout(reg) left,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack),
        );
    }
    left
}

/// Returns the length of a string.
///
/// # Safety
///
/// There must be a zero byte.
#[inline(always)]
pub(in crate::arch) unsafe fn find_zero(string: *const u8) -> Option<usize> {
    let skipped = string.addr() % 16;
    let found: *const u8;
    // Aligned pieces, by 16 up to a line and then by lines, lie on the pages of bytes that belong to the
    // string. Of the first the bytes before it are shifted out.
    // SAFETY: reads what is mapped, as just said.
    unsafe {
        asm!(
            "pxor {z}, {z}",
            "movdqa {a}, [{at}]",
            "pcmpeqb {a}, {z}",
            "pmovmskb {mask:e}, {a}",
            "shr {mask:e}, cl",
            "shl {mask:e}, cl",
            "test {mask:e}, {mask:e}",
            "jnz 5f",
            "2:",
            "add {at}, 16",
            "test {at}, 63",
            "jz 4f",
            "3:",
            "movdqa {a}, [{at}]",
            "pcmpeqb {a}, {z}",
            "pmovmskb {mask:e}, {a}",
            "test {mask:e}, {mask:e}",
            "jz 2b",
            "jmp 5f",
            "4:",
            "movdqa {a}, [{at}]",
            "movdqa {b}, [{at} + 16]",
            "pminub {a}, [{at} + 32]",
            "pminub {b}, [{at} + 48]",
            "pminub {a}, {b}",
            "pcmpeqb {a}, {z}",
            "pmovmskb {mask:e}, {a}",
            "test {mask:e}, {mask:e}",
            "jnz 3b",
            "add {at}, 64",
            "jmp 4b",
            "5:",
            "bsf {mask:e}, {mask:e}",
            "add {at}, {mask}",
            at = inout(reg) string.wrapping_sub(skipped) => found,
            in("ecx") skipped as u32,
            mask = out(reg) _,
            z = out(xmm_reg) _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            options(nostack, readonly),
        );
    }
    Some(found.addr() - string.addr())
}
