//! The values' types that have a descriptor.

use rawipc::ring::latest;

listed! { whole:
    "ring/latest/mod.rs" latest::Value<u64>,
    "ring/latest/bytes.rs" latest::bytes::Value,
}
