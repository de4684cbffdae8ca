//! Rings: messages through shared memory.
