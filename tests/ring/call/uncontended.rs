//! While its clients are awake, a server makes no system call, nor while nobody asks; nor does a
//! client while its server is awake.

use core::ffi::{c_int, c_void};
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU8, Ordering};

use rawipc::ring::Error;
use rawipc::seccomp::{self, Action, Filter, InstallFlags};

use super::{PAGE, memory, small};
use crate::support::alone::{Half, alone};
use crate::support::uncontended::{TIMES, forbid_calls, holds};
use crate::support::{Child, limit};

/// The word of a slot in which a member of this number asks, who does not sleep.
fn asked(member: u64, lap: u64) -> u64 {
    member << 42 | 1 << 30 | lap
}

#[test]
fn requests_of_who_is_awake_make_no_system_call() {
    alone(test_name!(), || {
        let service = small(2);
        let memory = memory(&service);
        let deadline = limit();
        holds(|| {
            // To be detached it would have to make calls.
            let server = ManuallyDrop::new(get!(service.server()));
            let _client = ManuallyDrop::new(get!(service.client()));
            get!(forbid_calls());
            for lap in 0..TIMES {
                hold!(server.try_recv().err() == Some(Error::WouldBlock));
                // What a client does in another process.
                get!(memory.write(2 * PAGE, &lap));
                get!(memory.write(PAGE + 12, &8_u32));
                get!(memory.write(PAGE, &asked(2, lap)));
                let request = match lap % 3 {
                    0 => get!(server.recv()),
                    1 => get!(server.try_recv()),
                    _ => get!(server.recv_until(deadline)),
                };
                let mut bytes = [0; 8];
                get!(request.copy_to(&mut bytes));
                hold!(bytes == lap.to_ne_bytes());
                get!(request.respond(&(!lap).to_ne_bytes()));
                let response: u64 = get!(memory.read(2 * PAGE + 64));
                hold!(response == !lap);
            }
            Ok(())
        });
    });
}

/// What the first system call was that [`pretend`] has seen.
static FIRST: AtomicU8 = AtomicU8::new(NONE);
const NONE: u8 = 0;
const SLEEP: u8 = 1;
const OTHER: u8 = 2;

/// Takes the place of system calls: keeps the first one in mind, and has each return 0. Who sleeps is
/// woken at once, and who asks for a lock is told that somebody has it.
extern "C" fn pretend(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes it to a handler of this kind, which has it to itself.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    #[cfg(target_arch = "x86_64")]
    let (number, operation, result) = {
        let registers = &mut context.uc_mcontext.gregs;
        let operation = registers[libc::REG_RSI as usize];
        let rax = &mut registers[libc::REG_RAX as usize];
        (*rax, operation, rax)
    };
    #[cfg(target_arch = "aarch64")]
    let (number, operation, result) = {
        let registers = &mut context.uc_mcontext.regs;
        let (number, operation) = (registers[8] as i64, registers[1] as i64);
        (number, operation, &mut registers[0])
    };
    *result = 0;
    let waits = [libc::FUTEX_WAIT, libc::FUTEX_WAIT_BITSET].map(i64::from);
    let first = match number == libc::SYS_futex && waits.contains(&(operation & 0x7f)) {
        true => SLEEP,
        false => OTHER,
    };
    let _ = FIRST.compare_exchange(NONE, first, Ordering::Relaxed, Ordering::Relaxed);
}

/// From here on all system calls are pretended.
fn pretend_calls() -> Half {
    // SAFETY: plain data.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = pretend as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler changes an atomic and its own registers.
    hold!(unsafe { libc::sigaction(libc::SIGSYS, &raw const action, core::ptr::null_mut()) } == 0);
    let mut filter = Filter::<32>::new(Action::Trap(0));
    for allowed in [
        libc::SYS_exit_group,
        libc::SYS_write,
        libc::SYS_rt_sigreturn,
    ] {
        get!(filter.call(allowed as u32, Action::Allow));
    }
    get!(seccomp::set_no_new_privs());
    // SAFETY: what follows bears that calls do nothing.
    get!(unsafe { seccomp::install(&filter, InstallFlags::empty()) });
    Ok(())
}

/// A server that polls answers most calls while their client looks: then there was no call. Where it
/// was late the client lay down first.
#[test]
fn calls_to_who_is_awake_make_no_system_call() {
    alone(test_name!(), || {
        let service = small(2);
        let server = Child::fork(|| {
            let Ok(server) = service.server() else {
                return 1;
            };
            loop {
                let _ = match server.try_recv() {
                    Ok(request) => request.respond(&[7; 8]),
                    Err(error) => Err(error),
                };
            }
        });
        holds(|| {
            let client = ManuallyDrop::new(get!(service.client()));
            get!(pretend_calls());
            let mut unasked = 0;
            while unasked < 1000 {
                FIRST.store(NONE, Ordering::Relaxed);
                let mut response = [0; 8];
                hold!(client.call(&[1; 8], &mut response) == Ok(8));
                hold!(response == [7; 8]);
                match FIRST.load(Ordering::Relaxed) {
                    NONE => unasked += 1,
                    first => hold!(first == SLEEP),
                }
            }
            Ok(())
        });
        drop(server);
    });
}
