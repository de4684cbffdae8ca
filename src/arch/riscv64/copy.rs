//! Accesses to memory that others change meanwhile, as instructions that the compiler
//! does not look into.

use core::arch::asm;

use super::super::access::accesses;

/// Whether loads and stores need not be aligned: not everywhere, and slowly.
pub(in crate::arch) const LOADS_UNALIGNED: bool = false;

accesses! {
    u8: load_u8 ["add {value}, {from}, {at}", "lbu {value}, 0({value})"],
        store_u8 ["add {there}, {to}, {at}", "sb {value}, 0({there})"; there];
    u32: load_u32 ["add {value}, {from}, {at}", "lwu {value}, 0({value})"],
        store_u32 ["add {there}, {to}, {at}", "sw {value}, 0({there})"; there];
    u64: load_u64 ["add {value}, {from}, {at}", "ld {value}, 0({value})"],
        store_u64 ["add {there}, {to}, {at}", "sd {value}, 0({there})"; there];
}

/// Copies `len` bytes, at least 16, byte by byte up to a word boundary of `src`
/// and in words where `dst` is aligned with it.
///
/// # Safety
///
/// `src` must be readable and `dst` writable for `len` bytes, and the two must
/// not overlap. Either may change or be read by another process meanwhile.
#[inline]
pub(in crate::arch) unsafe fn copy_block(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: each access lies in the two ranges that the caller vouches for;
    // words are only used while at least eight bytes remain and both pointers
    // are aligned.
    unsafe {
        asm!(
            "add {end}, {src}, {end}",
            "2:",
            "beq {src}, {end}, 5f",
            "or {t}, {src}, {dst}",
            "andi {t}, {t}, 7",
            "bnez {t}, 4f",
            "addi {t}, {src}, 8",
            "bltu {end}, {t}, 4f",
            "ld {t}, 0({src})",
            "sd {t}, 0({dst})",
            "addi {src}, {src}, 8",
            "addi {dst}, {dst}, 8",
            "j 2b",
            "4:",
            "lbu {t}, 0({src})",
            "sb {t}, 0({dst})",
            "addi {src}, {src}, 1",
            "addi {dst}, {dst}, 1",
            "j 2b",
            "5:",
            end = inout(reg) len => _,
            src = inout(reg) src => _,
            dst = inout(reg) dst => _,
            t = out(reg) _,
            options(nostack),
        );
    }
}
