//! Memory that processes share.

pub(crate) mod member;
