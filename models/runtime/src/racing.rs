//! Bytes that may be read while another writes them.

use std::sync::atomic::Ordering::Relaxed;

use crate::atomic::AtomicU64;

/// The bytes that are accessed at once.
const WORD: usize = 8;

/// Bytes that may be read while another writes them, by who finds out afterwards: word by word, each
/// a relaxed access and a step.
#[derive(Debug)]
pub struct RacingBytes {
    words: Vec<AtomicU64>,
    len: usize,
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks(WORD).map(|bytes| {
        let mut word = [0; WORD];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(word)
    })
}

impl RacingBytes {
    /// Creates a copy of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self {
            words: words(bytes).map(AtomicU64::new).collect(),
            len: bytes.len(),
        }
    }

    /// Returns a copy, torn if somebody writes meanwhile.
    #[must_use]
    #[track_caller]
    pub fn read(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in &self.words {
            bytes.extend(word.load(Relaxed).to_ne_bytes());
        }
        bytes.truncate(self.len);
        bytes
    }

    /// Writes a copy of `bytes`, which are as many.
    #[track_caller]
    pub fn write(&self, bytes: &[u8]) {
        for (word, new) in self.words.iter().zip(words(bytes)) {
            word.store(new, Relaxed);
        }
    }
}
