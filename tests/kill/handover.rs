//! The semaphore that hands over: units are neither lost nor made, and whoever is left asleep beside one
//! finds it at its next look.

use rawipc::sync::HandOverSemaphore;

use crate::harness::{Extent, Tally};
use crate::semaphore::Effect::{Posts, Takes};
use crate::semaphore::Unblock::{All, First};
use crate::semaphore::{Effect, Row, Unblock, limit, run_rows};

pub(crate) fn run(extent: Extent, tallies: &mut Vec<Tally>) {
    type Operation = fn(&HandOverSemaphore) -> bool;
    let post: Operation = |semaphore| semaphore.post().is_ok();
    let many: Operation = |semaphore| semaphore.post_many(3).is_ok();
    let wait: Operation = |semaphore| semaphore.wait().is_ok();
    let until: Operation = |semaphore| semaphore.wait_until(limit()).is_ok();
    let try_wait: Operation = |semaphore| semaphore.try_wait().is_ok();
    #[rustfmt::skip]
    let rows: [(&'static str, u32, usize, Effect, Unblock, Operation); 13] = [
        ("hand-over post, nobody sleeps", 0, 0, Posts(1), All, post),
        ("hand-over post, one sleeps", 0, 1, Posts(1), All, post),
        ("hand-over post, two sleep", 0, 2, Posts(1), All, post),
        ("hand-over post_many, nobody sleeps", 5, 0, Posts(3), All, many),
        ("hand-over post_many, two sleep", 0, 2, Posts(3), All, many),
        ("hand-over post_many, four sleep", 0, 4, Posts(3), All, many),
        ("hand-over wait, a unit is there", 1, 0, Takes, All, wait),
        ("hand-over try_wait", 1, 0, Takes, All, try_wait),
        ("hand-over wait, asleep", 0, 0, Takes, All, wait),
        ("hand-over wait, asleep beside another", 0, 1, Takes, All, wait),
        ("hand-over wait, woken before another", 0, 0, Takes, First, wait),
        ("hand-over wait_until, asleep", 0, 0, Takes, All, until),
        ("hand-over wait_until, woken before another", 0, 0, Takes, First, until),
    ];
    let rows = rows.map(|(name, value, sleepers, effect, unblock, operation)| Row {
        name,
        value,
        sleepers,
        effect,
        unblock,
        operation,
    });
    run_rows(&rows, extent, tallies);
}
