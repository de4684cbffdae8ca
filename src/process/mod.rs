//! Starting, ending and waiting for processes.
