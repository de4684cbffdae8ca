//! [`Shared`]: what may lie in memory that other processes write.

use core::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};

/// A type whose references may point into memory that other processes write: see
/// [`Mapping::object`](crate::memory::Mapping::object).
///
/// Implemented for the atomic integers and for arrays. Not for `AtomicBool` (most
/// bytes are no bool), nor for `AtomicPtr` (an address of one process means
/// nothing in another).
///
/// A structure of such types may be shared too; as the processes are perhaps not
/// the same program, it is `#[repr(C)]`:
///
/// ```
/// use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
/// use rawipc::memory::{MapOptions, Shared};
///
/// #[repr(C)]
/// struct Statistics {
///     requests: AtomicU64,
///     errors: [AtomicU32; 4],
/// }
/// // SAFETY: every field is Shared.
/// unsafe impl Shared for Statistics {}
///
/// let mapping = MapOptions::shared(4096).map_anonymous()?;
/// let statistics = mapping.object::<Statistics>(64).unwrap();
/// statistics.requests.fetch_add(1, Ordering::Relaxed);
/// # Ok::<(), rawipc::Errno>(())
/// ```
///
/// What another process may change at any moment is not a plain integer:
///
/// ```compile_fail,E0277
/// use rawipc::memory::MapOptions;
///
/// let mapping = MapOptions::shared(4096).map_anonymous().unwrap();
/// let number: &u64 = mapping.object(0).unwrap();
/// ```
///
/// # Safety
///
/// - Every sequence of bytes is a value of the type.
/// - Every byte that is not padding lies in an atomic, and is only ever accessed
///   through it: another process may change it between any two instructions.
/// - Nothing in it is a pointer, a reference, a descriptor or anything else that
///   means something in one process only, unless its methods treat it as the
///   arbitrary number that a hostile process may have put there.
/// - It need not be dropped.
/// - Where it is used together with other types at one place, the atomics there have the
///   same sizes; [`SIZES`](Self::SIZES) are those that it has.
/// - Its methods keep these promises and are safe however hostile the other
///   processes are.
pub unsafe trait Shared: Sync {
    /// The sizes of its atomics in bytes: one size for every eight bytes of it, over and over
    /// again.
    ///
    /// By it a mapping sees to it that [one place has one
    /// size](crate::memory::Mapping::object). `&[0]`, which a structure has unless it says
    /// otherwise, leaves that to its author: it may be where other such structures are, and
    /// nothing else may. More than one size is for types that are aligned to eight bytes.
    const SIZES: &'static [u8] = &[0];
}

macro_rules! shared {
    ($($atomic:ty),* $(,)?) => {$(
        // SAFETY: an atomic integer: any bytes, only accessed atomically.
        unsafe impl Shared for $atomic {
            const SIZES: &'static [u8] = &[size_of::<Self>() as u8];
        }
    )*};
}

shared!(
    AtomicI8,
    AtomicI16,
    AtomicI32,
    AtomicI64,
    AtomicIsize,
    AtomicU8,
    AtomicU16,
    AtomicU32,
    AtomicU64,
    AtomicUsize,
);

// SAFETY: nothing but elements, each of them Shared.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {
    const SIZES: &'static [u8] = T::SIZES;
}
