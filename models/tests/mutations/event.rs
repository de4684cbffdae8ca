//! Mutations of events.

use crate::list::Mutation;

const EVENT: &str = "src/sync/event/mod.rs";
const AUTO: &str = "src/sync/event/auto.rs";
const MANUAL: &str = "src/sync/event/manual.rs";
const SEAM: &str = "src/primitive/model/word.rs";

const HANDS_OVER: &str = "event::set_hands_over_what_was_written_before_it";
const STAYS: &str = "event::set_that_stays_hands_over_what_was_written_before_it";
const CHAIN: &str = "event::sleepers_let_each_other_go";
const RESET: &str = "event::work_added_before_a_set_is_found_after_a_reset";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "event: setting is no release",
        file: EVENT,
        from: "compare_exchange(seen, seen | SET, Release, Relaxed)",
        to: "compare_exchange(seen, seen | SET, Relaxed, Relaxed)",
        model: STAYS,
        why: "the waiter does not see what was done before the set",
    },
    Mutation {
        name: "event: setting by guess is no release",
        file: AUTO,
        from: "compare_exchange(0, SET, Release, Relaxed)",
        to: "compare_exchange(0, SET, Relaxed, Relaxed)",
        model: HANDS_OVER,
        why: "the waiter does not see what was done before the set",
    },
    Mutation {
        name: "event: no fence before the kernel's change",
        file: EVENT,
        from: "fence(Release);",
        to: "",
        model: HANDS_OVER,
        why: "the kernel's change orders nothing for who has not slept",
    },
    Mutation {
        name: "event: taking is no acquire",
        file: AUTO,
        from: "compare_exchange(seen, 0, Acquire, Relaxed)",
        to: "compare_exchange(seen, 0, Relaxed, Relaxed)",
        model: HANDS_OVER,
        why: "the waiter does not see what was done before the set",
    },
    Mutation {
        name: "event: taking by guess is no acquire",
        file: AUTO,
        from: "compare_exchange(SET, 0, Acquire, Relaxed)",
        to: "compare_exchange(SET, 0, Relaxed, Relaxed)",
        model: HANDS_OVER,
        why: "the waiter does not see what was done before the set",
    },
    Mutation {
        name: "event: looking is no acquire",
        file: MANUAL,
        from: "let first = self.word.0.load(Acquire);",
        to: "let first = self.word.0.load(core::sync::atomic::Ordering::Relaxed);",
        model: STAYS,
        why: "the waiter does not see what was done before the set",
    },
    Mutation {
        name: "event: a set wakes nobody",
        file: EVENT,
        from: "if seen & (SET | SLEEPERS) == SLEEPERS {",
        to: "if false {",
        model: CHAIN,
        why: "a sleeper beside a set",
    },
    Mutation {
        name: "event: set, then wake",
        file: EVENT,
        from: "if self.0.set_bits_and_wake_all(SET as u16).is_err() {",
        to: "if true {",
        model: "event::killed_setter_leaves_no_sleeper_beside_a_set",
        why: "a setter killed between the steps strands a sleeper",
    },
    Mutation {
        name: "event: a look is enough where it is set",
        file: EVENT,
        from: "if seen & (SET | SLEEPERS) == SLEEPERS {\n                break;\n            }",
        to: "if seen & (SET | SLEEPERS) == SLEEPERS {\n                break;\n            }\n            if seen & SET != 0 {\n                return;\n            }",
        model: "event::work_added_before_a_set_is_found",
        why: "the set was taken meanwhile by one who does not see the work",
    },
    Mutation {
        name: "event: the kernel wakes one",
        file: SEAM,
        from: "added(self.0.or_and_wake(bits, ALL))",
        to: "added(self.0.or_and_wake(bits, 1))",
        model: "event::killed_sleeper_takes_no_wake_from_another",
        why: "the wake is spent on a dead one",
    },
    Mutation {
        name: "event: the second step wakes one",
        file: EVENT,
        from: "self.0.wake_all();",
        to: "self.0.wake_one();",
        model: "event::set_in_two_steps_wakes_everyone",
        why: "the other one sleeps beside a set",
    },
    Mutation {
        name: "event: no second step",
        file: EVENT,
        from: "            self.0.fetch_or(SET, Relaxed);\n",
        to: "",
        model: "event::hindered_set_is_found",
        why: "a set that never comes",
    },
    Mutation {
        name: "event: sleeping unannounced",
        file: EVENT,
        from: "let announced = seen | SLEEPERS;",
        to: "let announced = seen;",
        model: CHAIN,
        why: "the setter does not know of the sleeper",
    },
    Mutation {
        name: "event: no second look",
        file: EVENT,
        from: "announced, deadline, LONGEST",
        to: "announced, deadline, u32::MAX",
        model: "event::hindered_set_is_found",
        why: "the wake that does not come was the last",
    },
    Mutation {
        name: "event: a reset is no acquire",
        file: MANUAL,
        from: ".compare_exchange(seen, cleared, Acquire, Acquire)",
        to: ".compare_exchange(seen, cleared, core::sync::atomic::Ordering::Relaxed, core::sync::atomic::Ordering::Relaxed)",
        model: RESET,
        why: "who clears what a second one has set does not see that one's work",
    },
    Mutation {
        name: "event: setting has no end",
        file: EVENT,
        from: "for _ in 0..CHANGES_MAX {\n            if seen & (SET | SLEEPERS)",
        to: "loop {\n            if seen & (SET | SLEEPERS)",
        model: "event::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
];
