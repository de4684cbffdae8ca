//! The machine: the system call instruction, the way back from a signal handler,
//! copies that race with other processes, and what else differs between processors.
//!
//! Nothing outside this folder contains assembly or asks which machine it is on.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
use aarch64 as machine;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
use riscv64 as machine;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

#[cfg(not(all(
    target_os = "linux",
    any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86_64"
    )
)))]
compile_error!("rawipc supports Linux on x86_64, aarch64 and riscv64");

mod access;
mod address;
mod calls;
mod copy;
#[cfg(feature = "start")]
mod memory;
#[cfg(all(feature = "start", not(target_arch = "x86_64")))]
mod no_blocks;
#[cfg(not(target_arch = "x86_64"))]
mod no_line;
#[cfg(not(target_arch = "x86_64"))]
mod no_pair;
#[cfg(not(target_arch = "x86_64"))]
mod no_trap_flag;
#[cfg(feature = "start")]
mod start;
mod syscall;
mod trap;

#[allow(unused_imports, reason = "models have lists of their own")]
pub(crate) use address::{ADDRESSES_UNALIGNED, load_address, store_address};
pub use calls::Syscall;
pub(crate) use copy::{copy_in, copy_in_value, copy_out, copy_out_value};
#[allow(unused_imports, reason = "models copy words")]
pub(crate) use copy::{copy_in_known, copy_out_known};
#[allow(unused_imports, reason = "models have fences of their own")]
pub(crate) use machine::CHANGE_IS_FENCE;
#[allow(unused_imports, reason = "only some machines use it")]
pub(crate) use machine::SA_RESTORER;
#[allow(unused_imports, reason = "models have no cache lines")]
pub(crate) use machine::prefetch_for_writing;
#[cfg(feature = "start")]
pub(crate) use machine::thread;
pub(crate) use machine::{
    AUDIT_ARCH, FOREIGN_CALLS, MAX_PAGE_SIZE, SEM_TIME_GAP, Sigaction, calls as own_calls,
    clone_child, context, trace,
};
#[cfg(target_arch = "x86_64")]
#[allow(unused_imports, reason = "models have pairs of their own")]
pub(crate) use machine::{store_pair, stores_pairs};
#[cfg(feature = "start")]
pub use memory::{memcmp, memcpy, memmove, memset, strlen, strlen_small};
#[cfg(not(target_arch = "x86_64"))]
#[allow(unused_imports, reason = "models have pairs of their own")]
pub(crate) use no_pair::{store_pair, stores_pairs};
#[allow(
    unused_imports,
    reason = "the set is complete, whether or not sys needs all"
)]
pub(crate) use syscall::{syscall0, syscall1, syscall2, syscall3, syscall4, syscall5, syscall6};
pub(crate) use trap::{Places, Shows, Trap};

#[cfg(test)]
mod tests {
    use super::*;
    use linux_raw_sys::errno::EINVAL;
    use linux_raw_sys::general::{
        __NR_close, __NR_dup3, __NR_fcntl, __NR_getpid, __NR_getsid, __NR_mmap, __NR_munmap,
        __NR_openat, __NR_prctl, __NR_pread64, AT_FDCWD, F_GETFD, FD_CLOEXEC, MAP_ANONYMOUS,
        MAP_PRIVATE, O_CLOEXEC, PROT_READ,
    };
    use linux_raw_sys::prctl::PR_GET_DUMPABLE;

    /// Each number of arguments arrives, in order, on this machine.
    #[test]
    fn zero_to_six_arguments() {
        let folder = c"/proc/self/exe".as_ptr().expose_provenance();
        // SAFETY: no memory is involved.
        let own = unsafe { syscall0(__NR_getpid as usize) };
        // That this is our number shows in that its session is ours.
        // SAFETY: no memory is involved.
        let session = unsafe { syscall1(__NR_getsid as usize, own) };
        // SAFETY: no memory is involved.
        assert_eq!(session, unsafe { syscall1(__NR_getsid as usize, 0) });
        // SAFETY: the path is a C string.
        let fd = unsafe {
            syscall4(
                __NR_openat as usize,
                AT_FDCWD as usize,
                folder,
                O_CLOEXEC as usize,
                0,
            )
        };
        assert!(fd < 1 << 20, "{fd:#x}");
        // SAFETY: no memory is involved.
        let flags = unsafe { syscall2(__NR_fcntl as usize, fd, F_GETFD as usize) };
        assert_eq!(flags, FD_CLOEXEC as usize);
        let mut magic = [0u8; 4];
        // SAFETY: the buffer is borrowed and as long as is said.
        let read = unsafe {
            syscall4(
                __NR_pread64 as usize,
                fd,
                magic.as_mut_ptr().expose_provenance(),
                magic.len(),
                1,
            )
        };
        assert_eq!((read, &magic[..3]), (4, b"ELF".as_slice()));
        // SAFETY: no memory is involved; the same descriptor twice is refused.
        let refused = unsafe { syscall3(__NR_dup3 as usize, fd, fd, 0) };
        assert_eq!(refused as isize, -(EINVAL as isize));
        // SAFETY: a descriptor made here.
        assert_eq!(unsafe { syscall1(__NR_close as usize, fd) }, 0);
        // SAFETY: no memory is involved.
        let dumpable =
            unsafe { syscall5(__NR_prctl as usize, PR_GET_DUMPABLE as usize, 0, 0, 0, 0) };
        assert!(dumpable <= 2);
        // SAFETY: a fresh anonymous mapping.
        let mapped = unsafe {
            syscall6(
                __NR_mmap as usize,
                0,
                4096,
                PROT_READ as usize,
                (MAP_PRIVATE | MAP_ANONYMOUS) as usize,
                usize::MAX,
                0,
            )
        };
        assert_eq!(mapped % 4096, 0, "{mapped:#x}");
        // SAFETY: the mapping just made.
        assert_eq!(unsafe { syscall2(__NR_munmap as usize, mapped, 4096) }, 0);
    }
}
