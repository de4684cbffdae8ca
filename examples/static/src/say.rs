//! Lines of text and numbers, without `core::fmt`, which is larger than all else
//! here.

use rawipc::{BorrowedFd, IoSlice, RawFd};

/// The most digits that a number has.
const DIGITS: usize = 20;

/// Writes a line made of these parts, each of bytes, to an open descriptor, at once.
macro_rules! say {
    ($to:expr, $($part:expr),+ $(,)?) => {
        $crate::say::write($to, &[$(rawipc::IoSlice::new($part)),+])
    };
}

pub(crate) use say;

pub(crate) fn write(to: RawFd, parts: &[IoSlice<'_>]) {
    // SAFETY: the kernel takes what is no open descriptor for an error.
    let to = unsafe { BorrowedFd::borrow_raw(to) };
    // Whether anybody reads it does not change what happened.
    let _ = rustix::io::writev(to, parts);
}

/// A number as text.
pub(crate) struct Decimal {
    digits: [u8; DIGITS],
    len: usize,
}

impl Decimal {
    pub(crate) fn new(number: u64) -> Self {
        let mut this = Self {
            digits: [0; DIGITS],
            len: 0,
        };
        let mut rest = number;
        for digit in this.digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            this.len += 1;
            if rest == 0 {
                break;
            }
        }
        this
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(DIGITS - self.len..).unwrap_or_default()
    }
}
