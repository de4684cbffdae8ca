//! Lists of buffers: `iovec`, which `IoSlice` and `IoSliceMut` are laid out as.

use core::mem::{align_of, size_of};

use linux_raw_sys::general::iovec;
use rustix::pipe::IoSliceRaw;
use static_assertions::const_assert_eq;

use crate::{IoSlice, IoSliceMut};

// Necessary; that they are, is what all three promise.
const_assert_eq!(size_of::<IoSlice<'_>>(), size_of::<iovec>());
const_assert_eq!(align_of::<IoSlice<'_>>(), align_of::<iovec>());
const_assert_eq!(size_of::<IoSliceMut<'_>>(), size_of::<iovec>());
const_assert_eq!(align_of::<IoSliceMut<'_>>(), align_of::<iovec>());
const_assert_eq!(size_of::<IoSliceRaw<'_>>(), size_of::<iovec>());
const_assert_eq!(align_of::<IoSliceRaw<'_>>(), align_of::<iovec>());

/// As many buffers as the kernel takes in one call (`UIO_MAXIOV`).
pub(crate) const MAX: usize = 1024;

/// The bytes of a buffer: `IoSlice` is std's or rustix's own, and the two have no
/// way in common to say them.
pub(crate) fn bytes<'a>(buffer: &IoSlice<'a>) -> &'a [u8] {
    let raw = core::ptr::from_ref(buffer).cast::<iovec>();
    // SAFETY: an IoSlice has the layout of an iovec and is borrowed.
    let raw = unsafe { raw.read() };
    // SAFETY: the two are the address and length of a slice that is borrowed for 'a.
    unsafe { core::slice::from_raw_parts(raw.iov_base.cast(), raw.iov_len as usize) }
}

/// As [`bytes`], to be written.
pub(crate) fn bytes_mut<'a>(buffer: &'a mut IoSliceMut<'_>) -> &'a mut [u8] {
    let raw = core::ptr::from_mut(buffer).cast::<iovec>();
    // SAFETY: an IoSliceMut has the layout of an iovec and is borrowed.
    let raw = unsafe { raw.read() };
    // SAFETY: the two are the address and length of a slice that the buffer borrows
    // exclusively, and the buffer is borrowed so for 'a.
    unsafe { core::slice::from_raw_parts_mut(raw.iov_base.cast(), raw.iov_len as usize) }
}

/// The length of a buffer.
pub(crate) fn len_of(buffer: &IoSliceMut<'_>) -> usize {
    let raw = core::ptr::from_ref(buffer).cast::<iovec>();
    // SAFETY: an IoSliceMut has the layout of an iovec and is borrowed.
    let raw = unsafe { raw.read() };
    raw.iov_len as usize
}

/// The buffers that one call takes: as many as the kernel allows, from the first that
/// is not empty, so that nothing done is nothing to do.
pub(crate) fn window<'s, 'a>(buffers: &'s [IoSlice<'a>]) -> &'s [IoSlice<'a>] {
    if buffers.len() <= MAX {
        return buffers;
    }
    let empty = buffers.iter().take_while(|it| bytes(it).is_empty());
    let rest = buffers.get(empty.count()..).unwrap_or_default();
    rest.get(..MAX).unwrap_or(rest)
}

/// As [`window`], to be written.
pub(crate) fn window_mut<'s, 'a>(buffers: &'s mut [IoSliceMut<'a>]) -> &'s mut [IoSliceMut<'a>] {
    if buffers.len() <= MAX {
        return buffers;
    }
    let empty = buffers.iter().take_while(|it| len_of(it) == 0).count();
    let rest = buffers.get_mut(empty..).unwrap_or_default();
    let count = rest.len().min(MAX);
    rest.get_mut(..count).unwrap_or_default()
}

/// The buffers of [`window`], for calls that only read them.
pub(crate) fn raw<'a>(buffers: &'a [IoSlice<'_>]) -> &'a [IoSliceRaw<'a>] {
    let first = window(buffers);
    // SAFETY: the two types have the layout of an iovec, and the slice stays borrowed.
    unsafe { core::slice::from_raw_parts(first.as_ptr().cast(), first.len()) }
}

/// The buffers of [`window_mut`], for calls that write them.
pub(crate) fn raw_mut<'a>(buffers: &'a mut [IoSliceMut<'_>]) -> &'a [IoSliceRaw<'a>] {
    let first = window_mut(buffers);
    // SAFETY: the two types have the layout of an iovec, and the slice stays borrowed
    // exclusively.
    unsafe { core::slice::from_raw_parts(first.as_mut_ptr().cast(), first.len()) }
}
