//! `siginfo_t`.

use core::mem::{offset_of, size_of};

use static_assertions::const_assert_eq;

use crate::Signal;

/// `siginfo_t`: what lies in the fields depends on signal and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Siginfo {
    pub(crate) si_signo: i32,
    pub(crate) si_errno: i32,
    pub(crate) si_code: i32,
    gap: i32,
    pub(crate) fields: [u64; 14],
}

const_assert_eq!(size_of::<Siginfo>(), 128);
const_assert_eq!(offset_of!(Siginfo, si_errno), 4);
const_assert_eq!(offset_of!(Siginfo, si_code), 8);
const_assert_eq!(offset_of!(Siginfo, fields), 16);

impl Siginfo {
    /// Of no signal.
    pub(crate) const EMPTY: Self = Self {
        si_signo: 0,
        si_errno: 0,
        si_code: 0,
        gap: 0,
        fields: [0; 14],
    };

    pub(crate) fn new(signal: Signal, code: i32) -> Self {
        Self {
            si_signo: signal.as_raw(),
            si_errno: 0,
            si_code: code,
            gap: 0,
            fields: [0; 14],
        }
    }

    pub(crate) fn from_bytes(bytes: [u8; 128]) -> Self {
        // SAFETY: of the same size, and all integers.
        unsafe { core::mem::transmute(bytes) }
    }

    pub(crate) fn to_bytes(self) -> [u8; 128] {
        // SAFETY: of the same size, and without padding.
        unsafe { core::mem::transmute(self) }
    }
}
