//! [`Protection`]: what a process may do with a mapping.

use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// What a process may do with a mapping: `PROT_*`. Nothing: only hold the place.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Protection: u32 {
        /// Read.
        const READ = raw::PROT_READ;
        /// Write. Most machines can then read, too; this crate does not.
        const WRITE = raw::PROT_WRITE;
        /// Execute as instructions.
        const EXECUTE = raw::PROT_EXEC;

        const _ = !0;
    }
}
