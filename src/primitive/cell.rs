//! [`Cell`]: what a section of a region can be an array of.

use super::Shared;

/// Atomics of a fixed size, many of which lie one behind the other.
pub(crate) trait Cell: Shared + Send + Sized + 'static {
    /// What cell `index` of `count` begins with in a model, where zeroed memory is what a real
    /// region has.
    fn begin(index: usize, count: usize) -> Self;
}
