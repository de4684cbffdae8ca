//! [`Protection`]: what a process may do with a mapping.

use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// What a process may do with a mapping: `PROT_*`. The empty set only reserves the
    /// addresses.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Protection: u32 {
        /// Reading.
        const READ = raw::PROT_READ;
        /// Writing. Most machines then allow reading, too; this crate does not.
        const WRITE = raw::PROT_WRITE;
        /// Executing instructions.
        const EXECUTE = raw::PROT_EXEC;

        const _ = !0;
    }
}
