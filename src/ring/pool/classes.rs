//! The chunks that a pool has: a few classes, each of so many chunks of one size, in the four words
//! that the head has for them.
#![forbid(unsafe_code)]

use crate::region::LEN_MIN;

/// The maximum number of size classes of a pool.
pub const CLASSES_MAX: usize = 4;

/// A size class of a pool: `count` chunks, each with room for `size` bytes.
///
/// # Examples
///
/// ```
/// use rawipc::ring::pool::{Class, Pool};
///
/// // Many small messages and a few large ones.
/// let classes = [Class { size: 256, count: 1024 }, Class { size: 1 << 20, count: 8 }];
/// let pool: Pool = Pool::create(&classes, 64)?;
/// assert!(pool.classes().eq(classes));
/// assert_eq!(pool.producer()?.loan(100)?.len(), 100); // of the small ones
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// The bytes of a chunk; rounded up to a multiple of 64.
    pub size: usize,
    /// How many chunks there are.
    pub count: usize,
}

/// Sizes are multiples of this: a cache line.
const UNIT: usize = 64;

/// Bits of a word that say the size, in units.
const SIZE_BITS: u32 = 32;

/// Bits above those, which say the count; what is above them is the word's own, see [`Plan`].
const COUNT_BITS: u32 = 24;

/// The most chunks of a pool, and the most slots of its ring.
pub(in crate::ring) const COUNT_MAX: usize = (1 << COUNT_BITS) - 1;

/// The most bytes of all chunks together.
const DATA_MAX: usize = 1 << 40;

/// A class, and where its chunks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ring) struct Extent {
    pub(in crate::ring) size: usize,
    pub(in crate::ring) count: u32,
    /// The number of its first chunk.
    pub(in crate::ring) first: u32,
    /// Where that begins in the data.
    at: usize,
}

/// Where one chunk's data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ring) struct Room {
    pub(in crate::ring) at: usize,
    pub(in crate::ring) size: usize,
}

/// What a pool is made of. Each end has it privately, as it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ring) struct Plan {
    /// In ascending order of size; those that are not there have no chunks.
    pub(in crate::ring) extents: [Extent; CLASSES_MAX],
    /// How many chunks there are.
    pub(in crate::ring) chunks: usize,
    /// How many bytes they take.
    data: usize,
    /// The number of the ring's slots is two to the power of this.
    pub(in crate::ring) slots: u32,
    /// The code of the strategy by which ends wait.
    pub(in crate::ring) waiting: u32,
}

impl Plan {
    /// Plans a pool with these classes and a ring of at least `capacity` slots. `None` if there
    /// can be none.
    pub(in crate::ring) fn new(classes: &[Class], capacity: usize, waiting: u32) -> Option<Self> {
        if classes.is_empty() || classes.len() > CLASSES_MAX {
            return None;
        }
        let slots = capacity.max(1).checked_next_power_of_two()?;
        let mut plan = Self {
            extents: [Extent::default(); CLASSES_MAX],
            chunks: 0,
            data: 0,
            slots: slots.trailing_zeros(),
            waiting,
        };
        for (extent, class) in plan.extents.iter_mut().zip(classes) {
            *extent = Extent {
                size: class.size.checked_next_multiple_of(UNIT)?,
                count: u32::try_from(class.count).ok()?,
                first: 0,
                at: 0,
            };
            if class.count == 0 || class.size == 0 {
                return None;
            }
        }
        plan.settle()
    }

    /// The plan that a region's words say, if it is one.
    pub(in crate::ring) fn from_words(words: [u64; 4]) -> Option<Self> {
        let mut plan = Self {
            extents: [Extent::default(); CLASSES_MAX],
            chunks: 0,
            data: 0,
            slots: 0,
            waiting: 0,
        };
        let mut own = [0; CLASSES_MAX];
        for ((extent, own), word) in plan.extents.iter_mut().zip(&mut own).zip(words) {
            extent.size = (word as u32 as usize).checked_mul(UNIT)?;
            extent.count = (word >> SIZE_BITS) as u32 & COUNT_MAX as u32;
            *own = (word >> (SIZE_BITS + COUNT_BITS)) as u32;
        }
        let [slots, waiting, 0, 0] = own else {
            return None;
        };
        (plan.slots, plan.waiting) = (slots, waiting);
        plan.settle()
    }

    /// The words that say it.
    pub(in crate::ring) fn words(&self) -> [u64; 4] {
        let own = [self.slots, self.waiting, 0, 0];
        let mut words = [0; CLASSES_MAX];
        for ((word, extent), own) in words.iter_mut().zip(&self.extents).zip(own) {
            *word = (extent.size / UNIT) as u64
                | u64::from(extent.count) << SIZE_BITS
                | u64::from(own) << (SIZE_BITS + COUNT_BITS);
        }
        words
    }

    /// Gives each class its place. `None` if they are not in order, or too many or too large.
    fn settle(mut self) -> Option<Self> {
        if self.slots > COUNT_BITS - 1 {
            return None;
        }
        let mut before = 0;
        for extent in &mut self.extents {
            if (extent.size == 0) != (extent.count == 0) {
                return None;
            }
            if extent.count == 0 {
                // None behind it either.
                before = usize::MAX;
                continue;
            }
            if extent.size <= before || extent.size / UNIT > u32::MAX as usize {
                return None;
            }
            before = extent.size;
            extent.first = self.chunks as u32;
            extent.at = self.data;
            self.chunks += extent.count as usize;
            let len = extent.size.checked_mul(extent.count as usize)?;
            // Each class begins with a page.
            let len = len.checked_next_multiple_of(LEN_MIN)?;
            self.data = self.data.checked_add(len)?;
        }
        let is_possible = self.chunks > 0 && self.chunks <= COUNT_MAX && self.data <= DATA_MAX;
        is_possible.then_some(self)
    }

    /// The size classes, in ascending order.
    pub(in crate::ring) fn classes(&self) -> impl Iterator<Item = Class> + use<> {
        let extents = self.extents.into_iter();
        let classes = extents.map(|extent| Class {
            size: extent.size,
            count: extent.count as usize,
        });
        classes.filter(|class| class.count > 0)
    }

    /// The lengths of the sections: slots, chunks' words, data.
    pub(in crate::ring) fn lengths(&self, slot: usize, chunk: usize) -> [usize; 3] {
        [
            (slot << self.slots).next_multiple_of(LEN_MIN),
            (chunk * self.chunks).next_multiple_of(LEN_MIN),
            self.data,
        ]
    }

    /// The class of the smallest chunks with room for `len` bytes.
    #[inline(always)]
    pub(in crate::ring) fn class_for(&self, len: usize) -> Option<usize> {
        self.extents.iter().position(|extent| extent.size >= len)
    }

    /// The class of chunk `index`, and where its data are; `None` if there is no such chunk.
    #[inline(always)]
    pub(in crate::ring) fn room(&self, index: u32) -> Option<(usize, Room)> {
        self.extents.iter().enumerate().find_map(|(class, extent)| {
            let nth = index.wrapping_sub(extent.first);
            (nth < extent.count).then(|| {
                let at = extent.at + nth as usize * extent.size;
                (
                    class,
                    Room {
                        at,
                        size: extent.size,
                    },
                )
            })
        })
    }

    /// The most bytes that a chunk holds.
    pub(in crate::ring) fn longest(&self) -> usize {
        self.extents
            .iter()
            .map(|extent| extent.size)
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(size: usize, count: usize) -> Class {
        Class { size, count }
    }

    #[test]
    fn plan_of_several_classes_is_what_its_words_say() {
        let classes = [class(1, 3), class(4096, 2), class(1 << 20, 5)];
        let plan = Plan::new(&classes, 5, 1).expect("a plan");
        assert_eq!(Plan::from_words(plan.words()), Some(plan));
        assert_eq!((plan.chunks, plan.slots, plan.longest()), (10, 3, 1 << 20));
        let rooms = [0, 2, 3, 5].map(|index| plan.room(index).expect("a chunk"));
        let expected = [
            (0, 0, 64),
            (0, 128, 64),
            (1, 4096, 4096),
            (2, 12288, 1 << 20),
        ];
        if LEN_MIN == 4096 {
            assert_eq!(
                rooms.map(|(class, room)| (class, room.at, room.size)),
                expected
            );
        }
        assert_eq!(plan.room(10), None);
        assert_eq!(
            [0, 64, 65, 1 << 20].map(|len| plan.class_for(len)),
            [0, 0, 1, 2].map(Some)
        );
        assert_eq!(plan.class_for((1 << 20) + 1), None);
    }

    #[test]
    fn plans_that_cannot_be_are_none() {
        let none: [&[Class]; 7] = [
            &[],
            &[class(64, 0)],
            &[class(0, 1)],
            &[class(64, 1), class(64, 1)],
            &[class(128, 1), class(64, 1)],
            &[class(64, 1 << 24)],
            &[class(usize::MAX, 1)],
        ];
        for classes in none {
            assert_eq!(Plan::new(classes, 1, 1), None, "{classes:?}");
        }
        assert_eq!(Plan::new(&[class(64, 1)], usize::MAX, 1), None);
        assert_eq!(Plan::from_words([0; 4]), None);
        let words = Plan::new(&[class(64, 1)], 1, 1).expect("a plan").words();
        assert_eq!(Plan::from_words([words[0], words[1], 0, 1 << 60]), None);
        assert_eq!(
            Plan::from_words([words[0] | 0xff << 56, words[1], 0, 0]),
            None
        );
    }
}
