//! `seccomp(2)`, and the calls on its listeners: `seccomp_unotify(2)`.

use core::mem::{offset_of, size_of};
use core::ptr;

use linux_raw_sys::general::{__NR_ioctl, __NR_seccomp};
use linux_raw_sys::ptrace::{
    SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_GET_ACTION_AVAIL, SECCOMP_GET_NOTIF_SIZES,
    SECCOMP_IOC_MAGIC, SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_STRICT, seccomp_data,
    seccomp_notif, seccomp_notif_addfd, seccomp_notif_resp, seccomp_notif_sizes,
};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use static_assertions::const_assert_eq;

use super::check;
use crate::{Errno, Result, arch};

/// One instruction of a filter, in the language of the classic Berkeley packet filter:
/// `struct sock_filter`.
///
/// A [`Filter`](crate::seccomp::Filter) writes them. Only who brings a filter from
/// elsewhere needs to know more of them.
///
/// # Examples
///
/// ```
/// use rawipc::seccomp::{Action, Filter, Instruction};
///
/// // The last instruction of a filter, as who writes one by hand writes it: BPF_RET | BPF_K.
/// let allow = Instruction { code: 0x06, operand: Action::Allow.word(), ..Instruction::default() };
/// let filter = Filter::<64>::new(Action::Allow);
/// assert!(filter.program().contains(&allow));
/// ```
#[doc(alias = "sock_filter")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Instruction {
    /// The operation.
    pub code: u16,
    /// The number of instructions to skip if the comparison holds.
    pub jump_true: u8,
    /// The number of instructions to skip if it does not.
    pub jump_false: u8,
    /// The operand.
    pub operand: u32,
}

const_assert_eq!(size_of::<Instruction>(), 8);
const_assert_eq!(offset_of!(Instruction, jump_true), 2);
const_assert_eq!(offset_of!(Instruction, jump_false), 3);
const_assert_eq!(offset_of!(Instruction, operand), 4);

/// A system call as filters and supervisors see it: `struct seccomp_data`.
///
/// # Examples
///
/// ```
/// use rawipc::seccomp::{Call, Syscall};
///
/// /// What a supervisor logs of a call.
/// fn describe(call: &Call) -> String {
///     if call.machine != Call::NATIVE {
///         return "a call of another convention".into();
///     }
///     if call.number == Syscall::CLOSE.number() {
///         return format!("closes descriptor {}", call.arguments[0]);
///     }
///     format!("call {}", call.number)
/// }
/// let arguments = [3, 0, 0, 0, 0, 0];
/// let number = Syscall::CLOSE.number();
/// let call = Call { number, machine: Call::NATIVE, instruction: 0, arguments };
/// assert_eq!(describe(&call), "closes descriptor 3");
/// ```
#[doc(alias = "seccomp_data")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Call {
    /// The number; `u32::MAX` where a tracer removed the call.
    pub number: u32,
    /// The convention of the number: `AUDIT_ARCH_*`; [`NATIVE`](Self::NATIVE) for this
    /// machine's 64-bit programs.
    pub machine: u32,
    /// The address of the instruction after the call.
    pub instruction: u64,
    /// The contents of the argument registers, whether or not this call takes as many.
    pub arguments: [u64; 6],
}

impl Call {
    /// The [`machine`](Self::machine) of this machine's 64-bit programs.
    #[doc(alias = "AUDIT_ARCH_X86_64")]
    #[doc(alias = "AUDIT_ARCH_AARCH64")]
    #[doc(alias = "AUDIT_ARCH_RISCV64")]
    pub const NATIVE: u32 = arch::AUDIT_ARCH;
}

const_assert_eq!(size_of::<Call>(), size_of::<seccomp_data>());
const_assert_eq!(size_of::<Call>(), 64);
const_assert_eq!(offset_of!(Call, number), offset_of!(seccomp_data, nr));
const_assert_eq!(offset_of!(Call, machine), offset_of!(seccomp_data, arch));
const_assert_eq!(
    offset_of!(Call, instruction),
    offset_of!(seccomp_data, instruction_pointer)
);
const_assert_eq!(offset_of!(Call, arguments), offset_of!(seccomp_data, args));

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    len: u16,
    filter: *const Instruction,
}

const_assert_eq!(size_of::<Program>(), 16);
const_assert_eq!(offset_of!(Program, filter), 8);

/// The sizes that the kernel's structures have: `struct seccomp_notif_sizes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct NotifSizes {
    pub(crate) seccomp_notif: u16,
    pub(crate) seccomp_notif_resp: u16,
    pub(crate) seccomp_data: u16,
}

const_assert_eq!(size_of::<NotifSizes>(), size_of::<seccomp_notif_sizes>());
const_assert_eq!(offset_of!(NotifSizes, seccomp_notif_resp), 2);
const_assert_eq!(offset_of!(NotifSizes, seccomp_data), 4);

/// `struct seccomp_notif`, and room for what a later kernel adds to it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Notif {
    pub(crate) id: u64,
    pub(crate) pid: u32,
    pub(crate) flags: u32,
    pub(crate) data: Call,
    room: [u64; 22],
}

impl Notif {
    pub(crate) const ROOM: usize = size_of::<Self>();
}

const_assert_eq!(Notif::ROOM, 256);
const_assert_eq!(offset_of!(Notif, room), size_of::<seccomp_notif>());
const_assert_eq!(offset_of!(Notif, pid), offset_of!(seccomp_notif, pid));
const_assert_eq!(offset_of!(Notif, flags), offset_of!(seccomp_notif, flags));
const_assert_eq!(offset_of!(Notif, data), offset_of!(seccomp_notif, data));

/// `struct seccomp_notif_resp`, and room for what a later kernel adds to it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct NotifResp {
    pub(crate) id: u64,
    pub(crate) val: i64,
    pub(crate) error: i32,
    pub(crate) flags: u32,
    pub(crate) room: [u64; 5],
}

impl NotifResp {
    pub(crate) const ROOM: usize = size_of::<Self>();
}

const_assert_eq!(NotifResp::ROOM, 64);
const_assert_eq!(offset_of!(NotifResp, room), size_of::<seccomp_notif_resp>());
const_assert_eq!(
    offset_of!(NotifResp, val),
    offset_of!(seccomp_notif_resp, val)
);
const_assert_eq!(
    offset_of!(NotifResp, error),
    offset_of!(seccomp_notif_resp, error)
);
const_assert_eq!(
    offset_of!(NotifResp, flags),
    offset_of!(seccomp_notif_resp, flags)
);

/// `struct seccomp_notif_addfd`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct NotifAddFd {
    pub(crate) id: u64,
    pub(crate) flags: u32,
    pub(crate) srcfd: u32,
    pub(crate) newfd: u32,
    pub(crate) newfd_flags: u32,
}

const_assert_eq!(size_of::<NotifAddFd>(), size_of::<seccomp_notif_addfd>());
const_assert_eq!(
    offset_of!(NotifAddFd, srcfd),
    offset_of!(seccomp_notif_addfd, srcfd)
);
const_assert_eq!(
    offset_of!(NotifAddFd, newfd_flags),
    offset_of!(seccomp_notif_addfd, newfd_flags)
);

const READ: u32 = 2;
const WRITE: u32 = 1;

/// `_IOC('!')`: the number says how long the kernel's structure is.
const fn request(direction: u32, number: u32, size: usize) -> usize {
    let kind = (SECCOMP_IOC_MAGIC as u32) << 8;
    (direction << 30 | (size as u32) << 16 | kind | number) as usize
}

const NOTIF_RECV: usize = request(READ | WRITE, 0, size_of::<seccomp_notif>());
const NOTIF_SEND: usize = request(READ | WRITE, 1, size_of::<seccomp_notif_resp>());
const NOTIF_ID_VALID: usize = request(WRITE, 2, size_of::<u64>());
const NOTIF_ADDFD: usize = request(WRITE, 3, size_of::<NotifAddFd>());
const NOTIF_SET_FLAGS: usize = request(WRITE, 4, size_of::<u64>());

const_assert_eq!(NOTIF_RECV, 0xc050_2100);
const_assert_eq!(NOTIF_SEND, 0xc018_2101);
const_assert_eq!(NOTIF_ID_VALID, 0x4008_2102);
const_assert_eq!(NOTIF_ADDFD, 0x4018_2103);
const_assert_eq!(NOTIF_SET_FLAGS, 0x4008_2104);

/// `SECCOMP_SET_MODE_STRICT`.
pub(crate) fn set_mode_strict() -> Result<()> {
    // SAFETY: no memory is involved.
    let raw = unsafe {
        arch::syscall3(
            __NR_seccomp as usize,
            SECCOMP_SET_MODE_STRICT as usize,
            0,
            0,
        )
    };
    check(raw).map(drop)
}

/// `SECCOMP_SET_MODE_FILTER`. The number of a descriptor or a thread, according to
/// the flags, or 0.
fn set_mode_filter(program: &[Instruction], flags: u32) -> Result<usize> {
    let program = Program {
        // The kernel takes 4096 at most.
        len: u16::try_from(program.len()).map_err(|_| Errno::INVAL)?,
        filter: program.as_ptr(),
    };
    // SAFETY: the kernel reads the program and as many instructions as it says, all
    // borrowed for the call.
    let raw = unsafe {
        arch::syscall3(
            __NR_seccomp as usize,
            SECCOMP_SET_MODE_FILTER as usize,
            flags as usize,
            ptr::from_ref(&program).expose_provenance(),
        )
    };
    check(raw)
}

/// `SECCOMP_SET_MODE_FILTER` without a listener: 0, or the number of the thread that
/// could not be given the filter.
pub(crate) fn set_filter(program: &[Instruction], flags: u32) -> Result<usize> {
    set_mode_filter(program, flags & !SECCOMP_FILTER_FLAG_NEW_LISTENER)
}

/// `SECCOMP_SET_MODE_FILTER` with a listener.
pub(crate) fn set_filter_listener(program: &[Instruction], flags: u32) -> Result<OwnedFd> {
    let fd = set_mode_filter(program, flags | SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
    // SAFETY: a descriptor made by this call, that nobody else knows of: the kernel
    // refuses flags by which the number could mean a thread.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// `SECCOMP_GET_ACTION_AVAIL`.
pub(crate) fn get_action_avail(action: u32) -> Result<()> {
    // SAFETY: the kernel reads 4 bytes, which are borrowed for the call.
    let raw = unsafe {
        arch::syscall3(
            __NR_seccomp as usize,
            SECCOMP_GET_ACTION_AVAIL as usize,
            0,
            ptr::from_ref(&action).expose_provenance(),
        )
    };
    check(raw).map(drop)
}

/// `SECCOMP_GET_NOTIF_SIZES`.
pub(crate) fn get_notif_sizes() -> Result<NotifSizes> {
    let mut sizes = NotifSizes::default();
    // SAFETY: the kernel writes one such structure, which is borrowed for the call.
    let raw = unsafe {
        arch::syscall3(
            __NR_seccomp as usize,
            SECCOMP_GET_NOTIF_SIZES as usize,
            0,
            ptr::from_mut(&mut sizes).expose_provenance(),
        )
    };
    check(raw).map(|_| sizes)
}

/// `SECCOMP_IOCTL_NOTIF_RECV`.
pub(crate) fn notif_recv(listener: BorrowedFd<'_>) -> Result<Notif> {
    // The kernel wants zeros.
    let mut notif = Notif {
        id: 0,
        pid: 0,
        flags: 0,
        data: Call::default(),
        room: [0; 22],
    };
    // SAFETY: the kernel writes one structure, which is borrowed for the call and no
    // shorter than the kernel's.
    let raw = unsafe { ioctl(listener, NOTIF_RECV, ptr::from_mut(&mut notif).cast()) };
    check(raw).map(|_| notif)
}

/// `SECCOMP_IOCTL_NOTIF_SEND`.
pub(crate) fn notif_send(listener: BorrowedFd<'_>, response: &NotifResp) -> Result<()> {
    // SAFETY: the kernel reads one structure, which is borrowed for the call.
    let raw = unsafe {
        ioctl(
            listener,
            NOTIF_SEND,
            ptr::from_ref(response).cast_mut().cast(),
        )
    };
    check(raw).map(drop)
}

/// `SECCOMP_IOCTL_NOTIF_ID_VALID`.
pub(crate) fn notif_id_valid(listener: BorrowedFd<'_>, id: u64) -> Result<()> {
    // SAFETY: the kernel reads 8 bytes, which are borrowed for the call.
    let raw = unsafe {
        ioctl(
            listener,
            NOTIF_ID_VALID,
            ptr::from_ref(&id).cast_mut().cast(),
        )
    };
    check(raw).map(drop)
}

/// `SECCOMP_IOCTL_NOTIF_ADDFD`: the number in the other process.
pub(crate) fn notif_addfd(listener: BorrowedFd<'_>, add: &NotifAddFd) -> Result<RawFd> {
    // SAFETY: the kernel reads one structure, which is borrowed for the call.
    let raw = unsafe { ioctl(listener, NOTIF_ADDFD, ptr::from_ref(add).cast_mut().cast()) };
    check(raw).map(|number| number as RawFd)
}

/// `SECCOMP_IOCTL_NOTIF_SET_FLAGS`.
pub(crate) fn notif_set_flags(listener: BorrowedFd<'_>, flags: u64) -> Result<()> {
    // The kernel takes the flags themselves, not their address.
    // SAFETY: no memory is involved.
    let raw = unsafe {
        ioctl(
            listener,
            NOTIF_SET_FLAGS,
            ptr::without_provenance_mut(flags as usize),
        )
    };
    check(raw).map(drop)
}

/// `ioctl(2)` of a listener. Of another kind of descriptor: drivers have numbers of
/// their own, and these are seccomp's alone.
///
/// # Safety
///
/// The argument must be what the request takes.
unsafe fn ioctl(listener: BorrowedFd<'_>, request: usize, argument: *mut u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        arch::syscall3(
            __NR_ioctl as usize,
            listener.as_raw_fd() as usize,
            request,
            argument.expose_provenance(),
        )
    }
}
