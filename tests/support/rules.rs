//! What seccomp rules mean, said in another way than as a program.

use rawipc::Errno;
use rawipc::seccomp::{Action, Argument, Call, Condition, Filter, Full};

use super::bpf;

/// The numbers of x32, which say of themselves to be of x86_64.
const X32: u32 = 0x4000_0000;

pub(crate) const ARGUMENTS: [Argument; 6] = [
    Argument::First,
    Argument::Second,
    Argument::Third,
    Argument::Fourth,
    Argument::Fifth,
    Argument::Sixth,
];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Comparison {
    Is,
    IsNot,
    Below,
    AtMost,
    Above,
    AtLeast,
    MaskedEqual(u64),
    Differs(u64),
    HasAny,
    HasNone,
}

/// A condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub argument: usize,
    pub comparison: Comparison,
    pub value: u64,
    pub low: bool,
}

impl Asked {
    pub(crate) fn condition(self) -> Condition {
        let argument = ARGUMENTS[self.argument];
        let value = self.value;
        let condition = match self.comparison {
            Comparison::Is => argument.is(value),
            Comparison::IsNot => argument.is_not(value),
            Comparison::Below => argument.below(value),
            Comparison::AtMost => argument.at_most(value),
            Comparison::Above => argument.above(value),
            Comparison::AtLeast => argument.at_least(value),
            Comparison::MaskedEqual(mask) => argument.masked_eq(mask, value),
            Comparison::Differs(mask) => argument.masked_ne(mask, value),
            Comparison::HasAny => argument.has_any(value),
            Comparison::HasNone => argument.has_none(value),
        };
        if self.low {
            condition.low_half()
        } else {
            condition
        }
    }

    pub(crate) fn holds(self, arguments: &[u64; 6]) -> bool {
        let looked_at = if self.low {
            u64::from(u32::MAX)
        } else {
            u64::MAX
        };
        let argument = arguments[self.argument] & looked_at;
        let value = self.value & looked_at;
        match self.comparison {
            Comparison::Is => argument == value,
            Comparison::IsNot => argument != value,
            Comparison::Below => argument < value,
            Comparison::AtMost => argument <= value,
            Comparison::Above => argument > value,
            Comparison::AtLeast => argument >= value,
            Comparison::MaskedEqual(mask) => (argument ^ value) & mask & looked_at == 0,
            Comparison::Differs(mask) => (argument ^ value) & mask & looked_at != 0,
            Comparison::HasAny => argument & value != 0,
            Comparison::HasNone => argument & value == 0,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Calls(Vec<u32>),
    If(u32, Vec<Asked>),
}

/// Rules in their order, each with an action of its own.
#[derive(Clone, Debug)]
pub(crate) struct Rules(pub Vec<Rule>);

impl Rules {
    fn action(index: usize) -> Action {
        Action::Errno(Errno::from_raw_os_error(1 + index as i32))
    }

    pub(crate) fn filter<const N: usize>(&self) -> Result<Filter<N>, Full> {
        let mut filter = Filter::new(Action::Allow).foreign(Action::Trap(77));
        for (index, rule) in self.0.iter().enumerate() {
            let before = filter.program().to_vec();
            let added = match rule {
                Rule::Calls(numbers) => filter.calls(numbers, Self::action(index)),
                Rule::If(number, asked) => {
                    let conditions: Vec<_> = asked.iter().map(|asked| asked.condition()).collect();
                    filter.call_if(*number, &conditions, Self::action(index))
                }
            };
            if added.is_err() {
                assert_eq!(
                    filter.program(),
                    before,
                    "a rule that did not fit left something"
                );
                return Err(Full);
            }
        }
        Ok(filter)
    }

    /// What they say of a call.
    pub(crate) fn decide(&self, call: &Call) -> Action {
        let x32 = cfg!(target_arch = "x86_64") && call.number >= X32 && call.number != u32::MAX;
        if call.machine != Call::NATIVE || x32 {
            return Action::Trap(77);
        }
        let fits = |rule: &Rule| match rule {
            Rule::Calls(numbers) => numbers.contains(&call.number),
            Rule::If(number, asked) => {
                *number == call.number && asked.iter().all(|asked| asked.holds(&call.arguments))
            }
        };
        match self.0.iter().position(fits) {
            Some(index) => Self::action(index),
            None => Action::Allow,
        }
    }

    /// Holds a filter of them against what they say of each call.
    pub(crate) fn compare<const N: usize>(&self, calls: &[Call]) {
        let Ok(filter) = self.filter::<N>() else {
            return;
        };
        bpf::check(filter.program()).expect("a program that the kernel takes");
        for call in calls {
            let expected = self.decide(call);
            let returned = bpf::run(filter.program(), call);
            assert_eq!(returned, Ok(expected.word()), "{call:x?} by {self:x?}");
        }
    }
}
