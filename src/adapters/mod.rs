//! Other crates' traits for what is here, a feature each, and nothing else.

#[cfg(feature = "std")]
mod std;
