//! Mutations of the group.

use crate::list::Mutation;

const SLOT: &str = "src/sync/slot.rs";
const GROUP: &str = "src/sync/waitgroup.rs";

const SEES: &str = "waitgroup::who_waits_sees_what_was_done_in_the_group";
const BOTH: &str = "waitgroup::two_who_wait_both_go";
const DEATH: &str = "waitgroup::death_in_the_group_is_told_to_all_who_wait";
const SUCCESSOR: &str = "waitgroup::successor_in_the_place_of_the_dead_hides_no_death";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "waitgroup: leaving is no release",
        file: SLOT,
        from: "fetch_and(DEATHS, Release)",
        to: "fetch_and(DEATHS, Relaxed)",
        model: SEES,
        why: "who waits does not see what was done",
    },
    Mutation {
        name: "waitgroup: finding nobody after a sleep is no acquire",
        file: SLOT,
        from: "seen = self.state.load(Acquire);\n                } else {",
        to: "seen = self.state.load(Relaxed);\n                } else {",
        model: SEES,
        why: "who waits does not see what was done",
    },
    Mutation {
        name: "waitgroup: leaving forgets the deaths",
        file: SLOT,
        from: "fetch_and(DEATHS, Release)",
        to: "fetch_and(0, Release)",
        model: "waitgroup::each_of_two_deaths_in_one_place_is_counted",
        why: "a death that nobody is told of",
    },
    Mutation {
        name: "waitgroup: leaving wakes nobody",
        file: SLOT,
        from: "            self.state.fetch_and(DEATHS, Release);\n",
        to: "            self.state.fetch_and(DEATHS, Release);\n            return;\n",
        model: SEES,
        why: "who waits sleeps on",
    },
    Mutation {
        name: "waitgroup: leaving wakes one",
        file: SLOT,
        from: "self.waiters.wake_all();",
        to: "self.waiters.word().wake_one();",
        model: BOTH,
        why: "the other one sleeps on",
    },
    Mutation {
        name: "waitgroup: a death is not counted",
        file: SLOT,
        from: "true => deaths + DEATH,",
        to: "true => deaths,",
        model: "waitgroup::killed_waiter_strands_no_other",
        why: "the dead pass for done",
    },
    Mutation {
        name: "waitgroup: a death is counted twice",
        file: SLOT,
        from: "true if seen & MEMBER == 0 || deaths == DEATHS => deaths,",
        to: "true if deaths == DEATHS => deaths,",
        model: "waitgroup::death_is_counted_once_whoever_comes_after_it",
        why: "more are told of than have died",
    },
    Mutation {
        name: "waitgroup: who frees the slot of the dead wakes nobody",
        file: SLOT,
        from: "                        self.wake(me);\n",
        to: "",
        model: "waitgroup::who_finds_the_dead_wakes_the_others",
        why: "who has slept since before the death sleeps on",
    },
    Mutation {
        name: "waitgroup: the successor hides the death",
        file: SLOT,
        from: "Self::after_death(seen) | number",
        to: "number",
        model: SUCCESSOR,
        why: "the dead pass for done",
    },
    Mutation {
        name: "waitgroup: deaths are told once",
        file: GROUP,
        from: "match sum(slots.iter().map(Slot::deaths)) {",
        to: "match sum(slots.iter().map(Slot::forget_deaths)) {",
        model: DEATH,
        why: "the others take the dead for done",
    },
    Mutation {
        name: "waitgroup: to forget deaths throws out who is in",
        file: SLOT,
        from: "self.state.fetch_and(!DEATHS, Relaxed)",
        to: "self.state.swap(0, Relaxed)",
        model: "waitgroup::deaths_are_forgotten_beside_who_enters",
        why: "nobody waits for it",
    },
    Mutation {
        name: "waitgroup: one is enough",
        file: GROUP,
        from: "            slot.await_idle(me, deadline)?;\n",
        to: "            slot.await_idle(me, deadline)?;\n            break;\n",
        model: SEES,
        why: "the others are not waited for",
    },
    Mutation {
        name: "waitgroup: a child leaves in its parent's name",
        file: GROUP,
        from: "if !self.me.is_copy() {",
        to: "if true {",
        model: "waitgroup::child_changes_nothing",
        why: "nobody waits for the parent",
    },
];
