//! A target with planted bugs, each behind bytes that are compared one by one, so that
//! coverage leads from the one to the next.

use core::hint::black_box;

use crate::coverage::edge;

/// How many bugs there are.
pub(crate) const BUGS: usize = 8;

/// What the fuzzer starts from.
pub(crate) const SEED: &[u8] = b"....";

/// `BUG` and a letter that says which.
pub(crate) fn parse(input: &[u8]) {
    edge!();
    let [b'B', rest @ ..] = input else { return };
    edge!();
    let [b'U', rest @ ..] = rest else { return };
    edge!();
    let [b'G', rest @ ..] = rest else { return };
    edge!();
    let [which, ..] = rest else { return };
    match which {
        b'n' => {
            edge!();
            write_to_null();
        }
        b's' => {
            edge!();
            black_box(overflow_stack(u64::from(*which)));
        }
        b'i' => {
            edge!();
            illegal_instruction();
        }
        b'h' => {
            edge!();
            loop {
                core::hint::spin_loop();
            }
        }
        b'a' => {
            edge!();
            std::process::abort();
        }
        b'p' => {
            edge!();
            assert_eq!(which, &b'q', "as planted");
        }
        b'e' => {
            edge!();
            std::process::exit(3);
        }
        b'm' => {
            edge!();
            exhaust_memory();
        }
        b'c' => {
            // Clean, but somewhere else.
            edge!();
        }
        _ => {}
    }
}

fn write_to_null() {
    let null: *mut u8 = black_box(core::ptr::null_mut());
    // SAFETY: none. This is the bug.
    unsafe { null.write_volatile(1) };
}

fn overflow_stack(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    if black_box(true) {
        overflow_stack(depth + 1) + here[depth as usize % 64]
    } else {
        depth
    }
}

fn illegal_instruction() {
    // SAFETY: none. This is the bug.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        core::arch::asm!("ud2");
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("udf #0");
        #[cfg(target_arch = "riscv64")]
        core::arch::asm!("unimp");
    }
}

fn exhaust_memory() {
    const STEP: usize = 16 << 20;
    let mut held = Vec::new();
    loop {
        held.push(black_box(Vec::<u8>::with_capacity(STEP)));
    }
}
