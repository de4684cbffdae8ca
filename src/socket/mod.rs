//! UNIX sockets: `unix(7)`.
