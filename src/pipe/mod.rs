//! Pipes and FIFOs: `pipe(7)`, `fifo(7)`.
#![forbid(unsafe_code)]
