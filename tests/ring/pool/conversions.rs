//! The pools' types that have a descriptor.

use rawipc::ring::pool::Pool;
use rawipc::ring::{Spin, SpinThenFutex};

listed! { whole:
    "ring/pool/mod.rs" Pool<SpinThenFutex>,
    "ring/pool/mod.rs" Pool<Spin>,
}
