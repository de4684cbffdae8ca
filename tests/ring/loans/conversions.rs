//! The types of broadcast rings of loans that have a descriptor.

use rawipc::ring::broadcast::loans::Ring;
use rawipc::ring::{Spin, SpinThenFutex};

listed! { whole:
    "ring/broadcast/loans/mod.rs" Ring<SpinThenFutex>,
    "ring/broadcast/loans/mod.rs" Ring<Spin>,
}
