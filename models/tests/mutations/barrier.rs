//! Mutations of the barrier.

use crate::list::Mutation;

const BARRIER: &str = "src/sync/barrier.rs";

const TWO: &str = "barrier::two_pass_and_see_what_the_other_did";
const THREE: &str = "barrier::three_pass_and_see_what_the_others_did";
const KILLED: &str = "barrier::killed_party_strands_nobody";
const NOT_COME: &str = "barrier::death_of_who_has_not_come_is_told_to_sleepers";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "barrier: arriving is no release",
        file: BARRIER,
        from: ".swap(generation.wrapping_add(GENERATION), Release);",
        to: ".swap(generation.wrapping_add(GENERATION), Relaxed);",
        model: TWO,
        why: "the last one does not see what was done before",
    },
    Mutation {
        name: "barrier: looking at a seat is no acquire",
        file: BARRIER,
        from: "self.at.load(Acquire)",
        to: "self.at.load(Relaxed)",
        model: TWO,
        why: "the last one does not see what was done before",
    },
    Mutation {
        name: "barrier: the last two look before they are seen",
        file: BARRIER,
        from: "        fence_behind_change();\n",
        to: "",
        model: TWO,
        why: "neither sees that all have arrived",
    },
    Mutation {
        name: "barrier: letting pass is no release",
        file: BARRIER,
        from: "compare_exchange(seen, next, AcqRel, Acquire)",
        to: "compare_exchange(seen, next, Acquire, Acquire)",
        model: THREE,
        why: "who goes on does not see what a third one did",
    },
    Mutation {
        name: "barrier: passing is no acquire",
        file: BARRIER,
        from: "            seen = self.word.load(Acquire);\n            // Who was",
        to: "            seen = self.word.load(Relaxed);\n            // Who was",
        model: TWO,
        why: "who goes on does not see what the last one did",
    },
    Mutation {
        name: "barrier: the first look is enough",
        file: BARRIER,
        from: "            look = true;\n",
        to: "            look = false;\n",
        model: KILLED,
        why: "who had arrived last is dead, and lets nobody pass",
    },
    Mutation {
        name: "barrier: letting pass wakes nobody",
        file: BARRIER,
        from: "                        self.wake(seen);\n                        return Ok(true);",
        to: "                        return Ok(true);",
        model: TWO,
        why: "who sleeps does so beside what it waits for",
    },
    Mutation {
        name: "barrier: passing wakes one",
        file: BARRIER,
        from: "self.word.wake_all();",
        to: "self.word.wake_one();",
        model: THREE,
        why: "the other one sleeps on",
    },
    Mutation {
        name: "barrier: the dead are waited for",
        file: BARRIER,
        from: "            && !self.me.alive(who)\n",
        to: "            && false\n",
        model: KILLED,
        why: "it never comes",
    },
    Mutation {
        name: "barrier: the living are taken for dead",
        file: BARRIER,
        from: "            && !self.me.alive(who)\n",
        to: "            && self.me.alive(who)\n",
        model: TWO,
        why: "it is on its way",
    },
    Mutation {
        name: "barrier: who has died is not looked for once more",
        file: BARRIER,
        from: "            && !self.me.alive(who)\n            && !seat.has_arrived(goal)\n",
        to: "            && !self.me.alive(who)\n",
        model: "barrier::party_that_dies_after_arriving_is_counted",
        why: "it had arrived when it died",
    },
    Mutation {
        name: "barrier: who has left is missed",
        file: BARRIER,
        from: "            && seat.who.load(Relaxed) == who\n",
        to: "",
        model: "barrier::party_that_leaves_in_good_order_breaks_nothing",
        why: "it was seen in its seat, and then it lived no more",
    },
    Mutation {
        name: "barrier: who is slow misses that it has passed",
        file: BARRIER,
        from: "if (ahead % 2 == 1) != is_broken => Self::Passed,",
        to: "if ahead < 3 && (ahead % 2 == 1) != is_broken => Self::Passed,",
        model: "barrier::slow_party_knows_that_it_has_passed",
        why: "the next one was broken, and made whole",
    },
    Mutation {
        name: "barrier: a broken one is passed",
        file: BARRIER,
        from: "if (ahead % 2 == 1) != is_broken => Self::Passed,",
        to: "if ahead > 0 || is_broken => Self::Passed,",
        model: NOT_COME,
        why: "one of them has not come",
    },
    Mutation {
        name: "barrier: a reset lets pass who waited before",
        file: BARRIER,
        from: "let whole = (seen & !(GENERATION - 1)).wrapping_add(GENERATION);",
        to: "let whole = seen & !(GENERATION - 1);",
        model: "barrier::reset_does_not_let_pass_who_waited_before",
        why: "the generation that has broken passes for complete",
    },
    Mutation {
        name: "barrier: arriving again after giving up",
        file: BARRIER,
        from: "if matches!(passed, Ok(_) | Err(Errno::OWNERDEAD)) {",
        to: "if true {",
        model: "barrier::wait_that_ends_early_has_arrived",
        why: "the others have passed, and it waits for them to come again",
    },
    Mutation {
        name: "barrier: a child leaves in its parent's name",
        file: BARRIER,
        from: "if !self.me.is_copy() {",
        to: "if true {",
        model: "barrier::child_changes_nothing",
        why: "the parent's seat is another one's",
    },
];
