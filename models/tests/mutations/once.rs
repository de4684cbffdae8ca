//! Mutations of what is done once.

use crate::list::Mutation;

const LOCK: &str = "src/sync/lock.rs";
const ONCE: &str = "src/sync/once/mod.rs";
const CELL: &str = "src/sync/once/cell.rs";

const TOGETHER: &str = "once::two_who_come_together_have_one_value";
const LOOKS: &str = "once::value_is_seen_by_who_looks";
const ASLEEP: &str = "once::two_who_sleep_both_have_the_value";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "once: finishing is no release",
        file: LOCK,
        from: "self.state.store(NOT_RECOVERABLE, Release)",
        to: "self.state.store(NOT_RECOVERABLE, Relaxed)",
        model: LOOKS,
        why: "who looks does not see what was done",
    },
    Mutation {
        name: "once: finding it done is no acquire",
        file: LOCK,
        from: "self.state.load(Acquire) & OWNER == NOT_RECOVERABLE",
        to: "self.state.load(Relaxed) & OWNER == NOT_RECOVERABLE",
        model: LOOKS,
        why: "who looks does not see what was done",
    },
    Mutation {
        name: "once: finding it done after a wait is no acquire",
        file: ONCE,
        from: "fence(Acquire);",
        to: "",
        model: TOGETHER,
        why: "who has waited does not see what was done",
    },
    Mutation {
        name: "once: finishing wakes nobody",
        file: LOCK,
        from: "self.state.store(NOT_RECOVERABLE, Release);\n        if self.has_sleepers(me) {",
        to: "self.state.store(NOT_RECOVERABLE, Release);\n        if false {",
        model: TOGETHER,
        why: "who sleeps does so beside what is done",
    },
    Mutation {
        name: "once: finishing wakes one",
        file: LOCK,
        from: "self.state.store(NOT_RECOVERABLE, Release);\n        if self.has_sleepers(me) {\n            self.sleepers.wake_all();",
        to: "self.state.store(NOT_RECOVERABLE, Release);\n        if self.has_sleepers(me) {\n            self.sleepers.wake_one();",
        model: ASLEEP,
        why: "the other one sleeps on",
    },
    Mutation {
        name: "once: done before the value is there",
        file: CELL,
        from: "        self.value.write(&value);\n        run.finish();\n        Ok(value)",
        to: "        run.finish();\n        self.value.write(&value);\n        Ok(value)",
        model: LOOKS,
        why: "who looks reads what is being written",
    },
    Mutation {
        name: "once: what was given up stays begun",
        file: ONCE,
        from: "            self.once.lock.unlock_for_all(self.me, self.left);\n",
        to: "",
        model: "once::what_was_given_up_is_begun_by_another",
        why: "all others wait for who does it no more",
    },
    Mutation {
        name: "once: what was given up passes for done",
        file: ONCE,
        from: "            self.once.lock.unlock_for_all(self.me, self.left);\n",
        to: "            self.once.lock.seal(self.me);\n",
        model: "once::what_was_given_up_is_begun_by_another",
        why: "nobody does it",
    },
    Mutation {
        name: "once: a death passes for nothing",
        file: ONCE,
        from: "self.left == Left::Inconsistent",
        to: "self.left != Left::Inconsistent",
        model: "once::death_of_who_had_begun_is_told_to_the_next",
        why: "what is half done is taken for nothing",
    },
    Mutation {
        name: "once: a child finishes what its parent does",
        file: ONCE,
        from: "if !this.me.is_copy() {",
        to: "if true {",
        model: "once::child_changes_nothing",
        why: "what is half done passes for done",
    },
];
