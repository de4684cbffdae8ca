//! The rings' types that have a descriptor.

use rawipc::ring::{Spin, SpinThenFutex, spsc};

listed! { whole:
    "ring/spsc/mod.rs" spsc::Ring<SpinThenFutex>,
    "ring/spsc/mod.rs" spsc::Ring<Spin>,
    "ring/spsc/items/mod.rs" spsc::items::Ring<u64>,
}
