//! Tracing: `ptrace(2)`, one function per request.
//!
//! A request that writes the tracee's memory or registers changes another process,
//! which is no more a matter of this one's memory than writing to a file is. (A thread
//! cannot trace its own process.)

use core::mem::{MaybeUninit, offset_of, size_of};

use linux_raw_sys::general::{__NR_ptrace, iovec};
use linux_raw_sys::ptrace::{
    PTRACE_ATTACH, PTRACE_CONT, PTRACE_DETACH, PTRACE_GET_RSEQ_CONFIGURATION,
    PTRACE_GET_SYSCALL_INFO, PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, PTRACE_GETEVENTMSG,
    PTRACE_GETREGSET, PTRACE_GETSIGINFO, PTRACE_GETSIGMASK, PTRACE_INTERRUPT, PTRACE_LISTEN,
    PTRACE_PEEKDATA, PTRACE_PEEKSIGINFO, PTRACE_PEEKSIGINFO_SHARED, PTRACE_PEEKUSR,
    PTRACE_POKEDATA, PTRACE_POKEUSR, PTRACE_SEIZE, PTRACE_SET_SYSCALL_INFO, PTRACE_SETOPTIONS,
    PTRACE_SETREGSET, PTRACE_SETSIGINFO, PTRACE_SETSIGMASK, PTRACE_SINGLESTEP, PTRACE_SYSCALL,
    PTRACE_TRACEME, ptrace_peeksiginfo_args, ptrace_rseq_configuration, ptrace_sud_config,
    ptrace_syscall_info,
};
use static_assertions::const_assert_eq;

use super::check;
use super::signal::Siginfo;
use crate::arch::trace::Registers;
use crate::{Errno, Pid, Result, arch};

/// The general registers: `NT_PRSTATUS`.
const NT_PRSTATUS: u32 = 1;

/// How a tracee is set going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Resume {
    Cont = PTRACE_CONT,
    Step = PTRACE_SINGLESTEP,
    Syscall = PTRACE_SYSCALL,
    // Not every machine's headers name these; their kernels refuse them.
    Sysemu = 31,
    SysemuStep = 32,
    BlockStep = 33,
}

/// `struct ptrace_syscall_info`, the union as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct SyscallInfo {
    pub(crate) op: u8,
    pub(crate) reserved: u8,
    pub(crate) flags: u16,
    pub(crate) arch: u32,
    pub(crate) instruction_pointer: u64,
    pub(crate) stack_pointer: u64,
    /// The entry's number and arguments and, of seccomp, in the low half of the last
    /// what the filter says; or the exit's result, and in the lowest byte of the
    /// second whether it is an error.
    pub(crate) words: [u64; 8],
}

const_assert_eq!(size_of::<SyscallInfo>(), size_of::<ptrace_syscall_info>());
const_assert_eq!(size_of::<SyscallInfo>(), 88);
const_assert_eq!(
    offset_of!(SyscallInfo, words),
    offset_of!(ptrace_syscall_info, __bindgen_anon_1)
);

const_assert_eq!(size_of::<ptrace_peeksiginfo_args>(), 16);
const_assert_eq!(size_of::<ptrace_rseq_configuration>(), 24);
const_assert_eq!(size_of::<ptrace_sud_config>(), 32);

/// `ptrace(2)`.
///
/// # Safety
///
/// What the request reads or writes of this process's memory must be there.
unsafe fn ptrace(request: u32, tid: Option<Pid>, address: usize, data: usize) -> Result<usize> {
    // SAFETY: the caller answers for the memory.
    let raw = unsafe {
        arch::syscall4(
            __NR_ptrace as usize,
            request as usize,
            super::pid::number_or_zero(tid)? as usize,
            address,
            data,
        )
    };
    check(raw)
}

/// A request whose two arguments are numbers.
fn plain(request: u32, tid: Pid, address: usize, data: usize) -> Result<()> {
    // SAFETY: all who call this name requests that touch none of this process's memory.
    unsafe { ptrace(request, Some(tid), address, data) }.map(drop)
}

pub(crate) fn traceme() -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { ptrace(PTRACE_TRACEME, None, 0, 0) }.map(drop)
}

pub(crate) fn attach(tid: Pid) -> Result<()> {
    plain(PTRACE_ATTACH, tid, 0, 0)
}

pub(crate) fn seize(tid: Pid, options: u32) -> Result<()> {
    plain(PTRACE_SEIZE, tid, 0, options as usize)
}

pub(crate) fn interrupt(tid: Pid) -> Result<()> {
    plain(PTRACE_INTERRUPT, tid, 0, 0)
}

pub(crate) fn listen(tid: Pid) -> Result<()> {
    plain(PTRACE_LISTEN, tid, 0, 0)
}

/// `PTRACE_CONT` and its relatives; 0 as the signal for none.
#[inline]
pub(crate) fn resume(how: Resume, tid: Pid, signal: i32) -> Result<()> {
    plain(how as u32, tid, 0, signal as usize)
}

/// `PTRACE_DETACH`; 0 as the signal for none.
pub(crate) fn detach(tid: Pid, signal: i32) -> Result<()> {
    plain(PTRACE_DETACH, tid, 0, signal as usize)
}

pub(crate) fn setoptions(tid: Pid, options: u32) -> Result<()> {
    plain(PTRACE_SETOPTIONS, tid, 0, options as usize)
}

/// A request that writes one `T` to where its second argument says.
///
/// # Safety
///
/// It must do that, and a `T` of any bytes must be one.
unsafe fn get<T: Copy>(request: u32, tid: Pid, address: usize) -> Result<(T, usize)> {
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the kernel writes a T at most.
    let len = unsafe {
        ptrace(
            request,
            Some(tid),
            address,
            value.as_mut_ptr().expose_provenance(),
        )
    }?;
    // SAFETY: of any bytes, says the caller.
    Ok((unsafe { value.assume_init() }, len))
}

/// A request that reads one `T` from where its second argument says.
///
/// # Safety
///
/// It must read no more.
unsafe fn set<T>(request: u32, tid: Pid, address: usize, value: &T) -> Result<()> {
    let value = core::ptr::from_ref(value).expose_provenance();
    // SAFETY: the kernel reads a T at most, which is borrowed.
    unsafe { ptrace(request, Some(tid), address, value) }.map(drop)
}

pub(crate) fn geteventmsg(tid: Pid) -> Result<u64> {
    // SAFETY: a word.
    unsafe { get(PTRACE_GETEVENTMSG, tid, 0) }.map(|(message, _)| message)
}

pub(crate) fn getsiginfo(tid: Pid) -> Result<Siginfo> {
    // SAFETY: a siginfo_t, all integers.
    unsafe { get(PTRACE_GETSIGINFO, tid, 0) }.map(|(info, _)| info)
}

pub(crate) fn setsiginfo(tid: Pid, info: &Siginfo) -> Result<()> {
    // SAFETY: a siginfo_t.
    unsafe { set(PTRACE_SETSIGINFO, tid, 0, info) }
}

/// `PTRACE_PEEKSIGINFO`: the signals from the one at `from` on, and how many they are.
pub(crate) fn peeksiginfo(
    tid: Pid,
    of_process: bool,
    from: u64,
    infos: &mut [Siginfo],
) -> Result<usize> {
    let args = ptrace_peeksiginfo_args {
        off: from,
        flags: if of_process {
            PTRACE_PEEKSIGINFO_SHARED
        } else {
            0
        },
        nr: i32::try_from(infos.len()).unwrap_or(i32::MAX),
    };
    // SAFETY: the kernel reads the arguments, and writes at most as many as it is told.
    unsafe {
        ptrace(
            PTRACE_PEEKSIGINFO,
            Some(tid),
            core::ptr::from_ref(&args).expose_provenance(),
            infos.as_mut_ptr().expose_provenance(),
        )
    }
}

pub(crate) fn getsigmask(tid: Pid) -> Result<u64> {
    // SAFETY: the kernel's signal set, whose size the first argument is.
    unsafe { get(PTRACE_GETSIGMASK, tid, size_of::<u64>()) }.map(|(mask, _)| mask)
}

pub(crate) fn setsigmask(tid: Pid, mask: u64) -> Result<()> {
    // SAFETY: the kernel's signal set, whose size the first argument is.
    unsafe { set(PTRACE_SETSIGMASK, tid, size_of::<u64>(), &mask) }
}

fn vector(bytes: *const u8, len: usize) -> iovec {
    // The kernel gets to them behind the compiler's back.
    let _ = bytes.expose_provenance();
    iovec {
        iov_base: bytes.cast_mut().cast(),
        iov_len: len as _,
    }
}

/// `PTRACE_GETREGSET`: how many bytes of the set there are in `bytes` now.
pub(crate) fn getregset(tid: Pid, set: u32, bytes: &mut [u8]) -> Result<usize> {
    let mut vector = vector(bytes.as_mut_ptr(), bytes.len());
    let place = core::ptr::from_mut(&mut vector).expose_provenance();
    // SAFETY: the kernel writes at most as many bytes as it is told, and their number.
    unsafe { ptrace(PTRACE_GETREGSET, Some(tid), set as usize, place) }?;
    Ok(vector.iov_len as usize)
}

/// `PTRACE_SETREGSET`: how many of the bytes the kernel took.
pub(crate) fn setregset(tid: Pid, set: u32, bytes: &[u8]) -> Result<usize> {
    let mut vector = vector(bytes.as_ptr(), bytes.len());
    let place = core::ptr::from_mut(&mut vector).expose_provenance();
    // SAFETY: the kernel reads at most as many bytes as it is told, and writes their
    // number.
    unsafe { ptrace(PTRACE_SETREGSET, Some(tid), set as usize, place) }?;
    Ok(vector.iov_len as usize)
}

/// `PTRACE_GETREGSET` of the general registers. [`Errno::NOEXEC`] of a program of
/// another machine (a 32-bit one), whose registers are others.
#[inline]
pub(crate) fn getregs(tid: Pid) -> Result<Registers> {
    let mut registers = Registers::default();
    let mut vector = vector(
        core::ptr::from_mut(&mut registers).cast(),
        size_of::<Registers>(),
    );
    let place = core::ptr::from_mut(&mut vector).expose_provenance();
    // SAFETY: the kernel writes at most as many bytes as the registers have, which are
    // all integers, and their number.
    unsafe { ptrace(PTRACE_GETREGSET, Some(tid), NT_PRSTATUS as usize, place) }?;
    if vector.iov_len as usize == size_of::<Registers>() {
        Ok(registers)
    } else {
        Err(Errno::NOEXEC)
    }
}

/// `PTRACE_SETREGSET` of the general registers.
#[inline]
pub(crate) fn setregs(tid: Pid, registers: &Registers) -> Result<()> {
    let mut vector = vector(
        core::ptr::from_ref(registers).cast(),
        size_of::<Registers>(),
    );
    let place = core::ptr::from_mut(&mut vector).expose_provenance();
    // SAFETY: the kernel reads at most as many bytes as the registers have, which are
    // borrowed, and writes their number.
    unsafe { ptrace(PTRACE_SETREGSET, Some(tid), NT_PRSTATUS as usize, place) }?;
    Ok(())
}

/// `PTRACE_PEEKDATA`, which is `PTRACE_PEEKTEXT`.
pub(crate) fn peekdata(tid: Pid, address: usize) -> Result<usize> {
    // SAFETY: a word.
    unsafe { get(PTRACE_PEEKDATA, tid, address) }.map(|(word, _)| word)
}

/// `PTRACE_POKEDATA`, which is `PTRACE_POKETEXT`.
pub(crate) fn pokedata(tid: Pid, address: usize, word: usize) -> Result<()> {
    plain(PTRACE_POKEDATA, tid, address, word)
}

pub(crate) fn peekuser(tid: Pid, offset: usize) -> Result<usize> {
    // SAFETY: a word.
    unsafe { get(PTRACE_PEEKUSR, tid, offset) }.map(|(word, _)| word)
}

pub(crate) fn pokeuser(tid: Pid, offset: usize, word: usize) -> Result<()> {
    plain(PTRACE_POKEUSR, tid, offset, word)
}

/// `PTRACE_GET_SYSCALL_INFO`. What the kernel does not say is 0.
pub(crate) fn get_syscall_info(tid: Pid) -> Result<SyscallInfo> {
    let size = size_of::<SyscallInfo>();
    // SAFETY: as many bytes as the first argument says, at most; all integers.
    unsafe { get(PTRACE_GET_SYSCALL_INFO, tid, size) }.map(|(info, _)| info)
}

pub(crate) fn set_syscall_info(tid: Pid, info: &SyscallInfo) -> Result<()> {
    // SAFETY: as many bytes as the first argument says.
    unsafe { set(PTRACE_SET_SYSCALL_INFO, tid, size_of::<SyscallInfo>(), info) }
}

pub(crate) fn get_rseq_configuration(tid: Pid) -> Result<ptrace_rseq_configuration> {
    let size = size_of::<ptrace_rseq_configuration>();
    // SAFETY: as many bytes as the first argument says, at most; all integers.
    unsafe { get(PTRACE_GET_RSEQ_CONFIGURATION, tid, size) }.map(|(rseq, _)| rseq)
}

pub(crate) fn get_syscall_user_dispatch_config(tid: Pid) -> Result<ptrace_sud_config> {
    let size = size_of::<ptrace_sud_config>();
    // SAFETY: as many bytes as the first argument says, at most; all integers.
    unsafe { get(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, size) }.map(|(config, _)| config)
}
