//! Mutations of the mutex by member.

use crate::list::Mutation;

const LOCK: &str = "src/sync/lock.rs";
const GUARD: &str = "src/sync/mutex/guard.rs";

const EXCLUDES: &str = "mutex::two_holders_exclude_and_see_each_other";
const BOTH: &str = "mutex::two_sleepers_both_get_the_lock";
const EXACTLY: &str = "mutex::death_of_a_holder_is_told_exactly";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "lock: taking it free is no acquire",
        file: LOCK,
        from: "compare_exchange(0, me.number(), Acquire, Relaxed)",
        to: "compare_exchange(0, me.number(), Relaxed, Relaxed)",
        model: EXCLUDES,
        why: "the value is read as it was before the last holder",
    },
    Mutation {
        name: "lock: taking it after a wait is no acquire",
        file: LOCK,
        from: "compare_exchange(seen, new, Acquire, Relaxed)",
        to: "compare_exchange(seen, new, Relaxed, Relaxed)",
        model: EXCLUDES,
        why: "the value is read as it was before the last holder",
    },
    Mutation {
        name: "lock: giving it back is no release",
        file: LOCK,
        from: "self.0.swap(free, Release)",
        to: "self.0.swap(free, Relaxed)",
        model: EXCLUDES,
        why: "the next holder does not see what this one wrote",
    },
    Mutation {
        name: "lock: nobody is woken",
        file: LOCK,
        from: "self.0.wake_one();",
        to: "",
        model: EXCLUDES,
        why: "who sleeps does so beside a free lock",
    },
    Mutation {
        name: "lock: who has slept forgets that others may",
        file: LOCK,
        from: "slept = SLEEPERS;",
        to: "slept = 0;",
        model: BOTH,
        why: "the second sleeper is never woken",
    },
    Mutation {
        name: "lock: sleeping unannounced",
        file: LOCK,
        from: "(seen | SLEEPERS, 0)",
        to: "(seen, 0)",
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
        from: "(taken, INCONSISTENT)",
        to: "(taken, 0)",
        model: EXACTLY,
        why: "the next holder takes what is half done for whole",
    },
    Mutation {
        name: "lock: no second look",
        file: LOCK,
        from: "sleep(seen, deadline, RECHECK.subsec_nanos())",
        to: "sleep(seen, deadline, u32::MAX)",
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
        from: "self.0.swap(NOT_RECOVERABLE, Relaxed);\n        self.0.wake_all();",
        to: "self.0.swap(NOT_RECOVERABLE, Relaxed);\n        self.0.wake_one();",
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
        name: "lock: who takes over from the dead forgets the sleepers",
        file: LOCK,
        from: "let taken = seen & SLEEPERS | INCONSISTENT | mine | slept;",
        to: "let taken = INCONSISTENT | mine | slept;",
        model: "mutex::sleeper_is_woken_by_who_took_over",
        why: "who has slept since before the death is not woken as it gives the lock back",
    },
];
