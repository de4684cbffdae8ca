//! [`Block`]: a block of the allocator's that is full of one number, so that it shows if somebody else has written to it.

use alloc::alloc;
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;

/// Freed when dropped; panics if it is not what it was.
pub(crate) struct Block {
    memory: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

// SAFETY: memory of its own.
unsafe impl Send for Block {}

impl Block {
    /// `None` if the allocator has none.
    pub(crate) fn new(size: usize, align: usize, mark: u8) -> Option<Self> {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        assert!(size > 0);
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc::alloc(layout) })?;
        let mut block = Self {
            memory,
            layout,
            mark,
        };
        block.assert_aligned();
        block.bytes().fill(mark);
        Some(block)
    }

    /// Of zeros, as the allocator makes them.
    pub(crate) fn zeroed(size: usize, align: usize) -> Option<Self> {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        assert!(size > 0);
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc::alloc_zeroed(layout) })?;
        Some(Self {
            memory,
            layout,
            mark: 0,
        })
    }

    /// Returns whether it has got the size; otherwise it is as it was.
    pub(crate) fn resize(&mut self, size: usize) -> bool {
        assert!(size > 0);
        // SAFETY: of this layout, and the size is not zero.
        let memory = unsafe { alloc::realloc(self.memory.as_ptr(), self.layout, size) };
        let Some(memory) = NonNull::new(memory) else {
            return false;
        };
        let kept = self.layout.size().min(size);
        self.memory = memory;
        self.layout = Layout::from_size_align(size, self.layout.align()).expect("a layout");
        self.assert_aligned();
        let mark = self.mark;
        let (old, new) = self.bytes().split_at_mut(kept);
        assert!(old.iter().all(|&byte| byte == mark), "moved wrongly");
        new.fill(mark);
        true
    }

    pub(crate) fn range(&self) -> Range<usize> {
        let at = self.memory.addr().get();
        at..at + self.layout.size()
    }

    pub(crate) fn is_intact(&mut self) -> bool {
        let mark = self.mark;
        self.bytes().iter().all(|&byte| byte == mark)
    }

    fn assert_aligned(&self) {
        let align = self.layout.align();
        assert!(
            self.range().start.is_multiple_of(align),
            "not aligned to {align}"
        );
    }

    fn bytes(&mut self) -> &mut [u8] {
        let bytes = NonNull::slice_from_raw_parts(self.memory, self.layout.size());
        // SAFETY: its own, and all of it has been written.
        unsafe { &mut *bytes.as_ptr() }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        assert!(
            self.is_intact(),
            "somebody has written to {:?}",
            self.layout
        );
        // SAFETY: allocated by this layout, and nobody uses it any more.
        unsafe { alloc::dealloc(self.memory.as_ptr(), self.layout) };
    }
}
