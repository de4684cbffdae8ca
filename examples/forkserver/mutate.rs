//! New inputs out of old ones: every byte in every place once, then by chance.

use super::memory::INPUT_MAX;

/// The longest input that chance makes.
const LONGEST: usize = 256;

/// Numbers that look random and are the same for the same seed: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// The `step`-th of the inputs that differ from `input` in one byte; `None` when all
/// were made.
pub(crate) fn one_byte(input: &[u8], step: usize) -> Option<Vec<u8>> {
    let (at, change) = (step / 255, step % 255 + 1);
    let mut changed = input.to_vec();
    *changed.get_mut(at)? ^= change as u8;
    Some(changed)
}

/// A few changes by chance, `other` perhaps being a part of the result.
pub(crate) fn by_chance(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut changed = input.to_vec();
    for _ in 0..1 << random.below(4) {
        let at = random.below(changed.len() + 1);
        match (random.below(5), changed.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << random.below(8),
            (1, Some(byte)) => *byte = random.below(256) as u8,
            (2, Some(byte)) => *byte = byte.wrapping_add(random.below(33) as u8).wrapping_sub(16),
            (3, Some(_)) => {
                changed.remove(at);
            }
            (4, _) if !other.is_empty() => {
                let from = random.below(other.len());
                let end = from + 1 + random.below(other.len() - from);
                changed.splice(at..at, other[from..end].iter().copied());
            }
            _ => changed.insert(at, random.below(256) as u8),
        }
    }
    changed.truncate(LONGEST.max(input.len()).min(INPUT_MAX));
    changed
}
