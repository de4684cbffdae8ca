//! [`OnceCell`]: a value that is made once.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::super::Holder;
use super::super::any::{Waitable, sealed as any};
use super::Once;
use crate::primitive::{Shared, Value, const_constructor};
use crate::{Deadline, Errno, Result};

/// A value that is made once, by any of the processes that share its memory, whoever of them dies.
///
/// It lies in any [`Mapping`](../memory/struct.Mapping.html); zeroed memory is a cell without a value. Who
/// makes the value is a [`Member`](../members/struct.Member.html) of a region; to read it needs none,
/// and costs one look and a copy.
///
/// # When a process is killed
///
/// As with [`Once`]: the next one makes the value. Nobody sees half of one.
///
/// # A hostile peer
///
/// can write any bytes into the value at any time, say that there is one, and keep others waiting
/// until their deadlines.
///
/// # Which values
///
/// As for a [`Mutex`](super::super::Mutex): plain bytes, any of which are valid.
///
/// # Examples
///
/// ```
/// use rawipc::members::Region;
/// use rawipc::sync::OnceCell;
///
/// let region = Region::create(4096)?; // others open its descriptor, or find it by a name
/// let memory = region.map()?;
/// let me = region.join()?;
///
/// let key = memory.object::<OnceCell<[u8; 16]>>(0)?;
/// assert_eq!(key.get(), None);
/// assert_eq!(key.get_or_init(&me, || [7; 16])?, [7; 16]);
/// assert_eq!(key.get_or_init(&me, || [8; 16])?, [7; 16]); // it has one
/// assert_eq!(key.get(), Some([7; 16]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A value with a pointer in it means nothing to another process:
///
/// ```compile_fail,E0277
/// use rawipc::{memory::Mapping, sync::OnceCell};
/// fn find(memory: &Mapping) {
///     memory.object::<OnceCell<&str>>(0).unwrap();
/// }
/// ```
#[repr(C)]
pub struct OnceCell<T> {
    once: Once,
    value: Value<T>,
}

// SAFETY: the word is an atomic, any value of which is a state. Of the value, any bytes of which
// are one, only copies are made that allow for races, but for who vouches for all others.
unsafe impl<T: FromBytes + IntoBytes + Immutable> Shared for OnceCell<T> {}

impl<T> OnceCell<T> {
    const_constructor! {
        /// Creates a cell without a value; `none` is what lies in its place: for memory of this process's
        /// own.
        #[must_use]
        pub fn new(none: T) -> Self {
            Self {
                once: Once::new(),
                value: Value::new(none),
            }
        }
    }
}

impl<T> Waitable for OnceCell<T> {}

impl<T> any::Waitable for OnceCell<T> {
    fn takes(&self, begun: u32) -> bool {
        any::Waitable::takes(&self.once, begun)
    }

    fn announce(&self, begun: u32) -> any::Sleep<'_> {
        any::Waitable::announce(&self.once, begun)
    }
}

impl<T: FromBytes + IntoBytes + Immutable> OnceCell<T> {
    /// Returns a copy of the value, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<T> {
        self.once.is_done().then(|| self.value.read())
    }

    /// Borrows the value where it lies, if there is one.
    ///
    /// # Safety
    ///
    /// Whoever can write to the memory must keep to this: the value is only accessed through this
    /// cell, as a `T`, by members of one region.
    #[inline]
    #[must_use]
    pub unsafe fn get_ref(&self) -> Option<&T> {
        if !self.once.is_done() {
            return None;
        }
        // SAFETY: mapped for as long as the cell is borrowed, and aligned; any bytes are a `T`.
        // Nobody writes to it any more, as the caller vouches.
        Some(unsafe { &*self.value.pointer() })
    }

    /// Returns the value, and makes it by `init` if there is none; blocks while somebody else does.
    ///
    /// If `init` panics there is none still, and the next one makes it. It goes on when it is interrupted,
    /// and looks again every [`RECHECK`](super::super::RECHECK).
    ///
    /// # Errors
    ///
    /// [`Errno::DEADLK`]: this member makes it already. [`Errno::PERM`]: the member is that of the
    /// process that this one was forked from, before or within `init`. What the kernel says where it refuses to let anybody sleep.
    #[inline]
    pub fn get_or_init<H: Holder>(&self, me: &H, init: impl FnOnce() -> T) -> Result<T> {
        self.get_or_init_until(me, init, Deadline::Never)
    }

    /// Like [`get_or_init`](Self::get_or_init), but returns [`Errno::AGAIN`] instead of blocking.
    ///
    /// # Errors
    ///
    /// [`Errno::AGAIN`], and those of [`get_or_init`](Self::get_or_init).
    #[inline]
    pub fn try_get_or_init<H: Holder>(&self, me: &H, init: impl FnOnce() -> T) -> Result<T> {
        match self.get_or_init_until(me, init, Deadline::NOW) {
            Err(Errno::TIMEDOUT) => Err(Errno::AGAIN),
            value => value,
        }
    }

    /// Like [`get_or_init`](Self::get_or_init), but gives up at `deadline` with [`Errno::TIMEDOUT`].
    ///
    /// A value that nobody makes is made however late it is.
    ///
    /// # Errors
    ///
    /// [`Errno::TIMEDOUT`], and those of [`get_or_init`](Self::get_or_init).
    #[inline]
    pub fn get_or_init_until<H: Holder>(
        &self,
        me: &H,
        init: impl FnOnce() -> T,
        deadline: Deadline,
    ) -> Result<T> {
        let Some(run) = self.once.begin_until(me, deadline)? else {
            return Ok(self.value.read());
        };
        let value = init();
        if run.is_copy() {
            // A child that was forked within `init`.
            return Err(Errno::PERM);
        }
        self.value.write(&value);
        run.finish();
        Ok(value)
    }

    /// Gives the cell its value, if it has none; blocks while somebody else does.
    ///
    /// # Errors
    ///
    /// [`Errno::EXIST`]: it has one. Those of [`get_or_init`](Self::get_or_init).
    pub fn set<H: Holder>(&self, me: &H, value: &T) -> Result<()> {
        let run = self.once.begin(me)?.ok_or(Errno::EXIST)?;
        self.value.write(value);
        run.finish();
        Ok(())
    }
}

impl<T> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell")
            .field("has_value", &self.once.is_done())
            .finish_non_exhaustive()
    }
}
