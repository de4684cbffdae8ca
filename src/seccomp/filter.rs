//! [`Filter`]: rules for system calls, and the program that they become.
#![forbid(unsafe_code)]

use core::fmt;

use super::condition::{Condition, Test};
use super::{Action, Instruction, Syscall};
use crate::arch::FOREIGN_CALLS;
use crate::sys::seccomp::Call;

/// The maximum number of instructions of one filter.
#[doc(alias = "BPF_MAXINSNS")]
pub const MAX_INSTRUCTIONS: usize = 4096;

/// The instructions of a filter without rules, on the machine that needs most.
const WITHOUT_RULES: usize = 8;

/// The most comparisons that can jump to one place behind them.
const CHUNK: usize = u8::MAX as usize + 1;

/// Operations: `BPF_*`.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_ABOVE: u16 = 0x25;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ANY_OF: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Where [`Call`] has its parts.
const NUMBER: u32 = core::mem::offset_of!(Call, number) as u32;
const CONVENTION: u32 = core::mem::offset_of!(Call, machine) as u32;
const ARGUMENTS: u32 = core::mem::offset_of!(Call, arguments) as u32;
const LOW: u32 = if cfg!(target_endian = "big") { 4 } else { 0 };
const HIGH: u32 = 4 - LOW;

/// Rules for system calls, with storage for `N` instructions.
///
/// The first rule that matches a call decides, else the action given to [`new`](Self::new).
/// Calls of other conventions than that of this machine's 64-bit programs (32-bit programs,
/// x32) kill the process unless [`foreign`](Self::foreign) says otherwise: their numbers mean
/// other calls.
///
/// What the rules need: [`call`](Self::call) 2 instructions,
/// [`calls`](Self::calls) 1 for each, and 1 for every 256,
/// [`call_if`](Self::call_if) 3, and 2 to 6 for each condition. Up to 8 more belong to
/// no rule.
///
/// # Examples
///
/// ```
/// use rawipc::seccomp::{Action, Argument, Filter, Syscall};
/// use rawipc::Errno;
///
/// let mut filter = Filter::<64>::new(Action::Allow);
/// filter.call(Syscall::PTRACE, Action::KillProcess)?;
/// // Sockets of other families than UNIX are refused.
/// let other_family = Argument::First.is_not(1).low_half();
/// filter.call_if(Syscall::SOCKET, &[other_family], Action::Errno(Errno::AFNOSUPPORT))?;
/// assert!(filter.program().len() <= 8 + 2 + 5);
/// # Ok::<(), rawipc::seccomp::Full>(())
/// ```
#[derive(Clone)]
pub struct Filter<const N: usize> {
    code: [Instruction; N],
    /// How many of them there are, the last of which is the default action.
    len: usize,
    default: Action,
}

/// An error of adding a rule: the storage is full, or the kernel would not accept so many
/// instructions. The filter is unchanged.
///
/// # Examples
///
/// ```
/// use rawipc::seccomp::{Action, Filter, Full, Syscall};
///
/// let mut filter = Filter::<8>::new(Action::Allow); // no room for a rule
/// assert_eq!(filter.call(Syscall::PTRACE, Action::KillProcess), Err(Full));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no place left for another rule")
    }
}

impl core::error::Error for Full {}

const fn step(code: u16, operand: u32) -> Instruction {
    jump(code, operand, 0, 0)
}

const fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    }
}

const fn end(action: Action) -> Instruction {
    step(RETURN, action.word())
}

impl<const N: usize> Filter<N> {
    /// Creates a filter without rules: `default` applies to all calls.
    ///
    /// `N` is 8 at least, or it does not compile.
    #[must_use]
    pub const fn new(default: Action) -> Self {
        const { assert!(N >= WITHOUT_RULES, "no room for a filter without rules") };
        let mut filter = Self {
            code: [step(0, 0); N],
            len: 0,
            default,
        };
        filter.begin(Action::KillProcess);
        filter
    }

    /// Sets the action for calls of other conventions than that of this machine's 64-bit
    /// programs, instead of [`Action::KillProcess`].
    ///
    /// The rules do not apply to them, as the same numbers are other calls.
    #[must_use]
    pub const fn foreign(mut self, action: Action) -> Self {
        let len = self.len;
        self.begin(action);
        self.len = len;
        self
    }

    /// Writes what comes before the rules, and without any of them. Leaves the number
    /// of the call in the accumulator.
    const fn begin(&mut self, foreign: Action) {
        self.code[0] = step(LOAD, CONVENTION);
        self.code[1] = jump(JUMP_EQUAL, Call::NATIVE, 1, 0);
        self.code[2] = end(foreign);
        self.code[3] = step(LOAD, NUMBER);
        let rules = match FOREIGN_CALLS {
            Some(from) => {
                self.code[4] = jump(JUMP_AT_LEAST, from, 0, 2);
                // A tracer that takes a call out gives it this number: no call at all.
                self.code[5] = jump(JUMP_EQUAL, u32::MAX, 1, 0);
                self.code[6] = end(foreign);
                7
            }
            None => 4,
        };
        if self.len == 0 {
            self.code[rules] = end(self.default);
            self.len = rules + 1;
        }
    }

    /// Adds a rule: `action` for this system call, by name or by number.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn call(&mut self, call: impl Into<Syscall>, action: Action) -> Result<(), Full> {
        self.calls(&[call.into()], action)
    }

    /// Adds rules: `action` for these system calls, by name or by number. [`sets`](super::sets)
    /// has some ready-made.
    ///
    /// The kernel remembers which numbers a filter allows whatever the arguments are,
    /// and does not run it for them (since Linux 5.11).
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn calls<C>(&mut self, calls: &[C], action: Action) -> Result<(), Full>
    where
        C: Copy + Into<Syscall>,
    {
        let returns = calls.len().div_ceil(CHUNK);
        let default = self.default;
        let mut code = self.room(calls.len().saturating_add(returns))?;
        for chunk in calls.chunks(CHUNK) {
            for (index, &call) in chunk.iter().enumerate() {
                let left = chunk.len() - 1 - index;
                let past = u8::from(left == 0);
                // At most 255, as a chunk has 256.
                code.put(jump(JUMP_EQUAL, call.into().number(), left as u8, past));
            }
            code.put(end(action));
        }
        self.len = code.finish(default);
        Ok(())
    }

    /// Adds a rule: `action` for this system call if all of `conditions` hold.
    /// Alternatives are further rules.
    ///
    /// A filter sees the arguments, not what they point to. The numbers of descriptors
    /// are only numbers to it, and memory may change after it was looked at; that is
    /// why it cannot look.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub fn call_if(
        &mut self,
        call: impl Into<Syscall>,
        conditions: &[Condition],
        action: Action,
    ) -> Result<(), Full> {
        let call = call.into();
        if conditions.is_empty() {
            return self.call(call, action);
        }
        let rule = Rule::new(call.number(), conditions);
        // One more loads the number again for the rules behind it.
        let default = self.default;
        let mut code = self.room(rule.len.saturating_add(1))?;
        rule.write(&mut code, action);
        code.put(step(LOAD, NUMBER));
        self.len = code.finish(default);
        Ok(())
    }

    /// Returns the rules as the kernel takes them, for [`install`](super::install()).
    #[must_use]
    pub fn program(&self) -> &[Instruction] {
        self.code.get(..self.len).unwrap_or_default()
    }

    /// Where a rule of `len` instructions is written.
    fn room(&mut self, len: usize) -> Result<Code<'_>, Full> {
        let room = N.min(MAX_INSTRUCTIONS).saturating_sub(self.len);
        if len > room {
            return Err(Full);
        }
        Ok(Code {
            slots: &mut self.code,
            // In place of the default action, which goes behind.
            at: self.len - 1,
        })
    }
}

impl<const N: usize> AsRef<[Instruction]> for Filter<N> {
    fn as_ref(&self) -> &[Instruction] {
        self.program()
    }
}

impl<const N: usize> fmt::Debug for Filter<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.program()).finish()
    }
}

/// Where instructions are written, of which there is room for enough.
struct Code<'a> {
    slots: &'a mut [Instruction],
    at: usize,
}

impl Code<'_> {
    fn put(&mut self, instruction: Instruction) {
        if let Some(slot) = self.slots.get_mut(self.at) {
            *slot = instruction;
        }
        self.at += 1;
    }

    /// How many instructions it is with the default action.
    fn finish(mut self, default: Action) -> usize {
        self.put(end(default));
        self.at
    }
}

/// A rule with conditions. The accumulator has the number of the call when it begins,
/// and anything when it ends because a condition does not hold.
struct Rule<'a> {
    number: u32,
    conditions: &'a [Condition],
    /// Whether a comparison's jump can be too short to leave the rule. Then it goes to
    /// a jump that is not, behind each condition.
    far: bool,
    /// How many instructions.
    len: usize,
}

impl<'a> Rule<'a> {
    fn new(number: u32, conditions: &'a [Condition]) -> Self {
        let len = conditions.iter().fold(2_usize, |len, condition| {
            len.saturating_add(len_of(condition))
        });
        let far = len > usize::from(u8::MAX);
        let jumps = if far { conditions.len() + 1 } else { 0 };
        Self {
            number,
            conditions,
            far,
            len: len.saturating_add(jumps),
        }
    }

    fn write(&self, code: &mut Code<'_>, action: Action) {
        // Behind the rule the number is loaded again.
        let behind = code.at + self.len;
        if self.far {
            code.put(jump(JUMP_EQUAL, self.number, 1, 0));
            code.put(far_jump(code.at, behind + 1));
        } else {
            let past = short_jump(code.at, behind + 1);
            code.put(jump(JUMP_EQUAL, self.number, 0, past));
        }
        for condition in self.conditions {
            let end = code.at + len_of(condition);
            if self.far {
                write_condition(code, condition, end + 1, end);
                code.put(far_jump(end, behind));
            } else {
                write_condition(code, condition, end, behind);
            }
        }
        code.put(end(action));
    }
}

/// What takes the instruction at `from` to `to`, which is behind it.
fn far_jump(from: usize, to: usize) -> Instruction {
    // A program is no longer than MAX_INSTRUCTIONS.
    step(JUMP, (to - from - 1) as u32)
}

/// The same for a comparison.
fn short_jump(from: usize, to: usize) -> u8 {
    let distance = to - from - 1;
    debug_assert!(distance <= usize::from(u8::MAX));
    distance as u8
}

/// How many instructions a condition is.
fn len_of(condition: &Condition) -> usize {
    let (high, low) = match condition.test {
        Test::Equal | Test::AnyOf => (2, 2),
        Test::AtLeast | Test::Above => (3, 2),
        Test::MaskedEqual(_) => (3, 3),
    };
    if condition.low { low } else { high + low }
}

/// Writes what goes to `pass` or `fail`.
fn write_condition(code: &mut Code<'_>, condition: &Condition, pass: usize, fail: usize) {
    let (yes, no) = if condition.negated {
        (fail, pass)
    } else {
        (pass, fail)
    };
    let argument = ARGUMENTS + 8 * condition.argument as u32;
    let [high, low] = halves(condition.value);
    let mask = match condition.test {
        Test::MaskedEqual(mask) => Some(halves(mask)),
        _ => None,
    };
    if !condition.low {
        code.put(step(LOAD, argument + HIGH));
        match condition.test {
            Test::Equal | Test::MaskedEqual(_) => {
                if let Some([mask, _]) = mask {
                    code.put(step(AND, mask));
                }
                code.put(jump(JUMP_EQUAL, high, 0, short_jump(code.at, no)));
            }
            Test::AtLeast | Test::Above => {
                code.put(jump(JUMP_ABOVE, high, short_jump(code.at, yes), 0));
                code.put(jump(JUMP_EQUAL, high, 0, short_jump(code.at, no)));
            }
            Test::AnyOf => code.put(jump(JUMP_ANY_OF, high, short_jump(code.at, yes), 0)),
        }
    }
    code.put(step(LOAD, argument + LOW));
    if let Some([_, mask]) = mask {
        code.put(step(AND, mask));
    }
    let comparison = match condition.test {
        Test::Equal | Test::MaskedEqual(_) => JUMP_EQUAL,
        Test::AtLeast => JUMP_AT_LEAST,
        Test::Above => JUMP_ABOVE,
        Test::AnyOf => JUMP_ANY_OF,
    };
    let (yes, no) = (short_jump(code.at, yes), short_jump(code.at, no));
    code.put(jump(comparison, low, yes, no));
}

/// High and low.
const fn halves(value: u64) -> [u32; 2] {
    [(value >> 32) as u32, value as u32]
}
