//! The same calls by hand: what the kernel asks for, the check for an error, and
//! nothing else. Each takes its arguments as C functions do and returns as libc's
//! do: -1 for an error, whose number is in `errno`.

use core::arch::naked_asm;
use core::sync::atomic::AtomicU32;

use linux_raw_sys::general::{
    __NR_futex, __NR_getppid, __NR_mq_timedreceive, __NR_mq_timedsend, __NR_msgrcv, __NR_msgsnd,
    __NR_read, __NR_recvfrom, __NR_semop, __NR_sendto, __NR_write, FUTEX_WAKE_OP,
};
use rawipc::Timespec;

pub(crate) static ERRNO: AtomicU32 = AtomicU32::new(0);

/// Defines functions whose arguments stand where the kernel wants them, but for the
/// fourth, after the instructions that are given.
macro_rules! calls {
    ($(
        $(#[$documentation:meta])*
        $name:ident($($argument:ident: $Type:ty),*) = $number:ident
            $(, before: $before:literal)* $(, after: $after:literal)*;
    )*) => {$(
        $(#[$documentation])*
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name($($argument: $Type),*) -> isize {
            naked_asm!(
                $($before,)*
                "mov eax, {number}",
                "syscall",
                $($after,)*
                "cmp rax, -4095",
                "jae 2f",
                "ret",
                "2:",
                "neg eax",
                "mov [rip + {errno}], eax",
                "mov rax, -1",
                "ret",
                number = const $number,
                errno = sym ERRNO,
            )
        }
    )*};
}

calls! {
    assembly_pipe_write(fd: i32, bytes: *const u8, len: usize) = __NR_write;
    assembly_pipe_read(fd: i32, buffer: *mut u8, room: usize) = __NR_read;
    assembly_msgsnd(id: i32, message: *const i64, len: usize, flags: i32) = __NR_msgsnd,
        before: "mov r10, rcx";
    assembly_msgrcv(id: i32, message: *mut i64, room: usize, kind: i64, flags: i32) = __NR_msgrcv,
        before: "mov r10, rcx";
    assembly_semop(id: i32, operations: *const [u16; 3], count: usize) = __NR_semop;
    assembly_mq_timedsend(
        queue: i32, bytes: *const u8, len: usize, priority: u32, until: *const Timespec
    ) = __NR_mq_timedsend, before: "mov r10, rcx";
    assembly_send(socket: i32, bytes: *const u8, len: usize, flags: i32) = __NR_sendto,
        before: "mov r10, rcx", before: "xor r8d, r8d", before: "xor r9d, r9d";
    assembly_recv(socket: i32, buffer: *mut u8, room: usize, flags: i32) = __NR_recvfrom,
        before: "mov r10, rcx", before: "xor r8d, r8d", before: "xor r9d, r9d";
    /// As glibc's function of this name: writes the 8 bytes of `amount`.
    assembly_eventfd_write(fd: i32, amount: u64) = __NR_write,
        before: "push rsi", before: "mov rsi, rsp", before: "mov edx, 8",
        after: "pop rcx";
    assembly_futex_wake(word: *const u32, count: u32) = __NR_futex,
        before: "mov edx, esi", before: "mov esi, 1"; // FUTEX_WAKE
}

/// What was received, as two registers.
#[repr(C)]
pub(crate) struct Got {
    pub(crate) len: isize,
    pub(crate) priority: u64,
}

/// Waits for as long as it takes.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn assembly_mq_receive(
    queue: i32,
    buffer: *mut u8,
    room: usize,
) -> Got {
    naked_asm!(
        "push 0",
        "mov r10, rsp",
        "xor r8d, r8d",
        "mov eax, {number}",
        "syscall",
        "pop rdx",
        "cmp rax, -4095",
        "jae 2f",
        "ret",
        "2:",
        "neg eax",
        "mov [rip + {errno}], eax",
        "mov rax, -1",
        "ret",
        number = const __NR_mq_timedreceive,
        errno = sym ERRNO,
    )
}

/// It cannot fail: there is nothing to check.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn assembly_getppid() -> i32 {
    naked_asm!("mov eax, {number}", "syscall", "ret", number = const __NR_getppid)
}

/// Posts to a semaphore of ours, whose word is twice its value, or 1 when somebody
/// sleeps. Returns 0, or -1.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn assembly_semaphore_post(word: *const u32) -> isize {
    naked_asm!(
        "mov eax, [rdi]",
        "2:",
        "cmp eax, 1",
        "je 3f",
        "cmp eax, {full}",
        "jae 4f",
        "lea ecx, [rax + 2]",
        "lock cmpxchg [rdi], ecx",
        "jne 2b",
        "xor eax, eax",
        "ret",
        "3:",
        "mov esi, {wake_op}",
        "mov edx, 0x7fffffff",
        "mov r10d, 0x7fffffff",
        "mov r8, rdi",
        "mov r9d, {add_two}",
        "mov eax, {futex}",
        "syscall",
        "cmp rax, -4095",
        "jae 4f",
        "xor eax, eax",
        "ret",
        "4:",
        "mov rax, -1",
        "ret",
        full = const 1_u32 << 30,
        wake_op = const FUTEX_WAKE_OP,
        // Adds 2, and wakes if the word was 1: what it was before.
        add_two = const (1_u32 << 28) | (2 << 12) | 1,
        futex = const __NR_futex,
    )
}

/// Takes a unit of such a semaphore: 1, or 0 when there is none.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn assembly_semaphore_try_wait(word: *const u32) -> i32 {
    naked_asm!(
        "mov eax, [rdi]",
        "2:",
        "cmp eax, 2",
        "jb 3f",
        "lea ecx, [rax - 2]",
        "and ecx, -2",
        "lock cmpxchg [rdi], ecx",
        "jne 2b",
        "mov eax, 1",
        "ret",
        "3:",
        "xor eax, eax",
        "ret",
    )
}
