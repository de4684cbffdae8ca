//! Mutations of waiting for the first of several.

use crate::list::Mutation;

const ANY: &str = "src/sync/any.rs";

const REFUSED: &str = "any::refused_call_is_done_without";

const SEEN: &str = "any::what_was_done_before_one_lets_go_is_seen";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "any: sleeping on the first alone",
        file: ANY,
        from: "for (waitable, &begun) in all.iter().zip(begun) {",
        to: "for (waitable, &begun) in all.iter().zip(begun).take(1) {",
        model: SEEN,
        why: "who would be let go by the second sleeps on",
    },
    Mutation {
        name: "any: the last is not announced",
        file: ANY,
        from: "let sealed::Sleep { word, expected } = waitable.announce(begun);",
        to: "let first = all.first().map(|first| first.announce(begun));
            let sealed::Sleep { word, expected } = first.ok_or(Errno::INVAL)?;",
        model: SEEN,
        why: "nobody knows that somebody sleeps there",
    },
    Mutation {
        name: "any: tries are not repeated",
        file: ANY,
        from: "if let Some(index) = first(all, begun) {",
        to: "if let Some(index) = first(all.get(..1).unwrap_or_default(), begun) {",
        model: SEEN,
        why: "who is woken by the second sleeps again",
    },
    Mutation {
        name: "any: looks again never",
        file: ANY,
        from: "words.sleep(deadline, RECHECK.subsec_nanos())",
        to: "words.sleep(deadline, u32::MAX)",
        model: "any::hindered_wake_is_found",
        why: "a wake that is refused is never found",
    },
    Mutation {
        name: "any: a refused call ends the wait",
        file: ANY,
        from: "                    nap = Some(NAP_MIN);
                    Ok(())",
        to: "                    nap = Some(NAP_MIN);
                    Err(Errno::NOSYS)",
        model: REFUSED,
        why: "who can look by itself is told an error",
    },
    Mutation {
        name: "any: a refused call is made for ever",
        file: ANY,
        from: "nap = Some(NAP_MIN);",
        to: "nap = None;",
        model: REFUSED,
        why: "it does not sleep, and keeps the processor busy",
    },
    Mutation {
        name: "any: a nap has no end",
        file: ANY,
        from: "word.sleep(expected, deadline, length.subsec_nanos())",
        to: "word.sleep(expected, deadline, u32::MAX)",
        model: REFUSED,
        why: "who sleeps on the first alone is not woken by the second",
    },
    Mutation {
        name: "any: the kernel wakes one",
        file: "src/primitive/model/word.rs",
        from: "added(self.0.set_and_wake(0, ALL))",
        to: "added(self.0.set_and_wake(0, 1))",
        model: "any::both_who_wait_for_a_latch_go",
        why: "the other one sleeps beside an open latch",
    },
    Mutation {
        name: "any: who waits for a run to end passes no barrier",
        file: "src/sync/lock.rs",
        from: "barrier::heavy();\n        // What",
        to: "// What",
        model: "any::run_that_ends_lets_go",
        why: "neither sees the other",
    },
];
