//! The fuzzer's side of the coverage map: what an execution passed, whether that is new,
//! and a number to tell trails apart by.

use core::sync::atomic::Ordering::Relaxed;

use core::sync::atomic::AtomicU64;

use crate::memory::MAP_SIZE;

/// The edges that an execution passed, and how often.
#[derive(Default)]
pub(crate) struct Trail(Vec<(u16, u8)>);

impl Trail {
    /// Takes the trail out of the map, which is empty afterwards.
    pub(crate) fn take(&mut self, words: &[AtomicU64]) {
        self.0.clear();
        for (at, word) in words.iter().enumerate() {
            if word.load(Relaxed) == 0 {
                continue;
            }
            let counts = word.swap(0, Relaxed).to_ne_bytes();
            for (byte, &count) in counts.iter().enumerate() {
                if count != 0 {
                    self.0.push(((at * 8 + byte) as u16, count));
                }
            }
        }
    }

    /// A number for the set of edges, the same for every execution that passes these,
    /// however often (FNV-1a).
    pub(crate) fn hash(&self) -> u64 {
        let bytes = self.0.iter().flat_map(|(edge, _)| edge.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    }
}

/// What was ever passed: of each edge the classes of counts.
pub(crate) struct Seen(Vec<u8>);

impl Seen {
    pub(crate) fn new() -> Self {
        Self(vec![0; MAP_SIZE])
    }

    /// Adds a trail: whether there was something new on it.
    pub(crate) fn add(&mut self, trail: &Trail) -> bool {
        let mut new = false;
        for &(edge, count) in &trail.0 {
            let seen = &mut self.0[usize::from(edge)];
            new |= *seen & class(count) == 0;
            *seen |= class(count);
        }
        new
    }

    pub(crate) fn edges(&self) -> usize {
        self.0.iter().filter(|&&classes| classes != 0).count()
    }
}

/// As AFL's, a bit each: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more.
fn class(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128.. => 128,
    }
}
