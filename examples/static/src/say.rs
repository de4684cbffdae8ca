//! Lines of text and a number, without `core::fmt`, which is larger than all else
//! here.

use rawipc::{BorrowedFd, IoSlice};

/// The most digits that a number has.
const DIGITS: usize = 20;

/// Writes a line to the standard output.
pub(crate) fn say(name: &[u8], number: u64, outcome: &[u8]) {
    let mut digits = [0; DIGITS];
    let mut len = 0;
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    let number = digits.get(DIGITS - len..).unwrap_or_default();
    // SAFETY: the kernel takes what is no open descriptor for an error.
    put(unsafe { BorrowedFd::borrow_raw(1) }, name, number, outcome);
}

/// Writes a line to the standard error.
pub(crate) fn complain(what: &[u8], why: &[u8]) {
    // SAFETY: as above.
    put(unsafe { BorrowedFd::borrow_raw(2) }, b"relay: ", what, why);
}

fn put(to: BorrowedFd<'_>, first: &[u8], second: &[u8], third: &[u8]) {
    let slices = [first, second, third].map(IoSlice::new);
    // Whether anybody reads it does not change what happened.
    let _ = rustix::io::writev(to, &slices);
}
