//! [`Value`]: a value in shared memory, modelled: who reads or writes it while another writes fails;
//! and [`RacingValue`].

use core::marker::PhantomData;

use rawipc_model::RacingBytes;
use rawipc_model::cell::UnsafeCell;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A value that a lock guards.
#[derive(Debug)]
pub(crate) struct Value<T>(UnsafeCell<T>);

// SAFETY: the cell checks every access itself.
unsafe impl<T> Sync for Value<T> {}

impl<T> Value<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// References into the memory are not modelled.
    pub(crate) fn pointer(&self) -> *mut T {
        unimplemented!("references to a modelled value")
    }
}

impl<T: FromBytes> Value<T> {
    pub(crate) fn read(&self) -> T {
        // SAFETY: the cell has checked that nobody writes meanwhile; any bytes are a `T`.
        self.0.with(|value| unsafe { value.read() })
    }
}

impl<T: IntoBytes + Immutable> Value<T> {
    pub(crate) fn write(&self, value: &T) {
        let from = core::ptr::from_ref(value);
        // SAFETY: the cell has checked that nobody else looks; the bytes are all of it.
        self.0
            .with_mut(|to| unsafe { to.copy_from_nonoverlapping(from, 1) });
    }
}

/// A value that may be read while another writes it, by who finds out afterwards.
#[derive(Debug)]
pub(crate) struct RacingValue<T> {
    bytes: RacingBytes,
    value: PhantomData<fn() -> T>,
}

impl<T: IntoBytes + Immutable> RacingValue<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            bytes: RacingBytes::new(value.as_bytes()),
            value: PhantomData,
        }
    }

    #[track_caller]
    pub(crate) fn write(&self, value: &T) {
        self.bytes.write(value.as_bytes());
    }
}

impl<T: FromBytes> RacingValue<T> {
    #[track_caller]
    pub(crate) fn read(&self) -> T {
        T::read_from_bytes(&self.bytes.read()).expect("as many bytes as it has")
    }
}
