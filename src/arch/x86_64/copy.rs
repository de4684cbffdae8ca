//! Accesses to memory that others change meanwhile, as instructions that the compiler
//! does not look into.

use core::arch::asm;

use super::super::access::accesses;

/// Whether loads and stores need not be aligned: yes.
pub(in crate::arch) const LOADS_UNALIGNED: bool = true;

accesses! {
    u8: load_u8 ["movzx {value:e}, byte ptr [{from} + {at}]"],
        store_u8 ["mov byte ptr [{to} + {at}], {value:l}"];
    u32: load_u32 ["mov {value:e}, dword ptr [{from} + {at}]"],
        store_u32 ["mov dword ptr [{to} + {at}], {value:e}"];
    u64: load_u64 ["mov {value:r}, qword ptr [{from} + {at}]"],
        store_u64 ["mov qword ptr [{to} + {at}], {value:r}"];
}

/// Below this many bytes the vector loop beats the start-up of `rep movsb`.
const REP_MOVSB_FROM: usize = 2048;

/// The bytes of a cache line.
const LINE: usize = 64;

/// Copies `len` bytes, at least 16, as one opaque instruction sequence.
///
/// # Safety
///
/// `src` must be readable and `dst` writable for `len` bytes, and the two must
/// not overlap. Either may change or be read by another process meanwhile.
#[inline]
pub(in crate::arch) unsafe fn copy_block(dst: *mut u8, src: *const u8, len: usize) {
    if len >= REP_MOVSB_FROM {
        // To the next line first: to the middle of one it takes a tenth longer.
        let ahead = LINE - dst.addr() % LINE;
        // SAFETY: the caller vouches for both ranges, which are longer than a line; the direction
        // flag is clear by the ABI.
        unsafe {
            asm!(
                "movups {a}, [rsi]",
                "movups {b}, [rsi + 16]",
                "movups {c}, [rsi + 32]",
                "movups {d}, [rsi + 48]",
                "movups [rdi], {a}",
                "movups [rdi + 16], {b}",
                "movups [rdi + 32], {c}",
                "movups [rdi + 48], {d}",
                "add rsi, {ahead}",
                "add rdi, {ahead}",
                "rep movsb",
                ahead = in(reg) ahead,
                inout("rcx") len - ahead => _,
                inout("rdi") dst => _,
                inout("rsi") src => _,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                c = out(xmm_reg) _,
                d = out(xmm_reg) _,
                options(nostack),
            );
        }
        return;
    }
    // Whole 64-byte steps, then 16-byte steps, then the last 16 bytes again,
    // which may overlap what is already copied.
    // SAFETY: every access lies in the two ranges that the caller vouches for:
    // `left` counts what remains and the final step ends exactly at the end.
    unsafe {
        asm!(
            "sub {left}, 64",
            "jb 3f",
            "2:",
            "movups {a}, [{src}]",
            "movups {b}, [{src} + 16]",
            "movups {c}, [{src} + 32]",
            "movups {d}, [{src} + 48]",
            "movups [{dst}], {a}",
            "movups [{dst} + 16], {b}",
            "movups [{dst} + 32], {c}",
            "movups [{dst} + 48], {d}",
            "add {src}, 64",
            "add {dst}, 64",
            "sub {left}, 64",
            "jae 2b",
            "3:",
            "add {left}, 64",
            "4:",
            "cmp {left}, 16",
            "jb 5f",
            "movups {a}, [{src}]",
            "movups [{dst}], {a}",
            "add {src}, 16",
            "add {dst}, 16",
            "sub {left}, 16",
            "jmp 4b",
            "5:",
            "test {left}, {left}",
            "jz 6f",
            "movups {a}, [{src} + {left} - 16]",
            "movups [{dst} + {left} - 16], {a}",
            "6:",
            left = inout(reg) len => _,
            src = inout(reg) src => _,
            dst = inout(reg) dst => _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack),
        );
    }
}
