//! Accesses to memory that others change meanwhile, as instructions that the compiler
//! does not look into.

use core::arch::asm;

use super::super::access::accesses;

/// Whether loads and stores need not be aligned: yes, in memory.
pub(in crate::arch) const LOADS_UNALIGNED: bool = true;

accesses! {
    u8: load_u8 ["ldrb {value:w}, [{from}, {at}]"], store_u8 ["strb {value:w}, [{to}, {at}]"];
    u32: load_u32 ["ldr {value:w}, [{from}, {at}]"], store_u32 ["str {value:w}, [{to}, {at}]"];
    u64: load_u64 ["ldr {value:x}, [{from}, {at}]"], store_u64 ["str {value:x}, [{to}, {at}]"];
}

/// Copies `len` bytes, at least 16, as one opaque instruction sequence.
///
/// # Safety
///
/// `src` must be readable and `dst` writable for `len` bytes, and the two must
/// not overlap. Either may change or be read by another process meanwhile.
#[inline]
pub(in crate::arch) unsafe fn copy_block(dst: *mut u8, src: *const u8, len: usize) {
    // Whole 32-byte steps, then one of 16, then the last 16 bytes again, which
    // may overlap what is already copied.
    // SAFETY: every access lies in the two ranges that the caller vouches for:
    // `left` counts what remains and the final step ends exactly at the end.
    unsafe {
        asm!(
            "subs {left}, {left}, #32",
            "b.lo 3f",
            "2:",
            "ldp {a:q}, {b:q}, [{src}], #32",
            "stp {a:q}, {b:q}, [{dst}], #32",
            "subs {left}, {left}, #32",
            "b.hs 2b",
            "3:",
            "adds {left}, {left}, #32",
            "b.eq 5f",
            "cmp {left}, #16",
            "b.lo 4f",
            "ldr {a:q}, [{src}], #16",
            "str {a:q}, [{dst}], #16",
            "subs {left}, {left}, #16",
            "b.eq 5f",
            "4:",
            "sub {left}, {left}, #16",
            "ldr {a:q}, [{src}, {left}]",
            "str {a:q}, [{dst}, {left}]",
            "5:",
            left = inout(reg) len => _,
            src = inout(reg) src => _,
            dst = inout(reg) dst => _,
            a = out(vreg) _,
            b = out(vreg) _,
            options(nostack),
        );
    }
}
