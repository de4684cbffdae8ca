//! Sets of signals: `sigsetops(3)`.
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not, Sub, SubAssign};

use crate::Signal;
use crate::signal::number::{self, Reserved};

/// A set of signals, in the kernel's form: 8 bytes.
///
/// `|` unites, `&` intersects, `-` takes away and `!` complements.
///
/// The signals 32 and 33, which a libc [reserves](crate::signal::Reserved) for its
/// threads, are in no set that is made here but by
/// [`from_bits_with_reserved`](Self::from_bits_with_reserved): neither
/// [`ALL`](Self::ALL) nor a complement has them, so that to block all signals does not
/// make a libc's `pthread_cancel` or `setuid` wait for ever. Sets from the kernel keep
/// them, so that a mask can be put back as it was; `set & Set::ALL` is without them.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::signal::Set;
///
/// let stop = Set::of([Signal::INT, Signal::TERM]);
/// let all = stop | Signal::HUP;
/// assert!(all.contains(Signal::HUP) && !stop.contains(Signal::HUP));
/// assert_eq!(all - stop, Signal::HUP.into());
/// assert_eq!((!stop).len(), Set::ALL.len() - 2);
/// assert!(stop.iter().eq([Signal::INT, Signal::TERM]));
/// ```
#[doc(alias = "sigset_t")]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Set(u64);

/// The bits of 32 and 33.
const RESERVED: u64 = 0b11 << 31;

const fn bit(signal: Signal) -> u64 {
    // From 1 to 64.
    1 << ((signal.as_raw() - 1) & 63)
}

impl Set {
    /// The empty set.
    #[doc(alias = "sigemptyset")]
    pub const EMPTY: Self = Self(0);

    /// All signals but 32 and 33.
    #[doc(alias = "sigfillset")]
    pub const ALL: Self = Self(!RESERVED);

    /// Creates the set of these signals.
    #[must_use]
    pub const fn of<const N: usize>(signals: [Signal; N]) -> Self {
        let mut bits = 0;
        let mut rest: &[Signal] = &signals;
        while let [first, others @ ..] = rest {
            bits |= bit(*first);
            rest = others;
        }
        Self(bits)
    }

    /// Creates a set from bits: signal `n` is bit `n - 1`. Without 32 and 33.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & !RESERVED)
    }

    /// Like [`from_bits`](Self::from_bits), but includes 32 and 33 if their bits are set.
    ///
    /// A thread that blocks these lets the other threads of a process with a libc wait:
    /// for as long as it does, `setuid` in another thread does not return, nor is this
    /// one cancelled.
    #[must_use]
    pub const fn from_bits_with_reserved(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the set as bits: signal `n` is bit `n - 1`.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Adds `signal`.
    #[doc(alias = "sigaddset")]
    pub const fn insert(&mut self, signal: Signal) {
        self.0 |= bit(signal);
    }

    /// Removes `signal`.
    #[doc(alias = "sigdelset")]
    pub const fn remove(&mut self, signal: Signal) {
        self.0 &= !bit(signal);
    }

    /// Returns whether `signal` is in the set.
    #[doc(alias = "sigismember")]
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & bit(signal) != 0
    }

    /// Returns whether all of `other` is in the set.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Returns whether any of `other` is in the set.
    #[must_use]
    pub const fn contains_any(self, other: Self) -> bool {
        other.0 & self.0 != 0
    }

    /// Returns whether the set is empty.
    #[doc(alias = "sigisemptyset")]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the number of signals in the set, including 32 and 33.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Returns an iterator over the signals, the lowest number first, without 32 and 33.
    ///
    /// Those are no [`Signal`] that safe code can have; [`bits`](Self::bits) says whether
    /// they are in the set.
    #[must_use]
    pub const fn iter(self) -> Signals {
        Signals(self.0 & !RESERVED)
    }
}

impl From<Signal> for Set {
    fn from(signal: Signal) -> Self {
        Self(bit(signal))
    }
}

impl<const N: usize> From<[Signal; N]> for Set {
    fn from(signals: [Signal; N]) -> Self {
        Self::of(signals)
    }
}

impl FromIterator<Signal> for Set {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(signals);
        set
    }
}

impl Extend<Signal> for Set {
    fn extend<I: IntoIterator<Item = Signal>>(&mut self, signals: I) {
        for signal in signals {
            self.insert(signal);
        }
    }
}

impl<S: Into<Self>> BitOr<S> for Set {
    type Output = Self;
    fn bitor(self, other: S) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl<S: Into<Self>> BitAnd<S> for Set {
    type Output = Self;
    fn bitand(self, other: S) -> Self {
        Self(self.0 & other.into().0)
    }
}

impl<S: Into<Self>> Sub<S> for Set {
    type Output = Self;
    fn sub(self, other: S) -> Self {
        Self(self.0 & !other.into().0)
    }
}

impl<S: Into<Self>> BitOrAssign<S> for Set {
    fn bitor_assign(&mut self, other: S) {
        *self = *self | other;
    }
}

impl<S: Into<Self>> BitAndAssign<S> for Set {
    fn bitand_assign(&mut self, other: S) {
        *self = *self & other;
    }
}

impl<S: Into<Self>> SubAssign<S> for Set {
    fn sub_assign(&mut self, other: S) {
        *self = *self - other;
    }
}

impl Not for Set {
    type Output = Self;
    fn not(self) -> Self {
        Self::ALL - self
    }
}

impl IntoIterator for Set {
    type Item = Signal;
    type IntoIter = Signals;
    fn into_iter(self) -> Signals {
        self.iter()
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |signal: &Reserved| self.0 & 1 << (signal.as_raw() - 1) != 0;
        let reserved = [Reserved::Signal32, Reserved::Signal33];
        f.debug_set()
            .entries(self.iter())
            .entries(reserved.into_iter().filter(has))
            .finish()
    }
}

/// An iterator over the signals of a [`Set`], the lowest number first.
///
/// # Examples
///
/// ```
/// use rawipc::Signal;
/// use rawipc::signal::Set;
///
/// let mut signals = Set::of([Signal::TERM, Signal::INT]).iter();
/// assert_eq!(signals.len(), 2);
/// assert_eq!(signals.next(), Some(Signal::INT)); // the lowest number first
/// assert_eq!(signals.next(), Some(Signal::TERM));
/// assert_eq!(signals.next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Signals(u64);

impl Iterator for Signals {
    type Item = Signal;

    fn next(&mut self) -> Option<Signal> {
        // 64 of none, which is no bit's number.
        let signal = number::from_number(self.0.trailing_zeros() as i32 + 1)?;
        self.0 &= self.0 - 1;
        Some(signal)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.0.count_ones() as usize;
        (len, Some(len))
    }
}

impl ExactSizeIterator for Signals {}
