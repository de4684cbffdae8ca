//! What a call must not do to the process that makes it, or to its relatives: end it by a
//! signal, or release in a forked child what is its parent's.

pub(crate) mod filesize;
pub(crate) mod maker;
