//! How often each call was made, and how often it failed.

use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Summary(BTreeMap<String, Count>);

#[derive(Clone, Copy, Default)]
struct Count {
    made: u64,
    failed: u64,
}

impl Summary {
    pub(crate) fn note(&mut self, name: String, failed: bool) {
        let count = self.0.entry(name).or_default();
        count.made += 1;
        count.failed += u64::from(failed);
    }

    /// The lines of the table, the most frequent call first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(_, count)| core::cmp::Reverse(count.made));
        let mut lines = vec![row("calls", "errors", "syscall")];
        let rule = "-".repeat(9);
        lines.push(row(&rule, &rule, &"-".repeat(16)));
        let mut total = Count::default();
        for (name, count) in rows {
            lines.push(count.row(name));
            total.made += count.made;
            total.failed += count.failed;
        }
        lines.push(row(&rule, &rule, &"-".repeat(16)));
        lines.push(total.row("total"));
        lines
    }
}

impl Count {
    fn row(self, name: &str) -> String {
        let failed = match self.failed {
            0 => String::new(),
            failed => failed.to_string(),
        };
        row(&self.made.to_string(), &failed, name)
    }
}

fn row(made: &str, failed: &str, name: &str) -> String {
    format!("{made:>9} {failed:>9} {name}")
}
