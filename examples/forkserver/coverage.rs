//! The target's side of the coverage map: `edge!()` wherever the path through the target
//! shall show. A compiler pass places them by itself in every block; here it is done by
//! hand.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::OnceLock;

/// Nothing is counted before there is one, so that a target also runs alone.
static MAP: OnceLock<&'static [AtomicU8]> = OnceLock::new();

/// The place that was passed last, as AFL keeps it: shifted, so that from A to B and from
/// B to A are two edges.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// Counts in `map` from now on.
pub(crate) fn attach(map: &'static [AtomicU8]) {
    let _ = MAP.set(map);
}

/// Counts the edge from the place passed last to `place`.
pub(crate) fn pass(place: usize) {
    let edge = LAST.load(Relaxed) ^ place;
    if let Some(count) = MAP.get().and_then(|map| map.get(edge)) {
        // Only this child writes there: no need for an atomic addition.
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
    }
    LAST.store(place >> 1, Relaxed);
}

/// A number from 0 to 65535 for a place in the source.
pub(crate) const fn place(line: u32, column: u32) -> usize {
    let mixed = (line ^ column << 16).wrapping_mul(0x9e37_79b1);
    (mixed >> 16) as usize
}

/// Counts that the target came here.
macro_rules! edge {
    () => {{
        const PLACE: usize = $crate::coverage::place(line!(), column!());
        $crate::coverage::pass(PLACE);
    }};
}
pub(crate) use edge;
