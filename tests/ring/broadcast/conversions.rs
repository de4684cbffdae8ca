//! The broadcast rings' types that have a descriptor.

use rawipc::ring::broadcast::{Ring, items};
use rawipc::ring::{Spin, SpinThenFutex};

listed! { whole:
    "ring/broadcast/mod.rs" Ring<SpinThenFutex>,
    "ring/broadcast/mod.rs" Ring<Spin>,
    "ring/broadcast/items.rs" items::Ring<u64>,
}
