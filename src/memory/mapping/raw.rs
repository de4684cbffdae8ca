//! Mappings taken apart and put together: [`Mapping::leak`] and [`Mapping::from_raw`].

use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::mapped::{Mapping, Release};
use super::protection::Protection;
use crate::{Errno, Result};

impl Mapping {
    /// Leaves the memory mapped until the process ends, and returns where it is.
    ///
    /// The length is that asked for; of huge pages, that of all of them.
    /// [`from_raw`](Self::from_raw) makes a mapping of it again.
    ///
    /// # Examples
    ///
    /// ```
    /// use rawipc::memory::{MapOptions, Mapping};
    ///
    /// let mapping = MapOptions::private(4096).map_anonymous()?;
    /// mapping.write(8, &7_u8).unwrap();
    /// let protection = mapping.protection();
    /// let memory = mapping.leak();
    /// assert_eq!(memory.len(), 4096);
    ///
    /// // SAFETY: of a mapping that was leaked, and used by nobody else.
    /// let mapping = unsafe { Mapping::from_raw(memory, protection) }?;
    /// assert_eq!(mapping.read::<u8>(8), Ok(7));
    /// # Ok::<(), rawipc::Errno>(())
    /// ```
    #[must_use = "nothing else says where it is"]
    #[doc(alias = "into_raw")]
    pub fn leak(self) -> NonNull<[u8]> {
        let mut this = ManuallyDrop::new(self);
        let len = if this.page > 1 { this.mapped } else { this.len };
        let asked = this.len;
        this.sizes.forget(asked);
        NonNull::slice_from_raw_parts(this.address, len)
    }

    /// Makes a mapping of memory that is mapped already: by another library, or by one that
    /// was [leaked](Self::leak). Dropping it unmaps the memory.
    ///
    /// Its [`offset`](Self::offset) is said to be 0.
    ///
    /// # Errors
    ///
    /// [`Errno::INVAL`]: the length is 0.
    ///
    /// # Safety
    ///
    /// The memory must begin at a page, be mapped with this protection by `mmap(2)` or
    /// `shmat(2)`, of huge pages whole ones, and not sealed; and it must belong to the caller: nobody else unmaps
    /// it or changes its protection, and nobody keeps a reference into it while this process or
    /// another may write there, or once the mapping is dropped.
    #[doc(alias = "mmap")]
    pub unsafe fn from_raw(memory: NonNull<[u8]>, protection: Protection) -> Result<Self> {
        if memory.is_empty() {
            return Err(Errno::INVAL);
        }
        let address = memory.cast::<u8>().as_ptr();
        // SAFETY: the caller's promise; of what was attached, unmapping detaches.
        unsafe { Self::own(address, memory.len(), 1, protection, 0, Release::Unmap) }
    }
}
