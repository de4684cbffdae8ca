//! Where the parts of a region are: in its file, and in the memory of a member.

use core::marker::PhantomData;

use super::Structure;
use crate::primitive::Piece;
use crate::{Result, arch};

/// The least that a section has, and what its length is a multiple of: a page.
pub(crate) const LEN_MIN: usize = arch::MAX_PAGE_SIZE;

/// The most that a section has: no sum of them overflows.
const LEN_MAX: usize = 1 << 40;

/// The sections of one region, behind its head: in their order, without gaps.
#[derive(Debug)]
pub(crate) struct Plan<T, const N: usize> {
    head: usize,
    lengths: [usize; N],
    kind: PhantomData<fn() -> T>,
}

impl<T: Structure<N>, const N: usize> Plan<T, N> {
    /// The sections that a structure with these words of its own has, behind a head of so many
    /// bytes; `None` if there is none with such words. Those from outside may still be impossible.
    pub(crate) fn of(head: usize, words: [u64; 4]) -> Option<Self> {
        Some(Self::new(head, T::lengths(words)?))
    }

    /// The sections of these lengths behind a head of so many bytes.
    fn new(head: usize, lengths: [usize; N]) -> Self {
        Self {
            head,
            lengths,
            kind: PhantomData,
        }
    }

    /// Whether there can be such sections. Else nothing is to be asked of them.
    pub(crate) fn is_possible(&self) -> bool {
        T::SECTIONS.iter().zip(self.lengths).all(|(shape, len)| {
            (LEN_MIN..=LEN_MAX).contains(&len)
                && len.is_multiple_of(LEN_MIN)
                && (len.is_power_of_two() || !shape.doubled)
        })
    }

    /// The length of section `index`.
    pub(crate) fn len(&self, index: usize) -> usize {
        self.lengths[index]
    }

    /// The length of all sections.
    pub(crate) fn data(&self) -> usize {
        let mut sum = 0;
        for index in 0..N {
            sum += self.lengths[index];
        }
        sum
    }

    /// The length of the file.
    pub(crate) fn size(&self) -> u64 {
        (self.head + self.data()) as u64
    }

    /// Where section `index` begins in a member's memory, counted from the head on; of `N`, where
    /// the last one ends.
    pub(crate) fn place(&self, index: usize) -> usize {
        let mut place = self.head;
        for before in 0..index {
            place += self.lengths[before] << u32::from(T::SECTIONS[before].doubled);
        }
        place
    }

    /// Says what is to be mapped where: the head, then each section once or twice.
    pub(crate) fn each_piece(&self, mut map: impl FnMut(Piece) -> Result<()>) -> Result<()> {
        let mut piece = Piece {
            offset: 0,
            at: 0,
            len: self.head,
            writable: true,
        };
        let (mut index, mut again) = (0, false);
        loop {
            map(piece)?;
            piece.at += piece.len;
            if again {
                again = false;
                continue;
            }
            let (Some(shape), Some(&len)) = (T::SECTIONS.get(index), self.lengths.get(index))
            else {
                return Ok(());
            };
            piece.offset += piece.len;
            piece.len = len;
            piece.writable = shape.writable;
            again = shape.doubled;
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Shared;
    use crate::region::Shape;
    use core::ffi::CStr;

    const PAGE: usize = LEN_MIN;

    #[derive(Debug, PartialEq)]
    struct Three;

    // SAFETY: it has no bytes.
    unsafe impl Shared for Three {}

    impl Structure<3> for Three {
        const NAME: &CStr = c"three";

        const SECTIONS: [Shape; 3] = [
            Shape {
                doubled: false,
                writable: true,
            },
            Shape {
                doubled: true,
                writable: true,
            },
            Shape {
                doubled: false,
                writable: false,
            },
        ];

        fn begin() -> Self {
            Self
        }

        fn lengths(words: [u64; 4]) -> Option<[usize; 3]> {
            let [first, second, third, zero] = words.map(|word| word as usize);
            (zero == 0).then_some([first, second, third])
        }
    }

    fn plan(pages: [usize; 3]) -> Plan<Three, 3> {
        Plan::new(PAGE, pages.map(|pages| pages * PAGE))
    }

    #[test]
    fn sections_follow_each_other_in_file_and_memory() {
        let plan = plan([3, 4, 1]);
        assert!(plan.is_possible());
        assert_eq!(plan.size(), 9 * PAGE as u64);
        assert_eq!(
            [0, 1, 2, 3].map(|index| plan.place(index) / PAGE),
            [1, 4, 12, 13]
        );
        let mut pieces = [(0, 0, 0, false); 5];
        let mut count = 0;
        let all = plan.each_piece(|piece| {
            let Piece {
                offset,
                at,
                len,
                writable,
            } = piece;
            pieces[count] = (offset / PAGE, at / PAGE, len / PAGE, writable);
            count += 1;
            Ok(())
        });
        assert_eq!((all, count), (Ok(()), 5));
        let expected = [
            (0, 0, 1, true),
            (1, 1, 3, true),
            (4, 4, 4, true),
            (4, 8, 4, true),
            (8, 12, 1, false),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn plan_of_words_has_the_lengths_that_they_say() {
        let plan = Plan::<Three, 3>::of(PAGE, [3, 4, 1, 0].map(|pages| pages * PAGE as u64));
        assert_eq!(plan.map(|plan| plan.data()), Some(8 * PAGE));
        assert!(Plan::<Three, 3>::of(PAGE, [PAGE as u64; 4]).is_none());
    }

    #[test]
    fn sections_that_cannot_be_are_impossible() {
        assert!(!plan([0, 4, 1]).is_possible());
        assert!(
            !plan([1, 3, 1]).is_possible(),
            "doubled, and no power of two"
        );
        for len in [PAGE + 8, LEN_MAX + PAGE, usize::MAX - PAGE + 1] {
            let plan = Plan::<Three, 3>::new(PAGE, [PAGE, PAGE, len]);
            assert!(!plan.is_possible(), "{len:#x}");
        }
    }
}
