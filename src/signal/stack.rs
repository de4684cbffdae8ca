//! Alternate signal stacks: `sigaltstack(2)`.
//!
//! A handler with [`ActionFlags::ONSTACK`](super::action::ActionFlags::ONSTACK) runs on
//! it: the only way to handle a stack overflow, whose `SIGSEGV` finds no room on the
//! stack itself. It belongs to one thread. `exec` and a new thread have none; a
//! forked child has its parent's, in its own copy of the memory.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::NonNull;

use linux_raw_sys::general as raw;
use linux_raw_sys::general::sigaltstack as stack_t;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

use crate::{Errno, Result, arch, sys};

/// A stack size that is enough for the kernel's frame on any machine, with the largest vector
/// registers, and for moderate handlers.
pub const SIZE: usize = 64 * 1024;

bitflags::bitflags! {
    /// Options of an alternate stack.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::signal::stack::{self, Mapped, StackFlags};
    ///
    /// // For handlers that switch to another context.
    /// let _stack = Mapped::new(stack::SIZE, StackFlags::AUTODISARM)?;
    /// let flags = stack::get()?.map(|stack| stack.flags);
    /// assert_eq!(flags, Some(StackFlags::AUTODISARM));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct StackFlags: u32 {
        /// Disables the stack while a handler runs on it, so that the handler may switch to
        /// another context (Linux 4.7). A signal that comes meanwhile is handled on the current
        /// stack.
        #[doc(alias = "SS_AUTODISARM")]
        const AUTODISARM = raw::SS_AUTODISARM;

        const _ = !0;
    }
}

/// The bits that say a state, not how the stack is used.
const STATE: u32 = raw::SS_ONSTACK | raw::SS_DISABLE;

/// A thread's alternate signal stack.
///
/// # Examples
///
/// ```
/// use rawipc::signal::stack;
///
/// match stack::get()? {
///     Some(stack) => {
///         println!("{} bytes for handlers", stack.memory.len());
///         assert!(!stack.in_use); // this is no handler
///     }
///     None => println!("handlers run on the thread's own stack"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "stack_t")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The memory, from the lowest address.
    pub memory: NonNull<[u8]>,
    /// The options.
    pub flags: StackFlags,
    /// Whether the thread runs on it now: the caller is a handler, or called by one.
    #[doc(alias = "SS_ONSTACK")]
    pub in_use: bool,
}

fn from_kernel(stack: &stack_t) -> Option<Stack> {
    let state = stack.ss_flags as u32;
    if state & raw::SS_DISABLE != 0 {
        return None;
    }
    Some(Stack {
        memory: NonNull::slice_from_raw_parts(
            NonNull::new(stack.ss_sp.cast())?,
            stack.ss_size as usize,
        ),
        flags: StackFlags::from_bits_retain(state & !STATE),
        in_use: state & raw::SS_ONSTACK != 0,
    })
}

/// Returns the alternate stack of this thread: `sigaltstack(2)`.
///
/// # Errors
///
/// None but those of a seccomp filter.
#[doc(alias = "sigaltstack")]
pub fn get() -> Result<Option<Stack>> {
    // SAFETY: nothing new.
    let stack = unsafe { sys::signal::sigaltstack(None)? };
    Ok(from_kernel(&stack))
}

/// Sets the alternate stack of this thread, and returns the previous one: `sigaltstack(2)`.
/// [`Mapped`] does this with its own memory.
///
/// # Errors
///
/// [`Errno::NOMEM`]: it is smaller than what the kernel puts there. [`Errno::PERM`]:
/// this thread runs on its alternate stack. [`Errno::INVAL`]: the kernel does not know
/// a flag.
///
/// # Safety
///
/// From now until this thread has ended, or has been given another one or none by this
/// function or [`disable`], the memory must be mapped writable and used by nobody but this
/// thread's handlers; and it must be enough for them, what they call and what interrupts
/// them, as nothing stops them at its end. That of a [`Mapped`] may be set again while
/// that lives, if what it gives back when dropped is still there too.
///
/// A [`Mapped`] does not end that time: it gives back what it replaced.
#[doc(alias = "sigaltstack")]
pub unsafe fn set(memory: NonNull<[u8]>, flags: StackFlags) -> Result<Option<Stack>> {
    let new = stack_t {
        ss_sp: memory.cast::<c_void>().as_ptr(),
        ss_flags: (flags.bits() & !STATE) as i32,
        ss_size: memory.len() as _,
    };
    // SAFETY: the memory is the caller's promise.
    let old = unsafe { sys::signal::sigaltstack(Some(&new))? };
    Ok(from_kernel(&old))
}

/// Removes the alternate stack of this thread, and returns it: `sigaltstack(2)` with
/// `SS_DISABLE`.
///
/// Handlers then run on the thread's ordinary stack.
///
/// # Errors
///
/// [`Errno::PERM`]: this thread runs on its alternate stack.
#[doc(alias = "SS_DISABLE")]
pub fn disable() -> Result<Option<Stack>> {
    let none = stack_t {
        ss_sp: core::ptr::null_mut(),
        ss_flags: raw::SS_DISABLE as i32,
        ss_size: 0,
    };
    // SAFETY: no memory.
    let old = unsafe { sys::signal::sigaltstack(Some(&none))? };
    Ok(from_kernel(&old))
}

/// An alternate stack of this thread in its own memory, with a guard page below. Dropping it
/// restores the previous one.
///
/// It stays in its thread. If that has another stack, or none, when this one is dropped,
/// then nothing changes: what was set later stays, and so does having been
/// [disabled](disable). As another `Mapped` may give this one's memory back to the thread
/// then, it stays mapped for good: drop several in the reverse of the order in which they
/// were made, as they are at the end of a block.
///
/// # Examples
///
/// ```
/// use rawipc::signal::stack::{self, Mapped, StackFlags};
///
/// let before = stack::get()?;
/// {
///     let stack = Mapped::new(stack::SIZE, StackFlags::empty())?;
///     assert_eq!(stack::get()?.map(|stack| stack.memory), Some(stack.memory()));
/// }
/// assert_eq!(stack::get()?, before);
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[derive(Debug)]
#[must_use = "the stack is gone once it is dropped"]
pub struct Mapped {
    /// The inaccessible page and the stack.
    mapping: NonNull<c_void>,
    stack: NonNull<[u8]>,
    before: Option<Stack>,
    of_this_thread: PhantomData<*mut ()>,
}

static_assertions::assert_not_impl_any!(Mapped: Send, Sync);

/// A multiple of every page size.
const GUARD: usize = arch::MAX_PAGE_SIZE;

impl Mapped {
    /// Maps at least `size` bytes and sets them as the alternate stack of this thread, like
    /// [`set`].
    ///
    /// # Errors
    ///
    /// [`Errno::NOMEM`]: there is no memory, or `size` is smaller than what the kernel
    /// puts there. [`Errno::PERM`]: this thread runs on its alternate stack.
    /// [`Errno::INVAL`]: the kernel does not know a flag.
    pub fn new(size: usize, flags: StackFlags) -> Result<Self> {
        let size = size.checked_next_multiple_of(GUARD).ok_or(Errno::NOMEM)?;
        let whole = size.checked_add(GUARD).ok_or(Errno::NOMEM)?;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                core::ptr::null_mut(),
                whole,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::STACK,
            )?
        };
        let mapping = NonNull::new(start).ok_or(Errno::NOMEM)?;
        let memory = NonNull::new(start.wrapping_byte_add(GUARD).cast::<u8>());
        let mut stack = Self {
            mapping,
            stack: NonNull::slice_from_raw_parts(memory.ok_or(Errno::NOMEM)?, size),
            before: None,
            of_this_thread: PhantomData,
        };
        match stack.install(flags) {
            Ok(()) => Ok(stack),
            Err(errno) => {
                stack.unmap();
                core::mem::forget(stack);
                Err(errno)
            }
        }
    }

    /// Returns the memory of the stack, from the lowest address.
    #[must_use]
    pub fn memory(&self) -> NonNull<[u8]> {
        self.stack
    }

    fn install(&mut self, flags: StackFlags) -> Result<()> {
        // SAFETY: the first pages of the mapping just made, which nobody uses.
        unsafe { rustix::mm::mprotect(self.mapping.as_ptr(), GUARD, MprotectFlags::empty())? };
        // SAFETY: the rest of it, nobody's but this object's, which does not leave
        // its thread and unmaps it only when the thread has another stack. Whoever
        // uses it up meets the inaccessible page.
        self.before = unsafe { set(self.stack, flags)? };
        Ok(())
    }

    fn unmap(&self) {
        // SAFETY: our mapping, which no thread uses as a stack.
        let unmapped =
            unsafe { rustix::mm::munmap(self.mapping.as_ptr(), self.stack.len() + GUARD) };
        debug_assert!(unmapped.is_ok());
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let ours = matches!(get(), Ok(Some(now)) if core::ptr::eq(now.memory.as_ptr(), self.stack.as_ptr()));
        if !ours {
            // Another one, made after this, may give this one back to the thread; and a
            // handler for which it was disarmed may run on it. So the mapping must stay.
            return;
        }
        let restored = match self.before {
            // SAFETY: whoever set it leaves it alone until the thread gets another one
            // otherwise than by a `Mapped`. If it was a `Mapped`'s itself, then it is still
            // mapped: that lives, or was dropped while this one was in its place.
            Some(before) => unsafe { set(before.memory, before.flags) },
            None => disable(),
        };
        // What was large enough before may not be any more.
        if restored.or_else(|_| disable()).is_ok() {
            self.unmap();
        }
        // Else we run on it: it must stay.
    }
}
