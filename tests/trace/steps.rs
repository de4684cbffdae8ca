//! Single steps, breakpoints and watchpoints: each is there exactly as often as it
//! should be.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use crate::support;

use core::arch::global_asm;

use rawipc::process::{self, State};
use rawipc::trace::{
    self, Access, Breakpoint, Error, Event, HARDWARE_SLOTS, Length, Options, Report, Stop, Stopped,
    Trap, Watch,
};
use rawipc::{Errno, Signal, signal};
use support::LeakCheck;
use support::tracee::{calls_between_marks, end, killed_by, mark, next, seized, stopped};

// A loop of 1,000 rounds, and a function that does nothing.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".global rawipc_test_loop",
    ".global rawipc_test_loop_body",
    ".global rawipc_test_loop_end",
    ".global rawipc_test_nothing",
    "rawipc_test_loop:",
    "mov ecx, 1000",
    "rawipc_test_loop_body:",
    "dec ecx",
    "jnz rawipc_test_loop_body",
    "rawipc_test_loop_end:",
    "ret",
    "rawipc_test_nothing:",
    "nop",
    "ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".global rawipc_test_loop",
    ".global rawipc_test_loop_body",
    ".global rawipc_test_loop_end",
    ".global rawipc_test_nothing",
    "rawipc_test_loop:",
    "mov w9, #1000",
    "rawipc_test_loop_body:",
    "subs w9, w9, #1",
    "b.ne rawipc_test_loop_body",
    "rawipc_test_loop_end:",
    "ret",
    "rawipc_test_nothing:",
    "nop",
    "ret",
);

/// How often the loop goes round.
const ROUNDS: usize = 1000;

/// The first instruction, and two each time round.
const INSTRUCTIONS: usize = 1 + 2 * ROUNDS;

unsafe extern "C" {
    fn rawipc_test_loop();
    fn rawipc_test_loop_body();
    fn rawipc_test_loop_end();
    fn rawipc_test_nothing();
}

fn address(function: unsafe extern "C" fn()) -> usize {
    function as *const () as usize
}

/// In a child.
fn run_loop() {
    // SAFETY: it changes a register that a function may, and returns.
    unsafe { rawipc_test_loop() };
}

/// In a child.
fn call_nothing() {
    // SAFETY: it returns.
    unsafe { rawipc_test_nothing() };
}

/// Steps to the beginning of the loop.
fn at_loop(mut at: Stopped) -> Stopped {
    while at.registers().unwrap().pc() != address(rawipc_test_loop) {
        at = next(at.step(None).unwrap());
    }
    at
}

#[test]
fn steps_of_a_loop_are_counted_exactly() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), || {
        run_loop();
        9
    });
    let mut at = at_loop(at);
    for step in 0..INSTRUCTIONS {
        let pc = at.registers().unwrap().pc();
        assert_ne!(pc, address(rawipc_test_loop_end), "step {step}");
        at = next(at.step(None).unwrap());
        assert_eq!(at.stop(), Stop::Trap);
        assert_eq!(at.trap(), Ok(Some(Trap::Step)));
    }
    let pc = at.registers().unwrap().pc();
    assert_eq!(pc, address(rawipc_test_loop_end));
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(9));
}

#[test]
fn step_block_stops_at_branches() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), || {
        run_loop();
        9
    });
    let mut at = at_loop(at);
    let mut blocks = 0;
    let body = address(rawipc_test_loop_body);
    loop {
        let running = match at.step_block(None) {
            Ok(running) => running,
            Err(refused) => {
                assert_eq!(refused.errno, Errno::IO);
                skipped!("no block steps on this machine");
                return;
            }
        };
        at = next(running);
        assert_eq!(at.stop(), Stop::Trap);
        let pc = at.registers().unwrap().pc();
        let inside = body..=address(rawipc_test_loop_end);
        if !inside.contains(&pc) {
            break;
        }
        blocks += 1;
        assert!(blocks <= INSTRUCTIONS);
        if blocks < ROUNDS && pc != body {
            // The processor of a virtual machine may not have the register for it.
            skipped!("block steps are single steps here");
            return;
        }
    }
    // The last time round it does not branch, and goes on to the return.
    assert_eq!(blocks, ROUNDS - 1);
}

#[test]
fn step_over_a_system_call_is_one_step() {
    let _check = LeakCheck::begin();
    let (_guard, mut at) = seized(Options::empty(), || {
        // SAFETY: no memory is involved.
        let parent = unsafe { libc::syscall(libc::SYS_getppid) };
        i32::from(parent > 0)
    });
    // The instruction before each stop, until the one that makes the call.
    let mut calls = 0;
    loop {
        let before = at.registers().unwrap();
        let mut instruction = [0; 4];
        at.read(before.pc(), &mut instruction).unwrap();
        let is_call = if cfg!(target_arch = "x86_64") {
            instruction.starts_with(&[0x0f, 0x05])
        } else {
            instruction == 0xd400_0001_u32.to_le_bytes()
        };
        at = match at.step(None).unwrap().wait().unwrap() {
            Report::Stopped(at) => at,
            Report::Ended(ended) => {
                // exit_group does not return.
                assert_eq!(ended.state, State::Exited(1));
                break;
            }
        };
        assert_eq!(at.stop(), Stop::Trap);
        assert_eq!(at.trap(), Ok(Some(Trap::Step)));
        if is_call {
            calls += 1;
            let after = at.registers().unwrap();
            let length = instruction.len() / if cfg!(target_arch = "x86_64") { 2 } else { 1 };
            assert_eq!(after.pc(), before.pc() + length);
            let parent = rustix::process::getpid().as_raw_pid() as u64;
            assert_eq!(after.result(), parent);
        }
    }
    assert_eq!(calls, 1);
}

/// Makes `STEPS` steps of a child, as a tracer that is itself a child: 1 if all is well.
fn trace_a_child() -> i32 {
    // SAFETY: the child only runs in circles.
    let traced = match unsafe { process::fork() } {
        Ok(process::Fork::Child) => {
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            loop {
                core::hint::spin_loop();
            }
        }
        Ok(process::Fork::Parent(traced)) => traced,
        Err(_) => return 2,
    };
    let steps = || {
        let running = trace::seize(traced, Options::KILL_ON_EXIT)?;
        running.interrupt()?;
        let mut report = running.wait()?;
        mark();
        for _ in 0..STEPS {
            report = match report {
                Report::Stopped(at) => at.step(None)?.wait()?,
                Report::Ended(_) => return Err(Errno::SRCH),
            };
        }
        mark();
        match report {
            Report::Stopped(at) => Ok(at.kill().wait_end()?.state),
            Report::Ended(ended) => Ok(ended.state),
        }
    };
    i32::from(steps() == Ok(killed_by(Signal::KILL)))
}

const STEPS: usize = 100;

#[test]
fn step_takes_two_system_calls() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), trace_a_child);
    let (state, calls) = calls_between_marks(at);
    assert_eq!((state, calls), (State::Exited(1), 2 * STEPS));
}

#[test]
fn breakpoint_is_hit_each_time() {
    let _check = LeakCheck::begin();
    const CALLS: usize = 137;
    let (_guard, mut at) = seized(Options::empty(), || {
        for _ in 0..CALLS {
            call_nothing();
        }
        run_loop();
        10
    });
    let on_call = Breakpoint::insert(&at, address(rawipc_test_nothing)).unwrap();
    let in_loop = Breakpoint::insert(&at, address(rawipc_test_loop_body)).unwrap();
    assert_eq!(on_call.address(), address(rawipc_test_nothing));
    assert!(!on_call.is_hit(&at).unwrap());
    let mut hits = [0; 2];
    let state = loop {
        at = match at.cont(None).unwrap().wait().unwrap() {
            Report::Stopped(at) => at,
            Report::Ended(ended) => break ended.state,
        };
        assert_eq!(at.trap(), Ok(Some(Trap::Breakpoint)));
        for (breakpoint, hits) in [on_call, in_loop].iter().zip(&mut hits) {
            if breakpoint.is_hit(&at).unwrap() {
                *hits += 1;
                at = stopped(breakpoint.step_over(at).unwrap());
                assert_eq!(at.trap(), Ok(Some(Trap::Step)));
            }
        }
    };
    assert_eq!((hits, state), ([CALLS, ROUNDS], State::Exited(10)));
}

#[test]
fn removed_breakpoint_is_not_hit() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), || {
        for _ in 0..20 {
            call_nothing();
        }
        10
    });
    let breakpoint = Breakpoint::insert(&at, address(rawipc_test_nothing)).unwrap();
    let at = next(at.cont(None).unwrap());
    assert!(breakpoint.is_hit(&at).unwrap());
    breakpoint.rewind(&at).unwrap();
    breakpoint.remove(&at).unwrap();
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(10));

    // Nowhere there can be none.
    let (_guard, at) = seized(Options::empty(), || 10);
    let nowhere = Breakpoint::insert(&at, 0);
    assert_eq!(nowhere, Err(Error::Errno(Errno::IO)));
}

#[test]
fn step_over_interrupted_by_signal_keeps_the_breakpoint() {
    let _check = LeakCheck::begin();
    let (guard, at) = seized(Options::empty(), || {
        call_nothing();
        10
    });
    let breakpoint = Breakpoint::insert(&at, address(rawipc_test_nothing)).unwrap();
    let at = next(at.cont(None).unwrap());
    assert!(breakpoint.is_hit(&at).unwrap());
    guard.pidfd.send_signal(Signal::USR1).unwrap();
    let at = stopped(breakpoint.step_over(at).unwrap());
    assert_eq!(at.stop(), Stop::Signal(Signal::USR1));
    let at = next(at.cont(None).unwrap());
    assert!(breakpoint.is_hit(&at).unwrap());
    let at = stopped(breakpoint.step_over(at).unwrap());
    assert_eq!(at.stop(), Stop::Trap);
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(10));
}

#[test]
fn tracee_killed_at_breakpoint_ends() {
    let _check = LeakCheck::begin();
    let (guard, at) = seized(Options::empty(), || {
        call_nothing();
        10
    });
    let breakpoint = Breakpoint::insert(&at, address(rawipc_test_nothing)).unwrap();
    let at = next(at.cont(None).unwrap());
    guard.kill();
    assert_eq!(breakpoint.is_hit(&at), Err(Error::Gone));
    assert_eq!(breakpoint.remove(&at), Err(Error::Gone));
    let report = breakpoint.step_over(at).unwrap();
    assert_eq!(report.ended(), Some(killed_by(Signal::KILL)));
}

#[test]
fn exec_removes_breakpoints() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::EXEC, || {
        let arguments = [c"true".as_ptr(), core::ptr::null()];
        // SAFETY: C strings, and null at the end.
        unsafe { libc::execv(c"/bin/true".as_ptr(), arguments.as_ptr()) };
        101
    });
    let breakpoint = Breakpoint::insert(&at, address(rawipc_test_nothing)).unwrap();
    let at = next(at.cont(None).unwrap());
    assert!(matches!(at.event(), Some(Event::Exec { .. })));
    assert!(!breakpoint.is_hit(&at).unwrap());
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(0));
}

/// What the watched tests watch; a child's copy is its own.
#[repr(align(64))]
struct Watched(core::cell::UnsafeCell<[u64; 8]>);

// SAFETY: only children touch it, each its own copy.
unsafe impl Sync for Watched {}

static WATCHED: Watched = Watched(core::cell::UnsafeCell::new([0; 8]));

impl Watched {
    fn address(index: usize) -> usize {
        WATCHED.0.get().cast::<u64>().addr() + 8 * index
    }

    fn write(index: usize, value: u64) {
        let place = WATCHED.0.get().cast::<u64>();
        // SAFETY: within, and nobody refers to it.
        unsafe { place.wrapping_add(index).write_volatile(value) };
    }

    fn read(index: usize) -> u64 {
        let place = WATCHED.0.get().cast::<u64>();
        // SAFETY: within, and nobody refers to it.
        unsafe { place.wrapping_add(index).read_volatile() }
    }
}

/// Whether this machine has what the tests of it need.
fn has_watches(at: &Stopped) -> bool {
    match at.watch(0) {
        Ok(watch) => {
            assert_eq!(watch, None);
            true
        }
        Err(error) => {
            assert_eq!(error, Error::Errno(Errno::OPNOTSUPP));
            skipped!("no debug registers on this machine");
            false
        }
    }
}

/// Whether this machine is one that a hypervisor makes. Some do not keep the debug status of
/// a processor that is stepping and then not: what is in it at the next hit is from before.
fn is_virtual() -> bool {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    processors
        .split_whitespace()
        .any(|flag| flag == "hypervisor")
}

#[test]
fn watchpoint_is_hit_each_time() {
    let _check = LeakCheck::begin();
    let (_guard, mut at) = seized(Options::empty(), || {
        let mut sum = 0;
        for round in 0..100 {
            Watched::write(0, round);
            Watched::write(1, round);
            sum += Watched::read(1);
            Watched::write(2, sum);
            Watched::write(3, round);
            call_nothing();
        }
        12
    });
    if !has_watches(&at) {
        return;
    }
    let watches = [
        Watch::write(Watched::address(0), Length::Eight),
        Watch::read_write(Watched::address(1), Length::Four),
        Watch::execute(address(rawipc_test_nothing)),
        // The first byte alone, which every write of the whole touches.
        Watch::write(Watched::address(3), Length::One),
    ];
    for (slot, &watch) in watches.iter().enumerate() {
        match at.set_watch(slot, Some(watch)) {
            Ok(()) => {}
            Err(Error::Errno(Errno::NOSPC)) => {
                skipped!("others use the debug registers");
                return;
            }
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(at.watch(slot), Ok(Some(watch)));
    }
    assert!(at.hits().unwrap().is_empty());
    let (mut hits, mut lost) = ([0; HARDWARE_SLOTS], 0);
    let state = loop {
        at = match at.cont(None).unwrap().wait().unwrap() {
            Report::Stopped(at) => at,
            Report::Ended(ended) => break ended.state,
        };
        let trap = at.trap().unwrap();
        let seen = at.hits().unwrap();
        if trap == Some(Trap::Step) && is_virtual() {
            lost += 1;
            continue;
        }
        assert_eq!(trap, Some(Trap::Hardware));
        assert!(!seen.is_empty());
        assert!(at.hits().unwrap().is_empty());
        for (slot, hits) in hits.iter_mut().enumerate() {
            *hits += usize::from(seen.slot(slot));
        }
        assert!(!seen.slot(HARDWARE_SLOTS));
        if seen.slot(2) {
            // Before it is executed.
            let pc = at.registers().unwrap().pc();
            assert_eq!(pc, address(rawipc_test_nothing));
        }
    };
    let expected = [100, 200, 100, 100];
    assert_eq!(state, State::Exited(12));
    if lost == 0 {
        assert_eq!(hits, expected);
    } else {
        eprintln!("this virtual machine lost {lost} times which watch it was");
        assert!(lost <= 5);
        assert!(hits.iter().zip(&expected).all(|(hits, all)| hits <= all));
        assert_eq!(hits.iter().sum::<usize>() + lost, expected.iter().sum());
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn step_that_hits_a_watch_is_told_as_the_watch() {
    let _check = LeakCheck::begin();
    let (_guard, mut at) = seized(Options::empty(), || {
        // SAFETY: it writes to what nobody refers to, and makes a system call that touches
        // no memory.
        unsafe {
            core::arch::asm!(
                "mov qword ptr [{place}], 1",
                "syscall",
                place = in(reg) Watched::address(0),
                inlateout("rax") libc::SYS_getppid => _,
                out("rcx") _,
                out("r11") _,
            );
        }
        12
    });
    if !has_watches(&at) {
        return;
    }
    let watch = Watch::write(Watched::address(0), Length::Eight);
    at.set_watch(0, Some(watch)).unwrap();
    loop {
        at = next(at.step(None).unwrap());
        match at.trap().unwrap() {
            Some(Trap::Step) => {}
            other => {
                assert_eq!(other, Some(Trap::Hardware));
                break;
            }
        }
    }
    // Asked or not, it is of that step alone; the next is one over a system call.
    at = next(at.step(None).unwrap());
    assert_eq!(at.trap(), Ok(Some(Trap::Step)));
    assert!(at.hits().unwrap().slot(0), "not asked for before");
    assert!(at.hits().unwrap().is_empty());
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(12));
}

#[test]
fn removed_and_invalid_watchpoints_are_not_hit() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::FORK, || {
        // SAFETY: both only make system calls.
        let fork = unsafe { process::fork() };
        match fork {
            Ok(process::Fork::Child) => {
                Watched::write(0, 1);
                process::exit(1)
            }
            Ok(process::Fork::Parent(child)) => {
                let _ = process::wait(child, process::WaitFlags::EXITED);
            }
            Err(_) => return 103,
        }
        Watched::write(0, 1);
        let _ = signal::raise(Signal::STOP);
        Watched::write(0, 2);
        12
    });
    if !has_watches(&at) {
        return;
    }
    let invalid = Err(Error::Errno(Errno::INVAL));
    let watch = Watch::write(Watched::address(0), Length::Eight);
    assert_eq!(at.set_watch(HARDWARE_SLOTS, Some(watch)), invalid);
    assert_eq!(at.set_watch(usize::MAX, None), invalid);
    assert_eq!(at.watch(HARDWARE_SLOTS).map(drop), invalid);
    let uneven = Watch::write(Watched::address(0) + 1, Length::Four);
    assert_eq!(at.set_watch(0, Some(uneven)), invalid);
    let long = Watch {
        address: address(rawipc_test_nothing),
        access: Access::Execute,
        length: Length::Four,
    };
    assert_eq!(at.set_watch(0, Some(long)), invalid);
    let of_kernel = Watch::write(0xffff_ffff_8000_0000, Length::Eight);
    assert_eq!(at.set_watch(1, Some(of_kernel)), invalid);
    for slot in 0..HARDWARE_SLOTS {
        assert_eq!(at.watch(slot), Ok(None));
    }

    at.set_watch(3, Some(watch)).unwrap();
    // In its place another.
    let other = Watch::read_write(Watched::address(1), Length::Two);
    at.set_watch(3, Some(other)).unwrap();
    assert_eq!(at.watch(3), Ok(Some(other)));
    at.set_watch(3, Some(watch)).unwrap();

    // The child has none.
    let at = next(at.cont(None).unwrap());
    let Some(Event::Fork(child)) = at.event() else {
        panic!("{:?}", at.stop());
    };
    let new = next(rawipc::trace::adopt(child, Options::KILL_ON_EXIT));
    assert_eq!(new.watch(3), Ok(None));
    // And those that it gets do not bring others back.
    new.set_watch(0, Some(other)).unwrap();
    assert_eq!(new.watch(0), Ok(Some(other)));
    new.set_watch(0, None).unwrap();
    assert_eq!(new.watch(3), Ok(None));
    assert_eq!(end(new.cont(None).unwrap()), State::Exited(1));

    let at = next(at.cont(None).unwrap());
    assert_eq!(at.stop(), Stop::Signal(Signal::CHILD));
    let at = next(at.cont(None).unwrap());
    assert_eq!(at.trap(), Ok(Some(Trap::Hardware)));
    assert!(at.hits().unwrap().slot(3));
    let at = next(at.cont(None).unwrap());
    assert_eq!(at.stop(), Stop::Signal(Signal::STOP));
    at.set_watch(3, None).unwrap();
    assert_eq!(end(at.cont(None).unwrap()), State::Exited(12));
}

#[test]
fn breakpoint_of_the_program_is_reported_as_such() {
    let _check = LeakCheck::begin();
    let (_guard, at) = seized(Options::empty(), || {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: ends the process by SIGTRAP, or does nothing.
        unsafe {
            core::arch::asm!("int3")
        };
        #[cfg(target_arch = "aarch64")]
        // SAFETY: ends the process by SIGTRAP.
        unsafe {
            core::arch::asm!("brk #0")
        };
        13
    });
    let at = next(at.cont(None).unwrap());
    assert_eq!((at.stop(), at.signal()), (Stop::Trap, None));
    assert_eq!(at.trap(), Ok(Some(Trap::Breakpoint)));
    assert!(matches!(
        end(at.cont(Some(Signal::TRAP)).unwrap()),
        State::Signalled {
            signal: Signal::TRAP,
            ..
        }
    ));
}
