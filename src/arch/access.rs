//! Single loads and stores of memory that others access meanwhile, made of instructions
//! that the compiler does not look into: to it they are no accesses of the program's own,
//! about which it could assume that nobody else makes one. Each at an address and a
//! distance from it, as a loop has them.

/// Defines the loads and stores of a machine, each by its instructions: `value` is a register
/// of 64 bits, `from` and `to` an address, `at` how many bytes beyond it, and a further name
/// a register to spare.
macro_rules! accesses {
    ($(
        $type:ident:
        $load:ident [$($load_by:literal),+], $store:ident [$($store_by:literal),+ $(; $spare:ident)?];
    )*) => {$(
        #[doc = concat!("Loads a `", stringify!($type), "` that may change meanwhile.")]
        ///
        /// # Safety
        ///
        /// So many bytes must be readable `at` bytes from `from`, and the machine must allow
        /// such an access there.
        #[inline(always)]
        pub(in crate::arch) unsafe fn $load(from: *const u8, at: usize) -> $type {
            let value: u64;
            // SAFETY: reads what the caller vouches for, and changes nothing else.
            unsafe {
                core::arch::asm!(
                    $($load_by,)+
                    from = in(reg) from,
                    at = in(reg) at,
                    value = lateout(reg) value,
                    options(nostack, preserves_flags, readonly),
                );
            }
            value as $type
        }

        #[doc = concat!("Stores a `", stringify!($type), "` where others may look meanwhile.")]
        ///
        /// # Safety
        ///
        /// So many bytes must be writable `at` bytes from `to`, and the machine must allow
        /// such an access there.
        #[inline(always)]
        pub(in crate::arch) unsafe fn $store(to: *mut u8, at: usize, value: $type) {
            // SAFETY: writes what the caller vouches for, and changes nothing else.
            unsafe {
                core::arch::asm!(
                    $($store_by,)+
                    to = in(reg) to,
                    at = in(reg) at,
                    value = in(reg) u64::from(value),
                    $($spare = out(reg) _,)?
                    options(nostack, preserves_flags),
                );
            }
        }
    )*};
}
pub(super) use accesses;
