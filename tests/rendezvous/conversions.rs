//! What of meeting has a descriptor.

use rawipc::rendezvous;

listed! { whole:
    "region/seat.rs" rendezvous::Seat,
}

listed! { lent:
    "rendezvous/handover.rs" rendezvous::Connection,
    "rendezvous/listener.rs" rendezvous::Listener,
}

listed! { becomes_std:
    "rendezvous/error.rs" rendezvous::Error,
}
