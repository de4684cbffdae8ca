//! [`Builder`]: how a thread is to be.

use core::mem::{align_of, size_of};
use core::ptr::NonNull;

use linux_raw_sys::general as raw;
use rustix::thread::CpuSet;

use super::control::{NAME_SIZE, Packet, Settings};
use super::handle::JoinHandle;
use super::memory::{Memory, Needs};
#[cfg(doc)]
use crate::Errno;
use crate::signal::{Blocked, Set};
use crate::start::{Image, Start};
use crate::sys::clone::{self, NO_ARGS};
use crate::{Result, sys};

/// The size of a thread's stack unless it is set, in bytes. Of it, only what was used takes memory.
pub const STACK_SIZE: usize = 256 * 1024;

/// What a thread shares with the others, and where the kernel writes its number.
const FLAGS: u32 = raw::CLONE_VM
    | raw::CLONE_FS
    | raw::CLONE_FILES
    | raw::CLONE_SIGHAND
    | raw::CLONE_THREAD
    | raw::CLONE_SYSVSEM
    | raw::CLONE_SETTLS
    | raw::CLONE_PARENT_SETTID
    | raw::CLONE_CHILD_CLEARTID;

/// How a thread is to be; [`spawn`](Self::spawn) makes it.
///
/// # Examples
///
/// ```
/// use rawipc::process::CpuSet;
/// use rawipc::signal::stack;
/// use rawipc::start::Start;
/// use rawipc::thread;
///
/// fn on_first_processor(start: Start) -> rawipc::Result<u64> {
///     let mut first = CpuSet::new();
///     first.set(0);
///     let thread = thread::Builder::new(start)
///         .name("first")
///         .stack_size(64 << 10)
///         .signal_stack(stack::SIZE)
///         .affinity(&first)
///         .spawn(|| (1..=100).sum())?;
///     thread.join()
/// }
/// ```
#[doc(alias = "pthread_attr_t")]
#[derive(Clone, Copy, Debug)]
#[must_use = "no thread is made until `spawn` is called"]
pub struct Builder {
    start: Start,
    name: Option<[u8; NAME_SIZE]>,
    stack: usize,
    signal_stack: usize,
    affinity: Option<CpuSet>,
}

impl Builder {
    /// Creates the options of a thread with a stack of [`STACK_SIZE`], the name and the processors of
    /// its maker, and no alternate signal stack.
    pub const fn new(start: Start) -> Self {
        Self {
            start,
            name: None,
            stack: STACK_SIZE,
            signal_stack: 0,
            affinity: None,
        }
    }

    /// Sets the name that tools show: the first 15 bytes of this, up to a zero byte.
    #[doc(alias = "PR_SET_NAME")]
    #[doc(alias = "pthread_setname_np")]
    pub const fn name(mut self, name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut kept = [0; NAME_SIZE];
        let mut at = 0;
        while at < NAME_SIZE - 1 && at < bytes.len() {
            kept[at] = bytes[at];
            at += 1;
        }
        self.name = Some(kept);
        self
    }

    /// Sets the size of the stack, in bytes; it is made of whole pages. Below it is a page that ends the
    /// process if the stack is too small.
    #[doc(alias = "pthread_attr_setstacksize")]
    pub const fn stack_size(mut self, size: usize) -> Self {
        self.stack = size;
        self
    }

    /// Gives the thread an alternate signal stack of so many bytes, with a guard page of its own: for
    /// handlers that are installed with
    /// [`ONSTACK`](crate::signal::action::ActionFlags::ONSTACK), one of `SIGSEGV` at the end of the
    /// stack above all. [`signal::stack::SIZE`](crate::signal::stack::SIZE) does for most.
    #[doc(alias = "sigaltstack")]
    pub const fn signal_stack(mut self, size: usize) -> Self {
        self.signal_stack = size;
        self
    }

    /// Sets the processors that the thread may run on, from its first instruction of the closure on.
    #[doc(alias = "sched_setaffinity")]
    #[doc(alias = "pthread_attr_setaffinity_np")]
    pub const fn affinity(mut self, processors: &CpuSet) -> Self {
        self.affinity = Some(*processors);
        self
    }

    /// Creates a thread that runs `body`: `clone3(2)`.
    ///
    /// It shares memory, descriptors, working directory, signal handlers and System V undo lists with the
    /// others, and has the caller's signal mask. If `body` panics, the process ends.
    ///
    /// Where the kernel or a sandbox has no `clone3`, `clone(2)` is used.
    ///
    /// # Errors
    ///
    /// Nothing is left then, and `body` has been dropped without having run.
    ///
    /// [`Errno::AGAIN`]: too many threads, of the user (`RLIMIT_NPROC`), of the control group (`pids.max`)
    /// or in the system (`/proc/sys/kernel/threads-max`, `pid_max`). [`Errno::NOMEM`]: no memory, too many
    /// mappings, or a signal stack that is too small for what the kernel puts there.
    /// [`Errno::INVAL`]: none of the processors is there and allowed, or the sizes are beyond all
    /// addresses. [`Errno::PERM`], or what else a sandbox says: it forbids `clone3` and `clone`.
    /// [`Errno::OWNERDEAD`]: a seccomp filter has killed the thread before it began.
    #[doc(alias = "pthread_create")]
    #[doc(alias = "clone3")]
    pub fn spawn<F, T>(self, body: F) -> Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // A mapping begins at a multiple of this on every machine.
        const { assert!(align_of::<Packet<F, T>>() <= 4096, "larger than a page") }
        let image = Image::or_none(self.start.auxv());
        let memory = Memory::new(Needs {
            stack: self.stack,
            signal_stack: self.signal_stack,
            tls: image.room(),
            packet: size_of::<Packet<F, T>>(),
            packet_align: align_of::<Packet<F, T>>(),
        })?;
        // SAFETY: so much room, in a new mapping.
        let pointer = unsafe { image.lay_out(memory.tls()) };
        let (stack, stack_size) = memory.stack();
        // Until the thread is what it is to be, no handler runs in it.
        let blocked = Blocked::new(Set::from_bits_with_reserved(!0))?;
        let settings = Settings {
            name: self.name,
            affinity: self.affinity,
            mask: blocked.before(),
        };
        let place = memory.packet().cast::<Packet<F, T>>();
        // SAFETY: the packet's place in the mapping, which is aligned for it.
        unsafe { place.write(Packet::new(memory, settings, body)) };
        // SAFETY: just written; from now on it is only shared.
        let packet = unsafe { place.as_ref() };
        let mut args = NO_ARGS;
        args.flags = u64::from(FLAGS);
        args.stack = stack.as_ptr().expose_provenance() as u64;
        args.stack_size = stack_size as u64;
        args.tls = pointer as u64;
        let number = packet.control.number.as_ptr().expose_provenance() as u64;
        (args.parent_tid, args.child_tid) = (number, number);
        let made = {
            let argument = place.as_ptr().cast();
            // SAFETY: a stack and a block of its own, and a word that is there until the thread has
            // ended; it takes the packet.
            match unsafe { clone::clone3_child(&args, Packet::<F, T>::run, argument) } {
                Err(errno) if sys::is_absent(errno) => {
                    // SAFETY: as above.
                    unsafe { clone::clone_thread(&args, Packet::<F, T>::run, argument) }
                }
                result => result,
            }
        };
        drop(blocked);
        if let Err(errno) = made.and_then(|_| packet.control.until_ready()) {
            // SAFETY: the thread never was, or has ended without having run the closure.
            unsafe { Packet::abandon(place) };
            return Err(errno);
        }
        let result = NonNull::from(&packet.result).cast();
        // SAFETY: of the thread just made.
        Ok(unsafe { JoinHandle::new(NonNull::from(&packet.control), result) })
    }
}
