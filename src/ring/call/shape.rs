//! How many slots a service has, and how long requests and responses are, in the words that the
//! head has for them.
#![forbid(unsafe_code)]

use crate::region::LEN_MIN;

/// The maximum number of calls at a time that a service has room for: servers look at each slot for
/// one.
pub const SLOTS_MAX: usize = 64;

/// Requests and responses begin at multiples of this: a cache line.
const UNIT: usize = 64;

/// The longest request, and the longest response.
const SIZE_MAX: usize = 1 << 30;

/// What a service is made of. Each end has it privately, as it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) slots: usize,
    /// The most bytes of a request.
    pub(super) request: usize,
    /// The most bytes of a response.
    pub(super) response: usize,
}

impl Shape {
    /// `None` if there is no such service.
    pub(super) fn new(slots: usize, request: usize, response: usize) -> Option<Self> {
        let is_possible = (1..=SLOTS_MAX).contains(&slots) && request.max(response) <= SIZE_MAX;
        is_possible.then_some(Self {
            slots,
            request,
            response,
        })
    }

    /// What a region's words say, if it is a service.
    pub(super) fn from_words(words: [u64; 4]) -> Option<Self> {
        let [slots, request, response, 0] = words else {
            return None;
        };
        let number = |word: u64| usize::try_from(word).ok();
        Self::new(number(slots)?, number(request)?, number(response)?)
    }

    /// The words that say it.
    pub(super) fn words(&self) -> [u64; 4] {
        let &Self {
            slots,
            request,
            response,
        } = self;
        [slots as u64, request as u64, response as u64, 0]
    }

    /// How far apart the places are that each have a request and its response.
    fn stride(&self) -> usize {
        self.request.next_multiple_of(UNIT) + self.response.next_multiple_of(UNIT)
    }

    /// Where the request of a slot is in the data.
    #[inline(always)]
    pub(super) fn request_at(&self, slot: usize) -> usize {
        slot * self.stride()
    }

    /// Where the response of a slot is.
    #[inline(always)]
    pub(super) fn response_at(&self, slot: usize) -> usize {
        slot * self.stride() + self.request.next_multiple_of(UNIT)
    }

    /// The lengths of the sections: slots, data.
    pub(super) fn lengths(&self, slot: usize) -> [usize; 2] {
        let len = |bytes: usize| bytes.max(1).next_multiple_of(LEN_MIN);
        [len(slot * self.slots), len(self.stride() * self.slots)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_is_what_its_words_say() {
        for (slots, request, response) in [(1, 0, 0), (3, 1, 64), (SLOTS_MAX, 65, SIZE_MAX)] {
            let shape = Shape::new(slots, request, response).expect("a shape");
            assert_eq!(Shape::from_words(shape.words()), Some(shape));
            let [_, data] = shape.lengths(64);
            assert!(shape.response_at(slots - 1) + response <= data);
            assert!(shape.request_at(slots - 1) + request <= shape.response_at(slots - 1));
        }
    }

    #[test]
    fn words_that_no_service_has_are_refused() {
        for words in [
            [0, 1, 1, 0],
            [65, 1, 1, 0],
            [1, 1, 1, 1],
            [1, 1 << 31, 1, 0],
            [1, 1, !0, 0],
        ] {
            assert_eq!(Shape::from_words(words), None);
        }
    }
}
