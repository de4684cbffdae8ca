//! The layout of a region: in its file, and in the memory of a member.

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
    /// Of a section in parts: the length of a part, a power of two, and in the bits below it how
    /// many there are. So structures that have none are no larger for it.
    lengths: [usize; N],
    kind: PhantomData<fn() -> T>,
}

impl<T: Structure<N>, const N: usize> Plan<T, N> {
    /// The sections that a structure with these words of its own has, behind a head of so many
    /// bytes; `None` if there is none with such words. Those from outside may still be impossible.
    pub(crate) fn of(head: usize, words: [u64; 4]) -> Option<Self> {
        let mut lengths = T::lengths(words)?;
        #[expect(
            clippy::needless_range_loop,
            reason = "smaller where nothing is in parts"
        )]
        for index in 0..N {
            if T::PARTED[index] {
                let parts = T::parts(words);
                let part = lengths[index].checked_div(parts)?;
                if part < LEN_MIN || !part.is_power_of_two() || parts >= LEN_MIN {
                    return None;
                }
                lengths[index] = part | parts;
            }
        }
        Some(Self::new(head, lengths))
    }

    fn new(head: usize, lengths: [usize; N]) -> Self {
        Self {
            head,
            lengths,
            kind: PhantomData,
        }
    }

    /// Whether there can be such sections. Else nothing is to be asked of them.
    pub(crate) fn is_possible(&self) -> bool {
        (0..N).all(|index| {
            let len = self.len(index);
            (LEN_MIN..=LEN_MAX).contains(&len)
                && len.is_multiple_of(LEN_MIN)
                && (len.is_power_of_two() || !T::SECTIONS[index].doubled || T::PARTED[index])
        })
    }

    /// The length of section `index`.
    #[inline(always)]
    pub(crate) fn len(&self, index: usize) -> usize {
        if T::PARTED[index] {
            // Neither is more than 2^40 and 2^16.
            self.part(index) * self.parts(index)
        } else {
            self.lengths[index]
        }
    }

    /// The length of a part of section `index`, which is in parts.
    fn part(&self, index: usize) -> usize {
        self.lengths[index] & !(LEN_MIN - 1)
    }

    /// How many parts section `index` has, which is in parts.
    fn parts(&self, index: usize) -> usize {
        self.lengths[index] & (LEN_MIN - 1)
    }

    /// The length of all sections.
    pub(crate) fn data(&self) -> usize {
        let mut sum = 0;
        for index in 0..N {
            sum += self.len(index);
        }
        sum
    }

    /// The length of the file.
    pub(crate) fn size(&self) -> u64 {
        (self.head + self.data()) as u64
    }

    /// Where section `index` begins in the file.
    pub(crate) fn begin(&self, index: usize) -> u64 {
        let before: usize = (0..index).map(|before| self.len(before)).sum();
        (self.head + before) as u64
    }

    /// Where section `index` begins in a member's memory, counted from the head on; of `N`, where
    /// the last one ends.
    #[inline(always)]
    pub(crate) fn place(&self, index: usize) -> usize {
        let mut place = self.head;
        for before in 0..index {
            place += self.len(before) << u32::from(T::SECTIONS[before].doubled);
        }
        place
    }

    /// Says what is to be mapped where: the head, then each section, or part of it, once or twice.
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
            if T::PARTED.get(index) == Some(&true) {
                again = false;
                piece.len = self.part(index);
                piece = each_part(piece, self.parts(index), &mut map)?;
            }
            index += 1;
        }
    }
}

/// Says where each of so many parts is to be mapped, twice in a row, of which `first` is the first
/// one; returns what is left then, the second half of the last one.
fn each_part(
    first: Piece,
    parts: usize,
    map: &mut impl FnMut(Piece) -> Result<()>,
) -> Result<Piece> {
    let (mut piece, len) = (first, first.len);
    map(piece)?;
    piece.at += len;
    // What comes after a part for the second time is, in the file too, the next one.
    piece.len = 2 * len;
    for _ in 1..parts {
        map(piece)?;
        piece.at += 2 * len;
        piece.offset += len;
    }
    piece.len = len;
    Ok(piece)
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
    #[derive(Debug, PartialEq)]
    struct Parted;

    // SAFETY: it has no bytes.
    unsafe impl Shared for Parted {}

    impl Structure<2> for Parted {
        const NAME: &CStr = c"parted";

        const SECTIONS: [Shape; 2] = [
            Shape {
                doubled: true,
                writable: true,
            },
            Shape {
                doubled: false,
                writable: true,
            },
        ];

        const PARTED: [bool; 2] = [true, false];

        fn begin() -> Self {
            Self
        }

        fn lengths(words: [u64; 4]) -> Option<[usize; 2]> {
            let [parts, part, ..] = words.map(|word| word as usize);
            Some([parts * part, PAGE])
        }

        fn parts(words: [u64; 4]) -> usize {
            words[0] as usize
        }
    }

    #[test]
    fn each_part_is_mapped_twice_in_a_row() {
        for parts in [1, 2, 5] {
            let plan = Plan::<Parted, 2>::of(PAGE, [parts as u64, 2 * PAGE as u64, 0, 0]).unwrap();
            assert!(plan.is_possible());
            // Of each page in memory, which one of the file it is.
            let mut pages = [usize::MAX; 32];
            plan.each_piece(|piece| {
                for page in 0..piece.len / PAGE {
                    let at = &mut pages[piece.at / PAGE + page];
                    assert_eq!(*at, usize::MAX, "twice");
                    *at = piece.offset / PAGE + page;
                }
                Ok(())
            })
            .unwrap();
            assert_eq!(pages[0], 0);
            for part in 0..parts {
                let first = 1 + 2 * part;
                let expected = [first, first + 1, first, first + 1];
                assert_eq!(pages[1 + 4 * part..][..4], expected, "part {part}");
            }
            assert_eq!(plan.place(1) / PAGE, 1 + 4 * parts);
            assert_eq!(pages[1 + 4 * parts], 1 + 2 * parts);
            assert_eq!(plan.size() as usize, (2 + 2 * parts) * PAGE);
        }
    }

    #[test]
    fn parts_that_cannot_be_are_impossible() {
        for words in [[0, 1], [3, 3], [1, 0], [PAGE, 1]] {
            let [parts, part] = words;
            let plan = Plan::<Parted, 2>::of(PAGE, [parts as u64, (part * PAGE) as u64, 0, 0]);
            assert!(plan.is_none(), "{words:?}");
        }
    }
}
