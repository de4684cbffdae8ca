//! [`Bump`]: blocks cut from the beginning of a large mapping, one behind the other, never given back.

use core::mem;

use rawipc::memory::MapOptions;

/// How much is mapped at a time. Pages that nobody has written to take no memory.
const CHUNK: usize = 1 << 20;

/// The mapped memory that was never given out.
pub(super) struct Bump(&'static mut [u8]);

impl Bump {
    pub(super) const fn new() -> Self {
        Self(&mut [])
    }

    /// A block of this size, at most a chunk, and alignment, at most 4096. What is left of the last chunk
    /// is lost if it is too short. `None` if the kernel maps no more.
    pub(super) fn cut(&mut self, size: usize, align: usize) -> Option<&'static mut [u8]> {
        if let Some(block) = self.cut_here(size, align) {
            return Some(block);
        }
        let chunk = MapOptions::private(CHUNK).map_anonymous().ok()?.leak();
        // SAFETY: a new mapping that stays, and that nobody else knows of.
        self.0 = unsafe { &mut *chunk.as_ptr() };
        self.cut_here(size, align)
    }

    fn cut_here(&mut self, size: usize, align: usize) -> Option<&'static mut [u8]> {
        let skipped = self.0.as_ptr().align_offset(align);
        if skipped.checked_add(size)? > self.0.len() {
            return None;
        }
        let (_, rest) = mem::take(&mut self.0).split_at_mut(skipped);
        let (block, rest) = rest.split_at_mut(size);
        self.0 = rest;
        Some(block)
    }
}
