//! [`Control`]: what a thread and those who wait for it tell each other; and [`Packet`], in which it
//! lies together with what the thread does and its result.

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::CpuSet;

use super::memory::Memory;
use crate::signal::{self, Set, stack::StackFlags};
use crate::sys::futex::{self, ANY, Scope};
use crate::{Deadline, Errno, Pid, Result, Timespec, arch, process, sys};

/// The longest name that the kernel keeps, with the zero byte.
pub(super) const NAME_SIZE: usize = 16;

/// How a thread is to be before its closure runs.
pub(super) struct Settings {
    pub(super) name: Option<[u8; NAME_SIZE]>,
    pub(super) affinity: Option<CpuSet>,
    pub(super) mask: Set,
}

impl Settings {
    /// Whether setting it up can fail, so that who spawns the thread waits for that.
    fn can_fail(&self, memory: &Memory) -> bool {
        self.affinity.is_some() || memory.signal_stack().is_some()
    }
}

/// The thread runs, and its result is for who joins it.
const RUNNING: u32 = 0;
/// The thread runs, and frees all by itself.
const DETACHED: u32 = 1;
/// The closure has returned.
const FINISHED: u32 = 2;

/// The thread has not begun yet.
const NOT_READY: u32 = 0;
const READY: u32 = 1;
/// And above that: begun in vain, and why.
const FAILED: u32 = 2;

/// How long who spawns a thread sleeps before it looks whether that was killed on its way.
const RECHECK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// What a thread and those who wait for it tell each other.
pub(super) struct Control {
    /// The thread's number. The kernel makes it 0 when the thread has ended, and wakes one who sleeps.
    pub(super) number: AtomicU32,
    state: AtomicU32,
    ready: AtomicU32,
    settings: Settings,
    memory: ManuallyDrop<Memory>,
}

/// A control, and beside it what the thread does and its result.
pub(super) struct Packet<F, T> {
    pub(super) control: Control,
    body: UnsafeCell<ManuallyDrop<F>>,
    pub(super) result: UnsafeCell<MaybeUninit<T>>,
}

impl<F: FnOnce() -> T, T> Packet<F, T> {
    pub(super) fn new(memory: Memory, settings: Settings, body: F) -> Self {
        Self {
            control: Control {
                number: AtomicU32::new(0),
                state: AtomicU32::new(RUNNING),
                ready: AtomicU32::new(NOT_READY),
                settings,
                memory: ManuallyDrop::new(memory),
            },
            body: UnsafeCell::new(ManuallyDrop::new(body)),
            result: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Drops the closure and unmaps the memory.
    ///
    /// # Safety
    ///
    /// `packet` must be of a thread that never was, or that has ended without having run the closure;
    /// and nobody else may use it, now or later.
    pub(super) unsafe fn abandon(packet: NonNull<Self>) {
        // SAFETY: the caller's promise.
        let packet = unsafe { packet.as_ref() };
        let body = packet.body.get();
        // SAFETY: nobody has run it, and nobody else has it.
        drop(ManuallyDrop::into_inner(unsafe { body.read() }));
        // SAFETY: the caller's promise.
        unsafe { Control::free(NonNull::from(&packet.control)) };
    }

    /// What a new thread calls.
    ///
    /// # Safety
    ///
    /// `packet` must be the thread's own; called once, in it.
    pub(super) unsafe extern "C" fn run(packet: *mut ()) -> ! {
        // SAFETY: the caller's promise. It is there until the thread's last instructions.
        let packet = unsafe { &*packet.cast::<Self>() };
        if !packet.control.set_up() {
            // Who spawned it frees all.
            sys::thread::exit()
        }
        let body = packet.body.get();
        // SAFETY: this thread's, and read once.
        let body = ManuallyDrop::into_inner(unsafe { body.read() });
        let result = body();
        // SAFETY: this thread's until it is finished.
        unsafe { packet.result.get().write(MaybeUninit::new(result)) };
        if packet.control.finish() {
            // SAFETY: written just now, and nobody wants it.
            let result = unsafe { &mut *packet.result.get() };
            // SAFETY: as above.
            unsafe { result.assume_init_drop() };
            // SAFETY: nobody else has it any more, and nothing here is used after it.
            unsafe { Control::leave(NonNull::from(&packet.control)) }
        }
        sys::thread::exit()
    }
}

impl Control {
    /// In the new thread, all of whose signals are blocked: makes it what was asked for. Returns
    /// whether it is.
    fn set_up(&self) -> bool {
        let settings = &self.settings;
        if let Some(name) = settings
            .name
            .as_ref()
            .map(|name| CStr::from_bytes_until_nul(name))
        {
            // It is only for people.
            let _ = name.map(rustix::thread::set_name);
        }
        let done = self.set_up_fallible();
        if settings.can_fail(&self.memory) {
            let ready = done.map_or_else(|errno| FAILED + errno.raw_os_error() as u32, |()| READY);
            // Release [A]: pairs with the acquire in `until_ready`.
            self.ready.store(ready, Ordering::Release);
            let _ = futex::wake(&self.ready, 1, Scope::Private);
        }
        if done.is_err() {
            return false;
        }
        let _ = signal::set_mask(settings.mask);
        true
    }

    fn set_up_fallible(&self) -> Result<()> {
        if let Some(memory) = self.memory.signal_stack() {
            // SAFETY: the thread's own memory, which stays until the thread ends, with a guard.
            unsafe { signal::stack::set(memory, StackFlags::empty()) }?;
        }
        if let Some(processors) = &self.settings.affinity {
            rustix::thread::sched_setaffinity(None, processors)?;
        }
        Ok(())
    }

    /// In who spawned it: waits until the closure is about to run.
    ///
    /// # Errors
    ///
    /// Why it is not. The thread has ended.
    pub(super) fn until_ready(&self) -> Result<()> {
        if !self.settings.can_fail(&self.memory) {
            return Ok(());
        }
        loop {
            let ended = self.has_ended();
            // Acquire: pairs with [A].
            match self.ready.load(Ordering::Acquire) {
                NOT_READY if ended => return Err(Errno::OWNERDEAD),
                NOT_READY => {
                    let _ = futex::wait(&self.ready, NOT_READY, Scope::Private, &RECHECK);
                }
                READY => return Ok(()),
                failed => {
                    // Whatever a filter says to the wait: it uses this until it has ended.
                    while !self.has_ended() {
                        let _ = self.wait(Deadline::Never);
                    }
                    return Err(Errno::from_raw_os_error((failed - FAILED) as i32));
                }
            }
        }
    }

    /// In the thread: that the result is there. Returns whether nobody wants it.
    fn finish(&self) -> bool {
        // Release [B]: pairs with the acquire in `is_finished` and `detach`.
        self.state.swap(FINISHED, Ordering::AcqRel) == DETACHED
    }

    /// In who joins: whether the result is there.
    pub(super) fn is_finished(&self) -> bool {
        // Acquire: pairs with [B].
        self.state.load(Ordering::Acquire) == FINISHED
    }

    /// Leaves all to the thread. Returns whether that will free it: it has not finished.
    pub(super) fn detach(&self) -> bool {
        // Acquire: pairs with [B]. Release: what this thread did with it is before it is freed.
        self.state
            .compare_exchange(RUNNING, DETACHED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.number.load(Ordering::Acquire) == 0
    }

    /// The thread's number, while it lives.
    pub(super) fn id(&self) -> Option<Pid> {
        Pid::from_raw(self.number.load(Ordering::Relaxed).cast_signed())
    }

    /// Waits until the thread uses nothing of this any more.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`]; [`Errno::DEADLK`]: it is the calling thread; what a filter of system
    /// calls says.
    pub(super) fn wait(&self, deadline: Deadline) -> Result<()> {
        let mut slept = false;
        while let Some(id) = self.id() {
            if id == process::thread_id() {
                return Err(Errno::DEADLK);
            }
            slept = true;
            let number = id.as_raw_nonzero().get().cast_unsigned();
            // The kernel's wake is one for all processes.
            let until = deadline.moment();
            match futex::wait_bitset(&self.number, number, ANY, Scope::Shared, until.as_ref()) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        if slept {
            // It wakes one, and others may wait.
            let _ = futex::wake(&self.number, futex::ALL, Scope::Shared);
        }
        Ok(())
    }

    /// Unmaps the memory of a thread that has ended.
    ///
    /// # Safety
    ///
    /// It must have ended, or never begun; and nobody uses this any more.
    pub(super) unsafe fn free(this: NonNull<Self>) {
        // SAFETY: there still.
        let memory = unsafe { &raw const (*this.as_ptr()).memory }.cast::<Memory>();
        // SAFETY: read out of what is about to be unmapped, once.
        drop(unsafe { memory.read() });
    }

    /// Unmaps the memory of the calling thread, and ends it.
    ///
    /// # Safety
    ///
    /// Nobody else may have it.
    unsafe fn leave(this: NonNull<Self>) -> ! {
        // No handler may run once the stacks are gone, and the kernel may write to nothing of them: where
        // a filter of system calls refuses that, the memory stays.
        let masked = signal::set_mask(Set::from_bits_with_reserved(!0));
        if masked.is_err() || !sys::thread::forget_tid_address() {
            sys::thread::exit();
        }
        // SAFETY: there still.
        let memory = unsafe { &raw const (*this.as_ptr()).memory }.cast::<Memory>();
        // SAFETY: read out of what is about to be unmapped, once.
        let (address, len) = unsafe { memory.read() }.into_parts();
        // SAFETY: the caller's promise; the kernel knows of no word in it, and no handler runs.
        unsafe { arch::thread::unmap_and_exit(address, len) }
    }
}
