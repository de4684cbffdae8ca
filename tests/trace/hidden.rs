//! Breakpoints and steps of which the program learns nothing, and which stay where they
//! belong.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::arch::global_asm;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

use rawipc::process::{self, Fork, State};
use rawipc::trace::{self, Breakpoint, Length, Options, Report, Stop, Stopped, Trap, Watch};
use rawipc::{Errno, Signal};
use support::LeakCheck;
use support::tracee::{Guard, calls_between_marks, child, end, mark, next, seized, stopped};

global_asm!(
    ".global rawipc_test_exit_7",
    ".global rawipc_test_pushf",
    ".global rawipc_test_prefixed_pushf",
    ".global rawipc_test_popf",
    ".global rawipc_test_popf_itself",
    ".global rawipc_test_set_trap_flag",
    ".global rawipc_test_flags_of_call",
    ".global rawipc_test_call",
    ".global rawipc_test_execve",
    ".global rawipc_test_execve_call",
    // What stands before is executed by nobody.
    "ud2",
    "rawipc_test_exit_7:",
    "mov edi, 7",
    "mov eax, 231",
    "syscall",
    "rawipc_test_pushf:",
    "pushfq",
    "pop rax",
    "ret",
    "rawipc_test_prefixed_pushf:",
    "xor eax, eax",
    "push rax",
    // pushfw, of two bytes, by way of fs.
    ".byte 0x64, 0x66, 0x9c",
    "pop ax",
    "pop rdx",
    "ret",
    "rawipc_test_popf:",
    "pushfq",
    "rawipc_test_popf_itself:",
    "popfq",
    "nop",
    "pushfq",
    "pop rax",
    "ret",
    "rawipc_test_set_trap_flag:",
    "pushfq",
    "or qword ptr [rsp], 0x100",
    "popfq",
    "nop",
    "ret",
    "rawipc_test_flags_of_call:",
    "mov eax, 39",
    "rawipc_test_call:",
    "syscall",
    "mov rax, r11",
    "ret",
    "rawipc_test_execve:",
    "mov eax, 59",
    "rawipc_test_execve_call:",
    "syscall",
    "ret",
);

unsafe extern "C" {
    fn rawipc_test_exit_7();
    fn rawipc_test_pushf() -> u64;
    fn rawipc_test_prefixed_pushf() -> u64;
    fn rawipc_test_popf() -> u64;
    fn rawipc_test_popf_itself();
    fn rawipc_test_set_trap_flag() -> u64;
    fn rawipc_test_flags_of_call() -> u64;
    fn rawipc_test_call();
    fn rawipc_test_execve(
        path: *const core::ffi::c_char,
        arguments: *const *const core::ffi::c_char,
        environment: *const *const core::ffi::c_char,
    ) -> i64;
    fn rawipc_test_execve_call();
}

/// The trap flag.
const TRAP: u64 = 1 << 8;

/// Lets a tracee come to a breakpoint at `address`, and steps over it.
fn step_over(at: Stopped, address: usize) -> (Breakpoint, Stopped) {
    let breakpoint = Breakpoint::insert(&at, address).unwrap();
    let hit = next(at.cont(None).unwrap());
    assert!(breakpoint.is_hit(&hit).unwrap());
    let after = stopped(breakpoint.step_over(hit).unwrap());
    assert_eq!(after.stop(), Stop::Trap);
    (breakpoint, after)
}

#[test]
fn set_pc_in_an_interrupted_call_goes_exactly_there() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), || {
        // SAFETY: no memory is involved.
        unsafe { libc::pause() };
        1
    });
    // To the exit that is none: it will sleep.
    let running = at.syscall(None).unwrap();
    let running = next(running).cont(None).unwrap();
    running.interrupt().unwrap();
    let at = next(running);
    assert_eq!(at.stop(), Stop::Interrupt);
    let mut registers = at.registers().unwrap();
    registers.set_pc(rawipc_test_exit_7 as *const () as usize);
    at.set_registers(&registers).unwrap();
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(7));
}

#[test]
fn step_over_what_saves_flags_does_not_show_the_trap_flag() {
    let _check = LeakCheck::begin();
    let saves: [(Saves, usize); 2] = [
        (rawipc_test_pushf, rawipc_test_pushf as *const () as usize),
        (
            rawipc_test_flags_of_call,
            rawipc_test_call as *const () as usize,
        ),
    ];
    for (function, address) in saves {
        let (_guard, at) = sees(function);
        let (breakpoint, after) = step_over(at, address);
        breakpoint.remove(&after).unwrap();
        assert_eq!(end(after.cont(None).unwrap()), State::Exited(3));
    }
}

/// A child that exits with 3 if it sees no trap flag, with 4 if it does.
fn sees(function: Saves) -> (Guard, Stopped) {
    seized(Options::empty(), || {
        // SAFETY: it changes registers that a function may, and returns.
        let flags = unsafe { function() };
        if flags & TRAP == 0 { 3 } else { 4 }
    })
}

type Saves = unsafe extern "C" fn() -> u64;

#[test]
fn hidden_step_of_any_instruction_does_not_show_the_trap_flag() {
    let _check = LeakCheck::begin();
    for function in [
        rawipc_test_pushf as Saves,
        rawipc_test_prefixed_pushf,
        rawipc_test_popf,
        rawipc_test_flags_of_call,
    ] {
        let (_guard, mut at) = sees(function);
        // All that it does, from its return from the signal to its end.
        let state = loop {
            match at.step_hidden(None).unwrap() {
                Report::Stopped(next) => at = next,
                Report::Ended(ended) => break ended.state,
            }
            assert_eq!(at.trap(), Ok(Some(Trap::Step)));
            // Nor does it stay there for when the tracee is let run.
            assert_eq!(at.registers().unwrap().eflags & TRAP, 0);
        };
        assert_eq!(state, State::Exited(3));
    }
}

#[test]
fn hidden_step_that_a_signal_prevents_leaves_no_trap_flag_at_popf() {
    let _check = LeakCheck::begin();
    let (guard, at) = sees(rawipc_test_popf);
    let breakpoint = Breakpoint::insert(&at, rawipc_test_popf_itself as *const () as usize);
    let breakpoint = breakpoint.unwrap();
    let hit = next(at.cont(None).unwrap());
    breakpoint.rewind(&hit).unwrap();
    breakpoint.remove(&hit).unwrap();
    guard.pidfd.send_signal(Signal::USR1).unwrap();
    let at = stopped(hit.step_hidden(None).unwrap());
    assert_eq!(at.stop(), Stop::Signal(Signal::USR1));
    let registers = at.registers().unwrap();
    assert_eq!(registers.pc(), breakpoint.address());
    assert_eq!(registers.eflags & TRAP, 0);
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(3));
}

#[test]
fn hidden_step_leaves_a_program_the_trap_flag_that_it_sets() {
    let _check = LeakCheck::begin();
    let (_guard, mut at) = sees(rawipc_test_set_trap_flag);
    // Until it has set it.
    while at.registers().unwrap().eflags & TRAP == 0 {
        at = stopped(at.step_hidden(None).unwrap());
    }
    // Its own step, without the tracer's doing.
    let at = next(at.cont(None).unwrap());
    assert_eq!(at.trap(), Ok(Some(Trap::Step)));
    assert!(matches!(
        end(at.cont(Some(Signal::TRAP)).unwrap()),
        State::Signalled {
            signal: Signal::TRAP,
            ..
        }
    ));
}

#[test]
fn refused_watch_leaves_the_one_before() {
    let _check = LeakCheck::begin();
    static PLACE: [u64; 2] = [0; 2];
    let place = PLACE.as_ptr().addr();
    let (_guard, at) = seized(Options::empty(), || 3);
    let before = Watch::write(place, Length::Eight);
    match at.set_watch(0, Some(before)) {
        Ok(()) => {}
        Err(trace::Error::Errno(Errno::NOSPC | Errno::IO | Errno::OPNOTSUPP)) => {
            eprintln!("skipped: the processor has no watchpoints to give");
            return;
        }
        Err(error) => panic!("{error}"),
    }
    for refused in [
        Watch::write(place + 1, Length::Four),
        Watch::write(usize::MAX - 7, Length::Eight),
    ] {
        assert!(at.set_watch(0, Some(refused)).is_err());
        assert_eq!(at.watch(0), Ok(Some(before)));
        assert!(at.set_watch(1, Some(refused)).is_err());
        assert_eq!(at.watch(1), Ok(None));
    }
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(3));
}

/// A file that holds a program and can be executed.
fn program(bytes: &[u8]) -> OwnedFd {
    let memory = rustix::fs::memfd_create("program", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(memory);
    file.write_all(bytes).unwrap();
    // One that is open for writing cannot be executed.
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .unwrap()
        .into()
}

const HEADERS: usize = 64 + 56;

/// A program of 64 bits for this address: what it consists of does nothing, and it exits
/// with 9.
fn idle_program(base: u64, len: usize) -> Vec<u8> {
    let exit = [
        0xbf, 9, 0, 0, 0, // mov edi, 9
        0xb8, 231, 0, 0, 0, // mov eax, exit_group
        0x0f, 0x05, // syscall
    ];
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [base + HEADERS as u64, 64, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    // To be loaded, readable and executable.
    bytes.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for word in [0, base, base, len as u64, len as u64, 4096] {
        bytes.extend(word.to_le_bytes());
    }
    assert_eq!(bytes.len(), HEADERS);
    // nop
    bytes.resize(len - exit.len(), 0x90);
    bytes.extend(exit);
    bytes
}

#[test]
fn step_over_exec_leaves_the_new_program_alone() {
    let _check = LeakCheck::begin();
    let address = rawipc_test_execve_call as *const () as u64;
    // It has other code at the breakpoint's address, and comes by there.
    let base = (address & !4095) - 4096;
    let file = program(&idle_program(base, 3 * 4096));
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    let end_of_list = core::ptr::null();
    // The exec is no event, of which one could be told.
    let (_guard, at) = seized(Options::empty(), || {
        let arguments = [path.as_ptr().cast(), end_of_list];
        // SAFETY: C strings, and null at the end.
        unsafe {
            rawipc_test_execve(
                path.as_ptr().cast(),
                arguments.as_ptr(),
                &raw const end_of_list,
            )
        };
        1
    });
    let (_, after) = step_over(at, address as usize);
    assert_eq!(after.registers().unwrap().pc(), base as usize + HEADERS);
    assert_eq!(end(after.cont(None).unwrap()), State::Exited(9));
}

/// Where the code of a program of 32 bits is.
const NARROW: u32 = 0x0804_8000 + 52 + 32;

/// A child before the first instruction of a program of 32 bits that consists of this.
///
/// `None`: this kernel executes none.
fn narrow(code: &[u8]) -> Option<(Guard, Stopped)> {
    const BASE: u32 = 0x0804_8000;
    let len = NARROW - BASE + code.len() as u32;
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([2, 0, 3, 0, 1, 0, 0, 0]);
    for word in [NARROW, 52, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([52, 0, 32, 0, 1, 0, 40, 0, 0, 0, 0, 0]);
    for word in [1, 0, BASE, BASE, len, len, 5, 4096] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(code);
    let file = program(&bytes);
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    let end_of_list = core::ptr::null();
    let guard = child(|| {
        if trace::traceme().is_err() {
            return 100;
        }
        let arguments = [path.as_ptr().cast(), end_of_list];
        // SAFETY: C strings, and null at the end.
        unsafe {
            rawipc_test_execve(
                path.as_ptr().cast(),
                arguments.as_ptr(),
                &raw const end_of_list,
            )
        };
        101
    });
    let report = trace::adopt(guard.pid, Options::KILL_ON_EXIT)
        .wait()
        .unwrap();
    if report.ended() == Some(State::Exited(101)) {
        eprintln!("skipped: this kernel executes no programs of 32 bits");
        return None;
    }
    Some((guard, stopped(report)))
}

#[test]
fn breakpoint_in_program_of_32_bits_is_left() {
    let _check = LeakCheck::begin();
    let code = [
        0x90, 0x90, // nop
        0xbb, 7, 0, 0, 0, // mov ebx, 7
        0xb8, 1, 0, 0, 0, // mov eax, exit
        0xcd, 0x80, // int 0x80
    ];
    let Some((_guard, at)) = narrow(&code) else {
        return;
    };
    let (breakpoint, after) = step_over(at, NARROW as usize + 1);
    breakpoint.remove(&after).unwrap();
    assert_eq!(end(after.cont(None).unwrap()), State::Exited(7));
}

#[test]
fn hidden_step_in_program_of_32_bits_does_not_show_the_trap_flag() {
    let _check = LeakCheck::begin();
    let code = [
        0x9c, // pushf
        0x40, // inc eax, which would be a prefix
        0x9d, // popf
        0x9c, // pushf
        0x5b, // pop ebx
        0xc1, 0xeb, 8, // shr ebx, 8
        0x83, 0xe3, 1, // and ebx, 1
        0x83, 0xc3, 7, // add ebx, 7
        0xb8, 1, 0, 0, 0, // mov eax, exit
        0xcd, 0x80, // int 0x80
    ];
    let Some((_guard, mut at)) = narrow(&code) else {
        return;
    };
    let state = loop {
        match at.step_hidden(None).unwrap() {
            Report::Stopped(next) => at = next,
            Report::Ended(ended) => break ended.state,
        }
    };
    assert_eq!(state, State::Exited(7));
}

/// Code of this process, and its children, that they may not write.
struct Code(usize);

impl Code {
    const LEN: usize = 256 << 10;

    fn new() -> Self {
        // SAFETY: a new mapping.
        let place = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                Self::LEN,
                libc::PROT_READ | libc::PROT_EXEC,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(place, libc::MAP_FAILED);
        Self(place.addr())
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: the mapping made here.
        unsafe { libc::munmap(core::ptr::with_exposed_provenance_mut(self.0), Self::LEN) };
    }
}

#[test]
fn much_is_written_into_code_that_may_not_be_written() {
    let _check = LeakCheck::begin();
    let code = Code::new();
    let (_guard, at) = seized(Options::empty(), || 3);
    let bytes: Vec<u8> = (0..Code::LEN)
        .map(|index| (index * 7 + index / 251) as u8)
        .collect();
    let bytes = &bytes[3..];
    assert_eq!(at.write(code.0 + 3, bytes), Ok(bytes.len()));
    let mut read = vec![0; bytes.len()];
    assert_eq!(at.read(code.0 + 3, &mut read), Ok(bytes.len()));
    assert_eq!(read, bytes);
    assert_eq!(end(at.cont(Some(Signal::CHILD)).unwrap()), State::Exited(3));
}

/// Writes all of the code of a child, as a tracer that is itself a child: 1 if all is well.
fn write_much(code: usize, bytes: &[u8]) -> i32 {
    // SAFETY: the child only sleeps.
    let traced = match unsafe { process::fork() } {
        Ok(Fork::Child) => {
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            loop {
                // SAFETY: no memory is involved.
                unsafe { libc::pause() };
            }
        }
        Ok(Fork::Parent(traced)) => traced,
        Err(_) => return 2,
    };
    let write = || {
        let running = trace::seize(traced, Options::KILL_ON_EXIT)?;
        running.interrupt()?;
        let at = running.wait()?.stopped().map_err(|_| Errno::SRCH)?;
        mark();
        let written = at.write(code, bytes);
        mark();
        at.kill().wait_end()?;
        Ok::<_, Errno>(written == Ok(bytes.len()))
    };
    i32::from(write() == Ok(true))
}

#[test]
fn writing_much_into_code_takes_few_system_calls() {
    let _check = LeakCheck::begin();
    let code = Code::new();
    let bytes = vec![0x90; Code::LEN];
    let (_guard, at) = seized(Options::empty(), || write_much(code.0, &bytes));
    let (state, calls) = calls_between_marks(at);
    assert_eq!(state, State::Exited(1));
    // Word by word it would be two for each; this has room for a call for each page.
    assert!((1..=100).contains(&calls), "{calls} system calls");
}
