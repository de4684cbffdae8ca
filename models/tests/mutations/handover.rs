//! Mutations of the semaphore that hands over.

use crate::list::Mutation;

const HANDOVER: &str = "src/sync/handover.rs";
const SEAM: &str = "src/primitive/model/word.rs";

const NEWCOMER: &str = "handover::newcomer_sees_what_was_written_before_the_unit_it_takes";
const BOTH: &str = "handover::two_sleepers_are_both_let_go";
const TOGETHER: &str = "handover::units_posted_together_all_arrive";
const HINDERED: &str = "handover::hindered_post_posts_once_and_is_found";
const MANY: &str = "handover::many_units_posted_to_a_sleeper_all_arrive";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "hand-over: no fence before the kernel's grant",
        file: HANDOVER,
        from: "        fence(Release);\n",
        to: "        fence(Acquire);\n",
        model: NEWCOMER,
        why: "the kernel's addition orders nothing",
    },
    Mutation {
        name: "hand-over: taking what was granted is no acquire",
        file: HANDOVER,
        from: "compare_exchange(seen, seen - 1, Acquire, Relaxed)",
        to: "compare_exchange(seen, seen - 1, Relaxed, Relaxed)",
        model: NEWCOMER,
        why: "the taker does not see what was written before the post",
    },
    Mutation {
        name: "hand-over: no take-back",
        file: HANDOVER,
        from: "let back = spare.min(seen);",
        to: "let back = 0 * spare.min(seen);",
        model: BOTH,
        why: "one that began to sleep just then sleeps beside a unit",
    },
    Mutation {
        name: "hand-over: the rest by a change of the word alone",
        file: HANDOVER,
        from: "self.post_to_all(back, posted + (step - back))?;",
        to: "self.units.word.fetch_add(2 * back, Release);",
        model: BOTH,
        why: "one that began to sleep just then is not woken",
    },
    Mutation {
        name: "hand-over: taken back, and forgotten",
        file: HANDOVER,
        from: "self.post_to_all(back, posted + (step - back))?;",
        to: "self.post_to_all(0, posted + (step - back))?;",
        model: TOGETHER,
        why: "fewer units arrive than were posted",
    },
    Mutation {
        name: "hand-over: taken back as if none had been woken",
        file: HANDOVER,
        from: "let spare = count.saturating_sub(woken);",
        to: "let spare = count.saturating_sub(woken) + 1;",
        model: "handover::two_units_posted_to_one_sleeper_both_arrive",
        why: "more is taken back than it granted",
    },
    Mutation {
        name: "hand-over: one woken for several units",
        file: HANDOVER,
        from: ".grant_and_wake(&self.granted, count as u16, count);",
        to: ".grant_and_wake(&self.granted, count as u16, 1).map(|_| count);",
        model: TOGETHER,
        why: "the other one sleeps beside its unit",
    },
    Mutation {
        name: "hand-over: the rest wakes one",
        file: SEAM,
        from: "pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        added(self.0.add_and_wake(amount, ALL))",
        to: "pub(crate) fn add_and_wake_all(&self, amount: u16) -> Result<()> {
        added(self.0.add_and_wake(amount, 1))",
        model: TOGETHER,
        why: "two that began to sleep just then, and the bit that says so is gone",
    },
    Mutation {
        name: "hand-over: woken, and then granted",
        file: SEAM,
        from: "match self.0.add_elsewhere_and_wake(&granted.0, amount, count) {",
        to: "let woken = self.0.wake(count);
        granted.0.fetch_add(amount.into(), Ordering::Relaxed);
        match Ok::<usize, Unwoken>(woken) {",
        model: BOTH,
        why: "who is woken finds nothing, and sleeps again beside its unit",
    },
    Mutation {
        name: "hand-over: sleeper never looks again",
        file: HANDOVER,
        from: "let longest = RECHECK.subsec_nanos();",
        to: "let longest = u32::MAX;",
        model: "handover::wake_that_a_killed_sleeper_took_along_is_found",
        why: "the dead one's wake was the last",
    },
    Mutation {
        name: "hand-over: no other way where the one step is refused",
        file: HANDOVER,
        from: "            return count;\n",
        to: "            return 0;\n",
        model: HINDERED,
        why: "units that never come",
    },
    Mutation {
        name: "hand-over: who was woken takes what all may take",
        file: HANDOVER,
        from: "if self.takes_granted(granted) || self.units.takes() {",
        to: "if self.units.takes() || self.takes_granted(granted) {",
        model: BOTH,
        why: "its unit stays, and another begins to sleep beside it",
    },
    Mutation {
        name: "hand-over: who was woken looks at an old number",
        file: HANDOVER,
        from: "let granted = self.granted.fetch_add(0, Relaxed);",
        to: "let granted = self.granted.load(Relaxed);",
        model: "handover::unit_whose_wake_meets_the_end_of_a_sleep_is_taken",
        why: "it sleeps again beside its unit",
    },
    Mutation {
        name: "hand-over: units beyond one call forgotten",
        file: HANDOVER,
        from: "            left -= step;\n",
        to: "            left = 0;\n",
        model: MANY,
        why: "fewer units arrive than were posted",
    },
    Mutation {
        name: "hand-over: taking what was granted has no end",
        file: HANDOVER,
        from: "for _ in 0..TRIES_MAX {\n            if seen == 0 {",
        to: "loop {\n            if seen == 0 {",
        model: "handover::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "hand-over: taking back has no end",
        file: HANDOVER,
        from: "for _ in 0..TRIES_MAX {\n            // Newcomers",
        to: "loop {\n            // Newcomers",
        model: "handover::calls_end_beside_a_scribbler",
        why: "a hostile peer keeps it for ever",
    },
    Mutation {
        name: "hand-over: taking back is no acquire",
        file: HANDOVER,
        from: "compare_exchange(seen, seen - back, Acquire, Relaxed)",
        to: "compare_exchange(seen, seen - back, Relaxed, Relaxed)",
        model: "handover::who_takes_all_units_sees_what_was_written_before_each_post",
        why: "the unit was another poster's, and what that one wrote stays behind",
    },
];
