//! Mutations of the mutex by member.

use crate::list::Mutation;

const LOCK: &str = "src/sync/lock.rs";
const SLEEPERS: &str = "src/sync/sleepers.rs";
const ORDER: &str = "src/primitive/order.rs";
const GUARD: &str = "src/sync/mutex/guard.rs";

const EXCLUDES: &str = "mutex::two_holders_exclude_and_see_each_other";
const BOTH: &str = "mutex::two_sleepers_both_get_the_lock";
const EXACTLY: &str = "mutex::death_of_a_holder_is_told_exactly";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "lock: taking it free is no acquire",
        file: LOCK,
        from: "compare_exchange(0, mine, Acquire, Relaxed)",
        to: "compare_exchange(0, mine, Relaxed, Relaxed)",
        model: EXCLUDES,
        why: "the value is read as it was before the last holder",
    },
    Mutation {
        name: "lock: taking it after a wait is no acquire",
        file: LOCK,
        from: "compare_exchange(seen, taken, Acquire, Relaxed)",
        to: "compare_exchange(seen, taken, Relaxed, Relaxed)",
        model: EXCLUDES,
        why: "the value is read as it was before the last holder",
    },
    Mutation {
        name: "lock: giving it back is no release",
        file: LOCK,
        from: "self.state.store(free, Release)",
        to: "self.state.store(free, Relaxed)",
        model: EXCLUDES,
        why: "the next holder does not see what this one wrote",
    },
    Mutation {
        name: "lock: nobody is woken",
        file: LOCK,
        from: "self.sleepers.wake_one();",
        to: "",
        model: EXCLUDES,
        why: "who sleeps does so beside a free lock",
    },
    Mutation {
        name: "lock: a wake clears the bit",
        file: SLEEPERS,
        from: "self.0.fetch_add(WAKE, Relaxed).wrapping_add(WAKE)",
        to: "self.0.fetch_add(SLEEPING, Relaxed).wrapping_add(SLEEPING)",
        model: BOTH,
        why: "the second sleeper is never woken",
    },
    Mutation {
        name: "lock: sleeping unannounced",
        file: LOCK,
        from: "let announced = self.sleepers.announce();\n        barrier::heavy();\n        // Relaxed",
        to: "let announced = 0;\n        barrier::heavy();\n        // Relaxed",
        model: EXCLUDES,
        why: "who gives it back does not know of the sleeper",
    },
    Mutation {
        name: "lock: the dead are waited for",
        file: LOCK,
        from: "} else if !me.alive(owner) {",
        to: "} else if false {",
        model: EXACTLY,
        why: "nobody gives back what the dead one holds",
    },
    Mutation {
        name: "lock: the living are taken for dead",
        file: LOCK,
        from: "} else if !me.alive(owner) {",
        to: "} else if me.alive(owner) {",
        model: EXCLUDES,
        why: "who lives is robbed",
    },
    Mutation {
        name: "lock: the death is not told",
        file: LOCK,
        from: "                INCONSISTENT\n            } else if let",
        to: "                0\n            } else if let",
        model: EXACTLY,
        why: "the next holder takes what is half done for whole",
    },
    Mutation {
        name: "lock: no second look",
        file: LOCK,
        from: "let longest = RECHECK.subsec_nanos();",
        to: "let longest = u32::MAX;",
        model: "mutex::killed_waiter_strands_nobody",
        why: "a wake that a dead one took along is the last",
    },
    Mutation {
        name: "lock: given back as if nothing had happened",
        file: LOCK,
        from: "Left::Inconsistent => INCONSISTENT,",
        to: "Left::Inconsistent => 0,",
        model: "mutex::inconsistency_stays_until_it_is_repaired",
        why: "the second one is not told",
    },
    Mutation {
        name: "lock: one of those who wait hears that it is lost",
        file: LOCK,
        from: "self.state.store(NOT_RECOVERABLE, Release);\n        if self.has_sleepers(me) {\n            self.sleepers.wake_all();",
        to: "self.state.store(NOT_RECOVERABLE, Release);\n        if self.has_sleepers(me) {\n            self.sleepers.wake_one();",
        model: "mutex::lost_lock_is_refused_to_all_who_wait",
        why: "the other one sleeps on",
    },
    Mutation {
        name: "lock: a child gives back what its parent holds",
        file: GUARD,
        from: "        if !self.is_copy() {
            self.parts.me.unlock",
        to: "        if true {
            self.parts.me.unlock",
        model: "mutex::child_changes_nothing",
        why: "two hold the lock",
    },
    Mutation {
        name: "lock: a child locks in its parent's name",
        file: LOCK,
        from: "if me.is_copy() {",
        to: "if false {",
        model: "mutex::child_changes_nothing",
        why: "it is not alive, and the parent is",
    },
    Mutation {
        name: "lock: who gives it back looks for sleepers before",
        file: LOCK,
        from: "        self.state.store(free, Release);\n        self.has_sleepers(me)",
        to: "        let has = self.has_sleepers(me);\n        self.state.store(free, Release);\n        has",
        model: EXCLUDES,
        why: "who announces itself between sleeps beside a free lock",
    },
    Mutation {
        name: "lock: who gives it back keeps no order",
        file: LOCK,
        from: "me.store_load().keep();",
        to: "",
        model: EXCLUDES,
        why: "it looks for sleepers before others see that the lock is free",
    },
    Mutation {
        name: "lock: who goes to sleep passes no barrier",
        file: LOCK,
        from: "barrier::heavy();\n        // Relaxed",
        to: "// Relaxed",
        model: EXCLUDES,
        why: "who gives it back does not see the sleeper, nor the sleeper that it is free",
    },
    Mutation {
        name: "lock: who goes to sleep does not look again",
        file: LOCK,
        from: "if self.state.load(Relaxed) != seen {",
        to: "if false {",
        model: EXCLUDES,
        why: "it sleeps beside a lock that was given back before it had announced itself",
    },
    Mutation {
        name: "lock: a process without barriers passes no fence",
        file: ORDER,
        from: "fence(SeqCst);",
        to: "",
        model: "mutex::holder_without_barriers_wakes_who_sleeps",
        why: "it looks for sleepers before others see that the lock is free",
    },
    Mutation {
        name: "lock: a process without barriers relies on them",
        file: ORDER,
        from: "if self.registered {",
        to: "if self.registered || true {",
        model: "mutex::holder_without_barriers_sees_who_sleeps_with_them",
        why: "the barriers of who sleeps do not mean it",
    },
    Mutation {
        name: "lock: a sleeper without barriers does not look again",
        file: LOCK,
        from: "let longest = RECHECK.subsec_nanos();",
        to: "let longest = u32::MAX;",
        model: "mutex::sleeper_without_barriers_looks_again",
        why: "its holder passes no fence, and missed it",
    },
];
