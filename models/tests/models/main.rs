//! Every interleaving, every value that the memory model lets a load return, and every death
//! at an atomic step, of the shipped semaphore and rings: no lost wake, no race, no torn or
//! repeated message, across wrap-around.
//!
//! `cargo test` in `models/`; what each model would notice is listed in `tests/mutations`.

// The files beside this.
include!(concat!(env!("OUT_DIR"), "/models.rs"));
