//! Mutations of the latch.

use crate::list::Mutation;

const LATCH: &str = "src/sync/latch.rs";
const SEAM: &str = "src/primitive/model/word.rs";

const DONE: &str = "latch::all_that_was_done_before_the_counts_is_seen";
const OPENER: &str = "latch::who_opens_it_beside_a_sleeper_sees_what_was_done";
const BOTH: &str = "latch::two_sleepers_both_go";
const HINDERED: &str = "latch::hindered_opening_is_found";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "latch: counting down is no release",
        file: LATCH,
        from: "seen - ONE, AcqRel, Relaxed",
        to: "seen - ONE, Acquire, Relaxed",
        model: DONE,
        why: "the waiter does not see what was done before the count",
    },
    Mutation {
        name: "latch: opening is no acquire",
        file: LATCH,
        from: "seen - ONE, AcqRel, Relaxed",
        to: "seen - ONE, core::sync::atomic::Ordering::Release, Relaxed",
        model: DONE,
        why: "who opens it does not see what others did",
    },
    Mutation {
        name: "latch: no fence before the kernel's change",
        file: LATCH,
        from: "        fence(AcqRel);\n",
        to: "",
        model: DONE,
        why: "the kernel's change orders nothing",
    },
    Mutation {
        name: "latch: the fence before the kernel's change is no acquire",
        file: LATCH,
        from: "fence(AcqRel);",
        to: "fence(core::sync::atomic::Ordering::Release);",
        model: OPENER,
        why: "who opens it does not see what others did",
    },
    Mutation {
        name: "latch: finding it open is no acquire",
        file: LATCH,
        from: "self.word.load(Acquire) / ONE == 0",
        to: "self.word.load(Relaxed) / ONE == 0",
        model: DONE,
        why: "the waiter does not see what was done before the count",
    },
    Mutation {
        name: "latch: opening wakes nobody",
        file: LATCH,
        from: "if seen == ONE | SLEEPERS {",
        to: "if false {",
        model: BOTH,
        why: "sleepers beside an open latch",
    },
    Mutation {
        name: "latch: opened, then woken",
        file: LATCH,
        from: "if self.word.clear_and_wake_all().is_ok() {",
        to: "if false {",
        model: "latch::killed_counter_strands_nobody",
        why: "one killed between the steps strands a sleeper",
    },
    Mutation {
        name: "latch: the kernel wakes one",
        file: SEAM,
        from: "added(self.0.set_and_wake(0, ALL))",
        to: "added(self.0.set_and_wake(0, 1))",
        model: BOTH,
        why: "the other one sleeps beside an open latch",
    },
    Mutation {
        name: "latch: the second step wakes one",
        file: LATCH,
        from: "if opened {\n            self.word.wake_all();",
        to: "if opened {\n            self.word.wake_one();",
        model: "latch::opening_in_two_steps_wakes_everyone",
        why: "the other one sleeps beside an open latch",
    },
    Mutation {
        name: "latch: sleeping unannounced",
        file: LATCH,
        from: "let announced = seen | SLEEPERS;",
        to: "let announced = seen;",
        model: BOTH,
        why: "who opens it does not know of the sleeper",
    },
    Mutation {
        name: "latch: no second look",
        file: LATCH,
        from: "sleep(announced, deadline, LONGEST)",
        to: "sleep(announced, deadline, u32::MAX)",
        model: HINDERED,
        why: "the wake that does not come was the last",
    },
    Mutation {
        name: "latch: counted down by two",
        file: LATCH,
        from: "(self.word).compare_exchange(seen, seen - ONE, AcqRel",
        to: "(self.word).compare_exchange(seen, (seen - ONE) & ONE - 1, AcqRel",
        model: DONE,
        why: "it opens before the last one is there",
    },
    Mutation {
        name: "latch: adding has no end",
        file: LATCH,
        from: "for _ in 0..TRIES_MAX {\n            if count > Self::MAX",
        to: "loop {\n            if count > Self::MAX",
        model: "latch::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "latch: counting down has no end",
        file: LATCH,
        from: "for _ in 0..TRIES_MAX {\n            if seen / ONE == 0 {",
        to: "loop {\n            if seen / ONE == 0 {",
        model: "latch::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "latch: who gives up trying has not counted",
        file: LATCH,
        from: "        self.count_down_unseen()\n",
        to: "        false\n",
        model: "latch::calls_end_beside_a_scribbler",
        why: "it stays closed",
    },
];
