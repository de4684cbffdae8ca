//! What a process does when it takes a signal: `rt_sigaction(2)`.
//!
//! [The rules of a handler](super#a-handlers-rules) are what its author vouches for.

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use linux_raw_sys::general as raw;

use super::{Info, Set};
use crate::arch::{self, Sigaction};
use crate::sys::signal::{SIG_DFL, SIG_IGN, rt_sigaction};
use crate::{Result, Signal};

bitflags::bitflags! {
    /// How a signal is handled.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ActionFlags: u32 {
        /// Of `SIGCHLD`: only when a child ends, not when it is stopped or continued.
        #[doc(alias = "SA_NOCLDSTOP")]
        const NOCLDSTOP = raw::SA_NOCLDSTOP;
        /// Of `SIGCHLD`: children that end leave no zombie, and cannot be waited for.
        #[doc(alias = "SA_NOCLDWAIT")]
        const NOCLDWAIT = raw::SA_NOCLDWAIT;
        /// The handler runs on the thread's alternate [stack](super::stack), if it has
        /// one.
        #[doc(alias = "SA_ONSTACK")]
        const ONSTACK = raw::SA_ONSTACK;
        /// Calls that the handler interrupts begin again where they can, instead of
        /// failing with [`Errno::INTR`](crate::Errno::INTR). Those with a deadline, and
        /// those that wait for signals, cannot: `signal(7)` has the list.
        #[doc(alias = "SA_RESTART")]
        const RESTART = raw::SA_RESTART;
        /// The signal is not blocked while its handler runs: the handler can interrupt
        /// itself.
        #[doc(alias = "SA_NODEFER")]
        #[doc(alias = "SA_NOMASK")]
        const NODEFER = raw::SA_NODEFER;
        /// The action is [`Action::DEFAULT`] again as soon as the handler begins.
        #[doc(alias = "SA_RESETHAND")]
        #[doc(alias = "SA_ONESHOT")]
        const RESETHAND = raw::SA_RESETHAND;
        /// The address of a [`Fault`](super::Fault) has the bits that the machine ignores
        /// (Linux 5.11).
        #[doc(alias = "SA_EXPOSE_TAGBITS")]
        const EXPOSE_TAGBITS = raw::SA_EXPOSE_TAGBITS;
        /// No flag and never one: set it with others, and [`get`] the action. If it is
        /// gone, then so are all that this kernel does not support (Linux 5.11); if not,
        /// the kernel keeps flags that it does not know.
        #[doc(alias = "SA_UNSUPPORTED")]
        const UNSUPPORTED = raw::SA_UNSUPPORTED;

        const _ = !0;
    }
}

/// Flags that follow from the handler and the machine.
const IMPLIED: u64 = raw::SA_SIGINFO as u64 | arch::SA_RESTORER;

/// What a process does when it takes a signal.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicI32, Ordering};
/// use rawipc::Signal;
/// use rawipc::signal::{self, Cause, Info, Payload};
/// use rawipc::signal::action::{self, Action, ActionFlags, Context};
///
/// static PAYLOAD: AtomicI32 = AtomicI32::new(0);
///
/// extern "C" fn on_signal(_signal: Signal, info: &Info, _context: Context<'_>) {
///     if let Cause::Queue { payload, .. } = info.cause() {
///         PAYLOAD.store(payload.int(), Ordering::Relaxed);
///     }
/// }
///
/// let number = signal::real_time(5).unwrap();
/// // SAFETY: the handler only stores into an atomic.
/// let action = unsafe { Action::info_handler(on_signal) }.with_flags(ActionFlags::RESTART);
/// let before = action::set(number, action)?;
/// signal::queue(rustix::process::getpid(), number, Payload::from_int(7))?;
/// // Sent to the whole process, so that it may be another thread that takes it.
/// while PAYLOAD.load(Ordering::Relaxed) != 7 {}
/// // SAFETY: it is no handler, as none has been set before.
/// unsafe { before.restore()? };
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "sigaction")]
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Action(Sigaction);

/// What an [`Action`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// What `signal(7)` says of the signal.
    Default,
    /// Nothing.
    Ignore,
    /// The handler at this address runs.
    Handler(usize),
    /// The handler at this address runs, and is given an [`Info`].
    InfoHandler(usize),
}

impl Action {
    /// What `signal(7)` says of the signal: mostly that it ends the process.
    #[doc(alias = "SIG_DFL")]
    pub const DEFAULT: Self = Self(Sigaction::new(SIG_DFL));

    /// Nothing. A signal that is ignored is thrown away when it is sent, unless it is
    /// blocked. For `SIGCHLD` this is as [`ActionFlags::NOCLDWAIT`]. A fault's signal
    /// cannot be ignored when it is due to a fault: that ends the process.
    #[doc(alias = "SIG_IGN")]
    pub const IGNORE: Self = Self(Sigaction::new(SIG_IGN));

    /// `handler` runs in a thread that takes the signal.
    ///
    /// # Safety
    ///
    /// The handler keeps [the rules](super#a-handlers-rules), whatever it interrupts and
    /// whatever signal it is set for.
    #[doc(alias = "sa_handler")]
    #[must_use]
    pub unsafe fn handler(handler: extern "C" fn(Signal)) -> Self {
        Self(Sigaction::new(handler as *const () as usize))
    }

    /// `handler` runs in a thread that takes the signal, and is told all about it.
    ///
    /// # Safety
    ///
    /// The handler keeps [the rules](super#a-handlers-rules), whatever it interrupts and
    /// whatever signal it is set for.
    #[doc(alias = "SA_SIGINFO")]
    #[doc(alias = "sa_sigaction")]
    #[must_use]
    pub unsafe fn info_handler(handler: extern "C" fn(Signal, &Info, Context<'_>)) -> Self {
        let mut action = Sigaction::new(handler as *const () as usize);
        action.flags |= u64::from(raw::SA_SIGINFO);
        Self(action)
    }

    /// The same with these flags and no other.
    #[must_use]
    pub const fn with_flags(mut self, flags: ActionFlags) -> Self {
        self.0.flags = self.0.flags & IMPLIED | flags.bits() as u64 & !IMPLIED;
        self
    }

    /// The same, but that these signals and no others are blocked, beside the signal
    /// itself, while the handler runs.
    #[doc(alias = "sa_mask")]
    #[must_use]
    pub fn with_mask(mut self, mask: impl Into<Set>) -> Self {
        self.0.mask = mask.into().bits();
        self
    }

    /// What it is.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self.0.handler {
            SIG_DFL => Disposition::Default,
            SIG_IGN => Disposition::Ignore,
            handler if self.0.flags & raw::SA_SIGINFO as u64 != 0 => {
                Disposition::InfoHandler(handler)
            }
            handler => Disposition::Handler(handler),
        }
    }

    /// Its flags.
    #[must_use]
    pub const fn flags(&self) -> ActionFlags {
        // The kernel has none beyond 32 bits.
        ActionFlags::from_bits_retain((self.0.flags & !IMPLIED) as u32)
    }

    /// What is blocked while the handler runs, beside the signal itself.
    #[must_use]
    pub const fn mask(&self) -> Set {
        Set::from_bits_with_reserved(self.0.mask)
    }
}

/// Whoever's restorer it has.
impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        (self.disposition(), self.flags(), self.mask())
            == (other.disposition(), other.flags(), other.mask())
    }
}

impl Eq for Action {}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("disposition", &self.disposition())
            .field("flags", &self.flags())
            .field("mask", &self.mask())
            .finish()
    }
}

/// What this process does, or did, when it takes a certain signal: an [`Action`] that came
/// from the kernel.
///
/// Its handler may be somebody else's, of a C library for instance, and rely on what only
/// holds for this signal, and only for as long as its owner wants it there. So it can be
/// looked at and compared, and only be put back by who knows: [`restore`](Self::restore).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Installed {
    signal: Signal,
    action: Action,
}

impl Installed {
    /// The signal that it is for.
    #[must_use]
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// What it is.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        self.action.disposition()
    }

    /// Its flags.
    #[must_use]
    pub const fn flags(&self) -> ActionFlags {
        self.action.flags()
    }

    /// What is blocked while the handler runs, beside the signal itself.
    #[must_use]
    pub const fn mask(&self) -> Set {
        self.action.mask()
    }

    /// The action itself, if it has no handler: to be set again, for any signal.
    #[must_use]
    pub const fn without_handler(&self) -> Option<Action> {
        match self.disposition() {
            Disposition::Default | Disposition::Ignore => Some(self.action),
            Disposition::Handler(_) | Disposition::InfoHandler(_) => None,
        }
    }

    /// Lets this process do this again when it takes the signal, and returns what it did
    /// before: `rt_sigaction(2)`.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`](crate::Errno::INVAL): `SIGKILL` and `SIGSTOP` are the kernel's.
    ///
    /// # Safety
    ///
    /// Its handler, if it has one, may still run at any moment: it is mapped, what it uses
    /// is there, and its owner has not taken it for gone since it was replaced.
    pub unsafe fn restore(&self) -> Result<Self> {
        set(self.signal, self.action)
    }
}

impl PartialEq<Action> for Installed {
    fn eq(&self, other: &Action) -> bool {
        self.action == *other
    }
}

impl fmt::Debug for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installed")
            .field("signal", &self.signal)
            .field("disposition", &self.disposition())
            .field("flags", &self.flags())
            .field("mask", &self.mask())
            .finish()
    }
}

/// Returns what this process does when it takes `signal`: `rt_sigaction(2)`.
///
/// # Errors
///
/// None but those of a seccomp filter.
#[doc(alias = "sigaction")]
pub fn get(signal: Signal) -> Result<Installed> {
    // SAFETY: nothing new.
    let action = Action(unsafe { rt_sigaction(signal.as_raw(), None)? });
    Ok(Installed { signal, action })
}

/// Decides what this process does from now on when it takes `signal`, and returns
/// what it did before: `rt_sigaction(2)`.
///
/// # Errors
///
/// [`Errno::INVAL`](crate::Errno::INVAL): `SIGKILL` and `SIGSTOP` are the kernel's.
///
/// # Examples
///
/// ```
/// use rawipc::signal::action::{self, Action, Disposition};
/// use rawipc::Signal;
///
/// let before = action::set(Signal::USR2, Action::IGNORE)?;
/// assert_eq!(before.disposition(), Disposition::Default);
/// rawipc::signal::raise(Signal::USR2)?; // Nothing happens.
/// # Ok::<(), rawipc::Errno>(())
/// ```
///
/// A handler that was found cannot be installed for another signal: it may rely on what
/// the kernel says with its own.
///
/// ```compile_fail,E0308
/// use rawipc::signal::action;
/// use rawipc::Signal;
///
/// let theirs = action::get(Signal::BUS)?;
/// action::set(Signal::USR1, theirs)?;
/// # Ok::<(), rawipc::Errno>(())
/// ```
#[doc(alias = "sigaction")]
#[doc(alias = "signal")]
pub fn set(signal: Signal, action: Action) -> Result<Installed> {
    // SAFETY: an action with a handler was made by someone who vouches for it whatever
    // it interrupts, or is put back by someone who vouches for that.
    let action = Action(unsafe { rt_sigaction(signal.as_raw(), Some(&action.0))? });
    Ok(Installed { signal, action })
}

/// What a handler interrupted: `ucontext_t`, which the thread goes on from when the
/// handler returns.
#[doc(alias = "ucontext_t")]
#[derive(Debug)]
#[repr(transparent)]
pub struct Context<'a>(NonNull<c_void>, PhantomData<&'a mut ()>);

impl Context<'_> {
    /// The kernel's `ucontext_t`, to read or change registers of this machine.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }

    /// The address of the instruction that comes next; of a fault: that faulted.
    #[must_use]
    pub fn instruction(&self) -> usize {
        self.word(arch::context::INSTRUCTION) as usize
    }

    /// The stack pointer.
    #[must_use]
    pub fn stack(&self) -> usize {
        self.word(arch::context::STACK) as usize
    }

    /// What the thread blocked, and blocks again when the handler returns.
    #[must_use]
    pub fn mask(&self) -> Set {
        Set::from_bits_with_reserved(self.word(arch::context::MASK))
    }

    /// Lets the thread block `mask` and nothing else when the handler returns.
    pub fn set_mask(&mut self, mask: impl Into<Set>) {
        let place = self.place(arch::context::MASK);
        // SAFETY: as in `word`; the kernel reads any mask there.
        unsafe { place.write(mask.into().bits()) };
    }

    fn word(&self, offset: usize) -> u64 {
        let place = self.place(offset);
        // SAFETY: only the kernel makes one of these, for a handler, and it points to
        // a ucontext_t, which has a word there and lives until the handler returns,
        // as this does.
        unsafe { place.read() }
    }

    #[allow(
        clippy::cast_ptr_alignment,
        reason = "the kernel aligns it to 16, and all offsets are multiples of 8"
    )]
    fn place(&self, offset: usize) -> *mut u64 {
        self.0.as_ptr().wrapping_byte_add(offset).cast()
    }
}
