//! A line at once into registers: a quarter of the instructions, and half of the pieces that the
//! compiler moves on.

use core::arch::asm;
use core::arch::x86_64::__m128i;
use core::mem::transmute;

/// Whether [`load_line`] is worth while: yes.
pub(in crate::arch) const LOADS_LINES: bool = true;

/// What it loads.
pub(in crate::arch) type Line = [u8; 64];

/// Where it has that: in words first, as the compiler takes the first apart where it shares its
/// place with an error.
#[repr(C)]
struct Registers {
    words: [u64; 2],
    pairs: [__m128i; 3],
}

/// Loads a line that may change meanwhile.
///
/// # Safety
///
/// So many bytes must be readable `at` bytes from `from`.
#[inline(always)]
pub(in crate::arch) unsafe fn load_line(from: *const u8, at: usize) -> Line {
    let (a, b, c, d, e);
    // SAFETY: reads what the caller vouches for, and changes nothing else.
    unsafe {
        asm!(
            "mov {a}, [{from}]",
            "mov {b}, [{from} + 8]",
            "movups {c}, [{from} + 16]",
            "movups {d}, [{from} + 32]",
            "movups {e}, [{from} + 48]",
            from = in(reg) from.wrapping_add(at),
            a = out(reg) a,
            b = out(reg) b,
            c = out(xmm_reg) c,
            d = out(xmm_reg) d,
            e = out(xmm_reg) e,
            options(nostack, preserves_flags, readonly),
        );
    }
    let registers = Registers {
        words: [a, b],
        pairs: [c, d, e],
    };
    // SAFETY: of the same size, without padding, and any bytes are bytes.
    unsafe { transmute::<Registers, Line>(registers) }
}
