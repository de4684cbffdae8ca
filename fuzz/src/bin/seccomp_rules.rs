//! Any rules: the program that they become does to any call what they say.
#![no_main]

#[path = "../../../tests/support/bpf.rs"]
mod bpf;
#[path = "../../../tests/support/rules.rs"]
mod rules;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rawipc::seccomp::Call;

use rules::{ARGUMENTS, Asked, Comparison, Rule, Rules};

/// A number that no call of the fuzzer's has.
const NOBODYS: u32 = 1_000_000;

#[derive(Arbitrary, Debug)]
struct AnyAsked {
    argument: u8,
    comparison: u8,
    mask: u64,
    value: u64,
    low: bool,
}

#[derive(Arbitrary, Debug)]
enum AnyRule {
    /// A list with other numbers around one.
    Calls { before: u16, number: u8, after: u16 },
    /// Conditions, the first of them so often.
    If {
        number: u8,
        asked: Vec<AnyAsked>,
        times: u8,
    },
}

#[derive(Arbitrary, Debug)]
enum AnyValue {
    Any(u64),
    /// What a condition compares with, or so far from it, with one bit changed.
    Near {
        which: u16,
        more: i8,
        bit: u8,
    },
}

#[derive(Arbitrary, Debug)]
struct AnyCall {
    number: u8,
    machine: Option<u32>,
    instruction: u64,
    arguments: [AnyValue; ARGUMENTS.len()],
}

fn number(number: u8) -> u32 {
    match number {
        250 => 0x3fff_ffff,
        251 => 0x4000_0000,
        252 => 0x7fff_ffff,
        253 => 0x8000_0000,
        254 => u32::MAX - 1,
        255 => u32::MAX,
        number => u32::from(number % 8),
    }
}

impl AnyAsked {
    fn asked(&self) -> Asked {
        Asked {
            argument: usize::from(self.argument) % ARGUMENTS.len(),
            comparison: match self.comparison % 10 {
                0 => Comparison::Is,
                1 => Comparison::IsNot,
                2 => Comparison::Below,
                3 => Comparison::AtMost,
                4 => Comparison::Above,
                5 => Comparison::AtLeast,
                6 => Comparison::MaskedEqual(self.mask),
                7 => Comparison::Differs(self.mask),
                8 => Comparison::HasAny,
                _ => Comparison::HasNone,
            },
            value: self.value,
            low: self.low,
        }
    }
}

impl AnyRule {
    fn rule(&self) -> Rule {
        match self {
            Self::Calls {
                before,
                number: of,
                after,
            } => {
                let mut numbers = vec![NOBODYS; usize::from(before % 1024)];
                numbers.push(number(*of));
                numbers.extend(vec![NOBODYS; usize::from(after % 1024)]);
                Rule::Calls(numbers)
            }
            Self::If {
                number: of,
                asked,
                times,
            } => {
                let mut conditions: Vec<Asked> = asked.iter().map(AnyAsked::asked).collect();
                if let Some(&first) = conditions.first() {
                    conditions.extend(vec![first; usize::from(*times)]);
                }
                Rule::If(number(*of), conditions)
            }
        }
    }
}

fuzz_target!(|input: (Vec<AnyRule>, Vec<AnyCall>)| {
    let (rules, calls) = input;
    let values: Vec<u64> = rules
        .iter()
        .filter_map(|rule| match rule {
            AnyRule::If { asked, .. } => Some(asked.iter().map(|asked| asked.value)),
            AnyRule::Calls { .. } => None,
        })
        .flatten()
        .collect();
    let value = |value: AnyValue| match value {
        AnyValue::Any(value) => value,
        AnyValue::Near { which, more, bit } => {
            let near = values.get(usize::from(which) % values.len().max(1));
            let moved = near.copied().unwrap_or(0).wrapping_add(more as u64);
            // From 64 on no bit.
            moved ^ 1_u64.checked_shl(u32::from(bit)).unwrap_or(0)
        }
    };
    let calls: Vec<Call> = calls
        .into_iter()
        .map(|call| Call {
            number: number(call.number),
            machine: call.machine.unwrap_or(Call::NATIVE),
            instruction: call.instruction,
            arguments: call.arguments.map(value),
        })
        .collect();
    let rules = Rules(rules.iter().map(AnyRule::rule).collect());
    rules.compare::<64>(&calls);
    rules.compare::<4096>(&calls);
});
