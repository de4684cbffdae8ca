//! [`Memory`]: the mapping of a thread, and what is where in it.

use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

use crate::{Errno, Result, arch};

/// A multiple of every page size.
const PAGE: usize = arch::MAX_PAGE_SIZE;

/// What a stack's end is a multiple of on every machine.
const STACK_ALIGN: usize = 16;

/// What a thread needs, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    pub(super) stack: usize,
    /// 0 is none.
    pub(super) signal_stack: usize,
    pub(super) tls: usize,
    pub(super) packet: usize,
    pub(super) packet_align: usize,
}

/// A thread's own mapping, unmapped when dropped. From below: if there is one, an alternate signal
/// stack and what stops it; a guard and the stack; the block of thread-local variables; the packet.
pub(super) struct Memory {
    base: NonNull<c_void>,
    len: usize,
    signal_stack: usize,
    /// From the base.
    stack: usize,
    stack_end: usize,
    tls: usize,
    packet: usize,
}

impl Memory {
    pub(super) fn new(needs: Needs) -> Result<Self> {
        Self::map(needs).ok_or(Errno::INVAL)?
    }

    /// `None` if that is more than there are addresses.
    fn map(needs: Needs) -> Option<Result<Self>> {
        let mut signal_stack = needs.signal_stack;
        let mut stack = PAGE;
        if signal_stack > 0 {
            signal_stack = signal_stack.checked_next_multiple_of(PAGE)?;
            stack = stack.checked_add(PAGE)?.checked_add(signal_stack)?;
        }
        let tls = stack.checked_add(needs.stack.checked_next_multiple_of(STACK_ALIGN)?)?;
        let packet = tls
            .checked_add(needs.tls)?
            .checked_next_multiple_of(needs.packet_align)?;
        let end = packet.checked_add(needs.packet)?;
        let len = end.checked_next_multiple_of(PAGE)?;
        // What is left over is the stack's.
        let spare = (len - end) & !(STACK_ALIGN.max(needs.packet_align) - 1);
        let (tls, packet) = (tls + spare, packet + spare);
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::STACK;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = match unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, rights, flags) }
        {
            Ok(base) => NonNull::new(base)?,
            Err(errno) => return Some(Err(errno)),
        };
        let memory = Self {
            base,
            len,
            signal_stack,
            stack,
            stack_end: tls,
            tls,
            packet,
        };
        Some(memory.guard().map(|()| memory))
    }

    fn guard(&self) -> Result<()> {
        self.forbid(0)?;
        if self.signal_stack > 0 {
            self.forbid(self.stack - PAGE)?;
        }
        Ok(())
    }

    fn forbid(&self, at: usize) -> Result<()> {
        let page = self.at(at).as_ptr().cast();
        // SAFETY: a page of the mapping just made, which nobody uses.
        unsafe { rustix::mm::mprotect(page, PAGE, MprotectFlags::empty()) }
    }

    fn at(&self, offset: usize) -> NonNull<u8> {
        // SAFETY: all offsets here are within the mapping.
        unsafe { self.base.cast::<u8>().add(offset) }
    }

    /// The lowest byte of the stack, and how many there are up to its aligned end.
    pub(super) fn stack(&self) -> (NonNull<u8>, usize) {
        (self.at(self.stack), self.stack_end - self.stack)
    }

    /// The alternate signal stack.
    pub(super) fn signal_stack(&self) -> Option<NonNull<[u8]>> {
        let memory = self.at(PAGE);
        (self.signal_stack > 0).then(|| NonNull::slice_from_raw_parts(memory, self.signal_stack))
    }

    /// Where the block of thread-local variables has its room.
    pub(super) fn tls(&self) -> NonNull<u8> {
        self.at(self.tls)
    }

    /// Where the packet has its place.
    pub(super) fn packet(&self) -> NonNull<u8> {
        self.at(self.packet)
    }

    /// Where it is and how long, for a thread that unmaps it as its last act.
    pub(super) fn into_parts(self) -> (usize, usize) {
        let memory = ManuallyDrop::new(self);
        (memory.base.as_ptr().expose_provenance(), memory.len)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: our mapping, of a thread that never began or has ended.
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
