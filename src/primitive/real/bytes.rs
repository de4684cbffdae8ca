//! [`Bytes`]: copies of what other processes may write meanwhile.

use core::hint::assert_unchecked;

use crate::arch;

/// Memory of a region. Valid only as long as its [`Map`](super::Map).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(super) *mut u8);

// SAFETY: an address, bound to no thread; its uses are races allowed for.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// For who may read while another writes, and finds out afterwards: every copy here allows for
    /// that.
    #[inline(always)]
    pub(crate) fn racing(self) -> Self {
        self
    }

    /// The bytes from `at` on, for those who may look.
    pub(crate) fn pointer(self, at: usize) -> *mut u8 {
        self.0.wrapping_add(at)
    }

    /// Those of part `index` of a section of parts, each of which is `len` bytes long and mapped
    /// twice in a row: a page at least, and a power of two.
    #[inline(always)]
    pub(crate) fn part(self, index: usize, len: usize) -> Option<Self> {
        let possible = len.is_power_of_two() && len >= arch::MAX_PAGE_SIZE;
        possible.then_some(Self(
            self.0.wrapping_add(len.wrapping_mul(index).wrapping_mul(2)),
        ))
    }

    /// Asks for the cache line of the byte at `at`, to be written.
    #[inline(always)]
    pub(crate) fn prefetch(self, at: usize) {
        arch::prefetch_for_writing(self.0.wrapping_add(at));
    }

    /// # Safety
    ///
    /// `at + len` must not exceed twice the region's capacity, `to` must be
    /// writable for `len` bytes of private memory, and the place be attached.
    #[inline(always)]
    pub(crate) unsafe fn read(self, at: usize, to: *mut u8, len: usize) {
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_in(to, self.0.wrapping_add(at), len) };
    }

    /// As [`read`](Self::read), where `at` is a multiple of eight: the compiler
    /// then leaves the bytewise half of the copy out.
    ///
    /// # Safety
    ///
    /// As for [`read`](Self::read).
    #[inline(always)]
    pub(crate) unsafe fn read_aligned(self, at: usize, to: *mut u8, len: usize) {
        let from = self.0.wrapping_add(at);
        // SAFETY: the data begin on a page and `at` is a multiple of eight.
        unsafe { assert_unchecked(from.addr().is_multiple_of(8)) };
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_in_known(to, from, len) };
    }

    /// # Safety
    ///
    /// As for [`read`](Self::read), with `from` readable.
    #[inline(always)]
    pub(crate) unsafe fn write(self, at: usize, from: *const u8, len: usize) {
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_out(self.0.wrapping_add(at), from, len) };
    }

    /// As [`write`](Self::write), where `at` is a multiple of eight.
    ///
    /// # Safety
    ///
    /// As for [`write`](Self::write).
    #[inline(always)]
    pub(crate) unsafe fn write_aligned(self, at: usize, from: *const u8, len: usize) {
        let to = self.0.wrapping_add(at);
        // SAFETY: the data begin on a page and `at` is a multiple of eight.
        unsafe { assert_unchecked(to.addr().is_multiple_of(8)) };
        // SAFETY: the data are mapped twice in a row; the rest is promised.
        unsafe { arch::copy_out_known(to, from, len) };
    }
}
