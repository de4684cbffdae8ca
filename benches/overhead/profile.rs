//! What callgrind writes, as far as it matters here.

use std::collections::HashMap;

/// The calls of each function, and what was spent in them.
pub(crate) struct Profile(HashMap<String, Spent>);

#[derive(Clone, Copy, Default)]
struct Spent {
    calls: u64,
    instructions: u64,
}

impl Profile {
    /// Reads the file of a run with `--compress-strings=no`: after a `cfn=` line with
    /// the name of a function that is called come a `calls=` line with the number of
    /// calls, and a line that ends with the instructions spent in them.
    pub(crate) fn read(text: &str) -> Self {
        let mut functions: HashMap<String, Spent> = HashMap::new();
        let mut lines = text.lines();
        let mut name = "";
        while let Some(line) = lines.next() {
            if let Some(called) = line.strip_prefix("cfn=") {
                name = called;
            } else if let Some(calls) = line.strip_prefix("calls=") {
                let calls = calls.split(' ').next().and_then(|word| word.parse().ok());
                let cost = lines.next().and_then(|line| line.rsplit(' ').next());
                let instructions = cost.and_then(|word| word.parse().ok());
                let spent = functions.entry(name.to_owned()).or_default();
                spent.calls += calls.unwrap_or(0);
                spent.instructions += instructions.unwrap_or(0);
            }
        }
        Self(functions)
    }

    /// How many instructions a call of a function takes.
    pub(crate) fn per_call(&self, function: &str) -> f64 {
        let spent = self.0.get(function).copied().unwrap_or_default();
        assert_eq!(
            spent.calls,
            super::CALLS,
            "callgrind counted other calls of {function}"
        );
        spent.instructions as f64 / spent.calls as f64
    }
}
