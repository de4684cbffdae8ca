//! The MPMC rings' types that have a descriptor.

use rawipc::ring::{Spin, SpinThenFutex, mpmc};

listed! { whole:
    "ring/mpmc/mod.rs" mpmc::Ring<SpinThenFutex>,
    "ring/mpmc/mod.rs" mpmc::Ring<Spin>,
    "ring/mpmc/items/mod.rs" mpmc::items::Ring<u64>,
}
