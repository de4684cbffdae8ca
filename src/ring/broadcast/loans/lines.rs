//! The memory of a broadcast ring that carries chunks' handles: the ring, the readers' places, the
//! chunks.

use core::ffi::CStr;

use crate::memory::Shared;
use crate::primitive::Cells;
use crate::region::{Member, Roster, Shape, Structure};
use crate::ring::Halt;
use crate::ring::broadcast::layout::{Layout, Slot};
use crate::ring::broadcast::lines::{self, Carrier, MESSAGES, WORDS};
use crate::ring::pool::chunk::Chunk;
use crate::ring::pool::classes::Plan;

/// The chunks' words, behind the ring's sections.
pub(super) const CHUNKS: usize = 2;
/// The chunks.
pub(super) const DATA: usize = 3;

/// The bytes of a slot's message: a handle.
const HANDLE: usize = size_of::<u64>();

/// Bits of a handle that say the chunk's number; the message's length is above them.
const INDEX_BITS: u32 = 24;

/// The most readers: a bit each in a word.
pub(super) const READERS: usize = 64;

/// The words in the head.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Lines {
    pub(super) ring: lines::Lines,
    /// The readers, each in a place of its own: its bit says which chunks it reads.
    pub(super) readers: Roster,
}

// SAFETY: atomics, and what is made of them.
unsafe impl Shared for Lines {}

impl Structure<4> for Lines {
    const NAME: &CStr = c"rawipc-broadcast-loans";

    const SECTIONS: [Shape; 4] = [Shape {
        doubled: false,
        writable: true,
    }; 4];

    fn begin() -> Self {
        Self {
            ring: <lines::Lines as Structure<2>>::begin(),
            readers: Roster::begin(),
        }
    }

    fn lengths(words: [u64; 4]) -> Option<[usize; 4]> {
        let plan = Plan::from_words(words)?;
        let [slots, chunks, data] = plan.lengths(size_of::<Slot>(), size_of::<Chunk>());
        let [handles, ..] = plan.lengths(HANDLE, 0);
        Some([slots, handles, chunks, data])
    }

    fn cells(words: [u64; 4], cells: &mut Cells) {
        if let Some(plan) = Plan::from_words(words) {
            cells.add::<Slot>(WORDS, 1 << plan.slots);
            cells.add::<Chunk>(CHUNKS, plan.chunks);
            cells.race();
        }
    }
}

const _: () = assert!(WORDS == 0 && MESSAGES == 1);

impl Carrier<4> for Lines {
    #[inline(always)]
    fn ring(&self) -> &lines::Lines {
        &self.ring
    }
}

/// The layout of the ring of such a plan.
pub(super) fn layout(plan: &Plan) -> Option<Layout> {
    Layout::of(1 << plan.slots, HANDLE as u64)
}

/// Whether no class can be used up by what is in the ring: each has a chunk more than there are slots.
pub(super) fn is_enough(plan: &Plan) -> bool {
    let mut used = plan.extents.iter().filter(|extent| extent.count > 0);
    used.all(|extent| extent.count as usize > 1 << plan.slots)
}

/// A handle: a chunk's number, and the length of the message in it.
#[inline(always)]
pub(super) fn handle(index: u32, len: usize) -> u64 {
    u64::from(index) | (len as u64) << INDEX_BITS
}

/// What a handle says, which may be anything.
#[inline(always)]
pub(super) fn split(handle: u64) -> (u32, u64) {
    let index = handle as u32 & ((1 << INDEX_BITS) - 1);
    (index, handle >> INDEX_BITS)
}

/// The chunks of a member.
#[inline(always)]
pub(super) fn chunks<'a>(member: &'a Member<Lines, 4>, plan: &Plan) -> Result<&'a [Chunk], Halt> {
    // There are so many: the region was made, or opened, with this plan.
    let chunks = member.cells::<CHUNKS, Chunk>(plan.chunks);
    chunks.ok_or(Halt::Corrupt)
}

/// Takes all that the reader in `place` reads from it; returns how many chunks those were.
pub(super) fn unpin_all(chunks: &[Chunk], place: usize) -> u64 {
    let pinned = chunks.iter().filter(|chunk| chunk.is_pinned(place));
    pinned.filter(|chunk| chunk.unpin(place)).count() as u64
}
