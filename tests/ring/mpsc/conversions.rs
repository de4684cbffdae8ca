//! The rings' types that have a descriptor.

use rawipc::ring::{Spin, SpinThenFutex, mpsc};

listed! { whole:
    "ring/mpsc/mod.rs" mpsc::Ring<SpinThenFutex>,
    "ring/mpsc/mod.rs" mpsc::Ring<Spin>,
}
