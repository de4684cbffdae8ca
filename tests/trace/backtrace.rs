//! Who called, by frame pointers: of a program that keeps them, and on stacks that are made to
//! deceive or to go on for ever.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::arch::global_asm;

use rawipc::process::State;
use rawipc::trace::{self, Breakpoint, Frame, MAX_FRAMES, Options, Stopped};
use support::LeakCheck;
use support::tracee::{end, next, seized};

// Two functions that keep frame pointers, and one without a frame that they call.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".global rawipc_test_outer",
    ".global rawipc_test_after_inner",
    ".global rawipc_test_after_leaf",
    ".global rawipc_test_leaf",
    "rawipc_test_outer:",
    "push rbp",
    "mov rbp, rsp",
    "mov edi, 11",
    "mov esi, 12",
    "mov edx, 13",
    "mov ecx, 14",
    "mov r8d, 15",
    "mov r9d, 16",
    "call 2f",
    "rawipc_test_after_inner:",
    "pop rbp",
    "ret",
    "2:",
    "push rbp",
    "mov rbp, rsp",
    "call 3f",
    "rawipc_test_after_leaf:",
    "pop rbp",
    "ret",
    "3:",
    "push rbp",
    "mov rbp, rsp",
    "rawipc_test_leaf:",
    "nop",
    "pop rbp",
    "ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".global rawipc_test_outer",
    ".global rawipc_test_after_inner",
    ".global rawipc_test_after_leaf",
    ".global rawipc_test_leaf",
    "rawipc_test_outer:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "mov x0, #11",
    "mov x1, #12",
    "mov x2, #13",
    "mov x3, #14",
    "mov x4, #15",
    "mov x5, #16",
    "bl 2f",
    "rawipc_test_after_inner:",
    "ldp x29, x30, [sp], #16",
    "ret",
    "2:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "bl 3f",
    "rawipc_test_after_leaf:",
    "ldp x29, x30, [sp], #16",
    "ret",
    "3:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "rawipc_test_leaf:",
    "nop",
    "ldp x29, x30, [sp], #16",
    "ret",
);

unsafe extern "C" {
    fn rawipc_test_outer();
    fn rawipc_test_after_inner();
    fn rawipc_test_after_leaf();
    fn rawipc_test_leaf();
}

fn address(function: unsafe extern "C" fn()) -> usize {
    function as *const () as usize
}

/// As many words as an endless stack has, to be told apart from a bounded one.
const WORDS: usize = 4 * MAX_FRAMES;

/// What a hostile tracee has as its stack.
static STACK: [core::sync::atomic::AtomicUsize; WORDS] =
    [const { core::sync::atomic::AtomicUsize::new(0) }; WORDS];

fn place(word: usize) -> usize {
    STACK.as_ptr().addr() + word * size_of::<usize>()
}

fn put(stopped: &Stopped, word: usize, values: &[usize]) {
    for (at, value) in values.iter().enumerate() {
        stopped.poke(place(word + at), *value).unwrap();
    }
}

/// The frames where the frame pointer is this, but for the first.
fn callers(stopped: &Stopped, fp: usize) -> Vec<Frame> {
    let mut registers = stopped.registers().unwrap();
    registers.set_fp(fp);
    stopped.set_registers(&registers).unwrap();
    assert_eq!(stopped.registers().unwrap().fp(), fp);
    let mut frames = trace::backtrace(stopped).unwrap();
    let first = frames.next().unwrap();
    assert_eq!((first.pc, first.fp), (registers.pc(), fp));
    frames.collect()
}

#[test]
fn backtrace_names_who_called() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), || {
        // SAFETY: it changes registers that a function may, and returns.
        unsafe { rawipc_test_outer() };
        0
    });
    let breakpoint = Breakpoint::insert(&at, address(rawipc_test_leaf)).unwrap();
    let at = next(at.cont(None).unwrap());
    assert_eq!(breakpoint.is_hit(&at), Ok(true));
    breakpoint.rewind(&at).unwrap();
    breakpoint.remove(&at).unwrap();
    let registers = at.registers().unwrap();
    assert_eq!(registers.arguments(), [11, 12, 13, 14, 15, 16]);
    assert_eq!(registers.fp(), registers.sp());
    let frames: Vec<Frame> = trace::backtrace(&at).unwrap().take(4).collect();
    let pcs: Vec<usize> = frames.iter().map(|frame| frame.pc).collect();
    let known = [
        rawipc_test_leaf,
        rawipc_test_after_leaf,
        rawipc_test_after_inner,
    ];
    assert_eq!(pcs[..3], known.map(address));
    assert!(frames[0].fp < frames[1].fp && frames[1].fp < frames[2].fp);
    // Who called the outer function has returned to this program's code.
    assert!(frames.len() == 4 && frames[3].pc != 0, "{frames:x?}");
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(0));
}

#[test]
fn backtrace_of_hostile_stack_ends() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), || 0);
    let before = at.registers().unwrap();
    // An ordinary end: nothing to return to.
    put(&at, 0, &[place(2), 0x1111, 0, 0]);
    let frame = |pc, fp| Frame { pc, fp };
    assert_eq!(callers(&at, place(0)), [frame(0x1111, place(2))]);
    // No memory, none at all, not aligned, the last of all addresses.
    for fp in [
        0,
        1,
        8,
        place(0) + 1,
        usize::MAX,
        usize::MAX - 7,
        usize::MAX - 15,
    ] {
        assert_eq!(callers(&at, fp), [], "{fp:#x}");
    }
    // In a circle, and downwards: each is the last.
    put(&at, 0, &[place(0), 0x2222]);
    assert_eq!(callers(&at, place(0)), [frame(0x2222, 0)]);
    put(&at, 2, &[place(0), 0x3333]);
    assert_eq!(callers(&at, place(2)), [frame(0x3333, 0)]);
    // Upwards to where nothing is.
    put(&at, 0, &[usize::MAX - 15, 0x4444]);
    assert_eq!(callers(&at, place(0)), [frame(0x4444, usize::MAX - 15)]);
    // Longer than any.
    for frame in 0..WORDS / 2 - 1 {
        put(&at, 2 * frame, &[place(2 * frame + 2), 0x5555]);
    }
    assert_eq!(callers(&at, place(0)).len(), MAX_FRAMES - 1);
    at.set_registers(&before).unwrap();
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(0));
}
