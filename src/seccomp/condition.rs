//! Conditions on the arguments of a system call.
#![forbid(unsafe_code)]

/// One of the six arguments of a system call.
///
/// Its methods create conditions. All compare it as an unsigned number of 64 bits; see
/// [`Condition::low_half`].
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::seccomp::{Action, Argument, Filter, Syscall};
///
/// let mut filter = Filter::<64>::new(Action::Allow);
/// // Writing to the standard input, output and error alone.
/// let other = Argument::First.above(2).low_half();
/// filter.call_if(Syscall::WRITE, &[other], Action::Errno(Errno::BADF))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
    /// The fourth.
    Fourth,
    /// The fifth.
    Fifth,
    /// The sixth.
    Sixth,
}

/// How an argument is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Test {
    Equal,
    AtLeast,
    Above,
    /// In the bits of this mask alone.
    MaskedEqual(u64),
    /// The value is a mask, of which any bit is set.
    AnyOf,
}

/// A condition on one argument of a system call.
///
/// # Examples
///
/// ```
/// use rawipc::Errno;
/// use rawipc::seccomp::{Action, Argument, Condition, Filter, Syscall};
///
/// // Memory that can be written and executed: both bits of the third argument.
/// const WRITE_AND_EXECUTE: u64 = 2 | 4;
/// let both: Condition = Argument::Third.masked_eq(WRITE_AND_EXECUTE, WRITE_AND_EXECUTE);
/// let mut filter = Filter::<64>::new(Action::Allow);
/// filter.call_if(Syscall::MMAP, &[both], Action::Errno(Errno::ACCESS))?;
/// filter.call_if(Syscall::MPROTECT, &[both], Action::Errno(Errno::ACCESS))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    pub(super) argument: Argument,
    pub(super) test: Test,
    pub(super) value: u64,
    /// Whether it is asked that the test does not hold.
    pub(super) negated: bool,
    /// Whether the low half is looked at alone.
    pub(super) low: bool,
}

impl Argument {
    const fn asked(self, test: Test, value: u64, negated: bool) -> Condition {
        Condition {
            argument: self,
            test,
            value,
            negated,
            low: false,
        }
    }

    /// Requires that the argument equals `value`.
    #[must_use]
    pub const fn is(self, value: u64) -> Condition {
        self.asked(Test::Equal, value, false)
    }

    /// Requires that the argument does not equal `value`.
    #[must_use]
    pub const fn is_not(self, value: u64) -> Condition {
        self.asked(Test::Equal, value, true)
    }

    /// Requires that the argument is less than `value`.
    #[must_use]
    pub const fn below(self, value: u64) -> Condition {
        self.asked(Test::AtLeast, value, true)
    }

    /// Requires that the argument is `value` or less.
    #[must_use]
    pub const fn at_most(self, value: u64) -> Condition {
        self.asked(Test::Above, value, true)
    }

    /// Requires that the argument is more than `value`.
    #[must_use]
    pub const fn above(self, value: u64) -> Condition {
        self.asked(Test::Above, value, false)
    }

    /// Requires that the argument is `value` or more.
    #[must_use]
    pub const fn at_least(self, value: u64) -> Condition {
        self.asked(Test::AtLeast, value, false)
    }

    /// Requires that the argument and `value` are equal in the bits of `mask`.
    #[doc(alias = "SCMP_CMP_MASKED_EQ")]
    #[must_use]
    pub const fn masked_eq(self, mask: u64, value: u64) -> Condition {
        self.asked(Test::MaskedEqual(mask), value & mask, false)
    }

    /// Requires that the argument and `value` differ in a bit of `mask`.
    #[must_use]
    pub const fn masked_ne(self, mask: u64, value: u64) -> Condition {
        self.asked(Test::MaskedEqual(mask), value & mask, true)
    }

    /// Requires that any bit of `mask` is set in the argument.
    #[must_use]
    pub const fn has_any(self, mask: u64) -> Condition {
        self.asked(Test::AnyOf, mask, false)
    }

    /// Requires that no bit of `mask` is set in the argument.
    #[must_use]
    pub const fn has_none(self, mask: u64) -> Condition {
        self.asked(Test::AnyOf, mask, true)
    }
}

impl Condition {
    /// Compares only the low 32 bits of the argument and the value.
    ///
    /// A call that takes an `int` or an `unsigned int` ignores the high half, in which a
    /// program may leave anything: a rule that *refuses* such a call can be bypassed by setting
    /// a bit there, unless it compares only the low half. Negative numbers are large ones in
    /// both.
    ///
    /// ```
    /// use rawipc::seccomp::Argument;
    ///
    /// let is_inet = Argument::First.is(2).low_half(); // socket(AF_INET, ...)
    /// let is_minus_one = Argument::First.is(-1_i32 as u64).low_half();
    /// ```
    #[must_use]
    pub const fn low_half(mut self) -> Self {
        self.low = true;
        self
    }
}
