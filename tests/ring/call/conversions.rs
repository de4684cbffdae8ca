//! The services' types that have a descriptor, or are errors.

use rawipc::ring::call::Service;

listed! { whole:
    "ring/call/mod.rs" Service,
}
