//! [`Bytes`]: copies of what other processes may write meanwhile, modelled.

/// The data of a modelled region. Valid only as long as its [`Map`](super::Map).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(super) rawipc_model::Bytes);

impl Bytes {
    /// For who may read while another writes, and finds out afterwards.
    pub(crate) fn racing(self) -> Self {
        Self(self.0.racing())
    }

    /// References into the memory are not modelled.
    pub(crate) fn pointer(self, _at: usize) -> *mut u8 {
        unimplemented!("references into a modelled ring")
    }

    pub(crate) fn part(self, index: usize, len: usize) -> Option<Self> {
        Some(Self(self.0.part(index, len)))
    }

    /// A model has no cache.
    pub(crate) fn prefetch(self, _at: usize) {}

    pub(crate) unsafe fn read(self, at: usize, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.read(at, to, len) };
    }

    pub(crate) unsafe fn read_aligned(self, at: usize, to: *mut u8, len: usize) {
        assert!(at.is_multiple_of(8));
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.read(at, to, len) };
    }

    pub(crate) unsafe fn write(self, at: usize, from: *const u8, len: usize) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.write(at, from, len) };
    }

    pub(crate) unsafe fn write_aligned(self, at: usize, from: *const u8, len: usize) {
        assert!(at.is_multiple_of(8));
        // SAFETY: the caller's promise is the callee's.
        unsafe { self.0.write(at, from, len) };
    }
}
