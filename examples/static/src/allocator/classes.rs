//! [`Classes`]: blocks whose sizes are powers of two, in a list for each size.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::bump::Bump;
use crate::lock::Lock;

/// The size of the smallest class, the alignment that C's allocators have.
const SMALLEST: usize = 16;
/// The size of the largest.
const LARGEST: usize = 32 << 10;
const COUNT: usize = (LARGEST / SMALLEST).ilog2() as usize + 1;

/// The largest alignment, a page's.
pub(super) const MAX_ALIGN: usize = 4096;

/// The number of the class whose blocks are for this layout.
pub(super) fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(SMALLEST);
    let is_small = size <= LARGEST && layout.align() <= MAX_ALIGN;
    is_small.then(|| (size.next_power_of_two() / SMALLEST).ilog2() as usize)
}

/// A block that nobody has, which leads to the next.
struct Free {
    next: List,
}

type List = Option<&'static mut Free>;

const _: () = assert!(size_of::<Free>() <= SMALLEST);

/// All blocks of the classes.
pub(super) struct Classes {
    free: [Lock<List>; COUNT],
    fresh: Lock<Bump>,
}

impl Classes {
    pub(super) const fn new() -> Self {
        Self {
            free: [const { Lock::new(None) }; COUNT],
            fresh: Lock::new(Bump::new()),
        }
    }

    /// A block of this class: the last one given back, or a new one. It is aligned to its size, but at
    /// most to [`MAX_ALIGN`]. `None` if the kernel maps no more.
    pub(super) fn take(&self, class: usize) -> Option<NonNull<u8>> {
        let used = self.free.get(class)?.with(|list| {
            let first = list.take()?;
            *list = first.next.take();
            Some(NonNull::from(first).cast())
        });
        used.or_else(|| {
            let size = SMALLEST << class;
            let new = self
                .fresh
                .with(|fresh| fresh.cut(size, size.min(MAX_ALIGN)));
            new.map(|block| NonNull::from(block).cast())
        })
    }

    /// # Safety
    ///
    /// The block must be of this class, and nobody may use it any more.
    pub(super) unsafe fn give_back(&self, class: usize, block: NonNull<u8>) {
        let Some(list) = self.free.get(class) else {
            return;
        };
        let free = block.cast::<Free>();
        list.with(|list| {
            // SAFETY: large and aligned enough, and nobody else's.
            unsafe { free.write(Free { next: list.take() }) };
            // SAFETY: just written, and in this list alone from now on.
            *list = Some(unsafe { &mut *free.as_ptr() });
        });
    }
}
