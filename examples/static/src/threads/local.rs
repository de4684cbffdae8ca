//! Thread-local variables, made by assembly as stable Rust has none: one with a value and one that is
//! zero, at the alignment of a cache line.

use core::arch::{asm, global_asm};

global_asm!(
    ".section .tdata.rawipc_set, \"awT\", %progbits",
    ".balign 64",
    ".globl rawipc_set",
    "rawipc_set: .quad 0x1234",
    ".section .tbss.rawipc_zero, \"awT\", %nobits",
    ".balign 8",
    ".globl rawipc_zero",
    "rawipc_zero: .zero 8",
    ".text",
);

/// The addresses of the calling thread's two variables.
#[cfg(target_arch = "x86_64")]
fn addresses() -> [*mut u64; 2] {
    let (set, zero);
    // SAFETY: reads the word at the thread pointer, which is its own address.
    unsafe {
        asm!(
            "mov {set}, fs:0",
            "lea {zero}, [{set} + rawipc_zero@tpoff]",
            "lea {set}, [{set} + rawipc_set@tpoff]",
            set = out(reg) set,
            zero = out(reg) zero,
        );
    }
    [set, zero]
}

#[cfg(target_arch = "aarch64")]
fn addresses() -> [*mut u64; 2] {
    let (set, zero);
    // SAFETY: reads a register.
    unsafe {
        asm!(
            "mrs {set}, tpidr_el0",
            "add {zero}, {set}, #:tprel_hi12:rawipc_zero",
            "add {zero}, {zero}, #:tprel_lo12_nc:rawipc_zero",
            "add {set}, {set}, #:tprel_hi12:rawipc_set",
            "add {set}, {set}, #:tprel_lo12_nc:rawipc_set",
            set = out(reg) set,
            zero = out(reg) zero,
        );
    }
    [set, zero]
}

#[cfg(target_arch = "riscv64")]
fn addresses() -> [*mut u64; 2] {
    let (set, zero);
    // SAFETY: reads a register.
    unsafe {
        asm!(
            "lui {set}, %tprel_hi(rawipc_set)",
            "add {set}, {set}, tp, %tprel_add(rawipc_set)",
            "addi {set}, {set}, %tprel_lo(rawipc_set)",
            "lui {zero}, %tprel_hi(rawipc_zero)",
            "add {zero}, {zero}, tp, %tprel_add(rawipc_zero)",
            "addi {zero}, {zero}, %tprel_lo(rawipc_zero)",
            set = out(reg) set,
            zero = out(reg) zero,
        );
    }
    [set, zero]
}

/// The first address of each and its value; which they are changed to.
pub(crate) fn replace(by: u64) -> [(usize, u64); 2] {
    addresses().map(|variable| {
        // SAFETY: the calling thread's own, which nobody else has the address of.
        let before = unsafe { variable.replace(by) };
        (variable.addr(), before)
    })
}

/// The variables of a thread that nobody has changed yet.
pub(crate) const FRESH: [u64; 2] = [0x1234, 0];
