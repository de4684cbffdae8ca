//! [`Auxv`]: the auxiliary vector.

use core::ffi::CStr;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use linux_raw_sys::auxvec as raw;

/// The auxiliary vector: what the kernel tells a program of itself and of the machine,
/// `getauxval(3)`. It never changes.
///
/// # Examples
///
/// ```
/// use rawipc::start::Start;
///
/// fn begin(start: Start) -> i32 {
///     let auxv = start.auxv();
///     if auxv.is_secure() {
///         return 1; // it runs with more rights than its user's
///     }
///     i32::from(!auxv.page_size().is_power_of_two())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Auxv(NonNull<[usize; 2]>, PhantomData<&'static [usize; 2]>);

// SAFETY: it is a shared reference to numbers that nobody changes.
unsafe impl Send for Auxv {}
// SAFETY: as above.
unsafe impl Sync for Auxv {}

impl Auxv {
    /// # Safety
    ///
    /// `first` must point to pairs up to one whose first number is zero, which nobody changes.
    pub(super) const unsafe fn from_ptr(first: NonNull<usize>) -> Self {
        Self(first.cast(), PhantomData)
    }

    /// Returns the value with this number, `AT_*`.
    #[must_use]
    #[doc(alias = "getauxval")]
    pub fn get(self, kind: u32) -> Option<usize> {
        let mut at = self.0;
        loop {
            // SAFETY: the last pair has not been passed.
            let [found, value] = unsafe { at.read() };
            if found == raw::AT_NULL as usize {
                return None;
            }
            if found == kind as usize {
                return Some(value);
            }
            // SAFETY: not the last one, so one more follows.
            at = unsafe { at.add(1) };
        }
    }

    /// Returns the size of a page in bytes.
    #[must_use]
    #[doc(alias = "AT_PAGESZ")]
    pub fn page_size(self) -> usize {
        self.get(raw::AT_PAGESZ).unwrap_or(4096)
    }

    /// Returns 16 random bytes, the same for all of the program's life.
    #[must_use]
    #[doc(alias = "AT_RANDOM")]
    pub fn random(self) -> Option<&'static [u8; 16]> {
        let address = self.get(raw::AT_RANDOM).filter(|&address| address != 0)?;
        let bytes = core::ptr::with_exposed_provenance::<[u8; 16]>(address);
        // SAFETY: the kernel says that they are there, above the stack that grows down.
        Some(unsafe { &*bytes })
    }

    /// Returns the path by which the program was executed.
    #[must_use]
    #[doc(alias = "AT_EXECFN")]
    pub fn executable(self) -> Option<&'static CStr> {
        let address = self.get(raw::AT_EXECFN).filter(|&address| address != 0)?;
        // SAFETY: the kernel says that it is there, above the stack that grows down.
        Some(unsafe { CStr::from_ptr(core::ptr::with_exposed_provenance(address)) })
    }

    /// Returns whether the program has privileges that who started it lacks, as set-user-ID
    /// programs have: then it must not trust its environment.
    #[must_use]
    #[doc(alias = "AT_SECURE")]
    pub fn is_secure(self) -> bool {
        self.get(raw::AT_SECURE) != Some(0)
    }

    /// Returns the bits of what the processor can do, whose meaning differs between machines.
    #[must_use]
    #[doc(alias = "AT_HWCAP")]
    pub fn hardware(self) -> usize {
        self.get(raw::AT_HWCAP).unwrap_or(0)
    }
}

impl fmt::Debug for Auxv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auxv").finish_non_exhaustive()
    }
}
