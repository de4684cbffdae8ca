//! [`Protection`]: what a process may do with a mapping.

use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// What a process may do with a mapping: `PROT_*`. The empty set only reserves the
    /// addresses.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{AccessError, MapOptions, Protection};
    ///
    /// let mut mapping = MapOptions::private(4096).map_anonymous()?; // to read and to write
    /// mapping.write(0, &42_u32)?;
    /// mapping.protect(Protection::READ)?;
    /// assert_eq!(mapping.read::<u32>(0), Ok(42));
    /// assert_eq!(mapping.write(0, &43_u32), Err(AccessError::Protected));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
