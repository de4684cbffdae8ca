//! The types of the ring with bells that have a descriptor.

use rawipc::ring::doorbell;

listed! { lent:
    "ring/doorbell/consumer.rs" doorbell::Consumer,
    "ring/doorbell/producer.rs" doorbell::Producer,
}
