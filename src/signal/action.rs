//! What a process does on a signal: `rt_sigaction(2)`.
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
    /// Options of handling a signal.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::sync::atomic::{AtomicBool, Ordering};
    /// use rawipc::Signal;
    /// use rawipc::signal::{self, action::{self, Action, ActionFlags}};
    ///
    /// static STOP: AtomicBool = AtomicBool::new(false);
    /// extern "C" fn on_term(_signal: Signal) {
    ///     STOP.store(true, Ordering::Relaxed);
    /// }
    /// // Interrupted calls go on, and the second signal ends the process.
    /// let flags = ActionFlags::RESTART | ActionFlags::RESETHAND;
    /// // SAFETY: the handler only stores into an atomic.
    /// let action = unsafe { Action::handler(on_term) }.with_flags(flags);
    /// action::set(Signal::TERM, action)?;
    /// signal::raise(Signal::TERM)?;
    /// assert!(STOP.load(Ordering::Relaxed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ActionFlags: u32 {
        /// For `SIGCHLD`: signals only the termination of children, not that they are stopped
        /// or continued.
        #[doc(alias = "SA_NOCLDSTOP")]
        const NOCLDSTOP = raw::SA_NOCLDSTOP;
        /// For `SIGCHLD`: terminated children leave no zombie, and cannot be waited for.
        #[doc(alias = "SA_NOCLDWAIT")]
        const NOCLDWAIT = raw::SA_NOCLDWAIT;
        /// Runs the handler on the thread's alternate [stack](super::stack), if it has one.
        #[doc(alias = "SA_ONSTACK")]
        const ONSTACK = raw::SA_ONSTACK;
        /// Restarts calls that the handler interrupts, where they can be, instead of failing
        /// with [`Errno::INTR`](crate::Errno::INTR). Those with a deadline, and those that wait
        /// for signals, cannot: `signal(7)` has the list.
        #[doc(alias = "SA_RESTART")]
        const RESTART = raw::SA_RESTART;
        /// Leaves the signal unblocked while its handler runs: the handler can interrupt
        /// itself.
        #[doc(alias = "SA_NODEFER")]
        #[doc(alias = "SA_NOMASK")]
        const NODEFER = raw::SA_NODEFER;
        /// Resets the action to [`Action::DEFAULT`] as soon as the handler begins.
        #[doc(alias = "SA_RESETHAND")]
        #[doc(alias = "SA_ONESHOT")]
        const RESETHAND = raw::SA_RESETHAND;
        /// Keeps the bits that the machine ignores in the address of a [`Fault`](super::Fault)
        /// (Linux 5.11).
        #[doc(alias = "SA_EXPOSE_TAGBITS")]
        const EXPOSE_TAGBITS = raw::SA_EXPOSE_TAGBITS;
        /// A flag that never exists, to detect support for others: set it with them, and
        /// [`get`] the action. If it is gone, so are all flags that this kernel does not
        /// support (Linux 5.11); if not, the kernel keeps unknown flags.
        #[doc(alias = "SA_UNSUPPORTED")]
        const UNSUPPORTED = raw::SA_UNSUPPORTED;

        const _ = !0;
    }
}

/// Flags that follow from the handler and the machine.
const IMPLIED: u64 = raw::SA_SIGINFO as u64 | arch::SA_RESTORER;

/// The action of a process on a signal.
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

/// The kind of an [`Action`].
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::signal::action::{self, Action, Disposition};
///
/// action::set(Signal::PIPE, Action::IGNORE)?;
/// assert_eq!(action::get(Signal::PIPE)?.disposition(), Disposition::Ignore);
/// assert_eq!(action::get(Signal::TERM)?.disposition(), Disposition::Default);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The default action of the signal: `signal(7)`.
    Default,
    /// The signal is ignored.
    Ignore,
    /// The handler at this address runs.
    Handler(usize),
    /// The handler at this address runs, with an [`Info`].
    InfoHandler(usize),
}

impl Action {
    /// The default action of the signal, mostly to terminate the process: `signal(7)`.
    #[doc(alias = "SIG_DFL")]
    pub const DEFAULT: Self = Self(Sigaction::new(SIG_DFL));

    /// Ignores the signal, which is discarded when it is sent, unless it is blocked. For
    /// `SIGCHLD` this implies [`ActionFlags::NOCLDWAIT`]. The signal of an actual fault cannot
    /// be ignored: it terminates the process.
    #[doc(alias = "SIG_IGN")]
    pub const IGNORE: Self = Self(Sigaction::new(SIG_IGN));

    /// Runs `handler` in a thread that takes the signal.
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

    /// Runs `handler` in a thread that takes the signal, with all information about it.
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

    /// Replaces the flags.
    #[must_use]
    pub const fn with_flags(mut self, flags: ActionFlags) -> Self {
        self.0.flags = self.0.flags & IMPLIED | flags.bits() as u64 & !IMPLIED;
        self
    }

    /// Replaces the signals that are blocked, beside the signal itself, while the handler runs.
    #[doc(alias = "sa_mask")]
    #[must_use]
    pub fn with_mask(mut self, mask: impl Into<Set>) -> Self {
        self.0.mask = mask.into().bits();
        self
    }

    /// Returns the kind of the action.
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

    /// Returns the flags.
    #[must_use]
    pub const fn flags(&self) -> ActionFlags {
        // The kernel has none beyond 32 bits.
        ActionFlags::from_bits_retain((self.0.flags & !IMPLIED) as u32)
    }

    /// Returns the signals that are blocked, beside the signal itself, while the handler runs.
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

/// The installed action of a certain signal, now or before: an [`Action`] that came from the
/// kernel.
///
/// Its handler may be somebody else's, of a C library for instance, and rely on what only
/// holds for this signal, and only for as long as its owner wants it there. So it can be
/// looked at and compared, and only be put back by who knows: [`restore`](Self::restore).
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::signal::action::{self, Action};
///
/// let before = action::set(Signal::HUP, Action::IGNORE)?;
/// println!("it was {:?}, with {:?}", before.disposition(), before.flags());
/// // What has no handler can be put back by anyone.
/// if let Some(action) = before.without_handler() {
///     action::set(Signal::HUP, action)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Installed {
    signal: Signal,
    action: Action,
}

impl Installed {
    /// Returns the signal of this action.
    #[must_use]
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// Returns the kind of the action.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        self.action.disposition()
    }

    /// Returns the flags.
    #[must_use]
    pub const fn flags(&self) -> ActionFlags {
        self.action.flags()
    }

    /// Returns the signals that are blocked, beside the signal itself, while the handler runs.
    #[must_use]
    pub const fn mask(&self) -> Set {
        self.action.mask()
    }

    /// Returns the action itself if it has no handler, to be set again for any signal.
    #[must_use]
    pub const fn without_handler(&self) -> Option<Action> {
        match self.disposition() {
            Disposition::Default | Disposition::Ignore => Some(self.action),
            Disposition::Handler(_) | Disposition::InfoHandler(_) => None,
        }
    }

    /// Restores this action of the signal, and returns the one that was installed:
    /// `rt_sigaction(2)`.
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

/// Returns the action of `signal`: `rt_sigaction(2)`.
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

/// Sets the action of `signal`, and returns the previous one: `rt_sigaction(2)`.
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

/// The context that a handler interrupted, to which the thread returns: `ucontext_t`.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{AtomicUsize, Ordering};
/// use rawipc::Signal;
/// use rawipc::signal::{self, Info, action::{self, Action, Context}};
///
/// static INTERRUPTED_AT: AtomicUsize = AtomicUsize::new(0);
/// extern "C" fn on_signal(_signal: Signal, _info: &Info, context: Context<'_>) {
///     INTERRUPTED_AT.store(context.instruction(), Ordering::Relaxed);
/// }
/// // SAFETY: the handler only stores into an atomic.
/// action::set(Signal::USR1, unsafe { Action::info_handler(on_signal) })?;
/// signal::raise(Signal::USR1)?;
/// assert_ne!(INTERRUPTED_AT.load(Ordering::Relaxed), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ucontext_t")]
#[derive(Debug)]
#[repr(transparent)]
pub struct Context<'a>(NonNull<c_void>, PhantomData<&'a mut ()>);

impl Context<'_> {
    /// Returns the kernel's `ucontext_t`, to read or change registers of this machine.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }

    /// Returns the address of the next instruction; for a fault, of the one that faulted.
    #[must_use]
    pub fn instruction(&self) -> usize {
        self.word(arch::context::INSTRUCTION) as usize
    }

    /// Returns the stack pointer.
    #[must_use]
    pub fn stack(&self) -> usize {
        self.word(arch::context::STACK) as usize
    }

    /// Returns the signals that the thread blocks again when the handler returns.
    #[must_use]
    pub fn mask(&self) -> Set {
        Set::from_bits_with_reserved(self.word(arch::context::MASK))
    }

    /// Sets the signals that the thread blocks when the handler returns.
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
