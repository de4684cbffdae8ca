//! How an endpoint waits for the other: a type, so that what is not used costs
//! nothing.

use core::fmt;

/// How the two endpoints of a ring wait for each other. A ring has one strategy,
/// which both endpoints must name.
pub trait Waiting: sealed::Strategy + Copy + fmt::Debug + Default + 'static {}

pub(crate) mod sealed {
    /// What the algorithms ask of a strategy.
    pub trait Strategy {
        /// How the ring's header calls it.
        const CODE: u32;
        /// Whether an endpoint may sleep. If not, publishing is a plain store.
        const SLEEPS: bool;
    }
}

/// How a ring's header calls [`Spin`] where the newest item is beside the word too.
pub(crate) const SPIN_BESIDE: u32 = 3;

/// Spins, adaptively, and sleeps on a futex when that does not help.
///
/// Publishing is a compare-and-swap while the other side is awake, and one system
/// call when it sleeps. For endpoints that may be idle: this is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpinThenFutex;

/// Spins and never sleeps.
///
/// Publishing is a plain store. For endpoints that have a processor each; one
/// that waits keeps its processor busy, offering it to others now and then.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin;

impl Waiting for SpinThenFutex {}
impl sealed::Strategy for SpinThenFutex {
    const CODE: u32 = 1;
    const SLEEPS: bool = true;
}

impl Waiting for Spin {}
impl sealed::Strategy for Spin {
    const CODE: u32 = 2;
    const SLEEPS: bool = false;
}
